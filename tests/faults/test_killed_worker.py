"""A worker killed at every call: its work is done by the next one, and done once."""

from __future__ import annotations

from tests.faults.kills import TIMES, kill_indexers, kill_readers
from tests.faults.place import Place


def test_reading_of_killed_workers_is_done_by_the_next_one(embedded: Place) -> None:
    assert kill_readers(embedded, seed=3, times=TIMES) == []


def test_indexing_of_killed_workers_is_done_by_the_next_one(embedded: Place) -> None:
    assert kill_indexers(embedded, seed=6, times=TIMES) == []
