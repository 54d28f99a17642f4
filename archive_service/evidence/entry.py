"""The log entry: what will be a leaf of the Merkle log, and the payload it commits to.

An entry holds no personal data and is never changed or deleted. Actor and values stand in the payload, which may be
erased; the entry commits to it by SHA-256 and SHA-512 of salt ‖ payload, so that a kept payload can be proven and an
erased one cannot be guessed (the salt goes with it). The exact bytes of the entry are what is kept and hashed.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import hmac
import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from archive_service.evidence.canonical import canonical_json
from archive_service.model.events import Event, EventType
from archive_service.model.identifiers import RecordId

# 256 bits: an erased payload of few possible values must not be found by trying them all.
SALT_BYTES = 32

# Canonical JSON, and no value of an entry is free text: this is in the bytes of a deposit's entry and in no other's.
_DEPOSIT = f'"type":"{EventType.DEPOSITED}"'.encode()

# The version of the entry's format, its field ``v``.
ENTRY_VERSION = 1


@dataclass(frozen=True, slots=True)
class SealedEvent:
    """An event as bytes: the entry that stays, and the payload and salt that may be erased."""

    entry: bytes
    payload: bytes
    salt: bytes


def seal_event(event: Event, salt: bytes) -> SealedEvent:
    """Return the entry and payload of an event.

    ``salt`` is SALT_BYTES unpredictable bytes, used for this event only.
    """
    if len(salt) != SALT_BYTES:
        raise ValueError(f"a salt has {SALT_BYTES} bytes")
    payload = canonical_json({"actor": event.actor, "values": dict(event.values)})
    committed = salt + payload
    entry = canonical_json(
        {
            "v": ENTRY_VERSION,
            "type": str(event.type),
            "record": event.record_id,
            "at": format_instant(event.at),
            "sha256": hashlib.sha256(committed).hexdigest(),
            "sha512": hashlib.sha512(committed).hexdigest(),
        }
    )
    return SealedEvent(entry, payload, salt)


def commitment_holds(entry: bytes, payload: bytes, salt: bytes) -> bool:
    """Whether the payload and salt are those that the entry commits to, by both digests."""
    values = json.loads(entry)
    committed = salt + payload
    return hmac.compare_digest(values["sha256"], hashlib.sha256(committed).hexdigest()) and hmac.compare_digest(
        values["sha512"], hashlib.sha512(committed).hexdigest()
    )


def open_event(entry: bytes, payload: bytes) -> Event:
    """Return the event that an entry and its payload state. The commitment is not checked here."""
    outer: dict[str, Any] = json.loads(entry)
    inner: dict[str, Any] = json.loads(payload)
    record = outer["record"]
    return Event(
        type=EventType(outer["type"]),
        actor=inner["actor"],
        at=parse_instant(outer["at"]),
        record_id=RecordId(record) if record is not None else None,
        values=inner["values"],
    )


def type_of_entry(entry: bytes) -> str:
    """Return what kind of event an entry is of, which stands in the entry itself."""
    return str(json.loads(entry)["type"])


def is_deposit(entry: bytes) -> bool:
    """Whether the entry is that of a deposit. It is asked of every entry of the log, so that nothing is parsed.

    >>> is_deposit(b'{"type":"deposited"}'), is_deposit(b'{"type":"deposit-refused"}')
    (True, False)
    """
    return _DEPOSIT in entry


def end_of_entry(type_: EventType) -> bytes:
    """Return how an entry of that type ends, and no other does: a database can look for it without reading JSON.

    >>> end_of_entry(EventType.SEARCHED)
    b',"type":"searched","v":1}'
    """
    return f',"type":"{type_}","v":{ENTRY_VERSION}}}'.encode()


def type_markers(kinds: Iterable[EventType]) -> tuple[bytes, ...]:
    """Return what is in the bytes of entries of these kinds and of no others, so that most need not be parsed.

    >>> type_markers([EventType.DISPOSED])
    (b'"type":"disposed"',)
    """
    return tuple(f'"type":"{kind}"'.encode() for kind in kinds)


def record_of_entry(entry: bytes) -> RecordId | None:
    """Return which record an entry is about."""
    record = json.loads(entry)["record"]
    return RecordId(record) if record is not None else None


def time_of_entry(entry: bytes) -> dt.datetime:
    """Return when an entry says that its event was."""
    return parse_instant(json.loads(entry)["at"])


def format_instant(instant: dt.datetime) -> str:
    """Return an aware instant in UTC with microseconds (ISO 8601).

    >>> format_instant(dt.datetime(2026, 11, 23, tzinfo=dt.timezone.utc))
    '2026-11-23T00:00:00.000000Z'
    """
    return instant.astimezone(dt.UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def parse_instant(text: str) -> dt.datetime:
    """Return the instant that ``format_instant`` wrote."""
    return dt.datetime.strptime(text, "%Y-%m-%dT%H:%M:%S.%fZ").replace(tzinfo=dt.UTC)
