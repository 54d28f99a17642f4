"""Deposits in progress: their claims to record ids, and the port to their rows.

Every method takes part in the transaction it was reached through; none commits.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from archive_service.model.identifiers import Identifier, OfficeCode, RecordId, ResultTypeCode


@dataclass(frozen=True, slots=True)
class Reservation:
    """A deposit's claim to a record id, by caller and idempotency key. ``answered`` once the record is written.

    ``salt`` and ``received_at`` are fixed here, so that a deposit that is taken up again after a kill writes the very
    same bytes into the store.
    """

    caller: str
    key: str
    record_id: RecordId
    request_sha256: str
    content_sha256: str
    result_type: ResultTypeCode
    identifiers: tuple[Identifier, ...]
    office: OfficeCode
    salt: bytes
    received_at: dt.datetime
    lease_until: dt.datetime
    answered: bool = False


class Reservations(Protocol):
    """Deposits in progress, and the keys of finished ones."""

    def find(self, caller: str, key: str) -> Reservation | None:
        """Return the claim of that caller's key, and keep others from changing it: asked for within ``write`` only."""
        ...

    def claim(self, reservation: Reservation) -> None:
        """Write the claim of that caller's key. Of two that meet, the second is run again and finds the first."""
        ...

    def renew(self, caller: str, key: str, lease_until: dt.datetime) -> None:
        """Let an unanswered claim live on: its deposit is taken up again."""
        ...

    def answer(self, caller: str, key: str, record_id: RecordId) -> bool:
        """Mark the claim as answered, for its record is written in the same transaction; return whether that is so.

        False: there is no such claim to that record any more, or it was answered before. Nothing is changed then.
        """
        ...

    def release(self, caller: str, key: str) -> None:
        """Free the key: nothing was stored under it."""
        ...

    def erase(self, record_id: RecordId) -> None:
        """Forget the claim to a record that was disposed of: its key is free, and no identifier is left. Idempotent."""
        ...

    def of_records(self, record_ids: Sequence[RecordId]) -> list[Reservation]:
        """Return the claims to these record ids, answered or not."""
        ...

    def pending_for(self, content_sha256: str, result_type: ResultTypeCode, now: dt.datetime) -> list[Reservation]:
        """Return unanswered claims, whose lease has not run out, for those bytes and that type."""
        ...
