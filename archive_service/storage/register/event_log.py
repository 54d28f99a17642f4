"""Rows of the log: entries that stay, payloads that may be erased, and the one head that numbers them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, Row, Select, bindparam, insert, select, update

from archive_service.evidence.entry import SALT_BYTES, open_event, record_of_entry, seal_event
from archive_service.model.events import Event, LoggedEvent, SealedEntry
from archive_service.model.identifiers import RecordId
from archive_service.model.ports import Randomness
from archive_service.storage.register import tables as t

_E = t.log_entries.c
_P = t.log_payloads.c
_H = t.log_head.c
# Made once: building a statement anew takes longer than running it.
_NUMBER = update(t.log_head).where(_H.id == 1).values(size=_H.size + bindparam("more")).returning(_H.size)
_ADD_ENTRIES = insert(t.log_entries)
_ADD_PAYLOADS = insert(t.log_payloads)


class SqlLog:
    """Implements ``Log`` inside one transaction.

    Events wait until the transaction is about to commit; then the head is locked, last of all, so that indexes are
    gap-free and follow the order of commits, and no step holds the log while it does something else.
    """

    def __init__(self, connection: Connection, randomness: Randomness) -> None:
        self._connection = connection
        self._randomness = randomness
        self._waiting: list[Event] = []

    def append(self, *events: Event) -> None:
        """Let the events be written at the end of the transaction."""
        self._waiting.extend(events)

    def flush(self) -> None:
        """Write the waiting events; the last statement before the commit."""
        if not self._waiting:
            return
        # Counting and locking the head in one statement: whoever comes next waits here until this commit.
        head = self._connection.execute(_NUMBER, {"more": len(self._waiting)}).scalar_one() - len(self._waiting)
        sealed = [seal_event(event, self._randomness.token(SALT_BYTES)) for event in self._waiting]
        self._connection.execute(
            _ADD_ENTRIES,
            [
                {"index": head + offset, "record_id": event.record_id, "entry": seal.entry}
                for offset, (event, seal) in enumerate(zip(self._waiting, sealed, strict=True))
            ],
        )
        self._connection.execute(
            _ADD_PAYLOADS,
            [
                {"index": head + offset, "salt": seal.salt, "payload": seal.payload}
                for offset, seal in enumerate(sealed)
            ],
        )
        self._waiting.clear()

    def of_record(self, record_id: RecordId, after: int, limit: int) -> list[LoggedEvent]:
        """Return a record's events after an index, in order."""
        return self._events(_with_payload().where(_E.record_id == record_id, _E.index > after).limit(limit))

    def entries(self, start: int, limit: int) -> list[LoggedEvent]:
        """Return events from an index on, in order."""
        return self._events(_with_payload().where(_E.index >= start).limit(limit))

    def sealed(self, start: int, limit: int) -> list[SealedEntry]:
        """Return entries from an index on, in order, each with its payload and salt."""
        query = (
            select(_E.index, _E.entry, _P.payload, _P.salt)
            .select_from(t.log_entries.outerjoin(t.log_payloads, _P.index == _E.index))
            .where(_E.index >= start, _E.index < start + limit)
            .order_by(_E.index)
        )
        return [SealedEntry(*row) for row in self._connection.execute(query)]

    def entry_bytes(self, start: int, limit: int) -> list[bytes]:
        """Return the bytes of entries from an index on, in order."""
        query = select(_E.entry).where(_E.index >= start, _E.index < start + limit).order_by(_E.index)
        return list(self._connection.execute(query).scalars())

    def catch_up(self, entries: Sequence[bytes]) -> None:
        """Write entries at the end, without payloads."""
        head = self._connection.execute(_NUMBER, {"more": len(entries)}).scalar_one() - len(entries)
        self._connection.execute(
            _ADD_ENTRIES,
            [
                {"index": head + offset, "record_id": record_of_entry(entry), "entry": entry}
                for offset, entry in enumerate(entries)
            ],
        )

    def put_payload(self, sealed: SealedEntry) -> None:
        """Write a payload and its salt."""
        row = {"index": sealed.index, "salt": sealed.salt, "payload": sealed.payload}
        self._connection.execute(_ADD_PAYLOADS, row)

    def size(self) -> int:
        """Return how many entries there are."""
        return int(self._connection.execute(select(t.log_head.c.size).where(t.log_head.c.id == 1)).scalar_one())

    def _events(self, query: Select[Any]) -> list[LoggedEvent]:
        return [_logged(row) for row in self._connection.execute(query)]


def _with_payload() -> Select[Any]:
    return (
        select(_E.index, _E.entry, _P.payload)
        .select_from(t.log_entries.outerjoin(t.log_payloads, _P.index == _E.index))
        .order_by(_E.index)
    )


def _logged(row: Row[Any]) -> LoggedEvent:
    event = open_event(row.entry, row.payload) if row.payload is not None else None
    return LoggedEvent(index=row[0], entry=row.entry, event=event)
