"""Making a backup: the register in one consistent view, then every object that the backup does not have yet.

The register comes first: whatever it names was in the store before, so a backup never names an object that it lacks.
Nothing of the index is kept; it is rebuilt. Bytes are compared with the register's digests as they are copied, and
what differs is named, never copied over what is good. docs/decisions/0010-recovery.md.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from itertools import chain, groupby, islice
from operator import attrgetter

from sqlalchemy import Engine

from archive_service import __version__
from archive_service.errors import NotFound, TooLarge
from archive_service.model.objects import CHECKPOINTS, KEPT, LOGS, log_kind_of, number_of
from archive_service.model.ports import ObjectStore, Staging
from archive_service.model.record import ContentDigest, ObjectVersion
from archive_service.storage.backup_place import BACKUPS, BackupPlace, ListedObject, Manifest, listed_object
from archive_service.storage.backup_recorded import Recorded, RecordedObject
from archive_service.storage.backup_rows import one_view, row_of
from archive_service.storage.register.schema import require_current_schema, schema_of

# Objects copied at the same time, and looked at in one go.
_COPIERS = 8
_AT_ONCE = 256

# Damaged and missing objects are counted without end and named up to this many.
NAMED = 1000

Report = Callable[[int], None]


@dataclass(frozen=True, slots=True)
class Source:
    """What is backed up."""

    engine: Engine
    store: ObjectStore
    staging: Staging


@dataclass(frozen=True, slots=True)
class BackedUp:
    """A whole backup, and how much of it was new."""

    manifest: Manifest
    manifest_sha256: str
    copied: int
    damaged: int
    missing: int


def back_up(source: Source, place: BackupPlace, now: dt.datetime, report: Report) -> BackedUp:
    """Make one whole backup in the place. ``report`` is told how many objects were passed.

    A backup that was cut off is begun anew; what it had copied is not copied again. Raises Unavailable;
    IntegrityFailure when an earlier backup's list cannot be read.
    """
    stamp = f"{now:%Y%m%dT%H%M%S%fZ}"
    earlier = place.manifest()
    with one_view(source.engine) as view:
        require_current_schema(view.connection)
        schema = str(schema_of(view.connection))
        tables = {name: place.write_lines(f"{BACKUPS}{stamp}/rows/{name}", view.lines(name)) for name in view.tables}
    tally = _Tally()
    recorded = Recorded({name: place.read_lines(parts) for name, parts in tables.items()}, tally.add_missing)
    published = max((row["size"] for row in map(row_of, place.read_lines(tables["log_checkpoints"]))), default=0)
    known = _Known(place.read_lines(earlier.objects) if earlier is not None else iter(()))
    lines = _copied(source, place, _Sides(known, recorded, published), tally, report)
    objects = place.write_lines(f"{BACKUPS}{stamp}/objects", lines)
    manifest = Manifest(
        stamp=stamp,
        made_at=now.isoformat(),
        version=__version__,
        schema=schema,
        tables=tables,
        objects=objects,
        object_count=tally.count,
        object_bytes=tally.size_bytes,
        damaged=tuple(tally.damaged_keys),
        missing=tuple(tally.missing_keys),
    )
    return BackedUp(manifest, place.put_manifest(manifest), tally.copied, tally.damaged, tally.missing)


@dataclass(slots=True)
class _Tally:
    """Counts while objects pass."""

    count: int = 0
    size_bytes: int = 0
    copied: int = 0
    damaged: int = 0
    missing: int = 0
    damaged_keys: list[str] = field(default_factory=list)
    missing_keys: list[str] = field(default_factory=list)

    def add_damaged(self, key: str) -> None:
        self.damaged += 1
        self.damaged_keys += [key][: NAMED - len(self.damaged_keys)]

    def add_missing(self, key: str) -> None:
        self.missing += 1
        self.missing_keys += [key][: NAMED - len(self.missing_keys)]


class _Known:
    """Answers for keys that are asked in rising order what an earlier backup has under them."""

    def __init__(self, lines: Iterator[bytes]) -> None:
        self._objects = (listed_object(line) for line in lines)
        self._next = next(self._objects, None)

    def find(self, key: str) -> ListedObject | None:
        while self._next is not None and self._next.key < key:
            self._next = next(self._objects, None)
        return self._next if self._next is not None and self._next.key == key else None


@dataclass(frozen=True, slots=True)
class _Sides:
    """What the objects are held against: an earlier backup, the register, and how far its log was signed."""

    known: _Known
    recorded: Recorded
    signed_size: int

    def belongs(self, key: str) -> bool:
        """Whether the object is of the register's instant: a log further than the register would refuse it later."""
        if not key.startswith(LOGS):
            return True
        # A checkpoint is named by its size, all else by the index of its first entry.
        return number_of(key) < self.signed_size + (log_kind_of(key) == CHECKPOINTS)


@dataclass(frozen=True, slots=True)
class _Task:
    """One object: what is in the store, what the backup has of it already, and what the register says."""

    listed: ObjectVersion
    known: ListedObject | None
    recorded: ContentDigest | None


def _copied(source: Source, place: BackupPlace, sides: _Sides, tally: _Tally, report: Report) -> Iterator[bytes]:
    """Copy what is new, several at once, and yield the line of every object in key order."""
    tasks = _tasks(source.store, place.store, sides)
    with ThreadPoolExecutor(_COPIERS) as pool:
        passed = 0
        while batch := list(islice(tasks, _AT_ONCE)):
            for task, done in zip(batch, pool.map(partial(_copy, source, place), batch), strict=True):
                if done is None:
                    tally.add_damaged(task.listed.key)
                elif done is not _GONE:
                    tally.count += 1
                    tally.size_bytes += done.size_bytes
                    tally.copied += done is not task.known
                    yield done.line()
            passed += len(batch)
            report(passed)
    sides.recorded.end()


def _kept(store: ObjectStore) -> Iterator[ObjectVersion]:
    """Yield everything that is backed up, in key order."""
    return chain.from_iterable(map(store.list_under, KEPT))


def _tasks(store: ObjectStore, place: ObjectStore, sides: _Sides) -> Iterator[_Task]:
    there = _There(place)
    for key, versions in groupby(_kept(store), attrgetter("key")):
        if not sides.belongs(key):
            continue
        said = sides.recorded.find(key)
        listed = _ours(list(versions), said)
        before = sides.known.find(key)
        same = (
            before is not None
            and before.source_version == listed.version
            and before.size_bytes == listed.stored.size_bytes
            and there.has(before)
        )
        yield _Task(listed, before if same else None, said.digest if said is not None else None)


def _ours(versions: list[ObjectVersion], said: RecordedObject | None) -> ObjectVersion:
    """Return the version that the register names, after a repair a later one; else the first, whatever came over it."""
    named = (one for one in versions if said is not None and one.version == said.version)
    return next(named, versions[-1])


class _There:
    """Answers for objects asked in rising order whether the place still has them."""

    def __init__(self, place: ObjectStore) -> None:
        self._listed = _kept(place)
        self._next = next(self._listed, None)

    def has(self, wanted: ListedObject) -> bool:
        found = False
        while self._next is not None and self._next.key <= wanted.key:
            found = found or (
                (self._next.key, self._next.version, self._next.stored.size_bytes)
                == (wanted.key, wanted.place_version, wanted.size_bytes)
            )
            self._next = next(self._listed, None)
        return found


# Stands for an object that was disposed of between listing and copying.
_GONE = ListedObject("", "", "", 0, "", "")


def _copy(source: Source, place: BackupPlace, task: _Task) -> ListedObject | None:
    """Return the object's line, having copied it where that is new; None when its bytes are not those recorded."""
    if task.known is not None:
        agrees = task.recorded is None or task.recorded == task.known.digest
        return task.known if agrees else None
    listed = task.listed
    with source.staging.receive(listed.stored.size_bytes) as file:
        try:
            with source.store.read(listed.key, listed.version) as blocks:
                for block in blocks:
                    file.write(block)
        except NotFound:
            return _GONE
        except TooLarge:
            return None
        digest = file.digest
        if task.recorded is not None and digest != task.recorded:
            return None
        stored = place.store.put(listed.key, file.path, digest, place.lock_until)
    return ListedObject(listed.key, listed.version, stored.version, digest.size_bytes, digest.sha256, digest.sha512)
