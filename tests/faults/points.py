"""Every call at which the service is killed, as the setting ARCHIVE_KILL_AT names them."""

from __future__ import annotations

from collections.abc import Mapping

# The calls of one deposit by a caller who is not remembered, and how many there are of each.
DEPOSIT_CALLS: Mapping[str, int] = {
    "register.read": 1,
    "staging.receive": 1,
    "register.write": 2,
    "pdf.examine": 1,
    "store.put_all": 1,
}

# Who is remembered is not asked for in the register, and does not come to these.
OF_A_NEWCOMER = frozenset({"register.read:before:1", "register.read:after:1"})

# The calls by which a worker reads a record's words: claim, keep, done. It also looks for work, which is another read
# each time.
ENRICH_CALLS: Mapping[str, int] = {
    "register.read": 2,
    "register.write": 3,
    "staging.receive": 1,
    "store.read": 1,
    "pdf.read_text": 1,
}

# The calls by which it puts a record into the index: claim, mark, done.
INDEX_CALLS: Mapping[str, int] = {"register.read": 2, "register.write": 3, "index.put": 1}

# The calls of a rebuild of the index.
REINDEX_CALLS: Mapping[str, int] = {
    "index.build": 1,
    "build.add": 1,
    "build.commit": 2,
    "build.switch": 1,
    "register.write": 2,
}


def points_of(calls: Mapping[str, int]) -> list[str]:
    """Return the points before and after each of the calls."""
    return [
        f"{call}:{when}:{number}"
        for call, count in calls.items()
        for number in range(1, count + 1)
        for when in ("before", "after")
    ]
