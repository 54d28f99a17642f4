"""What a folder store asks of the file system: files and names that are on the disk, not on their way there.

Raises OSError as the file system gives it. fsync(2), open(2) and posix_fadvise(2) of POSIX.1-2017; flock(2) of Linux.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from archive_service.model.record import ContentDigest


def open_folder(folder: Path) -> int:
    """Return an open folder; whoever asked closes it."""
    return os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)


@contextmanager
def locked(folder: int) -> Iterator[int]:
    """Hold an open folder against other threads and processes; close it at the end.

    The kernel releases the lock when its holder dies.
    """
    try:
        fcntl.flock(folder, fcntl.LOCK_EX)
        yield folder
    finally:
        os.close(folder)


def make_folders(folder: Path) -> None:
    """Make a folder and those above it, each durably: what is in a folder is lost with it in a power cut."""
    if folder.is_dir():
        return
    make_folders(folder.parent)
    with suppress(FileExistsError):
        folder.mkdir(mode=0o750)
    force_folder(folder.parent)


def make_last_folder(folder: Path) -> bool:
    """Make a folder of one object's own; those above it durably. True: its parent is still to be forced to disk."""
    try:
        folder.mkdir(mode=0o750)
    except FileExistsError:
        return False
    except FileNotFoundError:
        make_folders(folder.parent)
        return make_last_folder(folder)
    return True


def force_folder(folder: Path) -> None:
    """Force the names in a folder to disk."""
    opened = open_folder(folder)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)


def write_new(path: Path, blocks: Iterable[bytes]) -> int:
    """Write a new file, readable only, not yet forced to disk; return it open, and whoever asked closes it."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        for block in blocks:
            view = memoryview(block)
            while view:
                view = view[os.write(descriptor, view) :]
        os.fchmod(descriptor, 0o440)
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


def open_finished(path: Path) -> int:
    """Return a file that nobody writes to any more, open and readable only; whoever asked closes it."""
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        os.fchmod(descriptor, 0o440)
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


def force_together(descriptors: Sequence[int]) -> None:
    """Force files to disk. All begin to be written before the first is waited for, so that they share a commit.

    A journal is committed once for everything that has its place by then: files forced one after the other would each
    wait for a commit of its own.
    """
    for descriptor in descriptors:
        # Of pages that are not on disk yet, the advice makes the kernel begin to write them (Linux, mm/fadvise.c).
        os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
    for descriptor in descriptors:
        os.fsync(descriptor)


def is_on_disk(descriptor: int, digest: ContentDigest) -> bool:
    """Whether the file has this length and SHA-256, asking the kernel to read the disk and not its cache.

    One digest tells whether the disk gives back what it was given: no fault and nobody finds other bytes with the same
    SHA-256. That both digests are of these bytes was established when they arrived.
    """
    # Only advice, and only for pages that were forced to disk; comparing is right either way.
    os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
    if os.fstat(descriptor).st_size != digest.size_bytes:
        return False
    with os.fdopen(descriptor, "rb", buffering=0, closefd=False) as file:
        file.seek(0)
        return hashlib.file_digest(file, "sha256").hexdigest() == digest.sha256
