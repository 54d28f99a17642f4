"""What checks find in a document, and what each finding leads to unless the operator says otherwise.

A finding says what was seen; only the policy (model/policy.py) says what follows.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from archive_service.errors import Message, Reason
from archive_service.model.identifiers import RecordId


class Outcome(StrEnum):
    """What happens to a deposit; the most severe outcome of all findings decides."""

    ACCEPT = "accept"
    QUARANTINE = "quarantine"
    REFUSE = "refuse"


SEVERITY = {Outcome.ACCEPT: 0, Outcome.QUARANTINE: 1, Outcome.REFUSE: 2}


class FindingCode(StrEnum):
    """Everything a check can find. The words for each stand in ``SENTENCES``."""

    EMPTY = "empty"
    NOT_A_PDF = "not-a-pdf"
    DAMAGED = "damaged"
    TRUNCATED = "truncated"
    NO_PAGES = "no-pages"
    TOO_MANY_PAGES = "too-many-pages"
    ENCRYPTED = "encrypted"
    INFLATES_TOO_FAR = "inflates-too-far"
    UNREADABLE = "unreadable"
    CHECK_TOOK_TOO_LONG = "check-took-too-long"
    CHECK_FAILED = "check-failed"
    JUNK_BEFORE_HEADER = "junk-before-header"
    BYTES_AFTER_END = "bytes-after-end"
    REPAIRED = "repaired"
    JAVASCRIPT = "javascript"
    LAUNCH_ACTION = "launch-action"
    EMBEDDED_FILES = "embedded-files"
    XFA_FORM = "xfa-form"
    EXTERNAL_STREAM = "external-stream"
    RICH_MEDIA = "rich-media"
    REMOTE_ACTION = "remote-action"
    ODD_PAGE_SIZE = "odd-page-size"
    LOW_RESOLUTION = "low-resolution"
    SIGNATURE_ALTERED = "signature-altered"
    SIGNATURE_INVALID = "signature-invalid"
    SIGNATURE_UNREADABLE = "signature-unreadable"
    SIGNATURE_UNDECIDED = "signature-undecided"
    SIGNATURE_UNTRUSTED = "signature-untrusted"
    SIGNATURE_MISSING = "signature-missing"
    SUBJECT_CONFLICT = "subject-conflict"
    SUBJECT_NAME_DIFFERS = "subject-name-differs"
    NO_TEXT = "no-text"
    LOW_CONFIDENCE = "low-confidence"
    TEXT_FAILED = "text-failed"
    IDENTIFIER_DISAGREES = "identifier-disagrees"
    DOCUMENT_NUMBER_DISAGREES = "document-number-disagrees"
    ISSUE_DATE_DISAGREES = "issue-date-disagrees"
    NOT_SEALED = "not-sealed"


_QUARANTINED = Outcome.QUARANTINE
DEFAULT_OUTCOMES: Mapping[FindingCode, Outcome] = {
    # It cannot be a result: nothing to keep.
    FindingCode.EMPTY: Outcome.REFUSE,
    FindingCode.NOT_A_PDF: Outcome.REFUSE,
    FindingCode.TRUNCATED: Outcome.REFUSE,
    FindingCode.DAMAGED: Outcome.REFUSE,
    FindingCode.NO_PAGES: Outcome.REFUSE,
    FindingCode.TOO_MANY_PAGES: Outcome.REFUSE,
    FindingCode.ENCRYPTED: Outcome.REFUSE,
    FindingCode.INFLATES_TOO_FAR: Outcome.REFUSE,
    # Could not tell: never fine and never refused unseen.
    FindingCode.UNREADABLE: _QUARANTINED,
    FindingCode.CHECK_TOOK_TOO_LONG: _QUARANTINED,
    FindingCode.CHECK_FAILED: _QUARANTINED,
    # It acts, or carries something that acts: a person decides.
    FindingCode.JAVASCRIPT: _QUARANTINED,
    FindingCode.LAUNCH_ACTION: _QUARANTINED,
    FindingCode.EMBEDDED_FILES: _QUARANTINED,
    FindingCode.XFA_FORM: _QUARANTINED,
    FindingCode.EXTERNAL_STREAM: _QUARANTINED,
    FindingCode.RICH_MEDIA: _QUARANTINED,
    FindingCode.REMOTE_ACTION: _QUARANTINED,
    # It bears witness against itself, or must be signed and is not: kept as evidence, not served.
    FindingCode.SIGNATURE_ALTERED: _QUARANTINED,
    FindingCode.SIGNATURE_INVALID: _QUARANTINED,
    FindingCode.SIGNATURE_UNREADABLE: _QUARANTINED,
    FindingCode.SIGNATURE_UNDECIDED: _QUARANTINED,
    FindingCode.SIGNATURE_MISSING: _QUARANTINED,
    # Unchanged, by a signer whom nobody configured here vouches for: said, never called valid.
    FindingCode.SIGNATURE_UNTRUSTED: Outcome.ACCEPT,
    # Worth a person's look; the result is kept and served.
    FindingCode.JUNK_BEFORE_HEADER: Outcome.ACCEPT,
    FindingCode.BYTES_AFTER_END: Outcome.ACCEPT,
    FindingCode.REPAIRED: Outcome.ACCEPT,
    FindingCode.ODD_PAGE_SIZE: Outcome.ACCEPT,
    FindingCode.LOW_RESOLUTION: Outcome.ACCEPT,
    FindingCode.SUBJECT_CONFLICT: Outcome.ACCEPT,
    FindingCode.SUBJECT_NAME_DIFFERS: Outcome.ACCEPT,
    FindingCode.NO_TEXT: Outcome.ACCEPT,
    FindingCode.LOW_CONFIDENCE: Outcome.ACCEPT,
    FindingCode.TEXT_FAILED: Outcome.ACCEPT,
    FindingCode.IDENTIFIER_DISAGREES: Outcome.ACCEPT,
    FindingCode.DOCUMENT_NUMBER_DISAGREES: Outcome.ACCEPT,
    FindingCode.ISSUE_DATE_DISAGREES: Outcome.ACCEPT,
    FindingCode.NOT_SEALED: Outcome.ACCEPT,
}


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was seen. ``detail`` holds counts, pages and technical names, never personal data."""

    code: FindingCode
    detail: Mapping[str, str | int] = field(default_factory=dict)

    @property
    def message(self) -> Message:
        """The sentence for a person, in both languages."""
        return SENTENCES[self.code]

    @property
    def reason(self) -> Reason:
        """The finding as an error carries it."""
        return Reason(str(self.code), self.message, dict(self.detail))


@dataclass(frozen=True, slots=True)
class RecordedFinding:
    """A finding about a record, waiting for a person or resolved by one."""

    id: int
    record_id: RecordId
    finding: Finding
    outcome: Outcome
    found_at: dt.datetime
    resolved_at: dt.datetime | None = None
    resolved_by: str | None = None
    resolution: str | None = None


SENTENCES: Mapping[FindingCode, Message] = {
    FindingCode.EMPTY: Message(
        "The file is empty. Check the scanner or export and send the document again.",
        "Tệp rỗng. Hãy kiểm tra máy quét hoặc bước kết xuất rồi gửi lại tài liệu.",
    ),
    FindingCode.NOT_A_PDF: Message(
        "The file is not a PDF. Save the document as PDF and send that.",
        "Tệp không phải là PDF. Hãy lưu tài liệu ở định dạng PDF rồi gửi lại.",
    ),
    FindingCode.DAMAGED: Message(
        "The PDF is damaged and cannot be opened. Produce the file again at its source.",
        "Tệp PDF bị hỏng, không mở được. Hãy tạo lại tệp từ nguồn.",
    ),
    FindingCode.TRUNCATED: Message(
        "The PDF is cut off: its end is missing. Send the whole file again.",
        "Tệp PDF bị cắt cụt, thiếu phần cuối. Hãy gửi lại toàn bộ tệp.",
    ),
    FindingCode.NO_PAGES: Message("The PDF has no pages.", "Tệp PDF không có trang nào."),
    FindingCode.TOO_MANY_PAGES: Message(
        "The PDF has more pages than the archive takes in one result. Deposit it in parts.",
        "Tệp PDF có số trang vượt giới hạn cho một kết quả. Hãy nộp thành nhiều phần.",
    ),
    FindingCode.ENCRYPTED: Message(
        "The PDF is encrypted. Remove the password and send it again.",
        "Tệp PDF bị mã hoá. Hãy gỡ mật khẩu rồi gửi lại.",
    ),
    FindingCode.INFLATES_TOO_FAR: Message(
        "The PDF unpacks to far more data than a document needs and is not taken.",
        "Tệp PDF khi giải nén lớn bất thường nên không được tiếp nhận.",
    ),
    FindingCode.UNREADABLE: Message(
        "Part of the PDF could not be read; a person must look at it.",
        "Không đọc được một phần của tệp PDF; cần người kiểm tra.",
    ),
    FindingCode.CHECK_TOOK_TOO_LONG: Message(
        "The check ran out of time or memory, so it could not be told whether the PDF is sound.",
        "Việc kiểm tra vượt quá thời gian hoặc bộ nhớ cho phép nên chưa xác định được tệp PDF có hợp lệ hay không.",
    ),
    FindingCode.CHECK_FAILED: Message(
        "The check itself failed, so it could not be told whether the PDF is sound.",
        "Bản thân bước kiểm tra gặp lỗi nên chưa xác định được tệp PDF có hợp lệ hay không.",
    ),
    FindingCode.JUNK_BEFORE_HEADER: Message(
        "There are bytes before the PDF header.", "Có dữ liệu thừa trước phần đầu tệp PDF."
    ),
    FindingCode.BYTES_AFTER_END: Message(
        "There are bytes after the end of the PDF.", "Có dữ liệu thừa sau phần kết thúc của tệp PDF."
    ),
    FindingCode.REPAIRED: Message(
        "The PDF's structure is faulty and was read only with repairs; the stored bytes are as received.",
        "Cấu trúc tệp PDF có lỗi, chỉ đọc được sau khi sửa tạm; dữ liệu lưu trữ vẫn nguyên như khi nhận.",
    ),
    FindingCode.JAVASCRIPT: Message("The PDF contains JavaScript.", "Tệp PDF chứa mã JavaScript."),
    FindingCode.LAUNCH_ACTION: Message(
        "The PDF can start another program.", "Tệp PDF có lệnh khởi chạy chương trình khác."
    ),
    FindingCode.EMBEDDED_FILES: Message(
        "The PDF carries other files inside it.", "Tệp PDF có đính kèm tệp khác bên trong."
    ),
    FindingCode.XFA_FORM: Message(
        "The PDF is an XFA form whose look can change.",
        "Tệp PDF là biểu mẫu XFA, nội dung hiển thị có thể thay đổi.",
    ),
    FindingCode.EXTERNAL_STREAM: Message(
        "Part of the PDF's content lies in another file.", "Một phần nội dung PDF nằm ở tệp bên ngoài."
    ),
    FindingCode.RICH_MEDIA: Message(
        "The PDF contains video, sound or 3D content.", "Tệp PDF chứa nội dung video, âm thanh hoặc 3D."
    ),
    FindingCode.REMOTE_ACTION: Message(
        "The PDF sends or fetches data when it is opened or used.",
        "Tệp PDF gửi hoặc tải dữ liệu khi được mở hoặc sử dụng.",
    ),
    FindingCode.ODD_PAGE_SIZE: Message("A page has an unusual size.", "Có trang với kích thước bất thường."),
    FindingCode.LOW_RESOLUTION: Message(
        "A scanned page has less than 200 dots per inch.", "Có trang quét với độ phân giải dưới 200 dpi."
    ),
    FindingCode.SIGNATURE_ALTERED: Message(
        "The document was changed after it was signed. Get the unchanged document from its issuer and deposit that.",
        "Tài liệu đã bị thay đổi sau khi ký số. Hãy lấy bản nguyên vẹn từ cơ quan ban hành rồi nộp lại.",
    ),
    FindingCode.SIGNATURE_INVALID: Message(
        "A signature of the document is not valid. The signatures' report says why; have the issuer sign it again.",
        "Có chữ ký số trên tài liệu không hợp lệ. Báo cáo chữ ký nêu rõ lý do; hãy đề nghị cơ quan ban hành ký lại.",
    ),
    FindingCode.SIGNATURE_UNREADABLE: Message(
        "A signature of the document could not be read, so it could not be told whether the document is as signed.",
        "Không đọc được chữ ký số trên tài liệu nên chưa xác định được tài liệu có đúng như khi ký hay không.",
    ),
    FindingCode.SIGNATURE_UNDECIDED: Message(
        "It could not be told whether a signature of the document is valid. The signatures' report says what is "
        "missing.",
        "Chưa xác định được chữ ký số trên tài liệu có hợp lệ hay không. Báo cáo chữ ký nêu rõ còn thiếu gì.",
    ),
    FindingCode.SIGNATURE_UNTRUSTED: Message(
        "The document is signed and unchanged, by a signer whom no authority trusted by this archive vouches for.",
        "Tài liệu có chữ ký số và chưa bị thay đổi, nhưng người ký chưa được tổ chức nào mà kho lưu trữ tin cậy xác "
        "nhận.",
    ),
    FindingCode.SIGNATURE_MISSING: Message(
        "A result of this kind must carry the agency's signature and carries none. Sign it and deposit it again.",
        "Kết quả loại này phải có chữ ký số của cơ quan nhưng chưa có. Hãy ký số rồi nộp lại.",
    ),
    FindingCode.SUBJECT_CONFLICT: Message(
        "The identifiers given belong to different subjects; check who the result is for.",
        "Các mã số đã khai thuộc về những chủ thể khác nhau; hãy kiểm tra kết quả này của ai.",
    ),
    FindingCode.SUBJECT_NAME_DIFFERS: Message(
        "The name given differs from the name the archive has for this number.",
        "Họ tên đã khai khác với họ tên đang lưu cho mã số này.",
    ),
    FindingCode.NO_TEXT: Message(
        "No words were found in the document: it can be found by its metadata only.",
        "Không nhận được chữ nào trong tài liệu: chỉ tìm được theo siêu dữ liệu.",
    ),
    FindingCode.LOW_CONFIDENCE: Message(
        "The words of a page were recognised with low confidence.",
        "Có trang được nhận dạng chữ với độ tin cậy thấp.",
    ),
    FindingCode.TEXT_FAILED: Message(
        "The words of the document could not be read; the result is stored and will be tried again on request.",
        "Không đọc được chữ trong tài liệu; kết quả vẫn được lưu và có thể yêu cầu đọc lại.",
    ),
    FindingCode.IDENTIFIER_DISAGREES: Message(
        "The document shows another number than the metadata gives for the subject.",
        "Mã số trên văn bản khác với mã số của chủ thể trong siêu dữ liệu.",
    ),
    FindingCode.DOCUMENT_NUMBER_DISAGREES: Message(
        "The document shows another document number than the metadata gives.",
        "Số, ký hiệu trên văn bản khác với siêu dữ liệu.",
    ),
    FindingCode.ISSUE_DATE_DISAGREES: Message(
        "The document shows another date of issue than the metadata gives.",
        "Ngày ban hành trên văn bản khác với siêu dữ liệu.",
    ),
    FindingCode.NOT_SEALED: Message(
        "No sealed PDF/A copy could be made of the document; the result is stored as received. The detail says why.",
        "Không tạo được bản PDF/A có chữ ký số của cơ quan; kết quả vẫn được lưu như khi nhận. "
        "Lý do ghi trong phần chi tiết.",
    ),
}
