"""How long an object in the store stays locked: rules only, of pure values.

A lock only ever gets longer. The first lock of an object is short, because a mistake must not be locked in for
decades; it is renewed while a decision is pending.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

from retention.calendar import PLACE, end_of_day
from retention.decide import Decision, RetentionState


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


@dataclass(frozen=True, slots=True)
class LockTerms:
    """How long locks last where no day says it.

    ``rolling_days``: while a trigger is unknown, a hold stands or no rule speaks of a record. ``permanent_years``: what
    is kept for ever is locked that far ahead, and again each year.
    """

    rolling_days: int = 90
    permanent_years: int = 10


@dataclass(frozen=True, slots=True)
class LockPlan:
    """Until when everything under a record is to be locked at least, None for no longer than it is.

    ``held``: it may not be deleted though the lock ended. ``look_again_at``: when to ask anew, None for never.
    """

    until: dt.datetime | None
    held: bool
    look_again_at: dt.datetime | None


_YEAR = dt.timedelta(days=365)


def lock_plan(decision: Decision, now: dt.datetime, terms: LockTerms) -> LockPlan:
    """Return the lock that follows from a decision.

    What runs is locked through its last day. What waits, has no class or is held keeps a rolling lock, so that a lock
    stands whenever it becomes clear how long it lasts. A lock that is longer than the plan stays as it is.
    """
    rolling = quarantine_lock_until(now, terms.rolling_days)
    again = now + dt.timedelta(days=terms.rolling_days) / 2
    held = bool(decision.holds)
    ends = None if decision.kept_until is None else end_of_day(decision.kept_until)
    match decision.standing:
        case RetentionState.RUNNING | RetentionState.DUE if ends is not None:
            if held:
                return LockPlan(longer_lock(ends, rolling), held, again)
            return LockPlan(ends if ends > now else None, held, None)
        case RetentionState.PERMANENT:
            until = quarantine_lock_until(now, terms.permanent_years * _YEAR.days)
            return LockPlan(until, held, min(again, now + _YEAR) if held else now + _YEAR)
    if decision.trigger_on is not None:
        happens = dt.datetime.combine(decision.trigger_on, dt.time(), PLACE).astimezone(dt.UTC)
        again = min(again, happens) if happens > now else again
    return LockPlan(rolling, held, again)
