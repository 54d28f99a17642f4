"""Time-stamped batches of the log: what was stamped together, and the tokens that authorities owe or gave."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class TimestampBatch:
    """A hash tree that was, or is to be, stamped (archive_service/evidence/hash_tree.py).

    It holds the records deposited by log entries ``first_entry`` ≤ index < ``end_entry``; a batch that only renews
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
