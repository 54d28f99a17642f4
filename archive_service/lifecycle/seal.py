"""Sealing a digitised result: a searchable PDF/A with the agency's seal, kept beside the original.

Idempotent follow-up work, never a condition of keeping: converted first, sealed last, put create-only and locked, then
recorded. Killed between, the next run finds the rendition in the store and records it. The original is only ever read,
and a signed one is left alone (Decree 30/2020; Circular 05/2025/TT-BNV; docs/decisions/0015-sealing.md).
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, replace

from archive_service.errors import IntegrityFailure, TooLarge, unavailable
from archive_service.lifecycle.proven import proven_object
from archive_service.lifecycle.retention.asking import ask_for
from archive_service.model.archive import Archive
from archive_service.model.events import Event, EventType, Json
from archive_service.model.findings import Finding, FindingCode
from archive_service.model.identifiers import RecordId
from archive_service.model.jobs import JobKind
from archive_service.model.objects import rendition_key, rendition_prefix
from archive_service.model.ports import STORED_DIFFERS, Reception, Sealer
from archive_service.model.record import DocumentText, ObjectVersion, Record, RecordState, TextSource
from archive_service.model.sealing import (
    NotSealed,
    Rendition,
    RenditionKind,
    Sealed,
    SealOrder,
)
from archive_service.model.units import RegisterUnit
from retention.locks import longer_lock, quarantine_lock_until

# Who follow-up work is done by, in the log.
_WORKER = "worker"

_KIND = RenditionKind.SEALED


def seal(archive: Archive, record_id: RecordId) -> NotSealed | None:
    """Make and keep the record's sealed rendition, unless it has one or is not to have one.

    Returns None when nothing is left to do, or why there is no rendition: a finding then says so.
    Raises Unavailable, Misconfigured for an unusable key, and IntegrityFailure when the stored bytes are not those
    recorded.
    """
    sealer = archive.result_sealer
    record, words = archive.register.read(lambda unit: _to_seal(archive, unit, record_id))
    if sealer is None or record is None:
        archive.register.write(lambda unit: _leave(archive, unit, record_id))
        return None
    if words is None or _lacks_places(words):
        # Read by a version that kept no places, or lost with the register: they come with the words.
        archive.register.write(lambda unit: unit.jobs.add(JobKind.ENRICH, record_id, archive.clock.now()))
        return None
    task = _Task(record, words)
    number, made = _left_by_a_killed_run(archive, sealer, task.record)
    if made is None:
        outcome = _make(archive, sealer, task, number)
        if isinstance(outcome, NotSealed):
            archive.register.write(lambda unit: _note_failure(archive, unit, task.record, outcome))
            return outcome
        made = outcome
    done = made
    archive.register.write(lambda unit: _keep(archive, unit, task.record, done))
    return None


@dataclass(frozen=True, slots=True)
class _Task:
    """A record that is to be sealed, and its words with their places."""

    record: Record
    words: DocumentText


@dataclass(frozen=True, slots=True)
class _Made:
    """A rendition in the store, and what is known of its making; None when an earlier run made it."""

    rendition: Rendition
    facts: Sealed | None


def _to_seal(archive: Archive, unit: RegisterUnit, record_id: RecordId) -> tuple[Record | None, DocumentText | None]:
    """Return the record unless it has a seal or is to have none, and its words as far as they are known."""
    record = unit.records.get(record_id)
    if record is None or record.state is not RecordState.STORED:
        return None, None
    if _sealed(unit, record_id) or not archive.is_to_seal(unit, record):
        return None, None
    return record, unit.texts.with_places(record_id)


def _leave(archive: Archive, unit: RegisterUnit, record_id: RecordId) -> None:
    unit.texts.forget_places(record_id)
    record = unit.records.get(record_id)
    if record is not None and record.state is RecordState.DISPOSED:
        # A run that was killed may have put a rendition before the record went.
        unit.jobs.add(JobKind.DISPOSE, record_id, archive.clock.now())


def _sealed(unit: RegisterUnit, record_id: RecordId) -> bool:
    return bool(unit.renditions.of_record(record_id, _KIND))


def _lacks_places(words: DocumentText) -> bool:
    return any(page.source is TextSource.OCR and page.places is None for page in words.pages)


def _left_by_a_killed_run(archive: Archive, sealer: Sealer, record: Record) -> tuple[int, _Made | None]:
    """Return the next free number, and the rendition that the store has and the register does not know.

    Whatever lies there is taken only when it is whole and under the agency's own seal.
    """
    next_number = 1
    for listed in archive.store.list_under(rendition_prefix(record.id, _KIND)):
        last = listed.key.rsplit("/", 1)[1]
        if not last.isdecimal():
            continue
        number = int(last)
        next_number = max(next_number, number + 1)
        try:
            with archive.staging.receive(listed.stored.size_bytes) as file:
                _bring(archive, listed, file)
                if sealer.is_own(file.path, record.page_count):
                    lock = archive.store.lock_of(listed.key, listed.version)
                    found = ObjectVersion(listed.key, listed.version, file.digest, lock)
                    rendition = Rendition(record.id, _KIND, number, file.digest, found, archive.clock.now())
                    return number, _Made(rendition, None)
        except TooLarge:
            continue
    return next_number, None


def _make(archive: Archive, sealer: Sealer, task: _Task, number: int) -> _Made | NotSealed:
    record, at = task.record, archive.clock.now()
    with (
        proven_object(archive, record.original) as original,
        archive.staging.receive(archive.rules.max_file_bytes) as out,
    ):
        made = sealer.seal(SealOrder(record.id, task.words, at), original, out)
        if isinstance(made, NotSealed):
            return made
        key, until = rendition_key(record.id, _KIND, number), _lock_until(archive, record, at)
        digest = out.digest
        try:
            stored = archive.store.put(key, out.path, digest, until)
        except IntegrityFailure as taken:
            if taken.code != STORED_DIFFERS:
                raise
            # The next try finds the other worker's rendition.
            raise unavailable("store") from taken
        return _Made(Rendition(record.id, _KIND, number, digest, stored, at), made)


def _lock_until(archive: Archive, record: Record, now: dt.datetime) -> dt.datetime:
    """Return a lock that lasts as long as the original's."""
    return longer_lock(record.original.locked_until, quarantine_lock_until(now, archive.rules.quarantine_lock_days))


def _bring(archive: Archive, stored: ObjectVersion, file: Reception) -> None:
    with archive.store.read(stored.key, stored.version) as blocks:
        for block in blocks:
            file.write(block)


def _keep(archive: Archive, unit: RegisterUnit, record: Record, made: _Made) -> None:
    """Record the rendition, unless another run has."""
    standing = unit.records.for_update(record.id)
    if standing is None or _sealed(unit, record.id):
        return
    now = archive.clock.now()
    if standing.state is RecordState.DISPOSED:
        # It went while it was sealed: what was put is removed as all else of it was.
        unit.jobs.add(JobKind.DISPOSE, record.id, now)
        return
    # Whoever decided on the record meanwhile has locked and held what lay there before: it is decided on again.
    put = made.rendition.object
    locked_until = longer_lock(standing.original.locked_until, put.locked_until or now)
    unit.renditions.add(replace(made.rendition, object=replace(put, locked_until=locked_until)))
    ask_for(unit, [record.id], now)
    unit.texts.forget_places(record.id)
    for recorded in unit.findings.of_record(record.id):
        if recorded.finding.code is FindingCode.NOT_SEALED and recorded.resolved_at is None:
            unit.findings.resolve(recorded.id, _WORKER, "sealed", now)
    unit.log.append(Event(EventType.RENDITION_SEALED, _WORKER, now, record.id, _values(record, made)))


def _values(record: Record, made: _Made) -> dict[str, Json]:
    rendition = made.rendition
    values: dict[str, Json] = {
        "rendition": {
            "kind": str(rendition.kind),
            "number": rendition.number,
            "sha256": rendition.content.sha256,
            "sha512": rendition.content.sha512,
            "size_bytes": rendition.content.size_bytes,
        },
        "object_version": rendition.object.version,
        "of_sha256": record.content.sha256,
    }
    if made.facts is None:
        return {**values, "found_in_store": True}
    return {
        **values,
        "pages": made.facts.pages,
        "drawn_pages": made.facts.drawn_pages,
        "certificate_sha256": made.facts.certificate_sha256,
    }


def _note_failure(archive: Archive, unit: RegisterUnit, record: Record, outcome: NotSealed) -> None:
    now, reason = archive.clock.now(), str(outcome.problem)
    standing = unit.records.for_update(record.id)
    if standing is None or standing.state is RecordState.DISPOSED:
        return
    unit.findings.add(record.id, (Finding(FindingCode.NOT_SEALED, {"reason": reason}),), archive.policy, now)
    unit.log.append(Event(EventType.RENDITION_FAILED, _WORKER, now, record.id, {"kind": str(_KIND), "reason": reason}))
