"""Rows of renditions: copies beside the originals."""

from __future__ import annotations

import datetime as dt
from typing import Any

from sqlalchemy import Connection, Row, delete, insert, select, update

from archive_service.model.identifiers import RecordId
from archive_service.model.record import ContentDigest, ObjectVersion
from archive_service.model.sealing import Rendition, RenditionKind
from archive_service.storage.register import tables as t

_C = t.renditions.c


class SqlRenditions:
    """Implements ``Renditions`` inside one transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def add(self, rendition: Rendition) -> None:
        """Write the row."""
        self._connection.execute(
            insert(t.renditions).values(
                record_id=rendition.record_id,
                kind=str(rendition.kind),
                number=rendition.number,
                object_key=rendition.object.key,
                object_version=rendition.object.version,
                size_bytes=rendition.content.size_bytes,
                sha256=rendition.content.sha256,
                sha512=rendition.content.sha512,
                locked_until=rendition.object.locked_until,
                made_at=rendition.made_at,
            )
        )

    def of_record(self, record_id: RecordId, kind: RenditionKind | None = None) -> list[Rendition]:
        """Return the record's renditions."""
        query = select(t.renditions).where(_C.record_id == record_id).order_by(_C.kind, _C.number)
        if kind is not None:
            query = query.where(_C.kind == str(kind))
        return [_rendition(row) for row in self._connection.execute(query)]

    def set_object_version(self, record_id: RecordId, stored: ObjectVersion) -> None:
        """Name the version that holds the rendition of that key."""
        self._connection.execute(
            update(t.renditions)
            .where(_C.record_id == record_id, _C.object_key == stored.key)
            .values(object_version=stored.version)
        )

    def set_lock(self, record_id: RecordId, locked_until: dt.datetime) -> None:
        """Write the lock beside each of them."""
        self._connection.execute(
            update(t.renditions).where(_C.record_id == record_id).values(locked_until=locked_until)
        )

    def erase(self, record_id: RecordId) -> None:
        """Delete the rows."""
        self._connection.execute(delete(t.renditions).where(_C.record_id == record_id))


def _rendition(row: Row[Any]) -> Rendition:
    content = ContentDigest(row.size_bytes, row.sha256, row.sha512)
    return Rendition(
        record_id=RecordId(row.record_id),
        kind=RenditionKind(row.kind),
        number=row.number,
        content=content,
        object=ObjectVersion(row.object_key, row.object_version, content, row.locked_until),
        made_at=row.made_at,
    )
