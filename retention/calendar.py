"""Which day it is: retention counts days of the archive's own place, and instants are kept in UTC."""

from __future__ import annotations

import datetime as dt

# Indochina Time, all year round; Vietnam has had no summer time since 1975 (IANA tz, Asia/Ho_Chi_Minh).
PLACE = dt.timezone(dt.timedelta(hours=7))


def day_of(instant: dt.datetime) -> dt.date:
    """Return the day on which an aware instant falls in the archive's place. Raises ValueError for a naive one.

    >>> day_of(dt.datetime(2026, 12, 31, 17, 0, tzinfo=dt.timezone.utc)).isoformat()
    '2027-01-01'
    """
    if instant.tzinfo is None:
        raise ValueError("an instant without a time zone falls on no day")
    return instant.astimezone(PLACE).date()


def end_of_day(day: dt.date) -> dt.datetime:
    """Return the instant at which a day has ended in the archive's place, in UTC: the lock of what is kept through it.

    >>> end_of_day(dt.date(2026, 12, 31)).isoformat()
    '2026-12-31T17:00:00+00:00'
    """
    if day == dt.date.max:
        return dt.datetime.max.replace(microsecond=0, tzinfo=dt.UTC)
    return dt.datetime.combine(day + dt.timedelta(days=1), dt.time(), PLACE).astimezone(dt.UTC)


def clocks_agree(ours: dt.datetime, theirs: dt.datetime, bound: dt.timedelta) -> bool:
    """Whether two clocks differ by no more than the bound, whichever runs ahead: disposals stop when they do not.

    >>> noon = dt.datetime(2026, 1, 1, 12, tzinfo=dt.timezone.utc)
    >>> clocks_agree(noon, noon - dt.timedelta(minutes=6), dt.timedelta(minutes=5))
    False
    """
    return abs(ours - theirs) <= bound
