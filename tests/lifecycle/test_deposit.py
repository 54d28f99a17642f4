"""Depositing: answered once, kept once, whatever happens between."""

from __future__ import annotations

import base64
import dataclasses
import datetime as dt
import hashlib
import json
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from archive_service.errors import ArchiveError, Conflict, InvalidInput, NotAllowed, Rejected, Unavailable
from archive_service.evidence.canonical import canonical_json
from archive_service.lifecycle.deposit import Deposited, deposit
from archive_service.lifecycle.review import reject, release, resolve_finding
from archive_service.model.events import EventType
from archive_service.model.findings import Finding, FindingCode
from archive_service.model.identifiers import OfficeCode, ProcedureCode, ResultTypeCode
from archive_service.model.inspection import NotInspected
from archive_service.model.jobs import JobKind, JobState
from archive_service.model.metadata_json import metadata_to_json
from archive_service.model.objects import metadata_key, original_key, state_prefix
from archive_service.model.permissions import Role
from archive_service.model.record import RecordState, Relation, RelationKind, SearchState
from archive_service.model.subject import SubjectKind
from archive_verify.notes import parse_note, signers
from tests.archives import TestArchive
from tests.fakes.faults import Killed
from tests.fakes.log_signer import signer
from tests.fakes.pdf_reader import ONE_PAGE
from tests.results import (
    DA_NANG,
    HA_NOI,
    HAI_CHAU,
    HOI_AN,
    ONE_TIME,
    citizen,
    digest,
    insurance,
    metadata,
    pdf,
    person,
    record_id,
)

WITH_SCRIPT = dataclasses.replace(ONE_PAGE, active_content=(FindingCode.JAVASCRIPT,))


def conflict(ours: TestArchive, *args: object, **said: object) -> Conflict:
    with pytest.raises(Conflict) as told:
        ours.deposit(*args, **said)  # type: ignore[arg-type]
    return told.value


def nothing_is_visible(ours: TestArchive) -> bool:
    return ours.register.read(lambda u: (u.records.count(), u.jobs.counts())) == (0, {})


class TestKept:
    def test_a_result_is_kept_described_logged_and_its_work_asked_for(self, ours: TestArchive) -> None:
        answer = ours.deposit()
        record = answer.record
        assert (record.state, record.search_state) == (RecordState.STORED, SearchState.WAITING)
        assert not answer.replayed
        assert ours.get(record.id) == record
        assert record.content == digest(pdf())
        assert ours.content_of(original_key(record.id)) == pdf()
        described = json.loads(ours.content_of(metadata_key(record.id, 1)))
        assert described["metadata"]["document_number"] == "1234"
        assert described["content"]["sha256"] == record.content.sha256
        assert record.original.locked_until == ours.clock.now() + dt.timedelta(days=14)
        assert ours.register.read(lambda u: u.jobs.counts()) == {(JobKind.ENRICH, JobState.WAITING): 1}
        [event] = ours.events(EventType.DEPOSITED)
        assert (event.actor, event.record_id) == (ours.depositor.id, record.id)
        assert event.values["sha512"] == record.content.sha512
        [version] = ours.register.read(lambda u: u.records.metadata_versions(record.id))
        assert (version.version, version.actor) == (1, ours.depositor.id)

    def test_ids_are_in_the_order_of_deposits(self, ours: TestArchive) -> None:
        ids = []
        for number in range(5):
            ours.clock.forward(dt.timedelta(milliseconds=1))
            ids.append(ours.stored(number).id)
        assert ids == sorted(ids)

    def test_the_same_again_gives_the_same_answer_and_keeps_nothing_twice(self, ours: TestArchive) -> None:
        first = ours.deposit()
        ours.clock.forward(dt.timedelta(days=3))
        second = ours.deposit()
        assert second == dataclasses.replace(first, replayed=True)
        assert len(ours.objects()) == 2

    def test_the_answer_stays_the_same_whatever_became_of_the_record(self, ours: TestArchive) -> None:
        ours.pdf.facts = WITH_SCRIPT
        first = ours.deposit()
        assert first.record.state is RecordState.QUARANTINED
        resolve_finding(ours.archive, ours.archivist, first.findings[0].id, "seen")
        release(ours.archive, ours.archivist, first.record.id, "harmless")
        ours.work()
        now = ours.get(first.record.id)
        assert now.state is RecordState.STORED
        # When it last changed, and until when it is locked, is told as it is.
        as_it_is = dataclasses.replace(first.record, changed_at=now.changed_at, original=now.original)
        assert ours.deposit() == dataclasses.replace(first, replayed=True, record=as_it_is)
        assert len(ours.events(EventType.DEPOSITED)) == 1

    def test_the_same_key_of_another_caller_is_another_key(self, ours: TestArchive) -> None:
        ours.deposit()
        other = ours.caller(Role.DEPOSITOR, name="key:other")
        assert ours.deposit(pdf("other"), "key-1", other).record.depositor == "key:other"

    @pytest.mark.parametrize("change", ["bytes", "metadata"])
    def test_a_key_used_for_something_else_is_told_so(self, ours: TestArchive, change: str) -> None:
        ours.deposit()
        told = conflict(ours, pdf("other")) if change == "bytes" else conflict(ours, summary="khác")
        assert told.code == "key-reused"
        assert len(ours.objects()) == 2

    def test_what_a_person_must_look_at_is_kept_and_not_served(self, ours: TestArchive) -> None:
        ours.pdf.facts = WITH_SCRIPT
        answer = ours.deposit()
        assert answer.record.state is RecordState.QUARANTINED
        assert [one.finding.code for one in answer.findings] == [FindingCode.JAVASCRIPT]
        assert ours.content_of(original_key(answer.record.id)) == pdf()
        assert ours.register.read(lambda u: u.jobs.counts()) == {(JobKind.INDEX, JobState.WAITING): 1}
        assert ours.deposit() == dataclasses.replace(answer, replayed=True)

    def test_what_could_not_be_read_waits_for_a_person_with_its_pages_unknown(self, ours: TestArchive) -> None:
        ours.pdf.facts = NotInspected(FindingCode.CHECK_TOOK_TOO_LONG, {"seconds": 40})
        answer = ours.deposit()
        assert (answer.record.state, answer.record.page_count) == (RecordState.QUARANTINED, 0)
        assert answer.findings[0].finding == Finding(FindingCode.CHECK_TOOK_TOO_LONG, {"seconds": 40})


class TestRefused:
    def test_a_refusal_says_why_keeps_nothing_is_logged_and_frees_the_key(self, ours: TestArchive) -> None:
        with pytest.raises(Rejected) as told:
            ours.deposit(b"no pdf")
        assert [reason.code for reason in told.value.reasons] == ["not-a-pdf"]
        assert ours.objects() == []
        assert nothing_is_visible(ours)
        [event] = ours.events(EventType.DEPOSIT_REFUSED)
        assert event.values == {"reasons": ["not-a-pdf"], "sha256": digest(b"no pdf").sha256}
        assert ours.deposit(pdf("mended"), "key-1").record.state is RecordState.STORED

    def test_refused_bytes_never_block(self, ours: TestArchive) -> None:
        ours.pdf.facts = NotInspected(FindingCode.ENCRYPTED)
        with pytest.raises(Rejected):
            ours.deposit(key="key-1")
        ours.pdf.facts = ONE_PAGE
        assert ours.deposit(key="key-2").record.state is RecordState.STORED

    @pytest.mark.parametrize(
        ("said", "field"),
        [
            ({"office": OfficeCode("BHXH-99")}, "office"),
            ({"result_type": ResultTypeCode("KQ.0")}, "result_type"),
            ({"procedure": ProcedureCode("9")}, "procedure"),
            ({"relations": (Relation(RelationKind.REPLACES, record_id(1)),)}, "relations.0.record_id"),
        ],
    )
    def test_what_does_not_exist_is_named_by_its_field(
        self, ours: TestArchive, said: dict[str, object], field: str
    ) -> None:
        with pytest.raises(InvalidInput) as told:
            ours.deposit(**said)  # type: ignore[arg-type]
        assert [problem.field for problem in told.value.problems] == [field]
        assert ours.objects() == []
        assert nothing_is_visible(ours)

    def test_a_relation_to_a_record_of_another_office_does_not_exist(self, ours: TestArchive) -> None:
        theirs = ours.stored(1, caller=ours.caller(Role.DEPOSITOR, office=HA_NOI), office=HA_NOI)
        with pytest.raises(InvalidInput):
            ours.stored(2, relations=(Relation(RelationKind.ANNULS, theirs.id),))
        mine = ours.stored(3)
        assert ours.stored(4, relations=(Relation(RelationKind.ANNULS, mine.id),)).metadata.relations

    def test_an_office_outside_the_callers_is_not_allowed_one_under_it_is(self, ours: TestArchive) -> None:
        with pytest.raises(NotAllowed) as told:
            ours.deposit(office=HA_NOI)
        assert told.value.code == "office-not-yours"
        assert ours.stored(1, office=HAI_CHAU).metadata.office == HAI_CHAU
        assert ours.stored(2, office=HOI_AN).metadata.office == HOI_AN, "its province was succeeded by ours"


class TestAlreadyHeld:
    def test_bytes_held_for_the_subject_and_type_are_named_with_their_state(self, ours: TestArchive) -> None:
        held = ours.deposit().record
        told = conflict(ours, key="key-2")
        assert told.code == "already-held"
        assert told.details == {"record_id": held.id, "state": "stored"}

    def test_quarantined_bytes_block_rejected_ones_do_not(self, ours: TestArchive) -> None:
        ours.pdf.facts = WITH_SCRIPT
        held = ours.deposit().record
        assert conflict(ours, key="key-2").details == {"record_id": held.id, "state": "quarantined"}
        reject(ours.archive, ours.archivist, held.id, "không rõ nguồn gốc")
        ours.pdf.facts = ONE_PAGE
        assert ours.deposit(key="key-3").record.state is RecordState.STORED

    def test_a_deposit_in_progress_blocks_while_its_lease_lives(self, ours: TestArchive) -> None:
        ours.faults.kill_at = 2
        with pytest.raises(Killed):
            ours.deposit()
        ours.faults.heal()
        told = conflict(ours, key="key-2")
        assert (told.code, told.details["state"]) == ("already-held", "pending")
        ours.clock.forward(ours.archive.rules.reservation_lease)
        second = ours.deposit(key="key-2").record
        assert conflict(ours, key="key-1").details["record_id"] == second.id

    def test_a_holder_outside_the_callers_offices_is_never_named(self, ours: TestArchive) -> None:
        ours.deposit(caller=ours.caller(Role.DEPOSITOR, office=HA_NOI), office=HA_NOI)
        assert ours.deposit(key="key-2").record.metadata.office == DA_NANG

    def test_the_same_bytes_for_another_person_or_type_are_another_result(self, ours: TestArchive) -> None:
        ours.deposit()
        ours.deposit(key="key-2", subject=person(insurance("9876543210"), name="Trần Văn Bình"))
        ours.deposit(key="key-3", result_type=ONE_TIME)
        assert ours.register.read(lambda u: u.records.count()) == 3

    def test_a_person_is_the_same_by_any_of_its_numbers(self, ours: TestArchive) -> None:
        both = person(insurance("0123456789"), citizen("048085000123"))
        held = ours.deposit(subject=both).record
        told = conflict(ours, key="key-2", subject=person(citizen("048085000123")))
        assert told.details["record_id"] == held.id


class TestSubjects:
    def test_a_number_outranks_a_name(self, ours: TestArchive) -> None:
        first = ours.stored(1).subject_id
        answer = ours.deposit(pdf("2"), "key-2", subject=person(name="Nguyễn Thị Hường"))
        assert answer.record.subject_id == first
        assert [one.finding.code for one in answer.findings] == [FindingCode.SUBJECT_NAME_DIFFERS]
        other = ours.stored(3, subject=person(insurance("1111111111"), name="Nguyễn Thị Hồng"))
        assert other.subject_id != first

    def test_a_new_number_is_added_to_the_one_known_subject(self, ours: TestArchive) -> None:
        first = ours.stored(1).subject_id
        ours.stored(2, subject=person(insurance("0123456789"), citizen("048085000123")))
        found = ours.register.read(lambda u: u.subjects.by_identifier(citizen("048085000123")))
        assert found is not None
        assert found.id == first

    def test_numbers_of_two_subjects_are_a_finding_and_no_number_is_added(self, ours: TestArchive) -> None:
        first = ours.stored(1, subject=person(insurance("0123456789"))).subject_id
        ours.stored(2, subject=person(citizen("048085000123")))
        claim = person(insurance("0123456789"), citizen("048085000123"), insurance("2222222222"))
        answer = ours.deposit(pdf("3"), "key-3", subject=claim)
        assert answer.record.subject_id == first
        assert [one.finding.code for one in answer.findings] == [FindingCode.SUBJECT_CONFLICT]
        assert ours.register.read(lambda u: u.subjects.by_identifier(insurance("2222222222"))) is None

    def test_an_employer_is_a_subject_of_its_own_kind(self, ours: TestArchive) -> None:
        claim = dataclasses.replace(person(name="Công ty TNHH Sông Hàn"), kind=SubjectKind.EMPLOYER)
        record = ours.stored(1, subject=claim)
        subject = ours.register.read(lambda u: u.subjects.get(record.subject_id))
        assert subject is not None
        assert subject.kind is SubjectKind.EMPLOYER


class TestFaults:
    def test_a_store_that_is_down_leaves_nothing_visible_and_the_retry_takes_the_same_id(
        self, ours: TestArchive
    ) -> None:
        ours.faults.down.add("store")
        with pytest.raises(Unavailable) as told:
            ours.deposit()
        assert told.value.component == "store"
        assert nothing_is_visible(ours)
        claimed = ours.register.write(lambda u: u.reservations.find(ours.depositor.id, "key-1"))
        assert claimed is not None
        ours.faults.heal()
        assert ours.deposit().record.id == claimed.record_id
        assert len(ours.objects()) == 2

    def test_after_a_fault_the_bytes_are_free_for_another_key_at_once(self, ours: TestArchive) -> None:
        ours.faults.down.add("store")
        with pytest.raises(Unavailable):
            ours.deposit()
        ours.faults.heal()
        assert ours.deposit(key="key-2").record.state is RecordState.STORED

    @pytest.mark.parametrize("part", ["register", "pdf"])
    def test_a_part_that_is_down_is_unavailable_and_leaves_nothing(self, ours: TestArchive, part: str) -> None:
        ours.faults.down.add(part)
        with pytest.raises(Unavailable):
            ours.deposit()
        ours.faults.heal()
        assert ours.objects() == []
        assert nothing_is_visible(ours)
        assert ours.deposit().record.state is RecordState.STORED

    def test_an_index_that_is_down_refuses_no_deposit(self, ours: TestArchive) -> None:
        ours.faults.down.add("index")
        assert ours.deposit().record.state is RecordState.STORED

    @pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
    @pytest.mark.parametrize(
        ("script", "call"),
        [(False, call) for call in range(1, 5)] + [(True, call) for call in range(1, 6)],
        ids=[f"stored-{call}" for call in range(1, 5)] + [f"quarantined-{call}" for call in range(1, 6)],
    )
    def test_killed_at_any_call_the_same_request_ends_in_one_record_and_one_original(
        self, ours: TestArchive, call: int, script: bool, after: bool
    ) -> None:
        if script:
            ours.pdf.facts = WITH_SCRIPT
        command = ours.command()
        ours.faults.kill_at, ours.faults.after = call, after
        with pytest.raises(Killed):
            deposit(ours.archive, command)
        killed_at = ours.faults.calls[-1]
        ours.faults.heal()
        ours.clock.forward(dt.timedelta(minutes=call))
        answer = deposit(ours.archive, command)
        recorded = 5 if script else 4
        assert answer.replayed == (call == recorded and after), killed_at
        assert ours.register.read(lambda u: u.records.count()) == 1
        marks = [f"{state_prefix(answer.record.id)}1"] if script else []
        assert ours.objects() == [metadata_key(answer.record.id, 1), original_key(answer.record.id), *marks]
        assert len(ours.events(EventType.DEPOSITED)) == 1
        assert deposit(ours.archive, command) == dataclasses.replace(answer, replayed=True)

    def test_those_are_all_the_calls_of_a_deposit(self, ours: TestArchive) -> None:
        command = ours.command()
        ours.faults.heal()
        deposit(ours.archive, command)
        assert ours.faults.calls == ["register.write", "pdf.examine", "store.put_all", "register.write"]

    @pytest.mark.parametrize("killed_at", [1, 2])
    def test_killed_while_its_objects_are_put_the_same_request_ends_in_one_record(
        self, ours: TestArchive, killed_at: int
    ) -> None:
        command, put = ours.command(), ours.store.put
        puts: list[str] = []

        def dying(key: str, *arguments: Any) -> Any:
            puts.append(key)
            if len(puts) == killed_at:
                raise Killed(key)
            return put(key, *arguments)

        ours.store.put = dying  # type: ignore[method-assign,assignment]
        with pytest.raises(Killed):
            deposit(ours.archive, command)
        assert len(ours.objects()) == killed_at - 1
        answer = deposit(ours.archive, command)
        assert ours.objects() == [metadata_key(answer.record.id, 1), original_key(answer.record.id)]
        assert len(ours.events(EventType.DEPOSITED)) == 1

    def test_killed_while_refusing_the_same_request_is_refused_again(self, ours: TestArchive) -> None:
        command = ours.command(b"no pdf")
        for call in (2, 3):
            for after in (False, True):
                ours.faults.kill_at, ours.faults.after = call, after
                with pytest.raises(Killed):
                    deposit(ours.archive, command)
                ours.faults.heal()
        with pytest.raises(Rejected):
            deposit(ours.archive, command)
        assert ours.objects() == []
        assert nothing_is_visible(ours)


class TestManyAtOnce:
    def many(self, ours: TestArchive, commands: list[tuple[bytes, str, str]]) -> tuple[list[Deposited], list[str]]:
        """Deposit at once (bytes, key, insurance number); return the answers and the codes of conflicts."""
        made = [ours.command(content, key, subject=person(insurance(number))) for content, key, number in commands]
        answers, codes = [], []
        with ThreadPoolExecutor(len(made)) as pool:
            for future in [pool.submit(deposit, ours.archive, command) for command in made]:
                try:
                    answers.append(future.result(timeout=60))
                except ArchiveError as told:
                    codes.append(told.code)
        return answers, codes

    def test_sixteen_with_one_key_are_one_record_and_one_answer(self, ours: TestArchive) -> None:
        answers, codes = self.many(ours, [(pdf(), "key-1", "0123456789")] * 16)
        assert codes == []
        assert len({answer.record.id for answer in answers}) == 1
        assert sum(not answer.replayed for answer in answers) == 1
        assert len(ours.objects()) == 2
        assert len(ours.events(EventType.DEPOSITED)) == 1

    def test_sixteen_keys_with_the_same_bytes_are_one_record(self, ours: TestArchive) -> None:
        answers, codes = self.many(ours, [(pdf(), f"key-{n}", "0123456789") for n in range(16)])
        assert len(answers) == 1
        assert codes == ["already-held"] * 15
        assert ours.register.read(lambda u: u.records.count()) == 1

    def test_sixteen_persons_with_the_same_bytes_are_sixteen_records(self, ours: TestArchive) -> None:
        answers, codes = self.many(ours, [(pdf(), f"key-{n}", f"{n:010}") for n in range(16)])
        assert codes == []
        assert len({answer.record.id for answer in answers}) == 16
        assert len({answer.record.subject_id for answer in answers}) == 16

    def test_sixteen_documents_of_one_new_person_are_of_one_subject(self, ours: TestArchive) -> None:
        answers, codes = self.many(ours, [(pdf(str(n)), f"key-{n}", "0123456789") for n in range(16)])
        assert codes == []
        assert len({answer.record.id for answer in answers}) == 16
        assert len({answer.record.subject_id for answer in answers}) == 1


def test_metadata_that_differs_in_one_field_is_another_request(ours: TestArchive) -> None:
    assert metadata() == metadata(), "the builder must not vary by itself"
    ours.deposit()
    assert conflict(ours, issued_on=dt.date(2021, 3, 2)).code == "key-reused"


class TestManifest:
    def test_the_log_commits_to_what_was_taken_and_to_every_version_of_its_description(self, ours: TestArchive) -> None:
        done = ours.deposit()
        said = ours.events(EventType.DEPOSITED)[0].values
        [version] = ours.register.read(lambda unit: unit.records.metadata_versions(done.record.id))
        described = version.salt + canonical_json(metadata_to_json(version.metadata))
        assert said["metadata"] == {"version": 1, "sha256": hashlib.sha256(described).hexdigest()}
        assert (said["sha256"], said["sha512"]) == (done.record.content.sha256, done.record.content.sha512)
        assert said["size_bytes"] == done.record.content.size_bytes
        assert (said["media_type"], said["office"]) == ("application/pdf", done.record.metadata.office)
        assert said["retention"] == {"class": None, "rule_version": None}

    def test_the_manifest_names_nobody(self, ours: TestArchive) -> None:
        done = ours.deposit(key="Nguyen Van An 0123456789")
        values = str(ours.events(EventType.DEPOSITED)[0].values)
        assert done.record.metadata.subject.name not in values
        assert "Nguyen" not in values
        assert done.receipt is not None
        assert "Nguyen" not in done.receipt
        assert all(one.number not in values for one in done.record.metadata.subject.identifiers)

    def test_the_receipt_states_the_entry_and_is_signed(self, ours: TestArchive) -> None:
        done = ours.deposit(key="key-7")
        assert done.receipt is not None
        note = parse_note(done.receipt.encode())
        assert signers(note, signer().verifier_keys) == signer().verifier_keys[:1]
        values = json.loads(note.text.split("\n")[1])
        [logged] = ours.register.read(lambda unit: unit.log.of_record(done.record.id, -1, 10))
        assert (values["index"], base64.b64decode(values["entry"])) == (logged.index, logged.entry)
        assert values["idempotency_key_sha256"] == hashlib.sha256(b"key-7").hexdigest()
        assert values["maximum_merge_delay_seconds"] == 86_400
