"""Keeping what is kept locked: rolling locks, renewed before they end.

A short one on everything under a record, a long one on what outlives records: the published log and audit reports.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
import json
from itertools import groupby, islice
from operator import attrgetter

from archive_service.model.archive import Archive
from archive_service.model.events import Event, EventType
from archive_service.model.objects import OF_THE_ARCHIVE, record_prefix
from archive_service.model.record import ObjectVersion, Record
from archive_service.model.units import RegisterUnit
from retention.locks import longer_lock, needs_renewal, quarantine_lock_until

# Who renewals are done by, in the log.
_ACTOR = "worker"

# Where the look through the locks of evidence stands, by prefix, and how long it rests once it has come round.
_PROGRESS = "evidence-locks:"
_ROUND = dt.timedelta(days=1)


def renew_locks(archive: Archive, limit: int) -> int:
    """Lengthen the locks that have less than half of their time left, soonest first; return how many records.

    A rejected record is let go: its lock ends and is not renewed. Idempotent; may run on several hosts at once.
    Raises Unavailable: what was lengthened stays so.
    """
    now = archive.clock.now()
    days = archive.rules.quarantine_lock_days
    soon = now + dt.timedelta(days=days) / 2
    due = archive.register.read(lambda unit: unit.records.locks_ending_before(soon, limit))
    for record in due:
        _renew(archive, record, quarantine_lock_until(now, days))
    return len(due)


def _renew(archive: Archive, record: Record, wanted: dt.datetime) -> None:
    until = longer_lock(record.original.locked_until, wanted)
    in_force = until
    for stored in archive.store.list_under(record_prefix(record.id)):
        in_force = min(in_force, archive.store.extend_lock(stored.key, stored.version, until))
    original = dataclasses.replace(record.original, locked_until=in_force)

    def keep(unit: RegisterUnit) -> None:
        unit.records.set_lock(record.id, original)
        unit.renditions.set_lock(record.id, in_force)
        unit.log.append(
            Event(
                EventType.LOCK_EXTENDED,
                _ACTOR,
                archive.clock.now(),
                record.id,
                {"locked_until": in_force.isoformat()},
            )
        )

    archive.register.write(keep)


def renew_evidence_locks(archive: Archive, limit: int) -> int:
    """Lengthen the locks of the published log, time-stamps and audit reports, as ``renew_locks`` does; return how many.

    At most ``limit`` objects of each are looked at, from where the last call stopped; all were looked at when it has
    come round, and then it rests for a day. Idempotent; may run on several hosts at once. Raises Unavailable.
    """
    return sum(_walk(archive, prefix, limit) for prefix in OF_THE_ARCHIVE)


def _walk(archive: Archive, prefix: str, limit: int) -> int:
    name, now = f"{_PROGRESS}{prefix}", archive.clock.now()
    said = archive.register.read(lambda unit: unit.progress.get(name))
    stands: dict[str, str] = json.loads(said) if said is not None else {}
    if "rests_until" in stands and now < dt.datetime.fromisoformat(stands["rests_until"]):
        return 0
    days, renewed, passed, last = archive.rules.checkpoint_lock_days, 0, 0, None
    by_key = groupby(archive.store.list_under(prefix, after=stands.get("after", "")), attrgetter("key"))
    for key, versions in islice(by_key, limit):
        renewed += sum(_lengthen(archive, one, now, days) for one in versions)
        passed, last = passed + 1, key
    stands = {"after": str(last)} if passed == limit else {"rests_until": (now + _ROUND).isoformat()}
    archive.register.write(lambda unit: unit.progress.put(name, json.dumps(stands)))
    return renewed


def _lengthen(archive: Archive, stored: ObjectVersion, now: dt.datetime, days: int) -> bool:
    until = archive.store.lock_of(stored.key, stored.version)
    if until is not None and not needs_renewal(until, now, days):
        return False
    archive.store.extend_lock(stored.key, stored.version, quarantine_lock_until(now, days))
    return True
