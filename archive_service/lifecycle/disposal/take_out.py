"""Taking a record out of a proposal while the council has not decided: by the proposer or a member, with a reason."""

from __future__ import annotations

from dataclasses import replace

from archive_service.errors import Conflict, Message, NotAllowed, NotFound
from archive_service.lifecycle.disposal.proposed import require_disposal, require_state, require_text
from archive_service.model.archive import Archive
from archive_service.model.disposals import DisposalItem, ItemState
from archive_service.model.events import Event, EventType
from archive_service.model.identifiers import RecordId
from archive_service.model.permissions import Action, Caller, require
from archive_service.model.units import RegisterUnit
from retention.disposal import ProposalState, RefusalCode

# The certificate holds one for each record at most, and who checks it reads no more than 16 MiB.
_LONGEST_REASON = 300


def take_out(
    archive: Archive, caller: Caller, disposal_id: str, record_id: RecordId, reason: str, *, dry_run: bool = False
) -> DisposalItem:
    """Let a record be kept, whatever becomes of the others, and return its place in the proposal.

    With ``dry_run`` nothing is done, and its place is returned as it would be. Raises NotAllowed, ``not-a-member``
    for anybody but the proposer and members; NotFound for a proposal of other offices or a record that is not in
    it; InvalidInput without a reason; Conflict ``not-open``, ``taken-out-already``.
    """
    require(caller, Action.READ_DISPOSALS)
    words = require_text(reason, "reason", _LONGEST_REASON)
    now = archive.clock.now()

    def follow(unit: RegisterUnit) -> DisposalItem:
        disposal = require_disposal(unit, caller, disposal_id, lock=not dry_run)
        if caller.person not in disposal.council | {disposal.proposed_by}:
            raise NotAllowed(
                Message(
                    "Only the proposer and members of the council take records out.",
                    "Chỉ người đề nghị và thành viên hội đồng được loại tài liệu ra khỏi đề nghị.",
                ),
                code=str(RefusalCode.NOT_A_MEMBER),
            )
        require_state(disposal, ProposalState.OPEN)
        item = unit.disposals.item(disposal_id, record_id, lock=not dry_run)
        if item is None:
            raise NotFound(Message("The proposal does not list this record.", "Đề nghị không có tài liệu này."))
        if item.state is not ItemState.LISTED:
            raise Conflict(
                Message("The record was taken out already.", "Tài liệu này đã được đưa ra khỏi đề nghị."),
                code="taken-out-already",
            )
        return replace(item, state=ItemState.EXCEPTED, reason=words, actor=caller.person, changed_at=now)

    def take(unit: RegisterUnit) -> DisposalItem:
        taken = follow(unit)
        unit.disposals.put_item(taken)
        values = {"disposal": disposal_id, "record": record_id, "reason": words, "by": caller.person}
        # What is said of the proposal stays when the record goes, by another one.
        unit.log.append(Event(EventType.DISPOSAL_EXCEPTED, caller.id, now, None, values))
        return taken

    return archive.register.read(follow) if dry_run else archive.register.write(take)
