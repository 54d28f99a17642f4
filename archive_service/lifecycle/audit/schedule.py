"""Auditing by itself, at an interval, and going on where a worker that died left off."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable

from archive_service.errors import Conflict
from archive_service.lifecycle.audit.run import AuditRequest, audit
from archive_service.model.archive import Archive
from archive_service.model.audits import AuditRun
from archive_service.model.units import RecordSelection, RegisterUnit

_ACTOR = "worker"


def audit_when_due(archive: Archive, pace: Callable[[int], None]) -> AuditRun | None:
    """Run the whole audit when it is due and none is running; return the run, None for nothing done.

    ``pace`` is told how many bytes are about to be read, and may wait. Raises Unavailable: the run is taken up again.
    """
    interval = archive.rules.audit_interval
    if interval is None:
        return None
    since = archive.clock.now() - interval
    if not archive.register.read(lambda unit: _is_due(unit, since)):
        return None
    try:
        return audit(archive, AuditRequest(verify=True, resume=True, pace=pace, actor=_ACTOR))
    except Conflict:
        return None


def _is_due(unit: RegisterUnit, since: dt.datetime) -> bool:
    """Whether a whole audit was cut off, or the last one is older; where there was none, the oldest record."""
    unfinished = unit.audits.unfinished()
    if unfinished is not None and unfinished.is_whole:
        return True
    last = unit.audits.last_ended()
    if last is not None:
        return last.ended_at is None or last.ended_at <= since
    oldest = unit.records.select(RecordSelection(None, limit=1))
    return bool(oldest) and oldest[0].received_at <= since
