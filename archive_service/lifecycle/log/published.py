"""What the locked store keeps of the log, so that it outlives the register: checkpoints, and the entries under them.

Not a step itself. A checkpoint is put create-only under its size; the entries since the one before are put beside it,
so that a register restored from an older backup can be brought up to what was published. Entries hold no personal
data (their payloads stay in the register), so they may be locked for long.
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterator
from itertools import groupby
from operator import attrgetter

from archive_service.errors import IntegrityFailure
from archive_service.evidence.entry import commitment_holds
from archive_service.evidence.tiles import entry_bundle, parse_entry_bundle
from archive_service.lifecycle.marks import oldest, read_small
from archive_service.model.events import EventType, SealedEntry
from archive_service.model.objects import (
    checkpoint_key,
    checkpoints_prefix,
    entries_from,
    entries_key,
    entries_prefix,
    json_object,
    key_event_key,
    not_readable,
    number_of,
    small_object,
)
from archive_service.model.ports import STORED_DIFFERS, ObjectStore
from archive_service.model.record import ObjectVersion
from archive_verify.checkpoint import Checkpoint, parse_checkpoint
from archive_verify.errors import Malformed
from archive_verify.notes import Note, parse_note

# Entries in one object: about 1.5 MB.
BUNDLE_ENTRIES = 4096

_KEY_EVENTS = tuple(f'"type":"{one}"'.encode() for one in (EventType.LOG_BEGUN, EventType.LOG_KEY_ROTATED))


def newest_published(store: ObjectStore, origin: str, after: int) -> int | None:
    """Return the size of the largest checkpoint in the store that is larger than ``after``, None for none.

    It costs one short listing as long as the register is not far behind. Raises Unavailable.
    """
    later = store.list_under(checkpoints_prefix(origin), after=checkpoint_key(origin, after))
    return max((number_of(listed.key) for listed in later), default=None)


def read_published(store: ObjectStore, origin: str, size: int) -> tuple[Note, Checkpoint]:
    """Return the published checkpoint of that size; its signatures are not checked here.

    Raises IntegrityFailure when what stands there is none, Unavailable.
    """
    key = checkpoint_key(origin, size)
    listed = oldest(one for one in store.list_under(key) if one.key == key)
    if listed is None:
        raise not_readable(key)
    return parse_published(origin, size, read_small(store, listed))


def parse_published(origin: str, size: int, body: bytes) -> tuple[Note, Checkpoint]:
    """Return what was published as the checkpoint of that size; its signatures are not checked here.

    Raises IntegrityFailure when it is none, or another one.
    """
    try:
        note = parse_note(body)
        checkpoint = parse_checkpoint(note.text)
    except Malformed as wrong:
        raise not_readable(checkpoint_key(origin, size)) from wrong
    if (checkpoint.origin, checkpoint.size) != (origin, size):
        raise not_readable(checkpoint_key(origin, size))
    return note, checkpoint


def publish_checkpoint(store: ObjectStore, note: str, lock_until: dt.datetime) -> None:
    """Put a signed checkpoint into the store. Idempotent: one with the same text, signed at another time, is enough.

    Raises IntegrityFailure when another tree of that size was published; Unavailable.
    """
    checkpoint = parse_checkpoint(parse_note(note.encode()).text)
    wanted = small_object(checkpoint_key(checkpoint.origin, checkpoint.size), note.encode())
    try:
        store.put(wanted.key, wanted.body, wanted.digest, lock_until)
    except IntegrityFailure as taken:
        if taken.code != STORED_DIFFERS or read_published(store, checkpoint.origin, checkpoint.size)[1] != checkpoint:
            raise


def publish_entries(
    store: ObjectStore, checkpoint: Checkpoint, start: int, entries: list[bytes], until: dt.datetime
) -> None:
    """Put entries from index ``start`` on into the store, for the checkpoint that comes after them.

    Idempotent for the same checkpoint. What was put for one that was then never published stays, and is passed over.
    Raises Unavailable.
    """
    wanted = small_object(entries_key(checkpoint.origin, start, checkpoint.root), entry_bundle(entries))
    store.put(wanted.key, wanted.body, wanted.digest, until)


def is_key_event(entry: bytes) -> bool:
    """Whether the entry is about the log's keys. No value of an entry is free text, so its bytes tell."""
    return any(of_type in entry for of_type in _KEY_EVENTS)


def publish_key_event(store: ObjectStore, origin: str, sealed: SealedEntry, until: dt.datetime) -> None:
    """Put what an entry about the log's keys commits to into the store: it holds no personal data.

    A register that lost the entry must hear again which keys are the log's. Idempotent. Raises Unavailable.
    """
    if sealed.payload is None or sealed.salt is None:
        return
    values = {"format": 1, "payload": sealed.payload.decode(), "salt": sealed.salt.hex()}
    wanted = json_object(key_event_key(origin, sealed.index, sealed.entry), values)
    store.put(wanted.key, wanted.body, wanted.digest, until)


def published_key_event(store: ObjectStore, origin: str, index: int, entry: bytes) -> SealedEntry | None:
    """Return the entry with what it commits to, None where the store does not have that.

    The commitment was checked. Raises IntegrityFailure when what stands there is something else; Unavailable.
    """
    key = key_event_key(origin, index, entry)
    listed = oldest(one for one in store.list_under(key) if one.key == key)
    if listed is None:
        return None
    try:
        values = json.loads(read_small(store, listed))
        payload, salt = str(values["payload"]).encode(), bytes.fromhex(values["salt"])
        holds = commitment_holds(entry, payload, salt)
    except (ValueError, KeyError, TypeError) as wrong:
        raise not_readable(key) from wrong
    if not holds:
        raise not_readable(key)
    return SealedEntry(index, entry, payload, salt)


def published_entries(store: ObjectStore, origin: str, start: int) -> Iterator[bytes]:
    """Yield the entries under published checkpoints from index ``start`` on, in order, until the first not there.

    What they are is for their checkpoint to tell. Raises IntegrityFailure for an object that is no bundle; Unavailable.
    """
    index = start
    before = max(0, start - BUNDLE_ENTRIES)
    covering = _Covering(store, origin, before)
    bundles = store.list_under(entries_prefix(origin), after=entries_from(origin, before) if before else "")
    for key, versions in groupby(bundles, attrgetter("key")):
        begins = number_of(key)
        if begins > index:
            return
        listed = oldest(versions)
        if listed is None or not covering.has(key, begins):
            continue
        for entry in _bundle(store, listed)[index - begins :]:
            yield entry
            index += 1


class _Covering:
    """Answers for bundles asked in rising order whether the next published checkpoint is the one they were put for."""

    def __init__(self, store: ObjectStore, origin: str, after: int) -> None:
        self._store, self._origin = store, origin
        listed = store.list_under(checkpoints_prefix(origin), after=checkpoint_key(origin, after))
        self._sizes = (number_of(key) for key, _ in groupby(listed, attrgetter("key")))
        self._next = next(self._sizes, None)
        self._root = b""

    def has(self, key: str, begins: int) -> bool:
        while self._next is not None and self._next <= begins:
            self._next, self._root = next(self._sizes, None), b""
        if self._next is None:
            return False
        self._root = self._root or read_published(self._store, self._origin, self._next)[1].root
        return key == entries_key(self._origin, begins, self._root)


def _bundle(store: ObjectStore, listed: ObjectVersion) -> list[bytes]:
    try:
        return parse_entry_bundle(read_small(store, listed))
    except Malformed as wrong:
        raise not_readable(listed.key) from wrong
