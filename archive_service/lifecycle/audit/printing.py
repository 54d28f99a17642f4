"""The report of an audit as a sealed PDF: made with the report, or later where the seal was out of reach then.

The report says whether its paper is owed, and a worker makes what is owed. The digest of every paper becomes an entry
of the log. A paper that is in the store is never followed by another: no two seals are the same.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from functools import partial

from archive_service.errors import ArchiveError, IntegrityFailure
from archive_service.lifecycle.audit.owed import audits_owing_papers, settle_paper
from archive_service.lifecycle.audit.paper import audit_paper
from archive_service.lifecycle.marks import digest_in_store, oldest
from archive_service.model.archive import Archive
from archive_service.model.audits import AuditRun
from archive_service.model.events import Event, EventType
from archive_service.model.objects import audit_paper_key
from archive_service.model.ports import STORED_DIFFERS
from archive_service.model.units import RegisterUnit
from retention.locks import quarantine_lock_until

# Who follow-up work is done by, in the log.
_WORKER = "worker"

# Why a paper is owed where nobody is there to say the time of a seal.
_NO_SEAL = "seal-without-time"


@dataclass(frozen=True, slots=True)
class PaperMade:
    """A paper that is in the store now, or was already."""

    audit_id: str
    sha256: str


@dataclass(frozen=True, slots=True)
class PaperOwed:
    """A paper that cannot be sealed at the moment, and the part or the error's code that keeps it."""

    audit_id: str
    reason: str


def print_report(archive: Archive, run: AuditRun, report_sha256: str) -> PaperMade | PaperOwed:
    """Keep a sealed paper of the report of that digest, or say why it cannot be sealed now.

    One that a killed run or another worker has put stays. Raises Unavailable when the store does not answer: whether
    it has the paper is not known then.
    """
    key = audit_paper_key(run.id)
    there = _in_store(archive, key)
    if there is not None:
        return PaperMade(run.id, there)
    if archive.sealer is None:
        return PaperOwed(run.id, _NO_SEAL)
    now = archive.clock.now()
    with archive.staging.receive(archive.rules.max_file_bytes) as file:
        try:
            archive.sealer.seal_paper(audit_paper(run, report_sha256, now), file)
        except ArchiveError as away:
            return PaperOwed(run.id, str(away.details.get("component", away.code)))
        until = quarantine_lock_until(now, archive.rules.checkpoint_lock_days)
        try:
            return PaperMade(run.id, archive.store.put(key, file.path, file.digest, until).stored.sha256)
        except IntegrityFailure as taken:
            there = _in_store(archive, key) if taken.code == STORED_DIFFERS else None
            if there is None:
                raise
            return PaperMade(run.id, there)


def print_owed(archive: Archive) -> tuple[PaperMade | PaperOwed, ...]:
    """Make every paper that is owed and log its digest; return what became of each.

    Idempotent, and safe beside itself: a paper is logged once. Raises Unavailable, IntegrityFailure.
    """
    return tuple(_make_up(archive, run) for run in archive.register.read(audits_owing_papers))


def _make_up(archive: Archive, run: AuditRun) -> PaperMade | PaperOwed:
    """Keep the paper, then log its digest: killed between, the next run finds it in the store."""
    printed = print_report(archive, run, str(run.report_sha256))
    if isinstance(printed, PaperMade):
        archive.register.write(partial(_settle, run, printed, archive.clock.now()))
    return printed


def _settle(run: AuditRun, printed: PaperMade, now: dt.datetime, unit: RegisterUnit) -> None:
    """Log the paper's digest, unless another worker has."""
    if settle_paper(unit, run.id):
        values = {"audit": run.id, "report_sha256": run.report_sha256, "printed_sha256": printed.sha256}
        unit.log.append(Event(EventType.AUDIT_PRINTED, _WORKER, now, None, values))


def _in_store(archive: Archive, key: str) -> str | None:
    first = oldest(archive.store.list_under(key))
    return None if first is None else digest_in_store(archive.store, first.key, first.version).sha256
