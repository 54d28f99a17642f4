"""Reading: each read is in the log before anything is given, and nobody is shown what does not exist for it."""

from __future__ import annotations

import dataclasses
import datetime as dt
from collections.abc import Callable

import pytest

from archive_service.errors import ArchiveError, Conflict, IntegrityFailure, NotFound, Unavailable
from archive_service.lifecycle import read
from archive_service.lifecycle.subjects import merge_subjects
from archive_service.model.events import EventType
from archive_service.model.findings import FindingCode
from archive_service.model.identifiers import RecordId
from archive_service.model.permissions import Caller, Role
from archive_service.model.record import AccessLevel, Relation, RelationKind
from tests.archives import TestArchive
from tests.fakes.pdf_reader import ONE_PAGE, SOME_WORDS
from tests.results import HA_NOI, citizen, insurance, pdf, person, record_id

Reading = Callable[[TestArchive, Caller, RecordId], object]

READINGS: dict[EventType, Reading] = {
    EventType.RECORD_READ: lambda ours, caller, one: read.show_record(ours.archive, caller, one),
    EventType.CONTENT_READ: lambda ours, caller, one: read.open_content(ours.archive, caller, one),
    EventType.TEXT_SERVED: lambda ours, caller, one: read.read_text(ours.archive, caller, one),
    EventType.EVENTS_READ: lambda ours, caller, one: read.list_events(ours.archive, caller, one, -1, 100),
}


@pytest.mark.parametrize("kind", READINGS)
def test_every_read_is_in_the_records_events(ours: TestArchive, kind: EventType) -> None:
    record = ours.stored()
    READINGS[kind](ours, ours.auditor, record.id)
    [event] = ours.events(kind)
    assert (event.actor, event.record_id) == (ours.auditor.id, record.id)


@pytest.mark.parametrize("kind", READINGS)
def test_what_cannot_be_logged_is_not_shown(ours: TestArchive, kind: EventType) -> None:
    record = ours.stored()
    ours.faults.heal()
    ours.faults.kill_at = 2
    with pytest.raises(BaseException, match=r"register\.write"):
        READINGS[kind](ours, ours.auditor, record.id)
    assert ours.faults.calls == ["register.read", "register.write"]


@pytest.mark.parametrize("kind", READINGS)
def test_a_foreign_a_secret_and_an_unknown_record_are_not_found_alike(ours: TestArchive, kind: EventType) -> None:
    office = ours.caller(Role.DEPOSITOR, office=HA_NOI)
    foreign = ours.stored(1, caller=office, office=HA_NOI)
    secret = ours.stored(2, access_level=AccessLevel.SECRET)
    caller = dataclasses.replace(ours.caller(Role.ARCHIVIST, Role.RECORDS_MANAGER))
    answers = []
    for one in (foreign.id, record_id(99)):
        with pytest.raises(NotFound) as told:
            READINGS[kind](ours, caller, one)
        answers.append((told.value.message, told.value.details))
    assert answers[0] == answers[1]
    READINGS[kind](ours, caller, secret.id)
    if kind is not EventType.EVENTS_READ:
        with pytest.raises(NotFound):
            READINGS[kind](ours, ours.archivist, secret.id)


@pytest.mark.parametrize("kind", [EventType.CONTENT_READ, EventType.TEXT_SERVED])
def test_what_is_in_quarantine_is_served_to_nobody(ours: TestArchive, kind: EventType) -> None:
    ours.pdf.facts = dataclasses.replace(ONE_PAGE, active_content=(FindingCode.LAUNCH_ACTION,))
    held = ours.stored()
    with pytest.raises(Conflict) as told:
        READINGS[kind](ours, ours.caller(Role.RECORDS_MANAGER), held.id)
    assert told.value.code == "not-served"
    assert told.value.details["state"] == "quarantined"
    assert read.show_record(ours.archive, ours.archivist, held.id).record.id == held.id


def test_the_content_is_the_original_bytes_whole_or_in_part(ours: TestArchive) -> None:
    record = ours.deposit(pdf("toàn văn")).record
    content = read.open_content(ours.archive, ours.archivist, record.id)
    with content.open() as blocks:
        assert b"".join(blocks) == pdf("toàn văn")
    with content.open(start=5, length=3) as blocks:
        assert b"".join(blocks) == pdf("toàn văn")[5:8]


def test_not_even_a_part_is_given_of_a_small_file_that_was_changed(ours: TestArchive) -> None:
    record = ours.stored()
    content = ours.content_of(record.original.key)
    ours.store.tamper(record.original.key, content[:-1] + bytes([content[-1] ^ 1]))
    with pytest.raises(IntegrityFailure), read.open_content(ours.archive, ours.archivist, record.id).open(0, 4):
        pass


def test_a_part_of_a_large_file_is_given_as_the_store_has_it(
    ours: TestArchive, monkeypatch: pytest.MonkeyPatch
) -> None:
    record = ours.stored()
    content = ours.content_of(record.original.key)
    monkeypatch.setattr(read, "COMPARED_PART_BYTES", len(content) - 1)
    ours.store.tamper(record.original.key, content[:-1] + bytes([content[-1] ^ 1]))
    with read.open_content(ours.archive, ours.archivist, record.id).open(0, 4) as blocks:
        assert b"".join(blocks) == content[:4]


def test_a_store_that_is_down_is_unavailable_when_the_bytes_are_opened(ours: TestArchive) -> None:
    content = read.open_content(ours.archive, ours.archivist, ours.stored().id)
    ours.faults.down.add("store")
    with pytest.raises(Unavailable), content.open():
        pass


def test_words_have_no_pages_before_they_were_read(ours: TestArchive) -> None:
    record = ours.stored()
    assert read.read_text(ours.archive, ours.archivist, record.id).pages == ()
    ours.work()
    assert read.read_text(ours.archive, ours.archivist, record.id) == SOME_WORDS


def test_a_record_is_shown_with_its_findings_and_the_visible_records_that_name_it(ours: TestArchive) -> None:
    ours.pdf.facts = dataclasses.replace(ONE_PAGE, repairs=1)
    first = ours.stored(1)
    replaces = (Relation(RelationKind.REPLACES, first.id),)
    second = ours.stored(2, relations=replaces)
    ours.stored(3, relations=replaces, access_level=AccessLevel.SECRET)
    shown = read.show_record(ours.archive, ours.archivist, first.id)
    assert shown.record == first
    assert [one.finding.code for one in shown.findings] == [FindingCode.REPAIRED]
    assert shown.related == ((second.id, "replaces"),)


def test_events_tell_the_whole_life_in_order_by_pages(ours: TestArchive) -> None:
    record = ours.stored()
    ours.work()
    read.show_record(ours.archive, ours.archivist, record.id)
    events = read.list_events(ours.archive, ours.auditor, record.id, -1, 2)
    more = read.list_events(ours.archive, ours.auditor, record.id, events[-1].index, 10)
    kinds = [one.event.type for one in (*events, *more) if one.event]
    assert kinds == [
        EventType.DEPOSITED,
        EventType.TEXT_READ,
        EventType.RETENTION_DECIDED,
        EventType.RECORD_READ,
        EventType.EVENTS_READ,
    ]


def test_a_subjects_page_has_every_visible_result_over_all_numbers_in_time_order(ours: TestArchive) -> None:
    late = ours.stored(1, issued_on=dt.date(2024, 1, 1), subject=person(insurance("0123456789")))
    early = ours.stored(2, issued_on=dt.date(2010, 1, 1), subject=person(citizen("048085000123")))
    ours.stored(3, subject=person(insurance("0123456789")), access_level=AccessLevel.SECRET)
    merge_subjects(ours.archive, ours.archivist, insurance("0123456789"), citizen("048085000123"), "một người")
    for number in (insurance("0123456789"), citizen("048085000123")):
        page = read.show_subject(ours.archive, ours.archivist, number)
        assert [shown.record.id for shown in page.records] == [early.id, late.id]
        assert {str(i.identifier.number) for i in page.identifiers} == {"0123456789", "048085000123"}
        assert [merge.reason for merge in page.merges] == ["một người"]
    assert [event.values["returned"] for event in ours.events(EventType.SUBJECT_READ)] == [[early.id, late.id]] * 2


def test_a_subject_without_a_visible_result_is_not_found_like_one_that_is_not_there(ours: TestArchive) -> None:
    ours.stored(1, caller=ours.caller(Role.DEPOSITOR, office=HA_NOI), office=HA_NOI)
    told: list[ArchiveError] = []
    for number in (insurance("0123456789"), insurance("5555555555")):
        with pytest.raises(NotFound) as answer:
            read.show_subject(ours.archive, ours.archivist, number)
        told.append(answer.value)
    assert told[0].message == told[1].message
    assert ours.events(EventType.SUBJECT_READ) == []


def test_versions_are_listed_oldest_first_and_the_look_is_logged(ours: TestArchive) -> None:
    record = ours.stored()
    [version] = read.list_versions(ours.archive, ours.archivist, record.id)
    assert (version.version, version.metadata) == (1, record.metadata)
    assert len(ours.events(EventType.RECORD_READ)) == 1
