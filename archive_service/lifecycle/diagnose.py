"""Telling an operator whether everything works: components, counts, the store's lock, the log, retention and so on."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

from archive_service.errors import ArchiveError, IntegrityFailure
from archive_service.evidence.entry import time_of_entry
from archive_service.lifecycle.audit.owed import audits_owing_papers
from archive_service.lifecycle.log.sealed import publication, require_uncontradicted
from archive_service.lifecycle.retention.asking import Run, latest_run
from archive_service.model.archive import Archive
from archive_service.model.jobs import JobKind, JobState
from archive_service.model.ports import ProofResult, TimestampAuthority
from archive_service.model.record import RecordState, SearchState
from archive_service.model.timestamps import AuthorityState
from archive_service.model.units import RegisterUnit
from archive_service.model.units.disposals import DisposalSelection
from archive_service.model.units.log import SignedCheckpoint
from archive_verify.log_history import CLOCK_SKEW
from retention.calendar import clocks_agree, day_of
from retention.disposal import ProposalState


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """One thing that was looked at; ``explanation`` is a sentence for the operator."""

    name: str
    result: ProofResult
    explanation: str


# An authority whose newest certificate ends sooner will soon leave its time-stamps without renewal.
_SHORTEST_CERTIFICATE = dt.timedelta(days=30)

# A witness looks every few minutes; after a day without it somebody should ask.
_SILENT = dt.timedelta(days=1)

# Deleting a record takes seconds; after a day somebody should ask.
DISPOSAL_LASTS = dt.timedelta(days=1)

# Every component, in the order in which a deposit needs them.
COMPONENTS = ("register", "store", "index", "pdf")


def check_components(archive: Archive, names: Sequence[str] = COMPONENTS) -> tuple[Diagnosis, ...]:
    """Ask the components named whether they can do their work; never raises."""
    probes: dict[str, Callable[[], None]] = {
        "register": archive.register.check_ready,
        "store": archive.store.check_ready,
        "index": archive.index.check_ready,
        "pdf": archive.pdf.check_ready,
    }
    return tuple(_probe(name, probes[name]) for name in names)


def compare_counts(archive: Archive) -> tuple[Diagnosis, ...]:
    """Compare how many records register, store and index hold; never raises.

    Streams the store's listing; on a large archive this takes minutes.
    """
    try:
        kept, searchable, parked = archive.register.read(
            lambda unit: (
                unit.records.count() - unit.records.count(RecordState.DISPOSED),
                unit.records.count(None, SearchState.SEARCHABLE),
                sum(n for (_, state), n in unit.jobs.counts().items() if state is JobState.PARKED),
            )
        )
    except ArchiveError as error:
        return (Diagnosis("counts", ProofResult.INDETERMINATE, error.message.en),)
    return (
        _compare("records in the store", kept, lambda: _originals(archive)),
        _compare("records in the index", searchable, archive.index.count),
        Diagnosis(
            "records waiting to be searchable",
            ProofResult.PASSED,
            f"{kept - searchable} of {kept} records are not searchable yet",
        ),
        Diagnosis(
            "parked work",
            ProofResult.PASSED if parked == 0 else ProofResult.FAILED,
            "none" if parked == 0 else f"{parked} pieces of work wait for a person: archive-service jobs list",
        ),
    )


def prove_lock(archive: Archive) -> tuple[Diagnosis, ...]:
    """Have the store prove its lock with a canary; never raises."""
    try:
        trials = archive.store.prove_lock(archive.clock.now())
    except ArchiveError as error:
        return (Diagnosis("store lock", ProofResult.INDETERMINATE, error.message.en),)
    return tuple(Diagnosis(f"store lock: {t.name}", t.result, t.explanation) for t in trials)


def check_audit(archive: Archive) -> Diagnosis:
    """Tell what the last whole audit found, and whether it is as recent as it should be; never raises."""
    return _told("last audit", lambda: _last_audit(archive))


def _last_audit(archive: Archive) -> tuple[ProofResult, str]:
    last = archive.register.read(lambda unit: unit.audits.last_ended())
    if last is None or last.ended_at is None:
        return ProofResult.INDETERMINATE, "none yet: archive-service audit --verify"
    sentence = f"{last.id} of {last.ended_at.isoformat(timespec='minutes')}"
    if last.alarm:
        return ProofResult.FAILED, f"{sentence}: ALARM; see archive-service audit --verify"
    interval = archive.rules.audit_interval
    if last.undecided or (interval is not None and last.ended_at < archive.clock.now() - 2 * interval):
        return ProofResult.INDETERMINATE, f"{sentence}: something could not be told, or is old"
    return ProofResult.PASSED, f"{sentence}: no alarm"


def check_audit_papers(archive: Archive) -> Diagnosis:
    """Tell whether every audit's report has its sealed paper; never raises."""
    return _told("audits: papers", lambda: _papers(archive))


def _papers(archive: Archive) -> tuple[ProofResult, str]:
    owing = archive.register.read(audits_owing_papers)
    if not owing:
        return ProofResult.PASSED, "none is owed"
    first = owing[0]
    told = f"{len(owing)} are owed, the first that of {first.id}, which could not be sealed: {first.paper_owed}"
    if archive.sealer is None:
        return ProofResult.INDETERMINATE, f"{told}; nothing is sealed here: set ARCHIVE_TIMESTAMP_AUTHORITIES"
    return ProofResult.FAILED, f"{told}; a worker makes them once seal key and time-stamp authority answer"


def check_clocks(archive: Archive) -> Diagnosis:
    """Compare this host's clock with the database's and with the log's last entry; never raises."""
    return _told("clocks", lambda: _clocks(archive))


def _clocks(archive: Archive) -> tuple[ProofResult, str]:
    database, last = archive.register.read(
        lambda unit: (unit.log.database_time(), unit.log.entry_bytes(unit.log.size() - 1, 1))
    )
    now = archive.clock.now()
    stated = time_of_entry(last[0]) if last else None
    if stated is not None and stated - now > CLOCK_SKEW / 2:
        told = f"the log's last entry is of {stated.isoformat(timespec='seconds')}, and this host's clock behind it"
        return ProofResult.FAILED, f"{told}: one of the two is off; nothing is written until they agree"
    if database is None:
        return ProofResult.PASSED, "not behind the log; there is no second clock to compare with"
    off = (now - database).total_seconds()
    if abs(off) > CLOCK_SKEW.total_seconds() / 2:
        return ProofResult.FAILED, f"this host's clock differs from the database's by {off:.0f} s"
    return ProofResult.PASSED, f"this host's differs from the database's by {off:.1f} s"


def check_log(archive: Archive) -> tuple[Diagnosis, ...]:
    """Tell whether the log keeps the promise of its receipts, contradicts itself, and is seen by its witnesses.

    It reads the log's edges only; the audit reads it all. Never raises.
    """
    return (_told("log: published", lambda: _publication(archive)), _uncontradicted(archive), *_witnesses(archive))


def _publication(archive: Archive) -> tuple[ProofResult, str]:
    now, promise = archive.clock.now(), archive.rules.maximum_merge_delay
    state, waiting = archive.register.read(
        lambda unit: (publication(unit, archive.signer.origin), unit.tree.unpublished(1))
    )
    if state.waits_since is None:
        return ProofResult.PASSED, f"all {state.entries} entries are in a published checkpoint"
    since = state.waits_since.isoformat(timespec="minutes")
    told = f"{state.entries - state.published} of {state.entries} entries are not in a published checkpoint yet"
    why = "signed, but not in the store" if waiting else "not signed"
    if now - state.waits_since > promise:
        return ProofResult.FAILED, f"{told}, since {since}, later than receipts promise: {why}; does a worker run?"
    if now - state.waits_since > max(promise / 4, 10 * archive.rules.checkpoint_interval):
        return ProofResult.FAILED, f"{told}, since {since}, and receipts promise it soon: {why}; does a worker run?"
    return ProofResult.PASSED, told


def _uncontradicted(archive: Archive) -> Diagnosis:
    name = "log: signed and published"
    try:
        require_uncontradicted(archive)
    except IntegrityFailure as alarm:
        return Diagnosis(name, ProofResult.FAILED, f"ALARM: {alarm.message.en}")
    except ArchiveError as error:
        return Diagnosis(name, ProofResult.INDETERMINATE, error.message.en)
    return Diagnosis(name, ProofResult.PASSED, "the tree extends the last checkpoint, and the store has the same")


def _witnesses(archive: Archive) -> Iterator[Diagnosis]:
    for name in sorted(f"{key.name}+{key.id.hex()}" for key in archive.witnesses):
        yield _told(f"witness {name}", lambda name=name: _witness(archive, name))  # type: ignore[misc]


def _witness(archive: Archive, name: str) -> tuple[ProofResult, str]:
    """A witness's key is silent when the first checkpoint that it has not signed was published long ago."""

    def look(unit: RegisterUnit) -> tuple[int, SignedCheckpoint | None]:
        seen = unit.tree.last_cosigned().get(name, 0)
        following = unit.tree.signed_roots(seen, 1)
        return seen, unit.tree.checkpoint(following[0][0]) if following else None

    seen, missed = archive.register.read(look)
    if missed is not None and missed.published_at is not None:
        since = missed.published_at
        if archive.clock.now() - since > _SILENT:
            told = f"it has signed nothing after {seen} entries; published since {since.isoformat(timespec='minutes')}"
            return ProofResult.FAILED, f"{told}: ask who runs it"
    return ProofResult.PASSED, f"has seen the first {seen} entries" if seen else "has seen nothing yet"


def _told(name: str, look: Callable[[], tuple[ProofResult, str]]) -> Diagnosis:
    try:
        result, sentence = look()
    except ArchiveError as error:
        return Diagnosis(name, ProofResult.INDETERMINATE, error.message.en)
    return Diagnosis(name, result, sentence)


def check_timestamps(archive: Archive) -> tuple[Diagnosis, ...]:
    """Tell of each time-stamp authority whether its time-stamps come, can be renewed, and are worth anything.

    Never raises. A test authority is never PASSED: what it stamps proves nothing to anybody else.
    """
    try:
        states = {one.authority: one for one in archive.register.read(lambda unit: unit.timestamps.states())}
    except ArchiveError as error:
        return (Diagnosis("time-stamps", ProofResult.INDETERMINATE, error.message.en),)
    asked = tuple(_stamps(archive, one, states.pop(one.name, None)) for one in archive.authorities)
    none = (Diagnosis("time-stamps", ProofResult.INDETERMINATE, "no authority: nothing proves when"),)
    return (asked or none) + tuple(_not_asked(one) for one in states.values() if one.owed)


def _not_asked(state: AuthorityState) -> Diagnosis:
    since = f" since {state.oldest_owed_at:%Y-%m-%d %H:%M}" if state.oldest_owed_at is not None else ""
    sentence = (
        f"it is no longer in ARCHIVE_TIMESTAMP_AUTHORITIES and is not asked for the {state.owed} that it owes{since}: "
        "other authorities' time-stamps prove the same, or name it again"
    )
    return Diagnosis(f"time-stamps of {state.authority}", ProofResult.INDETERMINATE, sentence)


def _stamps(archive: Archive, authority: TimestampAuthority, state: AuthorityState | None) -> Diagnosis:
    name, now = f"time-stamps of {authority.name}", archive.clock.now()
    overdue = now - 2 * archive.rules.timestamp_interval
    if state is not None and state.oldest_owed_at is not None and state.oldest_owed_at < overdue:
        since = state.oldest_owed_at.isoformat(timespec="minutes")
        reason = state.problem or "no worker has asked for them"
        return Diagnosis(name, ProofResult.FAILED, f"{state.owed} are owed since {since}: {reason}")
    if state is not None and state.expires_at is not None and state.expires_at < now + _SHORTEST_CERTIFICATE:
        ends = state.expires_at.isoformat(timespec="minutes")
        sentence = f"its newest certificate ends at {ends}, and there is no later one to renew with"
        return Diagnosis(name, ProofResult.FAILED, sentence)
    if authority.is_test:
        sentence = "TEST – NOT TRUSTED: whoever runs this archive holds its key; set ARCHIVE_TIMESTAMP_AUTHORITIES"
        return Diagnosis(name, ProofResult.INDETERMINATE, sentence)
    given = state.stamped if state is not None else 0
    return Diagnosis(name, ProofResult.PASSED, f"{given} given, {state.owed if state is not None else 0} awaited")


def check_retention(archive: Archive) -> tuple[Diagnosis, ...]:
    """Tell which schedule decides, whether all records were decided on by it, and which holds wait to be looked at.

    Never raises.
    """
    return (
        _told("retention: schedule", lambda: _schedule(archive)),
        _told("retention: decisions", lambda: _decisions(archive)),
        _told("retention: holds", lambda: _holds(archive)),
    )


def _schedule(archive: Archive) -> tuple[ProofResult, str]:
    today = day_of(archive.clock.now())
    deciding = archive.register.read(lambda unit: unit.schedules.deciding(today))
    if deciding is None:
        return ProofResult.INDETERMINATE, "none decides today: every record is kept until one is adopted"
    name = f"{deciding.schedule.id} {deciding.schedule.version}"
    examples = sum(one.example for one in deciding.schedule.classes.values())
    if examples:
        return ProofResult.INDETERMINATE, f"{name} decides, and {examples} of its classes are examples without a law"
    return ProofResult.PASSED, f"{name} decides"


def _decisions(archive: Archive) -> tuple[ProofResult, str]:
    today = day_of(archive.clock.now())

    def look(unit: RegisterUnit) -> tuple[Run | None, int, int]:
        deciding = unit.schedules.deciding(today)
        parked = unit.jobs.counts().get((JobKind.RETAIN, JobState.PARKED), 0)
        return latest_run(unit), 0 if deciding is None else deciding.number, parked

    run, wanted, parked = archive.register.read(look)
    if parked:
        return ProofResult.FAILED, f"{parked} records could not be decided on: archive-service jobs"
    if run is None or run.schedule != wanted:
        return ProofResult.INDETERMINATE, "the records have not been decided on by the schedule of today yet"
    if run.ended_at is None:
        return ProofResult.PASSED, f"a run over all records is under way: {run.done} of {run.total}"
    return ProofResult.PASSED, f"the last run over all records looked at {run.done} and moved {run.changed}"


def _holds(archive: Archive) -> tuple[ProofResult, str]:
    today = day_of(archive.clock.now())
    standing = archive.register.read(lambda unit: unit.holds.standing())
    overdue = [placed for placed in standing if placed.hold.review_on <= today]
    if overdue:
        oldest = min(placed.hold.review_on for placed in overdue)
        return ProofResult.FAILED, f"{len(overdue)} of {len(standing)} wait to be looked at, the first since {oldest}"
    return ProofResult.PASSED, f"{len(standing)} stand, none is overdue to be looked at"


def check_disposals(archive: Archive) -> tuple[Diagnosis, ...]:
    """Tell whether approved disposals go on: none stuck, all certified, and the store's clock close to this host's.

    Never raises.
    """
    return (
        _told("disposals: records", lambda: _going(archive)),
        _told("disposals: certificates", lambda: _certified(archive)),
        _told("disposals: clocks", lambda: _store_clock(archive)),
    )


def _going(archive: Archive) -> tuple[ProofResult, str]:
    since = archive.clock.now() - DISPOSAL_LASTS

    def look(unit: RegisterUnit) -> tuple[int, int, int]:
        counts = unit.jobs.counts()
        parked = counts.get((JobKind.DISPOSE, JobState.PARKED), 0)
        going = sum(n for (kind, _), n in counts.items() if kind is JobKind.DISPOSE) - parked
        return parked, unit.disposals.begun_before(since), going

    parked, begun, going = archive.register.read(look)
    if parked:
        told = f"{parked} wait for a person, and the store may still have something of them"
        return ProofResult.FAILED, f"{told}: archive-service jobs list says why"
    if begun:
        told = f"the deletion of {begun} began more than a day ago, and they are not gone"
        return ProofResult.FAILED, f"{told}: does a worker run, and does the store answer?"
    return ProofResult.PASSED, f"none is stuck, {going} are to be disposed of"


def _certified(archive: Archive) -> tuple[ProofResult, str]:
    """An approved disposal of which every record is done is certified within minutes."""
    since = archive.clock.now() - DISPOSAL_LASTS
    selection = DisposalSelection(states=frozenset({ProposalState.APPROVED}), limit=1000)

    def look(unit: RegisterUnit) -> tuple[list[str], int]:
        approved = [one for one in unit.disposals.select(selection) if one.may_be_executed]
        old = (one for one in approved if one.approved_at is not None and one.approved_at <= since)
        return [one.id for one in old if unit.disposals.tally(one.id).is_final], len(approved)

    uncertified, approved = archive.register.read(look)
    if uncertified:
        told = f"every record of disposal {uncertified[0]} is done, and it has no certificate"
        return (
            ProofResult.FAILED,
            f"{told}: is the index up to date, and can the seal be used? The worker's log says why",
        )
    return ProofResult.PASSED, f"none is owed, {approved} disposals are under way"


def _store_clock(archive: Archive) -> tuple[ProofResult, str]:
    ours, theirs, bound = archive.clock.now(), archive.store.now(), archive.rules.store_clock_bound
    told = f"this host's differs from the store's by {abs((ours - theirs).total_seconds()):.0f} s"
    if not clocks_agree(ours, theirs, bound):
        return (
            ProofResult.FAILED,
            f"{told}: nothing is disposed of until they agree within {bound.total_seconds():.0f} s",
        )
    return ProofResult.PASSED, told


def _probe(name: str, ask: Callable[[], None]) -> Diagnosis:
    try:
        ask()
    except ArchiveError as error:
        return Diagnosis(name, ProofResult.FAILED, error.message.en)
    return Diagnosis(name, ProofResult.PASSED, "answers")


def _compare(name: str, expected: int, count: Callable[[], int]) -> Diagnosis:
    try:
        found = count()
    except ArchiveError as error:
        return Diagnosis(name, ProofResult.INDETERMINATE, error.message.en)
    same = found == expected
    sentence = f"{found}, as in the register" if same else f"{found}, but the register says {expected}"
    return Diagnosis(name, ProofResult.PASSED if same else ProofResult.FAILED, sentence)


def _originals(archive: Archive) -> int:
    """Count records, not objects: everything of a record lies side by side in key order."""
    listed = archive.store.list_under("records/")
    return sum(1 for _ in groupby(listed, key=lambda stored: stored.key.split("/")[1]))
