"""What the archive keeps of retention: adopted schedules, events that were told, holds, and where each record stands.

The rules themselves are in ``retention``; these are the facts they are asked with and the answers that are kept.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from enum import StrEnum

from archive_service.model.identifiers import OfficeCode, RecordId
from retention.decide import Decision, RetentionState
from retention.holds import Hold
from retention.schedule import Action, Schedule


class EventScope(StrEnum):
    """What an event that starts a period happened to."""

    RECORD = "record"
    SUBJECT = "subject"
    DOSSIER = "dossier"


@dataclass(frozen=True, slots=True)
class Withdrawal:
    """Who took back what was told or placed, when and why."""

    actor: str
    at: dt.datetime
    reason: str


@dataclass(frozen=True, slots=True)
class ToldEvent:
    """Something that happened on a day, as somebody told it: ``trigger`` is a name that schedules use.

    It bears on records of ``office`` and those under it only. ``source`` says how the teller knows. What was told
    wrongly is withdrawn, never changed.
    """

    id: str
    scope: EventScope
    target: str
    trigger: str
    happened_on: dt.date
    source: str
    office: OfficeCode
    told_by: str
    told_at: dt.datetime
    withdrawn: Withdrawal | None = None


@dataclass(frozen=True, slots=True)
class PlacedHold:
    """A hold as it was placed, and its lifting once it was lifted. ``office`` is the placer's: who may lift it."""

    hold: Hold
    office: OfficeCode
    placed_by: str
    placed_at: dt.datetime
    lifted: Withdrawal | None = None


@dataclass(frozen=True, slots=True)
class AdoptedSchedule:
    """A schedule that the agency took over, with the exact bytes of its file. Later numbers go before earlier ones."""

    number: int
    schedule: Schedule
    body: bytes
    sha256: str
    adopted_by: str
    adopted_at: dt.datetime


@dataclass(frozen=True, slots=True)
class Standing:
    """Where a stored record stands, as it was last decided.

    It is derived: schedule, events and holds give it anew at any time. Between ``trigger_on`` and ``due_on`` it is
    running, from then on due, without being decided again. ``look_again_at``: when its lock is to be renewed, or its
    trigger happens; None when time alone changes nothing that the store must know.
    """

    record_id: RecordId
    standing: RetentionState
    held: bool
    class_code: str | None
    action: Action | None
    trigger_on: dt.date | None
    due_on: dt.date | None
    decided_at: dt.datetime
    look_again_at: dt.datetime | None

    def state_on(self, today: dt.date) -> RetentionState:
        """Return the state on a day: held, while held; and what ran is due from its day on."""
        return RetentionState.HELD if self.held else self.standing_on(today)

    def standing_on(self, today: dt.date) -> RetentionState:
        """Return where it stands by its schedule on a day, whatever holds it."""
        if self.due_on is None:
            return self.standing
        return RetentionState.DUE if self.due_on <= today else RetentionState.RUNNING

    def same_as(self, other: Standing) -> bool:
        """Whether both say the same of the record, whenever they were decided."""
        return self._said() == other._said()

    def _said(self) -> tuple[object, ...]:
        # Running becomes due by itself: that day is in ``due_on``.
        timed = {RetentionState.RUNNING, RetentionState.DUE}
        standing = RetentionState.RUNNING if self.standing in timed else self.standing
        return standing, self.held, self.class_code, self.action, self.trigger_on, self.due_on


def standing_of(
    record_id: RecordId, decision: Decision, decided_at: dt.datetime, look_again_at: dt.datetime | None
) -> Standing:
    """Return what is kept of a decision."""
    retention_class = decision.retention_class
    return Standing(
        record_id=record_id,
        standing=decision.standing,
        held=bool(decision.holds),
        class_code=retention_class.code if retention_class is not None else None,
        action=retention_class.action if retention_class is not None else None,
        trigger_on=decision.trigger_on,
        due_on=decision.due_on,
        decided_at=decided_at,
        look_again_at=look_again_at,
    )
