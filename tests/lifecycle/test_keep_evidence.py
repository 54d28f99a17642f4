"""What proves a record lies beside its original as soon as the log's checkpoint does, and goes with it."""

from __future__ import annotations

import datetime as dt

import pytest

from archive_service.errors import Unavailable
from archive_service.evidence.entry import seal_event
from archive_service.evidence.kept_entry import kept_entry_object, read_kept_entry
from archive_service.lifecycle.audit.run import AuditRequest, audit
from archive_service.lifecycle.evidence import keep as step
from archive_service.lifecycle.evidence.keep import KeptEvidence, keep_evidence
from archive_service.lifecycle.lock import renew_locks
from archive_service.lifecycle.log.seal import seal_log
from archive_service.lifecycle.read import show_record
from archive_service.model.audits import AuditOutcome
from archive_service.model.events import Event, EventType, SealedEntry
from archive_service.model.objects import evidence_key, evidence_prefix
from archive_service.model.record import Record, RecordState
from tests.archives import TestArchive
from tests.results import digest


def kept(ours: TestArchive, record: Record) -> list[int]:
    """Return which entries are kept beside the record, each compared with the log's."""
    found = [read_kept_entry(key, ours.content_of(key)) for key in ours.objects(evidence_prefix(record.id))]
    for one in found:
        assert ours.register.read(lambda unit, one=one: unit.log.sealed(one.index, 1)) == [one]  # type: ignore[misc]
    return sorted(one.index for one in found)


def first_of(ours: TestArchive, record: Record) -> int:
    return ours.register.read(lambda unit: unit.log.of_record(record.id, -1, 1))[0].index


def test_the_life_of_a_record_is_kept_once_it_is_in_a_published_checkpoint(ours: TestArchive) -> None:
    record = ours.stored(1)
    assert keep_evidence(ours.archive) == KeptEvidence(0, ())
    assert kept(ours, record) == []
    seal_log(ours.archive)
    assert keep_evidence(ours.archive) == KeptEvidence(1, ())
    assert kept(ours, record) == [first_of(ours, record)]
    ours.work()  # its words are read
    show_record(ours.archive, ours.auditor, record.id)  # who looked at it is not of its life
    seal_log(ours.archive)
    assert keep_evidence(ours.archive) == KeptEvidence(1, ())
    assert len(kept(ours, record)) == 2
    assert keep_evidence(ours.archive) == KeptEvidence(0, ())


def test_many_are_kept_in_batches_and_a_second_worker_changes_nothing(
    ours: TestArchive, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(step, "_AT_ONCE", 2)
    records = [ours.stored(number) for number in range(5)]
    seal_log(ours.archive)
    assert keep_evidence(ours.archive) == KeptEvidence(5, ())
    before = ours.objects()
    ours.register.write(lambda unit: unit.progress.clear("keep-evidence"))
    assert keep_evidence(ours.archive) == KeptEvidence(5, ())
    assert ours.objects() == before
    assert all(kept(ours, record) for record in records)


def test_while_the_store_is_down_nothing_is_passed_over(ours: TestArchive) -> None:
    record = ours.stored(1)
    seal_log(ours.archive)
    ours.faults.down.add("store")
    with pytest.raises(Unavailable):
        keep_evidence(ours.archive)
    ours.faults.heal()
    assert keep_evidence(ours.archive) == KeptEvidence(1, ())
    assert kept(ours, record) == [first_of(ours, record)]


def test_nothing_is_kept_of_what_was_disposed_of(ours: TestArchive) -> None:
    record = ours.stored(1)
    seal_log(ours.archive)
    ours.register.write(lambda unit: unit.records.set_state(record.id, RecordState.DISPOSED, ours.clock.now()))
    assert keep_evidence(ours.archive) == KeptEvidence(0, ())
    assert kept(ours, record) == []


def test_something_else_in_its_place_is_told_and_keeps_no_other_out(ours: TestArchive) -> None:
    records = [ours.stored(1), ours.stored(2)]
    seal_log(ours.archive)
    key = evidence_key(records[0].id, ours.archive.signer.origin, first_of(ours, records[0]))
    ours.store.put(key, b"{}", digest(b"{}"), ours.clock.now() + dt.timedelta(days=1))
    assert keep_evidence(ours.archive) == KeptEvidence(1, (key,))
    assert kept(ours, records[1]) == [first_of(ours, records[1])]


def test_it_is_locked_as_long_as_the_original(ours: TestArchive) -> None:
    record = ours.stored(1)
    seal_log(ours.archive)
    keep_evidence(ours.archive)
    ours.clock.forward(dt.timedelta(days=10))
    assert renew_locks(ours.archive, 10) == 1
    [found] = list(ours.store.list_under(evidence_prefix(record.id)))
    assert ours.store.lock_of(found.key, found.version) == ours.get(record.id).original.locked_until


def test_an_audit_expects_it_and_reads_it(ours: TestArchive) -> None:
    record = ours.stored(1)
    seal_log(ours.archive)
    keep_evidence(ours.archive)
    wanted = AuditRequest(verify=True)
    assert audit(ours.archive, wanted).counts == {AuditOutcome.INTACT: 1}
    [key] = ours.objects(evidence_prefix(record.id))
    ours.store.tamper(key, ours.content_of(key).replace(b"sha256", b"sha257"))
    [finding] = audit(ours.archive, wanted).listed
    assert (finding.outcome, finding.key) == (AuditOutcome.MISMATCH, key)


def test_an_audit_tells_which_of_several_was_changed_and_does_not_compare_another_logs(ours: TestArchive) -> None:
    record = ours.stored(1)
    ours.work()
    seal_log(ours.archive)
    keep_evidence(ours.archive)
    other = seal_event(Event(EventType.DEPOSITED, "x", ours.clock.now(), record.id), bytes(32))
    there = kept_entry_object(record.id, "earlier.example/log", SealedEntry(0, other.entry, other.payload, other.salt))
    ours.store.put(there.key, there.body, there.digest, ours.clock.now() + dt.timedelta(days=1))
    wanted = AuditRequest(verify=True)
    assert audit(ours.archive, wanted).counts == {AuditOutcome.INTACT: 1}
    last = ours.objects(evidence_prefix(record.id, ours.archive.signer.origin))[-1]
    ours.store.tamper(last, ours.content_of(last).replace(b"salt", b"sald"))
    [finding] = audit(ours.archive, wanted).listed
    assert (finding.outcome, finding.key) == (AuditOutcome.MISMATCH, last)
