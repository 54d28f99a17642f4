"""The same bytes from 64 sides at once: as many records as there are subjects, and one answer for each key."""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from examples.results import ExampleResult
from tests.faults.place import Place, results

SIDES = 64


@pytest.fixture(params=["embedded", "on_servers"])
def place(request: pytest.FixtureRequest) -> Place:
    """Return either place."""
    found: Place = request.getfixturevalue(request.param)
    return found


def of_another_subject(result: ExampleResult, number: int) -> ExampleResult:
    """Return the same bytes for somebody else."""
    subject = {
        "kind": "person",
        "name": "Trần Thị Bưởi",
        "identifiers": [{"scheme": "social-insurance", "number": f"{number:010d}"}],
    }
    return dataclasses.replace(result, metadata={**result.metadata, "subject": subject})


def test_same_bytes_from_64_sides_make_as_many_records_as_subjects(place: Place) -> None:
    one, another, many = (result for result, _ in zip(results(seed=7), range(3), strict=False))
    with place.running() as service, place.client(service) as http:

        def deposit_all(deposits: Sequence[tuple[ExampleResult, str]]) -> list[httpx.Response]:
            with ThreadPoolExecutor(SIDES) as sides:
                return list(sides.map(lambda one: place.deposit(http, *one), deposits))

        same_key = deposit_all([(one, "one-key")] * SIDES)
        assert Counter(a.status_code for a in same_key) == {201: SIDES}, [a.text for a in same_key]
        assert len({a.json()["id"] for a in same_key}) == 1

        keys = deposit_all([(another, f"key-{n}") for n in range(SIDES)])
        assert Counter(a.status_code for a in keys) == {201: 1, 409: SIDES - 1}
        assert {a.json()["code"] for a in keys if a.status_code == 409} == {"already-held"}

        subjects = deposit_all([(of_another_subject(many, n), f"subject-{n}") for n in range(SIDES)])
        assert Counter(a.status_code for a in subjects) == {201: SIDES}
        assert len(set(place.answered.values())) == 2 + SIDES
        place.wait_until_searchable()
    assert place.problems() == []
