"""Locks are renewed before they end, on everything under a record, and never shortened."""

from __future__ import annotations

import dataclasses
import datetime as dt

import pytest

from archive_service.errors import Unavailable
from archive_service.lifecycle.correct import Correction, correct
from archive_service.lifecycle.lock import renew_evidence_locks, renew_locks
from archive_service.lifecycle.log.seal import seal_log
from archive_service.model.events import EventType
from archive_service.model.record import RecordState
from tests.archives import TestArchive
from tests.fakes.clock import START
from tests.results import digest

DAY = dt.timedelta(days=1)


def locks(ours: TestArchive) -> dict[str, dt.datetime | None]:
    return {one.key: ours.store.lock_of(one.key, one.version) for one in ours.store.list_under("records/")}


def test_nothing_is_renewed_in_the_first_half_everything_of_a_record_in_the_second(ours: TestArchive) -> None:
    record = ours.stored()
    said = dataclasses.replace(record.metadata, signer="Lê Văn A")
    correct(ours.archive, Correction(ours.archivist, record.id, said, "sai", record.etag))
    ours.clock.forward(7 * DAY)
    assert renew_locks(ours.archive, 10) == 0
    ours.clock.forward(dt.timedelta(seconds=1))
    assert renew_locks(ours.archive, 10) == 1
    until = ours.clock.now() + 14 * DAY
    assert set(locks(ours).values()) == {until}
    assert len(locks(ours)) == 3
    assert ours.get(record.id).original.locked_until == until
    [event] = ours.events(EventType.LOCK_EXTENDED)
    assert (event.record_id, event.values) == (record.id, {"locked_until": until.isoformat()})
    assert renew_locks(ours.archive, 10) == 0


def test_a_lock_that_is_already_longer_stays(ours: TestArchive) -> None:
    record = ours.stored()
    years = START + 3650 * DAY
    ours.store.extend_lock(record.original.key, record.original.version, years)
    ours.clock.forward(10 * DAY)
    renew_locks(ours.archive, 10)
    assert ours.store.lock_of(record.original.key, record.original.version) == years
    after = ours.get(record.id).original.locked_until
    assert after is not None
    assert after >= ours.clock.now() + 14 * DAY


def test_those_that_end_first_come_first_and_a_let_go_one_is_left_to_end(ours: TestArchive) -> None:
    rejected = ours.stored(0)
    ours.register.write(lambda u: u.records.set_state(rejected.id, RecordState.REJECTED, ours.clock.now()))
    ours.clock.forward(DAY)
    first = ours.stored(1)
    ours.clock.forward(DAY)
    second = ours.stored(2)
    ours.clock.forward(8 * DAY)
    assert renew_locks(ours.archive, 1) == 1
    assert ours.get(first.id).original.locked_until != first.original.locked_until
    assert ours.get(second.id).original.locked_until == second.original.locked_until
    assert renew_locks(ours.archive, 1) == 1
    assert renew_locks(ours.archive, 1) == 0
    assert ours.get(rejected.id).original.locked_until == rejected.original.locked_until


def test_a_store_that_is_down_loses_no_lock_that_was_renewed(ours: TestArchive) -> None:
    record = ours.stored()
    ours.clock.forward(10 * DAY)
    ours.faults.down.add("store")
    with pytest.raises(Unavailable):
        renew_locks(ours.archive, 10)
    ours.faults.heal()
    assert ours.get(record.id).original.locked_until == record.original.locked_until
    assert renew_locks(ours.archive, 10) == 1


def evidence_locks(ours: TestArchive) -> dict[str, dt.datetime]:
    listed = [one for prefix in ("audits/", "log/") for one in ours.store.list_under(prefix)]
    return {one.key: ours.store.lock_of(one.key, one.version) or START for one in listed}


def test_the_published_log_and_audit_reports_stay_locked_and_are_looked_at_in_pages_once_a_day(
    ours: TestArchive,
) -> None:
    for number in range(4):
        ours.stored(number)
        seal_log(ours.archive)
    short = {f"audits/{number}/report.json" for number in range(2)}
    for key in short:  # locked for as little as an earlier version did, or a restore
        ours.store.put(key, b"{}", digest(b"{}"), START + 14 * DAY)
    before = evidence_locks(ours)
    assert renew_evidence_locks(ours.archive, 3) == len(short)
    assert {evidence_locks(ours)[key] for key in short} == {START + 3650 * DAY}
    ours.clock.forward(1826 * DAY)
    assert sum(renew_evidence_locks(ours.archive, 3) for _ in range(4)) < len(before)
    ours.clock.forward(DAY)
    for _ in range(4):
        renew_evidence_locks(ours.archive, 3)
    assert min(evidence_locks(ours).values()) >= ours.clock.now() + 3649 * DAY
    assert evidence_locks(ours).keys() == before.keys()
    listed = ours.faults.calls.count("store.list_under")
    assert renew_evidence_locks(ours.archive, 3) == 0
    assert ours.faults.calls.count("store.list_under") == listed
