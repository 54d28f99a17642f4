"""A worker killed at every call: its work is done by the next one, and done once."""

from __future__ import annotations

from itertools import islice

import httpx

from archive_service.model.record import SearchState
from tests.faults.place import Place, results
from tests.faults.points import WORK_CALLS, points_of


def test_work_of_killed_workers_is_done_by_the_next_one(embedded: Place) -> None:
    points = points_of(WORK_CALLS)
    with embedded.running("--no-worker") as service, embedded.client(service) as http:
        for point, result in zip(points, islice(results(seed=3), len(points)), strict=True):
            embedded.deposit_surely(http, result)
            embedded.run_until_killed(point, "worker")
            assert_readable(http, embedded.answered[result.name])
    with embedded.running():
        embedded.wait_until_searchable()
    assert embedded.problems() == []


def assert_readable(http: httpx.Client, record_id: str) -> None:
    """A record is kept and served whatever becomes of its follow-up work."""
    shown = http.get(f"/records/{record_id}").json()
    assert shown["state"] == "stored"
    assert shown["search_state"] != str(SearchState.PARKED)
    assert http.get(f"/records/{record_id}/content").status_code == 200
