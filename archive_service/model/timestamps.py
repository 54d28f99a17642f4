"""Time-stamped batches of the log, the tokens that authorities owe or gave, and the port to their rows."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class TimestampBatch:
    """A hash tree that was, or is to be, stamped (archive_service/evidence/hash_tree.py).

    It holds the documents that log entries ``first_entry`` ≤ index < ``end_entry`` commit to; a batch that only renews
    has an empty range. ``groups`` are the kept hashes of all its groups. ``renews`` is JSON, see
    archive_service/evidence/lines.py. ``id`` is 0 until it is written.
    """

    first_entry: int
    end_entry: int
    checkpoint_size: int
    algorithm: str
    root: bytes
    groups: bytes
    made_at: dt.datetime
    renews: str | None = None
    id: int = 0


@dataclass(frozen=True, slots=True)
class TimestampToken:
    """What one authority owes a batch (``token`` is None) or gave it (DER ContentInfo).

    ``expires_at`` is the end of its signer's certificate, by which it must be renewed; ``renewed_by`` the batch that
    did. ``due_at`` is when the authority is asked next, ``problem`` why it could not be had so far.
    """

    batch_id: int
    authority: str
    token: bytes | None
    stamped_at: dt.datetime | None
    expires_at: dt.datetime | None
    renewed_by: int | None
    problem: str | None
    attempts: int
    due_at: dt.datetime


@dataclass(frozen=True, slots=True)
class AuthorityState:
    """How it stands with one authority, over all batches."""

    authority: str
    stamped: int
    owed: int
    oldest_owed_at: dt.datetime | None
    last_stamped_at: dt.datetime | None
    expires_at: dt.datetime | None
    problem: str | None


class Timestamps(Protocol):
    """Batches of the log that are stamped, and their tokens. Every method takes part in its unit's transaction."""

    def take_turn(self) -> None:
        """Let no other transaction make a batch until this one ends."""
        ...

    def newest(self) -> TimestampBatch | None:
        """Return the batch that reaches furthest into the log, its groups left out."""
        ...

    def add(self, batch: TimestampBatch, authorities: Sequence[str], due_at: dt.datetime) -> int:
        """Write a new batch, owed by each of the authorities; return its number."""
        ...

    def last_made_at(self) -> dt.datetime | None:
        """Return when the last batch of any kind was made."""
        ...

    def get(self, batch_id: int, *, groups: bool = True) -> TimestampBatch | None:
        """Return one batch, its groups left out where they are not asked for."""
        ...

    def containing(self, entry: int) -> TimestampBatch | None:
        """Return the batch whose range of log entries holds that index."""
        ...

    def ranges(self, after: int, limit: int) -> list[TimestampBatch]:
        """Return one page of the batches that hold log entries, by number, groups left out."""
        ...

    def numbers(self, after: int, limit: int) -> list[int]:
        """Return one page of the numbers of all batches, smallest first."""
        ...

    def hash_tree_renewals(self, batch_id: int) -> list[TimestampBatch]:
        """Return the batches that renew the hash tree of that one, oldest first, groups left out."""
        ...

    def tokens(self, batch_id: int) -> list[TimestampToken]:
        """Return what each authority owes or gave a batch, by name."""
        ...

    def any_owed(self, authorities: Sequence[str], now: dt.datetime) -> bool:
        """Whether one of the authorities owes a token that is due: asked often, so it only reads."""
        ...

    def claim_owed(
        self, authorities: Sequence[str], now: dt.datetime, lease_until: dt.datetime
    ) -> TimestampToken | None:
        """Take the owed and due token of one of the authorities that was asked for least often, None for none.

        Its tries become one more than those of any token that the authority owes, so that they tell how often in a row
        it was asked in vain. No two workers get the same token, and after the lease others may take it.
        """
        ...

    def stamped(
        self, batch_id: int, authority: str, token: bytes, stamped_at: dt.datetime, expires_at: dt.datetime
    ) -> bool:
        """Write the token that was owed; return False, and change nothing, where there is one already.

        Whatever else the authority owes is due at once: it answers again.
        """
        ...

    def stamped_since(self, instant: dt.datetime) -> list[TimestampToken]:
        """Return the tokens that state a later time, by batch and authority."""
        ...

    def restore(self, batch: TimestampBatch, tokens: Sequence[TimestampToken]) -> bool:
        """Write a batch under its own number, and tokens, where they are not there; return whether anything was.

        Nothing happens where the number is another batch's.
        """
        ...

    def failed(self, batch_id: int, authority: str, problem: str, due_at: dt.datetime) -> None:
        """Say why a token could not be had, and when to ask again; the authority is asked for nothing else before."""
        ...

    def expiring(self, before: dt.datetime) -> list[TimestampToken]:
        """Return tokens that end before then and were not renewed, oldest batch first."""
        ...

    def latest_expiry(self) -> dt.datetime | None:
        """Return the latest end of any token's certificate: what a renewal can gain."""
        ...

    def set_renewed(self, batch_id: int, authority: str, by: int) -> None:
        """Say which batch renewed a token; the first one stays."""
        ...

    def states(self) -> list[AuthorityState]:
        """Return how it stands with each authority, by name."""
        ...
