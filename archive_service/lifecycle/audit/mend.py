"""Putting the right bytes back from the second store, when the first has lost or changed them.

What the second store gives is compared with the digest recorded before anything is written, and what was damaged is
never deleted here. Every repair is an event.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from archive_service.errors import ArchiveError, NotFound, TooLarge
from archive_service.model.archive import Archive
from archive_service.model.audits import AuditFinding, AuditOutcome
from archive_service.model.events import Event, EventType, LoggedEvent
from archive_service.model.identifiers import RecordId
from archive_service.model.ports import ObjectStore, Reception
from archive_service.model.record import ContentDigest, ObjectVersion
from archive_service.model.units import RegisterUnit
from retention.locks import quarantine_lock_until

_ACTOR = "operator"
_EVENTS_AT_ONCE = 500


@dataclass(frozen=True, slots=True)
class Kept:
    """One object as the register knows it, and how the register is told which version of it to read from now on."""

    key: str
    version: str
    digest: ContentDigest
    name_version: Callable[[RegisterUnit, ObjectVersion], None]


def mend(archive: Archive, record_id: RecordId, kept: Kept, damage: AuditFinding) -> AuditFinding:
    """Put the bytes recorded back and return REPAIRED; the damage itself, with what stood in the way, otherwise."""
    if archive.second_store is None:
        return damage
    try:
        with archive.staging.receive(kept.digest.size_bytes) as file:
            if not _fetch(archive.second_store, kept, file):
                return _still(damage, "the second store does not have it")
            if file.digest != kept.digest:
                return _still(damage, "the second store has other bytes too")
            until = quarantine_lock_until(archive.clock.now(), archive.rules.quarantine_lock_days)
            put = archive.store.replace_damaged(kept.key, file.path, kept.digest, until)
    except ArchiveError as failed:
        return _still(damage, failed.message.en)
    archive.register.write(lambda unit: _note(archive, unit, record_id, kept, put))
    return dataclasses.replace(
        damage, outcome=AuditOutcome.REPAIRED, explanation=f"{damage.explanation}; put back from the second store"
    )


def damaged_versions(archive: Archive, record_id: RecordId) -> set[tuple[str, str]]:
    """Return key and version of every object of the record that a repair has replaced."""
    found: set[tuple[str, str]] = set()
    after = -1
    while page := archive.register.read(partial(_events, record_id, after)):
        for one in page:
            if one.event is not None and one.event.type is EventType.OBJECT_REPAIRED:
                found.add((str(one.event.values["key"]), str(one.event.values["damaged_version"])))
        after = page[-1].index
    return found


def _events(record_id: RecordId, after: int, unit: RegisterUnit) -> list[LoggedEvent]:
    return unit.log.of_record(record_id, after, _EVENTS_AT_ONCE)


def _fetch(second: ObjectStore, kept: Kept, file: Reception) -> bool:
    """Bring the object of that key and size from the second store; False when it has none."""
    for listed in second.list_under(kept.key):
        if listed.key != kept.key or listed.stored.size_bytes != kept.digest.size_bytes:
            continue
        try:
            with second.read(listed.key, listed.version) as blocks:
                for block in blocks:
                    file.write(block)
        except (NotFound, TooLarge):
            return False
        return True
    return False


def _note(archive: Archive, unit: RegisterUnit, record_id: RecordId, kept: Kept, put: ObjectVersion) -> None:
    """Let the register name the version that holds the right bytes from now on."""
    kept.name_version(unit, put)
    values = {
        "key": kept.key,
        "damaged_version": kept.version,
        "object_version": put.version,
        "sha256": kept.digest.sha256,
    }
    unit.log.append(Event(EventType.OBJECT_REPAIRED, _ACTOR, archive.clock.now(), record_id, values))


def _still(damage: AuditFinding, why: str) -> AuditFinding:
    return dataclasses.replace(damage, explanation=f"{damage.explanation}; not repaired: {why}")
