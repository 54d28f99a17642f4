"""The report of an audit as a paper to be printed and sealed: for people who sign and file it."""

from __future__ import annotations

import datetime as dt

from archive_service.model.audits import AuditOutcome, AuditRun
from archive_service.model.paper import Paper, PaperTable
from retention.calendar import PLACE
from retention.reasons import shown_day

# A paper of thousands of rows is read by nobody: the rest stands in the report itself.
_LISTED = 100

MEANINGS = {
    AuditOutcome.INTACT: ("as recorded", "đúng như đã ghi nhận"),
    AuditOutcome.MISSING: ("the register knows it, the store does not have it", "sổ đăng ký có, kho không có"),
    AuditOutcome.MISMATCH: ("other bytes than those recorded", "nội dung khác với giá trị đã ghi"),
    AuditOutcome.LOST: ("answered for, and not in the register", "đã xác nhận nhưng không có trong sổ đăng ký"),
    AuditOutcome.REPAIRED: ("was damaged; put back from the second store", "bị hỏng, đã khôi phục từ kho thứ hai"),
    AuditOutcome.DRIFT: ("locked for a shorter time, or otherwise, than recorded", "khoá khác với giá trị đã ghi"),
    AuditOutcome.UNREADABLE: ("could not be told: ask again", "chưa xác định được, cần kiểm tra lại"),
    AuditOutcome.UNFINISHED: (
        "left by a deposit that was never answered, or being disposed of; harmless",
        "lần nộp dở dang hoặc đang được huỷ, vô hại",
    ),
    AuditOutcome.REMOVED: ("was unfinished, and is gone now", "phần dở dang đã được dọn"),
    AuditOutcome.UNKNOWN: ("in the store; the register has never heard of it", "có trong kho, sổ đăng ký không biết"),
    AuditOutcome.UNEXPECTED: ("more than this service wrote", "nhiều hơn những gì dịch vụ đã ghi"),
    AuditOutcome.DISPOSED_PRESENT: ("disposed of, and still there", "đã huỷ nhưng vẫn còn"),
    AuditOutcome.NOT_INDEXED: ("cannot be found, though it should", "không tìm được dù phải tìm được"),
    AuditOutcome.INDEXED_GONE: ("can be found, though it should not", "tìm được dù không được phép"),
    AuditOutcome.PAYLOAD_MISSING: ("what the log commits to is gone", "mất nội dung mà nhật ký cam kết"),
    AuditOutcome.LOG_BROKEN: ("the log is not as it was signed", "nhật ký khác với bản đã ký"),
}


def audit_paper(run: AuditRun, report_sha256: str, at: dt.datetime) -> Paper:
    """Return the paper of a run that has ended, as made ``at`` an instant.

    It names the digest of the report that it is a copy of.
    """
    counts = tuple(
        (str(outcome), f"{run.counts[outcome]:,}", " · ".join(reversed(MEANINGS[outcome])))
        for outcome in AuditOutcome
        if outcome in run.counts
    )
    tables = [PaperTable("Kết quả · Results", ("Kết quả", "Số lượng", "Ý nghĩa · Meaning"), (0.22, 0.14, 0.64), counts)]
    if run.listed:
        findings = tuple(
            (str(one.outcome), one.key or one.record_id or "log", one.explanation) for one in run.listed[:_LISTED]
        )
        found = sum(count for outcome, count in run.counts.items() if outcome is not AuditOutcome.INTACT)
        headings = ("Kết quả", "Đối tượng", "Giải thích · Explanation")
        caption = f"Phát hiện · Findings ({len(findings):,} / {found:,})"
        tables.append(PaperTable(caption, headings, (0.16, 0.42, 0.42), findings))
    return Paper(
        title="Báo cáo kiểm tra toàn vẹn",
        subtitle="Integrity audit report",
        number=run.id,
        at=at,
        facts=(
            ("Kết luận · Verdict", _verdict(run)),
            ("Phạm vi · Scope", _scope(run)),
            ("Thời gian · Time", f"{_shown(run.started_at)} – {_shown(run.ended_at or run.started_at)}"),
            ("Đọc nội dung · Bytes read", "có · yes" if run.verify else "không, chỉ so kích thước · no, sizes only"),
            ("Nhật ký · Log", f"{run.log_size or 0:,} mục · entries; {run.log_root}"),
            ("Báo cáo gốc · Report", f"SHA-256 {report_sha256}"),
        ),
        tables=tuple(tables),
        closing=(
            "Báo cáo gốc (JSON) được lưu trong kho; giá trị băm của nó là một mục của nhật ký. "
            "The report itself (JSON) lies in the store, and its digest is an entry of the log.",
        ),
    )


def _verdict(run: AuditRun) -> str:
    if run.alarm:
        return "CÓ BÁO ĐỘNG · ALARM"
    if run.undecided:
        return "chưa xác định được hết · something could not be told"
    return "không có báo động · no alarm"


def _shown(at: dt.datetime) -> str:
    return at.astimezone(PLACE).strftime("%d/%m/%Y %H:%M")


def _scope(run: AuditRun) -> str:
    scope = run.scope
    if scope.is_whole:
        return "toàn bộ · everything"
    said = []
    if scope.offices is not None:
        said.append(f"cơ quan · offices: {', '.join(sorted(scope.offices))}")
    if scope.received_from is not None or scope.received_to is not None:
        first = shown_day(scope.received_from) if scope.received_from else "…"
        last = shown_day(scope.received_to) if scope.received_to else "…"
        said.append(f"tiếp nhận · received: {first} – {last}")
    if scope.share < 1.0:
        said.append(f"mẫu · sample: {scope.share:.2%}, seed {scope.seed}")
    return "; ".join(said)
