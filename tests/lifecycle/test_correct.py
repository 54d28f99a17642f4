"""Correcting: the person saw this version, every version is kept, and a killed correction is finished."""

from __future__ import annotations

import dataclasses
import datetime as dt
import hashlib
import json

import pytest

from archive_service.errors import Conflict, Gone, InvalidInput, NotAllowed, NotFound, PreconditionFailed, Unavailable
from archive_service.evidence.canonical import canonical_json
from archive_service.lifecycle.correct import Correction, changed_fields, correct
from archive_service.lifecycle.find import Search, find
from archive_service.lifecycle.read import show_subject
from archive_service.model.events import EventType
from archive_service.model.findings import FindingCode
from archive_service.model.jobs import JobKind
from archive_service.model.metadata_json import metadata_to_json
from archive_service.model.objects import metadata_key
from archive_service.model.permissions import Role
from archive_service.model.record import (
    AccessLevel,
    DocumentText,
    PageText,
    Record,
    RecordState,
    Relation,
    RelationKind,
    TextSource,
)
from tests.archives import TestArchive
from tests.fakes.faults import Killed
from tests.results import HA_NOI, HAI_CHAU, insurance, metadata, person, record_id


def correction(ours: TestArchive, record: Record, **said: object) -> Correction:
    said_now = dataclasses.replace(record.metadata, **said)  # type: ignore[arg-type]
    return Correction(ours.archivist, record.id, said_now, "ghi sai", record.etag)


def test_a_correction_is_the_next_version_in_register_store_log_and_index(ours: TestArchive) -> None:
    record = ours.stored()
    ours.work()
    record = ours.get(record.id)
    after = correct(ours.archive, correction(ours, record, document_number="4321", summary=None))
    assert (after.metadata_version, after.metadata.document_number) == (2, "4321")
    assert after.etag != record.etag
    assert ours.get(record.id) == after
    assert after.original == record.original
    versions = ours.register.read(lambda u: u.records.metadata_versions(record.id))
    assert [(v.version, v.metadata.document_number) for v in versions] == [(1, "1234"), (2, "4321")]
    assert (versions[1].actor, versions[1].reason) == (ours.archivist.id, "ghi sai")
    for number in ("1", "2"):
        assert json.loads(ours.content_of(metadata_key(record.id, int(number))))["version"] == int(number)
    [event] = ours.events(EventType.METADATA_CORRECTED)
    assert event.values["changed"] == ["document_number", "summary"]
    assert event.values["reason"] == "ghi sai"
    committed = versions[1].salt + canonical_json(metadata_to_json(versions[1].metadata))
    assert event.values["metadata"] == {"version": 2, "sha256": hashlib.sha256(committed).hexdigest()}
    assert "4321" not in str(event.values)
    assert ours.work() == [JobKind.INDEX, JobKind.RETAIN]
    assert len(find(ours.archive, ours.archivist, Search("4321/QĐ-BHXH")).hits) == 1


def test_who_saw_an_earlier_version_is_told_and_nothing_changes(ours: TestArchive) -> None:
    record = ours.stored()
    correct(ours.archive, correction(ours, record, signer="Lê Văn A"))
    with pytest.raises(PreconditionFailed):
        correct(ours.archive, correction(ours, record, signer="Lê Văn B"))
    assert ours.get(record.id).metadata.signer == "Lê Văn A"
    assert len(ours.objects()) == 3


@pytest.mark.parametrize("state", [RecordState.REJECTED, RecordState.DISPOSED])
def test_what_was_let_go_is_not_corrected(ours: TestArchive, state: RecordState) -> None:
    record = ours.stored()
    ours.register.write(lambda u: u.records.set_state(record.id, state, ours.clock.now()))
    with pytest.raises(Gone if state is RecordState.DISPOSED else Conflict):
        correct(ours.archive, correction(ours, ours.get(record.id), signer="Lê Văn A"))


def test_a_foreign_secret_or_unknown_record_is_not_found(ours: TestArchive) -> None:
    foreign = ours.stored(1, caller=ours.caller(Role.DEPOSITOR, office=HA_NOI), office=HA_NOI)
    secret = ours.stored(2, access_level=AccessLevel.SECRET)
    for record in (foreign, secret, dataclasses.replace(secret, id=record_id(77))):
        with pytest.raises(NotFound):
            correct(ours.archive, correction(ours, record, signer="Lê Văn A"))


def test_a_correction_names_only_what_exists_and_only_the_callers_offices(ours: TestArchive) -> None:
    record = ours.stored()
    with pytest.raises(InvalidInput):
        correct(ours.archive, correction(ours, record, relations=(Relation(RelationKind.ANNULS, record_id(9)),)))
    with pytest.raises(NotAllowed):
        correct(ours.archive, correction(ours, record, office=HA_NOI))
    assert ours.register.read(lambda u: u.records.claimed_metadata(record.id)) is None
    assert correct(ours.archive, correction(ours, record, office=HAI_CHAU)).metadata.office == HAI_CHAU


def test_another_number_makes_it_another_persons_record(ours: TestArchive) -> None:
    record = ours.stored()
    claim = person(insurance("9876543210"), name="Trần Văn Bình")
    after = correct(ours.archive, correction(ours, record, subject=claim))
    assert after.subject_id != record.subject_id
    assert len(show_subject(ours.archive, ours.archivist, insurance("9876543210")).records) == 1
    with pytest.raises(NotFound):
        show_subject(ours.archive, ours.archivist, insurance("0123456789"))


def test_a_store_that_is_down_leaves_the_record_as_it_was(ours: TestArchive) -> None:
    record = ours.stored()
    command = correction(ours, record, signer="Lê Văn A")
    ours.faults.down.add("store")
    with pytest.raises(Unavailable):
        correct(ours.archive, command)
    ours.faults.heal()
    assert ours.get(record.id) == record
    with pytest.raises(PreconditionFailed):
        correct(ours.archive, command)
    after = ours.get(record.id)
    assert (after.metadata.signer, after.metadata_version) == ("Lê Văn A", 2)


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("call", range(1, 6))
def test_killed_at_any_call_the_next_correction_finishes_it_and_no_version_is_lost(
    ours: TestArchive, call: int, after: bool
) -> None:
    record = ours.stored()
    command = correction(ours, record, signer="Lê Văn A")
    ours.faults.heal()
    ours.faults.kill_at, ours.faults.after = call, after
    with pytest.raises(Killed):
        correct(ours.archive, command)
    ours.faults.heal()
    ours.clock.forward(dt.timedelta(hours=1))
    try:
        correct(ours.archive, command)
    except PreconditionFailed:
        assert call > 2 or (call == 2 and after), "nothing was decided before the second call"
    done = ours.get(record.id)
    assert (done.metadata.signer, done.metadata_version) == ("Lê Văn A", 2)
    next_one = correct(ours.archive, correction(ours, done, signer="Lê Văn B"))
    assert next_one.metadata_version == 3
    keys = [metadata_key(record.id, number) for number in (1, 2, 3)]
    assert ours.objects() == [*keys, f"records/{record.id}/original"]
    versions = ours.register.read(lambda u: u.records.metadata_versions(record.id))
    assert [(v.version, v.metadata.signer) for v in versions] == [(1, None), (2, "Lê Văn A"), (3, "Lê Văn B")]
    assert [e.values["version"] for e in ours.events(EventType.METADATA_CORRECTED)] == [2, 3]


def test_those_are_all_the_calls_of_a_correction(ours: TestArchive) -> None:
    command = correction(ours, ours.stored(), signer="Lê Văn A")
    ours.faults.heal()
    correct(ours.archive, command)
    expected = ["register.read", "register.write", "register.read", "store.put", "register.write"]
    assert ours.faults.calls == expected


def test_only_fields_that_are_said_differently_have_changed() -> None:
    assert changed_fields(metadata(), metadata()) == []
    assert changed_fields(metadata(), metadata(signer="Lê Văn A", summary=None)) == ["signer", "summary"]


def test_what_a_correction_puts_right_is_closed_and_what_it_gets_wrong_is_found(ours: TestArchive) -> None:
    ours.pdf.text = DocumentText((PageText(1, "Số: 1234/QĐ-BHXH", TextSource.LAYER),))
    record = ours.stored(1, document_number="9999")
    ours.work()
    [found] = ours.register.read(lambda u: u.findings.of_record(record.id))
    assert (found.finding.code, found.resolved_at) == (FindingCode.DOCUMENT_NUMBER_DISAGREES, None)
    right = correct(ours.archive, correction(ours, ours.get(record.id), document_number="1234"))
    [closed] = ours.register.read(lambda u: u.findings.of_record(record.id))
    assert (closed.resolved_by, closed.resolution) == (ours.archivist.id, "corrected in version 2")
    correct(ours.archive, correction(ours, right, document_number="4321"))
    assert [f.resolved_at is None for f in ours.register.read(lambda u: u.findings.of_record(record.id))] == [
        False,
        True,
    ]


def test_a_record_does_not_annul_itself(ours: TestArchive) -> None:
    record = ours.stored()
    with pytest.raises(InvalidInput):
        correct(ours.archive, correction(ours, record, relations=(Relation(RelationKind.ANNULS, record.id),)))


@pytest.mark.parametrize("said", [{"issued_on": dt.date(2026, 11, 24)}, {"dossier_code": "000.00.00.H41-991231-0042"}])
def test_a_day_that_has_not_come_is_no_day_of_a_result(ours: TestArchive, said: dict[str, object]) -> None:
    record = ours.stored()
    with pytest.raises(InvalidInput) as told:
        correct(ours.archive, correction(ours, record, **said))
    assert [problem.field for problem in told.value.problems] == list(said)
