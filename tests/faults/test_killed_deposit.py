"""Killed at every call of a deposit: the same request afterwards is answered, and nothing is there twice."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from itertools import islice
from pathlib import Path

import httpx
import pytest

from examples.results import ExampleResult
from tests.archives import open_test_archive
from tests.faults.place import Place, results
from tests.faults.points import DEPOSIT_CALLS, points_of

POINTS = points_of(DEPOSIT_CALLS)


def kill_once_at_each(place: Place, points: Sequence[str], deposits: Sequence[ExampleResult]) -> None:
    """Deposit one result for each point on a service that dies there; nothing of it is answered."""
    for point, result in zip(points, deposits, strict=True):
        with place.running("--no-worker", ARCHIVE_KILL_AT=point) as service, place.client(service) as http:
            with pytest.raises(httpx.TransportError):
                place.deposit(http, result)
            assert result.name not in place.answered, point


def deposit_all_again(place: Place, deposits: Sequence[ExampleResult]) -> None:
    """Send the same requests to a service that lives, and then once more."""
    with place.running() as service, place.client(service) as http:
        first = [place.deposit_surely(http, result) for result in deposits]
        second = [place.deposit_surely(http, result) for result in deposits]
        assert [a.json()["id"] for a in first] == [a.json()["id"] for a in second]
        assert {a.headers.get("Idempotent-Replay") for a in second} == {"true"}
        place.wait_until_searchable()


def test_deposit_killed_at_any_call_is_taken_up_again_by_its_key(embedded: Place) -> None:
    deposits = list(islice(results(seed=1), len(POINTS)))
    kill_once_at_each(embedded, POINTS, deposits)
    deposit_all_again(embedded, deposits)
    assert embedded.problems() == []


def test_deposit_to_servers_killed_around_what_it_writes_is_taken_up_again_by_its_key(on_servers: Place) -> None:
    points = [point for point in POINTS if point.startswith(("register.write", "store.put"))]
    deposits = list(islice(results(seed=2), len(points)))
    kill_once_at_each(on_servers, points, deposits)
    deposit_all_again(on_servers, deposits)
    assert on_servers.problems() == []


def test_points_are_all_the_calls_of_a_deposit(tmp_path: Path) -> None:
    with open_test_archive(tmp_path) as opened:
        opened.stored()
        called = Counter(opened.faults.calls)
    # The entrance asks for the key once and stages the file; the step itself makes the other calls.
    of_entrance = Counter({"register.read": 1, "staging.receive": 1})
    assert called + of_entrance == Counter(DEPOSIT_CALLS)
