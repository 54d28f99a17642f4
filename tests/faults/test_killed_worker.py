"""A worker killed at every call: its work is done by the next one, and done once."""

from __future__ import annotations

from tests.faults.kills import kill_workers
from tests.faults.place import Place


def test_work_of_killed_workers_is_done_by_the_next_one(embedded: Place) -> None:
    assert kill_workers(embedded, seed=3) == []
