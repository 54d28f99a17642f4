"""What must hold between the log, its tree, and what was signed and published of it; and how far it is published.

Not a step itself: sealing asks before it signs, whoever diagnoses asks too. It only reads.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

from archive_service.errors import IntegrityFailure, Message
from archive_service.evidence.entry import time_of_entry
from archive_service.evidence.tree import Tree
from archive_service.lifecycle.log.continuity import rolled_back
from archive_service.lifecycle.log.published import newest_published, read_published
from archive_service.model.archive import Archive
from archive_service.model.units import RegisterUnit
from archive_service.model.units.log import SignedCheckpoint
from archive_verify.checkpoint import Checkpoint, parse_checkpoint
from archive_verify.errors import Refused
from archive_verify.merkle import require_consistency
from archive_verify.notes import parse_note


def require_uncontradicted(archive: Archive) -> None:
    """Raise IntegrityFailure when tree, signed and published checkpoints contradict each other; it only reads.

    What sealing would find when it signs next. Raises Unavailable.
    """
    last, published = archive.register.read(lambda unit: (unit.tree.newest(), unit.tree.newest(published=True)))
    archive.register.read(lambda unit: grown(unit, archive.signer.origin, last))
    published_since(archive, last)
    if published is None:
        return
    stated = parse_checkpoint(parse_note(published.note.encode()).text)
    if read_published(archive.store, stated.origin, published.size)[1] != stated:
        raise contradicted(f"the store has another checkpoint of {published.size} entries")


@dataclass(frozen=True, slots=True)
class Publication:
    """How far the log is published. ``waits_since`` is the time that the oldest entry outside states, if any."""

    entries: int
    published: int
    waits_since: dt.datetime | None


def publication(unit: RegisterUnit, origin: str) -> Publication:
    """Return how far the log of that name is published."""
    newest = unit.tree.newest(published=True)
    size = newest.size if newest is not None and origin_of(newest) == origin else 0
    outside = unit.log.entry_bytes(size, 1)
    return Publication(unit.log.size(), size, time_of_entry(outside[0]) if outside else None)


def origin_of(signed: SignedCheckpoint) -> str:
    """Return the name of the log that a checkpoint is of."""
    return parse_checkpoint(parse_note(signed.note.encode()).text).origin


def grown(unit: RegisterUnit, origin: str, last: SignedCheckpoint | None) -> Checkpoint | None:
    """Return the tree to sign, None when it is the one that was signed last.

    Raises IntegrityFailure unless it extends that one, by a proof that the checker of auditors accepts.
    """
    size = unit.tree.integrated()
    tree = Tree(unit.tree, size)
    if last is None:
        return Checkpoint(origin, size, tree.root()) if size else None
    if size < last.size:
        raise contradicted(f"its tree has {size} entries, fewer than the {last.size} that were signed")
    root = tree.root()
    try:
        require_consistency(last.size, size, tree.consistency_proof(last.size), last.root, root)
    except Refused as wrong:
        raise contradicted(f"its tree of {size} entries does not extend the {last.size} that were signed") from wrong
    same = size == last.size and origin_of(last) == origin
    return None if same else Checkpoint(origin, size, root)


def published_since(archive: Archive, last: SignedCheckpoint | None) -> SignedCheckpoint | None:
    """Return the newest checkpoint in the store that is larger than the register's last; it must be of this tree."""
    origin = archive.signer.origin
    published = newest_published(archive.store, origin, last.size if last is not None else 0)
    if published is None:
        return None
    size, root = archive.register.read(
        lambda unit: (
            size := unit.tree.integrated(),
            Tree(unit.tree, published).root() if published <= size else b"",
        )
    )
    if published > size:
        raise rolled_back(size, published)
    note, checkpoint = read_published(archive.store, origin, published)
    if root != checkpoint.root:
        raise contradicted(f"another tree of {published} entries was published")
    now = archive.clock.now()
    return SignedCheckpoint(published, root, note.data.decode(), now, now)


def contradicted(how: str) -> IntegrityFailure:
    """Return the alarm for a log that is not the one that was signed."""
    return IntegrityFailure(
        Message(
            f"The log contradicts what was signed: {how}. No checkpoint is signed until this is explained. Keep the "
            "register and the store as they are, and compare them with a backup.",
            "Nhật ký mâu thuẫn với điểm kiểm soát đã ký. Không ký thêm điểm kiểm soát nào cho đến khi làm rõ. "
            "Hãy giữ nguyên sổ đăng ký và kho đối tượng, rồi đối chiếu với bản sao lưu.",
        ),
        code="log-contradicts-checkpoint",
    )
