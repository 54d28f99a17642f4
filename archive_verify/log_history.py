"""The order of a log against its clock: times that go back contradict the order of their entries.

The order of entries is proven by the tree; the time that an entry states is the archive's word. Where they contradict
each other, either an entry was put in later than it says, or a clock once ran ahead: times alone never tell which, so
that it is neither in order nor proof of a forgery. Clocks of several machines and waiting transactions differ a little.
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterable

from archive_verify.errors import Malformed, Refused

# How far clocks of one archive's machines may differ, and how long a transaction may wait before it is committed.
CLOCK_SKEW = dt.timedelta(minutes=10)


class OutOfOrder(Refused):
    """An entry states a time that contradicts its place: it was backdated, or a clock ran ahead before it."""


def require_in_time_order(
    entries: Iterable[bytes], *, since: dt.datetime | None = None, skew: dt.timedelta = CLOCK_SKEW
) -> dt.datetime | None:
    """Return the latest time that entries state, in the log's order; go on from ``since``, the latest before them.

    Raises OutOfOrder for an entry that states a time more than ``skew`` before an earlier entry's; Malformed.
    """
    latest = since
    for entry in entries:
        at = _time_of(entry)
        if latest is not None and at < latest - skew:
            raise OutOfOrder(f"An entry states {at.isoformat()}, although one before it is of {latest.isoformat()}.")
        latest = at if latest is None else max(latest, at)
    return latest


def _time_of(entry: bytes) -> dt.datetime:
    try:
        at = dt.datetime.fromisoformat(json.loads(entry)["at"])
    except (ValueError, KeyError, TypeError, RecursionError) as wrong:
        raise Malformed("An entry does not state its time.") from wrong
    if at.tzinfo is None:
        raise Malformed("An entry states a time without its zone.")
    return at
