"""Voting on a proposal: each member of its council once. One refusal rejects it; when all agree it is carried."""

from __future__ import annotations

from dataclasses import replace

from archive_service.lifecycle.disposal.proposed import require_disposal, require_text, rules_answered
from archive_service.model.archive import Archive
from archive_service.model.disposals import CastVote, Disposal
from archive_service.model.events import Event, EventType
from archive_service.model.permissions import Action, Caller, require
from archive_service.model.units import RegisterUnit
from retention.disposal import ProposalState, Vote, cast


def vote(
    archive: Archive, caller: Caller, disposal_id: str, said: Vote, reason: str = "", *, dry_run: bool = False
) -> Disposal:
    """Keep the caller's vote and return the proposal. Whoever refuses says why.

    With ``dry_run`` nothing is done, and the proposal is returned as it would be. Raises NotAllowed,
    ``not-a-member``; NotFound for a proposal of other offices; InvalidInput for a refusal without a reason; Conflict
    ``not-open``, ``voted-already``.
    """
    require(caller, Action.VOTE_DISPOSAL)
    words = require_text(reason, "reason") if said is Vote.REFUSE or reason.strip() else ""

    def follow(unit: RegisterUnit) -> Disposal:
        disposal = require_disposal(unit, caller, disposal_id, lock=not dry_run)
        with rules_answered():
            follows = cast(disposal.proposal, caller.person, said).state
        now = archive.clock.now()
        votes = (*disposal.votes, CastVote(caller.person, said, words, now))
        return replace(disposal, votes=votes, ended_at=now if follows is ProposalState.REJECTED else None)

    def keep(unit: RegisterUnit) -> Disposal:
        voted = follow(unit)
        cast_vote = voted.votes[-1]
        now = cast_vote.voted_at
        unit.disposals.add_vote(disposal_id, cast_vote)
        unit.disposals.put(voted)
        values = {"disposal": disposal_id, "member": caller.person, "vote": str(said), "reason": words}
        unit.log.append(Event(EventType.DISPOSAL_VOTED, caller.id, now, None, values))
        if voted.state is ProposalState.REJECTED:
            unit.log.append(Event(EventType.DISPOSAL_REJECTED, caller.id, now, None, {"disposal": disposal_id}))
        return voted

    return archive.register.read(follow) if dry_run else archive.register.write(keep)
