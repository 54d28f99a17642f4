"""Forgetting a record in the register: everything of it that could name anybody, in one transaction.

Not a step itself; disposing, and replaying what was disposed of after a restore, forget alike. What stays: the row of
the record with digests and what names nobody, the log's entries with salted digests only, and stamped batches, which
hold digests of digests.
"""

from __future__ import annotations

import datetime as dt
import hashlib
from uuid import UUID

from archive_service.lifecycle.retention.judge import TRIGGER_OF_RELATION
from archive_service.model.events import DISPOSALS, Event, EventType
from archive_service.model.identifiers import SubjectId
from archive_service.model.record import Record, RecordState, Relation
from archive_service.model.retention import EventScope, ToldEvent
from archive_service.model.units import RegisterUnit
from retention.calendar import day_of

# Who follow-up work is done by, in the log.
_WORKER = "worker"


def forget(unit: RegisterUnit, record: Record, now: dt.datetime) -> None:
    """Forget the words, description, findings, copies, claim and log payloads of a record that is disposed of.

    What tells of its disposal stays. Its subject is forgotten with the last of its records. Idempotent.
    """
    unit.texts.erase(record.id)
    unit.findings.erase(record.id)
    unit.renditions.erase(record.id)
    unit.signature_reports.erase(record.id)
    unit.reservations.erase(record.id)
    unit.told_events.erase(EventScope.RECORD, record.id)
    unit.standings.remove([record.id])
    unit.log.erase_payloads(record.id, DISPOSALS)
    unit.records.erase(record.id, now)
    if record.subject_id:
        _forget_subject(unit, record.subject_id)


def _forget_subject(unit: RegisterUnit, subject_id: SubjectId) -> None:
    """Forget a person or employer, and those merged with it, of whom nothing is kept any more."""
    if unit.subjects.get(subject_id) is None:
        return
    family = unit.subjects.family(subject_id)
    # A deposit for the same subject comes before, and is seen, or after, and registers the subject anew.
    unit.subjects.serialise_claims_of([dated.identifier for member in family for dated in member.identifiers])
    if not unit.records.any_kept_of([member.id for member in family]):
        for member in family:
            unit.subjects.erase(member.id)


def told_of_others(unit: RegisterUnit, record: Record) -> list[ToldEvent]:
    """Return the events that ``tell_of_others`` wrote of a record, while its metadata are there."""
    written = (unit.told_events.get(_id_of(record, relation)) for relation in record.metadata.relations)
    return [event for event in written if event is not None]


def tell_of_others(unit: RegisterUnit, record: Record, now: dt.datetime) -> None:
    """Keep as told events what a stored record says of others: that it replaced or annulled them.

    Their periods began with it, and must not end to have begun when it goes. Done in the transaction in which the
    record ceases to be stored, while its metadata are there. Idempotent.
    """
    if record.state is not RecordState.STORED:
        return
    targets = unit.records.get_many([relation.record_id for relation in record.metadata.relations])
    for relation in record.metadata.relations:
        target = targets.get(relation.record_id)
        if target is not None and target.state is not RecordState.DISPOSED:
            _tell(unit, record, relation, target, now)


def _tell(unit: RegisterUnit, record: Record, relation: Relation, target: Record, now: dt.datetime) -> None:
    trigger = TRIGGER_OF_RELATION.get(relation.kind)
    event_id = _id_of(record, relation)
    if trigger is None or unit.told_events.get(event_id) is not None:
        return
    event = ToldEvent(
        id=event_id,
        scope=EventScope.RECORD,
        target=target.id,
        trigger=trigger,
        happened_on=record.metadata.issued_on or day_of(record.stored_at),
        source=f"record {record.id}, since disposed of",
        office=target.metadata.office,
        told_by=_WORKER,
        told_at=now,
    )
    unit.told_events.add(event)
    values = {
        "event": event.id,
        "scope": str(event.scope),
        "target": event.target,
        "trigger": event.trigger,
        "happened_on": event.happened_on.isoformat(),
        "source": event.source,
    }
    unit.log.append(Event(EventType.RETENTION_EVENT_TOLD, _WORKER, now, None, values))


def _id_of(record: Record, relation: Relation) -> str:
    """Return an id that follows from what is said, so that it is told once."""
    said = f"{record.id} {relation.kind} {relation.record_id}".encode()
    return str(UUID(bytes=hashlib.sha256(said).digest()[:16]))
