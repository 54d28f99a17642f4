"""Rows of the reports of signatures."""

from __future__ import annotations

from sqlalchemy import Connection, bindparam, delete, select, update

from archive_service.model.identifiers import RecordId
from archive_service.model.record import ContentDigest, ObjectVersion
from archive_service.model.signature_json import KeptReport
from archive_service.model.signatures import SignatureVerdict
from archive_service.storage.register import tables as t
from archive_service.storage.register.rows import insert_absent

_C = t.signature_reports.c
# Made once: building a statement anew takes longer than running it.
_OF_RECORD = select(t.signature_reports).where(_C.record_id == bindparam("record"))


class SqlSignatureReports:
    """Implements ``SignatureReports`` inside one transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def add(self, record_id: RecordId, report: KeptReport) -> None:
        """Write the row; one that is there stays."""
        stored = report.stored
        insert_absent(
            self._connection,
            t.signature_reports,
            {
                "record_id": record_id,
                "verdict": str(report.verdict),
                "object_key": stored.key,
                "object_version": stored.version,
                "size_bytes": stored.stored.size_bytes,
                "sha256": stored.stored.sha256,
                "sha512": stored.stored.sha512,
            },
        )

    def set_object_version(self, record_id: RecordId, stored: ObjectVersion) -> None:
        """Name another version of the same bytes."""
        self._connection.execute(
            update(t.signature_reports)
            .where(_C.record_id == record_id, _C.object_key == stored.key)
            .values(object_version=stored.version)
        )

    def erase(self, record_id: RecordId) -> None:
        """Delete the row."""
        self._connection.execute(delete(t.signature_reports).where(_C.record_id == record_id))

    def get(self, record_id: RecordId) -> KeptReport | None:
        """Return the report of the record."""
        row = self._connection.execute(_OF_RECORD, {"record": record_id}).one_or_none()
        if row is None:
            return None
        digest = ContentDigest(row.size_bytes, row.sha256, row.sha512)
        stored = ObjectVersion(row.object_key, row.object_version, digest, None)
        return KeptReport(SignatureVerdict(row.verdict), stored)
