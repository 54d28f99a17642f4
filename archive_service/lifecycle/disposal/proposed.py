"""Which proposals exist for a caller, and how the rules of who may decide answer. Not a step itself."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

from archive_service.errors import ArchiveError, Conflict, FieldProblem, InvalidInput, Message, NotAllowed, NotFound
from archive_service.model.archive import Archive
from archive_service.model.disposals import Disposal, DisposalItem
from archive_service.model.permissions import Caller
from archive_service.model.units import RegisterUnit
from archive_service.model.units.disposals import ItemSelection
from retention.disposal import NotPermitted, ProposalState, RefusalCode

# What the store locks for longer than that is not proposed, or kept; for a shorter lock it is worth waiting.
LOCK_WORTH_WAITING = dt.timedelta(days=30)

# Proposals are written down one after another, so that a record stands in one of them.
PROPOSING = "disposals"


def require_disposal(unit: RegisterUnit, caller: Caller, disposal_id: str, *, lock: bool = False) -> Disposal:
    """Return the proposal; raise NotFound unless it was made by an office of the caller's."""
    found = unit.disposals.get(disposal_id, lock=lock)
    if found is None or found.office not in caller.offices:
        raise NotFound(
            Message(
                "There is no such proposal for disposal in your offices.",
                "Không có đề nghị huỷ này trong phạm vi cơ quan của bạn.",
            )
        )
    return found


def require_text(text: str, field: str, longest: int = 4000) -> str:
    """Return a person's words without outer blanks. Raises InvalidInput when there are none, or too many."""
    words = text.strip()
    if not 0 < len(words) <= longest:
        said = Message(
            f"Say it in words, at most {longest} letters: {field}.",
            f"Hãy nhập nội dung, tối đa {longest} ký tự: «{field}».",
        )
        raise InvalidInput(said, problems=(FieldProblem(field, said),))
    return words


def require_state(disposal: Disposal, wanted: ProposalState) -> None:
    """Raise Conflict ``not-open`` or ``not-approved`` unless the proposal stands where it must."""
    if disposal.state is not wanted:
        raise Conflict(
            Message(
                f"The proposal is {disposal.state}; this is done while it is {wanted}.",
                f"Đề nghị đang ở trạng thái «{STATES_VI[disposal.state]}»; "
                f"chỉ thực hiện được khi «{STATES_VI[wanted]}».",
            ),
            code=f"not-{wanted}",
            state=str(disposal.state),
        )


def require_done(disposal: Disposal) -> None:
    """Raise Conflict ``not-done`` while a record of the proposal is neither gone nor kept: no certificate is there."""
    if disposal.state is not ProposalState.DONE:
        raise Conflict(
            Message("The certificate is made once every record is done.", "Giấy chứng nhận được lập khi đã xong hết."),
            code="not-done",
            state=str(disposal.state),
        )


STATES_VI: Mapping[ProposalState, str] = {
    ProposalState.OPEN: "đang xem xét",
    ProposalState.CARRIED: "hội đồng đã đồng ý",
    ProposalState.REJECTED: "hội đồng không đồng ý",
    ProposalState.APPROVED: "đã phê duyệt",
    ProposalState.DONE: "đã hoàn thành",
}


@contextmanager
def rules_answered() -> Iterator[None]:
    """Let what the rules do not permit come out as the archive's error, under the rules' own code."""
    try:
        yield
    except NotPermitted as refused:
        kind, message = _REFUSALS[refused.code]
        raise kind(message, code=str(refused.code)) from refused


def _refusal(kind: Callable[..., ArchiveError], en: str, vi: str) -> tuple[Callable[..., ArchiveError], Message]:
    return kind, Message(en, vi)


_REFUSALS = {
    RefusalCode.NOT_OPEN: _refusal(
        Conflict, "The council has decided already.", "Hội đồng đã có kết luận về đề nghị này."
    ),
    RefusalCode.NOT_CARRIED: _refusal(
        Conflict,
        "Only what every member of the council agreed to is approved.",
        "Chỉ phê duyệt đề nghị đã được toàn bộ thành viên hội đồng đồng ý.",
    ),
    RefusalCode.NOT_A_MEMBER: _refusal(
        NotAllowed, "You are not a member of its council.", "Bạn không phải thành viên hội đồng của đề nghị này."
    ),
    RefusalCode.VOTED_ALREADY: _refusal(Conflict, "You have voted on it already.", "Bạn đã biểu quyết về đề nghị này."),
    RefusalCode.PROPOSED_IT: _refusal(
        NotAllowed,
        "Who proposed it is neither in its council nor approves it: another person must.",
        "Người đề nghị không được ở trong hội đồng và không được phê duyệt: phải là người khác.",
    ),
    RefusalCode.VOTED_ON_IT: _refusal(
        NotAllowed,
        "A member of its council does not approve it: another person must.",
        "Thành viên hội đồng không được phê duyệt đề nghị: phải là người khác.",
    ),
    RefusalCode.APPROVED_ALREADY: _refusal(Conflict, "It has been approved already.", "Đề nghị này đã được phê duyệt."),
    RefusalCode.COUNCIL_TOO_SMALL: _refusal(
        InvalidInput, "The council has too few members.", "Hội đồng chưa đủ số thành viên."
    ),
}


def pages_of(archive: Archive, selection: ItemSelection) -> Iterator[list[DisposalItem]]:
    """Yield a proposal's records page by page, each page read on its own."""
    after = selection.after
    while page := archive.register.read(_page(selection, after)):
        yield page
        after = page[-1].record_id


def _page(selection: ItemSelection, after: str) -> Callable[[RegisterUnit], list[DisposalItem]]:
    wanted = ItemSelection(selection.disposal_id, selection.states, after, selection.limit)
    return lambda unit: unit.disposals.items(wanted)
