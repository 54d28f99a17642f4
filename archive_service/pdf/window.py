"""The first bytes of an open file as a file of their own: an earlier revision, or a file too large to map.

It must never move the position of the descriptor it reads from: other readers share it.
"""

from __future__ import annotations

import io
import os

# Parsers move about in a file thousands of times. What is read from memory does so in the interpreter's own code.
_READ_WHOLE_BYTES = 4 * 1024 * 1024


def first_bytes(document: int, size_bytes: int) -> io.BufferedIOBase:
    """Return the first ``size_bytes`` of a descriptor, which stays open, as a file: small ones lie in memory."""
    if size_bytes > _READ_WHOLE_BYTES:
        return io.BufferedReader(_Window(document, size_bytes))
    return io.BytesIO(os.pread(document, size_bytes, 0))


class _Window(io.RawIOBase):
    """Reads the first ``size_bytes`` of a descriptor, which stays open."""

    def __init__(self, document: int, size_bytes: int) -> None:
        super().__init__()
        self._document = document
        self._size_bytes = size_bytes
        self._at = 0

    def readable(self) -> bool:
        """Return True."""
        return True

    def seekable(self) -> bool:
        """Return True."""
        return True

    def tell(self) -> int:
        """Return the position in the window."""
        return self._at

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Move within the window; return the new position."""
        base = {os.SEEK_SET: 0, os.SEEK_CUR: self._at, os.SEEK_END: self._size_bytes}[whence]
        self._at = max(0, base + offset)
        return self._at

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]  # narrower: only ever given one
        """Fill the buffer as far as the window reaches; return how many bytes came."""
        wanted = min(len(buffer), max(0, self._size_bytes - self._at))
        data = os.pread(self._document, wanted, self._at)
        buffer[: len(data)] = data
        self._at += len(data)
        return len(data)
