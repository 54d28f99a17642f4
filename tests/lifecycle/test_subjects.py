"""Merging subjects and giving them numbers: permitted, visible, reversible."""

from __future__ import annotations

import datetime as dt

import pytest

from archive_service.errors import Conflict, InvalidInput, NotAllowed, NotFound
from archive_service.lifecycle.read import show_subject
from archive_service.lifecycle.subjects import identify_subject, merge_subjects, unmerge_subjects
from archive_service.model.events import EventType
from archive_service.model.identifiers import Identifier
from archive_service.model.permissions import Role
from archive_service.model.record import AccessLevel
from archive_service.model.subject import DatedIdentifier, SubjectClaim, SubjectKind
from tests.archives import TestArchive
from tests.results import CENTRE, HA_NOI, citizen, insurance, pdf, person

A, B, C, NOBODY = (insurance(number) for number in ("1000000001", "1000000002", "1000000003", "9999999999"))


@pytest.fixture(autouse=True)
def three_persons(ours: TestArchive) -> None:
    for number, identifier in enumerate((A, B, C)):
        ours.stored(number, subject=person(identifier))


def shown(ours: TestArchive, number: Identifier) -> int:
    return len(show_subject(ours.archive, ours.archivist, number).records)


def merge(ours: TestArchive, kept: Identifier, merged: Identifier) -> int:
    return merge_subjects(ours.archive, ours.archivist, kept, merged, "một người").id


def test_merged_subjects_have_one_page_and_unmerged_ones_two_again(ours: TestArchive) -> None:
    first = merge(ours, A, B)
    assert (shown(ours, A), shown(ours, B), shown(ours, C)) == (2, 2, 1)
    undone = unmerge_subjects(ours.archive, ours.archivist, first, "nhầm")
    assert undone.unmerged_by == ours.archivist.id
    assert (shown(ours, A), shown(ours, B)) == (1, 1)
    assert [e.values["reason"] for e in ours.events(EventType.SUBJECTS_MERGED)] == ["một người"]
    assert [e.values["reason"] for e in ours.events(EventType.SUBJECTS_UNMERGED)] == ["nhầm"]


def test_a_chain_of_merges_is_one_person_and_its_middle_can_be_undone(ours: TestArchive) -> None:
    first = merge(ours, B, A)
    merge(ours, C, B)
    assert [shown(ours, number) for number in (A, B, C)] == [3, 3, 3]
    unmerge_subjects(ours.archive, ours.archivist, first, "nhầm")
    assert [shown(ours, number) for number in (A, B, C)] == [1, 2, 2]
    merge(ours, A, C)
    assert [shown(ours, number) for number in (A, B, C)] == [3, 3, 3]


def test_who_is_one_already_is_not_merged_again_nor_unmerged_twice(ours: TestArchive) -> None:
    first = merge(ours, A, B)
    for kept, merged in ((A, B), (B, A), (A, A)):
        with pytest.raises(Conflict) as told:
            merge(ours, kept, merged)
        assert told.value.code == "already-merged"
    unmerge_subjects(ours.archive, ours.archivist, first, "nhầm")
    with pytest.raises(Conflict) as told:
        unmerge_subjects(ours.archive, ours.archivist, first, "nhầm")
    assert told.value.code == "already-unmerged"


def test_a_person_and_an_employer_are_never_one(ours: TestArchive) -> None:
    ours.stored(7, subject=SubjectClaim(SubjectKind.EMPLOYER, "Công ty TNHH Sông Hàn", (insurance("7000000000"),)))
    with pytest.raises(Conflict) as told:
        merge(ours, A, insurance("7000000000"))
    assert told.value.code == "different-kinds"


def test_a_subject_without_a_record_that_the_caller_may_see_is_not_found(ours: TestArchive) -> None:
    ours.stored(8, caller=ours.caller(Role.DEPOSITOR, office=HA_NOI), office=HA_NOI, subject=person(citizen("0" * 12)))
    ours.stored(9, subject=person(citizen("1" * 12)), access_level=AccessLevel.SECRET)
    for hidden in (NOBODY, citizen("0" * 12), citizen("1" * 12)):
        with pytest.raises(NotFound):
            merge(ours, A, hidden)
        with pytest.raises(NotFound):
            merge(ours, hidden, A)
        with pytest.raises(NotFound):
            identify_subject(ours.archive, ours.archivist, hidden, DatedIdentifier(citizen("2" * 12)), "CCCD mới")
    stranger = ours.caller(Role.ARCHIVIST, office=HA_NOI)
    first = merge(ours, A, B)
    with pytest.raises(NotFound):
        unmerge_subjects(ours.archive, stranger, first, "nhầm")
    with pytest.raises(NotFound):
        unmerge_subjects(ours.archive, ours.archivist, 10**6, "nhầm")


def test_a_new_number_finds_the_subject_and_its_days_can_be_changed(ours: TestArchive) -> None:
    new = citizen("048085000123")
    identify_subject(ours.archive, ours.archivist, A, DatedIdentifier(new, dt.date(2025, 8, 1)), "CCCD mới")
    assert shown(ours, new) == 1
    ended = DatedIdentifier(A, None, dt.date(2025, 7, 31))
    subject = identify_subject(ours.archive, ours.archivist, new, ended, "số cũ")
    assert set(subject.identifiers) == {ended, DatedIdentifier(new, dt.date(2025, 8, 1))}
    assert len(ours.events(EventType.SUBJECT_IDENTIFIED)) == 2
    assert "048085000123" not in str(ours.events(EventType.SUBJECT_IDENTIFIED)[0].values)


def test_a_number_of_another_subject_is_not_taken_from_it(ours: TestArchive) -> None:
    with pytest.raises(Conflict) as told:
        identify_subject(ours.archive, ours.archivist, A, DatedIdentifier(B), "nhầm")
    assert told.value.code == "identifier-of-another-subject"


def test_a_number_does_not_end_before_it_begins(ours: TestArchive) -> None:
    backwards = DatedIdentifier(citizen("048085000123"), dt.date(2025, 8, 2), dt.date(2025, 8, 1))
    with pytest.raises(InvalidInput):
        identify_subject(ours.archive, ours.archivist, A, backwards, "nhầm")


def test_a_merged_subject_takes_its_own_numbers_back_when_unmerged(ours: TestArchive) -> None:
    first = merge(ours, A, B)
    identify_subject(ours.archive, ours.archivist, A, DatedIdentifier(B, dt.date(2001, 1, 1)), "ngày cấp")
    unmerge_subjects(ours.archive, ours.archivist, first, "nhầm")
    page = show_subject(ours.archive, ours.archivist, B)
    assert page.identifiers == (DatedIdentifier(B, dt.date(2001, 1, 1)),)
    assert [one.identifier for one in show_subject(ours.archive, ours.archivist, A).identifiers] == [A]


class TestAnotherOfficesPerson:
    """A person whose results another office holds is not one's own to name, to join or to look through."""

    @pytest.fixture
    def theirs(self, ours: TestArchive) -> Identifier:
        number = citizen("001161000001")
        said = person(number, insurance("7777777777"), name="Đỗ Thị Bình", born=dt.date(1961, 5, 2))
        ours.stored(20, caller=ours.caller(Role.DEPOSITOR, office=HA_NOI), office=HA_NOI, subject=said)
        return number

    def test_a_deposit_for_the_person_tells_and_changes_nothing_about_it(
        self, ours: TestArchive, theirs: Identifier
    ) -> None:
        added = insurance("8888888888")
        answer = ours.deposit(pdf("theirs"), "key-of-theirs", subject=person(theirs, added, name="Lê Văn Khác"))
        assert answer.findings == ()
        page = show_subject(ours.archive, ours.archivist, theirs)
        assert (page.subject.name, page.subject.birth_date, page.merges) == ("Lê Văn Khác", None, ())
        assert {i.identifier for i in page.identifiers} == {theirs, added}
        with pytest.raises(NotFound):
            show_subject(ours.archive, ours.archivist, insurance("7777777777"))

    def test_only_an_office_above_both_joins_or_names_it(self, ours: TestArchive, theirs: Identifier) -> None:
        ours.deposit(pdf("theirs"), "key-of-theirs", subject=person(theirs))
        with pytest.raises(NotAllowed) as told:
            merge(ours, A, theirs)
        assert told.value.code == "subject-of-other-offices"
        with pytest.raises(NotAllowed):
            identify_subject(ours.archive, ours.archivist, A, DatedIdentifier(theirs), "x")
        central = ours.caller(Role.ARCHIVIST, office=CENTRE)
        assert merge_subjects(ours.archive, central, A, theirs, "một người").reason == "một người"
