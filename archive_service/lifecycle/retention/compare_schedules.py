"""Comparing two schedules over every stored record, before one is adopted: whose days would move, and which way.

An operator's step. Records are streamed in id order and nothing is kept of them; nothing is written.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import partial

from archive_service.lifecycle.retention.judge import Judge
from archive_service.model.archive import Archive
from archive_service.model.identifiers import RecordId
from archive_service.model.record import RecordState
from archive_service.model.units import RegisterUnit
from archive_service.model.units.records import RecordSelection
from retention.calendar import day_of
from retention.diff import Move, moved
from retention.schedule import NO_SCHEDULE, Schedule

# Records compared in one transaction.
BATCH = 500


@dataclass(frozen=True, slots=True)
class ComparedBatch:
    """What a batch of records gave, and how far the comparison is: ``done`` of about ``total`` records."""

    moves: tuple[Move, ...]
    done: int
    total: int


def deciding_schedule(archive: Archive) -> Schedule:
    """Return the schedule that decides today, or one that says nothing where none was adopted. Raises Unavailable."""
    adopted = archive.register.read(lambda unit: unit.schedules.deciding(day_of(archive.clock.now())))
    return NO_SCHEDULE if adopted is None else adopted.schedule


def compare_schedules(archive: Archive, old: Schedule, new: Schedule) -> Iterator[ComparedBatch]:
    """Yield, batch by batch, the records whose standing, class or day would be another under the new schedule.

    Both are asked as if they decided today, whatever their days. Each batch is judged as records, events and holds are
    at that moment. Raises Unavailable.
    """
    total = archive.register.read(lambda unit: unit.records.count(RecordState.STORED))
    selection, done = RecordSelection(None, RecordState.STORED, limit=BATCH), 0
    while True:
        moves, ids = archive.register.read(partial(_compare, archive, selection, old, new))
        if not ids:
            return
        done += len(ids)
        selection = replace(selection, after=ids[-1])
        yield ComparedBatch(tuple(moves), done, max(total, done))


def _compare(
    archive: Archive, page: RecordSelection, old: Schedule, new: Schedule, unit: RegisterUnit
) -> tuple[list[Move], list[RecordId]]:
    records, today = unit.records.select(page), day_of(archive.clock.now())
    judge = Judge.of(unit, today)
    facts = judge.facts(unit, records)
    moves = moved((facts[record.id] for record in records), old, new, judge.holds, today)
    return list(moves), [record.id for record in records]
