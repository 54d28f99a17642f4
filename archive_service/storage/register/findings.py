"""Rows of findings."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, Row, bindparam, delete, insert, select, update

from archive_service.model.findings import Finding, FindingCode, Outcome, RecordedFinding
from archive_service.model.identifiers import OfficeCode, RecordId
from archive_service.model.policy import FindingPolicy
from archive_service.storage.register import tables as t

_C = t.findings.c
# Made once: building a statement anew takes longer than running it.
_OF_RECORD = select(t.findings).where(_C.record_id == bindparam("record")).order_by(_C.id)


class SqlFindings:
    """Implements ``Findings`` inside one transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def add(self, record_id: RecordId, findings: Sequence[Finding], policy: FindingPolicy, now: dt.datetime) -> None:
        """Record findings; one that is still open with the same code is not doubled. The record's row is locked."""
        if not findings:
            return
        self._connection.execute(select(t.records.c.id).where(t.records.c.id == record_id).with_for_update())
        open_codes = {f.finding.code for f in self.of_record(record_id) if f.resolved_at is None}
        for finding in findings:
            if finding.code in open_codes:
                continue
            self._connection.execute(
                insert(t.findings),
                {
                    "record_id": record_id,
                    "code": str(finding.code),
                    "detail": json.dumps(dict(finding.detail), ensure_ascii=False),
                    "outcome": str(policy.outcome_of(finding)),
                    "found_at": now,
                },
            )

    def get(self, finding_id: int) -> RecordedFinding | None:
        """Return one finding, its row locked."""
        row = self._connection.execute(select(t.findings).where(_C.id == finding_id).with_for_update()).one_or_none()
        return _finding(row) if row is not None else None

    def of_record(self, record_id: RecordId) -> list[RecordedFinding]:
        """Return every finding of the record, oldest first."""
        rows = self._connection.execute(_OF_RECORD, {"record": record_id})
        return [_finding(row) for row in rows]

    def open_in(self, offices: frozenset[OfficeCode] | None, after: int, limit: int) -> list[RecordedFinding]:
        """Return one page of unresolved findings in id order."""
        query = select(t.findings).where(_C.resolved_at.is_(None), _C.id > after).order_by(_C.id).limit(limit)
        if offices is not None:
            query = query.join(t.records, t.records.c.id == _C.record_id).where(t.records.c.office.in_(sorted(offices)))
        return [_finding(row) for row in self._connection.execute(query)]

    def erase(self, record_id: RecordId) -> None:
        """Delete the rows."""
        self._connection.execute(delete(t.findings).where(_C.record_id == record_id))

    def resolve(self, finding_id: int, actor: str, resolution: str, now: dt.datetime) -> None:
        """Close the finding."""
        self._connection.execute(
            update(t.findings)
            .where(_C.id == finding_id)
            .values(resolved_at=now, resolved_by=actor, resolution=resolution)
        )


def _finding(row: Row[Any]) -> RecordedFinding:
    return RecordedFinding(
        id=row.id,
        record_id=RecordId(row.record_id),
        finding=Finding(FindingCode(row.code), json.loads(row.detail)),
        outcome=Outcome(row.outcome),
        found_at=row.found_at,
        resolved_at=row.resolved_at,
        resolved_by=row.resolved_by,
        resolution=row.resolution,
    )
