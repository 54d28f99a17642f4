"""How fast an audit reads: whoever deposits and reads meanwhile comes first."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable


class Pace:
    """Waits so that no more bytes are read a second than that, over the whole run."""

    def __init__(
        self,
        bytes_a_second: float,
        now: Callable[[], float] = time.monotonic,
        wait: Callable[[float], None] = time.sleep,
    ) -> None:
        self._rate, self._now, self._wait = bytes_a_second, now, wait
        self._turn = threading.Lock()
        self._began: float | None = None
        self._read = 0

    def __call__(self, read_bytes: int) -> None:
        """Take note of bytes about to be read, and wait until they may be; those who come meanwhile wait in turn."""
        with self._turn:
            if self._began is None:
                self._began = self._now()
            ahead = self._read / self._rate - (self._now() - self._began)
            self._read += read_bytes
            if ahead > 0:
                self._wait(ahead)
