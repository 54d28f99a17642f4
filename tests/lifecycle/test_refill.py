"""What the index has lost is noticed, told as not searchable, and asked for; nothing else is."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from archive_service.lifecycle.refill import PROBLEM, ask_for_missing
from archive_service.model.identifiers import RecordId
from archive_service.model.jobs import JobKind
from archive_service.model.record import SearchState
from tests.archives import TestArchive, open_test_archive


@pytest.fixture
def ours(tmp_path: Path) -> Iterator[TestArchive]:
    """Give an archive with five records, all of them in the index."""
    with open_test_archive(tmp_path) as opened:
        for number in range(1, 6):
            opened.stored(number)
        opened.work()
        yield opened


def indexed(ours: TestArchive) -> list[RecordId]:
    return list(ours.archive.index.record_ids())


def test_an_index_that_has_everything_is_asked_for_nothing(ours: TestArchive) -> None:
    assert ask_for_missing(ours.archive) == 0
    assert ours.work() == []


@pytest.mark.parametrize("lost", [slice(0, 1), slice(4, 5), slice(1, 3), slice(0, 5)])
def test_exactly_what_is_missing_is_asked_for_and_comes_back(ours: TestArchive, lost: slice) -> None:
    before = indexed(ours)
    ours.archive.index.remove(before[lost])
    assert ask_for_missing(ours.archive) == len(before[lost])
    shown = {record: ours.get(record) for record in before}
    waiting = [record for record, one in shown.items() if one.search_state is SearchState.WAITING]
    assert waiting == before[lost]
    assert {shown[record].search_problem for record in waiting} == {PROBLEM}
    assert ours.work() == [JobKind.INDEX] * len(waiting)
    assert indexed(ours) == before
    assert {ours.get(record).search_state for record in before} == {SearchState.SEARCHABLE}


def test_what_is_not_searchable_yet_is_not_missing(ours: TestArchive) -> None:
    ours.stored(9)
    assert ask_for_missing(ours.archive) == 0
