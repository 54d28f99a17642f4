"""Measures a run of bytes once: its length, SHA-256 and SHA-512 in the same pass.

Never holds more than one block of the bytes. FIPS 180-4 (SHA-2).
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from archive_service.model.record import ContentDigest

# Bytes moved at a time: large enough that hashing runs without the interpreter's lock for most of the time,
# small enough that hundreds of streams fit in memory.
BLOCK_BYTES = 1024 * 1024


class Digester:
    """Counts and hashes blocks as they pass."""

    __slots__ = ("_sha256", "_sha512", "_size_bytes")

    def __init__(self) -> None:
        self._sha256 = hashlib.sha256()
        self._sha512 = hashlib.sha512()
        self._size_bytes = 0

    @property
    def size_bytes(self) -> int:
        """How many bytes have passed so far."""
        return self._size_bytes

    def update(self, block: bytes | memoryview) -> None:
        """Take the next block."""
        self._sha256.update(block)
        self._sha512.update(block)
        self._size_bytes += len(block)

    def digest(self) -> ContentDigest:
        """Return the digest of what has passed so far; more blocks may follow."""
        return ContentDigest(self._size_bytes, self._sha256.hexdigest(), self._sha512.hexdigest())


def blocks_of(source: Path | bytes) -> Iterator[bytes]:
    """Yield the bytes of a file, or of bytes in memory, in blocks of at most BLOCK_BYTES.

    Raises OSError as the file system gives it.

    >>> [len(block) for block in blocks_of(bytes(BLOCK_BYTES + 1))]
    [1048576, 1]
    """
    if isinstance(source, bytes):
        for start in range(0, len(source), BLOCK_BYTES):
            yield source[start : start + BLOCK_BYTES]
        return
    with source.open("rb", buffering=0) as file:
        yield from blocks_of_file(file)


def blocks_of_file(file: BinaryIO, length: int | None = None) -> Iterator[bytes]:
    """Yield what is left of an open file, or its next ``length`` bytes, in blocks of at most BLOCK_BYTES."""
    left = length
    while left is None or left > 0:
        block = file.read(BLOCK_BYTES if left is None else min(BLOCK_BYTES, left))
        if not block:
            return
        if left is not None:
            left -= len(block)
        yield block


def digest_of_blocks(blocks: Iterator[bytes]) -> ContentDigest:
    """Return the digest of blocks in their order, taking each once."""
    digester = Digester()
    for block in blocks:
        digester.update(block)
    return digester.digest()


def digest_of(source: Path | bytes) -> ContentDigest:
    """Return the digest of a file, or of bytes in memory.

    Raises OSError as the file system gives it.

    >>> digest_of(b"abc").sha256[:16], digest_of(b"abc").sha512[:16], digest_of(b"abc").size_bytes
    ('ba7816bf8f01cfea', 'ddaf35a193617aba', 3)
    """
    return digest_of_blocks(blocks_of(source))
