"""Bringing a register that was restored from an older backup up to the log as it was published.

Checkpoints and the entries under them lie in the locked store. The entries that the register lacks are taken from
there and proven against the published checkpoint before one of them counts; then the log goes on as if nothing had
happened, with nothing left out and nothing said twice. Lost for good are the payloads of those entries (who, and
which values), and entries that were in no published checkpoint: the log says so in an entry of its own.
"""

from __future__ import annotations

from dataclasses import dataclass

from archive_service.errors import IntegrityFailure, Message
from archive_service.evidence.tree import Tree, append
from archive_service.lifecycle.published import newest_published, published_entries, read_published
from archive_service.model.archive import Archive
from archive_service.model.events import Event, EventType
from archive_service.model.units import RegisterUnit, SignedCheckpoint
from archive_verify.errors import Refused
from archive_verify.merkle import leaf_hash
from archive_verify.notes import signers

# Who catches up, in the log.
_ACTOR = "operator"


@dataclass(frozen=True, slots=True)
class CaughtUp:
    """What was done: how many entries the register had, and has now of what was published."""

    before: int
    after: int


def catch_up(archive: Archive) -> CaughtUp:
    """Give the register the published entries that it lacks: all of them, proven, or none.

    ``archive`` is one whose register is not guarded. Nothing happens when the register lacks none.
    Raises IntegrityFailure when what the register has is not how the published log begins, or the store has not all
    entries; Unavailable.
    """
    size = archive.register.read(lambda unit: unit.log.size())
    published = newest_published(archive.store, archive.signer.origin, size)
    if published is None:
        return CaughtUp(size, size)
    note, checkpoint = read_published(archive.store, archive.signer.origin, published)
    try:
        signed = bool(signers(note, archive.signer.verifier_keys))
    except Refused:
        signed = False
    if not signed:
        raise _not_ours(published)
    missing = list(published_entries(archive.store, archive.signer.origin, size))[: published - size]

    def enter(unit: RegisterUnit) -> None:
        unit.tree.take_turn()
        if unit.log.size() != size:
            raise _not_ours(published)
        unit.log.catch_up(missing)
        _grow(unit, published)
        if Tree(unit.tree, published).root() != checkpoint.root:
            raise _not_ours(published)
        now = archive.clock.now()
        unit.tree.add_checkpoint(SignedCheckpoint(published, checkpoint.root, note.data.decode(), now, now))
        values = {"from": size, "to": published}
        unit.log.append(Event(EventType.LOG_CAUGHT_UP, _ACTOR, now, None, values))

    if len(missing) != published - size:
        raise _not_ours(published)
    archive.register.write(enter)
    return CaughtUp(size, published)


def _grow(unit: RegisterUnit, size: int) -> None:
    start = unit.tree.integrated()
    leaves = [leaf_hash(entry) for entry in unit.log.entry_bytes(start, size - start)]
    unit.tree.put(append(unit.tree, start, leaves))


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
