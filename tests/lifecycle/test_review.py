"""People decide: over quarantine and findings, each with a reason, each in the log."""

from __future__ import annotations

import dataclasses

import pytest

from archive_service.errors import Conflict, Gone, InvalidInput, NotFound
from archive_service.lifecycle import review
from archive_service.model.events import EventType
from archive_service.model.findings import FindingCode
from archive_service.model.jobs import JobKind
from archive_service.model.permissions import Role
from archive_service.model.record import TRANSITIONS, AccessLevel, Record, RecordState, SearchState
from tests.archives import TestArchive
from tests.fakes.pdf_reader import ONE_PAGE
from tests.results import HA_NOI


@pytest.fixture
def held(ours: TestArchive) -> Record:
    """Give a record in quarantine."""
    ours.pdf.facts = dataclasses.replace(ONE_PAGE, active_content=(FindingCode.JAVASCRIPT,))
    return ours.stored(100)


def test_a_released_record_is_served_and_its_words_are_read(ours: TestArchive, held: Record) -> None:
    done = review.release(ours.archive, ours.archivist, held.id, " đã kiểm tra ")
    assert done.record.state is RecordState.STORED
    assert JobKind.ENRICH in ours.work()
    assert ours.get(held.id).search_state is SearchState.SEARCHABLE
    [event] = ours.events(EventType.RELEASED)
    assert (event.actor, event.record_id, event.values) == (ours.archivist.id, held.id, {"reason": "đã kiểm tra"})


def test_a_rejected_record_stays_rejected(ours: TestArchive, held: Record) -> None:
    assert review.reject(ours.archive, ours.archivist, held.id, "giả").record.state is RecordState.REJECTED
    with pytest.raises(Conflict) as told:
        review.release(ours.archive, ours.archivist, held.id, "nhầm")
    assert told.value.code == "transition-not-permitted"
    assert len(ours.events(EventType.REJECTED)) == 1


@pytest.mark.parametrize("state", [s for s in RecordState if s is not RecordState.QUARANTINED])
def test_only_what_is_in_quarantine_is_decided(ours: TestArchive, state: RecordState) -> None:
    record = ours.stored()
    ours.register.write(lambda u: u.records.set_state(record.id, state, ours.clock.now()))
    for decide, wanted in ((review.release, RecordState.STORED), (review.reject, RecordState.REJECTED)):
        if wanted in TRANSITIONS[state]:
            continue
        with pytest.raises(Gone if state is RecordState.DISPOSED else Conflict):
            decide(ours.archive, ours.archivist, record.id, "lý do")
    assert ours.get(record.id).state is state


@pytest.mark.parametrize("reason", ["", "  \n"])
def test_a_decision_needs_a_reason(ours: TestArchive, held: Record, reason: str) -> None:
    with pytest.raises(InvalidInput):
        review.release(ours.archive, ours.archivist, held.id, reason)
    assert ours.get(held.id).state is RecordState.QUARANTINED


def test_quarantine_is_listed_for_the_callers_offices_by_pages_without_gaps(ours: TestArchive, held: Record) -> None:
    secret = [ours.stored(n, access_level=AccessLevel.SECRET).id for n in range(3)]
    ours.stored(8, caller=ours.caller(Role.DEPOSITOR, office=HA_NOI), office=HA_NOI)
    last = ours.stored(9)

    def listed(caller: str, after: str | None = None, limit: int = 100) -> list[str]:
        who = ours.archivist if caller == "archivist" else ours.auditor
        found = review.list_quarantine(ours.archive, who, after, limit)  # type: ignore[arg-type]
        return [one.record.id for one in found]

    everything = sorted([held.id, *secret, last.id])
    assert listed("auditor") == everything
    assert listed("auditor", limit=2) == everything[:2]
    assert listed("auditor", after=everything[1], limit=2) == everything[2:4]
    seen = sorted([held.id, last.id])
    assert listed("archivist", limit=1) == seen[:1], "a page that the caller may not see must not look like the end"
    assert listed("archivist", after=seen[0], limit=1) == seen[1:]
    assert listed("archivist", after=seen[1]) == []


def test_findings_are_listed_resolved_once_and_then_gone(ours: TestArchive, held: Record) -> None:
    for number in range(3):
        ours.stored(number, access_level=AccessLevel.SECRET)
    ours.stored(8, caller=ours.caller(Role.DEPOSITOR, office=HA_NOI), office=HA_NOI)
    last = ours.stored(9)
    found = review.list_findings(ours.archive, ours.archivist, 0, 2)
    assert [one.record_id for one in found] == [held.id, last.id]
    assert len(review.list_findings(ours.archive, ours.auditor, 0, 100)) == 5
    resolved = review.resolve_finding(ours.archive, ours.archivist, found[0].id, "đã xem")
    assert (resolved.resolution, resolved.resolved_by) == ("đã xem", ours.archivist.id)
    assert [one.id for one in review.list_findings(ours.archive, ours.archivist, 0, 2)] == [found[1].id]
    with pytest.raises(Conflict) as told:
        review.resolve_finding(ours.archive, ours.archivist, found[0].id, "lần nữa")
    assert told.value.code == "already-resolved"
    [event] = ours.events(EventType.FINDING_RESOLVED)
    assert event.values == {"finding": "javascript", "resolution": "đã xem"}


def test_a_foreign_record_or_finding_is_not_found(ours: TestArchive, held: Record) -> None:
    stranger = ours.caller(Role.ARCHIVIST, office=HA_NOI)
    [finding] = review.list_findings(ours.archive, ours.archivist, 0, 10)
    with pytest.raises(NotFound):
        review.release(ours.archive, stranger, held.id, "lý do")
    with pytest.raises(NotFound):
        review.resolve_finding(ours.archive, stranger, finding.id, "lý do")
    with pytest.raises(NotFound):
        review.resolve_finding(ours.archive, ours.archivist, 10**6, "lý do")


def test_words_are_read_again_on_request_of_what_is_served(ours: TestArchive) -> None:
    record = ours.stored()
    ours.work()
    asked = review.read_again(ours.archive, ours.archivist, record.id)
    assert asked.search_state is SearchState.WAITING
    assert ours.work() == [JobKind.ENRICH, JobKind.INDEX, JobKind.RETAIN]
    assert ours.get(record.id).search_state is SearchState.SEARCHABLE
    assert len(ours.events(EventType.READING_ASKED)) == 1


def test_what_is_in_quarantine_is_not_read_again(ours: TestArchive, held: Record) -> None:
    with pytest.raises(Conflict) as told:
        review.read_again(ours.archive, ours.archivist, held.id)
    assert told.value.code == "not-served"
