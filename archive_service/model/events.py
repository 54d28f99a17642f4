"""What can happen in the archive, each an entry of its one log."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from archive_service.model.identifiers import RecordId

Json = str | int | float | bool | None | Sequence["Json"] | Mapping[str, "Json"]


class EventType(StrEnum):
    """The kinds of event; the names are part of the log's format and never change their meaning."""

    DEPOSITED = "deposited"
    DEPOSIT_REFUSED = "deposit-refused"
    TEXT_READ = "text-read"
    TEXT_FAILED = "text-failed"
    RELEASED = "quarantine-released"
    REJECTED = "quarantine-rejected"
    FINDING_RESOLVED = "finding-resolved"
    RENDITION_SEALED = "rendition-sealed"
    RENDITION_FAILED = "rendition-failed"
    METADATA_CORRECTED = "metadata-corrected"
    RECORD_READ = "record-read"
    CONTENT_READ = "content-read"
    RENDITION_READ = "rendition-read"
    TEXT_SERVED = "text-served"
    QUARANTINE_READ = "quarantine-read"
    FINDINGS_READ = "findings-read"
    EVENTS_READ = "events-read"
    SEARCHED = "searched"
    SUBJECT_READ = "subject-read"
    VERIFIED = "verified"
    READING_ASKED = "reading-asked"
    SUBJECT_IDENTIFIED = "subject-identified"
    SUBJECTS_MERGED = "subjects-merged"
    SUBJECTS_UNMERGED = "subjects-unmerged"
    REFERENCE_LOADED = "reference-loaded"
    API_KEY_CREATED = "api-key-created"
    API_KEY_REVOKED = "api-key-revoked"
    LOCK_EXTENDED = "lock-extended"
    REBUILT = "rebuilt"
    RESTORED = "restored"
    DISPOSAL_REPLAYED = "disposal-replayed"
    UNFINISHED_REMOVED = "unfinished-removed"
    OBJECT_REPAIRED = "object-repaired"
    AUDITED = "audited"
    AUDIT_PRINTED = "audit-printed"
    EVIDENCE_EXPORTED = "evidence-exported"
    LOG_KEY_ROTATED = "log-key-rotated"
    LOG_BEGUN = "log-begun"
    LOG_CAUGHT_UP = "log-caught-up"
    SCHEDULE_ADOPTED = "schedule-adopted"
    RETENTION_DECIDED = "retention-decided"
    RETENTION_EVENT_TOLD = "retention-event-told"
    RETENTION_EVENT_WITHDRAWN = "retention-event-withdrawn"
    RETENTION_READ = "retention-read"
    HOLD_PLACED = "hold-placed"
    HOLD_REVIEWED = "hold-reviewed"
    HOLD_LIFTED = "hold-lifted"
    DISPOSAL_PROPOSED = "disposal-proposed"
    DISPOSAL_EXCEPTED = "disposal-excepted"
    DISPOSAL_VOTED = "disposal-voted"
    DISPOSAL_APPROVED = "disposal-approved"
    DISPOSAL_REJECTED = "disposal-rejected"
    TRANSFER_RECEIVED = "transfer-received"
    DISPOSED = "disposed"
    DISPOSAL_CERTIFIED = "disposal-certified"


# What happens to a record, as against who looked at it and how long it stays locked: what an evidence package tells.
LIFE_EVENTS = frozenset(
    {
        EventType.DEPOSITED,
        EventType.TEXT_READ,
        EventType.TEXT_FAILED,
        EventType.RELEASED,
        EventType.REJECTED,
        EventType.FINDING_RESOLVED,
        EventType.RENDITION_SEALED,
        EventType.RENDITION_FAILED,
        EventType.METADATA_CORRECTED,
        EventType.OBJECT_REPAIRED,
        EventType.DISPOSAL_REPLAYED,
    }
)


# What is decided about a disposal and becomes of it: what its evidence package tells.
DISPOSAL_EVENTS = frozenset(
    {
        EventType.DISPOSAL_PROPOSED,
        EventType.DISPOSAL_EXCEPTED,
        EventType.DISPOSAL_VOTED,
        EventType.DISPOSAL_APPROVED,
        EventType.DISPOSAL_REJECTED,
        EventType.TRANSFER_RECEIVED,
        EventType.DISPOSED,
        EventType.DISPOSAL_CERTIFIED,
    }
)


# After one of these a record is gone, and with it what its other entries commit to.
DISPOSALS = frozenset({EventType.DISPOSED, EventType.DISPOSAL_REPLAYED})


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened. ``values`` go into the erasable payload, never into the entry itself."""

    type: EventType
    actor: str
    at: dt.datetime
    record_id: RecordId | None = None
    values: Mapping[str, Json] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class LoggedEvent:
    """An event as it stands in the log. ``event`` is None once its payload has been erased."""

    index: int
    entry: bytes
    event: Event | None


@dataclass(frozen=True, slots=True)
class SealedEntry:
    """An entry with the payload and salt that it commits to; both are None once they have been erased."""

    index: int
    entry: bytes
    payload: bytes | None
    salt: bytes | None
