"""The certificate of a disposal as a paper to be printed and sealed: for people who sign and file it. Not a step."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence

from archive_service.lifecycle.disposal.certificate import Outline
from archive_service.model.disposals import Disposal, DisposalItem, ItemState
from archive_service.model.paper import Paper, PaperTable
from retention.calendar import PLACE
from retention.disposal import Vote
from retention.reasons import shown_day
from retention.schedule import Action

# A paper of thousands of rows is read by nobody: the rest stands in the certificate itself.
LISTED = 100

_ACTIONS = {
    Action.DESTROY: "tiêu huỷ · destruction",
    Action.TRANSFER: "giao nộp · transfer",
    Action.REVIEW: "xem xét · review",
}
_TITLES = {
    Action.DESTROY: ("Giấy chứng nhận tiêu huỷ tài liệu", "Certificate of destruction"),
    Action.TRANSFER: ("Giấy chứng nhận giao nộp tài liệu", "Certificate of transfer"),
    Action.REVIEW: ("Giấy chứng nhận", "Certificate"),
}
_VOTES = {Vote.AGREE: "đồng ý · agreed", Vote.REFUSE: "không đồng ý · refused"}


def certificate_paper(
    outline: Outline, certificate_sha256: str, listed: Mapping[ItemState, Sequence[DisposalItem]]
) -> Paper:
    """Return the paper; it names the digest of the certificate that it is a copy of.

    ``listed`` are the first records of each outcome, at most ``LISTED`` of each.
    """
    disposal, counts = outline.disposal, outline.counts
    title, subtitle = _TITLES[disposal.action]
    tables = (
        PaperTable(
            "Kết quả · Outcome",
            ("Đề nghị · Proposed", "Đưa ra · Excepted", "Giữ lại · Kept", "Đã huỷ · Disposed of"),
            (0.25, 0.25, 0.25, 0.25),
            (tuple(f"{counts[name]:,}" for name in ("proposed", "excepted", "kept", "disposed")),),
        ),
        PaperTable(
            "Hội đồng · Council",
            ("Thành viên · Member", "Biểu quyết · Vote", "Thời điểm · At", "Lý do · Reason"),
            (0.28, 0.22, 0.2, 0.3),
            tuple((one.member, _VOTES[one.vote], _shown(one.voted_at), one.reason or "–") for one in disposal.votes),
        ),
        *_lists(outline, listed),
    )
    return Paper(
        title=title,
        subtitle=subtitle,
        number=disposal.id,
        at=outline.completed_at,
        facts=(
            ("Nội dung · Subject", disposal.title),
            ("Cơ quan · Office", disposal.office),
            ("Hình thức · Action", _ACTIONS[disposal.action]),
            ("Bảng thời hạn · Schedules", ", ".join(" ".join(one) for one in outline.schedules) or "–"),
            ("Người đề nghị · Proposed by", f"{disposal.proposed_by}, {_shown(disposal.proposed_at)}"),
            ("Người phê duyệt · Approved by", _approved(disposal)),
            *_received(disposal),
            ("Danh mục · List of records", f"SHA-256 {outline.list_sha256}"),
            ("Bản gốc · Certificate", f"SHA-256 {certificate_sha256}"),
        ),
        tables=tables,
        closing=(
            "Bản gốc (JSON) được lưu trong kho và liệt kê từng tài liệu; giá trị băm của nó là một mục của nhật ký. "
            "The certificate itself (JSON) lies in the store and lists every record; its digest is an entry of the "
            "log.",
        ),
    )


def _approved(disposal: Disposal) -> str:
    if disposal.approved_by is None or disposal.approved_at is None:
        return "–"
    return f"{disposal.approved_by}, {_shown(disposal.approved_at)}"


def _received(disposal: Disposal) -> tuple[tuple[str, str], ...]:
    receipt = disposal.receipt
    if receipt is None:
        return ()
    said = f"{receipt.receiver}; {receipt.reference}; {shown_day(receipt.received_on)}; {receipt.text}"
    return (("Biên nhận · Receipt", said),)


def _lists(outline: Outline, listed: Mapping[ItemState, Sequence[DisposalItem]]) -> list[PaperTable]:
    """Return a table for each outcome that there is."""
    kinds = (
        (ItemState.DISPOSED, "Tài liệu đã huỷ · Disposed of", "SHA-256"),
        (ItemState.KEPT, "Tài liệu giữ lại · Kept", "Lý do · Reason"),
        (ItemState.EXCEPTED, "Tài liệu đưa ra khỏi đề nghị · Excepted", "Lý do · Reason"),
    )
    tables = []
    for state, caption, last in kinds:
        items = listed.get(state, ())
        if items:
            headings = ("Mã tài liệu · Record", "Nhóm · Class", "Đến hạn · Due", last)
            rows = tuple((item.record_id, item.class_code or "–", _day(item), _told(item)) for item in items)
            counted = f"{caption} ({len(items):,} / {outline.tally.of(state):,})"
            tables.append(PaperTable(counted, headings, (0.44, 0.1, 0.14, 0.32), rows))
    return tables


def _told(item: DisposalItem) -> str:
    match item.state:
        case ItemState.DISPOSED:
            return item.sha256
        case ItemState.EXCEPTED:
            return f"{item.reason} ({item.actor})"
    return "–" if item.obstacle is None else f"{item.obstacle.vi} {item.obstacle.en}"


def _day(item: DisposalItem) -> str:
    return "–" if item.due_on is None else shown_day(item.due_on)


def _shown(at: dt.datetime) -> str:
    return at.astimezone(PLACE).strftime("%d/%m/%Y %H:%M")
