"""Sealing the log: its new entries become leaves of the tree, and the tree is signed and published.

Run every minute by whichever worker comes first; killed anywhere, the next run goes on. A tree that is not an
extension of the last checkpoint is never signed: then the register, or what is in it, was tampered with or put back.
"""

from __future__ import annotations

import datetime as dt

from archive_service.evidence.tree import append
from archive_service.lifecycle.log.published import (
    BUNDLE_ENTRIES,
    is_key_event,
    publish_checkpoint,
    publish_entries,
    publish_key_event,
)
from archive_service.lifecycle.log.sealed import contradicted, grown, origin_of, published_since
from archive_service.model.archive import Archive
from archive_service.model.units import RegisterUnit
from archive_service.model.units.log import SignedCheckpoint
from archive_verify.checkpoint import Checkpoint, parse_checkpoint
from archive_verify.merkle import leaf_hash
from archive_verify.notes import parse_note

# Entries that become leaves in one transaction: some milliseconds, so that no deposit waits for long.
BATCH_ENTRIES = 2048

# Checkpoints put into the store in one run, after it was down for long.
_PUBLISHED_AT_ONCE = 100


def seal_log(archive: Archive) -> SignedCheckpoint | None:
    """Bring the tree up to the log, sign it when it has grown, and publish what is not in the store yet.

    Returns the newest checkpoint, None while the log is empty. Idempotent; several workers may run it at once.
    Raises IntegrityFailure, an alarm, for a tree or a published checkpoint that contradicts the last one: nothing is
    signed until a person has looked. Raises Unavailable: what was done stays.
    """
    _integrate(archive)
    newest = _sign(archive)
    _publish(archive)
    return newest


def log_waits(archive: Archive) -> bool:
    """Whether there are entries without a checkpoint, or checkpoints that are not in the store: it only reads."""
    size, newest, unpublished = archive.register.read(
        lambda unit: (unit.log.size(), unit.tree.newest(), unit.tree.unpublished(1))
    )
    return bool(unpublished) or size > (newest.size if newest is not None else 0)


def _integrate(archive: Archive) -> None:
    """Append the entries that are not in the tree; each batch is one transaction, and no two workers meet."""
    while True:
        start, size, entries = archive.register.read(
            lambda unit: (
                start := unit.tree.integrated(),
                unit.log.size(),
                unit.log.entry_bytes(start, BATCH_ENTRIES),
            )
        )
        if len(entries) != min(BATCH_ENTRIES, size - start):
            raise contradicted(f"its tree has {start} entries, the log {size}")
        if not entries:
            return
        leaves = [leaf_hash(entry) for entry in entries]

        def grow(unit: RegisterUnit, start: int = start, leaves: list[bytes] = leaves) -> None:
            unit.tree.take_turn()
            if unit.tree.integrated() == start:
                unit.tree.put(append(unit.tree, start, leaves))

        archive.register.write(grow)


def _sign(archive: Archive) -> SignedCheckpoint | None:
    """Sign the tree as it is, once it is known to extend everything that was signed before."""
    last = _last(archive)
    larger = archive.register.read(lambda unit: grown(unit, archive.signer.origin, last))
    if larger is None:
        return last
    now = archive.clock.now()
    note = archive.signer.sign_checkpoint(larger, now).data.decode()
    made = SignedCheckpoint(larger.size, larger.root, note, now)
    return archive.register.write(lambda unit: _add(unit, last, made))


def _last(archive: Archive) -> SignedCheckpoint | None:
    """Return the last checkpoint, from the store where the register was put back to just before it.

    Raises IntegrityFailure when this tree is not the one that was published.
    """
    last = archive.register.read(lambda unit: unit.tree.newest())
    found = published_since(archive, last)
    return last if found is None else archive.register.write(lambda unit: _add(unit, last, found))


def _add(unit: RegisterUnit, last: SignedCheckpoint | None, made: SignedCheckpoint) -> SignedCheckpoint | None:
    """Add a checkpoint to those up to ``last``; when another worker was first, return what it added."""
    unit.tree.take_turn()
    newest = unit.tree.newest()
    if newest != last:
        return newest
    unit.tree.add_checkpoint(made)
    return made


def _publish(archive: Archive) -> None:
    """Put checkpoints into the store, each after the entries that it adds to the one before of the same log."""
    until = archive.clock.now() + _lock_time(archive)
    waiting = archive.register.read(lambda unit: unit.tree.unpublished(_PUBLISHED_AT_ONCE))
    for signed in waiting:
        checkpoint = parse_checkpoint(parse_note(signed.note.encode()).text)
        for start in range(_begun(archive, checkpoint), checkpoint.size, BUNDLE_ENTRIES):
            count = min(BUNDLE_ENTRIES, checkpoint.size - start)
            entries = archive.register.read(lambda unit, start=start, count=count: unit.log.entry_bytes(start, count))  # type: ignore[misc]
            publish_entries(archive.store, checkpoint, start, entries, until)
            _publish_key_events(archive, start, entries, until)
        publish_checkpoint(archive.store, signed.note, until)
        now = archive.clock.now()
        archive.register.write(lambda unit, size=checkpoint.size, now=now: unit.tree.mark_published(size, now))  # type: ignore[misc]


def _publish_key_events(archive: Archive, start: int, entries: list[bytes], until: dt.datetime) -> None:
    for index in (start + offset for offset, entry in enumerate(entries) if is_key_event(entry)):
        for sealed in archive.register.read(lambda unit, index=index: unit.log.sealed(index, 1)):  # type: ignore[misc]
            publish_key_event(archive.store, archive.signer.origin, sealed, until)


def _begun(archive: Archive, checkpoint: Checkpoint) -> int:
    """Return how many entries are published before this checkpoint, under its log's name: none for the first."""
    before = archive.register.read(lambda unit: unit.tree.before(checkpoint.size))
    if before is None or origin_of(before) != checkpoint.origin:
        return 0
    return before.size


def _lock_time(archive: Archive) -> dt.timedelta:
    return dt.timedelta(days=archive.rules.checkpoint_lock_days)
