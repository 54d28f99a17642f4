"""Approving what a council agreed to: by a person who neither proposed it nor voted on it.

From then on workers carry it out, each record judged again at the moment at which it goes.
"""

from __future__ import annotations

from dataclasses import replace

from archive_service.lifecycle.disposal.proposed import require_disposal, rules_answered
from archive_service.model.archive import Archive
from archive_service.model.disposals import Disposal, ItemState
from archive_service.model.events import Event, EventType, Json
from archive_service.model.permissions import Action, Caller, require
from archive_service.model.units import RegisterUnit
from retention.disposal import approve as approve_by_rule


def approve(archive: Archive, caller: Caller, disposal_id: str, *, dry_run: bool = False) -> Disposal:
    """Approve the proposal and return it. What is handed over waits for the receiver's receipt.

    With ``dry_run`` nothing is done, and the proposal is returned as it would be. Raises NotAllowed,
    ``proposed-it`` and ``voted-on-it`` for the same person under whatever key; NotFound for a proposal of other
    offices; Conflict ``not-carried``, ``approved-already``.
    """
    require(caller, Action.APPROVE_DISPOSAL)
    now = archive.clock.now()

    def follow(unit: RegisterUnit) -> Disposal:
        disposal = require_disposal(unit, caller, disposal_id, lock=not dry_run)
        with rules_answered():
            approve_by_rule(disposal.proposal, caller.person)
        return replace(disposal, approved_by=caller.person, approved_at=now)

    def keep(unit: RegisterUnit) -> Disposal:
        approved = follow(unit)
        unit.disposals.put(approved)
        records = unit.disposals.tally(disposal_id).of(ItemState.LISTED)
        values: dict[str, Json] = {"disposal": disposal_id, "approved_by": caller.person, "records": records}
        unit.log.append(Event(EventType.DISPOSAL_APPROVED, caller.id, now, None, values))
        return approved

    return archive.register.read(follow) if dry_run else archive.register.write(keep)
