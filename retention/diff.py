"""Which records' due days would move under another schedule: asked before one is adopted."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from retention.decide import Decision, Facts, decide
from retention.holds import Holds
from retention.schedule import Schedule


@dataclass(frozen=True, slots=True)
class Move:
    """One record whose standing or day would be another."""

    record_id: str
    before: Decision
    after: Decision

    @property
    def is_earlier(self) -> bool:
        """Whether the record could be let go sooner than now: what a person must look at first."""
        if self.after.due_on is None:
            return False
        return self.before.due_on is None or self.after.due_on < self.before.due_on


def moved(records: Iterable[Facts], old: Schedule, new: Schedule, holds: Holds, today: dt.date) -> Iterator[Move]:
    """Yield each record whose standing, class or day differs between two schedules, streamed in the order given."""
    for facts in records:
        before, after = decide(facts, old, holds, today), decide(facts, new, holds, today)
        if _of(before) != _of(after):
            yield Move(facts.record_id, before, after)


def _of(decision: Decision) -> tuple[object, ...]:
    retention_class = decision.retention_class
    return decision.standing, decision.due_on, retention_class.code if retention_class is not None else None
