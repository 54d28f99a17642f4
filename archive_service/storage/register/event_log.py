"""Rows of the log: entries that stay, payloads that may be erased, and the one head that numbers them."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Collection, Mapping, Sequence
from itertools import islice
from typing import Any

from sqlalchemy import (
    Connection,
    LargeBinary,
    Row,
    Select,
    bindparam,
    delete,
    exists,
    false,
    func,
    insert,
    or_,
    select,
    update,
)

from archive_service.evidence.entry import (
    SALT_BYTES,
    end_of_entry,
    open_event,
    record_of_entry,
    seal_event,
    type_markers,
)
from archive_service.model.events import Event, EventType, LoggedEvent, SealedEntry
from archive_service.model.identifiers import RecordId
from archive_service.model.ports import Randomness
from archive_service.storage.register import tables as t
from archive_service.storage.register.event_times import EventTimes

_E = t.log_entries.c
_P = t.log_payloads.c
_H = t.log_head.c
# Made once: building a statement anew takes longer than running it.
_NUMBER = update(t.log_head).where(_H.id == 1).values(size=_H.size + bindparam("more")).returning(_H.size)
_NUMBER_AND_TIME = _NUMBER.returning(func.clock_timestamp())
_ADD_ENTRIES = insert(t.log_entries)
_ADD_PAYLOADS = insert(t.log_payloads)
_WITH_PAYLOAD = (
    select(_E.index, _E.entry, _P.payload)
    .select_from(t.log_entries.outerjoin(t.log_payloads, _P.index == _E.index))
    .order_by(_E.index)
)
_OF_RECORD = _WITH_PAYLOAD.where(_E.record_id == bindparam("of"), _E.index > bindparam("after")).limit(
    bindparam("most")
)

# Payloads deleted in one statement: databases bound how many values one may name.
_AT_ONCE = 500


class SqlLog:
    """Implements ``Log`` inside one transaction.

    Events wait until the transaction is about to commit; then the head is locked, last of all, so that indexes are
    gap-free and follow the order of commits, and no step holds the log while it does something else.
    """

    def __init__(self, connection: Connection, randomness: Randomness, times: EventTimes) -> None:
        self._connection = connection
        self._randomness = randomness
        self._times = times
        self._waiting: list[Event] = []
        self._promised: list[tuple[int, list[LoggedEvent]]] = []
        self._watching: list[Callable[[int, int], None]] = []

    def append(self, *events: Event) -> list[LoggedEvent]:
        """Let the events be written at the end of the transaction, and the list be filled then."""
        self._waiting.extend(events)
        written: list[LoggedEvent] = []
        self._promised.append((len(events), written))
        return written

    def watch(self, told: Callable[[int, int], None]) -> None:
        """Have it told, once the head is locked, how many entries there are and how many there will be."""
        self._watching.append(told)

    def flush(self) -> None:
        """Write the waiting events; the last statements before the commit. Raises Unavailable when a clock is off."""
        if not self._waiting:
            return
        # Counting and locking the head in one statement: whoever comes next waits here until this commit.
        number = _NUMBER_AND_TIME if self._has_clock else _NUMBER
        size, *now = self._connection.execute(number, {"more": len(self._waiting)}).one()
        head = size - len(self._waiting)
        for told in self._watching:
            told(head, size)
        self._times.require(self._connection, head, self._waiting, now[0] if now else None)
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
        logged = (
            LoggedEvent(head + offset, seal.entry, event)
            for offset, (event, seal) in enumerate(zip(self._waiting, sealed, strict=True))
        )
        for count, written in self._promised:
            written.extend(islice(logged, count))
        self._waiting.clear()
        self._promised.clear()

    def of_record(self, record_id: RecordId, after: int, limit: int) -> list[LoggedEvent]:
        """Return a record's events after an index, in order."""
        return self._events(_OF_RECORD, {"of": record_id, "after": after, "most": limit})

    def of_no_record(self, types: Collection[EventType], start: int, end: int) -> list[LoggedEvent]:
        """Return the events of these types about no record in a range: the database looks at the entries' ends."""
        tails = [end_of_entry(type_) for type_ in types]
        kinds = [
            func.substr(_E.entry, func.length(_E.entry) - len(tail) + 1, type_=LargeBinary) == tail for tail in tails
        ]
        among = _WITH_PAYLOAD.where(_E.record_id.is_(None), _E.index >= start, _E.index < end)
        return self._events(among.where(or_(false(), *kinds)))

    def entries(self, start: int, limit: int) -> list[LoggedEvent]:
        """Return events from an index on, in order."""
        return self._events(_WITH_PAYLOAD.where(_E.index >= start).limit(limit))

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

    def without_payload(self, indexes: Sequence[int]) -> set[int]:
        """Return those of the entries that have no payload."""
        query = select(_E.index).where(_E.index.in_(indexes), ~exists().where(_P.index == _E.index))
        return set(self._connection.execute(query).scalars())

    def restore_payload(self, sealed: SealedEntry) -> bool:
        """Write a payload and salt where the entry is the same and has none."""
        query = select(_E.entry).where(_E.index == sealed.index, ~exists().where(_P.index == _E.index))
        if self._connection.execute(query).scalar_one_or_none() != sealed.entry:
            return False
        row = {"index": sealed.index, "salt": sealed.salt, "payload": sealed.payload}
        self._connection.execute(_ADD_PAYLOADS, row)
        return True

    def erase_payloads(self, record_id: RecordId, but: Collection[EventType]) -> None:
        """Delete the payloads of the record's entries but those of some kinds."""
        markers = type_markers(but)
        query = select(_E.index, _E.entry).where(_E.record_id == record_id, exists().where(_P.index == _E.index))
        found = self._connection.execute(query)
        gone = [row[0] for row in found if not any(marker in row.entry for marker in markers)]
        for start in range(0, len(gone), _AT_ONCE):
            some = gone[start : start + _AT_ONCE]
            self._connection.execute(delete(t.log_payloads).where(_P.index.in_(some)))

    def of_kinds(self, record_ids: Collection[RecordId], kinds: Collection[EventType]) -> dict[RecordId, LoggedEvent]:
        """Return the last entry of one of these kinds about each record."""
        if not record_ids:
            return {}
        markers = type_markers(kinds)
        query = select(_E.index, _E.record_id, _E.entry).where(_E.record_id.in_(sorted(record_ids)))
        rows = self._connection.execute(query.order_by(_E.index))
        last = {row.record_id: row[0] for row in rows if any(marker in row.entry for marker in markers)}
        told = self._events(_WITH_PAYLOAD.where(_E.index.in_(sorted(last.values()))))
        by_index = {one.index: one for one in told}
        return {RecordId(record_id): by_index[index] for record_id, index in last.items()}

    def size(self) -> int:
        """Return how many entries there are."""
        return int(self._connection.execute(select(t.log_head.c.size).where(t.log_head.c.id == 1)).scalar_one())

    def database_time(self) -> dt.datetime | None:
        """Return what the database's clock shows, None where that is this host's."""
        if not self._has_clock:
            return None
        now: dt.datetime = self._connection.execute(select(func.clock_timestamp())).scalar_one()
        return now

    @property
    def _has_clock(self) -> bool:
        return self._connection.dialect.name == "postgresql"

    def _events(self, query: Select[Any], values: Mapping[str, Any] | None = None) -> list[LoggedEvent]:
        return [_logged(row) for row in self._connection.execute(query, values)]


def _logged(row: Row[Any]) -> LoggedEvent:
    event = open_event(row.entry, row.payload) if row.payload is not None else None
    return LoggedEvent(index=row[0], entry=row.entry, event=event)
