"""Proofs that entries are in the log, as of one published checkpoint.

Not a step itself: auditors ask for proofs one by one, and an evidence package holds those of a record's whole life.
"""

from __future__ import annotations

from archive_service.errors import Conflict, Message, NotFound
from archive_service.evidence.tree import Tree
from archive_service.model.archive import Archive
from archive_service.model.units import RegisterUnit
from archive_service.model.units.log import SignedCheckpoint
from archive_verify.proof import LogProof


def published_checkpoint(unit: RegisterUnit) -> SignedCheckpoint:
    """Return the newest checkpoint that is in the store. Raises NotFound ``no-checkpoint`` before the first."""
    newest = unit.tree.newest(published=True)
    if newest is None:
        raise NotFound(
            Message(
                "No checkpoint has been published yet. Ask again in a minute; if there is still none, the operator "
                "runs a worker, and archive-service doctor.",
                "Chưa có điểm kiểm soát nào được công bố. Hãy hỏi lại sau một phút; nếu vẫn chưa có, quản trị viên cần "
                "chạy worker và archive-service doctor.",
            ),
            code="no-checkpoint",
        )
    return newest


def covering_checkpoint(archive: Archive, unit: RegisterUnit, index: int) -> SignedCheckpoint:
    """Return a published checkpoint that holds the entry: one that a witness signed, before a newer one without.

    Raises Conflict ``not-yet-in-checkpoint`` when it is to be asked for again later.
    """
    for found in (unit.tree.newest(published=True, cosigned=True), unit.tree.newest(published=True)):
        if found is not None and index < found.size:
            return found
    seconds = int(archive.rules.checkpoint_interval.total_seconds())
    raise Conflict(
        Message(
            f"The entry is not in a checkpoint yet. Ask again in {seconds} seconds; the receipt says until when it "
            "must be.",
            f"Mục nhật ký chưa nằm trong điểm kiểm soát nào. Hãy hỏi lại sau {seconds} giây; thời hạn cam kết ghi "
            "trong biên nhận.",
        ),
        code="not-yet-in-checkpoint",
        retry_after_seconds=seconds,
    )


def note_of(unit: RegisterUnit, checkpoint: SignedCheckpoint) -> str:
    """Return the checkpoint as a signed note, with what witnesses have put under it."""
    return checkpoint.note + "".join(unit.tree.cosignatures(checkpoint.size))


def inclusion_proof(unit: RegisterUnit, index: int, checkpoint: SignedCheckpoint) -> bytes:
    """Return the proof (C2SP tlog-proof) that the entry is in the checkpoint's tree."""
    hashes = Tree(unit.tree, checkpoint.size).inclusion_proof(index)
    return LogProof(index, tuple(hashes), note_of(unit, checkpoint).encode()).data
