"""What a validation of signatures says, in plain words: why it did not pass, in English and Vietnamese."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from archive_service.errors import Message
from archive_service.model.signatures import (
    Changes,
    CheckedSignature,
    Coverage,
    SignatureVerdict,
    StructureFault,
    SubIndication,
)

_UNREADABLE = Message(
    "This signature could not be read, so nothing can be said of it.",
    "Không đọc được chữ ký này nên không thể kết luận gì về nó.",
)
_PASSED = Message(
    "The signature is valid, and nothing was changed after signing that it does not permit.",
    "Chữ ký hợp lệ; sau khi ký không có thay đổi nào ngoài phạm vi cho phép.",
)
_CHANGED = Message(
    "The document was changed after signing in a way that the signature does not permit.",
    "Tài liệu đã bị thay đổi sau khi ký theo cách mà chữ ký không cho phép.",
)
_FILLED = Message(
    "Fields were filled in after the last signature: nobody signed what they say now.",
    "Sau chữ ký cuối cùng đã có trường được điền: không ai ký nội dung hiện tại của chúng.",
)
_NOT_COMPARED = Message(
    "What was added after signing could not be compared with the signed document.",
    "Không so sánh được phần thêm vào sau khi ký với tài liệu đã ký.",
)
_BOTTOM_LINE = Message(
    "One of the two validations does not pass, so the signature is not taken for valid.",
    "Một trong hai phép kiểm tra không đạt nên chữ ký không được coi là hợp lệ.",
)

COVERAGE: Mapping[Coverage, Message] = {
    Coverage.PART: Message(
        "The signature covers only part of the document that it stands in.",
        "Chữ ký chỉ bao phủ một phần của tài liệu chứa nó.",
    ),
    Coverage.UNCLEAR: Message(
        "It is unclear which bytes the signature covers.", "Không rõ chữ ký bao phủ những dữ liệu nào."
    ),
}

FAULTS: Mapping[StructureFault, Message] = {
    StructureFault.BYTE_RANGE_MALFORMED: Message(
        "The signature does not say which bytes it covers in the form that the standard asks for.",
        "Chữ ký không ghi phạm vi dữ liệu được ký theo đúng dạng tiêu chuẩn.",
    ),
    StructureFault.CONTENTS_MALFORMED: Message(
        "The place of the signature's value holds no signature.", "Vị trí của giá trị chữ ký không chứa chữ ký nào."
    ),
    StructureFault.GAP_IS_NOT_CONTENTS: Message(
        "The bytes that the signature leaves out are not exactly its own value: something else may be hidden there.",
        "Phần dữ liệu mà chữ ký bỏ qua không đúng là giá trị của chính nó: có thể có nội dung khác ẩn ở đó.",
    ),
    StructureFault.PADDING_CHANGED: Message(
        "The filling behind the signature's value is not empty: something was written there after signing.",
        "Phần đệm sau giá trị chữ ký không trống: đã có dữ liệu ghi vào đó sau khi ký.",
    ),
    StructureFault.RANGE_ENDS_ELSEWHERE: Message(
        "The signed bytes do not end where a version of the document ends.",
        "Phần dữ liệu được ký không kết thúc ở chỗ kết thúc một phiên bản của tài liệu.",
    ),
    StructureFault.RANGES_OVERLAP: Message(
        "Two signatures cover overlapping bytes; no honest way of signing leads to that.",
        "Hai chữ ký bao phủ các phần dữ liệu chồng lên nhau; ký đúng cách không thể dẫn đến điều này.",
    ),
    StructureFault.BYTES_AFTER_END: Message(
        "There are bytes behind the end of the signed document that belong to no version of it.",
        "Sau phần kết thúc của tài liệu đã ký có dữ liệu không thuộc phiên bản nào của nó.",
    ),
    StructureFault.PAGES_CHANGED: Message(
        "What the pages show is not what was signed.", "Nội dung các trang không phải là nội dung đã ký."
    ),
    StructureFault.ANNOTATIONS_CHANGED: Message(
        "Notes or marks were put on the pages, or taken away, after signing.",
        "Sau khi ký đã có chú thích hoặc dấu được thêm vào hay gỡ khỏi các trang.",
    ),
    StructureFault.NOT_IN_FORM: Message(
        "The file holds a signature that the document no longer lists: it was taken out after signing.",
        "Tệp chứa một chữ ký mà tài liệu không còn liệt kê: chữ ký đã bị gỡ ra sau khi ký.",
    ),
    StructureFault.HYBRID_REFERENCES: Message(
        "The file shows different content to different readers, so what was signed cannot be told.",
        "Tệp có thể hiển thị nội dung khác nhau tuỳ phần mềm đọc, nên không xác định được nội dung đã ký.",
    ),
    StructureFault.STRUCTURE_UNREADABLE: Message(
        "The bytes around the signature could not be checked.", "Không kiểm tra được dữ liệu xung quanh chữ ký."
    ),
}

SUB_INDICATIONS: Mapping[SubIndication, Message] = {
    SubIndication.FORMAT_FAILURE: Message(
        "The signature does not have the form that its standard asks for.",
        "Chữ ký không đúng định dạng mà tiêu chuẩn quy định.",
    ),
    SubIndication.HASH_FAILURE: Message(
        "The signed bytes were changed: their digest is not the one that was signed.",
        "Dữ liệu đã ký bị thay đổi: giá trị băm không khớp với giá trị đã ký.",
    ),
    SubIndication.SIG_CRYPTO_FAILURE: Message(
        "The signature's value was not made by the key of the certificate it names.",
        "Giá trị chữ ký không do khoá của chứng thư số được nêu tạo ra.",
    ),
    SubIndication.REVOKED: Message(
        "The signer's certificate was revoked when the signature was made.",
        "Chứng thư số của người ký đã bị thu hồi tại thời điểm ký.",
    ),
    SubIndication.EXPIRED: Message(
        "The signer's certificate had expired when the signature was made.",
        "Chứng thư số của người ký đã hết hạn tại thời điểm ký.",
    ),
    SubIndication.NOT_YET_VALID: Message(
        "The signature is older than the certificate it was made with.",
        "Chữ ký được tạo trước khi chứng thư số có hiệu lực.",
    ),
    SubIndication.SIG_CONSTRAINTS_FAILURE: Message(
        "The signature does not meet a condition that was set for it.", "Chữ ký không đáp ứng điều kiện đã đặt ra."
    ),
    SubIndication.CHAIN_CONSTRAINTS_FAILURE: Message(
        "The signer's certificate, or one above it, may not be used for this purpose.",
        "Chứng thư số của người ký hoặc chứng thư cấp trên không được phép dùng cho mục đích này.",
    ),
    SubIndication.CERTIFICATE_CHAIN_GENERAL_FAILURE: Message(
        "The path from the signer's certificate to a trusted one could not be checked, most often because it cannot be "
        "told whether a certificate was revoked. The operator can put the authority's CRL into ARCHIVE_CRL_DIR.",
        "Không kiểm tra được đường dẫn từ chứng thư số của người ký đến chứng thư tin cậy, thường vì không biết chứng "
        "thư có bị thu hồi hay không. Quản trị viên có thể đặt CRL của tổ chức cấp vào ARCHIVE_CRL_DIR.",
    ),
    SubIndication.CRYPTO_CONSTRAINTS_FAILURE: Message(
        "The signature was made with a method that is no longer secure.",
        "Chữ ký dùng thuật toán không còn an toàn.",
    ),
    SubIndication.POLICY_PROCESSING_ERROR: Message(
        "The policy that the signature names could not be read.", "Không đọc được chính sách mà chữ ký nêu."
    ),
    SubIndication.SIGNATURE_POLICY_NOT_AVAILABLE: Message(
        "The policy that the signature names is not at hand.", "Không có sẵn chính sách mà chữ ký nêu."
    ),
    SubIndication.TIMESTAMP_ORDER_FAILURE: Message(
        "The times of the signature's time-stamps contradict each other.",
        "Thời gian của các dấu thời gian trong chữ ký mâu thuẫn nhau.",
    ),
    SubIndication.NO_SIGNING_CERTIFICATE_FOUND: Message(
        "The certificate of the signer is not in the file.", "Trong tệp không có chứng thư số của người ký."
    ),
    SubIndication.NO_CERTIFICATE_CHAIN_FOUND: Message(
        "No authority that this archive trusts vouches for the signer. If one should, the operator adds its "
        "certificate to ARCHIVE_AGENCY_TRUST_DIR, or ARCHIVE_TSA_TRUST_DIR for time-stamps.",
        "Không có tổ chức nào mà kho lưu trữ tin cậy xác nhận người ký. Nếu cần, quản trị viên thêm chứng thư số của "
        "tổ chức đó vào ARCHIVE_AGENCY_TRUST_DIR, hoặc ARCHIVE_TSA_TRUST_DIR đối với dấu thời gian.",
    ),
    SubIndication.REVOKED_NO_POE: Message(
        "The signer's certificate is revoked by now, and nothing proves that the signature is older.",
        "Chứng thư số của người ký nay đã bị thu hồi và không có bằng chứng chữ ký có trước đó.",
    ),
    SubIndication.REVOKED_CA_NO_POE: Message(
        "The certificate of the signer's authority is revoked by now, and nothing proves that the signature is older.",
        "Chứng thư của tổ chức cấp nay đã bị thu hồi và không có bằng chứng chữ ký có trước đó.",
    ),
    SubIndication.OUT_OF_BOUNDS_NO_POE: Message(
        "The signer's certificate is not valid at this time, and nothing proves that the signature was made while it "
        "was.",
        "Chứng thư số của người ký hiện không có hiệu lực và không có bằng chứng chữ ký được tạo khi còn hiệu lực.",
    ),
    SubIndication.OUT_OF_BOUNDS_NOT_REVOKED: Message(
        "The signer's certificate is not valid at this time, though it was not revoked, and nothing proves when the "
        "signature was made.",
        "Chứng thư số của người ký hiện không có hiệu lực, tuy không bị thu hồi, và không có bằng chứng về thời điểm "
        "ký.",
    ),
    SubIndication.REVOCATION_OUT_OF_BOUNDS_NO_POE: Message(
        "The revocation data were made when their own certificate was not valid.",
        "Dữ liệu thu hồi được tạo khi chứng thư của chính nó không có hiệu lực.",
    ),
    SubIndication.CRYPTO_CONSTRAINTS_FAILURE_NO_POE: Message(
        "The signature was made with a method that is no longer secure, and nothing proves that it is older.",
        "Chữ ký dùng thuật toán không còn an toàn và không có bằng chứng nó được tạo trước đó.",
    ),
    SubIndication.NO_POE: Message(
        "Nothing proves when the signature was made.", "Không có bằng chứng về thời điểm tạo chữ ký."
    ),
    SubIndication.TRY_LATER: Message(
        "There are no recent revocation data for the signer's certificate. The operator can put the authority's CRL "
        "into ARCHIVE_CRL_DIR.",
        "Không có dữ liệu thu hồi mới cho chứng thư số của người ký. Quản trị viên có thể đặt CRL của tổ chức cấp vào "
        "ARCHIVE_CRL_DIR.",
    ),
    SubIndication.SIGNED_DATA_NOT_FOUND: Message(
        "What was signed could not be found in the file.", "Không tìm thấy nội dung đã ký trong tệp."
    ),
    SubIndication.GENERIC: Message(
        "The signature could not be validated, for a reason that has no name of its own.",
        "Không kiểm tra được chữ ký vì lý do không thuộc loại nào đã định danh.",
    ),
}


def reasons(signature: CheckedSignature) -> tuple[tuple[str, Message], ...]:
    """Return why the signature is judged as it is, the gravest reason first, each a code and a sentence."""
    found = tuple(_reasons(signature))
    if signature.verdict is SignatureVerdict.VALID:
        return (("passed", _PASSED),)
    # Neither validation gives a reason, yet they do not agree that it passed.
    return found or (("not-both", _BOTTOM_LINE),)


def _reasons(signature: CheckedSignature) -> Iterator[tuple[str, Message]]:
    for fault in signature.faults:
        yield str(fault), FAULTS[fault]
    if not signature.readable:
        yield "unreadable", _UNREADABLE
        return
    if signature.coverage in COVERAGE:
        yield f"coverage-{signature.coverage}", COVERAGE[signature.coverage]
    if signature.changes is Changes.NOT_PERMITTED:
        yield "changes-not-permitted", _CHANGED
    if signature.changes is Changes.FILLED_UNSIGNED:
        yield "filled-unsigned", _FILLED
    if signature.changes is Changes.NOT_COMPARED:
        yield "changes-not-compared", _NOT_COMPARED
    if signature.ades is not None:
        yield str(signature.ades), SUB_INDICATIONS[signature.ades]
