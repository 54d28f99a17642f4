"""May a record be let go, when, and why: one pure decision of facts, schedule, holds and the day.

It must never be told a store, a clock or a database. A document's own validity is another date: it is never looked at
here.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from retention.holds import Hold, Holds
from retention.periods import end_of_period
from retention.schedule import Assignment, RetentionClass, Schedule

_DAY = dt.timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known of a record that bears on its retention.

    ``office_path``: its office, then every office above it, and offices these succeeded. ``subject_ids``: its subject
    and those merged with it. ``dates``: trigger name → the day it happened, for those that are known.
    """

    record_id: str
    result_type: str
    office_path: tuple[str, ...]
    access_level: str
    dates: Mapping[str, dt.date]
    subject_ids: tuple[str, ...] = ()
    dossier_code: str | None = None


class RetentionState(StrEnum):
    """Where a record stands. Only DUE may be proposed for disposal."""

    UNASSIGNED = "unassigned"  # no rule speaks of it
    CONFLICT = "conflict"  # rules of one rank disagree
    PERMANENT = "permanent"
    WAITING = "waiting"  # its trigger has not happened, or is not known
    RUNNING = "running"
    DUE = "due"
    HELD = "held"  # whatever else: it must not be let go


@dataclass(frozen=True, slots=True)
class Decision:
    """The answer for one record.

    ``standing`` is where it stands by its schedule; holds go before it and leave it as it is, so that lifting one
    needs no new arithmetic. ``due_on`` is the first day on which it may be let go, None where there is none (yet).
    """

    standing: RetentionState
    due_on: dt.date | None
    trigger_on: dt.date | None
    assignment: Assignment
    schedule: Schedule
    holds: tuple[Hold, ...]

    @property
    def state(self) -> RetentionState:
        """Return where the record stands: held, while any hold does."""
        return RetentionState.HELD if self.holds else self.standing

    @property
    def retention_class(self) -> RetentionClass | None:
        """Return the class, None where no rule gives one or rules disagree."""
        return self.assignment.classes[0] if len(self.assignment.classes) == 1 else None

    @property
    def kept_until(self) -> dt.date | None:
        """Return the last day on which its schedule keeps the record."""
        return None if self.due_on is None else self.due_on - _DAY


def decide(facts: Facts, schedule: Schedule, holds: Holds, today: dt.date) -> Decision:
    """Return where the record stands on that day.

    A hold always blocks. It is never due before its day, and never without a known trigger. More holds never free a
    record, and a later trigger never gives an earlier day. ``reasons.explain`` says why.
    """
    assignment = schedule.assign(facts.result_type, facts.office_path, facts.access_level)
    standing, trigger_on, due_on = _place_in_time(facts, assignment, today)
    return Decision(standing, due_on, trigger_on, assignment, schedule, holds.covering(facts))


def _place_in_time(
    facts: Facts, assignment: Assignment, today: dt.date
) -> tuple[RetentionState, dt.date | None, dt.date | None]:
    """Return state, day of the trigger, and the first day on which the record may be let go."""
    if not assignment.classes:
        return RetentionState.UNASSIGNED, None, None
    if len(assignment.classes) > 1:
        return RetentionState.CONFLICT, None, None
    [retention_class] = assignment.classes
    months = retention_class.period.months
    if months is None:
        return RetentionState.PERMANENT, None, None
    trigger_on = facts.dates.get(retention_class.trigger)
    if trigger_on is None or trigger_on > today:
        return RetentionState.WAITING, trigger_on, None
    end = end_of_period(trigger_on, months, year_end=retention_class.year_end)
    if end == dt.date.max:
        return RetentionState.PERMANENT, trigger_on, None
    due_on = end + _DAY
    return (RetentionState.DUE if today >= due_on else RetentionState.RUNNING), trigger_on, due_on
