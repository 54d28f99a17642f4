"""The folder of uploads in progress: a body goes to disk block by block, counted and hashed as it passes.

Never holds a body in memory, and never keeps a file longer than its upload unless told to. What is staged is
not stored: it need not survive a power cut, so nothing here is forced to disk.
"""

from __future__ import annotations

import datetime as dt
import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from archive_service.errors import Message, TooLarge, unavailable
from archive_service.model.record import ContentDigest
from archive_service.storage.digests import Digester

SUFFIX = ".upload"


class Reception:
    """One upload on its way to disk: each block is written and hashed before the next is taken."""

    def __init__(self, path: Path, descriptor: int, limit_bytes: int) -> None:
        self._path = path
        self._descriptor = descriptor
        self._limit_bytes = limit_bytes
        self._digester = Digester()
        self._kept = False

    @property
    def size_bytes(self) -> int:
        """How many bytes have been taken so far."""
        return self._digester.size_bytes

    @property
    def kept(self) -> bool:
        """Whether the file outlives its context."""
        return self._kept

    @property
    def path(self) -> Path:
        """The file, with all that was written so far in it."""
        return self._path

    @property
    def digest(self) -> ContentDigest:
        """The digest of what was written so far."""
        return self._digester.digest()

    def write(self, block: bytes | memoryview) -> None:
        """Take the next block of any size.

        Raises TooLarge as soon as the limit is passed (the block is not taken), Unavailable when the disk is full.
        """
        if self._digester.size_bytes + len(block) > self._limit_bytes:
            raise too_large(self._limit_bytes)
        left = memoryview(block)
        try:
            while left:
                left = left[os.write(self._descriptor, left) :]
        except OSError as failure:
            raise unavailable("staging") from failure
        self._digester.update(block)

    def keep(self) -> Path:
        """Let the file outlive its context, and return it; whoever keeps it removes it."""
        self._kept = True
        return self._path


class Staging:
    """Hands out places for uploads in one folder. Safe to use from several threads and processes."""

    def __init__(self, folder: Path) -> None:
        """Use ``folder``, making it when it is not there. Raises Unavailable when that is impossible."""
        self._folder = folder
        try:
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        except OSError as failure:
            raise unavailable("staging") from failure

    @contextmanager
    def receive(self, limit_bytes: int) -> Iterator[Reception]:
        """Open a new file for an upload of at most ``limit_bytes``; it is removed at exit unless it was kept.

        Raises Unavailable when the file cannot be made.
        """
        path = self._folder / f"{uuid.uuid4().hex}{SUFFIX}"
        try:
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        except OSError as failure:
            raise unavailable("staging") from failure
        reception = Reception(path, descriptor, limit_bytes)
        try:
            yield reception
        finally:
            os.close(descriptor)
            if not reception.kept:
                path.unlink(missing_ok=True)

    def sweep(self, older_than: dt.datetime) -> int:
        """Remove files last written before ``older_than`` (aware): left by killed processes. Return how many.

        An upload in progress writes all the time, so a limit of an hour or more never meets one.
        Raises Unavailable when the folder cannot be read.
        """
        removed = 0
        limit = older_than.timestamp()
        try:
            for path in self._folder.glob(f"*{SUFFIX}"):
                with suppress(FileNotFoundError):
                    if path.stat().st_mtime < limit:
                        path.unlink()
                        removed += 1
        except OSError as failure:
            raise unavailable("staging") from failure
        return removed


def too_large(limit_bytes: int) -> TooLarge:
    """Return the error for a body over the limit, worded for the person who sent it.

    >>> too_large(524_288_000).message.en
    'The file is larger than the limit of 500 MiB. Split it or ask the operator to raise the limit.'
    """
    limit = f"{limit_bytes / 1_048_576:g} MiB" if limit_bytes >= 1_048_576 else f"{limit_bytes} bytes"
    return TooLarge(
        Message(
            f"The file is larger than the limit of {limit}. Split it or ask the operator to raise the limit.",
            f"Tệp lớn hơn giới hạn {limit}. Hãy tách tệp hoặc đề nghị quản trị viên nâng giới hạn.",
        ),
        limit_bytes=limit_bytes,
    )
