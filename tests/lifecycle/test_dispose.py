"""Disposing of a record: judged at the last moment, killed anywhere, gone everywhere, and certified in the end."""

from __future__ import annotations

import dataclasses
import datetime as dt
import hashlib
import json
from typing import Any

import pytest
import sqlalchemy as sa

from archive_service.errors import Conflict, Gone, IntegrityFailure, InvalidInput, NotFound, Unavailable
from archive_service.evidence.canonical import canonical_json
from archive_service.lifecycle.audit.records import replay_tombstones
from archive_service.lifecycle.audit.run import AuditRequest, audit
from archive_service.lifecycle.correct import Correction, correct
from archive_service.lifecycle.disposal.execute import Waiting, execute
from archive_service.lifecycle.disposal.finish import finish_disposals
from archive_service.lifecycle.disposal.give_out import disposal_package
from archive_service.lifecycle.disposal.read import open_certificate, show_disposal
from archive_service.lifecycle.disposal.take_out import take_out
from archive_service.lifecycle.disposal.transfer import export_item, keep_receipt
from archive_service.lifecycle.enrich import enrich
from archive_service.lifecycle.evidence.keep import keep_evidence
from archive_service.lifecycle.log.seal import seal_log
from archive_service.lifecycle.read import list_events, open_content, show_record
from archive_service.lifecycle.rebuild_register import RebuildRequest, rebuild_register
from archive_service.lifecycle.retention.hold import HoldOrder, place_hold
from archive_service.lifecycle.retention.tell import Happening, tell_event
from archive_service.lifecycle.seal import seal
from archive_service.lifecycle.timestamps.stamp import stamp
from archive_service.model.audits import AuditOutcome, AuditRun
from archive_service.model.disposals import Disposal, ItemState, ListDigest, Receipt
from archive_service.model.events import EventType
from archive_service.model.identifiers import RecordId
from archive_service.model.jobs import JobKind
from archive_service.model.objects import evidence_prefix, original_key, tombstone_key
from archive_service.model.permissions import Role
from archive_service.model.record import DocumentText, PageText, RecordState, Relation, RelationKind, TextSource, Trust
from archive_service.model.retention import EventScope
from archive_service.model.retention_objects import read_event_object
from archive_service.storage.register import tables
from archive_service.trust.local_authority import LocalAuthority
from archive_verify.package import Package
from archive_verify.steps import check
from archive_verify.trust import Trust as Trusting
from archive_verify.verdicts import Verdict
from retention.disposal import ProposalState
from retention.holds import HoldScope
from retention.schedule import Action
from tests.archives import TestArchive
from tests.disposing import CODE, DAY, Disposals, schedule
from tests.fakes.faults import Killed
from tests.fakes.randomness import CountedRandomness
from tests.results import CENTRE, HA_NOI, digest, insurance, metadata, pdf, person

# The calls of disposing of one record and of certifying it: of register, store, index and sealer.
CALLS = 52
NAME, NUMBER, WORDS = "Nguyễn Thị Hồng", "0123456789", "Quyết định về việc hưởng lương hưu"
PLACED = DocumentText((PageText(1, WORDS, TextSource.OCR, 91.0, bytes(20)),))


@pytest.fixture
def people(ours: TestArchive) -> Disposals:
    """Give the archive with its schedule in force and a council."""
    people = Disposals(ours)
    people.prepare()
    return people


def certificate(ours: TestArchive, disposal: Disposal) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(ours.content_of(f"disposals/{disposal.id}/certificate.json"))
    return found


def audited(ours: TestArchive, *, remove_orphans: bool = False) -> AuditRun:
    return audit(ours.archive, AuditRequest(verify=True, remove_orphans=remove_orphans))


def everything_in(ours: TestArchive) -> dict[str, str]:
    """Return all rows of every table, as text: whatever is left of somebody is in there."""
    told = {}
    with ours.register.engine.connect() as connection:
        for name, table in tables.metadata.tables.items():
            rows = [tuple(row) for row in connection.execute(sa.select(table))]
            told[name] = " ".join(
                value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)
                for row in rows
                for value in row
            )
    return told


def of_disposals(ours: TestArchive) -> tuple[str, ...]:
    return tuple(key for prefix in ("disposals/", "tombstones/") for key in ours.objects(prefix))


def instead(ours: TestArchive, name: str, call: Any) -> None:
    """Let the store do something else when it is called so."""
    setattr(ours.store, name, call)


class TestARecordThatGoes:
    def test_leaves_nothing_in_the_store_but_its_tombstone(self, ours: TestArchive, people: Disposals) -> None:
        ours.pdf.text = PLACED
        record = ours.stored(1, trust=Trust.DIGITISED)
        said = dataclasses.replace(record.metadata, signer="Lê Văn A")
        ours.work()
        current = ours.get(record.id)
        correct(ours.archive, Correction(ours.archivist, record.id, said, "sai", current.etag))
        seal_log(ours.archive)
        keep_evidence(ours.archive)
        kinds = {key.split("/")[2] for key in ours.objects(f"records/{record.id}/")}
        assert kinds == {"original", "metadata", "renditions", "evidence"}
        [other] = people.due(2)
        disposal = people.approved()
        take = people.items(disposal)
        assert {item.record_id for item in take} == {record.id, other}
        people.finish()
        assert ours.objects("records/") == []
        assert ours.objects("tombstones/") == [tombstone_key(record.id), tombstone_key(other)]
        begun = ours.events(EventType.DISPOSED)[0].at.isoformat()
        assert json.loads(ours.content_of(tombstone_key(record.id))) == {
            "format": 1,
            "record_id": record.id,
            "disposed_at": begun,
            "reason": f"disposal {disposal.id}",
        }
        until = {
            ours.store.lock_of(key, one.version) for key in of_disposals(ours) for one in ours.store.list_under(key)
        }
        assert min(one for one in until if one) >= ours.clock.now() + 3649 * DAY

    def test_what_proves_it_goes_last(self, ours: TestArchive, people: Disposals) -> None:
        [record_id] = people.due(1)
        seal_log(ours.archive)
        keep_evidence(ours.archive)
        ours.clock.forward(20 * DAY)
        people.approved()
        deleted: list[str] = []
        delete = ours.store.delete

        def note(key: str, version: str) -> None:
            deleted.append(key)
            delete(key, version)

        instead(ours, "delete", note)
        ours.work()
        proofs = [key.startswith(evidence_prefix(record_id)) for key in deleted]
        assert proofs == sorted(proofs)
        assert True in proofs
        assert False in proofs

    def test_leaves_no_word_no_name_and_no_number_in_the_register_or_index(
        self, ours: TestArchive, people: Disposals
    ) -> None:
        ours.pdf.text = PLACED
        ours.deposit(
            pdf("document 1"),
            f"key of {NAME}",
            trust=Trust.DIGITISED,
            signer="Lê Văn Sở",
            dossier_code="000.00.00.H41-210301-0042",
        )
        other = ours.stored(5, issued_on=dt.date(2026, 1, 1), subject=person(insurance("9876543210"), name="Trần B"))
        people.due(2)
        before = everything_in(ours)
        assert any(NAME in told for told in before.values())
        disposal = people.approved()
        people.finish()
        after = everything_in(ours)
        for word in (NAME, NUMBER, "Lê Văn Sở", "210301-0042", "hưu trí"):
            assert [name for name, told in after.items() if word in told and name != "search"] in (
                [],
                # The other record is of the same kind, and is kept.
                ["records", "metadata_versions"] if word == "hưu trí" else [],
            ), word
        assert ours.register.read(lambda u: u.texts.get(other.id)) is not None
        assert list(ours.archive.index.record_ids()) == [other.id]
        gone = [item.record_id for item in people.items(disposal)]
        assert len(gone) == 2
        for record_id in gone:
            found = ours.get(record_id)
            assert (found.state, found.subject_id, found.metadata.subject.identifiers) == (RecordState.DISPOSED, "", ())
            assert ours.register.read(lambda u, r=record_id: u.standings.get_many([r])) == {}  # type: ignore[misc]
            assert ours.register.read(lambda u, r=record_id: u.reservations.of_records([r])) == []  # type: ignore[misc]

    def test_only_what_tells_of_its_end_keeps_its_payload(self, ours: TestArchive, people: Disposals) -> None:
        [record_id] = people.due(1)
        people.approved()
        people.finish()
        events = list_events(ours.archive, ours.auditor, record_id, -1, 100)
        told = [one.event for one in events if one.event is not None]
        assert len(events) > 1
        assert [event.type for event in told] == [EventType.DISPOSED]

    def test_its_entry_says_what_decided_and_who(self, ours: TestArchive, people: Disposals) -> None:
        [record_id] = people.due(1)
        disposal = people.approved()
        people.finish()
        [event] = ours.events(EventType.DISPOSED)
        assert (event.actor, event.record_id) == ("worker", record_id)
        assert event.values == {
            "disposal": disposal.id,
            "action": "destroy",
            "class": CODE,
            "due_on": "2026-03-02",
            "sha256": digest(pdf("document 1")).sha256,
            "size_bytes": len(pdf("document 1")),
            "schedule": "bhxh",
            "version": "1",
            "proposed_by": "account:hong",
            "approved_by": "account:duc",
        }

    def test_is_shown_as_disposed_and_its_content_is_not_served(self, ours: TestArchive, people: Disposals) -> None:
        [record_id] = people.due(1)
        people.approved()
        people.finish()
        for read in (show_record, open_content):
            with pytest.raises(Gone):
                read(ours.archive, ours.auditor, record_id)

    def test_its_bytes_may_be_deposited_again_under_the_same_key(self, ours: TestArchive, people: Disposals) -> None:
        [record_id] = people.due(1)
        people.approved()
        people.finish()
        again = ours.stored(1)
        assert again.id != record_id
        assert again.state is RecordState.STORED
        assert again.subject_id

    def test_a_subject_of_whom_something_is_kept_is_not_forgotten(self, ours: TestArchive, people: Disposals) -> None:
        kept = ours.stored(9, issued_on=dt.date(2026, 1, 1))
        people.due(1)
        people.approved()
        people.finish()
        subject = ours.register.read(lambda u: u.subjects.by_identifier(insurance(NUMBER)))
        assert subject is not None
        assert (subject.id, subject.name) == (ours.get(kept.id).subject_id, NAME)

    def test_that_it_replaced_another_is_remembered_for_that_one(self, ours: TestArchive, people: Disposals) -> None:
        people.adopt(schedule(version="2", trigger="replaced"))
        old = ours.stored(1)
        new = ours.stored(2, relations=(Relation(RelationKind.REPLACES, old.id),), issued_on=dt.date(2020, 6, 1))
        newest = ours.stored(3, relations=(Relation(RelationKind.REPLACES, new.id),), issued_on=dt.date(2021, 6, 1))
        ours.work()
        ours.clock.forward(15 * DAY)
        people.decide()
        disposal = people.propose()
        assert {item.record_id for item in people.items(disposal)} == {old.id, new.id}
        take_out(ours.archive, people.proposer, disposal.id, old.id, "xem sau")
        people.approve(disposal)
        finish_disposals(ours.archive)
        people.finish()
        assert ours.get(new.id).state is RecordState.DISPOSED
        [told] = ours.register.read(lambda u: u.told_events.of(EventScope.RECORD, [old.id]))
        assert (told.trigger, told.happened_on, told.office) == ("replaced", dt.date(2020, 6, 1), old.metadata.office)
        kept = read_event_object("", ours.content_of(f"retention/events/{told.id}/said"))
        assert kept.event == told, "it outlives the register, too"
        people.decide()
        assert [item.record_id for item in people.items(people.propose())] == [old.id]
        assert ours.get(newest.id).state is RecordState.STORED


class TestTheLastMoment:
    """What was decided by people is judged again, record by record, when it is carried out."""

    def kept(self, people: Disposals, disposal: Disposal) -> str:
        [item] = people.items(disposal)
        assert item.state is ItemState.KEPT
        assert item.obstacle is not None
        assert item.obstacle.en
        assert item.obstacle.vi
        assert people.ours.get(item.record_id).state is RecordState.STORED
        assert people.ours.objects("tombstones/") == []
        assert len(people.ours.objects("records/")) == 2
        return item.obstacle.code

    @pytest.mark.parametrize("scope", [HoldScope.RECORD, HoldScope.SUBJECT, HoldScope.OFFICE])
    def test_a_hold_placed_after_the_approval_keeps_the_record(
        self, ours: TestArchive, people: Disposals, scope: HoldScope
    ) -> None:
        [record_id] = people.due(1)
        disposal = people.approved()
        record = ours.get(record_id)
        targets = {
            HoldScope.RECORD: record.id,
            HoldScope.SUBJECT: record.subject_id,
            HoldScope.OFFICE: record.metadata.office,
        }
        people.hold(scope, targets[scope])
        ours.work()
        assert self.kept(people, disposal) == "held"
        people.finish()
        assert certificate(ours, disposal)["counts"] == {"proposed": 1, "excepted": 0, "kept": 1, "disposed": 0}
        people.lift()
        assert len(people.items(people.propose())) == 1, "it may be proposed again"

    def test_a_new_event_or_schedule_by_which_it_is_not_due_keeps_it(
        self, ours: TestArchive, people: Disposals
    ) -> None:
        people.due(1)
        disposal = people.approved()
        people.adopt(schedule(version="2", trigger="subject-died"))
        ours.work()
        assert self.kept(people, disposal) == "not-due"

    def test_a_later_payment_told_after_the_approval_keeps_it(self, ours: TestArchive, people: Disposals) -> None:
        people.adopt(schedule(version="2", trigger="last-payment"))
        record = ours.stored(1)
        ours.work()
        self.paid(ours, record.id, dt.date(2019, 5, 31))
        ours.clock.forward(95 * DAY)  # the lock that rolled while no payment was known
        people.decide()
        disposal = people.approved()
        self.paid(ours, record.id, dt.date(2024, 5, 31))
        assert execute(ours.archive, record.id) is None
        assert self.kept(people, disposal) == "not-due"

    def test_what_is_approved_is_not_corrected_any_more(self, ours: TestArchive, people: Disposals) -> None:
        [record_id] = people.due(1)
        people.approved()
        said = dataclasses.replace(metadata(), signer="Lê Văn A")
        with pytest.raises(Conflict) as refused:
            correct(ours.archive, Correction(ours.archivist, record_id, said, "sai", ours.get(record_id).etag))
        assert refused.value.code == "being-disposed"

    def test_a_record_that_came_to_another_office_before_the_approval_is_kept(
        self, ours: TestArchive, people: Disposals
    ) -> None:
        [record_id] = people.due(1)
        proposed = people.propose()
        everywhere = ours.caller(Role.ARCHIVIST, office=CENTRE)
        said = dataclasses.replace(metadata(), office=HA_NOI)
        correct(ours.archive, Correction(everywhere, record_id, said, "chuyển", ours.get(record_id).etag))
        disposal = people.approve(proposed)
        ours.clock.forward(95 * DAY)
        assert execute(ours.archive, record_id) is None
        [item] = people.items(disposal)
        assert item.state is ItemState.KEPT
        assert item.obstacle is not None
        assert item.obstacle.code == "other-office"

    @staticmethod
    def paid(ours: TestArchive, record_id: RecordId, day: dt.date) -> None:
        tell_event(
            ours.archive, Happening(ours.depositor, EventScope.RECORD, record_id, "last-payment", day, "bảng chi trả")
        )

    def test_a_hold_placed_by_its_step_keeps_it_and_one_that_comes_too_late_is_told(
        self, ours: TestArchive, people: Disposals
    ) -> None:
        manager = people.person("chi", Role.RECORDS_MANAGER)

        def order(record_id: RecordId) -> HoldOrder:
            review_on = ours.clock.now().date() + 30 * DAY
            return HoldOrder(
                manager, HoldScope.RECORD, record_id, "Thanh tra", "đang thanh tra", "QĐ 12/2026", review_on
            )

        [held] = people.due(1)
        disposal = people.approved()
        place_hold(ours.archive, order(held))
        assert execute(ours.archive, held) is None
        assert self.kept(people, disposal) == "held"
        [gone] = people.due(2)
        people.approved()
        assert execute(ours.archive, gone) is None
        with pytest.raises(Conflict):
            place_hold(ours.archive, order(gone))

    def test_another_action_by_now_keeps_it(self, ours: TestArchive, people: Disposals) -> None:
        people.due(1)
        disposal = people.approved()
        people.adopt(schedule(Action.REVIEW, version="2"))
        ours.work()
        assert self.kept(people, disposal) == "other-action"

    def test_a_record_that_is_in_quarantine_by_now_is_kept(self, ours: TestArchive, people: Disposals) -> None:
        [record_id] = people.due(1)
        disposal = people.approved()
        ours.register.write(lambda u: u.records.set_state(record_id, RecordState.QUARANTINED, ours.clock.now()))
        ours.work()
        [item] = people.items(disposal)
        assert item.obstacle is not None
        assert (item.state, item.obstacle.code) == (ItemState.KEPT, "not-stored")

    def test_a_hold_or_a_long_lock_in_the_store_keeps_it(self, ours: TestArchive, people: Disposals) -> None:
        [record_id] = people.due(1)
        disposal = people.approved()
        stored = ours.get(record_id).original
        ours.store.set_hold(stored.key, stored.version, True)
        ours.work()
        assert self.kept(people, disposal) == "held-in-store"
        ours.store.set_hold(stored.key, stored.version, False)
        again = people.approved()
        ours.store.extend_lock(stored.key, stored.version, ours.clock.now() + 31 * DAY)
        ours.work()
        assert self.kept(people, again) == "locked"

    def test_a_short_lock_in_the_store_is_waited_for(self, ours: TestArchive, people: Disposals) -> None:
        [record_id] = people.due(1)
        disposal = people.approved()
        stored, until = ours.get(record_id).original, ours.clock.now() + 30 * DAY
        ours.store.extend_lock(stored.key, stored.version, until)
        assert execute(ours.archive, record_id) == Waiting("locked", until)
        assert people.states(disposal) == [ItemState.LISTED]
        ours.clock.forward(30 * DAY)
        assert execute(ours.archive, record_id) is None
        assert people.states(disposal) == [ItemState.DISPOSED]

    @pytest.mark.parametrize("off_by", [dt.timedelta(minutes=6), -dt.timedelta(minutes=6), 5000 * DAY, -5000 * DAY])
    def test_clocks_that_disagree_stop_everything(
        self, ours: TestArchive, people: Disposals, off_by: dt.timedelta
    ) -> None:
        [record_id] = people.due(1)
        disposal = people.approved()
        ours.store.clock_off_by = off_by
        with pytest.raises(Unavailable) as told:
            execute(ours.archive, record_id)
        assert (told.value.code, told.value.component, told.value.retryable) == ("clocks-disagree", "store", True)
        assert people.states(disposal) == [ItemState.LISTED]
        assert ours.get(record_id).state is RecordState.STORED
        ours.store.clock_off_by = dt.timedelta(minutes=5) * (1 if off_by > dt.timedelta() else -1)
        assert execute(ours.archive, record_id) is None
        assert people.states(disposal) == [ItemState.DISPOSED]

    def test_what_nobody_approved_is_left_alone_whoever_asks_for_it(self, ours: TestArchive, people: Disposals) -> None:
        [record_id] = people.due(1)
        assert execute(ours.archive, record_id) is None
        disposal = people.carry(people.propose())
        assert execute(ours.archive, record_id) is None
        assert finish_disposals(ours.archive) == ()
        assert people.jobs() == []
        assert people.states(disposal) == [ItemState.LISTED]
        assert len(ours.objects("records/")) == 2


class TestAStoreThatRefuses:
    def test_the_record_is_not_served_and_goes_as_soon_as_it_may(self, ours: TestArchive, people: Disposals) -> None:
        [record_id] = people.due(1)
        disposal = people.approved()
        stored, put = ours.get(record_id).original, ours.store.put

        def put_and_hold(*said: Any) -> Any:
            done = put(*said)
            ours.store.set_hold(stored.key, stored.version, True)
            return done

        instead(ours, "put", put_and_hold)
        for _ in range(2):
            with pytest.raises(Conflict):
                execute(ours.archive, record_id)
        instead(ours, "put", put)
        assert people.states(disposal) == [ItemState.BEGUN]
        assert ours.get(record_id).state is RecordState.DISPOSED
        assert finish_disposals(ours.archive) == ()
        run = audited(ours)
        assert not run.alarm
        assert {one.outcome for one in run.listed} == {AuditOutcome.UNFINISHED}
        ours.store.set_hold(stored.key, stored.version, False)
        assert execute(ours.archive, record_id) is None
        assert people.states(disposal) == [ItemState.DISPOSED]
        assert len(ours.events(EventType.DISPOSED)) == 1

    def test_something_put_behind_the_listing_goes_too(self, ours: TestArchive, people: Disposals) -> None:
        [record_id] = people.due(1)
        people.approved()
        delete, late = (
            ours.store.delete,
            [f"records/{record_id}/renditions/sealed/1", f"records/{record_id}/evidence/x/1"],
        )

        def delete_slowly(key: str, version: str) -> None:
            delete(key, version)
            if late:
                ours.store.put(late.pop(), b"x", digest(b"x"), ours.clock.now() + dt.timedelta(microseconds=1))
                ours.clock.forward(dt.timedelta(seconds=2))

        instead(ours, "delete", delete_slowly)
        assert execute(ours.archive, record_id) is None
        assert late == []
        assert ours.objects("records/") == []


class TestStepsThatHadBegunBefore:
    """Whatever was under way when the record went neither brings a word of it back nor leaves an object."""

    def gone(self, ours: TestArchive, people: Disposals, record_id: RecordId) -> None:
        ours.work()
        ours.clock.forward(20 * DAY)
        ours.work()
        assert ours.objects(f"records/{record_id}/") == []
        assert ours.register.read(lambda u: u.texts.get(record_id)) is None
        assert ours.register.read(lambda u: u.renditions.of_record(record_id)) == []
        assert ours.register.read(lambda u: u.records.metadata_versions(record_id)) == []
        assert ours.register.read(lambda u: u.findings.of_record(record_id)) == []

    def test_reading_its_words(self, ours: TestArchive, people: Disposals) -> None:
        [record_id] = people.due(1)
        people.approved()
        read = ours.pdf.read_text

        def slowly(path: Any) -> Any:
            words = read(path)
            assert execute(ours.archive, record_id) is None
            return words

        ours.pdf.read_text = slowly  # type: ignore[method-assign]
        enrich(ours.archive, record_id)
        self.gone(ours, people, record_id)

    @pytest.mark.parametrize("killed", [False, True])
    def test_sealing_it(self, ours: TestArchive, people: Disposals, killed: bool) -> None:
        ours.pdf.text = PLACED
        record = ours.stored(1, trust=Trust.DIGITISED)
        enrich(ours.archive, record.id)
        ours.clock.forward(15 * DAY)
        people.decide()
        people.approved()
        put = ours.store.put

        def slowly(*said: Any) -> Any:
            instead(ours, "put", put)
            assert execute(ours.archive, record.id) is None
            put(*said)
            if killed:
                raise Killed("store.put")
            return next(ours.store.list_under(str(said[0])))

        instead(ours, "put", slowly)
        if killed:
            with pytest.raises(Killed):
                seal(ours.archive, record.id)
        else:
            seal(ours.archive, record.id)
        assert len(ours.objects(f"records/{record.id}/")) == 1
        ours.clock.forward(20 * DAY)
        self.gone(ours, people, record.id)

    def test_correcting_it(self, ours: TestArchive, people: Disposals) -> None:
        [record_id] = people.due(1)
        record, put = ours.get(record_id), ours.store.put

        def slowly(*said: Any) -> Any:
            instead(ours, "put", put)
            people.approved()
            assert execute(ours.archive, record_id) is None
            return put(*said)

        instead(ours, "put", slowly)
        said = dataclasses.replace(metadata(), signer="Lê Văn A")
        answer = correct(ours.archive, Correction(ours.archivist, record_id, said, "sai", record.etag))
        assert answer.state is RecordState.DISPOSED
        ours.clock.forward(20 * DAY)
        self.gone(ours, people, record_id)
        assert ours.get(record_id).metadata.signer is None

    @pytest.mark.parametrize("killed", [False, True])
    def test_keeping_what_proves_it(
        self, ours: TestArchive, people: Disposals, killed: bool, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("archive_service.lifecycle.evidence.keep._WRITERS", 1)
        [record_id] = people.due(1)
        people.approved()
        seal_log(ours.archive)
        put = ours.store.put

        def slowly(*said: Any) -> Any:
            instead(ours, "put", put)
            assert execute(ours.archive, record_id) is None
            done = put(*said)
            if killed:
                raise Killed("store.put")
            return done

        instead(ours, "put", slowly)
        if killed:
            with pytest.raises(Killed):
                keep_evidence(ours.archive)
        keep_evidence(ours.archive)
        left = ours.objects(f"records/{record_id}/")
        assert left
        waiting = execute(ours.archive, record_id)
        assert waiting is not None, "what was put is locked for some days"
        ours.clock.forward(waiting.until - ours.clock.now())
        self.gone(ours, people, record_id)


def test_many_records_are_handed_out_in_pages(
    ours: TestArchive, people: Disposals, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("archive_service.lifecycle.disposal.finish._AT_ONCE", 2)
    due = people.due(*range(5))
    disposal = people.approve(people.propose())
    ours.faults.heal()
    ours.faults.kill_at, ours.faults.after = 4, True
    with pytest.raises(Killed):
        finish_disposals(ours.archive)
    ours.faults.heal()
    assert finish_disposals(ours.archive) == ()
    assert finish_disposals(ours.archive) == ()
    jobs = people.jobs()
    assert sorted(job.record_id for job in jobs) == sorted(due)
    for job in jobs:
        execute(ours.archive, job.record_id)
    [done] = people.finish()
    assert (done.disposal_id, done.disposed) == (disposal.id, 5)


class TestTheCertificate:
    @pytest.fixture
    def ended(self, ours: TestArchive, people: Disposals) -> Disposal:
        """Give a disposal that has ended."""
        return self.whole(ours, people)

    def whole(self, ours: TestArchive, people: Disposals) -> Disposal:
        """Let one record be excepted, one kept, and two go."""
        first, second, *_ = people.due(1, 2, 3, 4)
        disposal = people.propose()
        take_out(ours.archive, people.member(), disposal.id, first, "còn khiếu nại")
        people.approve(disposal)
        finish_disposals(ours.archive)
        people.hold(HoldScope.RECORD, second)
        people.finish()
        return disposal

    def test_states_who_decided_and_what_became_of_each_record(
        self, ours: TestArchive, people: Disposals, ended: Disposal
    ) -> None:
        body = ours.content_of(f"disposals/{ended.id}/certificate.json")
        said = certificate(ours, ended)
        assert body == canonical_json(said), "written record by record, it is canonical JSON all the same"
        assert said["counts"] == {"proposed": 4, "excepted": 1, "kept": 1, "disposed": 2}
        assert (said["disposal"], said["office"], said["action"]) == (ended.id, ended.office, "destroy")
        assert (said["proposed_by"], said["approved_by"]) == ("account:hong", "account:duc")
        members = ("account:lan", "account:minh", "account:tuan")
        assert [(one["member"], one["vote"]) for one in said["council"]] == [(one, "agree") for one in members]
        assert said["schedules"] == [{"id": "bhxh", "version": "1"}]
        assert said["receipt"] is None
        items = people.items(ended)
        listed = ListDigest()
        listed.add(items)
        [proposed] = ours.events(EventType.DISPOSAL_PROPOSED)
        assert said["list_sha256"] == listed.hexdigest() == proposed.values["list_sha256"]
        lines = "".join(f"{one['record_id']} {one['sha256']}\n" for one in said["records"])
        assert hashlib.sha256(lines.encode()).hexdigest() == said["list_sha256"]
        outcomes = {state: [one for one in said["records"] if one["state"] == state] for state in said["counts"]}
        assert [one["reason"] for one in outcomes["excepted"]] == ["còn khiếu nại"]
        assert [(one["record_id"], one["reason"], one["actor"]) for one in said["exceptions"]] == [
            (outcomes["excepted"][0]["record_id"], "còn khiếu nại", "account:lan")
        ]
        assert [one["kept_because"]["code"] for one in outcomes["kept"]] == ["held"]
        for one in outcomes["disposed"]:
            [entry] = ours.register.read(lambda u, one=one: u.log.entries(one["entry"], 1))  # type: ignore[misc]
            assert entry.event is not None
            assert (entry.event.type, entry.event.record_id) == (EventType.DISPOSED, one["record_id"])
            assert entry.event.values["sha256"] == one["sha256"]
            assert (one["class_code"], one["due_on"]) == (CODE, "2026-03-02")

    def test_its_digests_are_an_entry_of_the_log_and_the_proposal_is_done(
        self, ours: TestArchive, people: Disposals, ended: Disposal
    ) -> None:
        [event] = ours.events(EventType.DISPOSAL_CERTIFIED)
        kept = {form: digest(ours.content_of(f"disposals/{ended.id}/certificate.{form}")) for form in ("json", "pdf")}

        def told(form: str) -> dict[str, object]:
            return {"sha256": kept[form].sha256, "sha512": kept[form].sha512, "size_bytes": kept[form].size_bytes}

        assert event.record_id is None
        assert event.values == {
            "disposal": ended.id,
            "certificate": told("json"),
            "paper": told("pdf"),
            "records": 4,
            "disposed": 2,
            "kept": 1,
            "excepted": 1,
        }
        shown = show_disposal(ours.archive, people.approver, ended.id).disposal
        assert (shown.state, shown.certificate_sha256) == (ProposalState.DONE, kept["json"].sha256)
        for form, printed in (("json", False), ("pdf", True)):
            with open_certificate(ours.archive, people.approver, ended.id, printed=printed) as given:
                assert digest(b"".join(given.blocks)) == kept[form]
                assert given.size_bytes == kept[form].size_bytes
        assert finish_disposals(ours.archive) == ()
        assert people.jobs() == []

    def test_the_paper_names_it_and_lists_the_first_of_each_outcome(self, ours: TestArchive, ended: Disposal) -> None:
        [paper] = ours.sealer.papers
        assert paper.number == ended.id
        assert (
            f"SHA-256 {digest(ours.content_of(f'disposals/{ended.id}/certificate.json')).sha256}"
            in dict(paper.facts).values()
        )
        assert [len(table.rows) for table in paper.tables] == [1, 3, 2, 1, 1]
        assert paper.tables[0].rows == (("4", "1", "1", "2"),)

    def test_an_audit_finds_everything_explained(self, ours: TestArchive, people: Disposals, ended: Disposal) -> None:
        run = audited(ours)
        assert run.counts == {AuditOutcome.INTACT: 4}
        assert run.listed == ()

    def test_whoever_trusts_nobody_here_accepts_it(self, ours: TestArchive) -> None:
        authority = LocalAuthority(ours.folder / "tsa", ours.clock, CountedRandomness())
        archive = dataclasses.replace(ours.archive, authorities=(authority,), sealer=None)
        theirs = dataclasses.replace(ours, archive=archive)
        people = Disposals(theirs)
        people.prepare()
        disposal = self.whole(theirs, people)
        seal_log(archive)
        stamp(archive)
        with disposal_package(archive, theirs.auditor, disposal.id) as package:
            content = b"".join(package.blocks())
        trust = Trusting(
            now=ours.clock.now() + dt.timedelta(hours=1),
            log_keys=archive.signer.verifier_keys,
            tsa_roots=tuple(authority.roots),
        )
        found = {step.name: findings for step, findings in check(Package(content), trust)}
        assert {name for name, one in found.items() if one.verdict is not Verdict.PASS} <= {"checkpoint", "signatures"}
        assert not [one.refused for one in found.values() if one.refused]

    def test_waits_until_the_index_was_told(self, ours: TestArchive, people: Disposals) -> None:
        [record_id] = people.due(1)
        people.approved()
        assert execute(ours.archive, record_id) is None
        assert finish_disposals(ours.archive) == ()
        ours.work()
        assert len(finish_disposals(ours.archive)) == 1

    def test_waits_for_a_seal_that_is_out_of_reach_and_does_without_where_there_is_none(
        self, ours: TestArchive, people: Disposals
    ) -> None:
        people.due(1)
        disposal = people.approved()
        ours.work()
        ours.faults.down.add("sealer")
        with pytest.raises(Unavailable):
            finish_disposals(ours.archive)
        ours.faults.heal()
        assert ours.events(EventType.DISPOSAL_CERTIFIED) == []
        without = dataclasses.replace(ours.archive, sealer=None)
        [done] = finish_disposals(without)
        assert done.disposal_id == disposal.id
        [event] = ours.events(EventType.DISPOSAL_CERTIFIED)
        assert event.values["paper"] is None
        with pytest.raises(NotFound), open_certificate(ours.archive, people.approver, disposal.id, printed=True):
            pass

    def test_one_that_cannot_be_certified_keeps_no_other_from_its_end(
        self, ours: TestArchive, people: Disposals
    ) -> None:
        people.due(1)
        first = people.approved()
        people.due(2)
        stranger = f"disposals/{first.id}/certificate.json"
        ours.store.put(stranger, b"{}", digest(b"{}"), ours.clock.now() + DAY)
        second = people.approve(people.propose())
        for _ in range(2):
            with pytest.raises(IntegrityFailure):
                finish_disposals(ours.archive)
            ours.work()
        states = {one: show_disposal(ours.archive, people.approver, one.id).disposal.state for one in (first, second)}
        assert states == {first: ProposalState.APPROVED, second: ProposalState.DONE}

    def test_all_of_it_excepted_is_certified_too(self, ours: TestArchive, people: Disposals) -> None:
        [record_id] = people.due(1)
        disposal = people.propose()
        take_out(ours.archive, people.proposer, disposal.id, record_id, "nhầm")
        people.approve(disposal)
        assert len(finish_disposals(ours.archive)) == 1
        assert certificate(ours, disposal)["counts"] == {"proposed": 1, "excepted": 1, "kept": 0, "disposed": 0}
        assert ours.get(record_id).state is RecordState.STORED


class TestHandingOver:
    @pytest.fixture
    def people(self, ours: TestArchive) -> Disposals:
        """Give the archive with a schedule that asks for transfer."""
        people = Disposals(ours, Action.TRANSFER)
        people.prepare()
        return people

    RECEIPT = Receipt("Lưu trữ lịch sử Đà Nẵng", "BN-12", dt.date(2026, 11, 24), "đã nhận đủ")

    def export(self, ours: TestArchive, people: Disposals, disposal: Disposal, record_id: RecordId) -> str:
        with export_item(ours.archive, people.proposer, disposal.id, record_id) as package:
            assert digest(package.path.read_bytes()) == package.digest
            return package.digest.sha256

    def test_goes_only_after_every_package_was_given_and_the_receipt_is_there(
        self, ours: TestArchive, people: Disposals
    ) -> None:
        first, second = people.due(1, 2)
        disposal = people.approved()
        seal_log(ours.archive)
        assert people.jobs() == []
        assert execute(ours.archive, first) is None
        given = {first: self.export(ours, people, disposal, first)}
        with pytest.raises(Conflict) as told:
            keep_receipt(ours.archive, people.proposer, disposal.id, self.RECEIPT)
        assert told.value.code == "not-exported"
        given[second] = self.export(ours, people, disposal, second)
        tomorrow = dataclasses.replace(self.RECEIPT, received_on=dt.date(2027, 1, 1))
        for wrong in (tomorrow, dataclasses.replace(self.RECEIPT, reference=" ")):
            with pytest.raises(InvalidInput):
                keep_receipt(ours.archive, people.proposer, disposal.id, wrong)
        assert people.finish() == ()
        assert people.states(disposal) == [ItemState.LISTED, ItemState.LISTED]
        keep_receipt(ours.archive, people.proposer, disposal.id, self.RECEIPT)
        [event] = ours.events(EventType.TRANSFER_RECEIVED)
        lines = "".join(f"{record_id} {given[record_id]}\n" for record_id in sorted(given)).encode()
        assert event.values == {
            "disposal": disposal.id,
            "receiver": "Lưu trữ lịch sử Đà Nẵng",
            "reference": "BN-12",
            "received_on": "2026-11-24",
            "text": "đã nhận đủ",
            "packages_sha256": hashlib.sha256(lines).hexdigest(),
        }
        people.finish()
        people.finish()
        said = certificate(ours, disposal)
        assert said["receipt"]["reference"] == "BN-12"
        assert {one["record_id"]: one["transferred_sha256"] for one in said["records"]} == given
        assert said["counts"]["disposed"] == 2

    def test_what_was_received_is_neither_given_out_nor_received_again(
        self, ours: TestArchive, people: Disposals
    ) -> None:
        [record_id] = people.due(1)
        disposal = people.approved()
        seal_log(ours.archive)
        self.export(ours, people, disposal, record_id)
        keep_receipt(ours.archive, people.proposer, disposal.id, self.RECEIPT)
        with pytest.raises(Conflict) as told:
            keep_receipt(ours.archive, people.proposer, disposal.id, self.RECEIPT)
        assert told.value.code == "received-already"
        with pytest.raises(Conflict) as told:
            self.export(ours, people, disposal, record_id)
        assert told.value.code == "received-already"

    def test_nothing_is_given_out_before_the_approval_or_of_another_proposal(
        self, ours: TestArchive, people: Disposals
    ) -> None:
        [record_id] = people.due(1)
        disposal = people.propose()
        with pytest.raises(Conflict) as told:
            self.export(ours, people, disposal, record_id)
        assert told.value.code == "not-approved"
        people.approve(disposal)
        with pytest.raises(NotFound):
            self.export(ours, people, disposal, ours.stored(7).id)


class TestKilledAnywhere:
    """No record is half gone, and none is gone without a certificate in the end."""

    @pytest.mark.parametrize("call", range(1, CALLS + 1))
    def test_after_any_call_of_disposing_and_certifying(self, ours: TestArchive, call: int) -> None:
        """Kill after one call, which is before the next; look, let everything come to its end, and look again."""
        with pytest.raises(Killed):
            self.live(ours, call)

    def test_there_are_no_more_calls(self, ours: TestArchive) -> None:
        self.live(ours, CALLS + 1)

    def live(self, ours: TestArchive, call: int) -> None:
        people = Disposals(ours)
        people.prepare()
        ours.pdf.text = PLACED
        record = ours.stored(1, trust=Trust.DIGITISED)
        ours.work()
        seal_log(ours.archive)
        keep_evidence(ours.archive)
        people.due()
        disposal = people.approve(people.propose())
        before = len(ours.objects("records/"))
        assert before == 6
        ours.faults.heal()
        ours.faults.kill_at, ours.faults.after = call, True
        killed: Killed | None = None
        try:
            finish_disposals(ours.archive)
            execute(ours.archive, record.id)
            ours.work()
            finish_disposals(ours.archive)
        except Killed as met:
            killed = met
        ours.faults.heal()
        ours.clock.forward(2 * DAY)
        self.is_whole_or_going(ours, people, record.id, disposal, before)
        finish_disposals(ours.archive)
        ours.work()
        finish_disposals(ours.archive)
        assert ours.objects("records/") == []
        assert of_disposals(ours) == (
            f"disposals/{disposal.id}/certificate.json",
            f"disposals/{disposal.id}/certificate.pdf",
            tombstone_key(record.id),
        )
        said = certificate(ours, disposal)
        assert said["counts"] == {"proposed": 1, "excepted": 0, "kept": 0, "disposed": 1}
        assert [one["record_id"] for one in said["records"]] == [record.id]
        for kind in (EventType.DISPOSED, EventType.DISPOSAL_CERTIFIED):
            assert len(ours.events(kind)) == 1
        told = everything_in(ours)
        assert not [name for name, rows in told.items() if NAME in rows or NUMBER in rows]
        assert ours.archive.index.count() == 0
        run = audited(ours)
        assert (run.alarm, run.listed) == (False, ())
        if killed is not None:
            raise killed

    def is_whole_or_going(
        self, ours: TestArchive, people: Disposals, record_id: RecordId, disposal: Disposal, before: int
    ) -> None:
        [item] = people.items(disposal)
        state = ours.get(record_id).state
        if item.state is ItemState.LISTED:
            assert state is RecordState.STORED
            assert len(ours.objects("records/")) == before
            assert ours.objects("tombstones/") == []
        else:
            assert state is RecordState.DISPOSED
            assert len(ours.events(EventType.DISPOSED)) == 1
        if len(ours.objects("records/")) < before:
            assert ours.objects("tombstones/") == [tombstone_key(record_id)]
        run = audit(ours.archive, AuditRequest(verify=True, remove_orphans=True))
        assert not run.alarm
        assert {one.outcome for one in run.listed} <= {AuditOutcome.UNFINISHED, AuditOutcome.INDEXED_GONE}


@pytest.mark.parametrize("stands", [RecordState.STORED, RecordState.DISPOSED])
def test_payloads_that_are_gone_are_explained_by_a_disposal_that_was_done_and_by_no_other(
    ours: TestArchive, people: Disposals, stands: RecordState
) -> None:
    [record_id] = people.due(1)
    people.approved()
    people.finish()
    ours.register.write(lambda u: u.records.set_state(record_id, stands, ours.clock.now()))
    told = {one.outcome for one in audited(ours).listed}
    assert (AuditOutcome.PAYLOAD_MISSING in told) is (stands is RecordState.STORED)


class TestAfterARestore:
    def test_a_register_of_before_the_disposal_forgets_as_the_disposal_did(
        self, ours: TestArchive, people: Disposals
    ) -> None:
        [record_id] = people.due(1)
        disposal = people.approved()
        with ours.register.engine.connect() as connection:
            rows = {table: list(connection.execute(sa.select(table))) for table in tables.metadata.tables.values()}
        people.finish()
        self.put_back(ours, rows)
        assert ours.get(record_id).state is RecordState.STORED
        assert audited(ours).alarm is False
        assert replay_tombstones(ours.archive) == 1
        told = everything_in(ours)
        assert not [name for name, said in told.items() if NAME in said or NUMBER in said]
        people.finish()
        assert people.states(disposal) == [ItemState.DISPOSED]
        people.finish()
        assert audited(ours).listed == ()

    @staticmethod
    def put_back(ours: TestArchive, rows: dict[sa.Table, list[Any]]) -> None:
        """Put every table back; the log, which is caught up with from the store, has the payloads of then, too."""
        log = {"log_entries", "log_head", "log_tiles", "log_checkpoints"}
        with ours.register.engine.connect().execution_options(archive_writes=True) as connection, connection.begin():
            for table, kept in rows.items():
                if table.name in log:
                    continue
                if table.name != "log_payloads":
                    connection.execute(sa.delete(table))
                if kept:
                    insert = sa.insert(table).prefix_with("OR IGNORE")
                    connection.execute(insert, [dict(row._mapping) for row in kept])

    def test_what_a_store_brought_back_is_deleted_again(self, ours: TestArchive, people: Disposals) -> None:
        [record_id] = people.due(1)
        people.approved()
        people.finish()
        key = original_key(record_id)
        ours.store.put(key, pdf("document 1"), digest(pdf("document 1")), ours.clock.now() + DAY)
        ours.clock.forward(2 * DAY)
        run = audited(ours)
        assert [one.outcome for one in run.listed] == [AuditOutcome.DISPOSED_PRESENT]
        ours.work()
        assert ours.objects("records/") == [key], "only when asked"
        audited(ours, remove_orphans=True)
        ours.work()
        assert ours.objects("records/") == []

    def test_nothing_is_deleted_without_a_tombstone(self, ours: TestArchive, people: Disposals) -> None:
        record = ours.stored(1)
        ours.clock.forward(20 * DAY)
        ours.register.write(lambda u: u.records.set_state(record.id, RecordState.DISPOSED, ours.clock.now()))
        assert execute(ours.archive, record.id) is None
        assert len(ours.objects("records/")) == 2
        assert audited(ours).alarm

    def test_a_register_made_anew_knows_nothing_of_it_and_the_audit_is_content(
        self, ours: TestArchive, people: Disposals
    ) -> None:
        people.due(1)
        people.approved()
        people.finish()
        kept = ours.stored(2)
        with ours.register.engine.connect().execution_options(archive_writes=True) as connection, connection.begin():
            for name in ("records", "disposals", "disposal_items", "metadata_versions", "record_relations"):
                connection.exec_driver_sql(f"DELETE FROM {name}")
        done = rebuild_register(ours.archive, RebuildRequest(), lambda _passed: None)
        assert (done.records, done.disposed) == (1, 0)
        assert ours.get(kept.id).state is RecordState.STORED
        ours.work()
        run = audited(ours)
        assert not run.alarm, run.listed

    def test_of_a_disposal_that_was_cut_off_it_deletes_the_rest(self, ours: TestArchive, people: Disposals) -> None:
        [record_id] = people.due(1)
        people.approved()
        delete = ours.store.delete

        def refuse(*_said: Any) -> None:
            raise Killed("store.delete")

        instead(ours, "delete", refuse)
        with pytest.raises(Killed):
            execute(ours.archive, record_id)
        instead(ours, "delete", delete)
        with ours.register.engine.connect().execution_options(archive_writes=True) as connection, connection.begin():
            for name in ("records", "disposals", "disposal_items", "metadata_versions", "jobs"):
                connection.exec_driver_sql(f"DELETE FROM {name}")
        done = rebuild_register(ours.archive, RebuildRequest(), lambda _passed: None)
        assert (done.records, done.disposed) == (0, 1)
        assert JobKind.DISPOSE in ours.work()
        assert ours.objects("records/") == []


def test_a_stranger_reads_the_certificate_only_with_the_right_to(ours: TestArchive, people: Disposals) -> None:
    people.due(1)
    disposal = people.approved()
    people.finish()
    auditor = people.person("chi", Role.AUDITOR)
    with open_certificate(ours.archive, auditor, disposal.id) as given:
        assert json.loads(b"".join(given.blocks))["disposal"] == disposal.id
    assert ours.events(EventType.RETENTION_READ)[-1].values == {"disposals": [disposal.id], "part": "certificate"}
