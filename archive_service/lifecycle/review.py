"""People decide: over what is in quarantine, and over what the checks found."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice

from archive_service.errors import Conflict, InvalidInput, Message, NotFound
from archive_service.lifecycle.marks import keep_state, latest_state
from archive_service.lifecycle.visible import may_see, require_served, require_visible
from archive_service.model.archive import Archive
from archive_service.model.events import Event, EventType
from archive_service.model.findings import RecordedFinding
from archive_service.model.identifiers import RecordId
from archive_service.model.jobs import JobKind
from archive_service.model.objects import StateMark
from archive_service.model.permissions import Action, Caller, require
from archive_service.model.record import Record, RecordState, SearchState, require_transition
from archive_service.model.units import RegisterUnit
from archive_service.model.units.records import RecordSelection
from retention.locks import quarantine_lock_until


@dataclass(frozen=True, slots=True)
class Reviewed:
    """A record and what was found about it."""

    record: Record
    findings: tuple[RecordedFinding, ...]


def list_quarantine(archive: Archive, caller: Caller, after: RecordId | None, limit: int) -> tuple[Reviewed, ...]:
    """Return one page of the caller's records that wait for a decision, oldest first. Raises NotAllowed."""
    require(caller, Action.READ_QUARANTINE)
    selection = RecordSelection(caller.offices, RecordState.QUARANTINED, after=after, limit=limit)

    def look(unit: RegisterUnit) -> tuple[Reviewed, ...]:
        seen = (record for record in _every(unit, selection) if may_see(caller, record))
        return tuple(Reviewed(record, tuple(unit.findings.of_record(record.id))) for record in islice(seen, limit))

    listed = archive.register.read(look)
    _log_list(archive, caller, EventType.QUARANTINE_READ, [one.record.id for one in listed])
    return listed


def _every(unit: RegisterUnit, selection: RecordSelection) -> Iterator[Record]:
    """Yield the records of a selection: a page of what the caller may not see must not look like the end."""
    while records := unit.records.select(selection):
        yield from records
        selection = dataclasses.replace(selection, after=records[-1].id)


def release(archive: Archive, caller: Caller, record_id: RecordId, reason: str) -> Reviewed:
    """Let a record out of quarantine: it is served from now on, and its words are read.

    Raises NotAllowed, NotFound, Conflict ``transition-not-permitted``, InvalidInput without a reason.
    """
    return _decide(archive, caller, record_id, reason, RecordState.STORED)


def reject(archive: Archive, caller: Caller, record_id: RecordId, reason: str) -> Reviewed:
    """Turn a quarantined record away: it is never served, and no longer blocks a new deposit of its bytes.

    Raises as ``release``.
    """
    return _decide(archive, caller, record_id, reason, RecordState.REJECTED)


def read_again(archive: Archive, caller: Caller, record_id: RecordId) -> Record:
    """Ask for a stored record's words to be read again, after a failure or with better recognition.

    Raises NotAllowed, NotFound, Conflict ``not-served``.
    """
    require(caller, Action.CORRECT)

    def ask(unit: RegisterUnit) -> Record:
        record = require_visible(unit, caller, record_id, lock=True)
        require_served(record)
        now = archive.clock.now()
        unit.jobs.add(JobKind.ENRICH, record_id, now)
        unit.records.set_search_state(record_id, SearchState.WAITING, None, now)
        unit.log.append(Event(EventType.READING_ASKED, caller.id, now, record_id))
        return unit.records.get_many([record_id])[record_id]

    return archive.register.write(ask)


def list_findings(archive: Archive, caller: Caller, after: int, limit: int) -> tuple[RecordedFinding, ...]:
    """Return one page of unresolved findings of the caller's offices, oldest first. Raises NotAllowed."""
    require(caller, Action.READ_FINDINGS)

    def look(unit: RegisterUnit) -> tuple[RecordedFinding, ...]:
        return tuple(islice(_open_findings(unit, caller, after, limit), limit))

    listed = archive.register.read(look)
    _log_list(archive, caller, EventType.FINDINGS_READ, [one.record_id for one in listed])
    return listed


def _log_list(archive: Archive, caller: Caller, kind: EventType, returned: list[RecordId]) -> None:
    event = Event(kind, caller.id, archive.clock.now(), None, {"returned": returned})
    archive.register.write(lambda unit: unit.log.append(event))


def _open_findings(unit: RegisterUnit, caller: Caller, after: int, page: int) -> Iterator[RecordedFinding]:
    while found := unit.findings.open_in(caller.offices, after, page):
        records = unit.records.get_many([finding.record_id for finding in found])
        yield from (f for f in found if f.record_id in records and _is_shown(caller, records[f.record_id]))
        after = found[-1].id


def _is_shown(caller: Caller, record: Record) -> bool:
    return may_see(caller, record) and record.state is not RecordState.DISPOSED


def resolve_finding(archive: Archive, caller: Caller, finding_id: int, resolution: str) -> RecordedFinding:
    """Close a finding with a person's words. Raises NotAllowed, NotFound, Conflict when it is closed already."""
    require(caller, Action.RESOLVE_FINDING)
    words = require_words(resolution, "resolution")

    def close(unit: RegisterUnit) -> RecordedFinding:
        finding = unit.findings.get(finding_id)
        if finding is None:
            raise NotFound(Message("There is no such finding.", "Không có phát hiện này."))
        require_visible(unit, caller, finding.record_id)
        if finding.resolved_at is not None:
            raise Conflict(
                Message("This finding is resolved already.", "Phát hiện này đã được xử lý."),
                code="already-resolved",
            )
        now = archive.clock.now()
        unit.findings.resolve(finding_id, caller.id, words, now)
        unit.log.append(
            Event(
                EventType.FINDING_RESOLVED,
                caller.id,
                now,
                finding.record_id,
                {"finding": str(finding.finding.code), "resolution": words},
            )
        )
        return unit.findings.get(finding_id) or finding

    return archive.register.write(close)


def require_words(text: str, field: str) -> str:
    """Return the person's words without outer blanks; raise InvalidInput when there are none."""
    words = text.strip()
    if not words:
        raise InvalidInput(
            Message(f"Say why: {field} must not be empty.", f"Hãy nêu lý do: «{field}» không được để trống.")
        )
    return words


def _decide(archive: Archive, caller: Caller, record_id: RecordId, reason: str, wanted: RecordState) -> Reviewed:
    """Mark the decision in the store, then let the register follow it."""
    require(caller, Action.DECIDE_QUARANTINE)
    words = require_words(reason, "reason")
    record = archive.register.read(lambda unit: require_visible(unit, caller, record_id))
    require_transition(record.state, wanted)
    mark = _mark(archive, record, caller, words, wanted)
    reviewed = archive.register.write(lambda unit: _follow(archive, unit, caller, mark))
    if mark.state is not wanted:
        require_transition(mark.state, wanted)
    return reviewed


def _mark(archive: Archive, record: Record, caller: Caller, reason: str, wanted: RecordState) -> StateMark:
    """Return the decision that stands in the store: this one, or an earlier one that the register has not heard of."""
    latest = latest_state(archive.store, record.id)
    if latest is not None and latest.state is not record.state:
        return latest
    now = archive.clock.now()
    number = latest.number + 1 if latest is not None else 1
    mark = StateMark(record.id, number, wanted, caller.id, reason, now)
    return keep_state(archive.store, mark, quarantine_lock_until(now, archive.rules.quarantine_lock_days))


def _follow(archive: Archive, unit: RegisterUnit, caller: Caller, mark: StateMark) -> Reviewed:
    record = require_visible(unit, caller, mark.record_id, lock=True)
    require_transition(record.state, mark.state)
    now = archive.clock.now()
    unit.records.set_state(record.id, mark.state, now)
    unit.jobs.add(JobKind.ENRICH if mark.state is RecordState.STORED else JobKind.INDEX, record.id, now)
    kind = EventType.RELEASED if mark.state is RecordState.STORED else EventType.REJECTED
    unit.log.append(Event(kind, mark.actor, now, record.id, {"reason": mark.reason}))
    return Reviewed(unit.records.get(record.id) or record, tuple(unit.findings.of_record(record.id)))
