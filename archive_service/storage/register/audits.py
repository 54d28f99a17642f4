"""Rows of audit runs."""

from __future__ import annotations

import datetime as dt
import json
from typing import Any

from sqlalchemy import Connection, Row, select

from archive_service.model.audits import AuditFinding, AuditOutcome, AuditPhase, AuditRun, AuditScope
from archive_service.model.identifiers import OfficeCode, RecordId
from archive_service.storage.register import tables as t
from archive_service.storage.register.rows import upsert

_A = t.audit_runs.c


class SqlAudits:
    """Implements ``Audits`` inside one transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def put(self, run: AuditRun) -> None:
        """Write where the run stands."""
        upsert(
            self._connection,
            t.audit_runs,
            {
                "id": run.id,
                "scope": json.dumps(_scope_values(run)),
                "seed": run.scope.seed,
                "state": str(run.phase),
                "position": run.position or "",
                "counts": json.dumps(_found_values(run), ensure_ascii=False),
                "started_at": run.started_at,
                "ended_at": run.ended_at,
                "report_sha256": run.report_sha256,
            },
        )

    def get(self, audit_id: str) -> AuditRun | None:
        """Return the run of that id."""
        row = self._connection.execute(select(t.audit_runs).where(_A.id == audit_id)).one_or_none()
        return _run(row) if row is not None else None

    def unfinished(self) -> AuditRun | None:
        """Return the latest run, when it has not ended."""
        latest = self._connection.execute(select(t.audit_runs).order_by(_A.started_at.desc()).limit(1)).one_or_none()
        return _run(latest) if latest is not None and latest.report_sha256 is None else None

    def last_ended(self) -> AuditRun | None:
        """Return the latest run over everything, with its bytes, that has ended."""
        query = select(t.audit_runs).where(_A.report_sha256.is_not(None)).order_by(_A.started_at.desc())
        runs = map(_run, self._connection.execute(query))
        return next((one for one in runs if one.is_whole), None)


def _scope_values(run: AuditRun) -> dict[str, Any]:
    scope = run.scope
    return {
        "offices": sorted(scope.offices) if scope.offices is not None else None,
        "received_from": scope.received_from.isoformat() if scope.received_from else None,
        "received_to": scope.received_to.isoformat() if scope.received_to else None,
        "share": scope.share,
        "verify": run.verify,
    }


def _found_values(run: AuditRun) -> dict[str, Any]:
    return {
        "counts": {str(outcome): count for outcome, count in run.counts.items()},
        "listed": [[str(one.outcome), one.record_id, one.explanation, one.key] for one in run.listed],
        "log_size": run.log_size,
        "log_root": run.log_root,
        "paper_owed": run.paper_owed,
    }


def _run(row: Row[Any]) -> AuditRun:
    said, found = json.loads(row.scope), json.loads(row.counts)
    return AuditRun(
        id=row.id,
        scope=AuditScope(
            offices=frozenset(map(OfficeCode, said["offices"])) if said["offices"] is not None else None,
            received_from=_day(said["received_from"]),
            received_to=_day(said["received_to"]),
            share=said["share"],
            seed=row.seed,
        ),
        verify=said["verify"],
        started_at=row.started_at,
        phase=AuditPhase(row.state),
        position=RecordId(row.position) if row.position else None,
        counts={AuditOutcome(name): count for name, count in found["counts"].items()},
        listed=tuple(
            AuditFinding(AuditOutcome(outcome), RecordId(record) if record else None, explanation, key)
            for outcome, record, explanation, key in found["listed"]
        ),
        log_size=found["log_size"],
        log_root=found["log_root"],
        ended_at=row.ended_at,
        report_sha256=row.report_sha256,
        paper_owed=found.get("paper_owed"),  # a run of an earlier version says nothing of it
    )


def _day(text: str | None) -> dt.date | None:
    return dt.date.fromisoformat(text) if text is not None else None
