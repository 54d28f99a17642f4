"""Bytes that differ each time and are the same in every run."""

from __future__ import annotations

import hashlib
import itertools


class CountedRandomness:
    """Gives digests of a counter; safe in several threads."""

    def __init__(self, seed: str = "") -> None:
        self._seed = seed
        self._count = itertools.count()

    def token(self, size_bytes: int) -> bytes:
        """Return the next bytes."""
        return hashlib.shake_256(f"{self._seed}:{next(self._count)}".encode()).digest(size_bytes)
