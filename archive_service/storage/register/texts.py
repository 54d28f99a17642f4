"""Rows of words, and of where the words stand on their pages while somebody still needs to know."""

from __future__ import annotations

import base64
import dataclasses
import datetime as dt
import json
import zlib
from collections.abc import Sequence

from sqlalchemy import Connection, delete, select, update

from archive_service.model.identifiers import RecordId
from archive_service.model.record import DocumentText, PageText, TextSource
from archive_service.storage.register import tables as t
from archive_service.storage.register.rows import upsert


class SqlTexts:
    """Implements ``Texts``: the words of a record as compressed JSON."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def put(self, record_id: RecordId, words: DocumentText, now: dt.datetime) -> None:
        """Keep the words, replacing earlier ones; the record has changed, for the index holds its words."""
        pages = [[p.number, p.text, str(p.source), p.confidence] for p in words.pages]
        # Level 3: Vietnamese text shrinks to about 40 %, at a tenth of the time of the default level.
        packed = zlib.compress(json.dumps(pages, ensure_ascii=False).encode(), 3)
        upsert(self._connection, t.texts, {"record_id": record_id, "pages": packed, "read_at": now})
        self._connection.execute(update(t.records).where(t.records.c.id == record_id).values(changed_at=now))
        places = {p.number: base64.b64encode(p.places).decode() for p in words.pages if p.places is not None}
        if places:
            row = {"record_id": record_id, "pages": zlib.compress(json.dumps(places).encode(), 3)}
            upsert(self._connection, t.word_places, row)
        else:
            self.forget_places(record_id)

    def with_places(self, record_id: RecordId) -> DocumentText | None:
        """Return the words of the record, each page with its places where these are kept."""
        words = self.get(record_id)
        query = select(t.word_places.c.pages).where(t.word_places.c.record_id == record_id)
        packed = self._connection.execute(query).scalar_one_or_none()
        if words is None or packed is None:
            return words
        kept = {int(number): base64.b64decode(places) for number, places in json.loads(zlib.decompress(packed)).items()}
        return DocumentText(tuple(dataclasses.replace(p, places=kept.get(p.number)) for p in words.pages))

    def forget_places(self, record_id: RecordId) -> None:
        """Delete where the words stand."""
        self._connection.execute(delete(t.word_places).where(t.word_places.c.record_id == record_id))

    def erase(self, record_id: RecordId) -> None:
        """Delete the words of the record and their places."""
        self._connection.execute(delete(t.texts).where(t.texts.c.record_id == record_id))
        self.forget_places(record_id)

    def get(self, record_id: RecordId) -> DocumentText | None:
        """Return the words of the record."""
        return self.get_many([record_id]).get(record_id)

    def get_many(self, record_ids: Sequence[RecordId]) -> dict[RecordId, DocumentText]:
        """Return the words of those records that have any."""
        rows = self._connection.execute(select(t.texts).where(t.texts.c.record_id.in_(record_ids)))
        return {RecordId(row.record_id): _words(row.pages) for row in rows}


def _words(packed: bytes) -> DocumentText:
    pages = json.loads(zlib.decompress(packed))
    return DocumentText(tuple(PageText(n, words, TextSource(source), c) for n, words, source, c in pages))
