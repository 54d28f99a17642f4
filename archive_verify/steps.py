"""The ten steps, and what each verdict means in a plain sentence.

Each step looks at one claim, alone: the original is held against the manifest even where the manifest turns out to be
forged, and so on. No step believes another.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from archive_verify.log_steps import checkpoint_is_signed, entries_are_in_the_log
from archive_verify.package import Package
from archive_verify.record_steps import (
    history_is_consistent,
    manifest_is_the_one_committed,
    metadata_is_the_one_committed,
    original_is_the_one_deposited,
    package_is_whole,
)
from archive_verify.signature_step import signatures_hold
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


def check(package: Package, trust: Trust) -> list[tuple[Step, Findings]]:
    """Return every step with what it found, in order. Nothing is raised, whatever the package holds."""
    results = []
    for step in STEPS:
        findings = Findings()
        with findings.part():
            step.run(package, trust, findings)
        results.append((step, findings))
    return results
