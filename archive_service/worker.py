"""The worker: takes follow-up work from the register, runs the named step, and records how it ended.

Any number of workers run on any number of hosts. Work that fails is tried again later and later, then parked for a
person with its reason; work of a worker that died is taken again when its claim runs out. Nothing here decides what
a step does.
"""

from __future__ import annotations

import datetime as dt
import threading
import time
from collections.abc import Callable, Sequence

import structlog

from archive_service.errors import ArchiveError, Conflict, IntegrityFailure
from archive_service.lifecycle.audit.pace import Pace
from archive_service.lifecycle.audit.printing import PaperOwed, print_owed
from archive_service.lifecycle.audit.schedule import audit_when_due
from archive_service.lifecycle.disposal.execute import Waiting, execute
from archive_service.lifecycle.disposal.finish import finish_disposals
from archive_service.lifecycle.enrich import enrich
from archive_service.lifecycle.evidence.keep import keep_evidence
from archive_service.lifecycle.index import index_records
from archive_service.lifecycle.lock import renew_evidence_locks, renew_locks
from archive_service.lifecycle.log.seal import log_waits, seal_log
from archive_service.lifecycle.refill import ask_for_missing
from archive_service.lifecycle.retention.decide import ask_again, decide_records
from archive_service.lifecycle.retention.decide_all import decide_all
from archive_service.lifecycle.seal import seal
from archive_service.lifecycle.timestamps.keep import keep_timestamps
from archive_service.lifecycle.timestamps.stamp import Stamping, stamp
from archive_service.model.archive import Archive
from archive_service.model.identifiers import RecordId
from archive_service.model.jobs import Job, JobKind
from archive_service.model.record import SearchState
from archive_service.model.units import RegisterUnit

log = structlog.get_logger("worker")

# How long a worker with nothing to do waits before it looks again.
IDLE_SECONDS = 0.25

# Records put into the index in one commit: a commit costs the same for one as for hundreds.
INDEX_BATCH = 256

# Work without which a record is not found: a fault of it shows in the record's search state.
_MAKES_SEARCHABLE = frozenset({JobKind.ENRICH, JobKind.INDEX})

# The longest wait between two tries of the same work.
LONGEST_RETRY = dt.timedelta(minutes=15)

# The same where a part is down: once it is back, nobody should wait a quarter of an hour to find a record.
LONGEST_WAIT_FOR_A_PART = dt.timedelta(seconds=30)

# How often what needs no hurry is done: renewing locks, clearing what killed uploads left.
MAINTENANCE_SECONDS = 600
LOCKS_AT_A_TIME = 1000

# How often it is looked whether a batch or token is due; from which failure on an authority's silence is an alarm.
STAMPING_SECONDS = 15
ALARMING_ATTEMPTS = 3
ABANDONED_UPLOAD = dt.timedelta(hours=6)

# Records decided on together, and how long they are waited for: one by itself costs four times as much as one of many.
RETAIN_BATCH = 64
RETAIN_SECONDS = 5

# How often it is looked whether all records must be decided on.
DECIDING_SECONDS = 5

# How often it is looked whether an audit is due.
AUDIT_CHECK_SECONDS = 600

# How often it is looked whether a sealed paper of an audit is owed.
PAPERS_SECONDS = 60

# How often approved disposals are looked at: records to be handed out, or all of them done.
DISPOSAL_SECONDS = 15

# How often it is looked whether the index holds less than it did.
INDEX_CHECK_SECONDS = 60


class Worker:
    """Runs follow-up work in threads until it is stopped. PDF work itself happens in the sandbox's processes."""

    def __init__(
        self, archive: Archive, *, text_threads: int, lease: dt.timedelta, audit_bytes_per_second: float = 50e6
    ) -> None:
        self._archive = archive
        self._audit_bytes_per_second = audit_bytes_per_second
        self._text_threads = text_threads
        self._lease = lease
        self._stopping = threading.Event()
        self._running: dict[int, Job] = {}
        self._guard = threading.Lock()
        self._threads: list[threading.Thread] = []
        self._indexed: int | None = None
        # What a worker that was killed has stamped is kept by the next one.
        self._timestamps_kept = False

    def start(self) -> None:
        """Start every thread and return."""
        checkpoint_seconds = self._archive.rules.checkpoint_interval.total_seconds()
        tasks: list[tuple[str, Callable[[], None]]] = [
            ("index", lambda: self._work_off(JobKind.INDEX, INDEX_BATCH, self._index)),
            ("retention", lambda: self._work_off(JobKind.RETAIN, RETAIN_BATCH, self._retain, RETAIN_SECONDS)),
            ("all-records", lambda: self._repeat("deciding on all records", DECIDING_SECONDS, self._decide_all)),
            ("claims", self._keep_claims),
            ("maintenance", lambda: self._repeat("maintenance", MAINTENANCE_SECONDS, self._maintain)),
            ("refill", lambda: self._repeat("refill", INDEX_CHECK_SECONDS, self._refill)),
            ("log", lambda: self._repeat("sealing of the log", checkpoint_seconds, self._seal_log)),
            ("evidence", lambda: self._repeat("keeping of evidence", checkpoint_seconds, self._keep_evidence)),
            ("audit", lambda: self._repeat("audit", AUDIT_CHECK_SECONDS, self._audit)),
            ("audit-papers", lambda: self._repeat("printing of audits", PAPERS_SECONDS, self._print_owed)),
            ("dispose", lambda: self._work_off(JobKind.DISPOSE, 1, self._dispose)),
            ("disposals", lambda: self._repeat("finishing of disposals", DISPOSAL_SECONDS, self._finish_disposals)),
            ("time-stamps", lambda: self._repeat("time-stamping", STAMPING_SECONDS, self._stamp)),
        ]
        for number in range(self._text_threads):
            tasks.append((f"text-{number}", lambda: self._work_off(JobKind.ENRICH, 1, self._enrich)))
            if self._archive.result_sealer is not None:
                tasks.append((f"seal-{number}", lambda: self._work_off(JobKind.SEAL, 1, self._seal)))
        self._threads = [threading.Thread(target=task, name=name, daemon=True) for name, task in tasks]
        for thread in self._threads:
            thread.start()

    def stop(self, grace_seconds: float) -> None:
        """Take no more work, wait for what runs, and give back what does not end in time."""
        self._stopping.set()
        ends = time.monotonic() + grace_seconds
        for thread in self._threads:
            thread.join(max(0.0, ends - time.monotonic()))
        with self._guard:
            unfinished = list(self._running.values())
        if unfinished:
            now = self._archive.clock.now()
            self._write_each(unfinished, lambda unit, job: unit.jobs.give_back(job, now))

    def _work_off(
        self, kind: JobKind, at_a_time: int, run: Callable[[Sequence[Job]], None], rest_seconds: float = 0.0
    ) -> None:
        """Take and run work of a kind until the worker stops; rest where there was less than is taken at a time."""
        while not self._stopping.is_set():
            jobs = self._claim(kind, at_a_time)
            if not jobs:
                self._stopping.wait(max(IDLE_SECONDS, rest_seconds))
                continue
            run(jobs)
            with self._guard:
                for job in jobs:
                    self._running.pop(job.id, None)
            if len(jobs) < at_a_time:
                self._stopping.wait(rest_seconds)

    def _claim(self, kind: JobKind, limit: int) -> list[Job]:
        now = self._archive.clock.now()

        def take(unit: RegisterUnit) -> list[Job]:
            return unit.jobs.claim([kind], limit, now, now + self._lease)

        try:
            if not self._archive.register.read(lambda unit: unit.jobs.any_due([kind], now)):
                return []
            jobs = self._archive.register.write(take)
        except ArchiveError as error:
            log.warning("register does not answer", code=error.code)
            self._stopping.wait(IDLE_SECONDS * 8)
            return []
        with self._guard:
            self._running.update({job.id: job for job in jobs})
        return jobs

    def _enrich(self, jobs: Sequence[Job]) -> None:
        def run(record_id: RecordId) -> str | None:
            failure = enrich(self._archive, record_id)
            return f"text: {failure.outcome}" if failure is not None and failure.retryable else None

        self._each(jobs, run)

    def _seal(self, jobs: Sequence[Job]) -> None:
        def run(record_id: RecordId) -> str | None:
            failure = seal(self._archive, record_id)
            return f"seal: {failure.problem}" if failure is not None and failure.retryable else None

        self._each(jobs, run)

    def _dispose(self, jobs: Sequence[Job]) -> None:
        """Dispose of each record. What the store refuses to delete is tried again, then parked for a person."""
        for job in jobs:
            try:
                waiting = execute(self._archive, job.record_id)
            except Conflict as refused:
                log.warning("store refuses to delete", record=job.record_id, code=refused.code)
                # A person reads it: which object, and that a lock or hold stands on it.
                self._retry_or_park(job, f"{refused.code}: {refused.message.en}")
            except ArchiveError as error:
                self._failed(job, error)
            except Exception:  # as below
                log.exception("step failed", kind=job.kind, record=job.record_id)
                self._retry_or_park(job, "internal error")
            else:
                self._wait(job, waiting) if waiting is not None else self._done([job])

    def _wait(self, job: Job, waiting: Waiting) -> None:
        self._write(lambda unit: unit.jobs.retry(job, waiting.until, waiting.problem))

    def _each(self, jobs: Sequence[Job], run: Callable[[RecordId], str | None]) -> None:
        """Run a step on each record; it returns what makes another try worth while. After the last try it is done."""
        for job in jobs:
            try:
                problem = run(job.record_id)
            except ArchiveError as error:
                self._failed(job, error)
                continue
            except Exception:  # a fault of ours must not end the worker: it is logged, retried and parked
                log.exception("step failed", kind=job.kind, record=job.record_id)
                self._retry_or_park(job, "internal error")
                continue
            if problem is not None and job.attempts < self._archive.rules.job_attempts:
                self._retry_or_park(job, problem)
                continue
            self._done([job])

    def _index(self, jobs: Sequence[Job]) -> None:
        self._together(jobs, lambda record_ids: index_records(self._archive, record_ids))

    def _retain(self, jobs: Sequence[Job]) -> None:
        self._together(jobs, lambda record_ids: decide_records(self._archive, record_ids))

    def _together(self, jobs: Sequence[Job], run: Callable[[Sequence[RecordId]], object]) -> None:
        """Run a step on all records at once; where that fails, on each, so that one keeps none of the others out."""
        try:
            run([job.record_id for job in jobs])
        except ArchiveError as error:
            if not error.retryable and len(jobs) > 1:
                self._apart(jobs, run)
                return
            for job in jobs:
                self._failed(job, error)
            return
        except Exception:  # as above
            log.exception("step failed", kind=jobs[0].kind, count=len(jobs))
            if len(jobs) > 1:
                self._apart(jobs, run)
            else:
                self._retry_or_park(jobs[0], "internal error")
            return
        self._done(jobs)

    def _apart(self, jobs: Sequence[Job], run: Callable[[Sequence[RecordId]], object]) -> None:
        for job in jobs:
            self._together([job], run)

    def _done(self, jobs: Sequence[Job]) -> None:
        self._write_each(jobs, lambda unit, job: unit.jobs.done(job))
        log.info("done", kind=jobs[0].kind, count=len(jobs), record=jobs[0].record_id)

    def _failed(self, job: Job, error: ArchiveError) -> None:
        log.warning(
            "step failed",
            kind=job.kind,
            record=job.record_id,
            code=error.code,
            component=error.details.get("component"),
            cause=type(error.__cause__).__name__,
            attempts=job.attempts,
        )
        if error.retryable:
            self._retry(job, error.code, LONGEST_WAIT_FOR_A_PART)
        else:
            self._park(job, error.code)

    def _retry_or_park(self, job: Job, problem: str) -> None:
        if job.attempts >= self._archive.rules.job_attempts:
            self._park(job, problem)
        else:
            self._retry(job, problem)

    def _retry(self, job: Job, problem: str, longest: dt.timedelta = LONGEST_RETRY) -> None:
        """Try again later; a component that is down is waited for without end, its reason in view."""
        wait = min(longest, dt.timedelta(seconds=2.0 ** min(job.attempts, 12)))
        due_at = self._archive.clock.now() + wait

        def give_back(unit: RegisterUnit) -> None:
            unit.jobs.retry(job, due_at, problem)
            if job.kind in _MAKES_SEARCHABLE:
                unit.records.set_search_state(job.record_id, SearchState.WAITING, problem, due_at)

        self._write(give_back)

    def _park(self, job: Job, problem: str) -> None:
        now = self._archive.clock.now()

        def park(unit: RegisterUnit) -> None:
            unit.jobs.park(job, problem)
            if job.kind in _MAKES_SEARCHABLE:
                unit.records.set_search_state(job.record_id, SearchState.PARKED, problem, now)

        self._write(park)

    def _keep_claims(self) -> None:
        """Renew the claims on running work, so that only a dead worker's work is taken by another."""
        while not self._stopping.wait(self._lease.total_seconds() / 3):
            with self._guard:
                running = list(self._running.values())
            if running:
                self._renew(running)

    def _renew(self, running: Sequence[Job]) -> None:
        until = self._archive.clock.now() + self._lease
        self._write(lambda unit: unit.jobs.renew(running, until))

    def _repeat(self, name: str, seconds: float, run: Callable[[], None]) -> None:
        """Run what needs no hurry now and every so many seconds, until the worker stops."""
        while not self._stopping.is_set():
            try:
                run()
            except ArchiveError as error:
                log.warning(f"{name} failed", code=error.code, component=error.details.get("component"))
            except Exception:  # it is tried again; its fault must not end the worker
                log.exception(f"{name} failed")
            self._stopping.wait(seconds)

    def _decide_all(self) -> None:
        """Decide on all records where that is due, batch by batch; what changed is worked off beside it."""
        while not self._stopping.is_set() and (run := decide_all(self._archive)) is not None:
            if run.ended_at is not None:
                log.info("all records decided on", count=run.done, changed=run.changed, schedule=run.schedule)
                return

    def _maintain(self) -> None:
        while asked := ask_again(self._archive, LOCKS_AT_A_TIME):
            log.info("records to be decided on again", count=asked)
        while renewed := renew_locks(self._archive, LOCKS_AT_A_TIME):
            log.info("locks renewed", count=renewed)
        if renewed := renew_evidence_locks(self._archive, LOCKS_AT_A_TIME):
            log.info("locks of evidence renewed", count=renewed)
        self._archive.staging.sweep(self._archive.clock.now() - ABANDONED_UPLOAD)

    def _refill(self) -> None:
        """Compare the index with the register at the start, and whenever it holds less than it did."""
        held = self._archive.index.count()
        if self._indexed is None or held < self._indexed:
            missing = ask_for_missing(self._archive)
            if missing:
                log.error("the index has lost records: they are put in again", count=missing)
        self._indexed = held

    def _seal_log(self) -> None:
        """Sign the log when something was entered since. A contradiction is an alarm each time."""
        try:
            if log_waits(self._archive) and (sealed := seal_log(self._archive)) is not None:
                log.info("log sealed", size=sealed.size)
        except ArchiveError as error:
            if error.retryable:
                raise
            log.error("log not sealed", code=error.code, alarm=True)

    def _keep_evidence(self) -> None:
        """Keep what published entries commit to beside their records. Something else in its place is an alarm."""
        kept = keep_evidence(self._archive)
        if kept.entries:
            log.info("evidence kept", count=kept.entries)
        for key in kept.differing:
            log.error("evidence not kept: the store holds something else", key=key, alarm=True)

    def _finish_disposals(self) -> None:
        """Hand out what was approved and certify what is done. A certificate that differs is an alarm."""
        try:
            for done in finish_disposals(self._archive):
                log.info("disposal certified", disposal=done.disposal_id, disposed=done.disposed)
        except IntegrityFailure as wrong:
            log.error("disposal not certified", code=wrong.code, alarm=True)

    def _audit(self) -> None:
        """Audit everything when it is due; what it finds is told again by ``doctor`` until the next one."""
        run = audit_when_due(self._archive, Pace(self._audit_bytes_per_second))
        if run is not None:
            tell = log.error if run.alarm else log.warning if run.undecided else log.info
            tell("audited", audit=run.id, alarm=run.alarm, counts={str(one): n for one, n in run.counts.items()})

    def _print_owed(self) -> None:
        """Make the papers of audits that ended while nothing could be sealed."""
        for one in print_owed(self._archive):
            if isinstance(one, PaperOwed):
                log.warning("an audit's paper is owed", audit=one.audit_id, reason=one.reason)
            else:
                log.info("an audit's paper was sealed", audit=one.audit_id)

    def _stamp(self) -> None:
        """Time-stamp what was deposited; an authority that is down holds up nothing else."""
        done = stamp(self._archive)
        _tell(done)
        if done.tokens:
            self._timestamps_kept = False
        if not self._timestamps_kept:
            for key in keep_timestamps(self._archive):
                log.error("time-stamps not kept: the store holds something else", key=key, alarm=True)
            self._timestamps_kept = True

    def _write_each(self, jobs: Sequence[Job], change: Callable[[RegisterUnit, Job], None]) -> None:
        def change_all(unit: RegisterUnit) -> None:
            for job in jobs:
                change(unit, job)

        self._write(change_all)

    def _write(self, work: Callable[[RegisterUnit], object]) -> None:
        """Record how work ended; where the register is down, the claim runs out and the work is done again."""
        try:
            self._archive.register.write(work)
        except ArchiveError as error:
            log.warning("outcome not recorded", code=error.code)


def _tell(done: Stamping) -> None:
    if done.batches or done.tokens:
        log.info("time-stamped", batches=done.batches, tokens=done.tokens)
    for failure in done.failures:
        say = log.error if failure.attempts >= ALARMING_ATTEMPTS else log.warning
        say("no time-stamp", authority=failure.authority, code=failure.code, attempts=failure.attempts)
