"""Rows of deposits in progress."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, Row, bindparam, delete, false, insert, select, update

from archive_service.model.identifiers import (
    Identifier,
    IdentifierScheme,
    OfficeCode,
    RecordId,
    ResultTypeCode,
)
from archive_service.model.units.reservations import Reservation
from archive_service.storage.register import tables as t

_C = t.reservations.c
_OF_KEY = (_C.caller == bindparam("of_caller"), _C.key == bindparam("of_key"))
# Made once: building a statement anew takes longer than running it.
_FIND = select(t.reservations).where(*_OF_KEY).with_for_update()
_CLAIM = insert(t.reservations)
_ANSWER = (
    update(t.reservations)
    .where(*_OF_KEY, _C.record_id == bindparam("of_record"), _C.answered == false())
    .values(answered=True)
)
_PENDING = select(t.reservations).where(
    _C.content_sha256 == bindparam("content_sha256"),
    _C.result_type == bindparam("result_type"),
    # Written as the index has it: SQLite does not see that "answered IS 0" is the same, and reads every claim.
    _C.answered == false(),
    _C.lease_until > bindparam("now"),
)


class SqlReservations:
    """Implements ``Reservations`` inside one transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def find(self, caller: str, key: str) -> Reservation | None:
        """Return the claim, its row locked: two requests with one key take turns."""
        row = self._connection.execute(_FIND, {"of_caller": caller, "of_key": key}).one_or_none()
        return _reservation(row) if row is not None else None

    def claim(self, reservation: Reservation) -> None:
        """Write the claim."""
        identifiers = [[str(i.scheme), i.number] for i in reservation.identifiers]
        self._connection.execute(
            _CLAIM,
            {
                "caller": reservation.caller,
                "key": reservation.key,
                "record_id": reservation.record_id,
                "request_sha256": reservation.request_sha256,
                "content_sha256": reservation.content_sha256,
                "result_type": reservation.result_type,
                "identifiers": json.dumps(identifiers),
                "office": reservation.office,
                "salt": reservation.salt,
                "received_at": reservation.received_at,
                "lease_until": reservation.lease_until,
                "answered": reservation.answered,
            },
        )

    def renew(self, caller: str, key: str, lease_until: dt.datetime) -> None:
        """Let an unanswered claim live on."""
        self._connection.execute(
            update(t.reservations)
            .where(_C.caller == caller, _C.key == key, _C.answered.is_(False))
            .values(lease_until=lease_until)
        )

    def answer(self, caller: str, key: str, record_id: RecordId) -> bool:
        """Mark the claim as answered, its row locked; return whether it waited for that."""
        told = {"of_caller": caller, "of_key": key, "of_record": record_id}
        return self._connection.execute(_ANSWER, told).rowcount == 1

    def release(self, caller: str, key: str) -> None:
        """Free the key unless its record was written."""
        self._connection.execute(
            delete(t.reservations).where(_C.caller == caller, _C.key == key, _C.answered.is_(False))
        )

    def erase(self, record_id: RecordId) -> None:
        """Delete the row."""
        self._connection.execute(delete(t.reservations).where(_C.record_id == record_id))

    def of_records(self, record_ids: Sequence[RecordId]) -> list[Reservation]:
        """Return the claims to the record ids."""
        rows = self._connection.execute(select(t.reservations).where(_C.record_id.in_(record_ids)))
        return [_reservation(row) for row in rows]

    def pending_for(self, content_sha256: str, result_type: ResultTypeCode, now: dt.datetime) -> list[Reservation]:
        """Return live unanswered claims for the bytes and type."""
        rows = self._connection.execute(
            _PENDING, {"content_sha256": content_sha256, "result_type": result_type, "now": now}
        )
        return [_reservation(row) for row in rows]


def _reservation(row: Row[Any]) -> Reservation:
    return Reservation(
        caller=row.caller,
        key=row.key,
        record_id=RecordId(row.record_id),
        request_sha256=row.request_sha256,
        content_sha256=row.content_sha256,
        result_type=ResultTypeCode(row.result_type),
        identifiers=tuple(Identifier(IdentifierScheme(s), n) for s, n in json.loads(row.identifiers)),
        office=OfficeCode(row.office),
        salt=row.salt,
        received_at=row.received_at,
        lease_until=row.lease_until,
        answered=row.answered,
    )
