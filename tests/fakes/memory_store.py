"""An ObjectStore in memory, for tests of what uses a store. It passes the contract suite."""

from __future__ import annotations

import datetime as dt
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from archive_service.errors import unavailable
from archive_service.model.ports import Clock, LockTrial, NewObject, ProofResult, Protection
from archive_service.model.record import ContentDigest, ObjectVersion
from archive_service.storage.digests import BLOCK_BYTES, digest_of
from archive_service.storage.store_answers import (
    in_whole_seconds,
    object_locked,
    object_not_found,
    require_key,
    source_differs,
    stored_differs,
)


@dataclass(frozen=True, slots=True)
class _Kept:
    content: bytes
    version: str
    locked_until: dt.datetime
    held: bool = False


class MemoryStore:
    """Keeps objects in a dictionary, obeys locks and holds by its clock, and can be told to be down."""

    def __init__(self, clock: Clock, *, enforces_locks: bool = True) -> None:
        self._clock = clock
        self._enforces_locks = enforces_locks
        self._kept: dict[str, _Kept] = {}
        self._lock = threading.RLock()
        self._next_version = 1
        self.down = False
        """While True, every call answers Unavailable."""
        self.mode: str | None = "governance"
        """The lock mode that it says every object has."""
        self.clock_off_by = dt.timedelta()
        """How far its clock runs ahead of everybody else's."""

    @property
    def enforces_locks(self) -> bool:
        """What the test wants it to say."""
        return self._enforces_locks

    def tamper(self, key: str, content: bytes) -> None:
        """Replace an object's bytes behind everyone's back, as a fault or an intruder would."""
        with self._lock:
            self._kept[key] = replace(self._kept[key], content=content)

    def lose(self, key: str) -> None:
        """Remove an object behind everyone's back."""
        with self._lock:
            del self._kept[key]

    def put(self, key: str, source: Path | bytes, digest: ContentDigest, lock_until: dt.datetime) -> ObjectVersion:
        """See ObjectStore.put."""
        require_key(key)
        content = source if isinstance(source, bytes) else source.read_bytes()
        if digest_of(content) != digest:
            raise source_differs(key)
        lock_until = in_whole_seconds(lock_until)
        with self._up():
            kept = self._kept.get(key)
            if kept is None:
                kept = _Kept(content, f"v{self._next_version}", lock_until)
                self._next_version += 1
            elif kept.content != content:
                raise stored_differs(key)
            kept = replace(kept, locked_until=max(kept.locked_until, lock_until))
            self._kept[key] = kept
            return ObjectVersion(key, kept.version, digest, kept.locked_until)

    def put_all(self, objects: Sequence[NewObject], lock_until: dt.datetime) -> tuple[ObjectVersion, ...]:
        """See ObjectStore.put_all."""
        return tuple(self.put(new.key, new.source, new.digest, lock_until) for new in objects)

    @contextmanager
    def read(self, key: str, version: str, *, start: int = 0, length: int | None = None) -> Iterator[Iterator[bytes]]:
        """See ObjectStore.read."""
        with self._up():
            content = self._existing(key, version).content
        wanted = content[start : None if length is None else start + length]
        yield (wanted[at : at + BLOCK_BYTES] for at in range(0, len(wanted), BLOCK_BYTES))

    def list_under(self, prefix: str, *, after: str = "") -> Iterator[ObjectVersion]:
        """See ObjectStore.list_under."""
        with self._up():
            found = sorted((key, kept) for key, kept in self._kept.items() if key.startswith(prefix) and key > after)
        for key, kept in found:
            yield ObjectVersion(key, kept.version, ContentDigest(len(kept.content), "", ""), None)

    def lock_of(self, key: str, version: str) -> dt.datetime | None:
        """See ObjectStore.lock_of."""
        with self._up():
            return self._existing(key, version).locked_until

    def protection_of(self, key: str, version: str) -> Protection:
        """See ObjectStore.protection_of."""
        with self._up():
            kept = self._existing(key, version)
            return Protection(kept.locked_until, self.mode, kept.held)

    def extend_lock(self, key: str, version: str, until: dt.datetime) -> dt.datetime:
        """See ObjectStore.extend_lock."""
        with self._up():
            kept = self._existing(key, version)
            later = max(kept.locked_until, in_whole_seconds(until))
            self._kept[key] = replace(kept, locked_until=later)
            return later

    def set_hold(self, key: str, version: str, held: bool) -> None:
        """See ObjectStore.set_hold."""
        with self._up():
            self._kept[key] = replace(self._existing(key, version), held=held)

    def is_held(self, key: str) -> bool:
        """Whether the object is under a hold, for assertions."""
        return self._kept[key].held

    def replace_damaged(
        self, key: str, source: Path | bytes, digest: ContentDigest, lock_until: dt.datetime
    ) -> ObjectVersion:
        """See ObjectStore.replace_damaged: there is one version, and what was damaged is kept nowhere."""
        content = source if isinstance(source, bytes) else source.read_bytes()
        if digest_of(content) != digest:
            raise source_differs(key)
        with self._up():
            kept = self._kept.get(key)
            if kept is not None:
                self._kept[key] = replace(kept, content=content)
            return self.put(key, content, digest, lock_until)

    def delete(self, key: str, version: str) -> None:
        """See ObjectStore.delete."""
        with self._up():
            kept = self._kept.get(key)
            if kept is None or kept.version != version:
                return
            if kept.held or kept.locked_until > self._clock.now() + self.clock_off_by:
                raise object_locked(key)
            del self._kept[key]

    def now(self) -> dt.datetime:
        """See ObjectStore.now: the clock it was given, as far off as the test says."""
        with self._up():
            return self._clock.now() + self.clock_off_by

    def check_ready(self) -> None:
        """See ObjectStore.check_ready."""
        with self._up():
            pass

    def prove_lock(self, now: dt.datetime) -> tuple[LockTrial, ...]:
        """See ObjectStore.prove_lock: what was asked for at construction."""
        result = ProofResult.PASSED if self._enforces_locks else ProofResult.INDETERMINATE
        return (LockTrial("enforced-by-the-store", result, "A store in memory, for tests."),)

    @contextmanager
    def _up(self) -> Iterator[None]:
        if self.down:
            raise unavailable("store")
        with self._lock:
            yield

    def _existing(self, key: str, version: str) -> _Kept:
        kept = self._kept.get(key)
        if kept is None or kept.version != version:
            raise object_not_found(key)
        return kept
