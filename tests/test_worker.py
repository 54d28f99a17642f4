"""The worker: work is done, tried again later and later, parked for a person, given back, and never done by two."""

from __future__ import annotations

import dataclasses
import datetime as dt
import threading
import time
from collections.abc import Callable, Iterator, MutableMapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
import structlog

from archive_service import worker as worker_module
from archive_service.api.operations import Metrics
from archive_service.errors import Message, Misconfigured, unavailable
from archive_service.lifecycle.audit.run import AuditRequest, audit
from archive_service.lifecycle.find import Search, find
from archive_service.lifecycle.index import index_records
from archive_service.lifecycle.log.seal import log_waits
from archive_service.model.archive import Rules
from archive_service.model.events import EventType
from archive_service.model.findings import FindingCode
from archive_service.model.inspection import NoText, TextOutcome
from archive_service.model.jobs import JobKind, JobState
from archive_service.model.objects import evidence_prefix, original_key
from archive_service.model.record import DocumentText, PageText, Record, SearchState, TextSource, Trust
from archive_service.model.sealing import NotSealed, SealProblem
from archive_service.storage.register import tables
from archive_service.trust.local_authority import LocalAuthority
from archive_service.worker import Worker
from archive_verify.timestamp import Token
from tests.archives import TestArchive, open_test_archive
from tests.fakes.randomness import CountedRandomness
from tests.results import pdf

LEASE = dt.timedelta(seconds=0.3)
MINUTE = dt.timedelta(minutes=1)


@pytest.fixture
def ours(tmp_path: Path) -> Iterator[TestArchive]:
    """Give an archive that parks work after three tries."""
    with open_test_archive(tmp_path, Rules(job_attempts=3)) as opened:
        yield opened


@pytest.fixture
def working(ours: TestArchive, monkeypatch: pytest.MonkeyPatch) -> Iterator[Worker]:
    """Give a worker that looks often, not yet started."""
    monkeypatch.setattr(worker_module, "IDLE_SECONDS", 0.005)
    worker = Worker(ours.archive, text_threads=2, lease=LEASE)
    yield worker
    worker.stop(10)


def wait_for(happened: Callable[[], bool]) -> None:
    """Return as soon as it has happened; fail after long enough."""
    ends = time.monotonic() + 20
    while not happened():
        assert time.monotonic() < ends, "it did not happen"
        time.sleep(0.005)


def counts(ours: TestArchive) -> dict[tuple[JobKind, JobState], int]:
    return ours.register.read(lambda u: u.jobs.counts())


@dataclass(frozen=True, slots=True)
class Tried:
    """The reading of the one record's words, as it waits for its next try."""

    attempts: int
    due_at: dt.datetime
    problem: str | None


def tried(ours: TestArchive, kind: JobKind = JobKind.ENRICH) -> Tried | None:
    """Return how the reading, or other work, waits; None while it runs or when it is done."""
    jobs = tables.jobs.c
    query = sa.select(jobs.attempts, jobs.due_at, jobs.problem).where(
        jobs.kind == str(kind), jobs.state == str(JobState.WAITING)
    )
    with ours.register.engine.connect() as connection:
        row = connection.execute(query).one_or_none()
    return Tried(row.attempts, row.due_at, row.problem) if row is not None else None


def after_try(ours: TestArchive, attempt: int, kind: JobKind = JobKind.ENRICH) -> Tried:
    """Wait until the reading, or other work, was tried so often and waits again; return how."""
    seen: list[Tried] = []

    def waits() -> bool:
        now = tried(ours, kind)
        if now is not None and now.attempts == attempt:
            seen.append(now)
        return bool(seen)

    wait_for(waits)
    return seen[0]


def test_what_was_deposited_becomes_searchable_by_itself(ours: TestArchive, working: Worker) -> None:
    records = [ours.stored(number) for number in range(6)]
    working.start()
    wait_for(lambda: counts(ours) == {})
    assert all(ours.get(record.id).search_state is SearchState.SEARCHABLE for record in records)
    assert find(ours.archive, ours.archivist, Search("lương hưu")).total == 6
    assert len(ours.events(EventType.TEXT_READ)) == 6


def test_a_part_that_is_down_is_waited_for_longer_and_longer_and_never_given_up(
    ours: TestArchive, working: Worker
) -> None:
    record = ours.stored()
    ours.faults.down.add("store")
    working.start()
    waits = []
    for attempt in range(1, 7):
        job = after_try(ours, attempt)
        waits.append((job.due_at - ours.clock.now()).total_seconds())
        assert job.problem == "unavailable"
        ours.clock.forward(job.due_at - ours.clock.now())
    assert waits == [2, 4, 8, 16, 30, 30]
    shown = ours.get(record.id)
    assert (shown.search_state, shown.search_problem) == (SearchState.WAITING, "unavailable")
    ours.faults.heal()
    ours.clock.forward(15 * MINUTE)
    wait_for(lambda: counts(ours) == {})
    shown = ours.get(record.id)
    assert (shown.search_state, shown.search_problem) == (SearchState.SEARCHABLE, None)


def test_no_wait_for_a_part_is_longer_than_half_a_minute(ours: TestArchive, working: Worker) -> None:
    ours.stored()
    now = ours.clock.now()

    def tried_often(unit: Any) -> None:
        [job] = unit.jobs.claim([JobKind.ENRICH], 1, now, now)
        for _ in range(40):
            unit.jobs.retry(job, now, "unavailable")
            [job] = unit.jobs.claim([JobKind.ENRICH], 1, now, now)
        unit.jobs.retry(job, now, "unavailable")

    ours.register.write(tried_often)
    ours.faults.down.add("store")
    working.start()
    assert after_try(ours, 42).due_at == now + dt.timedelta(seconds=30)


def test_bytes_that_are_not_those_recorded_park_the_work_with_its_reason_at_once(
    ours: TestArchive, working: Worker
) -> None:
    record = ours.stored()
    ours.store.tamper(original_key(record.id), pdf("other"))
    working.start()
    wait_for(lambda: counts(ours) == {(JobKind.ENRICH, JobState.PARKED): 1})
    shown = ours.get(record.id)
    assert (shown.search_state, shown.search_problem) == (SearchState.PARKED, "integrity-failure")
    [job] = ours.register.read(lambda u: u.jobs.parked(10))
    assert (job.problem, job.attempts) == ("integrity-failure", 1)


def test_a_fault_of_ours_is_tried_again_then_parked_and_the_worker_goes_on(
    ours: TestArchive, working: Worker, monkeypatch: pytest.MonkeyPatch
) -> None:
    record = ours.stored()

    def broken(*_: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(ours.pdf, "read_text", broken)
    working.start()
    for attempt in (1, 2):
        after_try(ours, attempt)
        ours.clock.forward(MINUTE)
    wait_for(lambda: counts(ours) == {(JobKind.ENRICH, JobState.PARKED): 1})
    assert ours.get(record.id).search_problem == "internal error"
    monkeypatch.undo()
    other = ours.stored(2)
    wait_for(lambda: ours.get(other.id).search_state is SearchState.SEARCHABLE)


def test_words_that_may_yet_be_read_are_tried_again_and_then_left_as_a_finding(
    ours: TestArchive, working: Worker
) -> None:
    ours.pdf.text = NoText(TextOutcome.TIMED_OUT, retryable=True)
    record = ours.stored()
    working.start()
    for attempt in (1, 2):
        assert after_try(ours, attempt).problem == "text: timed-out"
        ours.clock.forward(MINUTE)
    wait_for(lambda: counts(ours) == {})
    [finding] = ours.register.read(lambda u: u.findings.of_record(record.id))
    assert finding.finding.code is FindingCode.TEXT_FAILED
    assert ours.get(record.id).search_state is SearchState.SEARCHABLE


def test_words_that_can_never_be_read_are_tried_once(ours: TestArchive, working: Worker) -> None:
    ours.pdf.text = NoText(TextOutcome.UNREADABLE, retryable=False)
    ours.stored()
    working.start()
    wait_for(lambda: counts(ours) == {})
    assert len(ours.events(EventType.TEXT_FAILED)) == 1


def test_one_record_that_the_index_cannot_take_does_not_keep_out_those_beside_it(
    ours: TestArchive, working: Worker, monkeypatch: pytest.MonkeyPatch
) -> None:
    records = [ours.stored(number) for number in range(4)]
    poison = records[1]

    def picky(archive: Any, ids: Any) -> None:
        if poison.id in ids:
            raise Misconfigured(Message("No.", "Không."))
        index_records(archive, ids)

    monkeypatch.setattr(worker_module, "index_records", picky)
    for record in records:
        ours.register.write(lambda u, record=record: u.jobs.add(JobKind.INDEX, record.id, ours.clock.now()))  # type: ignore[misc]
    working.start()
    wait_for(lambda: counts(ours) == {(JobKind.INDEX, JobState.PARKED): 1})
    states = [ours.get(record.id).search_state for record in records]
    assert states == [SearchState.PARKED if r is poison else SearchState.SEARCHABLE for r in records]


class Slow:
    """Lets reading begin and not end until it is told to."""

    def __init__(self, ours: TestArchive, monkeypatch: pytest.MonkeyPatch) -> None:
        self.begun, self.may_end = threading.Event(), threading.Event()
        real = ours.pdf.read_text

        def read_text(path: Path) -> Any:
            self.begun.set()
            assert self.may_end.wait(30)
            return real(path)

        monkeypatch.setattr(ours.pdf, "read_text", read_text)


def is_claimed_for_a_lease(ours: TestArchive, record: Record) -> bool:
    """Whether the reading of the record is claimed for a whole lease from now on."""
    jobs = tables.jobs.c
    query = sa.select(jobs.lease_until).where(jobs.kind == str(JobKind.ENRICH), jobs.record_id == record.id)
    with ours.register.engine.connect() as connection:
        until = connection.execute(query).scalar_one()
    return bool(until == ours.clock.now() + LEASE)


def lease_renewed(ours: TestArchive, record: Record) -> bool:
    taken = ours.register.write(lambda u: u.jobs.claim([JobKind.ENRICH], 1, ours.clock.now(), ours.clock.now()))
    assert taken == [], f"work on {record.id} was taken from a living worker"
    return True


def test_a_living_worker_keeps_its_claim_however_long_the_work_takes(
    ours: TestArchive, working: Worker, monkeypatch: pytest.MonkeyPatch
) -> None:
    slow, record = Slow(ours, monkeypatch), ours.stored()
    working.start()
    assert slow.begun.wait(20)
    for _ in range(5):
        ours.clock.forward(LEASE * 0.9)
        wait_for(lambda: is_claimed_for_a_lease(ours, record))
        assert lease_renewed(ours, record)
    slow.may_end.set()
    wait_for(lambda: counts(ours) == {})
    assert len(ours.events(EventType.TEXT_READ)) == 1


def test_what_does_not_end_in_time_is_given_back_when_the_worker_stops(
    ours: TestArchive, working: Worker, monkeypatch: pytest.MonkeyPatch
) -> None:
    slow = Slow(ours, monkeypatch)
    ours.stored()
    working.start()
    assert slow.begun.wait(20)
    working.stop(0.05)
    after_try(ours, 0)  # the try that was broken off does not count
    slow.may_end.set()


def test_a_stopping_worker_ends_what_it_has_begun_and_takes_nothing_more(
    ours: TestArchive, working: Worker, monkeypatch: pytest.MonkeyPatch
) -> None:
    slow = Slow(ours, monkeypatch)
    for number in range(5):
        ours.stored(number)
    working.start()
    assert slow.begun.wait(20)
    threading.Timer(0.1, slow.may_end.set).start()
    working.stop(20)
    done = len(ours.events(EventType.TEXT_READ))
    assert 1 <= done <= 2, "it has two threads"
    assert counts(ours)[JobKind.ENRICH, JobState.WAITING] == 5 - done
    assert (JobKind.ENRICH, JobState.RUNNING) not in counts(ours)


def test_a_register_that_is_down_stops_nothing_for_good(
    ours: TestArchive, working: Worker, monkeypatch: pytest.MonkeyPatch
) -> None:
    ours.faults.down.add("register")
    working.start()
    time.sleep(0.05)
    record = None
    ours.faults.heal()
    record = ours.stored()
    wait_for(lambda: ours.get(record.id).search_state is SearchState.SEARCHABLE)


def test_locks_are_renewed_and_abandoned_uploads_cleared_by_the_way(ours: TestArchive, working: Worker) -> None:
    record = ours.stored()
    ours.clock.forward(dt.timedelta(days=10))
    working.start()
    wait_for(lambda: ours.get(record.id).original.locked_until != record.original.locked_until)
    assert ours.get(record.id).original.locked_until == ours.clock.now() + dt.timedelta(days=14)


@dataclass
class SilentAuthority:
    """A real authority that does not answer as long as it is silent."""

    inner: LocalAuthority
    name: str = "one"
    is_test: bool = False
    silent: bool = True

    @property
    def roots(self) -> Sequence[bytes]:
        return self.inner.roots

    def stamp(self, imprint: bytes, algorithm: str) -> Token:
        if self.silent:
            raise unavailable("time-stamp authority")
        return self.inner.stamp(imprint, algorithm)


def test_a_silent_authority_is_an_alarm_from_the_third_failure_on_and_holds_up_no_deposit(
    ours: TestArchive, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worker_module, "STAMPING_SECONDS", 0.01)
    authority = SilentAuthority(LocalAuthority(ours.folder / "tsa", ours.clock, CountedRandomness()))
    archive = dataclasses.replace(ours.archive, authorities=(authority,))

    def levels(lines: Sequence[MutableMapping[str, Any]]) -> list[tuple[int, str]]:
        return [(one["attempts"], one["log_level"]) for one in lines if one["event"] == "no time-stamp"]

    def owed() -> float | None:
        metrics = Metrics()
        metrics.look(archive)
        return metrics.registry.get_sample_value("archive_timestamps_owed", {"authority": "one"})

    worker = Worker(archive, text_threads=1, lease=LEASE)
    ours.stored(0)
    with structlog.testing.capture_logs() as lines:
        worker.start()
        try:
            for attempts in range(1, 6):
                wait_for(lambda n=attempts: owed() == n and len(levels(lines)) >= n)  # type: ignore[misc]
                ours.stored(attempts)
                ours.clock.forward(dt.timedelta(minutes=61))  # the next batch, after the longest rest
            assert levels(lines)[:5] == [(1, "warning"), (2, "warning"), (3, "error"), (4, "error"), (5, "error")]
            wait_for(lambda: owed() == 6)
            authority.silent = False
            ours.clock.forward(dt.timedelta(minutes=31))
            wait_for(lambda: owed() == 0)
        finally:
            worker.stop(10)
    [state] = ours.register.read(lambda unit: unit.timestamps.states())
    assert (state.stamped, state.problem) == (6, None)
    assert len(ours.events(EventType.DEPOSITED)) == 6


def test_what_was_deposited_is_time_stamped_and_a_register_that_is_down_ends_nothing(
    ours: TestArchive, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worker_module, "STAMPING_SECONDS", 0.01)
    local = LocalAuthority(ours.folder / "tsa", ours.clock, CountedRandomness())
    ours.stored(1)
    worker = Worker(dataclasses.replace(ours.archive, authorities=(local,)), text_threads=1, lease=LEASE)
    worker.start()
    try:
        ours.faults.down.add("register")
        time.sleep(0.05)
        ours.faults.heal()
        wait_for(lambda: [one.stamped for one in ours.register.read(lambda u: u.timestamps.states())] == [1])
    finally:
        worker.stop(10)


def test_what_proves_a_record_is_kept_beside_it_soon_and_a_store_that_is_down_ends_nothing(tmp_path: Path) -> None:
    with open_test_archive(tmp_path, Rules(checkpoint_interval=dt.timedelta(seconds=0.02))) as ours:
        worker = Worker(ours.archive, text_threads=1, lease=LEASE)
        record = ours.stored(1)
        ours.work()  # read before: what a store that is down holds up would wait for a clock that stands still
        ours.faults.heal()
        ours.store.down = True
        worker.start()
        try:
            wait_for(lambda: "store.list_under" in ours.faults.calls)
            ours.store.down = False
            wait_for(lambda: len(ours.objects(evidence_prefix(record.id))) == 2)  # its deposit, and the reading
        finally:
            worker.stop(10)


def test_the_log_is_sealed_at_every_interval_and_a_contradiction_ends_no_worker(tmp_path: Path) -> None:
    with open_test_archive(tmp_path, Rules(checkpoint_interval=dt.timedelta(seconds=0.02))) as ours:
        worker = Worker(ours.archive, text_threads=1, lease=LEASE)
        ours.store.down = True
        worker.start()
        try:
            wait_for(lambda: "store.list_under" in ours.faults.calls)
            ours.store.down = False
            for number in range(3):
                ours.stored(number)
                wait_for(lambda: not log_waits(ours.archive))
            newest = ours.register.read(lambda unit: unit.tree.newest(published=True))
            assert newest is not None
            ours.register.write(lambda unit: unit.tree.put({(0, 0): bytes(32) + unit.tree.hashes(0, 0)[32:]}))
            tries = ours.faults.calls.count("store.list_under")
            ours.stored(9)
            wait_for(lambda: ours.faults.calls.count("store.list_under") > tries + 3)
            assert ours.register.read(lambda unit: unit.tree.newest(published=True)) == newest
        finally:
            worker.stop(10)


def test_an_index_that_loses_its_records_is_filled_again_by_itself(
    ours: TestArchive, working: Worker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worker_module, "INDEX_CHECK_SECONDS", 0.02)
    records = [ours.stored(number).id for number in range(1, 4)]
    working.start()
    wait_for(lambda: ours.archive.index.count() == len(records) and not counts(ours))
    ours.archive.index.build("empty").switch()
    wait_for(lambda: sorted(ours.archive.index.record_ids()) == sorted(records) and not counts(ours))
    assert {ours.get(record).search_state for record in records} == {SearchState.SEARCHABLE}


def scanned(ours: TestArchive) -> Record:
    """Deposit a scan whose words come with their places."""
    ours.pdf.text = DocumentText((PageText(1, "Quyết định", TextSource.OCR, 91.0, bytes(20)),))
    return ours.stored(trust=Trust.DIGITISED)


def test_a_seal_key_that_is_away_is_waited_for_and_hinders_nobody_from_finding_the_record(
    ours: TestArchive, working: Worker
) -> None:
    ours.faults.down.add("sealer")
    record = scanned(ours)
    working.start()
    wait_for(lambda: ours.get(record.id).search_state is SearchState.SEARCHABLE)
    wait_for(lambda: counts(ours).get((JobKind.SEAL, JobState.WAITING)) == 1)
    ours.faults.heal()
    ours.clock.forward(MINUTE)
    wait_for(lambda: bool(ours.register.read(lambda u: u.renditions.of_record(record.id))))
    assert ours.get(record.id).search_problem is None


def test_the_paper_of_an_audit_that_could_not_be_sealed_is_made_by_itself(
    ours: TestArchive, working: Worker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worker_module, "PAPERS_SECONDS", 0.02)
    ours.faults.down.add("sealer")
    run = audit(ours.archive, AuditRequest())
    with structlog.testing.capture_logs() as told:
        working.start()
        wait_for(lambda: "an audit's paper is owed" in [one["event"] for one in told])
        ours.faults.heal()
        wait_for(lambda: bool(ours.events(EventType.AUDIT_PRINTED)))
    assert f"audits/{run.id}/report.pdf" in ours.objects()
    assert {one["reason"] for one in told if one["event"] == "an audit's paper is owed"} == {"sealer"}


def test_a_scan_that_may_yet_be_sealed_is_tried_again_and_then_left_as_a_finding(
    ours: TestArchive, working: Worker
) -> None:
    ours.sealer.problem = NotSealed(SealProblem.CRASHED, retryable=True)
    record = scanned(ours)
    working.start()
    for attempt in (1, 2):
        assert after_try(ours, attempt, JobKind.SEAL).problem == "seal: crashed"
        ours.clock.forward(MINUTE)
    wait_for(lambda: counts(ours) == {})
    assert len(ours.sealer.orders) == 3
    findings = ours.register.read(lambda u: u.findings.of_record(record.id))
    assert [one.finding.code for one in findings] == [FindingCode.NOT_SEALED]
    assert ours.get(record.id).search_state is SearchState.SEARCHABLE
