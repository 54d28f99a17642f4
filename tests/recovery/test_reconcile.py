"""Register and store are compared record by record; only what nobody answered for is ever removed."""

from __future__ import annotations

import dataclasses
import datetime as dt
from collections.abc import Iterator
from pathlib import Path

import pytest

from archive_service.errors import Unavailable, unavailable
from archive_service.lifecycle.audit.records import replay_tombstones
from archive_service.lifecycle.audit.run import AuditRequest, audit
from archive_service.lifecycle.deposit import deposit
from archive_service.lifecycle.marks import keep_tombstone
from archive_service.lifecycle.reference import load_reference
from archive_service.model.audits import AuditOutcome, AuditRun
from archive_service.model.identifiers import RecordId
from archive_service.model.objects import Tombstone, original_key
from archive_service.model.record import Record, RecordState
from retention.locks import quarantine_lock_until
from tests.archives import TestArchive, open_test_archive
from tests.fakes.faults import Killed
from tests.recovery.places import Place, live
from tests.results import REFERENCE, digest, pdf


def audited(ours: TestArchive | Place, *, verify: bool = False, remove_orphans: bool = False) -> AuditRun:
    return audit(ours.archive, AuditRequest(verify=verify, remove_orphans=remove_orphans))


def outcome(report: AuditRun) -> AuditOutcome:
    [found] = {finding.outcome for finding in report.listed}
    return found


@pytest.fixture
def ours(tmp_path: Path) -> Iterator[TestArchive]:
    """Give an archive whose store a test may damage."""
    with open_test_archive(tmp_path) as opened:
        yield opened


def cut_off(ours: TestArchive, call: int = 4) -> RecordId:
    """Kill a deposit after its objects were put; return the id it had claimed."""
    ours.faults.heal()
    ours.faults.kill_at, ours.faults.after = call, False
    with pytest.raises(Killed):
        ours.deposit(pdf("cut off"), "key-cut")
    ours.faults.heal()
    claim = ours.register.write(lambda u: u.reservations.find(ours.depositor.id, "key-cut"))
    assert claim is not None
    return claim.record_id


def test_after_a_whole_life_everything_is_intact_to_the_last_byte(place: Place) -> None:
    live(place)
    report = audited(place, verify=True)
    assert report.counts == {AuditOutcome.INTACT: 7}
    assert not report.alarm


class TestObjectsWithoutARecord:
    def test_of_a_deposit_cut_off_are_told_and_kept_while_locked(self, ours: TestArchive) -> None:
        ours.stored()
        orphan = cut_off(ours)
        ours.clock.forward(dt.timedelta(days=1))
        report = audited(ours, remove_orphans=True)
        assert [(f.outcome, f.record_id) for f in report.listed] == [(AuditOutcome.UNFINISHED, orphan)]
        assert not report.alarm
        assert len(ours.objects("records/")) == 4

    def test_are_removed_when_asked_once_their_lock_has_ended(self, ours: TestArchive) -> None:
        record = ours.stored()
        cut_off(ours)
        ours.clock.forward(dt.timedelta(days=15))
        assert outcome(audited(ours)) is AuditOutcome.UNFINISHED, "only when asked"
        assert outcome(audited(ours, remove_orphans=True)) is AuditOutcome.REMOVED
        assert all(key.startswith(f"records/{record.id}/") for key in ours.objects("records/"))
        assert audited(ours).listed == ()

    def test_the_same_request_after_the_removal_is_a_new_deposit(self, ours: TestArchive) -> None:
        removed = cut_off(ours)
        ours.clock.forward(dt.timedelta(days=15))
        audited(ours, remove_orphans=True)
        answer = ours.deposit(pdf("cut off"), "key-cut")
        assert answer.record.id != removed
        assert audited(ours, verify=True).counts == {AuditOutcome.INTACT: 1}

    def test_of_a_deposit_under_way_are_left_alone(self, ours: TestArchive) -> None:
        cut_off(ours)
        ours.clock.forward(dt.timedelta(days=15))
        until = ours.clock.now() + dt.timedelta(minutes=5)
        ours.register.write(lambda u: u.reservations.renew(ours.depositor.id, "key-cut", until))
        assert outcome(audited(ours, remove_orphans=True)) is AuditOutcome.UNFINISHED
        assert len(ours.objects("records/")) == 2

    def test_a_deposit_whose_objects_were_removed_under_it_is_not_recorded(self, ours: TestArchive) -> None:
        """The slowest deposit there is: the audit comes between its puts and its transaction."""
        command = ours.command(pdf("slow"), "key-slow")
        put = ours.store.put
        calls = []

        def put_slowly(*args: object) -> object:
            stored = put(*args)  # type: ignore[arg-type]
            calls.append(stored)
            if len(calls) == 2:
                ours.clock.forward(dt.timedelta(days=15))
                assert outcome(audited(ours, remove_orphans=True)) is AuditOutcome.REMOVED
            return stored

        ours.store.put = put_slowly  # type: ignore[method-assign,assignment]
        with pytest.raises(Unavailable):
            deposit(ours.archive, command)
        assert ours.objects("records/") == []
        assert ours.register.read(lambda u: u.records.count()) == 0
        assert deposit(ours.archive, command).record.state is RecordState.STORED
        assert audited(ours, verify=True).counts == {AuditOutcome.INTACT: 1}

    def test_an_interrupted_removal_is_ended_by_the_next_audit(self, ours: TestArchive) -> None:
        cut_off(ours)
        ours.clock.forward(dt.timedelta(days=15))
        ours.store.set_hold(ours.objects("records/")[0], "v2", True)
        assert outcome(audited(ours, remove_orphans=True)) is AuditOutcome.UNFINISHED
        ours.store.set_hold(ours.objects("records/")[0], "v2", False)
        assert outcome(audited(ours, remove_orphans=True)) is AuditOutcome.REMOVED
        assert ours.objects("records/") == []

    def test_that_the_register_never_heard_of_are_never_removed(self, ours: TestArchive) -> None:
        content = pdf("from where")
        key = original_key(RecordId("01a20607-2020-71b3-8894-decee1db1dee"))
        ours.store.put(key, content, digest(content), ours.clock.now() + dt.timedelta(days=1))
        ours.clock.forward(dt.timedelta(days=15))
        report = audited(ours, remove_orphans=True)
        assert outcome(report) is AuditOutcome.UNKNOWN
        assert not report.alarm
        assert ours.objects("records/") == [key]


class TestRecordsWithoutTheirBytes:
    @pytest.mark.parametrize("part", ["original", "metadata/1"])
    def test_an_object_that_is_not_there_is_missing(self, ours: TestArchive, part: str) -> None:
        record = ours.stored()
        ours.store.lose(f"records/{record.id}/{part}")
        report = audited(ours)
        assert outcome(report) is AuditOutcome.MISSING
        assert report.listed[0].key == f"records/{record.id}/{part}"
        assert report.alarm

    def test_a_record_with_no_object_at_all_is_missing(self, ours: TestArchive) -> None:
        record = ours.stored()
        ours.stored(2)
        for part in ("original", "metadata/1"):
            ours.store.lose(f"records/{record.id}/{part}")
        assert audited(ours).counts == {AuditOutcome.MISSING: 1, AuditOutcome.INTACT: 1}

    @pytest.mark.parametrize("part", ["original", "metadata/1"])
    def test_one_changed_byte_is_a_mismatch_for_an_audit_that_reads(self, ours: TestArchive, part: str) -> None:
        record = ours.stored()
        key = f"records/{record.id}/{part}"
        content = ours.content_of(key)
        ours.store.tamper(key, content[:-1] + bytes([content[-1] ^ 1]))
        assert audited(ours).listed == (), "sizes alone do not show it"
        report = audited(ours, verify=True)
        assert outcome(report) is AuditOutcome.MISMATCH
        assert report.alarm

    def test_another_size_is_a_mismatch_without_reading(self, ours: TestArchive) -> None:
        record = ours.stored()
        ours.store.tamper(original_key(record.id), pdf("longer than it was"))
        assert outcome(audited(ours)) is AuditOutcome.MISMATCH

    def test_what_cannot_be_read_is_neither_fine_nor_damaged(
        self, ours: TestArchive, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        ours.stored()
        ours.stored(2)

        def silent(*_args: object) -> None:
            raise unavailable("store")

        monkeypatch.setattr(ours.store, "read", silent)
        report = audited(ours, verify=True)
        assert report.counts == {AuditOutcome.UNREADABLE: 2}
        assert not report.alarm

    def test_what_looks_missing_is_looked_at_again_before_the_alarm(self, ours: TestArchive) -> None:
        """A record deposited while the store was being listed."""
        ours.stored()
        listed = ours.store.list_under
        calls = []

        def without_the_last(prefix: str, *, after: str = "") -> object:
            calls.append(prefix)
            return iter(()) if calls.count("records/") and prefix == "records/" else listed(prefix, after=after)

        ours.store.list_under = without_the_last  # type: ignore[method-assign,assignment]
        assert audited(ours).counts == {AuditOutcome.INTACT: 1}

    def test_an_answered_deposit_whose_record_is_gone_is_lost(self, ours: TestArchive) -> None:
        record = ours.stored()
        with ours.register.engine.connect().execution_options(archive_writes=True) as connection, connection.begin():
            connection.exec_driver_sql("DELETE FROM records")
        report = audited(ours, remove_orphans=True)
        assert (outcome(report), report.listed[0].record_id) == (AuditOutcome.LOST, record.id)
        assert report.alarm
        assert len(ours.objects("records/")) == 2


def test_an_object_that_this_service_did_not_write_is_told(ours: TestArchive) -> None:
    record = ours.stored()
    ours.store.put(f"records/{record.id}/strange", b"x", digest(b"x"), ours.clock.now() + dt.timedelta(days=1))
    report = audited(ours)
    assert outcome(report) is AuditOutcome.UNEXPECTED
    assert not report.alarm


class TestTombstones:
    def disposed(self, place: Place, record: Record) -> None:
        now = place.clock.now()
        keep_tombstone(place.archive.store, Tombstone(record.id, now, "hết hạn"), quarantine_lock_until(now, 14))

    def test_a_register_older_than_a_disposal_hears_of_it(self, place: Place) -> None:
        load_reference(place.archive, REFERENCE, "operator")
        record = place.deposit(1)
        place.work()
        self.disposed(place, record)
        assert outcome(audited(place)) is AuditOutcome.DISPOSED_PRESENT
        assert replay_tombstones(place.archive) == 1
        assert replay_tombstones(place.archive) == 0
        assert place.records()[record.id].state is RecordState.DISPOSED
        assert place.register.read(lambda u: u.texts.get(record.id)) is None
        place.work()
        assert place.archive.index.count() == 0

    def test_one_of_a_record_that_is_nowhere_is_passed_over(self, place: Place) -> None:
        load_reference(place.archive, REFERENCE, "operator")
        record = place.deposit(1)
        self.disposed(place, dataclasses.replace(record, id=RecordId("01a20607-2020-71b3-8894-decee1db1dee")))
        assert replay_tombstones(place.archive) == 0
        assert audited(place).counts == {AuditOutcome.INTACT: 1}
