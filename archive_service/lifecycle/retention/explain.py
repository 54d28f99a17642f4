"""Saying where records stand and why: one with its reasons, pages of them, and counts for reports."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, replace

from archive_service.errors import Conflict, Message
from archive_service.lifecycle.retention.judge import Judge
from archive_service.lifecycle.visible import require_visible
from archive_service.model.archive import Archive
from archive_service.model.events import Event, EventType
from archive_service.model.identifiers import RecordId
from archive_service.model.permissions import Action, Caller, require
from archive_service.model.record import Record, RecordState
from archive_service.model.retention import PlacedHold, Standing
from archive_service.model.units import RegisterUnit
from archive_service.model.units.retention import StandingCount, StandingSelection
from retention.calendar import day_of
from retention.decide import Decision
from retention.reasons import Reason, explain


@dataclass(frozen=True, slots=True)
class Explained:
    """Where a record stands today, why, and what the store was last told: None before its first decision."""

    record: Record
    decision: Decision
    reasons: tuple[Reason, ...]
    written: Standing | None
    held_by: tuple[PlacedHold, ...]


def explain_record(archive: Archive, caller: Caller, record_id: RecordId) -> Explained:
    """Decide on the record as of this moment and say why. Logged as a read.

    Raises NotAllowed; NotFound; Conflict ``no-retention`` for a record that is not stored.
    """
    require(caller, Action.READ_RETENTION)

    def look(unit: RegisterUnit) -> Explained:
        record = require_visible(unit, caller, record_id)
        if record.state is not RecordState.STORED:
            raise Conflict(
                Message(
                    f"The record is {record.state}: retention is decided on stored records.",
                    f"Tài liệu đang ở trạng thái «{record.state.vi}»: chỉ xét thời hạn cho tài liệu đã lưu.",
                ),
                code="no-retention",
                state=str(record.state),
            )
        decision = Judge.of(unit, day_of(archive.clock.now())).decisions(unit, [record])[record_id]
        holding = {hold.id for hold in decision.holds}
        placed = tuple(one for one in unit.holds.standing() if one.hold.id in holding)
        written = unit.standings.get_many([record_id]).get(record_id)
        return Explained(record, decision, explain(decision), written, placed)

    found = archive.register.read(look)
    _log(archive, caller, record_id)
    return found


def list_standings(archive: Archive, caller: Caller, wanted: StandingSelection) -> tuple[tuple[Record, Standing], ...]:
    """Return one page of the caller's records and where they stand, by day due. Logged as one read.

    Offices and today are the caller's and the archive's own, whatever ``wanted`` says. Raises NotAllowed.
    """
    require(caller, Action.READ_RETENTION)
    selection = replace(wanted, offices=caller.offices, today=day_of(archive.clock.now()))
    found = archive.register.read(lambda unit: unit.standings.select(selection))
    seen = tuple((r, s) for r, s in found if r.metadata.access_level in caller.readable_levels)
    _log(archive, caller, None, listed=[record.id for record, _ in seen])
    return seen


def count_standings(archive: Archive, caller: Caller) -> tuple[StandingCount, ...]:
    """Return how many records, and how many bytes, stand how in the caller's offices, by month due.

    Raises NotAllowed.
    """
    require(caller, Action.READ_RETENTION)
    today = day_of(archive.clock.now())
    return tuple(archive.register.read(lambda unit: unit.standings.counts(caller.offices, today)))


def overdue_reviews(archive: Archive, caller: Caller, limit: int) -> tuple[PlacedHold, ...]:
    """Return the holds of the caller's offices whose day of review has come, longest overdue first.

    Raises NotAllowed.
    """
    require(caller, Action.READ_HOLDS)
    today: dt.date = day_of(archive.clock.now())

    def look(unit: RegisterUnit) -> list[PlacedHold]:
        standing = (one for one in unit.holds.standing() if one.office in caller.offices)
        due = [one for one in standing if one.hold.review_on <= today]
        return sorted(due, key=lambda one: one.hold.review_on)[:limit]

    return tuple(archive.register.read(look))


def _log(archive: Archive, caller: Caller, record_id: RecordId | None, listed: list[RecordId] | None = None) -> None:
    values = {} if listed is None else {"records": list(listed)}
    event = Event(EventType.RETENTION_READ, caller.id, archive.clock.now(), record_id, values)
    archive.register.write(lambda unit: unit.log.append(event))
