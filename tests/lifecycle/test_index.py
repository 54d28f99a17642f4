"""The index says what the register says, and can be made anew at any time."""

from __future__ import annotations

import dataclasses
import datetime as dt
from collections.abc import Iterable
from typing import Any, cast

import pytest

from archive_service.errors import Unavailable
from archive_service.lifecycle import index
from archive_service.lifecycle.correct import Correction, correct
from archive_service.lifecycle.enrich import enrich
from archive_service.lifecycle.find import Search, find
from archive_service.lifecycle.index import Progress
from archive_service.model.archive import Archive
from archive_service.model.jobs import JobKind
from archive_service.model.ports import IndexBuild, SearchIndex
from archive_service.model.query import IndexDocument
from archive_service.model.record import Record, RecordState, SearchState
from tests.archives import TestArchive
from tests.fakes.faults import Killed
from tests.results import DA_NANG, HAI_CHAU, record_id


@pytest.fixture(autouse=True)
def small_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(index, "BATCH", 2)


def rebuild(ours: TestArchive, archive: Archive | None = None, name: str = "new") -> int:
    return index.rebuild(archive or ours.archive, name, lambda _: None, threads=1)


def ids(ours: TestArchive) -> list[str]:
    return list(ours.archive.index.record_ids())


def found(ours: TestArchive, words: str) -> list[str]:
    return [hit.record.id for hit in find(ours.archive, ours.auditor, Search(words)).hits]


class Interfering:
    """An index whose build lets something happen before the switch, as other hosts do."""

    def __init__(self, inner: SearchIndex, before_switch: Any) -> None:
        self._inner, self._before_switch = inner, before_switch

    def build(self, name: str) -> IndexBuild:
        return cast(IndexBuild, _InterferingBuild(self._inner.build(name), self._before_switch))

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)


class _InterferingBuild:
    def __init__(self, inner: IndexBuild, before_switch: Any) -> None:
        self._inner, self._before_switch = inner, before_switch

    def add(self, documents: Iterable[IndexDocument]) -> int:
        return self._inner.add(documents)

    def switch(self) -> None:
        self._before_switch()
        self._inner.switch()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)


def with_before_switch(ours: TestArchive, before_switch: Any) -> Archive:
    return dataclasses.replace(ours.archive, index=cast(SearchIndex, Interfering(ours.archive.index, before_switch)))


def test_records_are_put_together_and_become_searchable_again_and_again(ours: TestArchive) -> None:
    records = [ours.stored(number) for number in range(3)]
    for _ in range(2):
        index.index_records(ours.archive, [record.id for record in records])
        assert ids(ours) == sorted(record.id for record in records)
    assert all(ours.get(record.id).search_state is SearchState.SEARCHABLE for record in records)


def test_what_is_no_longer_kept_leaves_the_index(ours: TestArchive) -> None:
    record = ours.stored()
    index.index_records(ours.archive, [record.id])
    ours.register.write(lambda u: u.records.set_state(record.id, RecordState.DISPOSED, ours.clock.now()))
    index.index_records(ours.archive, [record.id, record_id(9)])
    assert ids(ours) == []
    assert ours.get(record.id).search_state is SearchState.WAITING


def test_an_index_that_is_down_changes_no_state(ours: TestArchive) -> None:
    record = ours.stored()
    ours.faults.down.add("index")
    with pytest.raises(Unavailable):
        index.index_records(ours.archive, [record.id])
    assert ours.get(record.id).search_state is SearchState.WAITING


def test_a_rebuild_makes_the_same_index_anew_and_tells_how_far_it_is(ours: TestArchive) -> None:
    records = [ours.stored(number) for number in range(5)]
    ours.work()
    before = ids(ours)
    told: list[Progress] = []
    assert index.rebuild(ours.archive, "new", told.append, threads=1) == 5
    assert told == [Progress(2, 5), Progress(4, 5), Progress(5, 5)]
    assert ids(ours) == before == sorted(record.id for record in records)
    assert len(found(ours, "lương hưu")) == 5
    assert index.unfinished_rebuild(ours.archive) is None


def test_a_rebuild_repairs_an_index_that_lost_and_kept_the_wrong_records(ours: TestArchive) -> None:
    records = [ours.stored(number) for number in range(4)]
    ours.work()
    ours.archive.index.remove([records[0].id])
    ours.register.write(lambda u: u.records.set_state(records[1].id, RecordState.DISPOSED, ours.clock.now()))
    rebuild(ours)
    assert ids(ours) == sorted(record.id for record in (records[0], *records[2:]))


def test_with_several_threads_the_index_is_the_same(ours: TestArchive) -> None:
    records = [ours.stored(number) for number in range(9)]
    assert index.rebuild(ours.archive, "new", lambda _: None, threads=4) == 9
    assert ids(ours) == sorted(record.id for record in records)


def test_an_interrupted_rebuild_goes_on_where_it_stopped_and_the_old_index_serves_meanwhile(
    ours: TestArchive,
) -> None:
    for number in range(7):
        ours.stored(number)
    ours.work()

    def stop(progress: Progress) -> None:
        if progress.done >= 4:
            raise Killed

    with pytest.raises(Killed):
        index.rebuild(ours.archive, "new", stop, threads=1)
    assert index.unfinished_rebuild(ours.archive) == "new"
    assert len(found(ours, "lương hưu")) == 7
    told: list[Progress] = []
    assert index.rebuild(ours.archive, "new", told.append, threads=1) == 7
    assert [progress.done for progress in told] == [6, 7]
    assert len(found(ours, "lương hưu")) == 7


def test_a_rebuild_of_another_name_begins_anew(ours: TestArchive) -> None:
    for number in range(3):
        ours.stored(number)

    def stop(_: Progress) -> None:
        raise Killed

    with pytest.raises(Killed):
        index.rebuild(ours.archive, "one", stop, threads=1)
    told: list[Progress] = []
    assert index.rebuild(ours.archive, "two", told.append, threads=1) == 3
    assert told[0] == Progress(2, 3)


def test_what_changes_while_a_rebuild_runs_is_in_the_new_index(ours: TestArchive) -> None:
    """Words read, a correction and a deposit long after the start, all put into the old index by other workers."""
    read, corrected = ours.stored(1), ours.stored(2)
    ours.clock.forward(dt.timedelta(days=1))
    happened: list[Record] = []

    def others_work() -> None:
        if happened:
            return
        ours.clock.forward(dt.timedelta(hours=3))
        enrich(ours.archive, read.id)
        said = dataclasses.replace(corrected.metadata, summary="Điều chỉnh")
        correct(ours.archive, Correction(ours.archivist, corrected.id, said, "sai", corrected.etag))
        happened.append(ours.stored(3))
        ours.work()

    rebuild(ours, with_before_switch(ours, others_work))
    ours.work()
    assert ids(ours) == sorted([read.id, corrected.id, happened[0].id])
    assert found(ours, '"Điều chỉnh"') == [corrected.id]
    assert read.id in found(ours, '"lương hưu"')


def test_a_correction_finished_during_a_rebuild_is_not_missed_however_old_its_decision(ours: TestArchive) -> None:
    record = ours.stored()
    ours.work()
    said = dataclasses.replace(record.metadata, summary="Điều chỉnh")
    command = Correction(ours.archivist, record.id, said, "sai", record.etag)
    ours.faults.heal()
    ours.faults.kill_at, ours.faults.after = 2, True
    with pytest.raises(Killed):
        correct(ours.archive, command)
    ours.faults.heal()
    ours.clock.forward(dt.timedelta(days=1))

    def finish() -> None:
        with pytest.raises(Exception, match="changed meanwhile"):
            correct(ours.archive, command)
        ours.work()

    rebuild(ours, with_before_switch(ours, finish))
    ours.work()
    assert found(ours, '"Điều chỉnh"') == [record.id]


def test_one_offices_records_are_asked_to_be_indexed_again(ours: TestArchive) -> None:
    ours.stored(1, office=DA_NANG)
    under = [ours.stored(number, office=HAI_CHAU).id for number in range(2, 7)]
    ours.work()
    assert index.ask_to_index(ours.archive, frozenset({HAI_CHAU})) == 5
    assert index.waiting_to_be_indexed(ours.archive) == 5
    assert ours.work() == [JobKind.INDEX] * 5
    assert index.waiting_to_be_indexed(ours.archive) == 0
    assert set(under) <= set(ids(ours))
