"""One piece of the archive's own evidence: found in the store, read, judged, and judged again before it is told.

Not a step itself: ``evidence`` lets everything be looked at, by what ``published_log`` and ``kept_evidence`` say of it.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from archive_service.errors import ArchiveError, IntegrityFailure, NotFound
from archive_service.lifecycle.marks import digest_in_store, oldest, read_small
from archive_service.model.archive import Archive
from archive_service.model.audits import AuditFinding, AuditOutcome
from archive_service.model.ports import ObjectStore
from archive_service.model.record import ContentDigest, ObjectVersion

# Returns what is listed under a prefix, each key with its newest version first.
Find = Callable[[str], Sequence[ObjectVersion]]

# Evidence is locked anew when half of its time is over, within days: where so little is left, nobody does it, or
# somebody made it shorter.
_LEAST_PART_LEFT = 4


@dataclass(frozen=True, slots=True)
class Piece:
    """What lies under a key or prefix, as it was listed, and how it is judged: None for nothing wrong.

    ``look`` asks the register anew each time and finds the object by what it is given.
    """

    key: str
    listed: Sequence[ObjectVersion]
    look: Callable[[Find], AuditFinding | None]


class Listing:
    """Answers what is listed under prefixes that are asked for in rising order, by one pass over the store."""

    def __init__(self, store: ObjectStore, prefix: str) -> None:
        self._listed: Iterator[ObjectVersion] = store.list_under(prefix)
        self._next = next(self._listed, None)

    def under(self, prefix: str) -> list[ObjectVersion]:
        """Return what begins so; what comes before it is passed over."""
        found = list[ObjectVersion]()
        while self._next is not None and (self._next.key < prefix or self._next.key.startswith(prefix)):
            if self._next.key.startswith(prefix):
                found.append(self._next)
            self._next = next(self._listed, None)
        return found


@dataclass(frozen=True, slots=True)
class Reader:
    """Reads evidence as fast as the audit may. Without ``verify`` it is only asked whether the object is there."""

    archive: Archive
    verify: bool
    pace: Callable[[int], None]

    def body(self, listed: ObjectVersion) -> bytes:
        """Return the bytes of a small object. Raises IntegrityFailure when it is not small, NotFound, Unavailable."""
        self.pace(listed.stored.size_bytes)
        return read_small(self.archive.store, listed)

    def digest(self, listed: ObjectVersion) -> ContentDigest:
        """Read an object of any size and return its digest. Raises NotFound, Unavailable."""
        self.pace(listed.stored.size_bytes)
        return digest_in_store(self.archive.store, listed.key, listed.version)

    def drift(self, listed: ObjectVersion) -> AuditFinding | None:
        """Return how the object's lock differs from that of evidence, None where it does not."""
        days, now = self.archive.rules.checkpoint_lock_days, self.archive.clock.now()
        found = self.archive.store.protection_of(listed.key, listed.version)
        least = now + dt.timedelta(days=days) / _LEAST_PART_LEFT
        if found.locked_until is None or found.locked_until < least:
            until = "not at all" if found.locked_until is None else f"until {found.locked_until.isoformat()}"
            explanation = f"evidence is locked for {days} days and again when half is over, the store locks it {until}"
            return AuditFinding(AuditOutcome.DRIFT, None, explanation, listed.key)
        if self.archive.store.enforces_locks and found.mode != self.archive.rules.lock_mode:
            explanation = f"locked in mode {found.mode}, the archive's mode is {self.archive.rules.lock_mode}"
            return AuditFinding(AuditOutcome.DRIFT, None, explanation, listed.key)
        return None


def examined(archive: Archive, piece: Piece) -> AuditFinding | None:
    """Judge a piece; what is not as it should be is found, read and compared again before it is told."""
    try:
        if _seen(piece, _among(piece.listed)) is None:
            return None
        return _seen(piece, lambda prefix: list(archive.store.list_under(prefix)))
    except ArchiveError as failed:  # one that cannot be judged must not end the audit of the others
        return AuditFinding(AuditOutcome.UNREADABLE, None, failed.message.en, piece.key)


def first_version(find: Find, key: str) -> ObjectVersion | None:
    """Return the version of that very key that was put first, which is ours: objects are create-only."""
    return oldest(one for one in find(key) if one.key == key)


def missing(key: str, explanation: str = "the store does not have it") -> AuditFinding:
    """Return that an object is not there."""
    return AuditFinding(AuditOutcome.MISSING, None, explanation, key)


def mismatch(key: str, explanation: str) -> AuditFinding:
    """Return that an object is not what it should be."""
    return AuditFinding(AuditOutcome.MISMATCH, None, explanation, key)


def _seen(piece: Piece, find: Find) -> AuditFinding | None:
    try:
        return piece.look(find)
    except NotFound:
        return missing(piece.key, "it vanished between listing and reading")
    except IntegrityFailure as wrong:
        return mismatch(str(wrong.details.get("key", piece.key)), wrong.message.en)


def _among(listed: Sequence[ObjectVersion]) -> Find:
    return lambda prefix: [one for one in listed if one.key.startswith(prefix)]
