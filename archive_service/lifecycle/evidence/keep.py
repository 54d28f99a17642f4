"""Keeping what the log's entries of a record's life commit to beside its original, so that it outlives the register.

Entries and checkpoints lie in the store by themselves, without what could name anybody. Payload and salt go where the
record is, and go when it is disposed of. Run every minute by whichever worker comes first; killed anywhere, the next
run goes on: every object is create-only and follows from its entry alone.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial

from archive_service.evidence.entry import record_of_entry, type_of_entry
from archive_service.evidence.kept_entry import disposal_of, kept_disposal_entry_object, kept_entry_object
from archive_service.lifecycle.marks import keep_small
from archive_service.lifecycle.retention.asking import ask_for_held
from archive_service.model.archive import Archive
from archive_service.model.events import DISPOSAL_EVENTS, LIFE_EVENTS, SealedEntry
from archive_service.model.identifiers import RecordId
from archive_service.model.jobs import JobKind
from archive_service.model.objects import SmallObject, record_of
from archive_service.model.record import RecordState
from archive_service.model.units import RegisterUnit
from retention.locks import longer_lock, quarantine_lock_until

# Where it stands: the index of the first log entry that was not looked at yet.
_PROGRESS = "keep-evidence"

_AT_ONCE = 500
_WRITERS = 8

_LIFE = frozenset(map(str, LIFE_EVENTS))
_DISPOSAL = frozenset(map(str, DISPOSAL_EVENTS))


@dataclass(frozen=True, slots=True)
class KeptEvidence:
    """What one run did: how many entries are kept, and under which keys the store holds something else: an alarm."""

    entries: int
    differing: tuple[str, ...]


def keep_evidence(archive: Archive) -> KeptEvidence:
    """Keep what every entry of a record's life, and of a disposal, commits to, once it is in a published checkpoint.

    Idempotent; several workers may run it at once. Raises Unavailable: what was kept stays.
    """
    kept, differing = 0, list[str]()
    with ThreadPoolExecutor(_WRITERS) as pool:
        while (batch := archive.register.read(partial(_next, archive))) is not None:
            taken = [key for key in pool.map(partial(_put, archive), batch.objects) if key is not None]
            archive.register.write(partial(_passed, archive, batch))
            kept += len(batch.objects) - len(taken)
            differing += taken
    return KeptEvidence(kept, tuple(differing))


@dataclass(frozen=True, slots=True)
class _Locked:
    """A small object, and until when it is locked: as long as the original or certificate beside which it lies."""

    object: SmallObject
    until: dt.datetime


@dataclass(frozen=True, slots=True)
class _Batch:
    objects: tuple[_Locked, ...]
    records: frozenset[RecordId]
    end: int


def _next(archive: Archive, unit: RegisterUnit) -> _Batch | None:
    """Return what the next published entries leave to keep, None when all of them were looked at."""
    start, published = _stands(unit), unit.tree.newest(published=True)
    if published is None or published.size <= start:
        return None
    end = min(published.size, start + _AT_ONCE)
    entries = unit.log.sealed(start, end - start)
    records = frozenset(record_id for one in entries if (record_id := _lived(one)) is not None)
    return _Batch(tuple(_objects(archive, unit, entries)), records, end)


def _objects(archive: Archive, unit: RegisterUnit, entries: list[SealedEntry]) -> Iterator[_Locked]:
    """Yield what is kept of the entries; nothing of a record that was disposed of."""
    kept = (one for one in entries if one.payload is not None)
    life = [(record_id, one) for one in kept if (record_id := _lived(one)) is not None]
    records = unit.records.get_many([record_id for record_id, _ in life])
    wanted = quarantine_lock_until(archive.clock.now(), archive.rules.quarantine_lock_days)
    for record_id, one in life:
        record = records.get(record_id)
        if record is not None and record.state is not RecordState.DISPOSED:
            until = longer_lock(record.original.locked_until, wanted)
            yield _Locked(kept_entry_object(record_id, archive.signer.origin, one), until)
    yield from _of_disposals(archive, entries)


def _of_disposals(archive: Archive, entries: list[SealedEntry]) -> Iterator[_Locked]:
    """Yield what is kept beside certificates: that somebody decided, and what became of each record."""
    until = quarantine_lock_until(archive.clock.now(), archive.rules.checkpoint_lock_days)
    for one in entries:
        disposal_id = disposal_of(one) if type_of_entry(one.entry) in _DISPOSAL else None
        if disposal_id is not None:
            yield _Locked(kept_disposal_entry_object(disposal_id, archive.signer.origin, one), until)


def _lived(sealed: SealedEntry) -> RecordId | None:
    """Return the record of whose life the entry tells."""
    return record_of_entry(sealed.entry) if type_of_entry(sealed.entry) in _LIFE else None


def _put(archive: Archive, wanted: _Locked) -> str | None:
    """Put one object; return its key where the store holds something else under it."""
    return None if keep_small(archive.store, wanted.object, wanted.until) else wanted.object.key


def _stands(unit: RegisterUnit) -> int:
    return int(unit.progress.get(_PROGRESS) or 0)


def _passed(archive: Archive, batch: _Batch, unit: RegisterUnit) -> None:
    if batch.end > _stands(unit):
        unit.progress.put(_PROGRESS, str(batch.end))
    ask_for_held(unit, sorted({record_of(one.object.key) for one in batch.objects}), archive.clock.now())
    for record in unit.records.get_many(sorted(batch.records)).values():
        if record.state is RecordState.DISPOSED:
            # It went meanwhile, or since a run that was killed: what was put is removed as all else of it was.
            unit.jobs.add(JobKind.DISPOSE, record.id, archive.clock.now())
