"""Keeping what is kept locked: a short rolling lock, renewed before it ends, on everything under a record."""

from __future__ import annotations

import dataclasses
import datetime as dt

from archive_service.model.archive import Archive
from archive_service.model.events import Event, EventType
from archive_service.model.objects import record_prefix
from archive_service.model.record import Record
from archive_service.model.units import RegisterUnit
from retention.locks import longer_lock, quarantine_lock_until

# Who renewals are done by, in the log.
_ACTOR = "worker"


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
