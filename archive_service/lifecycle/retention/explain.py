"""Saying where records stand and why: one with its reasons, and pages of them."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import islice

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
from archive_service.model.units.retention import StandingSelection
from retention.calendar import day_of
from retention.decide import Decision
from retention.reasons import Reason, explain

_HELD = Reason("held", "A hold keeps it.", "Tài liệu đang bị giữ theo lệnh.")


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
        written = unit.standings.get_many([record_id]).get(record_id)
        if not caller.may(Action.READ_HOLDS):
            # That it is held is for everybody who decides on it; who asked for that, and why, is not.
            reasons = (*explain(replace(decision, holds=())), *((_HELD,) if decision.holds else ()))
            return Explained(record, decision, reasons, written, ())
        holding = {hold.id for hold in decision.holds}
        placed = tuple(one for one in unit.holds.standing() if one.hold.id in holding)
        return Explained(record, decision, explain(decision), written, placed)

    found = archive.register.read(look)
    _log(archive, caller, record_id)
    return found


@dataclass(frozen=True, slots=True)
class StandingPage:
    """Records and where they stand, as of ``today``; ``after`` is where the next page begins, None on the last."""

    rows: tuple[tuple[Record, Standing], ...]
    today: dt.date
    after: tuple[dt.date | None, RecordId] | None


def list_standings(archive: Archive, caller: Caller, wanted: StandingSelection) -> StandingPage:
    """Return one page of the caller's records and where they stand, by day due. Logged as one read.

    Offices and today are the caller's and the archive's own, whatever ``wanted`` says. Raises NotAllowed.
    """
    require(caller, Action.READ_RETENTION)
    today = day_of(archive.clock.now())
    # One more than is shown tells whether there is a next page.
    selection = replace(wanted, offices=caller.offices, today=today, limit=wanted.limit + 1)

    def look(unit: RegisterUnit) -> list[tuple[Record, Standing]]:
        seen = ((r, s) for r, s in _every(unit, selection) if r.metadata.access_level in caller.readable_levels)
        return list(islice(seen, selection.limit))

    found = archive.register.read(look)
    rows = tuple(found[: wanted.limit])
    after = (rows[-1][1].due_on, rows[-1][0].id) if len(found) > wanted.limit else None
    _log(archive, caller, None, listed=[record.id for record, _ in rows])
    return StandingPage(rows, today, after)


def _every(unit: RegisterUnit, selection: StandingSelection) -> Iterator[tuple[Record, Standing]]:
    """Yield the rows of a selection: a page of what the caller may not see must not look like the end."""
    while found := unit.standings.select(selection):
        yield from found
        record, standing = found[-1]
        selection = replace(selection, after=(standing.due_on, record.id))


def _log(archive: Archive, caller: Caller, record_id: RecordId | None, listed: list[RecordId] | None = None) -> None:
    values = {} if listed is None else {"records": list(listed)}
    event = Event(EventType.RETENTION_READ, caller.id, archive.clock.now(), record_id, values)
    archive.register.write(lambda unit: unit.log.append(event))
