"""Telling an operator whether everything works: each component, the three counts, and the store's lock."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import groupby

from archive_service.errors import ArchiveError
from archive_service.model.archive import Archive
from archive_service.model.jobs import JobState
from archive_service.model.ports import ProofResult, TimestampAuthority
from archive_service.model.record import RecordState, SearchState
from archive_service.model.timestamps import AuthorityState


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """One thing that was looked at; ``explanation`` is a sentence for the operator."""

    name: str
    result: ProofResult
    explanation: str


# An authority whose newest certificate ends sooner will soon leave its time-stamps without renewal.
_SHORTEST_CERTIFICATE = dt.timedelta(days=30)

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
    try:
        last = archive.register.read(lambda unit: unit.audits.last_ended())
    except ArchiveError as error:
        return Diagnosis("last audit", ProofResult.INDETERMINATE, error.message.en)
    if last is None or last.ended_at is None:
        return Diagnosis("last audit", ProofResult.INDETERMINATE, "none yet: archive-service audit --verify")
    sentence = f"{last.id} of {last.ended_at.isoformat(timespec='minutes')}"
    if last.alarm:
        return Diagnosis("last audit", ProofResult.FAILED, f"{sentence}: ALARM; see archive-service audit --verify")
    interval = archive.rules.audit_interval
    if last.undecided or (interval is not None and last.ended_at < archive.clock.now() - 2 * interval):
        return Diagnosis("last audit", ProofResult.INDETERMINATE, f"{sentence}: something could not be told, or is old")
    return Diagnosis("last audit", ProofResult.PASSED, f"{sentence}: no alarm")


def check_timestamps(archive: Archive) -> tuple[Diagnosis, ...]:
    """Tell of each time-stamp authority whether its time-stamps come, can be renewed, and are worth anything.

    Never raises. A test authority is never PASSED: what it stamps proves nothing to anybody else.
    """
    if not archive.authorities:
        return (Diagnosis("time-stamps", ProofResult.INDETERMINATE, "no authority: nothing proves when"),)
    try:
        states = {one.authority: one for one in archive.register.read(lambda unit: unit.timestamps.states())}
    except ArchiveError as error:
        return (Diagnosis("time-stamps", ProofResult.INDETERMINATE, error.message.en),)
    return tuple(_stamps(archive, one, states.get(one.name)) for one in archive.authorities)


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
