"""Years that pass in seconds, for a store that has a clock of its own: the store really locks, and really lets go.

A test moves its clock by years; a real store goes on by the time of the day. Between them stands this: a year of the
test's is some seconds of the store's. Retain-until dates are put to the store so much nearer, and when the test's clock
is moved on, as many seconds are waited. So the store itself refuses what is locked and permits what is not.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
import time
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from pathlib import Path

from archive_service.model.ports import LockTrial, NewObject, ObjectStore, Protection
from archive_service.model.record import ContentDigest, ObjectVersion

YEAR = dt.timedelta(days=365)
# Whole seconds are kept by stores, rounded up: after that a lock of the moment has ended surely.
_ROUNDED = dt.timedelta(seconds=2)


class JourneyClock:
    """The test's clock: it stands still, and is moved on by waiting ``seconds_a_year`` for each year."""

    def __init__(self, now: dt.datetime, seconds_a_year: float) -> None:
        self._now = now
        self.scale = seconds_a_year / YEAR.total_seconds()

    def now(self) -> dt.datetime:
        """Return the instant it was last moved to."""
        return self._now

    def forward(self, by: dt.timedelta) -> None:
        """Let that much time pass, here and at the store."""
        if self.scale:
            time.sleep((by * self.scale + _ROUNDED).total_seconds())
        self._now += by

    def at_the_store(self, instant: dt.datetime) -> dt.datetime:
        """Return what the store's clock shows at an instant of the test's."""
        return dt.datetime.now(dt.UTC) + (instant - self._now) * self.scale

    def here(self, instant: dt.datetime | None) -> dt.datetime | None:
        """Return the instant of the test's at which the store's clock shows that."""
        return None if instant is None else self._now + (instant - dt.datetime.now(dt.UTC)) / self.scale


class FastStore:
    """Implements ``ObjectStore`` by a real one whose time runs as fast as the test's."""

    def __init__(self, store: ObjectStore, clock: JourneyClock) -> None:
        self._store, self._clock = store, clock

    @property
    def enforces_locks(self) -> bool:
        """As the real one says."""
        return self._store.enforces_locks

    def now(self) -> dt.datetime:
        """Return the test's time: the store's own agrees with it by construction."""
        return self._clock.now()

    def put(self, key: str, source: Path | bytes, digest: ContentDigest, lock_until: dt.datetime) -> ObjectVersion:
        """Put it, locked until as many seconds from now as there are years."""
        return self._seen(self._store.put(key, source, digest, self._clock.at_the_store(lock_until)), lock_until)

    def put_all(self, objects: Sequence[NewObject], lock_until: dt.datetime) -> tuple[ObjectVersion, ...]:
        """Put them as ``put`` does."""
        put = self._store.put_all(objects, self._clock.at_the_store(lock_until))
        return tuple(self._seen(one, lock_until) for one in put)

    def read(
        self, key: str, version: str, *, start: int = 0, length: int | None = None
    ) -> AbstractContextManager[Iterator[bytes]]:
        """Read it."""
        return self._store.read(key, version, start=start, length=length)

    def list_under(self, prefix: str, *, after: str = "") -> Iterator[ObjectVersion]:
        """List it."""
        return self._store.list_under(prefix, after=after)

    def lock_of(self, key: str, version: str) -> dt.datetime | None:
        """Return the lock as the test's clock sees it."""
        return self._clock.here(self._store.lock_of(key, version))

    def protection_of(self, key: str, version: str) -> Protection:
        """Return lock, mode and hold, the lock as the test's clock sees it."""
        found = self._store.protection_of(key, version)
        return dataclasses.replace(found, locked_until=self._clock.here(found.locked_until))

    def extend_lock(self, key: str, version: str, until: dt.datetime) -> dt.datetime:
        """Lengthen the lock; what is longer stays."""
        in_force = self._store.extend_lock(key, version, self._clock.at_the_store(until))
        return max(until, self._clock.here(in_force) or until)

    def set_hold(self, key: str, version: str, held: bool) -> None:
        """Place or lift the legal hold."""
        self._store.set_hold(key, version, held)

    def replace_damaged(
        self, key: str, source: Path | bytes, digest: ContentDigest, lock_until: dt.datetime
    ) -> ObjectVersion:
        """Put the right bytes over wrong ones."""
        put = self._store.replace_damaged(key, source, digest, self._clock.at_the_store(lock_until))
        return self._seen(put, lock_until)

    def delete(self, key: str, version: str) -> None:
        """Delete it, if the real store permits that now."""
        self._store.delete(key, version)

    def check_ready(self) -> None:
        """Ask the real one."""
        self._store.check_ready()

    def prove_lock(self, now: dt.datetime) -> tuple[LockTrial, ...]:
        """Have the real one proven by its own time."""
        return self._store.prove_lock(dt.datetime.now(dt.UTC))

    def _seen(self, put: ObjectVersion, lock_until: dt.datetime) -> ObjectVersion:
        """Return the version with its lock as it was asked for: the store's own is within its rounding."""
        return dataclasses.replace(put, locked_until=lock_until)
