"""What the register says of the objects under its records: their digests, and which version holds each.

Read from the rows that a backup has just written, streamed and joined in the order of keys: of one record at a time
its original, the versions of its metadata, its renditions, and the report of its signatures.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from archive_service.model.identifiers import RecordId
from archive_service.model.metadata_json import metadata_from_json
from archive_service.model.objects import RECORDS, metadata_object, record_of
from archive_service.model.record import ContentDigest, MetadataVersion, RecordState
from archive_service.storage.backup_rows import row_of

# Rows beside those of records, each a table whose key begins with the record.
_BESIDE = ("metadata_versions", "renditions", "signature_reports")


@dataclass(frozen=True, slots=True)
class RecordedObject:
    """The digest that an object must have, and its version; an empty one is decided and perhaps not put yet."""

    digest: ContentDigest
    version: str


class Recorded:
    """Answers for keys under records, asked in rising order, what the register says; tells those never asked for."""

    def __init__(self, lines: Mapping[str, Iterator[bytes]], missing: Callable[[str], None]) -> None:
        """``lines`` are the rows of each table; ``missing`` is told every key that is not asked for and should be."""
        self._rows = map(row_of, lines["records"])
        # A register of an earlier schema has not all of these tables.
        self._beside = {name: _OfRecords(map(row_of, lines[name])) for name in _BESIDE if name in lines}
        self._missing = missing
        self._next = next(self._rows, None)
        self._at: str | None = None
        self._expected: dict[str, RecordedObject] = {}

    def find(self, key: str) -> RecordedObject | None:
        """Return what the register says of the object, None where it says nothing."""
        if not key.startswith(RECORDS):
            return None
        record_id = record_of(key)
        if record_id != self._at:
            self._tell_missing()
            while self._next is not None and self._next["id"] < record_id:
                self._expected = self._taken(self._next)
                self._tell_missing()
            self._at = record_id
            if self._next is not None and self._next["id"] == record_id:
                self._expected = self._taken(self._next)
        return self._expected.pop(key, None)

    def end(self) -> None:
        """Tell of everything that is left."""
        self._tell_missing()
        while self._next is not None:
            self._expected = self._taken(self._next)
            self._tell_missing()

    def _tell_missing(self) -> None:
        for key, one in sorted(self._expected.items()):
            if one.version:
                self._missing(key)
        self._expected = {}

    def _taken(self, row: dict[str, Any]) -> dict[str, RecordedObject]:
        """Return what the register says of every object of a record, and go on to the next record."""
        self._next = next(self._rows, None)
        beside = {name: rows.of(row["id"]) for name, rows in self._beside.items()}
        if row["state"] == RecordState.DISPOSED:
            return {}
        stored = ContentDigest(row["stored_size_bytes"], row["stored_sha256"], row["stored_sha512"])
        found = {row["object_key"]: RecordedObject(stored, row["object_version"])}
        for version in beside.get("metadata_versions", []):
            found |= _described(version, row)
        for derived in (*beside.get("renditions", []), *beside.get("signature_reports", [])):
            found[derived["object_key"]] = RecordedObject(_digest(derived), derived["object_version"])
        return found


def _described(version: dict[str, Any], record: dict[str, Any]) -> dict[str, RecordedObject]:
    """Return a version of the metadata: no digest of it is kept, but its bytes follow from the rows."""
    made = metadata_object(
        MetadataVersion(
            record_id=RecordId(version["record_id"]),
            version=version["version"],
            metadata=metadata_from_json(json.loads(version["metadata"])),
            salt=version["salt"],
            object_version=version["object_version"],
            actor=version["actor"],
            reason=version["reason"],
            recorded_at=version["recorded_at"],
        ),
        _digest(record),
        record["page_count"],
    )
    return {made.key: RecordedObject(made.digest, version["object_version"])}


def _digest(row: dict[str, Any]) -> ContentDigest:
    return ContentDigest(row["size_bytes"], row["sha256"], row["sha512"])


class _OfRecords:
    """Gives the rows of one record after another, asked in rising order."""

    def __init__(self, rows: Iterator[dict[str, Any]]) -> None:
        self._rows = rows
        self._next = next(rows, None)

    def of(self, record_id: str) -> list[dict[str, Any]]:
        found = []
        while self._next is not None and self._next["record_id"] <= record_id:
            if self._next["record_id"] == record_id:
                found.append(self._next)
            self._next = next(self._rows, None)
        return found
