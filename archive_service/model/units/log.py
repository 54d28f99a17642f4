"""The ports to the log: its entries, its tree, what was signed of it and with which keys.

Every method takes part in the transaction it was reached through; none commits.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from archive_service.model.events import Event, EventType, LoggedEvent, SealedEntry
from archive_service.model.identifiers import RecordId


class Log(Protocol):
    """The one log of everything that happens: append-only, gap-free, in commit order."""

    def append(self, *events: Event) -> list[LoggedEvent]:
        """Add events; they get the next indexes when the transaction commits, and stand in the list from then on."""
        ...

    def watch(self, told: Callable[[int, int], None]) -> None:
        """Have it told, where events are added, how many entries there are before them and with them.

        It is told while nobody else can write; what it raises undoes the transaction.
        """
        ...

    def of_record(self, record_id: RecordId, after: int, limit: int) -> list[LoggedEvent]:
        """Return one page of a record's events, in index order."""
        ...

    def of_no_record(self, types: Collection[EventType], start: int, end: int) -> list[LoggedEvent]:
        """Return the events of these types that are about no record, with ``start`` ≤ index < ``end``, in order."""
        ...

    def entries(self, start: int, limit: int) -> list[LoggedEvent]:
        """Return entries from index ``start`` on, in order."""
        ...

    def sealed(self, start: int, limit: int) -> list[SealedEntry]:
        """Return entries from index ``start`` on, in order, each with what it commits to."""
        ...

    def entry_bytes(self, start: int, limit: int) -> list[bytes]:
        """Return the exact bytes of entries from index ``start`` on, in order, without their payloads."""
        ...

    def catch_up(self, entries: Sequence[bytes]) -> None:
        """Write entries of this very log that a restored register lacks, at the end, without payloads."""
        ...

    def database_time(self) -> dt.datetime | None:
        """Return what the database's own clock shows, None where it has none but this host's."""
        ...

    def without_payload(self, indexes: Sequence[int]) -> set[int]:
        """Return those of the entries that are there and whose payload is not."""
        ...

    def restore_payload(self, sealed: SealedEntry) -> bool:
        """Give an entry what it commits to, where this very entry is there without; return whether it was.

        The caller has checked that the entry commits to it.
        """
        ...

    def erase_payloads(self, record_id: RecordId, but: Collection[EventType]) -> None:
        """Erase what the record's entries commit to, but for entries of some kinds; the entries stay. Idempotent."""
        ...

    def of_kinds(self, record_ids: Collection[RecordId], kinds: Collection[EventType]) -> dict[RecordId, LoggedEvent]:
        """Return the last entry of one of these kinds about each of the records that has one: asked in bulk."""
        ...

    def size(self) -> int:
        """Return how many entries there are."""
        ...


@dataclass(frozen=True, slots=True)
class SignedCheckpoint:
    """A tree that the log stands by: its size, 32-byte root and signed note; ``published_at`` once in the store."""

    size: int
    root: bytes
    note: str
    made_at: dt.datetime
    published_at: dt.datetime | None = None


@dataclass(frozen=True, slots=True)
class LogKey:
    """A key of the log as others check with it (a vkey), and when it began and ended to sign."""

    verifier_key: str
    added_at: dt.datetime
    retired_at: dt.datetime | None = None


class LogTree(Protocol):
    """The log's tree in tiles of hashes, what was signed of it, and with which keys."""

    def take_turn(self) -> None:
        """Let no other transaction change the tree until this one ends."""
        ...

    def integrated(self) -> int:
        """Return how many entries are in the tree."""
        ...

    def hashes(self, level: int, tile: int) -> bytes:
        """Return the hashes of a tile so far, one after another; nothing for a tile that is not there."""
        ...

    def put(self, tiles: Mapping[tuple[int, int], bytes]) -> None:
        """Write tiles, by (level, number), with all their hashes."""
        ...

    def add_checkpoint(self, checkpoint: SignedCheckpoint) -> None:
        """Write a new checkpoint, larger than every one before."""
        ...

    def newest(self, *, published: bool = False, cosigned: bool = False) -> SignedCheckpoint | None:
        """Return the largest checkpoint; of those in the store, and of those that a witness signed, when asked."""
        ...

    def checkpoint(self, size: int) -> SignedCheckpoint | None:
        """Return the checkpoint of exactly that size."""
        ...

    def before(self, size: int) -> SignedCheckpoint | None:
        """Return the largest checkpoint that is smaller than that size."""
        ...

    def signed_roots(self, after: int, limit: int) -> list[tuple[int, bytes]]:
        """Return size and root of checkpoints larger than ``after``, smallest first."""
        ...

    def unpublished(self, limit: int) -> list[SignedCheckpoint]:
        """Return checkpoints that are not in the store yet, smallest first."""
        ...

    def mark_published(self, size: int, now: dt.datetime) -> None:
        """Say that the checkpoint of that size is in the store; when that was said first stands."""
        ...

    def add_cosignature(self, size: int, key_name: str, line: str, now: dt.datetime) -> None:
        """Keep a witness's signature line on the checkpoint of that size, in place of an earlier one of the same."""
        ...

    def cosignatures(self, size: int) -> list[str]:
        """Return the witnesses' signature lines on the checkpoint of that size, by name."""
        ...

    def last_cosigned(self) -> dict[str, int]:
        """Return the size of the largest checkpoint that each witness signed, by the name of its key."""
        ...

    def all_keys(self) -> list[LogKey]:
        """Return every key that signs or has signed, oldest first."""
        ...

    def put_key(self, key: LogKey) -> None:
        """Write a key, or when it was retired."""
        ...
