"""Counting where records stand, for those who plan: what is due, what becomes due, what is held and by whom.

Only counts leave these steps, and names of holds' owners; never a subject.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from archive_service.lifecycle.retention.covered import count_covered
from archive_service.lifecycle.retention.judge import Judge
from archive_service.model.archive import Archive
from archive_service.model.permissions import Action, Caller, require
from archive_service.model.retention import PlacedHold
from archive_service.model.units import RegisterUnit
from archive_service.model.units.retention import Covered, StandingCount
from retention.calendar import day_of
from retention.decide import RetentionState
from retention.holds import HoldScope
from retention.schedule import RetentionClass

# Beyond what is due now, the report of what is due shows what becomes so within this many months.
_MONTHS_AHEAD = 12


@dataclass(frozen=True, slots=True)
class Counted:
    """How many records and bytes stand alike, and how many of them are held.

    ``state`` is that by schedule. ``year`` and ``month`` are those of the day due, None where there is none;
    ``retention_class`` is what the deciding schedule says of ``class_code``, None where it says nothing.
    """

    year: int | None
    month: int | None
    class_code: str | None
    retention_class: RetentionClass | None
    state: RetentionState
    records: int
    size_bytes: int
    held_records: int
    held_bytes: int


@dataclass(frozen=True, slots=True)
class Counts:
    """Rows of a report as of a day, in order of time, class and state."""

    as_of: dt.date
    rows: tuple[Counted, ...]


def report_due(archive: Archive, caller: Caller) -> Counts:
    """Return what is due, and becomes due within a year, by month and class. Raises NotAllowed."""
    require(caller, Action.READ_RETENTION)
    today = day_of(archive.clock.now())
    end = dt.date(today.year + (today.month - 1 + _MONTHS_AHEAD) // 12, (today.month - 1 + _MONTHS_AHEAD) % 12 + 1, 1)
    counts, classes = archive.register.read(lambda unit: _counts(unit, caller, today))
    near = [one for one in counts if one.month is not None and one.month <= end]
    return Counts(today, tuple(_joined(near, classes, by_month=True)))


def report_forecast(archive: Archive, caller: Caller) -> Counts:
    """Return when what is kept becomes due, by year and class, and what remains kept without a day.

    Raises NotAllowed.
    """
    require(caller, Action.READ_RETENTION)
    today = day_of(archive.clock.now())
    counts, classes = archive.register.read(lambda unit: _counts(unit, caller, today))
    return Counts(today, tuple(_joined(counts, classes, by_month=False)))


@dataclass(frozen=True, slots=True)
class HeldBy:
    """How many holds of one scope an owner has, and how many of the caller's records and bytes they cover.

    A record under two holds counts under each. ``review_on`` is the earliest day of review among them.
    """

    owner: str
    scope: HoldScope
    holds: int
    records: int
    size_bytes: int
    review_on: dt.date


@dataclass(frozen=True, slots=True)
class HeldReport:
    """Rows by owner and scope, those that cover the most first; ``held``: each held record counted once."""

    as_of: dt.date
    rows: tuple[HeldBy, ...]
    held: Covered


def report_held(archive: Archive, caller: Caller) -> HeldReport:
    """Return which owners' holds cover how many of the caller's records.

    Holds of the caller's offices are all told; those of others where they cover some of its records. ``held`` is as of
    the last decisions, which follow a hold within the run that it asks for. Raises NotAllowed.
    """
    require(caller, Action.READ_HOLDS)
    today = day_of(archive.clock.now())

    def look(unit: RegisterUnit) -> HeldReport:
        judge, by_owner = Judge.of(unit, today), dict[tuple[str, HoldScope], list[tuple[PlacedHold, Covered]]]()
        for placed in unit.holds.standing():
            hold = placed.hold
            covered = count_covered(unit, judge, hold.scope, hold.target, hold.condition, caller.offices)
            if covered.records or placed.office in caller.offices:
                by_owner.setdefault((hold.owner, hold.scope), []).append((placed, covered))
        rows = sorted((_held_by(*key, found) for key, found in by_owner.items()), key=_most_first)
        held = [one for one in unit.standings.counts(caller.offices, today) if one.held]
        total = Covered(sum(one.records for one in held), sum(one.size_bytes for one in held))
        return HeldReport(today, tuple(rows), total)

    return archive.register.read(look)


@dataclass(frozen=True, slots=True)
class OverdueReviews:
    """Holds whose day of review has come, longest overdue first."""

    as_of: dt.date
    rows: tuple[PlacedHold, ...]


def report_reviews(archive: Archive, caller: Caller) -> OverdueReviews:
    """Return every hold of the caller's offices that somebody should have looked at by today. Raises NotAllowed."""
    require(caller, Action.READ_HOLDS)
    today = day_of(archive.clock.now())

    def look(unit: RegisterUnit) -> OverdueReviews:
        due = (one for one in unit.holds.standing() if one.office in caller.offices and one.hold.review_on <= today)
        return OverdueReviews(today, tuple(sorted(due, key=lambda one: (one.hold.review_on, one.hold.id))))

    return archive.register.read(look)


_Classes = Mapping[str, RetentionClass]


def _counts(unit: RegisterUnit, caller: Caller, today: dt.date) -> tuple[list[StandingCount], _Classes]:
    adopted = unit.schedules.deciding(today)
    return unit.standings.counts(caller.offices, today), {} if adopted is None else adopted.schedule.classes


def _joined(counts: Iterable[StandingCount], classes: _Classes, *, by_month: bool) -> Iterator[Counted]:
    """Yield the counts as rows, those that are held and those that are not in one."""
    together: dict[tuple[dt.date | None, str | None, RetentionState], list[StandingCount]] = {}
    for one in counts:
        time = one.month if by_month or one.month is None else one.month.replace(month=1)
        together.setdefault((time, one.class_code, one.state), []).append(one)
    for (time, code, state), found in sorted(together.items(), key=lambda row: _in_time(*row[0])):
        held = [one for one in found if one.held]
        yield Counted(
            year=None if time is None else time.year,
            month=time.month if time is not None and by_month else None,
            class_code=code,
            retention_class=None if code is None else classes.get(code),
            state=state,
            records=sum(one.records for one in found),
            size_bytes=sum(one.size_bytes for one in found),
            held_records=sum(one.records for one in held),
            held_bytes=sum(one.size_bytes for one in held),
        )


def _in_time(time: dt.date | None, code: str | None, state: RetentionState) -> tuple[dt.date, str, str]:
    return time or dt.date.max, code or "", str(state)


def _held_by(owner: str, scope: HoldScope, found: list[tuple[PlacedHold, Covered]]) -> HeldBy:
    return HeldBy(
        owner,
        scope,
        len(found),
        sum(covered.records for _, covered in found),
        sum(covered.size_bytes for _, covered in found),
        min(placed.hold.review_on for placed, _ in found),
    )


def _most_first(row: HeldBy) -> tuple[int, str, str]:
    return -row.records, row.owner, str(row.scope)
