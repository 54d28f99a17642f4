"""What the store keeps of the log, held against the log: every checkpoint, the entries under it, and its keys.

The newest checkpoint alone convicts a register that was rewritten; the older ones are what others hold, and the entries
are what a lost register is made anew from. Of a log that was begun anew since, only the present name is looked at.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import groupby
from operator import attrgetter, itemgetter

from archive_service.evidence.tiles import parse_entry_bundle
from archive_service.evidence.tree import Tree
from archive_service.lifecycle.audit.pieces import Find, Listing, Piece, Reader, first_version, mismatch, missing
from archive_service.lifecycle.log.published import (
    BUNDLE_ENTRIES,
    is_key_event,
    parse_published,
    published_key_event,
)
from archive_service.lifecycle.log.sealed import origin_of
from archive_service.model.archive import Archive
from archive_service.model.audits import AuditFinding
from archive_service.model.objects import (
    checkpoint_key,
    checkpoints_prefix,
    entries_key,
    entries_prefix,
    key_event_key,
    number_of,
)
from archive_service.model.record import ObjectVersion
from archive_service.model.units import RegisterUnit
from archive_service.model.units.log import SignedCheckpoint
from archive_verify.errors import Malformed, Refused
from archive_verify.notes import Note, parse_verifier_key, verified_signatures

_AT_ONCE = 200


def published_log(reader: Reader) -> Iterator[Piece]:
    """Yield every checkpoint that the store or the register has, each before the entries that it adds.

    Those of more entries than the register has are left to whoever recomputes the log. Raises Unavailable.
    """
    archive = reader.archive
    origin = archive.signer.origin
    bundles = Listing(archive.store, entries_prefix(origin))
    before = 0
    for size, listed in _checkpoints(archive):
        expected = archive.register.read(partial(_expected, size))
        if expected is None:
            return
        yield Piece(checkpoint_key(origin, size), listed, partial(_checkpoint, reader, size))
        for start in range(before, size, BUNDLE_ENTRIES):
            key = entries_key(origin, start, expected.root)
            yield Piece(key, bundles.under(key), partial(_entries, reader, start, size))
        before = size


@dataclass(frozen=True, slots=True)
class _Expected:
    """What the register says of a tree: its root, and the checkpoint that was signed of it, if it knows of one.

    The roots that it names were held against the entries when the log was recomputed.
    """

    root: bytes
    signed: SignedCheckpoint | None


def _expected(size: int, unit: RegisterUnit) -> _Expected | None:
    """Return what the register says of the first entries, None where it does not reach so far."""
    if size > unit.tree.integrated():
        return None
    signed = unit.tree.checkpoint(size)
    return _Expected(Tree(unit.tree, size).root() if signed is None else signed.root, signed)


def _checkpoints(archive: Archive) -> Iterator[tuple[int, list[ObjectVersion]]]:
    """Yield every size of which either side has a checkpoint, in order, and what the store lists of it."""
    in_store = groupby(archive.store.list_under(checkpoints_prefix(archive.signer.origin)), attrgetter("key"))
    listed = ((number_of(key), list(versions)) for key, versions in in_store)
    named = ((size, list[ObjectVersion]()) for size in _named(archive))
    for size, both in groupby(heapq.merge(listed, named, key=itemgetter(0)), itemgetter(0)):
        yield size, [version for _, versions in both for version in versions]


def _named(archive: Archive) -> Iterator[int]:
    """Yield the size of each checkpoint that the register calls published under this log's name."""
    after = 0
    while page := archive.register.read(partial(_signed_page, after)):
        yield from (one.size for one in page if _is_published(archive, one))
        after = page[-1].size


def _signed_page(after: int, unit: RegisterUnit) -> Sequence[SignedCheckpoint]:
    sizes = unit.tree.signed_roots(after, _AT_ONCE)
    return [found for size, _ in sizes if (found := unit.tree.checkpoint(size)) is not None]


def _is_published(archive: Archive, signed: SignedCheckpoint | None) -> bool:
    return signed is not None and signed.published_at is not None and origin_of(signed) == archive.signer.origin


def _checkpoint(reader: Reader, size: int, find: Find) -> AuditFinding | None:
    """Judge one checkpoint: a key of the log signed it, and its tree is that of the register's first entries."""
    archive, origin = reader.archive, reader.archive.signer.origin
    key = checkpoint_key(origin, size)
    listed, expected = first_version(find, key), archive.register.read(partial(_expected, size))
    if expected is None:
        return None
    if listed is None:
        return missing(key) if _is_published(archive, expected.signed) else None
    if not reader.verify:
        return None
    note, checkpoint = parse_published(origin, size, reader.body(listed))
    if not is_signed(archive, note):
        return mismatch(key, "it is not signed by a key of the log")
    if checkpoint.root != expected.root:
        return mismatch(key, f"the first {size} entries are not those whose tree it signs")
    return reader.drift(listed)


def is_signed(archive: Archive, note: Note) -> bool:
    """Whether a key of the log signed the note, and no line of such a key is wrong."""
    stored = archive.register.read(lambda unit: unit.tree.all_keys())
    keys = [*(parse_verifier_key(one.verifier_key) for one in stored), *archive.signer.verifier_keys]
    try:
        return bool(verified_signatures(note, keys))
    except Refused:
        return False


def _entries(reader: Reader, start: int, size: int, find: Find) -> AuditFinding | None:
    """Judge the entries that lie in one object for the checkpoint of that size: they are the log's own."""
    archive = reader.archive
    expected = archive.register.read(partial(_expected, size))
    if expected is None:
        return None
    key, count = entries_key(archive.signer.origin, start, expected.root), min(BUNDLE_ENTRIES, size - start)
    listed = first_version(find, key)
    if listed is None:
        return missing(key, f"the store does not have the entries {start} to {start + count - 1}")
    if not reader.verify:
        return None
    try:
        kept = parse_entry_bundle(reader.body(listed))
    except Malformed as wrong:
        return mismatch(key, str(wrong))
    in_log = archive.register.read(lambda unit: unit.log.entry_bytes(start, count))
    if kept != in_log:
        return mismatch(key, "its entries are not those of the log")
    about_keys = (_key_event(reader, start + at, entry) for at, entry in enumerate(kept) if is_key_event(entry))
    return next((wrong for wrong in about_keys if wrong is not None), None) or reader.drift(listed)


def _key_event(reader: Reader, index: int, entry: bytes) -> AuditFinding | None:
    """Judge what an entry about the log's keys commits to: without it a register made anew knows no key."""
    archive, origin = reader.archive, reader.archive.signer.origin
    key = key_event_key(origin, index, entry)
    listed = first_version(lambda prefix: list(archive.store.list_under(prefix)), key)
    if listed is None:
        sealed = archive.register.read(lambda unit: unit.log.sealed(index, 1))
        return missing(key) if any(one.payload is not None for one in sealed) else None
    reader.pace(listed.stored.size_bytes)
    # It raises IntegrityFailure where the entry does not commit to what stands there.
    published_key_event(archive.store, origin, index, entry)
    return reader.drift(listed)
