"""Answering whether exactly these bytes are held, and as which record; or were, until they were disposed of."""

from __future__ import annotations

import re
from dataclasses import dataclass

from archive_service.errors import InvalidInput, Message
from archive_service.lifecycle.visible import DisposedRecord, disposed_records, may_see
from archive_service.model.archive import Archive
from archive_service.model.events import Event, EventType
from archive_service.model.permissions import Action, Caller, require
from archive_service.model.record import HOLDING_STATES, Record
from archive_service.model.units import RegisterUnit

_SHA256 = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class Verification:
    """The verdict on a digest: held by these records of the caller's offices, or by none.

    ``disposed``: records of the caller's offices that held the bytes and are gone.
    """

    sha256: str
    records: tuple[Record, ...]
    disposed: tuple[DisposedRecord, ...] = ()

    @property
    def held(self) -> bool:
        """Whether a record of the caller's offices holds exactly these bytes."""
        return bool(self.records)


def require_may_verify(caller: Caller) -> None:
    """Raise NotAllowed for a caller that may not verify: asked before a body is read, and again in the step."""
    require(caller, Action.VERIFY)


def verify_bytes(archive: Archive, caller: Caller, sha256: str) -> Verification:
    """Return which records of the caller's offices hold, or held, exactly the bytes with this SHA-256 (hexadecimal).

    Raises NotAllowed, InvalidInput for what is no digest.
    """
    require_may_verify(caller)
    digest = sha256.strip().lower()
    if not _SHA256.fullmatch(digest):
        raise InvalidInput(
            Message(
                "A SHA-256 digest has 64 hexadecimal digits.",
                "Giá trị băm SHA-256 gồm 64 chữ số thập lục phân.",
            )
        )
    held, disposed = archive.register.read(lambda unit: _with_content(unit, caller, digest))
    now = archive.clock.now()
    events = [Event(EventType.VERIFIED, caller.id, now, record.id, {"sha256": digest, "held": True}) for record in held]
    if not held:
        events.append(Event(EventType.VERIFIED, caller.id, now, None, {"sha256": digest, "held": False}))
    archive.register.write(lambda unit: unit.log.append(*events))
    return Verification(digest, held, disposed)


def _with_content(
    unit: RegisterUnit, caller: Caller, sha256: str
) -> tuple[tuple[Record, ...], tuple[DisposedRecord, ...]]:
    seen = [record for record in unit.records.with_content(sha256) if may_see(caller, record)]
    held = tuple(record for record in seen if record.state in HOLDING_STATES)
    return held, tuple(disposed_records(unit, seen))
