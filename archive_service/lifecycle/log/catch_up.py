"""Bringing a register that was restored from an older backup up to the log as it was published.

Checkpoints and the entries under them lie in the locked store. The entries that the register lacks are taken from
there and proven against the published checkpoint before one of them counts; then the log goes on as if nothing had
happened, with nothing left out and nothing said twice. Lost for good are the payloads of those entries (who, and
which values) but of those about the log's keys, and entries that were in no published checkpoint: the log says so in
an entry of its own.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from itertools import chain, islice

from archive_service.errors import IntegrityFailure, Message
from archive_service.evidence.entry import open_event
from archive_service.evidence.tree import Tree, append
from archive_service.lifecycle.log.published import (
    is_key_event,
    newest_published,
    published_entries,
    published_key_event,
    read_published,
)
from archive_service.model.archive import Archive
from archive_service.model.events import Event, EventType, Json, SealedEntry
from archive_service.model.units import RegisterUnit
from archive_service.model.units.log import LogKey, SignedCheckpoint
from archive_verify.checkpoint import Checkpoint
from archive_verify.errors import Refused
from archive_verify.merkle import leaf_hash, root_of
from archive_verify.notes import Note, signers

# Who catches up, in the log.
_ACTOR = "operator"

# Entries read and written at a time.
_AT_ONCE = 4096


@dataclass(frozen=True, slots=True)
class CaughtUp:
    """What was done: how many entries the register had, and has now of what was published."""

    before: int
    after: int


def catch_up(archive: Archive) -> CaughtUp:
    """Give the register the published entries that it lacks, after all of them were proven. Cut off, run it again.

    ``archive`` is one whose register is not guarded. Nothing happens when the register lacks none; one that is empty
    gets the whole log. Raises IntegrityFailure when what the register has is not how the published log begins, or the
    store has not all entries: nothing is changed then. Raises Unavailable.
    """
    size = archive.register.read(lambda unit: unit.log.size())
    published = newest_published(archive.store, archive.signer.origin, size)
    if published is None:
        return CaughtUp(size, size)
    note, checkpoint = read_published(archive.store, archive.signer.origin, published)
    _require_joined(archive, size, note, checkpoint)
    at = size
    while at < published:
        count = min(_AT_ONCE, published - at)
        missing = list(islice(published_entries(archive.store, archive.signer.origin, at), count))
        about_keys = _key_events(archive, missing, at)
        at = archive.register.write(partial(_enter, missing, about_keys, at))
    archive.register.write(partial(_finish, archive, size, note, checkpoint))
    return CaughtUp(size, published)


def _require_joined(archive: Archive, size: int, note: Note, checkpoint: Checkpoint) -> None:
    """Raise IntegrityFailure unless the register's entries and the store's together are the tree that was signed."""
    try:
        signed = bool(signers(note, archive.signer.verifier_keys))
    except Refused:
        signed = False
    stored = islice(published_entries(archive.store, archive.signer.origin, size), checkpoint.size - size)
    if not signed or root_of(map(leaf_hash, chain(_entries(archive, size), stored))) != checkpoint.root:
        raise _not_ours(checkpoint.size)


def _entries(archive: Archive, size: int) -> Iterator[bytes]:
    for start in range(0, size, _AT_ONCE):
        count = min(_AT_ONCE, size - start)
        yield from archive.register.read(lambda unit, start=start, count=count: unit.log.entry_bytes(start, count))  # type: ignore[misc]


def _key_events(archive: Archive, entries: list[bytes], at: int) -> list[SealedEntry]:
    """Return what the entries about the log's keys commit to, as far as the store has it."""
    found = (
        published_key_event(archive.store, archive.signer.origin, index, entry)
        for index, entry in enumerate(entries, at)
        if is_key_event(entry)
    )
    return [one for one in found if one is not None]


def _enter(entries: list[bytes], about_keys: list[SealedEntry], at: int, unit: RegisterUnit) -> int:
    """Write the next entries, what they say of keys, and what the tree lacks; return how many entries there are."""
    unit.tree.take_turn()
    if unit.log.size() != at or not entries:
        raise _not_ours(at)
    unit.log.catch_up(entries)
    for sealed in about_keys:
        unit.log.restore_payload(sealed)
        _hear_of_keys(sealed, unit)
    while leaves := [leaf_hash(entry) for entry in unit.log.entry_bytes(unit.tree.integrated(), _AT_ONCE)]:
        unit.tree.put(append(unit.tree, unit.tree.integrated(), leaves))
    return unit.log.size()


def _hear_of_keys(sealed: SealedEntry, unit: RegisterUnit) -> None:
    """Write down the keys that the entry adds or retires."""
    if sealed.payload is None:
        return
    event = open_event(sealed.entry, sealed.payload)
    added = {one.verifier_key: one.added_at for one in unit.tree.all_keys()}
    for key in _texts(event.values.get("added")):
        unit.tree.put_key(LogKey(key, event.at))
    for key in _texts(event.values.get("retired")):
        unit.tree.put_key(LogKey(key, added.get(key, event.at), event.at))


def _texts(value: Json) -> list[str]:
    return [str(one) for one in value] if isinstance(value, list) else []


def _finish(archive: Archive, before: int, note: Note, checkpoint: Checkpoint, unit: RegisterUnit) -> None:
    """Take the published checkpoint over, and say in the log what was done."""
    unit.tree.take_turn()
    if Tree(unit.tree, checkpoint.size).root() != checkpoint.root:
        raise _not_ours(checkpoint.size)
    now = archive.clock.now()
    unit.tree.add_checkpoint(SignedCheckpoint(checkpoint.size, checkpoint.root, note.data.decode(), now, now))
    values = {"from": before, "to": checkpoint.size}
    unit.log.append(Event(EventType.LOG_CAUGHT_UP, _ACTOR, now, None, values))


def _not_ours(published: int) -> IntegrityFailure:
    return IntegrityFailure(
        Message(
            f"The published log of {published} entries cannot be joined to this register: its entries are not all in "
            "the store, are not signed by this log's keys, or the register has entries that were never published. "
            "Nothing was changed. Restore another copy, or begin a new log under another ARCHIVE_LOG_ORIGIN.",
            f"Không thể nối nhật ký đã công bố ({published} mục) với sổ đăng ký này: kho thiếu mục, chữ ký không đúng, "
            "hoặc sổ đăng ký có mục chưa từng công bố. Không có gì bị thay đổi. Hãy phục hồi bản khác, hoặc bắt đầu "
            "nhật ký mới với ARCHIVE_LOG_ORIGIN khác.",
        ),
        code="log-cannot-catch-up",
    )
