"""What the log tells of a disposal's decision: found by time, so that the whole log is not looked through.

Not a step itself; the steps that show disposals and give them out call it.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection
from dataclasses import dataclass

from archive_service.evidence.entry import time_of_entry
from archive_service.model.disposals import Disposal
from archive_service.model.events import EventType, Json, LoggedEvent
from archive_service.model.record import ContentDigest
from archive_service.model.units import RegisterUnit
from archive_verify.log_history import CLOCK_SKEW

# Log entries that the database looks through at a time.
_ENTRIES_AT_A_TIME = 100_000


@dataclass(frozen=True, slots=True)
class CertifiedDigests:
    """The digests of certificate and paper as the log tells them; ``paper`` is None where nobody could seal."""

    certificate: ContentDigest
    paper: ContentDigest | None


def certified_digests(unit: RegisterUnit, disposal: Disposal) -> CertifiedDigests | None:
    """Return what was certified of a disposal; None before, and where the log here does not tell of it."""
    if disposal.ended_at is None or disposal.certificate_sha256 is None:
        return None
    start, end = (first_since(unit, disposal.ended_at + by) for by in (-CLOCK_SKEW, CLOCK_SKEW))
    for logged in told_since(unit, disposal.id, (EventType.DISPOSAL_CERTIFIED,), start, end):
        values = logged.event.values if logged.event is not None else {}
        certificate, paper = digest_of(values["certificate"]), digest_of(values["paper"])
        if certificate is not None and certificate.sha256 == disposal.certificate_sha256:
            return CertifiedDigests(certificate, paper)
    return None


def digest_of(said: Json) -> ContentDigest | None:
    """Return a digest as an entry states it, None where it states none."""
    if not isinstance(said, dict):
        return None
    return ContentDigest(int(str(said["size_bytes"])), str(said["sha256"]), str(said["sha512"]))


def told_since(
    unit: RegisterUnit, disposal_id: str, types: Collection[EventType], start: int, end: int | None = None
) -> list[LoggedEvent]:
    """Return the entries of these types about the disposal from an index on, until the one of certifying.

    Later ones are not read, nor any from ``end`` on.
    """
    found = list[LoggedEvent]()
    size = unit.log.size() if end is None else end
    while start < size and not (found and is_of(found[-1], EventType.DISPOSAL_CERTIFIED)):
        some = unit.log.of_no_record(types, start, min(start + _ENTRIES_AT_A_TIME, size))
        found += [one for one in some if one.event is not None and one.event.values.get("disposal") == disposal_id]
        start += _ENTRIES_AT_A_TIME
    return found


def is_of(logged: LoggedEvent, type_: EventType) -> bool:
    """Whether the entry is of that type, and its payload there."""
    return logged.event is not None and logged.event.type is type_


def first_since(unit: RegisterUnit, instant: dt.datetime) -> int:
    """Return the index before which no entry of a log in the order of time states that instant or a later one."""
    low, high = 0, unit.log.size()
    while low < high:
        middle = (low + high) // 2
        [entry] = unit.log.entry_bytes(middle, 1)
        if time_of_entry(entry) < instant:
            low = middle + 1
        else:
            high = middle
    return low
