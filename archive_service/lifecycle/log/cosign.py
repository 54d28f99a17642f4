"""Keeping what witnesses say: that they saw the same log, and that it only ever grew (C2SP tlog-cosignature)."""

from __future__ import annotations

from archive_service.errors import InvalidInput, Message
from archive_service.model.archive import Archive
from archive_service.model.permissions import Action, Caller, require
from archive_service.model.units import RegisterUnit
from archive_verify.checkpoint import parse_checkpoint
from archive_verify.errors import Refused
from archive_verify.notes import parse_note, verified_signatures


def keep_cosignatures(archive: Archive, caller: Caller, note: bytes) -> tuple[str, ...]:
    """Keep the configured witnesses' signatures on a published checkpoint; return the witnesses' names.

    Signatures of others are passed over. Idempotent; a later one of the same key takes the place of the earlier. A
    witness may have several keys, as of several kinds, and each counts for itself.
    Raises NotAllowed; InvalidInput ``cosignature-refused`` when it is no note, not of a published checkpoint, or a
    witness's signature does not fit.
    """
    require(caller, Action.COSIGN_LOG)
    try:
        cosigned = parse_note(note)
        checkpoint = parse_checkpoint(cosigned.text)
        signed = {(one.key.name, one.key.id) for one in verified_signatures(cosigned, archive.witnesses)}
    except Refused as wrong:
        raise _refused(str(wrong)) from wrong
    if not signed:
        raise _refused("None of the configured witnesses signed it.")
    kept = [one for one in cosigned.signatures if (one.name, one.key_id) in signed]
    now = archive.clock.now()

    def keep(unit: RegisterUnit) -> None:
        known = unit.tree.checkpoint(checkpoint.size)
        if known is None or known.published_at is None or parse_note(known.note.encode()).text != cosigned.text:
            raise _refused("It is not of a checkpoint that this archive has published.")
        for one in kept:
            unit.tree.add_cosignature(checkpoint.size, f"{one.name}+{one.key_id.hex()}", one.line, now)

    archive.register.write(keep)
    return tuple(sorted({one.name for one in kept}))


def _refused(why: str) -> InvalidInput:
    return InvalidInput(
        Message(
            f"The cosignature is not kept: {why}",
            "Chữ ký của người chứng kiến không được nhận: không đúng định dạng, không phải của điểm kiểm soát đã công "
            "bố, hoặc không khớp khoá đã cấu hình.",
        ),
        code="cosignature-refused",
    )
