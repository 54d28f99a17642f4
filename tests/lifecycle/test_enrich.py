"""Reading the words: after storing, never a condition of it, as often as it happens."""

from __future__ import annotations

import dataclasses

import pytest

from archive_service.errors import IntegrityFailure, NotFound, Unavailable
from archive_service.lifecycle.enrich import enrich
from archive_service.model.events import EventType
from archive_service.model.findings import FindingCode
from archive_service.model.inspection import NoText, TextOutcome
from archive_service.model.jobs import JobKind, JobState
from archive_service.model.objects import original_key
from archive_service.model.record import DocumentText, PageText, Record, RecordState, TextSource
from tests.archives import TestArchive
from tests.fakes.pdf_reader import SOME_WORDS
from tests.results import pdf, record_id


def codes(ours: TestArchive, record: Record) -> list[FindingCode]:
    return [one.finding.code for one in ours.register.read(lambda u: u.findings.of_record(record.id))]


def recognised(*pages: tuple[str, float]) -> DocumentText:
    return DocumentText(tuple(PageText(n, text, TextSource.OCR, c) for n, (text, c) in enumerate(pages, 1)))


def test_the_words_are_kept_logged_and_asked_to_be_indexed(ours: TestArchive) -> None:
    record = ours.stored()
    assert enrich(ours.archive, record.id) is None
    assert ours.register.read(lambda u: u.texts.get(record.id)) == SOME_WORDS
    assert ours.register.read(lambda u: u.jobs.counts())[JobKind.INDEX, JobState.WAITING] == 1
    [event] = ours.events(EventType.TEXT_READ)
    assert event.values == {"pages": 1, "recognised_pages": 0, "characters": 34, "findings": []}
    assert codes(ours, record) == []


def test_reading_twice_leaves_what_reading_once_leaves(ours: TestArchive) -> None:
    ours.pdf.text = recognised(("chữ mờ", 31.0), ("Số: 9999/QĐ-BHXH", 96.0))
    record = ours.stored()
    enrich(ours.archive, record.id)
    once = codes(ours, record)
    enrich(ours.archive, record.id)
    assert codes(ours, record) == once == [FindingCode.LOW_CONFIDENCE, FindingCode.DOCUMENT_NUMBER_DISAGREES]
    assert ours.register.read(lambda u: u.texts.get(record.id)) == ours.pdf.text
    assert ours.register.read(lambda u: u.jobs.counts())[JobKind.INDEX, JobState.WAITING] == 1


def test_a_page_below_the_limit_is_a_finding_with_how_many_and_the_first(ours: TestArchive) -> None:
    ours.pdf.text = recognised(("rõ", 60.0), ("mờ", 59.9), ("mờ", 12.0))
    record = ours.stored()
    enrich(ours.archive, record.id)
    [found] = ours.register.read(lambda u: u.findings.of_record(record.id))
    assert found.finding.detail == {"pages": 2, "first_page": 2}


@pytest.mark.parametrize("text", [DocumentText(()), recognised((" \n", 0.0), ("", 0.0))])
def test_a_document_without_a_word_is_a_finding_never_a_quiet_success(ours: TestArchive, text: DocumentText) -> None:
    ours.pdf.text = text
    record = ours.stored()
    enrich(ours.archive, record.id)
    assert codes(ours, record) == [FindingCode.NO_TEXT]
    assert ours.get(record.id).state is RecordState.STORED


@pytest.mark.parametrize("outcome", TextOutcome)
def test_words_that_cannot_be_read_are_a_finding_and_the_record_stays_stored(
    ours: TestArchive, outcome: TextOutcome
) -> None:
    ours.pdf.text = NoText(outcome, retryable=True)
    record = ours.stored()
    assert enrich(ours.archive, record.id) == ours.pdf.text
    enrich(ours.archive, record.id)
    assert codes(ours, record) == [FindingCode.TEXT_FAILED]
    assert ours.get(record.id).state is RecordState.STORED
    assert ours.register.read(lambda u: u.texts.get(record.id)) is None
    assert ours.events(EventType.TEXT_FAILED)[0].values == {"outcome": str(outcome)}
    ours.work()
    assert ours.archive.index.count() == 1, "it is found by its metadata"


def test_words_of_an_earlier_run_stay_when_a_later_one_fails(ours: TestArchive) -> None:
    record = ours.stored()
    enrich(ours.archive, record.id)
    ours.pdf.text = NoText(TextOutcome.CRASHED, retryable=True)
    enrich(ours.archive, record.id)
    assert ours.register.read(lambda u: u.texts.get(record.id)) == SOME_WORDS


@pytest.mark.parametrize("content", [pdf("document 2"), pdf("document 1") + b" ", pdf("document 1")[:-1], b""])
def test_bytes_that_are_not_those_recorded_are_an_alarm_and_are_not_read(ours: TestArchive, content: bytes) -> None:
    record = ours.stored()
    ours.store.tamper(original_key(record.id), content)
    with pytest.raises(IntegrityFailure) as told:
        enrich(ours.archive, record.id)
    assert told.value.details == {"record_id": record.id, "key": record.original.key}
    assert "pdf.read_text" not in ours.faults.calls
    assert ours.register.read(lambda u: u.texts.get(record.id)) is None


def test_an_original_that_is_gone_is_not_found_and_a_store_that_is_down_unavailable(ours: TestArchive) -> None:
    record = ours.stored()
    ours.faults.down.add("store")
    with pytest.raises(Unavailable):
        enrich(ours.archive, record.id)
    ours.faults.heal()
    ours.store.lose(original_key(record.id))
    with pytest.raises(NotFound):
        enrich(ours.archive, record.id)


def test_what_is_not_served_or_not_there_is_passed_over(ours: TestArchive) -> None:
    record = ours.stored()
    ours.register.write(lambda u: u.records.set_state(record.id, RecordState.REJECTED, ours.clock.now()))
    assert enrich(ours.archive, record.id) is None
    assert enrich(ours.archive, record_id(5)) is None
    assert ours.events(EventType.TEXT_READ) == []


def test_nothing_is_left_of_the_file_that_was_read(ours: TestArchive) -> None:
    enrich(ours.archive, ours.stored().id)
    ours.pdf.text = dataclasses.replace(SOME_WORDS)
    assert list((ours.folder / "staging").iterdir()) == []
