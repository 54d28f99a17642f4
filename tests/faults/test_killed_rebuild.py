"""A rebuild of the index killed at every call: searches go on, and the next rebuild ends with every record in it."""

from __future__ import annotations

from tests.faults.kills import TIMES, kill_rebuilds
from tests.faults.place import Place


def test_killed_rebuild_is_ended_by_the_next_one_and_holds_every_record(embedded: Place) -> None:
    assert kill_rebuilds(embedded, seed=4, times=TIMES) == []
