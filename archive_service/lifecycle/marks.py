"""Small objects in the store that outlive the register: marks of a state, reports, payloads of the log, tombstones.

Not a step itself; the steps that decide write them, those that recover read them. A mark is put before the register
hears of the decision, and create-only: of two that decide at once the store keeps the first, and a decision whose
register transaction was lost is found here and finished by the next (docs/decisions/0010-recovery.md).
"""

from __future__ import annotations

import dataclasses
import datetime as dt
import hashlib
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby

from archive_service.errors import IntegrityFailure
from archive_service.evidence.kept_entry import read_kept_entry
from archive_service.model.events import SealedEntry
from archive_service.model.identifiers import RecordId
from archive_service.model.objects import (
    LARGEST_SMALL_OBJECT,
    TOMBSTONES,
    SmallObject,
    StateMark,
    Tombstone,
    not_readable,
    read_state_object,
    record_of,
    signatures_key,
    state_object,
    state_prefix,
    tombstone_object,
)
from archive_service.model.ports import STORED_DIFFERS, NewObject, ObjectStore
from archive_service.model.record import ContentDigest, ObjectVersion
from archive_service.model.signature_json import KeptReport, read_signatures_object, signatures_object
from archive_service.model.signatures import SignatureReport, SignatureVerdict


def keep_small(store: ObjectStore, wanted: SmallObject, lock_until: dt.datetime) -> bool:
    """Put the object; return whether it is there now: False where the store holds something else under its key.

    Raises Unavailable.
    """
    try:
        store.put(wanted.key, wanted.body, wanted.digest, lock_until)
    except IntegrityFailure as taken:
        if taken.code != STORED_DIFFERS:
            raise
        return False
    return True


def keep_state(store: ObjectStore, mark: StateMark, lock_until: dt.datetime) -> StateMark:
    """Put the mark and return the one that stands under its number: another's, where that came first.

    Raises Unavailable; IntegrityFailure when what stands there is no mark.
    """
    wanted = state_object(mark)
    try:
        store.put(wanted.key, wanted.body, wanted.digest, lock_until)
    except IntegrityFailure as taken:
        if taken.code != STORED_DIFFERS:
            raise
        first = oldest(listed for listed in store.list_under(wanted.key) if listed.key == wanted.key)
        if first is None:
            raise
        return read_state_object(first.key, read_small(store, first))
    return mark


def latest_state(store: ObjectStore, record_id: RecordId) -> StateMark | None:
    """Return the mark that holds, None for a record that was accepted. Raises Unavailable, IntegrityFailure."""
    marks = read_marks(store, store.list_under(state_prefix(record_id)))
    return marks[-1] if marks else None


def read_marks(store: ObjectStore, listed: Iterable[ObjectVersion]) -> tuple[StateMark, ...]:
    """Return what the listed marks of one record say, in their order; the last one holds.

    Raises Unavailable, IntegrityFailure.
    """
    marks = (read_state_object(one.key, read_small(store, one)) for one in listed)
    return tuple(sorted(marks, key=lambda mark: mark.number))


def keep_with_signatures(
    store: ObjectStore,
    objects: Sequence[NewObject],
    record_id: RecordId,
    report: SignatureReport,
    lock_until: dt.datetime,
) -> tuple[tuple[ObjectVersion, ...], KeptReport]:
    """Put a record's objects together with the report of its signatures; return them, and the report that stands.

    A deposit that was cut off and is taken up again may judge by other anchors than the first time: the first report
    stands, as everything else of that record does. Raises Unavailable, IntegrityFailure.
    """
    wanted = signatures_object(record_id, report)
    try:
        *kept, stored = store.put_all((*objects, NewObject(wanted.key, wanted.body, wanted.digest)), lock_until)
        return tuple(kept), KeptReport(report.verdict, stored)
    except IntegrityFailure as taken:
        if taken.code != STORED_DIFFERS:
            raise
        first = read_signatures(store, store.list_under(wanted.key))
        if first is None:
            raise
        # What is not the report is put again on its own: where its bytes are others, that is told.
        return store.put_all(objects, lock_until), first


def read_signatures(store: ObjectStore, listed: Iterable[ObjectVersion]) -> KeptReport | None:
    """Return the report among the listed objects of one record, None where there is none.

    Raises Unavailable, IntegrityFailure.
    """
    first = oldest(one for one in listed if one.key == signatures_key(record_of(one.key)))
    if first is None:
        return None
    body = read_small(store, first)
    verdict = SignatureVerdict(read_signatures_object(first.key, body)["verdict"])
    digest = ContentDigest(len(body), hashlib.sha256(body).hexdigest(), hashlib.sha512(body).hexdigest())
    return KeptReport(verdict, dataclasses.replace(first, stored=digest))


def read_evidence(
    store: ObjectStore, listed: Iterable[ObjectVersion]
) -> tuple[tuple[SealedEntry, ...], tuple[IntegrityFailure, ...]]:
    """Return what is kept of the listed objects of one record, each proven by its entry, and what is wrong with others.

    Raises NotFound, Unavailable.
    """
    found, wrong = list[SealedEntry](), list[IntegrityFailure]()
    for key, versions in groupby(listed, key=lambda one: one.key):
        # Objects are create-only: the first version is ours, and stores list the newest first.
        [*_, first] = versions
        try:
            found.append(read_kept_entry(key, read_small(store, first)))
        except IntegrityFailure as unreadable:
            wrong.append(unreadable)
    return tuple(found), tuple(wrong)


def keep_tombstone(store: ObjectStore, tombstone: Tombstone, lock_until: dt.datetime) -> None:
    """Put the tombstone: from now on no rebuild and no restore brings the record back. Raises Unavailable."""
    wanted = tombstone_object(tombstone)
    store.put(wanted.key, wanted.body, wanted.digest, lock_until)


def tombstones(store: ObjectStore) -> Iterator[RecordId]:
    """Yield the id of every record that was disposed of, in id order, streamed."""
    return (record_of(listed.key) for listed in store.list_under(TOMBSTONES))


class Tombstones:
    """Answers for ids that are asked in rising order whether they were disposed of, by one pass over the store."""

    def __init__(self, store: ObjectStore) -> None:
        self._ids = tombstones(store)
        self._next = next(self._ids, None)

    def __contains__(self, record_id: RecordId) -> bool:
        while self._next is not None and self._next < record_id:
            self._next = next(self._ids, None)
        return self._next == record_id


def read_small(store: ObjectStore, listed: ObjectVersion) -> bytes:
    """Return the bytes of a small object. Raises IntegrityFailure when it is not small, NotFound, Unavailable."""
    if listed.stored.size_bytes > LARGEST_SMALL_OBJECT:
        raise not_readable(listed.key)
    with store.read(listed.key, listed.version) as blocks:
        return b"".join(blocks)


def digest_in_store(store: ObjectStore, key: str, version: str) -> ContentDigest:
    """Read one version to its end and return its digest. Raises NotFound, Unavailable."""
    size_bytes, sha256, sha512 = 0, hashlib.sha256(), hashlib.sha512()
    with store.read(key, version) as blocks:
        for block in blocks:
            size_bytes += len(block)
            sha256.update(block)
            sha512.update(block)
    return ContentDigest(size_bytes, sha256.hexdigest(), sha512.hexdigest())


def oldest(listed: Iterable[ObjectVersion]) -> ObjectVersion | None:
    """Return the first version ever written of one key: stores list the newest first."""
    last = deque(listed, maxlen=1)
    return last[0] if last else None
