"""A signed result at deposit: its report is kept as evidence, and the policy says what its verdict leads to."""

from __future__ import annotations

import dataclasses
import datetime as dt
import hashlib

import pytest

from archive_service.errors import IntegrityFailure, NotFound, Rejected
from archive_service.lifecycle.audit.run import AuditRequest, audit
from archive_service.lifecycle.deposit import deposit
from archive_service.lifecycle.prove import verify_bytes
from archive_service.lifecycle.read import open_content, show_record, show_signatures
from archive_service.model.audits import AuditOutcome
from archive_service.model.events import EventType
from archive_service.model.findings import FindingCode
from archive_service.model.inspection import SignatureFact
from archive_service.model.policy import policy_from
from archive_service.model.record import RecordState, Trust
from archive_service.model.signatures import (
    CheckedSignature,
    SignatureKind,
    SignatureReport,
    SignatureVerdict,
    SubIndication,
)
from tests.archives import TestArchive
from tests.fakes.faults import Killed
from tests.fakes.pdf_reader import ONE_PAGE
from tests.model.test_signatures import VALID
from tests.results import insurance, pdf, person

CONTENT = pdf("signed")
SIGNED = dataclasses.replace(ONE_PAGE, signatures=(SignatureFact("ChuKySo", "ETSI.CAdES.detached", True),))
AT = dt.datetime(2026, 11, 26, tzinfo=dt.UTC)

ALTERED = dataclasses.replace(VALID, ades=SubIndication.HASH_FAILURE)
UNTRUSTED = dataclasses.replace(VALID, ades=SubIndication.NO_CERTIFICATE_CHAIN_FOUND)


def signed(ours: TestArchive, *signatures: CheckedSignature) -> None:
    """Let the reader see a signature in the file, and these on a second look."""
    ours.pdf.inspections[CONTENT] = SIGNED
    ours.pdf.reports[CONTENT] = SignatureReport(AT, signatures)


def test_the_report_lies_beside_the_original_and_its_digest_is_in_the_deposited_event(ours: TestArchive) -> None:
    signed(ours, VALID)
    done = ours.deposit(CONTENT)
    assert (done.record.state, done.findings, done.signatures) == (RecordState.STORED, (), SignatureVerdict.VALID)
    key = f"records/{done.record.id}/signatures/1"
    assert key in ours.objects()
    [event] = ours.events(EventType.DEPOSITED)
    [stored] = ours.store.list_under(key)
    with ours.store.read(key, stored.version) as blocks:
        body = b"".join(blocks)
    assert event.values["signature_report"] == {
        "sha256": hashlib.sha256(body).hexdigest(),
        "sha512": hashlib.sha512(body).hexdigest(),
    }
    report = show_signatures(ours.archive, ours.archivist, done.record.id)
    assert report["verdict"] == "valid"
    assert report["record_id"] == done.record.id
    assert show_record(ours.archive, ours.archivist, done.record.id).signatures is SignatureVerdict.VALID


def test_a_result_without_signatures_has_no_report(ours: TestArchive) -> None:
    done = ours.deposit()
    assert done.signatures is None
    assert not any("/signatures/" in key for key in ours.objects())
    [event] = ours.events(EventType.DEPOSITED)
    assert event.values["signature_report"] is None
    with pytest.raises(NotFound) as told:
        show_signatures(ours.archive, ours.archivist, done.record.id)
    assert told.value.code == "not-signed"


@pytest.mark.parametrize(
    ("signatures", "code"),
    [
        ((VALID, ALTERED), FindingCode.SIGNATURE_ALTERED),
        ((dataclasses.replace(VALID, ades=SubIndication.REVOKED),), FindingCode.SIGNATURE_INVALID),
        ((dataclasses.replace(VALID, bottom_line=False),), FindingCode.SIGNATURE_UNDECIDED),
        ((dataclasses.replace(VALID, readable=False),), FindingCode.SIGNATURE_UNREADABLE),
        ((), FindingCode.SIGNATURE_UNREADABLE),
    ],
)
def test_what_is_not_as_it_was_signed_is_kept_and_not_served(
    ours: TestArchive, signatures: tuple[CheckedSignature, ...], code: FindingCode
) -> None:
    signed(ours, *signatures)
    done = ours.deposit(CONTENT)
    assert done.record.state is RecordState.QUARANTINED
    assert [one.finding.code for one in done.findings] == [code]
    assert f"records/{done.record.id}/signatures/1" in ours.objects()


def test_an_unknown_signer_is_told_and_the_born_digital_result_served(ours: TestArchive) -> None:
    signed(ours, UNTRUSTED)
    done = ours.deposit(CONTENT, trust=Trust.BORN_DIGITAL)
    assert done.record.state is RecordState.STORED
    assert [one.finding.code for one in done.findings] == [FindingCode.SIGNATURE_UNTRUSTED]
    assert done.signatures is SignatureVerdict.UNTRUSTED


def test_a_scan_signed_by_an_unknown_signer_waits_for_a_person(ours: TestArchive) -> None:
    signed(ours, UNTRUSTED)
    assert ours.deposit(CONTENT, trust=Trust.DIGITISED).record.state is RecordState.QUARANTINED


def test_a_signature_that_one_look_saw_and_the_other_did_not_is_unreadable(ours: TestArchive) -> None:
    signed(ours, VALID)
    ours.pdf.inspections[CONTENT] = dataclasses.replace(SIGNED, signatures=SIGNED.signatures * 2)
    done = ours.deposit(CONTENT)
    assert done.signatures is SignatureVerdict.UNREADABLE
    assert done.record.state is RecordState.QUARANTINED


@pytest.mark.parametrize("stamped", [False, True])
def test_a_result_that_must_be_signed_is_refused_without_a_signature_a_time_stamp_is_none(
    ours: TestArchive, stamped: bool
) -> None:
    if stamped:
        signed(ours, dataclasses.replace(VALID, kind=SignatureKind.TIME_STAMP))
    policy = policy_from({"signatures": [{"trust": ["digitised"], "missing": "refuse"}]})
    archive = dataclasses.replace(ours.archive, policy=policy)
    with pytest.raises(Rejected) as told:
        deposit(archive, ours.command(CONTENT, trust=Trust.DIGITISED))
    assert [reason.code for reason in told.value.reasons] == ["signature-missing"]
    assert not ours.objects()


def test_the_same_deposit_again_gives_the_same_answer(ours: TestArchive) -> None:
    signed(ours, UNTRUSTED)
    first, again = ours.deposit(CONTENT), ours.deposit(CONTENT)
    assert again.replayed
    assert again.signatures is first.signatures is SignatureVerdict.UNTRUSTED


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("kill_at", range(1, 5))
def test_a_deposit_killed_anywhere_and_judged_otherwise_later_tells_of_the_report_that_is_kept(
    ours: TestArchive, kill_at: int, after: bool
) -> None:
    signed(ours, UNTRUSTED)
    command = ours.command(CONTENT)
    ours.faults.heal()
    ours.faults.kill_at, ours.faults.after = kill_at, after
    with pytest.raises(Killed):
        deposit(ours.archive, command)
    ours.faults.heal()
    signed(ours, VALID)
    done = deposit(ours.archive, command)
    kept = show_signatures(ours.archive, ours.archivist, done.record.id)
    assert done.signatures == kept["verdict"]
    assert audit(ours.archive, AuditRequest(verify=True)).counts == {AuditOutcome.INTACT: 1}


def test_the_first_report_stands_when_a_deposit_is_taken_up_again(ours: TestArchive) -> None:
    signed(ours, UNTRUSTED)
    ours.faults.heal()
    ours.deposit(CONTENT, "another", subject=person(insurance("9876543210")))
    last = max(number for number, call in enumerate(ours.faults.calls, 1) if call == "register.write")
    command = ours.command(CONTENT)
    ours.faults.heal()
    ours.faults.kill_at = last  # before the transaction that answers
    with pytest.raises(Killed, match=r"register\.write"):
        deposit(ours.archive, command)
    ours.faults.heal()
    signed(ours, VALID)
    assert deposit(ours.archive, command).signatures is SignatureVerdict.UNTRUSTED


def test_the_audit_misses_a_report_that_is_gone_and_sees_one_that_was_changed(ours: TestArchive) -> None:
    signed(ours, VALID)
    record = ours.deposit(CONTENT).record
    assert audit(ours.archive, AuditRequest(verify=True)).counts == {AuditOutcome.INTACT: 1}
    key = f"records/{record.id}/signatures/1"
    ours.store.tamper(key, b"{}")
    assert audit(ours.archive, AuditRequest(verify=True)).counts == {AuditOutcome.MISMATCH: 1}
    with pytest.raises(IntegrityFailure):
        show_signatures(ours.archive, ours.archivist, record.id)


@pytest.mark.parametrize("put_instead", [pdf("an earlier revision"), pdf("signed again by another key")])
def test_a_rollback_or_another_signature_over_the_original_is_refused_by_audit_reading_and_verification(
    ours: TestArchive, put_instead: bytes
) -> None:
    signed(ours, VALID)
    record = ours.deposit(CONTENT).record
    ours.store.tamper(record.original.key, put_instead)
    [finding] = audit(ours.archive, AuditRequest(verify=True)).listed
    assert finding.outcome is AuditOutcome.MISMATCH
    with (
        pytest.raises(IntegrityFailure),
        open_content(ours.archive, ours.archivist, record.id).open() as blocks,
    ):
        b"".join(blocks)
    assert not verify_bytes(ours.archive, ours.archivist, hashlib.sha256(put_instead).hexdigest()).held
