"""The ten steps, and what each verdict means in a plain sentence.

Each step looks at one claim, alone: the original is held against the manifest even where the manifest turns out to be
forged, and so on. No step believes another. A disposal's package is judged in the same ten: where a record has its
original, metadata and life, a disposal has its certificate, list and decision.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from archive_verify.contents import is_disposal
from archive_verify.disposal_steps import (
    certificate_is_the_one_certified,
    disposal_went_by_the_rules,
    records_are_those_committed,
)
from archive_verify.log_steps import checkpoint_is_signed, entries_are_in_the_log
from archive_verify.package import Package
from archive_verify.record_steps import (
    history_is_consistent,
    manifest_is_the_one_committed,
    metadata_is_the_one_committed,
    original_is_the_one_deposited,
    package_is_whole,
)
from archive_verify.signature_step import paper_is_sealed, signatures_hold
from archive_verify.time_steps import time_is_stamped, time_is_trusted
from archive_verify.trust import Trust
from archive_verify.verdicts import Findings, Verdict


@dataclass(frozen=True, slots=True)
class Text:
    """A sentence in English and in Vietnamese."""

    en: str
    vi: str

    def get(self, language: str) -> str:
        """Return it in that language, "en" or "vi"."""
        return self.vi if language == "vi" else self.en


@dataclass(frozen=True, slots=True)
class Step:
    """One step: its title in reports, what it does, and what its verdicts mean."""

    title: Text
    run: Callable[[Package, Trust, Findings], None]
    passed: Text
    failed: Text
    unknown: Text

    @property
    def name(self) -> str:
        """How programs and documents call it."""
        return self.title.en

    def sentence(self, verdict: Verdict) -> Text:
        """Return what the verdict means for this step."""
        return {Verdict.PASS: self.passed, Verdict.FAIL: self.failed, Verdict.UNKNOWN: self.unknown}[verdict]


STEPS = (
    Step(
        Text("package", "gói"),
        package_is_whole,
        Text("Every byte of the package is accounted for.", "Mọi byte của gói đều có căn cứ kiểm tra."),
        Text("The package was damaged or changed.", "Gói đã bị hỏng hoặc bị thay đổi."),
        Text("The package could not be judged.", "Không kết luận được về gói."),
    ),
    Step(
        Text("original", "bản gốc"),
        original_is_the_one_deposited,
        Text("The document is, byte for byte, the one deposited.", "Tài liệu giống từng byte với bản đã nộp lưu."),
        Text("The document is not the one deposited.", "Tài liệu không phải bản đã nộp lưu."),
        Text("A document could not be compared.", "Có tài liệu không đối chiếu được."),
    ),
    Step(
        Text("manifest", "bản kê"),
        manifest_is_the_one_committed,
        Text(
            "What is said of each event is what its entry commits to.",
            "Nội dung mỗi sự kiện đúng với cam kết trong mục.",
        ),
        Text("What is said of an event was changed.", "Nội dung của một sự kiện đã bị thay đổi."),
        Text("What is said of an event could not be compared.", "Có nội dung sự kiện không đối chiếu được."),
    ),
    Step(
        Text("metadata", "siêu dữ liệu"),
        metadata_is_the_one_committed,
        Text("Every version of the metadata is as committed to.", "Mọi phiên bản siêu dữ liệu đúng với cam kết."),
        Text("Metadata were changed, left out or added.", "Siêu dữ liệu đã bị sửa, bỏ bớt hoặc thêm vào."),
        Text("Metadata could not be compared.", "Có siêu dữ liệu không đối chiếu được."),
    ),
    Step(
        Text("inclusion", "mục nhật ký"),
        entries_are_in_the_log,
        Text("The log holds every entry at its place.", "Nhật ký chứa mọi mục ở đúng vị trí."),
        Text("The log does not hold an entry as it is shown here.", "Nhật ký không chứa một mục như trong gói."),
        Text(
            "Whether the log holds the entries could not be told.",
            "Không xác định được nhật ký có chứa các mục hay không.",
        ),
    ),
    Step(
        Text("checkpoint", "điểm kiểm soát"),
        checkpoint_is_signed,
        Text(
            "A log key and witnesses that you trust vouch for the log.",
            "Khoá nhật ký và người chứng kiến mà bạn tin cậy đã ký nhật ký.",
        ),
        Text("The log is not signed by those you trust.", "Nhật ký không được ký bởi bên mà bạn tin cậy."),
        Text("Who vouches for the log could not be told.", "Không xác định được ai bảo đảm cho nhật ký."),
    ),
    Step(
        Text("history", "lịch sử"),
        history_is_consistent,
        Text("The record's life is told without contradiction.", "Lịch sử của tài liệu không có mâu thuẫn."),
        Text("The record's life, as told, contradicts itself.", "Lịch sử của tài liệu có mâu thuẫn."),
        Text("The record's life could not be judged.", "Không kết luận được về lịch sử của tài liệu."),
    ),
    Step(
        Text("time-stamps", "dấu thời gian"),
        time_is_stamped,
        Text(
            "Time-stamps prove since when the document existed.",
            "Dấu thời gian chứng minh tài liệu tồn tại từ khi nào.",
        ),
        Text(
            "A time-stamp is not about this document, or is not valid.",
            "Dấu thời gian không thuộc tài liệu này hoặc không hợp lệ.",
        ),
        Text("Since when the document existed is not proven.", "Chưa chứng minh được tài liệu tồn tại từ khi nào."),
    ),
    Step(
        Text("trust", "tin cậy"),
        time_is_trusted,
        Text("Authorities that you trust made the time-stamps.", "Dấu thời gian do tổ chức mà bạn tin cậy cấp."),
        Text(
            "A time-stamp's authority is not one that you trust.",
            "Tổ chức cấp dấu thời gian không thuộc bên bạn tin cậy.",
        ),
        Text(
            "Whether the time-stamps can be trusted could not be told.",
            "Không xác định được dấu thời gian có đáng tin cậy hay không.",
        ),
    ),
    Step(
        Text("signatures", "chữ ký"),
        signatures_hold,
        Text(
            "The signatures in the documents, if any, are valid and trusted.",
            "Các chữ ký trong tài liệu, nếu có, hợp lệ và đáng tin cậy.",
        ),
        Text("A signature is not valid or not trusted.", "Có chữ ký không hợp lệ hoặc không đáng tin cậy."),
        Text("Signatures could not be fully judged.", "Không kết luận được đầy đủ về các chữ ký."),
    ),
)


_OF_A_DISPOSAL = (
    Step(
        Text("original", "bản gốc"),
        certificate_is_the_one_certified,
        Text(
            "Certificate and paper are, byte for byte, those certified.",
            "Giấy chứng nhận và bản in giống từng byte với bản đã chứng nhận.",
        ),
        Text("The certificate or its paper is not the one certified.", "Giấy chứng nhận hoặc bản in đã bị thay đổi."),
        Text("The certificate could not be compared.", "Không đối chiếu được giấy chứng nhận."),
    ),
    Step(
        Text("metadata", "siêu dữ liệu"),
        records_are_those_committed,
        Text(
            "Certificate, decision and log say the same of every record.",
            "Giấy chứng nhận, quyết định và nhật ký nói như nhau về từng tài liệu.",
        ),
        Text(
            "Of a record the certificate does not say what the log says.",
            "Có tài liệu mà giấy chứng nhận nói khác với nhật ký.",
        ),
        Text("The list of records could not be compared.", "Không đối chiếu được danh mục tài liệu."),
    ),
    Step(
        Text("history", "lịch sử"),
        disposal_went_by_the_rules,
        Text(
            "It was proposed, agreed to, approved and carried out by the rules.",
            "Việc đề nghị, biểu quyết, phê duyệt và thực hiện đúng quy định.",
        ),
        Text(
            "It was not decided or carried out by the rules.",
            "Việc quyết định hoặc thực hiện không đúng quy định.",
        ),
        Text("Whether it went by the rules could not be told.", "Không xác định được có đúng quy định hay không."),
    ),
    Step(
        Text("signatures", "chữ ký"),
        paper_is_sealed,
        Text("The paper carries a seal that is valid and trusted.", "Bản in có chữ ký số hợp lệ và đáng tin cậy."),
        Text(
            "The paper's seal is not valid or not trusted.", "Chữ ký số trên bản in không hợp lệ hoặc không đáng tin."
        ),
        Text("The paper's seal could not be fully judged.", "Không kết luận được đầy đủ về chữ ký số trên bản in."),
    ),
)

DISPOSAL_STEPS = tuple(next((one for one in _OF_A_DISPOSAL if one.name == step.name), step) for step in STEPS)


def check(package: Package, trust: Trust) -> list[tuple[Step, Findings]]:
    """Return every step with what it found, in order. Nothing is raised, whatever the package holds."""
    results = []
    for step in DISPOSAL_STEPS if is_disposal(package) else STEPS:
        findings = Findings()
        with findings.part():
            step.run(package, trust, findings)
        results.append((step, findings))
    return results
