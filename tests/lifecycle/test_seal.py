"""Sealing: once for every digitised result, whatever happens in between, and never a condition of keeping."""

from __future__ import annotations

import dataclasses
import datetime as dt
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from archive_service.errors import Conflict, IntegrityFailure, NotFound, Unavailable
from archive_service.lifecycle import read
from archive_service.lifecycle.audit.run import AuditRequest, audit
from archive_service.lifecycle.enrich import enrich
from archive_service.lifecycle.rebuild_register import RebuildRequest, rebuild_register
from archive_service.lifecycle.retention.decide import ask_again, decide_records
from archive_service.lifecycle.seal import seal
from archive_service.model.archive import Rules
from archive_service.model.events import EventType
from archive_service.model.findings import FindingCode
from archive_service.model.inspection import NoText, SignatureFact, TextOutcome
from archive_service.model.jobs import Job, JobKind, JobState
from archive_service.model.objects import original_key, rendition_key
from archive_service.model.policy import policy_from
from archive_service.model.record import DocumentText, PageText, Record, RecordState, TextSource, Trust
from archive_service.model.sealing import NotSealed, Rendition, RenditionKind, SealProblem
from archive_service.model.signatures import SignatureKind, SignatureReport
from archive_service.model.units import RegisterUnit
from tests.archives import TestArchive, open_test_archive
from tests.fakes.faults import Killed
from tests.fakes.pdf_reader import ONE_PAGE
from tests.fakes.sealer import KEY
from tests.model.test_signatures import VALID
from tests.results import digest, pdf

SEALED = RenditionKind.SEALED
PLACED = DocumentText((PageText(1, "Quyết định", TextSource.OCR, 91.0, bytes(20)),))


# What is called until the copy is in the store: read the record, look for a copy, read the original, seal, put.
CALLS_UNTIL_PUT = 5


def scan(ours: TestArchive, number: int = 1, trust: Trust = Trust.DIGITISED) -> Record:
    """Deposit a scan whose one page is recognised."""
    ours.pdf.text = PLACED
    return ours.stored(number, trust=trust)


def renditions(ours: TestArchive, record: Record) -> list[Rendition]:
    return ours.register.read(lambda unit: unit.renditions.of_record(record.id))


def sealed_objects(ours: TestArchive) -> list[str]:
    return [key for key in ours.objects() if "/renditions/" in key]


@pytest.mark.parametrize("trust", [Trust.DIGITISED, Trust.MIXED])
def test_a_result_that_came_on_paper_gets_a_sealed_copy_beside_its_original(ours: TestArchive, trust: Trust) -> None:
    record = scan(ours, trust=trust)
    assert ours.work().count(JobKind.SEAL) == 1
    [rendition] = renditions(ours, record)
    content = ours.content_of(rendition_key(record.id, SEALED, 1))
    assert (rendition.kind, rendition.number, rendition.content) == (SEALED, 1, digest(content))
    assert ours.content_of(original_key(record.id)) == pdf("document 1")
    [event] = ours.events(EventType.RENDITION_SEALED)
    assert event.values["rendition"] == {"kind": "sealed", "number": 1, **dataclasses.asdict(rendition.content)}
    assert (event.values["of_sha256"], event.values["certificate_sha256"]) == (record.content.sha256, KEY)


def test_the_copy_is_locked_as_long_as_the_original_and_with_it(ours: TestArchive) -> None:
    record = scan(ours)
    ours.work()
    [rendition] = renditions(ours, record)
    locked_until = ours.get(record.id).original.locked_until
    assert ours.store.lock_of(rendition.object.key, rendition.object.version) == locked_until
    ours.clock.forward(dt.timedelta(days=50))
    assert ask_again(ours.archive, 10) == 1
    ours.work()
    [rendition] = renditions(ours, record)
    assert rendition.object.locked_until == ours.get(record.id).original.locked_until
    assert ours.store.lock_of(rendition.object.key, rendition.object.version) == rendition.object.locked_until


def test_a_copy_that_comes_while_the_record_is_decided_on_is_locked_with_it(
    ours: TestArchive, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One worker locks what lies there and has not written so yet, while another one puts the copy."""
    record = scan(ours)
    seal_alone = ours.sealer.seal

    def seal_meanwhile(*order: Any) -> Any:
        decide_records(ours.archive, [record.id])
        return seal_alone(*order)

    def retain() -> list[Job]:
        now = ours.clock.now()
        return ours.register.write(lambda unit: unit.jobs.claim([JobKind.RETAIN], 10, now, now + dt.timedelta(hours=1)))

    enrich(ours.archive, record.id)
    monkeypatch.setattr(ours.sealer, "seal", seal_meanwhile)
    [under_way] = retain()
    seal(ours.archive, record.id)
    ours.register.write(lambda unit: unit.jobs.done(under_way))
    assert audited(ours) == {"drift": 1}
    ours.work()
    assert audited(ours) == {"intact": 1}
    [rendition] = renditions(ours, record)
    assert rendition.object.locked_until == ours.get(record.id).original.locked_until


def test_what_was_born_digital_is_not_sealed_and_costs_nothing(ours: TestArchive) -> None:
    record = scan(ours, trust=Trust.BORN_DIGITAL)
    assert JobKind.SEAL not in ours.work()
    assert seal(ours.archive, record.id) is None
    assert (ours.sealer.orders, sealed_objects(ours)) == ([], [])
    kept = ours.register.read(lambda unit: unit.texts.with_places(record.id))
    assert kept is not None
    assert kept.pages[0].places is None


@pytest.mark.parametrize("change", [{"sealer": None}, {"rules": Rules(seals_results=False)}], ids=["key", "wish"])
def test_where_the_archive_seals_no_results_a_scan_without_a_signature_waits_for_a_person(
    ours: TestArchive, change: dict[str, Any]
) -> None:
    without = dataclasses.replace(ours, archive=dataclasses.replace(ours.archive, **change))
    record = scan(without)
    assert JobKind.SEAL not in without.work()
    assert seal(without.archive, record.id) is None
    assert ours.get(record.id).state is RecordState.QUARANTINED
    [found] = ours.register.read(lambda unit: unit.findings.of_record(record.id))
    assert found.finding.code is FindingCode.SIGNATURE_MISSING


@pytest.mark.parametrize(("trust", "missing", "copies"), [("born-digital", "seal", 1), ("digitised", "accept", 0)])
def test_what_is_sealed_the_operators_rules_say(ours: TestArchive, trust: str, missing: str, copies: int) -> None:
    policy = policy_from({"signatures": [{"trust": [trust], "missing": missing}]})
    ruled = dataclasses.replace(ours, archive=dataclasses.replace(ours.archive, policy=policy))
    record = scan(ruled, trust=Trust(trust))
    assert ruled.work().count(JobKind.SEAL) == copies
    assert (ours.get(record.id).state, len(renditions(ours, record))) == (RecordState.STORED, copies)
    assert not ours.register.read(lambda unit: unit.findings.of_record(record.id))


def test_a_scan_that_somebody_signed_keeps_that_signature_and_gets_no_copy(ours: TestArchive) -> None:
    content = pdf("document 1")
    ours.pdf.inspections[content] = dataclasses.replace(ONE_PAGE, signatures=(SignatureFact("Ky", "adbe", True),))
    ours.pdf.reports[content] = SignatureReport(ours.clock.now(), (VALID,))
    record = scan(ours)
    assert JobKind.SEAL not in ours.work()
    assert seal(ours.archive, record.id) is None
    assert (ours.sealer.orders, renditions(ours, record), ours.events(EventType.RENDITION_FAILED)) == ([], [], [])


def test_a_scan_with_a_time_stamp_alone_is_signed_by_nobody_and_must_not_be_sealed(ours: TestArchive) -> None:
    content = pdf("document 1")
    ours.pdf.inspections[content] = dataclasses.replace(ONE_PAGE, signatures=(SignatureFact("Dau", "rfc3161", True),))
    stamp = dataclasses.replace(VALID, kind=SignatureKind.TIME_STAMP)
    ours.pdf.reports[content] = SignatureReport(ours.clock.now(), (stamp,))
    record = scan(ours)
    [found] = ours.register.read(lambda unit: unit.findings.of_record(record.id))
    assert (record.state, found.finding.code) == (RecordState.QUARANTINED, FindingCode.SIGNATURE_MISSING)


def test_a_scan_whose_words_cannot_be_read_has_no_copy_and_says_so(ours: TestArchive) -> None:
    record = scan(ours)
    ours.pdf.text = NoText(TextOutcome.UNREADABLE, retryable=False)
    enrich(ours.archive, record.id)
    found = ours.register.read(lambda unit: unit.findings.of_record(record.id))
    assert [one.finding.code for one in found] == [FindingCode.TEXT_FAILED, FindingCode.NOT_SEALED]
    ours.pdf.text = PLACED
    enrich(ours.archive, record.id)
    ours.work()
    assert len(renditions(ours, record)) == 1
    found = ours.register.read(lambda unit: unit.findings.of_record(record.id))
    assert [one.resolution for one in found if one.finding.code is FindingCode.NOT_SEALED] == ["sealed"]


def test_places_of_words_are_kept_until_the_seal_and_no_longer(ours: TestArchive) -> None:
    record = scan(ours)
    ours.work()
    [order] = ours.sealer.orders
    assert order.words == PLACED
    kept = ours.register.read(lambda unit: unit.texts.with_places(record.id))
    assert kept == DocumentText((dataclasses.replace(PLACED.pages[0], places=None),))


def test_words_without_places_are_read_again_first(ours: TestArchive) -> None:
    record = scan(ours)
    unplaced = DocumentText((dataclasses.replace(PLACED.pages[0], places=None),))

    def keep_as_an_older_version_did(unit: RegisterUnit) -> None:
        unit.texts.put(record.id, unplaced, ours.clock.now())
        unit.jobs.done(unit.jobs.claim([JobKind.ENRICH], 1, ours.clock.now(), ours.clock.now())[0])

    ours.register.write(keep_as_an_older_version_did)
    assert seal(ours.archive, record.id) is None
    assert ours.sealer.orders == []
    assert ours.work()[0] is JobKind.ENRICH
    assert len(renditions(ours, record)) == 1


@pytest.mark.parametrize("problem", [SealProblem.SIGNED, SealProblem.DOES_NOT_CONFORM, SealProblem.CRASHED])
def test_a_result_that_cannot_be_sealed_stays_stored_and_says_why(ours: TestArchive, problem: SealProblem) -> None:
    ours.sealer.problem = NotSealed(problem, retryable=False)
    record = scan(ours)
    ours.work()
    assert ours.get(record.id).state is RecordState.STORED
    [found] = ours.register.read(lambda unit: unit.findings.of_record(record.id))
    assert (found.finding.code, found.finding.detail) == (FindingCode.NOT_SEALED, {"reason": str(problem)})
    [event] = ours.events(EventType.RENDITION_FAILED)
    assert event.values == {"kind": "sealed", "reason": str(problem)}
    assert sealed_objects(ours) == []
    with pytest.raises(NotFound) as told:
        read.open_rendition(ours.archive, ours.archivist, record.id, SEALED)
    assert told.value.code == "no-rendition"


def test_a_later_success_closes_the_finding(ours: TestArchive) -> None:
    ours.sealer.problem = NotSealed(SealProblem.TIMED_OUT, retryable=True)
    record = scan(ours)
    ours.work()
    ours.sealer.problem = None
    assert seal(ours.archive, record.id) is None
    [found] = ours.register.read(lambda unit: unit.findings.of_record(record.id))
    assert found.resolution == "sealed"


def test_one_bad_scan_does_not_stop_the_others(ours: TestArchive) -> None:
    bad, good = scan(ours, 1), scan(ours, 2)
    ours.store.tamper(original_key(bad.id), pdf("document 9"))
    with pytest.raises(IntegrityFailure):
        seal(ours.archive, _read(ours, bad).id)
    assert seal(ours.archive, _read(ours, good).id) is None
    assert (len(renditions(ours, bad)), len(renditions(ours, good))) == (0, 1)


def _read(ours: TestArchive, record: Record) -> Record:
    """Keep the words of a record without reading its bytes."""
    ours.register.write(lambda unit: unit.texts.put(record.id, PLACED, ours.clock.now()))
    return record


def test_a_key_that_does_not_answer_leaves_everything_as_it_was(ours: TestArchive) -> None:
    record = _read(ours, scan(ours))
    ours.faults.down.add("sealer")
    with pytest.raises(Unavailable):
        seal(ours.archive, record.id)
    assert (renditions(ours, record), sealed_objects(ours)) == ([], [])


@settings(max_examples=3, deadline=None)
@given(times=st.integers(2, 4))
def test_sealing_again_changes_nothing(times: int, tmp_path_factory: pytest.TempPathFactory) -> None:
    with open_test_archive(tmp_path_factory.mktemp("again")) as ours:
        record = scan(ours)
        ours.work()
        before = (renditions(ours, record), ours.objects(), ours.events())
        for _ in range(times):
            assert seal(ours.archive, record.id) is None
        assert (renditions(ours, record), ours.objects(), ours.events()) == before


def calls_of_one_seal(ours: TestArchive, record: Record) -> int:
    ours.faults.heal()
    seal(ours.archive, record.id)
    return len(ours.faults.calls)


@pytest.mark.parametrize("after", [False, True])
def test_killed_at_any_call_the_next_run_leaves_exactly_one_copy(
    tmp_path_factory: pytest.TempPathFactory, after: bool
) -> None:
    with open_test_archive(tmp_path_factory.mktemp("count")) as counted:
        calls = calls_of_one_seal(counted, _read(counted, scan(counted)))
    assert calls > 4
    for number in range(1, calls + 1):
        with open_test_archive(tmp_path_factory.mktemp("killed")) as ours:
            record = _read(ours, scan(ours))
            ours.faults.heal()
            ours.faults.kill_at, ours.faults.after = number, after
            with pytest.raises(Killed):
                seal(ours.archive, record.id)
            ours.faults.heal()
            assert seal(ours.archive, record.id) is None
            [rendition] = renditions(ours, record)
            assert sealed_objects(ours) == [rendition.object.key]
            assert rendition.content == digest(ours.content_of(rendition.object.key))
            assert len(ours.events(EventType.RENDITION_SEALED)) == 1


def test_what_lies_in_the_copys_place_without_the_agencys_seal_is_never_taken_for_it(ours: TestArchive) -> None:
    record = _read(ours, scan(ours))
    forged = b"%PDF-1.7 forged"
    until = ours.clock.now() + dt.timedelta(days=30)
    ours.store.put(rendition_key(record.id, SEALED, 1), forged, digest(forged), until)
    assert seal(ours.archive, record.id) is None
    [rendition] = renditions(ours, record)
    assert rendition.number == 2
    assert ours.content_of(rendition.object.key) != forged


def test_the_copy_is_served_compared_and_logged_like_the_original(ours: TestArchive) -> None:
    record = scan(ours)
    ours.work()
    content = read.open_rendition(ours.archive, ours.archivist, record.id, SEALED)
    with content.open() as blocks:
        assert digest(b"".join(blocks)) == renditions(ours, record)[0].content
    [event] = ours.events(EventType.RENDITION_READ)
    assert (event.actor, event.record_id) == (ours.archivist.id, record.id)
    assert event.values == {"kind": "sealed", "number": 1}
    assert read.list_renditions(ours.archive, ours.archivist, record.id) == tuple(renditions(ours, record))


def test_a_copy_whose_bytes_were_changed_is_not_served(ours: TestArchive) -> None:
    record = scan(ours)
    ours.work()
    [rendition] = renditions(ours, record)
    ours.store.tamper(rendition.object.key, b"other bytes")
    content = read.open_rendition(ours.archive, ours.archivist, record.id, SEALED)
    with content.open() as blocks, pytest.raises(IntegrityFailure):
        list(blocks)


def test_a_copy_is_no_more_served_in_quarantine_than_the_original(ours: TestArchive) -> None:
    record = scan(ours)
    ours.work()
    ours.register.write(lambda unit: unit.records.set_state(record.id, RecordState.QUARANTINED, ours.clock.now()))
    with pytest.raises(Conflict) as told:
        read.open_rendition(ours.archive, ours.archivist, record.id, SEALED)
    assert told.value.code == "not-served"


def audited(ours: TestArchive, *, verify: bool = True) -> dict[str, int]:
    run = audit(ours.archive, AuditRequest(verify=verify))
    return {str(outcome): count for outcome, count in run.counts.items()}


def test_the_audit_knows_copies_and_sees_one_that_is_missing_or_other(ours: TestArchive) -> None:
    record = scan(ours)
    ours.work()
    assert audited(ours) == {"intact": 1}
    [rendition] = renditions(ours, record)
    same_size = bytes(rendition.content.size_bytes)
    ours.store.tamper(rendition.object.key, same_size)
    assert audited(ours) == {"mismatch": 1}
    ours.store.lose(rendition.object.key)
    assert audited(ours) == {"missing": 1}


def test_the_audit_lets_a_copy_be_that_is_not_yet_recorded(ours: TestArchive) -> None:
    record = _read(ours, scan(ours))
    ours.faults.heal()
    ours.faults.kill_at, ours.faults.after = CALLS_UNTIL_PUT, True
    with pytest.raises(Killed, match=r"store\.put"):
        seal(ours.archive, record.id)
    ours.faults.heal()
    assert len(sealed_objects(ours)) == 1
    assert audited(ours) == {"intact": 1}


def test_a_register_made_anew_finds_its_copies_again(ours: TestArchive) -> None:
    record = scan(ours)
    ours.work()
    before = renditions(ours, record)
    with ours.register.engine.begin() as connection:
        for table in ("records", "metadata_versions", "renditions", "texts", "word_places", "jobs"):
            connection.exec_driver_sql(f"DELETE FROM {table}")
    done = rebuild_register(ours.archive, RebuildRequest(verify=True), lambda _: None)
    assert (done.records, done.problems) == (1, 0)
    ours.work()
    after = renditions(ours, record)
    assert [(one.number, one.content, one.object.key) for one in after] == [
        (one.number, one.content, one.object.key) for one in before
    ]
    assert len(ours.sealer.orders) == 1, "nothing is sealed twice"


def test_a_seal_that_fails_leaves_the_search_state_alone(ours: TestArchive) -> None:
    ours.sealer.problem = NotSealed(SealProblem.SIGNED, retryable=False)
    record = scan(ours)
    ours.work()
    assert ours.get(record.id).search_problem is None
    assert ours.register.read(lambda unit: unit.jobs.counts()).get((JobKind.SEAL, JobState.PARKED)) is None
