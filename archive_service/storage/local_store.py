"""Keeps objects as files in a folder on disk (``file:`` URLs), for one machine.

An object appears whole or not at all, also through a kill or a power cut: the bytes are written under another
name in the same file system, forced to disk, read back from the disk and compared, and only then given
their name by link(2), which never replaces anything. The folders are forced to disk before a put returns.

A folder cannot enforce a lock: who may write to it may delete from it. The lock's date and the hold are
kept in a small file beside the object (the guard), this service obeys them, and nothing here ever shortens
or overwrites.
"""

from __future__ import annotations

import datetime as dt
import errno
import hashlib
import json
import os
import uuid
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import BinaryIO

from archive_service.errors import Message, Misconfigured, NotFound, unavailable
from archive_service.model.ports import Clock, LockTrial, NewObject, ProofResult, Protection
from archive_service.model.record import ContentDigest, ObjectVersion
from archive_service.storage.digests import Digester, blocks_of, blocks_of_file
from archive_service.storage.local_files import (
    force_folder,
    force_together,
    is_on_disk,
    locked,
    make_folders,
    make_last_folder,
    open_finished,
    open_folder,
    write_new,
)
from archive_service.storage.local_folders import MARK, folders_of, key_of, may_follow, may_hold, visits
from archive_service.storage.store_answers import (
    in_whole_seconds,
    object_locked,
    object_not_found,
    require_key,
    source_differs,
    stored_differs,
)

# Objects are create-only and a key is never used again, so one constant names the only version there is.
VERSION = "1"
_INCOMING = f"{MARK}incoming"
# Files that were found damaged and have been replaced: no key leads here.
_DAMAGED = f"{MARK}damaged"
_LOCK_SUFFIX = f"{MARK}lock"
# No put takes an hour; what is older was left behind by a killed process.
_LEFTOVER_SECONDS = 3600
# A folder can be removed by a delete between making and using it; each round needs another such delete.
_PUT_ROUNDS = 5


def _mark_of(key: str) -> str:
    """Return what stands for a key in the name of a file that was set aside."""
    return hashlib.sha256(key.encode()).hexdigest()[:32]


@dataclass(frozen=True, slots=True)
class _Guard:
    """What keeps one object from being deleted."""

    locked_until: dt.datetime | None = None
    held: bool = False

    def as_bytes(self) -> bytes:
        """Return the guard as it lies in its file."""
        until = self.locked_until.isoformat() if self.locked_until else None
        return json.dumps({"locked_until": until, "held": self.held}).encode()


@dataclass(frozen=True, slots=True)
class _Coming:
    """An object on its way: where it will lie, the open file that will be it, and the name of its guard."""

    key: str
    path: Path
    digest: ContentDigest
    file: Path
    descriptor: int
    guard: Path


class LocalStore:
    """An ObjectStore in one folder. Safe to use from several threads and processes of the same machine."""

    def __init__(self, root: Path, clock: Clock, *, handed_over: Path | None = None) -> None:
        """Use ``root``, making it when it is not there, and remove what killed processes left behind in it.

        A source that lies in the folder ``handed_over`` is not copied but becomes the object, where both are on one
        file system: whoever puts such a file has made its digest of the bytes it wrote, and never writes to it again.
        Raises Unavailable when that is impossible.
        """
        self._root = root
        self._clock = clock
        self._handed_over = handed_over
        self._links: bool | None = None
        with _store_errors():
            make_folders(root / _INCOMING)
            self._sweep()

    @property
    def enforces_locks(self) -> bool:
        """A folder does not: see the module's text."""
        return False

    def put(self, key: str, source: Path | bytes, digest: ContentDigest, lock_until: dt.datetime) -> ObjectVersion:
        """Store the bytes under ``key``: see ObjectStore.put."""
        (stored,) = self.put_all((NewObject(key, source, digest),), lock_until)
        return stored

    def put_all(self, objects: Sequence[NewObject], lock_until: dt.datetime) -> tuple[ObjectVersion, ...]:
        """Store the objects, waiting for the disk once for all their bytes and once for their names.

        See ObjectStore.put_all.
        """
        return self._put_all(objects, lock_until)

    @contextmanager
    def read(self, key: str, version: str, *, start: int = 0, length: int | None = None) -> Iterator[Iterator[bytes]]:
        """Open the object for reading: see ObjectStore.read."""
        path = self._existing(key, version)
        with _store_errors():
            try:
                file = path.open("rb", buffering=0)
            except (FileNotFoundError, NotADirectoryError) as absent:
                raise object_not_found(key) from absent
        with file:
            yield _reading(file, start, length)

    def list_under(self, prefix: str, *, after: str = "") -> Iterator[ObjectVersion]:
        """Yield the objects under ``prefix`` in key order: see ObjectStore.list_under.

        One folder's names at a time are held in memory.
        """
        with _store_errors():
            yield from self._walk((), prefix, after)

    def lock_of(self, key: str, version: str) -> dt.datetime | None:
        """Return until when the object is locked: see ObjectStore.lock_of."""
        path = self._existing(key, version)
        with _store_errors(), _exclusive(path, key) as folder:
            return self._guard_of(folder, path, key).locked_until

    def protection_of(self, key: str, version: str) -> Protection:
        """Return what the guard says; a folder has no modes: see ObjectStore.protection_of."""
        path = self._existing(key, version)
        with _store_errors(), _exclusive(path, key) as folder:
            guard = self._guard_of(folder, path, key)
        return Protection(guard.locked_until, None, guard.held)

    def extend_lock(self, key: str, version: str, until: dt.datetime) -> dt.datetime:
        """Lengthen the object's lock: see ObjectStore.extend_lock."""
        path = self._existing(key, version)
        until = in_whole_seconds(until)
        with _store_errors(), _exclusive(path, key) as folder:
            guard = self._guard_of(folder, path, key)
            return self._lengthen(folder, path, guard, until)

    def set_hold(self, key: str, version: str, held: bool) -> None:
        """Place or lift the hold: see ObjectStore.set_hold."""
        path = self._existing(key, version)
        with _store_errors(), _exclusive(path, key) as folder:
            guard = self._guard_of(folder, path, key)
            if guard.held != held:
                self._write_guard(folder, path, replace(guard, held=held))

    def replace_damaged(
        self, key: str, source: Path | bytes, digest: ContentDigest, lock_until: dt.datetime
    ) -> ObjectVersion:
        """Set the damaged file aside, then give its name to the right one: see ObjectStore.replace_damaged.

        Killed between the two, the object is missing, and the same repair puts it.
        """
        (stored,) = self._put_all((NewObject(key, source, digest),), lock_until, over_others=True)
        return stored

    def delete(self, key: str, version: str) -> None:
        """Delete the object for good, and the folders it leaves empty: see ObjectStore.delete."""
        path = self._path(key)
        if version != VERSION:
            return
        with _store_errors():
            try:
                with _exclusive(path, key) as folder:
                    guard = self._guard_of(folder, path, key)
                    if guard.held or _after(guard.locked_until, self._clock.now()):
                        raise object_locked(key)
                    # The object first: a kill then leaves a guard of nothing, never an object without one.
                    os.unlink(path.name, dir_fd=folder)
                    with suppress(FileNotFoundError):
                        os.unlink(path.name + _LOCK_SUFFIX, dir_fd=folder)
                    os.fsync(folder)
            except NotFound:
                return
            self._remove_empty(path.parent)
            # What was set aside as damaged was the object's as well.
            for damaged in (self._root / _DAMAGED).glob(f"*-{_mark_of(key)}-*"):
                damaged.unlink(missing_ok=True)

    def now(self) -> dt.datetime:
        """Return what this host's clock shows, by which locks are obeyed here: see ObjectStore.now."""
        return self._clock.now()

    def check_ready(self) -> None:
        """Write, link and remove a small file: see ObjectStore.check_ready."""
        with _store_errors():
            probe = self._root / _INCOMING / uuid.uuid4().hex
            linked = probe.with_name(probe.name + MARK)
            try:
                os.close(write_new(probe, (b"probe",)))
                os.link(probe, linked)
            except OSError as failure:
                if failure.errno in (errno.EPERM, errno.EOPNOTSUPP, errno.EACCES, errno.EROFS):
                    raise _unusable() from failure
                raise
            finally:
                linked.unlink(missing_ok=True)
                probe.unlink(missing_ok=True)

    def prove_lock(self, now: dt.datetime) -> tuple[LockTrial, ...]:
        """Say that a folder does not enforce locks: see ObjectStore.prove_lock."""
        return (
            LockTrial(
                "enforced-by-the-store",
                ProofResult.INDETERMINATE,
                "A folder on disk does not enforce locks: whoever may write to it may delete from it. "
                "Only this service obeys them.",
            ),
        )

    def _put_all(
        self, objects: Sequence[NewObject], lock_until: dt.datetime, *, over_others: bool = False
    ) -> tuple[ObjectVersion, ...]:
        lock_until = in_whole_seconds(lock_until)
        with _store_errors(), self._incoming(objects, lock_until) as coming:
            if over_others:
                for one in coming:
                    self._set_aside(one)
            for _ in range(_PUT_ROUNDS):
                with suppress(FileNotFoundError):
                    return self._give_names(coming, lock_until)
        raise unavailable("store") from FileNotFoundError(objects[0].key)

    def _set_aside(self, coming: _Coming) -> None:
        """Take the name from a file that has other bytes than those coming; it stays, outside all keys."""
        path = coming.path
        with suppress(NotFound), _exclusive(path, coming.key) as folder:
            self._guard_of(folder, path, coming.key)
            existing = os.open(path.name, os.O_RDONLY | os.O_CLOEXEC, dir_fd=folder)
            try:
                is_damaged = not is_on_disk(existing, coming.digest)
            finally:
                os.close(existing)
            if is_damaged:
                make_folders(self._root / _DAMAGED)
                aside = f"{uuid.uuid4().hex}-{_mark_of(coming.key)}-{path.name}"
                os.rename(path.name, self._root / _DAMAGED / aside, src_dir_fd=folder)
                os.fsync(folder)

    @contextmanager
    def _incoming(self, objects: Sequence[NewObject], lock_until: dt.datetime) -> Iterator[list[_Coming]]:
        """Give the objects and their guards as files on disk, whose bytes are those announced; clean up at the end."""
        with ExitStack() as stack:
            # One file becomes the guard of each: a guard is never written to, only replaced.
            guard, guard_descriptor = self._new_file((_Guard(lock_until).as_bytes(),), stack)
            coming = [self._bring(new, guard, stack) for new in objects]
            force_together([guard_descriptor, *(one.descriptor for one in coming)])
            for one in coming:
                if not is_on_disk(one.descriptor, one.digest):
                    raise source_differs(one.key)
            yield coming

    def _bring(self, new: NewObject, guard: Path, stack: ExitStack) -> _Coming:
        """Return the object as a file beside where it will lie: written, not yet forced to disk."""
        path = self._path(new.key)
        if isinstance(new.source, Path) and self._takes_over(new.source):
            file, descriptor = new.source, open_finished(new.source)
            stack.callback(os.close, descriptor)
        else:
            file, descriptor = self._new_file(_announced(new), stack)
        return _Coming(new.key, path, new.digest, file, descriptor, guard)

    def _new_file(self, blocks: Iterable[bytes], stack: ExitStack) -> tuple[Path, int]:
        """Write a file under a temporary name, which is gone again when the stack is closed."""
        incoming = self._root / _INCOMING / uuid.uuid4().hex
        stack.callback(incoming.unlink, missing_ok=True)
        descriptor = write_new(incoming, blocks)
        stack.callback(os.close, descriptor)
        return incoming, descriptor

    def _takes_over(self, source: Path) -> bool:
        """Whether the file was handed over and can become the object; tried once, for all of one folder are alike."""
        if source.parent != self._handed_over:
            return False
        if self._links is None:
            trial = self._root / _INCOMING / uuid.uuid4().hex
            try:
                os.link(source, trial, follow_symlinks=False)
                trial.unlink()
                self._links = True
            except OSError as failure:
                if failure.errno not in (errno.EXDEV, errno.EPERM, errno.EMLINK):
                    raise
                self._links = False
        return self._links

    def _give_names(self, coming: Sequence[_Coming], lock_until: dt.datetime) -> tuple[ObjectVersion, ...]:
        """Link the written files to their final names, and force the names to disk.

        Raises FileNotFoundError when a delete removed a folder in between.
        """
        folders: dict[Path, int] = {}
        parents: dict[Path, None] = {}
        with ExitStack() as held:
            # In one order, so that two puts never wait for each other.
            for folder in sorted({one.path.parent for one in coming}):
                if make_last_folder(folder):
                    parents[folder.parent] = None
                folders[folder] = held.enter_context(locked(open_folder(folder)))
            stored = tuple(self._give_name(one, folders[one.path.parent], lock_until) for one in coming)
            for folder in reversed(folders):
                os.fsync(folders[folder])
            for parent in parents:
                if parent not in folders:
                    force_folder(parent)
        return stored

    def _give_name(self, one: _Coming, folder: int, lock_until: dt.datetime) -> ObjectVersion:
        """Link the written file to its name, or compare what has that name already; the caller forces the folder."""
        guard = self._read_guard(folder, one.path, one.key)
        try:
            existing = os.open(one.path.name, os.O_RDONLY | os.O_CLOEXEC, dir_fd=folder)
        except FileNotFoundError:
            # The guard comes first, so that there is no instant at which the object stands unlocked. Both names
            # are forced to disk together: before that, nobody has been told of the object.
            if guard == _Guard():
                with suppress(FileNotFoundError):
                    os.unlink(one.path.name + _LOCK_SUFFIX, dir_fd=folder)
                os.link(one.guard, one.path.name + _LOCK_SUFFIX, dst_dir_fd=folder)
                locked_until = lock_until
            else:
                locked_until = self._lengthen(folder, one.path, guard, lock_until)
            os.link(one.file, one.path.name, dst_dir_fd=folder, follow_symlinks=False)
        else:
            try:
                if not is_on_disk(existing, one.digest):
                    raise stored_differs(one.key)
            finally:
                os.close(existing)
            locked_until = self._lengthen(folder, one.path, guard, lock_until)
        return ObjectVersion(one.key, VERSION, one.digest, locked_until)

    def _guard_of(self, folder: int, path: Path, key: str) -> _Guard:
        """Return the guard of an object that is there. Raises NotFound when it is not."""
        try:
            os.stat(path.name, dir_fd=folder)
        except FileNotFoundError as absent:
            raise object_not_found(key) from absent
        return self._read_guard(folder, path, key)

    def _read_guard(self, folder: int, path: Path, key: str) -> _Guard:
        try:
            descriptor = os.open(path.name + _LOCK_SUFFIX, os.O_RDONLY | os.O_CLOEXEC, dir_fd=folder)
        except FileNotFoundError:
            return _Guard()
        with os.fdopen(descriptor, "rb") as file:
            try:
                written = json.load(file)
                until = written["locked_until"]
                return _Guard(dt.datetime.fromisoformat(until) if until else None, bool(written["held"]))
            except (ValueError, KeyError, TypeError) as damaged:
                # Guessing would either lose a lock or make one up: a person has to look.
                raise stored_differs(key) from damaged

    def _lengthen(self, folder: int, path: Path, guard: _Guard, until: dt.datetime) -> dt.datetime:
        """Write the later of the two dates, and return it."""
        if guard.locked_until is not None and guard.locked_until >= until:
            return guard.locked_until
        self._write_guard(folder, path, replace(guard, locked_until=until))
        return until

    def _write_guard(self, folder: int, path: Path, guard: _Guard) -> None:
        """Replace the guard atomically and durably. The caller holds the folder's lock."""
        with ExitStack() as stack:
            incoming, descriptor = self._new_file((guard.as_bytes(),), stack)
            os.fsync(descriptor)
            os.replace(incoming, path.name + _LOCK_SUFFIX, dst_dir_fd=folder)
            os.fsync(folder)

    def _path(self, key: str) -> Path:
        return self._root.joinpath(*folders_of(require_key(key)))

    def _existing(self, key: str, version: str) -> Path:
        if version != VERSION:
            raise object_not_found(key)
        return self._path(key)

    def _walk(
        self, folders: tuple[str, ...], prefix: str, after: str, ends: bool | None = None
    ) -> Iterator[ObjectVersion]:
        try:
            with os.scandir(self._root.joinpath(*folders)) as entries:
                found = [(entry.name, entry.is_dir(follow_symlinks=False)) for entry in entries]
        except FileNotFoundError:
            return
        for _, name, is_folder, its_end in visits(folders, found, ends):
            place = (*folders, name)
            if is_folder and name not in (_INCOMING, _DAMAGED) and may_hold(place, prefix) and may_follow(place, after):
                yield from self._walk(place, prefix, after, its_end)
            elif (
                not is_folder
                and not name.endswith(_LOCK_SUFFIX)
                and key_of(place).startswith(prefix)
                and key_of(place) > after
            ):
                with suppress(FileNotFoundError):
                    size_bytes = self._root.joinpath(*place).stat().st_size
                    yield ObjectVersion(key_of(place), VERSION, ContentDigest(size_bytes, "", ""), None)

    def _remove_empty(self, folder: Path) -> None:
        """Remove folders that a delete left empty, up to the root. One that is in use stays."""
        while folder != self._root:
            try:
                folder.rmdir()
            except OSError:
                return
            folder = folder.parent

    def _sweep(self) -> None:
        """Remove what killed processes left behind, by the file system's own clock."""
        probe = self._root / _INCOMING / uuid.uuid4().hex
        probe.touch()
        limit = probe.stat().st_mtime - _LEFTOVER_SECONDS
        probe.unlink()
        for path in (self._root / _INCOMING).iterdir():
            with suppress(FileNotFoundError):
                if path.stat().st_mtime < limit:
                    path.unlink()


@contextmanager
def _store_errors() -> Iterator[None]:
    """Turn what the file system says into the answer of a store that does not serve at the moment."""
    try:
        yield
    except OSError as failure:
        raise unavailable("store") from failure


def _announced(new: NewObject) -> Iterator[bytes]:
    """Yield the source's blocks. Raises IntegrityFailure at their end when they are not those announced."""
    digester = Digester()
    for block in blocks_of(new.source):
        digester.update(block)
        yield block
    if digester.digest() != new.digest:
        raise source_differs(new.key)


def _reading(file: BinaryIO, start: int, length: int | None) -> Iterator[bytes]:
    with _store_errors():
        file.seek(start)
        yield from blocks_of_file(file, length)


@contextmanager
def _exclusive(path: Path, key: str) -> Iterator[int]:
    """Hold the folder of an object that should be there. Raises NotFound when not even its folder is."""
    try:
        opened = open_folder(path.parent)
    except (FileNotFoundError, NotADirectoryError) as absent:
        raise object_not_found(key) from absent
    with locked(opened) as folder:
        yield folder


def _after(locked_until: dt.datetime | None, now: dt.datetime) -> bool:
    return locked_until is not None and locked_until > now


def _unusable() -> Misconfigured:
    return Misconfigured(
        Message(
            "The folder of the object store cannot be used: it must be writable, on a file system with hard links.",
            "Không dùng được thư mục của kho lưu trữ: cần quyền ghi và hệ thống tệp hỗ trợ liên kết cứng.",
        ),
        code="store-folder-unusable",
    )
