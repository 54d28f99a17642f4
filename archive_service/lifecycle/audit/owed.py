"""Which audits have no sealed paper beside their report yet.

Not a step itself: an audit that ends owes, a worker makes up for it, and whoever tells an operator asks.
"""

from __future__ import annotations

import json

from archive_service.model.audits import AuditRun
from archive_service.model.units import RegisterUnit

# Where the ids of the audits stand, oldest first.
_OWED = "audit-papers"


def owe_paper(unit: RegisterUnit, audit_id: str) -> None:
    """Let the paper of an audit be made by a worker as soon as it can be sealed."""
    unit.progress.serialise(_OWED)
    unit.progress.put(_OWED, json.dumps([*_ids(unit), audit_id]))


def settle_paper(unit: RegisterUnit, audit_id: str) -> bool:
    """Let the paper of an audit be owed no more; return whether it was until now: to one of several workers only."""
    unit.progress.serialise(_OWED)
    owed = _ids(unit)
    unit.progress.put(_OWED, json.dumps([one for one in owed if one != audit_id]))
    return audit_id in owed


def audits_owing_papers(unit: RegisterUnit) -> tuple[AuditRun, ...]:
    """Return the audits whose papers are owed, oldest first."""
    return tuple(run for audit_id in _ids(unit) if (run := unit.audits.get(audit_id)) is not None)


def _ids(unit: RegisterUnit) -> list[str]:
    return list(json.loads(unit.progress.get(_OWED) or "[]"))
