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
import fcntl
import json
import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import BinaryIO

from archive_service.errors import Message, Misconfigured, NotFound, unavailable
from archive_service.model.ports import Clock, LockTrial, ProofResult
from archive_service.model.record import ContentDigest, ObjectVersion
from archive_service.storage.digests import blocks_of, blocks_of_file, digest_of_blocks
from archive_service.storage.local_folders import MARK, folders_of, key_of, may_follow, may_hold, order_of
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
_LOCK_SUFFIX = f"{MARK}lock"
# No put takes an hour; what is older was left behind by a killed process.
_LEFTOVER_SECONDS = 3600
# A folder can be removed by a delete between making and using it; each round needs another such delete.
_PUT_ROUNDS = 5


@dataclass(frozen=True, slots=True)
class _Guard:
    """What keeps one object from being deleted."""

    locked_until: dt.datetime | None = None
    held: bool = False


class LocalStore:
    """An ObjectStore in one folder. Safe to use from several threads and processes of the same machine."""

    def __init__(self, root: Path, clock: Clock, *, handed_over: Path | None = None) -> None:
        """Use ``root``, making it when it is not there, and remove what killed processes left behind in it.

        A source that lies in the folder ``handed_over`` is not copied but becomes the object, where both are on one
        file system: whoever puts such a file never writes to it again. Raises Unavailable when that is impossible.
        """
        self._root = root
        self._clock = clock
        self._handed_over = handed_over
        with _store_errors():
            _make_folders(root / _INCOMING)
            self._sweep()

    @property
    def enforces_locks(self) -> bool:
        """A folder does not: see the module's text."""
        return False

    def put(self, key: str, source: Path | bytes, digest: ContentDigest, lock_until: dt.datetime) -> ObjectVersion:
        """Store the bytes under ``key``: see ObjectStore.put."""
        path = self._path(key)
        lock_until = in_whole_seconds(lock_until)
        with _store_errors():
            incoming = self._write_incoming(key, source, digest)
            try:
                for _ in range(_PUT_ROUNDS):
                    with suppress(FileNotFoundError):
                        return self._give_name(key, incoming, digest, lock_until)
            finally:
                incoming.unlink(missing_ok=True)
        raise unavailable("store") from FileNotFoundError(path.name)

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

    def check_ready(self) -> None:
        """Write, link and remove a small file: see ObjectStore.check_ready."""
        with _store_errors():
            probe = self._root / _INCOMING / uuid.uuid4().hex
            linked = probe.with_name(probe.name + MARK)
            try:
                _write_new(probe, b"probe")
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

    def _write_incoming(self, key: str, source: Path | bytes, digest: ContentDigest) -> Path:
        """Write the source under a temporary name; return that when its bytes on disk are those announced."""
        incoming = self._root / _INCOMING / uuid.uuid4().hex
        try:
            if not self._take_over(source, incoming):
                _write_new(incoming, source)
            if _digest_on_disk(incoming) != digest:
                raise source_differs(key)
        except BaseException:
            incoming.unlink(missing_ok=True)
            raise
        return incoming

    def _take_over(self, source: Path | bytes, incoming: Path) -> bool:
        """Give a handed-over file its temporary name, read-only and forced to disk; False where it must be copied."""
        if isinstance(source, bytes) or source.parent != self._handed_over:
            return False
        try:
            os.link(source, incoming, follow_symlinks=False)
        except OSError as failure:
            if failure.errno in (errno.EXDEV, errno.EPERM, errno.EMLINK):
                return False
            raise
        descriptor = os.open(incoming, os.O_RDONLY | os.O_CLOEXEC)
        try:
            os.fchmod(descriptor, 0o440)
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        return True

    def _give_name(self, key: str, incoming: Path, digest: ContentDigest, lock_until: dt.datetime) -> ObjectVersion:
        """Link the written file to its final name, or compare what has that name already.

        Raises FileNotFoundError when a delete removed the folder in between.
        """
        path = self._path(key)
        is_new = _make_last_folder(path.parent)
        with _locked(_open_folder(path.parent)) as folder:
            guard = self._read_guard(folder, path, key)
            try:
                os.stat(path.name, dir_fd=folder)
            except FileNotFoundError:
                # The guard comes first, so that there is no instant at which the object stands unlocked. Both names
                # are forced to disk together: before that, nobody has been told of the object.
                locked_until = self._lengthen(folder, path, guard, lock_until, force=False)
                os.link(incoming, path.name, dst_dir_fd=folder)
                os.fsync(folder)
            else:
                if _digest_on_disk(path) != digest:
                    raise stored_differs(key)
                locked_until = self._lengthen(folder, path, guard, lock_until)
        if is_new:
            _force_folder(path.parent.parent)
        return ObjectVersion(key, VERSION, digest, locked_until)

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

    def _lengthen(
        self, folder: int, path: Path, guard: _Guard, until: dt.datetime, *, force: bool = True
    ) -> dt.datetime:
        """Write the later of the two dates, and return it."""
        if guard.locked_until is not None and guard.locked_until >= until:
            return guard.locked_until
        self._write_guard(folder, path, replace(guard, locked_until=until), force=force)
        return until

    def _write_guard(self, folder: int, path: Path, guard: _Guard, *, force: bool = True) -> None:
        """Replace the guard atomically and durably; where not ``force``, its caller forces the folder to disk.

        The caller holds the folder's lock.
        """
        until = guard.locked_until.isoformat() if guard.locked_until else None
        incoming = self._root / _INCOMING / uuid.uuid4().hex
        try:
            _write_new(incoming, json.dumps({"locked_until": until, "held": guard.held}).encode())
            os.replace(incoming, path.name + _LOCK_SUFFIX, dst_dir_fd=folder)
        finally:
            incoming.unlink(missing_ok=True)
        if force:
            os.fsync(folder)

    def _path(self, key: str) -> Path:
        return self._root.joinpath(*folders_of(require_key(key)))

    def _existing(self, key: str, version: str) -> Path:
        if version != VERSION:
            raise object_not_found(key)
        return self._path(key)

    def _walk(self, folders: tuple[str, ...], prefix: str, after: str) -> Iterator[ObjectVersion]:
        try:
            with os.scandir(self._root.joinpath(*folders)) as entries:
                names = [(entry.name, entry.is_dir(follow_symlinks=False)) for entry in entries]
        except FileNotFoundError:
            return
        for name, is_folder in sorted(names, key=lambda entry: order_of(entry[0], is_folder=entry[1])):
            place = (*folders, name)
            if is_folder and name != _INCOMING and may_hold(place, prefix) and may_follow(place, after):
                yield from self._walk(place, prefix, after)
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


def _reading(file: BinaryIO, start: int, length: int | None) -> Iterator[bytes]:
    with _store_errors():
        file.seek(start)
        yield from blocks_of_file(file, length)


def _open_folder(folder: Path) -> int:
    return os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)


@contextmanager
def _locked(folder: int) -> Iterator[int]:
    """Hold an open folder against other threads and processes; close it at the end.

    The kernel releases the lock when its holder dies.
    """
    try:
        fcntl.flock(folder, fcntl.LOCK_EX)
        yield folder
    finally:
        os.close(folder)


@contextmanager
def _exclusive(path: Path, key: str) -> Iterator[int]:
    """Hold the folder of an object that should be there. Raises NotFound when not even its folder is."""
    try:
        opened = _open_folder(path.parent)
    except (FileNotFoundError, NotADirectoryError) as absent:
        raise object_not_found(key) from absent
    with _locked(opened) as folder:
        yield folder


def _make_folders(folder: Path) -> None:
    """Make a folder and those above it, each durably: what is in a folder is lost with it in a power cut."""
    if folder.is_dir():
        return
    _make_folders(folder.parent)
    with suppress(FileExistsError):
        folder.mkdir(mode=0o750)
    _force_folder(folder.parent)


def _make_last_folder(folder: Path) -> bool:
    """Make a folder of one object's own; those above it durably. True: its parent is still to be forced to disk."""
    try:
        folder.mkdir(mode=0o750)
    except FileExistsError:
        return False
    except FileNotFoundError:
        _make_folders(folder.parent)
        return _make_last_folder(folder)
    return True


def _force_folder(folder: Path) -> None:
    """Force the names in a folder to disk."""
    opened = _open_folder(folder)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)


def _write_new(path: Path, source: Path | bytes) -> None:
    """Write a new file, readable only, and force it to disk."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "wb", buffering=0) as file:
        for block in blocks_of(source):
            view = memoryview(block)
            while view:
                view = view[file.write(view) :]
        os.fchmod(descriptor, 0o440)
        os.fsync(descriptor)


def _digest_on_disk(path: Path) -> ContentDigest:
    """Return the digest of a file, asking the kernel to read it from the disk and not from its cache."""
    with path.open("rb", buffering=0) as file:
        # Only advice, and only for pages that were forced to disk; comparing is right either way.
        os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
        return digest_of_blocks(blocks_of_file(file))


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
