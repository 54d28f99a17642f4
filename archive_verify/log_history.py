"""The order of a log against its clock: an entry that states an earlier time than those before it was backdated.

The order of entries is proven by the tree; the time that an entry states is the archive's word. Together they tell
when an entry was put in later than it says. Clocks of several machines and waiting transactions differ a little.
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterable

from archive_verify.errors import Malformed, Refused

# How far clocks of one archive's machines may differ, and how long a transaction may wait before it is committed.
CLOCK_SKEW = dt.timedelta(minutes=10)


def require_in_time_order(
    entries: Iterable[bytes], *, since: dt.datetime | None = None, skew: dt.timedelta = CLOCK_SKEW
) -> dt.datetime | None:
    """Return the latest time that entries state, in the log's order; go on from ``since``, the latest before them.

    Raises Refused for an entry that states a time more than ``skew`` before an earlier entry's; Malformed.
    """
    latest = since
    for entry in entries:
        at = _time_of(entry)
        if latest is not None and at < latest - skew:
            raise Refused(f"An entry states {at.isoformat()}, although one before it is of {latest.isoformat()}.")
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
