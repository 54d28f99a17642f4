"""A record that was disposed of is told as gone, at once and for good: the day and the disposal, and nothing of it."""

from __future__ import annotations

import dataclasses
import datetime as dt
from collections.abc import Callable

import pytest

from archive_service.errors import Conflict, Gone, Message, NotFound
from archive_service.lifecycle import correct, deposit, find, prove, read, review
from archive_service.lifecycle.audit.records import replay_tombstones
from archive_service.lifecycle.disposal.execute import execute
from archive_service.lifecycle.evidence import give_out
from archive_service.lifecycle.log import follow
from archive_service.lifecycle.log.seal import seal_log
from archive_service.lifecycle.marks import keep_small
from archive_service.lifecycle.retention import explain, hold, tell
from archive_service.lifecycle.seal import seal
from archive_service.model.disposals import Disposal, ItemState
from archive_service.model.events import EventType
from archive_service.model.identifiers import RecordId
from archive_service.model.objects import Tombstone, tombstone_object
from archive_service.model.permissions import Role
from archive_service.model.record import RecordState, Relation, RelationKind
from archive_service.model.retention import EventScope
from archive_service.model.sealing import RenditionKind
from retention.calendar import day_of
from retention.holds import HoldScope
from retention.schedule import Action
from tests.archives import TestArchive
from tests.disposing import DAY, Disposals
from tests.results import HA_NOI, digest, metadata, pdf

Step = Callable[[TestArchive, RecordId], object]
DUE = dt.date(2026, 1, 1)
_LOCKED = Message("locked", "đang khoá")

# Every step that asks for one record; its events and proofs stay.
STEPS: dict[str, Step] = {
    "show": lambda ours, one: read.show_record(ours.archive, ours.auditor, one),
    "content": lambda ours, one: read.open_content(ours.archive, ours.auditor, one),
    "text": lambda ours, one: read.read_text(ours.archive, ours.auditor, one),
    "versions": lambda ours, one: read.list_versions(ours.archive, ours.auditor, one),
    "signatures": lambda ours, one: read.show_signatures(ours.archive, ours.auditor, one),
    "renditions": lambda ours, one: read.list_renditions(ours.archive, ours.auditor, one),
    "rendition": lambda ours, one: read.open_rendition(ours.archive, ours.auditor, one, RenditionKind.SEALED),
    "evidence": lambda ours, one: give_out.evidence_package(ours.archive, ours.auditor, one).__enter__(),
    "evidence record": lambda ours, one: give_out.evidence_record(ours.archive, ours.auditor, one, None),
    "receipt": lambda ours, one: follow.receipt(ours.archive, ours.auditor, one),
    "retention": lambda ours, one: explain.explain_record(ours.archive, ours.auditor, one),
    "told events": lambda ours, one: tell.list_events(ours.archive, ours.auditor, EventScope.RECORD, one),
    "tell": lambda ours, one: tell.tell_event(
        ours.archive, tell.Happening(ours.archivist, EventScope.RECORD, one, "last-payment", DUE, "x")
    ),
    "correct": lambda ours, one: correct.correct(
        ours.archive, correct.Correction(ours.archivist, one, metadata(signer="x"), "sai", ours.get(one).etag)
    ),
    "release": lambda ours, one: review.release(ours.archive, ours.archivist, one, "x"),
    "read again": lambda ours, one: review.read_again(ours.archive, ours.archivist, one),
}


@pytest.fixture
def people(ours: TestArchive) -> Disposals:
    """Give the archive with its schedule in force and a council."""
    people = Disposals(ours)
    people.prepare()
    return people


@pytest.fixture(params=[ItemState.BEGUN, ItemState.DISPOSED], ids=str)
def gone(ours: TestArchive, people: Disposals, request: pytest.FixtureRequest) -> tuple[RecordId, Disposal]:
    """Dispose of a record, to the end or until its first object is to be deleted, which the store refuses."""
    [record_id] = people.due(1)
    disposal = people.approved()
    if request.param is ItemState.BEGUN:
        refused, delete = Conflict(_LOCKED), ours.store.delete

        def refuse(key: str, version: str) -> None:
            raise refused

        ours.store.delete = refuse  # type: ignore[method-assign]
        with pytest.raises(Conflict):
            execute(ours.archive, record_id)
        ours.store.delete = delete  # type: ignore[method-assign]
        assert ours.get(record_id).metadata.subject.name
    else:
        people.finish()
    assert people.states(disposal) == [request.param]
    return record_id, disposal


@pytest.mark.parametrize("name", STEPS)
def test_every_step_says_when_it_went_and_by_which_disposal_and_nothing_of_it(
    ours: TestArchive, gone: tuple[RecordId, Disposal], name: str
) -> None:
    record_id, disposal = gone
    said = metadata()
    with pytest.raises(Gone) as told:
        STEPS[name](ours, record_id)
    [event] = ours.events(EventType.DISPOSED)
    assert told.value.code == "disposed"
    assert told.value.details == {
        "record_id": record_id,
        "state": "disposed",
        "disposed_on": day_of(event.at).isoformat(),
        "action": "destroy",
        "disposal_id": disposal.id,
    }
    message = told.value.message
    assert disposal.id in message.en
    assert f"{day_of(event.at):%d/%m/%Y}" in message.vi
    assert said.subject.name not in message.en + message.vi


def test_to_another_office_it_does_not_exist(ours: TestArchive, gone: tuple[RecordId, Disposal]) -> None:
    stranger = ours.caller(*Role, office=HA_NOI)
    with pytest.raises(NotFound):
        read.show_record(ours.archive, stranger, gone[0])
    with pytest.raises(NotFound):
        read.list_events(ours.archive, stranger, gone[0], -1, 10)


def test_its_events_stay_without_what_they_said_and_are_proven(
    ours: TestArchive, gone: tuple[RecordId, Disposal]
) -> None:
    seal_log(ours.archive)
    events = read.list_events(ours.archive, ours.auditor, gone[0], -1, 100)
    assert [one.event.type for one in events if one.event is not None] == [EventType.DISPOSED]
    assert len(events) > 1
    assert follow.proof(ours.archive, ours.auditor, gone[0])
    assert follow.proof(ours.archive, ours.auditor, gone[0], events[-1].index)


def test_it_is_neither_found_nor_listed_nor_sealed(ours: TestArchive, gone: tuple[RecordId, Disposal]) -> None:
    for states in ([RecordState.STORED], [RecordState.DISPOSED], []):
        found = find.find(ours.archive, ours.auditor, find.Search("", states=frozenset(states)))
        assert (found.hits, found.total * bool(states == [RecordState.DISPOSED])) == ((), 0)
    [identifier] = metadata().subject.identifiers[:1]
    with pytest.raises(NotFound):
        read.show_subject(ours.archive, ours.auditor, identifier)
    assert review.list_findings(ours.archive, ours.auditor, 0, 10) == ()
    assert seal(ours.archive, gone[0]) is None


def test_what_names_it_does_not_show_it(ours: TestArchive, people: Disposals) -> None:
    kept = ours.stored(9, issued_on=dt.date(2026, 1, 1))
    gone = ours.stored(1, relations=(Relation(RelationKind.CORRECTS, kept.id),))
    assert read.show_record(ours.archive, ours.auditor, kept.id).related == ((gone.id, "corrects"),)
    ours.register.write(lambda u: u.records.set_state(gone.id, RecordState.DISPOSED, ours.clock.now()))
    assert read.show_record(ours.archive, ours.auditor, kept.id).related == ()


def test_a_hold_on_it_is_refused_as_too_late(ours: TestArchive, gone: tuple[RecordId, Disposal]) -> None:
    manager = ours.caller(Role.RECORDS_MANAGER)
    order = hold.HoldOrder(manager, HoldScope.RECORD, gone[0], "o", "r", "l", day_of(ours.clock.now()) + 30 * DAY)
    with pytest.raises(Conflict) as told:
        hold.place_hold(ours.archive, order)
    assert told.value.code == "already-disposed"


def test_its_bytes_are_told_as_held_once(ours: TestArchive, gone: tuple[RecordId, Disposal]) -> None:
    found = prove.verify_bytes(ours.archive, ours.auditor, digest(pdf("document 1")).sha256)
    assert (found.held, found.records) == (False, ())
    [told] = found.disposed
    assert (told.record_id, told.action, told.disposal_id) == (gone[0], Action.DESTROY, gone[1].id)
    stranger = ours.caller(*Role, office=HA_NOI)
    assert prove.verify_bytes(ours.archive, stranger, found.sha256).disposed == ()


def test_its_key_is_answered_as_gone_until_it_is_forgotten_and_is_then_free(
    ours: TestArchive, people: Disposals
) -> None:
    command = ours.command()
    record = deposit.deposit(ours.archive, command).record
    ours.work()
    ours.register.write(lambda u: u.records.set_state(record.id, RecordState.DISPOSED, ours.clock.now()))
    with pytest.raises(Gone) as told:
        deposit.deposit(ours.archive, command)
    assert told.value.code == "disposed"
    # A register whose key outlived the record's description, as after a stop.
    ours.register.write(lambda u: u.records.erase(record.id, ours.clock.now()))
    with pytest.raises(Gone):
        deposit.deposit(ours.archive, command)
    ours.register.write(lambda u: u.reservations.erase(record.id))
    again = deposit.deposit(ours.archive, dataclasses.replace(command))
    assert (again.replayed, again.record.id == record.id) == (False, False)


def test_where_only_the_store_tells_of_it_the_day_is_told_and_no_disposal(ours: TestArchive) -> None:
    record = ours.stored(1)
    tombstone = tombstone_object(Tombstone(record.id, ours.clock.now(), "disposal d1"))
    keep_small(ours.store, tombstone, ours.clock.now() + DAY)
    assert replay_tombstones(ours.archive) == 1
    with pytest.raises(Gone) as told:
        read.show_record(ours.archive, ours.auditor, record.id)
    assert told.value.details["disposed_on"] == day_of(ours.clock.now()).isoformat()
    assert (told.value.details["disposal_id"], told.value.details["action"]) == (None, None)
