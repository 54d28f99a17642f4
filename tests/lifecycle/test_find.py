"""Finding: the index proposes, the register decides."""

from __future__ import annotations

import dataclasses
import datetime as dt

import pytest

from archive_service.errors import Unavailable
from archive_service.lifecycle.find import Search, find
from archive_service.lifecycle.subjects import merge_subjects
from archive_service.model.events import EventType
from archive_service.model.findings import FindingCode
from archive_service.model.permissions import Caller, Role
from archive_service.model.query import Facet, Sort
from archive_service.model.record import AccessLevel, RecordState, SearchState
from tests.archives import TestArchive
from tests.fakes.pdf_reader import ONE_PAGE
from tests.results import DA_NANG, HA_NOI, HAI_CHAU, ONE_TIME, PENSION, citizen, insurance, pdf, person


def found(ours: TestArchive, caller: Caller, search: Search) -> list[str]:
    return [hit.record.id for hit in find(ours.archive, caller, search).hits]


def test_what_was_deposited_is_found_by_its_words_once_its_work_is_done(ours: TestArchive) -> None:
    record = ours.stored()
    assert found(ours, ours.archivist, Search("quyết định")) == []
    ours.work()
    page = find(ours.archive, ours.archivist, Search("huong luong huu"))
    assert [hit.record.id for hit in page.hits] == [record.id]
    assert page.total == 1
    assert page.hits[0].record.search_state is SearchState.SEARCHABLE
    assert page.hits[0].result_type_name == "Quyết định hưởng lương hưu hằng tháng"
    shown = page.hits[0].snippet
    assert shown is not None
    assert [shown.text[start:end].lower() for start, end in shown.marks][-3:] == ["hưởng", "lương", "hưu"]


def test_without_words_everything_that_passes_the_limits_is_found_newest_first(ours: TestArchive) -> None:
    old = ours.stored(1, issued_on=dt.date(2019, 5, 1))
    new = ours.stored(2, issued_on=dt.date(2024, 5, 1))
    other = ours.stored(3, issued_on=dt.date(2022, 5, 1), result_type=ONE_TIME)
    ours.work()
    assert found(ours, ours.archivist, Search()) == [new.id, other.id, old.id]
    assert found(ours, ours.archivist, Search(sort=Sort.OLDEST)) == [old.id, other.id, new.id]
    assert found(ours, ours.archivist, Search(result_types=frozenset({PENSION}))) == [new.id, old.id]
    assert found(ours, ours.archivist, Search(issued_from=dt.date(2022, 1, 1), issued_to=dt.date(2022, 12, 31))) == [
        other.id
    ]


def test_pages_follow_each_other_and_facets_count_all(ours: TestArchive) -> None:
    ids = {ours.stored(n).id for n in range(5)}
    ours.work()
    first = find(ours.archive, ours.archivist, Search(size=3, facets=(Facet.OFFICE,)))
    second = find(ours.archive, ours.archivist, Search(size=3, cursor=first.next_cursor))
    assert {hit.record.id for hit in (*first.hits, *second.hits)} == ids
    assert second.next_cursor is None
    assert first.facets[Facet.OFFICE] == {DA_NANG: 5}


def test_only_the_callers_offices_are_searched(ours: TestArchive) -> None:
    mine, under = ours.stored(1), ours.stored(2, office=HAI_CHAU)
    theirs = ours.stored(3, caller=ours.caller(Role.DEPOSITOR, office=HA_NOI), office=HA_NOI)
    ours.work()
    assert set(found(ours, ours.archivist, Search())) == {mine.id, under.id}
    assert found(ours, ours.archivist, Search(office=HAI_CHAU)) == [under.id]
    assert found(ours, ours.archivist, Search(office=HA_NOI)) == []
    assert found(ours, ours.caller(Role.ARCHIVIST, office=HA_NOI), Search()) == [theirs.id]


def test_what_the_index_says_wrongly_is_not_shown(ours: TestArchive) -> None:
    """The index is a copy: it may be late, or wrong; office, level and state are the register's to say."""
    moved, secret, gone, held, right = (ours.stored(n) for n in range(5))
    ours.work()

    def change_behind_the_index() -> None:
        for one, metadata in (
            (moved, dataclasses.replace(moved.metadata, office=HA_NOI)),
            (secret, dataclasses.replace(secret.metadata, access_level=AccessLevel.SECRET)),
        ):
            [version] = ours.register.read(lambda u, one=one: u.records.metadata_versions(one.id))  # type: ignore[misc]
            other = dataclasses.replace(version, version=2, metadata=metadata)
            ours.register.write(lambda u, other=other: u.records.claim_metadata(other))  # type: ignore[misc]
            ours.register.write(
                lambda u, other=other, one=one: u.records.complete_metadata(  # type: ignore[misc]
                    other, one.subject_id, ours.clock.now()
                )
            )
        now = ours.clock.now()
        ours.register.write(lambda u: u.records.set_state(gone.id, RecordState.DISPOSED, now))
        ours.register.write(lambda u: u.records.set_state(held.id, RecordState.QUARANTINED, now))

    change_behind_the_index()
    assert found(ours, ours.caller(Role.MANAGER), Search()) == [right.id]
    assert found(ours, ours.archivist, Search()) == [right.id]


def test_a_secret_record_is_found_by_those_who_may_read_it(ours: TestArchive) -> None:
    secret = ours.stored(1, access_level=AccessLevel.SECRET)
    ours.work()
    assert found(ours, ours.archivist, Search()) == []
    assert found(ours, ours.auditor, Search()) == [secret.id]


def test_quarantine_is_found_when_asked_for_by_those_who_may_look_into_it(ours: TestArchive) -> None:
    ours.pdf.facts = dataclasses.replace(ONE_PAGE, active_content=(FindingCode.JAVASCRIPT,))
    held = ours.stored(1)
    ours.work()
    asked = Search(states=frozenset({RecordState.QUARANTINED}))
    assert found(ours, ours.archivist, asked) == [held.id]
    assert found(ours, ours.archivist, Search()) == []
    assert found(ours, ours.caller(Role.MANAGER), asked) == []


def test_a_subject_is_found_over_all_its_numbers_and_merges_a_number_nobody_has_finds_nothing(
    ours: TestArchive,
) -> None:
    one = ours.stored(1, subject=person(insurance("0123456789"), citizen("048085000123")))
    two = ours.stored(2, subject=person(insurance("9876543210")))
    ours.work()
    assert found(ours, ours.archivist, Search(subject=citizen("048085000123"))) == [one.id]
    assert found(ours, ours.archivist, Search(subject=citizen("048085000999"))) == []
    merge_subjects(ours.archive, ours.archivist, insurance("0123456789"), insurance("9876543210"), "một người")
    for number in (insurance("0123456789"), insurance("9876543210")):
        assert set(found(ours, ours.archivist, Search(subject=number))) == {one.id, two.id}


def test_a_search_is_one_event_with_what_it_returned(ours: TestArchive) -> None:
    record = ours.stored()
    ours.work()
    find(ours.archive, ours.archivist, Search("quyết định", subject=insurance("0123456789")))
    [event] = ours.events(EventType.SEARCHED)
    assert event.actor == ours.archivist.id
    assert event.values == {
        "words": "quyết định",
        "subject": "social-insurance:0123456789",
        "total": 1,
        "returned": [record.id],
    }


def test_an_index_that_is_down_is_unavailable_and_nothing_else_is(ours: TestArchive) -> None:
    ours.faults.down.add("index")
    with pytest.raises(Unavailable) as told:
        find(ours.archive, ours.archivist, Search("x"))
    assert told.value.component == "index"
    assert ours.deposit(pdf()).record.state is RecordState.STORED
