"""Auditing by itself, at an interval: one worker at a time, and going on where one that died left off."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable

from archive_service.lifecycle.audit.run import AuditRequest, audit
from archive_service.model.archive import Archive
from archive_service.model.audits import AuditRun
from archive_service.model.units import RecordSelection, RegisterUnit

# The name under which a worker's turn is kept, and how long it lasts without being renewed: the longest time between
# two reports of a running audit is that of a few large files.
_TURN = "audit-turn"
_TURN_LASTS = dt.timedelta(minutes=15)


def audit_when_due(archive: Archive, pace: Callable[[int], None]) -> AuditRun | None:
    """Run the whole audit when it is due and nobody else does; return the run, None for nothing done.

    ``pace`` is told how many bytes are about to be read, and may wait. Raises Unavailable: the run is taken up again.
    """
    interval = archive.rules.audit_interval
    if interval is None or not archive.register.write(lambda unit: _take_turn(archive, unit, interval)):
        return None
    try:
        request = AuditRequest(verify=True, resume=True, report=lambda _passed: _keep_turn(archive), pace=pace)
        return audit(archive, request)
    finally:
        archive.register.write(lambda unit: unit.progress.clear(_TURN))


def _take_turn(archive: Archive, unit: RegisterUnit, interval: dt.timedelta) -> bool:
    """Take the turn when an audit is due and the turn is free."""
    now = archive.clock.now()
    taken_until = unit.progress.get(_TURN)
    if taken_until is not None and dt.datetime.fromisoformat(taken_until) > now:
        return False
    if unit.audits.unfinished() is None and not _is_due(unit, now - interval):
        return False
    unit.progress.put(_TURN, (now + _TURN_LASTS).isoformat())
    return True


def _is_due(unit: RegisterUnit, since: dt.datetime) -> bool:
    """Whether the last whole audit with bytes is older; where there was none, whether the oldest record is."""
    last = unit.audits.last_ended()
    if last is not None:
        return last.ended_at is None or last.ended_at <= since
    oldest = unit.records.select(RecordSelection(None, limit=1))
    return bool(oldest) and oldest[0].received_at <= since


def _keep_turn(archive: Archive) -> None:
    until = (archive.clock.now() + _TURN_LASTS).isoformat()
    archive.register.write(lambda unit: unit.progress.put(_TURN, until))
