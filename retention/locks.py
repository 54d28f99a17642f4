"""How long an object in the store stays locked: rules only, of pure values.

A lock only ever gets longer. The first lock of an object is short, because a mistake must not be locked in for
decades; it is renewed while a decision is pending.
"""

from __future__ import annotations

import datetime as dt


def quarantine_lock_until(stored_at: dt.datetime, days: int) -> dt.datetime:
    """Return the instant until which a newly stored object is locked, rounded up to whole seconds.

    Stores keep whole seconds, so a fraction would make the recorded and the enforced instant differ.

    >>> quarantine_lock_until(dt.datetime(2026, 11, 1, tzinfo=dt.timezone.utc), 14).isoformat()
    '2026-11-15T00:00:00+00:00'
    """
    if days < 1:
        raise ValueError("a quarantine lock lasts at least one day")
    until = stored_at + dt.timedelta(days=days)
    return until if until.microsecond == 0 else until.replace(microsecond=0) + dt.timedelta(seconds=1)


def longer_lock(current: dt.datetime | None, wanted: dt.datetime) -> dt.datetime:
    """Return the later of two lock dates: a lock is never shortened.

    >>> noon = dt.datetime(2026, 1, 1, 12, tzinfo=dt.timezone.utc)
    >>> longer_lock(noon, noon - dt.timedelta(days=1)) == noon
    True
    """
    return wanted if current is None or wanted > current else current


def needs_renewal(locked_until: dt.datetime, now: dt.datetime, days: int) -> bool:
    """Whether a rolling lock of ``days`` has less than half of its time left.

    >>> now = dt.datetime(2026, 1, 8, tzinfo=dt.timezone.utc)
    >>> needs_renewal(dt.datetime(2026, 1, 12, tzinfo=dt.timezone.utc), now, 14)
    True
    """
    return locked_until - now < dt.timedelta(days=days) / 2
