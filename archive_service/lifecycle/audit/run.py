"""The audit: is everything that was answered for there, unchanged, locked, found and logged?

It goes through the log, then the records, then the index, and keeps where it stands, so that a run that was cut off
goes on. Its report is kept in the store, and the report's digest is an event of the log: what an audit found cannot be
changed afterwards either. It never changes a record; where asked, it mends from the second store.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from functools import partial
from itertools import islice, starmap

from archive_service.evidence.canonical import canonical_json
from archive_service.lifecycle.audit.evidence import examine_evidence
from archive_service.lifecycle.audit.log import LogExamination
from archive_service.lifecycle.audit.owed import owe_paper
from archive_service.lifecycle.audit.printing import PaperOwed, print_report
from archive_service.lifecycle.audit.records import Examination, examine
from archive_service.lifecycle.audit.turn import Turn
from archive_service.lifecycle.indexed import index_differences
from archive_service.model.archive import Archive
from archive_service.model.audits import LISTED, AuditFinding, AuditOutcome, AuditPhase, AuditRun, AuditScope
from archive_service.model.events import Event, EventType, Json
from archive_service.model.identifiers import RecordId, time_ordered_uuid
from archive_service.model.objects import SmallObject, audit_report_object
from archive_service.model.record import Record, RecordState, SearchState
from archive_service.model.units import RegisterUnit
from retention.locks import quarantine_lock_until

# A run is written down at least this often, in records: what a resumed run does again.
_SAVED_EVERY = 1024
_PAGE = 1000
_SEED_BYTES = 8


@dataclass(frozen=True, slots=True)
class AuditRequest:
    """What to do. ``resume`` goes on with a run that was cut off, with what that one was asked.

    ``report`` is told how far it is, ``pace`` how many bytes were read, and may wait.
    """

    scope: AuditScope = field(default_factory=AuditScope)
    verify: bool = False
    remove_orphans: bool = False
    repair: bool = False
    resume: bool = False
    actor: str = "operator"
    report: Callable[[int], None] = field(default=lambda _passed: None)
    pace: Callable[[int], None] = field(default=lambda _read_bytes: None)


def audit(archive: Archive, request: AuditRequest) -> AuditRun:
    """Run one audit to its end and return what it found; its report is kept and its digest logged.

    Raises Conflict ``audit-running`` while another one runs; Unavailable when register or store cannot be listed at
    all: the run can be resumed.
    """
    turn = Turn(archive)

    def report(passed: int) -> None:
        turn.keep()
        request.report(passed)

    try:
        return _run(archive, dataclasses.replace(request, report=report))
    finally:
        turn.give_back()


def _run(archive: Archive, request: AuditRequest) -> AuditRun:
    run = _begin(archive, request)
    if run.phase is AuditPhase.LOG:
        run = _log(archive, request, run)
    if run.phase is AuditPhase.RECORDS:
        run = _records(archive, request, run)
    if run.phase is AuditPhase.EVIDENCE:
        run = _evidence(archive, request, run)
    if run.phase is AuditPhase.INDEX:
        run = _index(archive, run)
    return _end(archive, request.actor, run)


def _begin(archive: Archive, request: AuditRequest) -> AuditRun:
    """Return the run to go on with, or a new one with its seed drawn; written down before anything is looked at."""
    if request.resume:
        unfinished = archive.register.read(lambda unit: unit.audits.unfinished())
        if unfinished is not None:
            return unfinished
    now = archive.clock.now()
    scope = request.scope
    if scope.share < 1.0 and not scope.seed:
        scope = dataclasses.replace(scope, seed=archive.randomness.token(_SEED_BYTES).hex())
    run = AuditRun(str(time_ordered_uuid(now, archive.randomness.token(10))), scope, request.verify, now)
    _save(archive, run)
    return run


def _log(archive: Archive, request: AuditRequest, run: AuditRun) -> AuditRun:
    examination = LogExamination(archive, request.report)
    run = _with(run, examination.findings())
    passed = dataclasses.replace(run, log_size=examination.size, log_root=examination.root.hex())
    return _save(archive, dataclasses.replace(passed, phase=AuditPhase.RECORDS))


def _records(archive: Archive, request: AuditRequest, run: AuditRun) -> AuditRun:
    wanted = Examination(run.scope, run.verify, request.remove_orphans, request.repair, request.pace)
    passed = saved = 0
    for batch in examine(archive, wanted, run.position):
        run = dataclasses.replace(_with(run, batch), position=batch[-1].record_id)
        passed += len(batch)
        request.report(passed)
        if passed - saved >= _SAVED_EVERY:
            _save(archive, run)
            saved = passed
    # Evidence and index are compared as a whole, so only with everything.
    phase = AuditPhase.EVIDENCE if run.scope.is_whole else AuditPhase.DONE
    return _save(archive, dataclasses.replace(run, phase=phase, position=None))


def _evidence(archive: Archive, request: AuditRequest, run: AuditRun) -> AuditRun:
    """Tell what is wrong with evidence outside the records. What is as it should be is not counted: counts are records.

    A run that was cut off begins this phase anew: only what was saved before is counted.
    """
    for passed, found in enumerate(examine_evidence(archive, run.verify, request.pace), 1):
        run = _with(run, found)
        request.report(passed)
    return _save(archive, dataclasses.replace(run, phase=AuditPhase.INDEX))


def _index(archive: Archive, run: AuditRun) -> AuditRun:
    """Tell what the register calls searchable and the index lacks, and the other way round."""
    found = _looked_at_again(archive, starmap(_told, index_differences(archive)))
    while batch := list(islice(found, _PAGE)):
        run = _with(run, batch)
    return _save(archive, dataclasses.replace(run, phase=AuditPhase.DONE))


def _told(record_id: RecordId, is_lacking: bool) -> AuditFinding:
    if is_lacking:
        return AuditFinding(AuditOutcome.NOT_INDEXED, record_id, "the index does not have it: archive-service reindex")
    explanation = "the register does not know it as searchable: archive-service reindex"
    return AuditFinding(AuditOutcome.INDEXED_GONE, record_id, explanation)


def _looked_at_again(archive: Archive, found: Iterator[AuditFinding]) -> Iterator[AuditFinding]:
    """Pass over what has been put right since it was listed: both sides go on changing meanwhile."""
    while page := list(islice(found, _PAGE)):
        ids = [one.record_id for one in page if one.record_id is not None]
        records = archive.register.read(partial(_get_many, ids))
        for one in page:
            record = records.get(one.record_id) if one.record_id is not None else None
            if (one.outcome is AuditOutcome.NOT_INDEXED) == _is_searchable(record):
                yield one


def _get_many(ids: list[RecordId], unit: RegisterUnit) -> dict[RecordId, Record]:
    return unit.records.get_many(ids)


def _is_searchable(record: Record | None) -> bool:
    return (
        record is not None
        and record.search_state is SearchState.SEARCHABLE
        and record.state is not RecordState.DISPOSED
    )


def _with(run: AuditRun, found: Iterable[AuditFinding]) -> AuditRun:
    """Return the run with these findings counted, and listed while there is room."""
    counts, listed = dict(run.counts), list(run.listed)
    for one in found:
        counts[one.outcome] = counts.get(one.outcome, 0) + 1
        if one.outcome is not AuditOutcome.INTACT and len(listed) < LISTED:
            listed.append(one)
    return dataclasses.replace(run, counts=counts, listed=tuple(listed))


def _save(archive: Archive, run: AuditRun) -> AuditRun:
    archive.register.write(lambda unit: unit.audits.put(run))
    return run


def _end(archive: Archive, actor: str, run: AuditRun) -> AuditRun:
    """Keep paper and report, then log their digests: killed anywhere, the same report is put again."""
    ended = dataclasses.replace(run, ended_at=run.ended_at or archive.clock.now(), phase=AuditPhase.DONE)
    ended, printed_sha256 = _print(archive, _save(archive, ended))
    report = report_of(ended)
    until = quarantine_lock_until(archive.clock.now(), archive.rules.checkpoint_lock_days)
    archive.store.put(report.key, report.body, report.digest, until)
    ended = dataclasses.replace(ended, report_sha256=report.digest.sha256)

    def note(unit: RegisterUnit) -> None:
        unit.audits.put(ended)
        if ended.paper_owed is not None:
            owe_paper(unit, ended.id)
        counts = {str(outcome): count for outcome, count in ended.counts.items()}
        values = {
            "audit": ended.id,
            "report_sha256": report.digest.sha256,
            "report_sha512": report.digest.sha512,
            "printed_sha256": printed_sha256,
            "paper_owed": ended.paper_owed,
            "counts": counts,
        }
        unit.log.append(Event(EventType.AUDITED, actor, archive.clock.now(), None, values))

    archive.register.write(note)
    return ended


def _print(archive: Archive, run: AuditRun) -> tuple[AuditRun, str | None]:
    """Keep the report's paper and return its SHA-256. Where it cannot be sealed now, the run says so from here on.

    The report comes after it, so that it states truly whether the paper is owed, also when this is cut off.
    """
    if run.paper_owed is not None:
        return run, None
    printed = print_report(archive, run, report_of(run).digest.sha256)
    if isinstance(printed, PaperOwed):
        return _save(archive, dataclasses.replace(run, paper_owed=printed.reason)), None
    return run, printed.sha256


def report_of(run: AuditRun) -> SmallObject:
    """Return the report as it is kept: canonical JSON, the same for the same run."""
    scope = run.scope
    values: Json = {
        "format": 1,
        "audit": run.id,
        "started_at": run.started_at.isoformat(),
        "ended_at": run.ended_at.isoformat() if run.ended_at else None,
        "scope": {
            "offices": sorted(scope.offices) if scope.offices is not None else None,
            "received_from": scope.received_from.isoformat() if scope.received_from else None,
            "received_to": scope.received_to.isoformat() if scope.received_to else None,
            "share": scope.share,
            "seed": scope.seed or None,
        },
        "verified": run.verify,
        "log": {"size": run.log_size, "root": run.log_root},
        "alarm": run.alarm,
        "paper_owed": run.paper_owed,
        "counts": {str(outcome): count for outcome, count in sorted(run.counts.items())},
        "findings": [
            {"outcome": str(one.outcome), "record_id": one.record_id, "key": one.key, "explanation": one.explanation}
            for one in run.listed
        ],
    }
    return audit_report_object(run.id, canonical_json(values))
