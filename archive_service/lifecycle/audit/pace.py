"""How fast an audit reads: whoever deposits and reads meanwhile comes first."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

# What was not read during a pause may be read later, but for no more than this: whoever else reads must not meet an
# audit that makes up for an hour in which the store did not answer.
SAVED_SECONDS = 1.0


class Pace:
    """Waits so that no more bytes are read a second than that.

    Over any stretch of time it lets through so many bytes for each of its seconds and ``SAVED_SECONDS`` more, and the
    one object that is begun at its end.
    """

    def __init__(
        self,
        bytes_a_second: float,
        now: Callable[[], float] = time.monotonic,
        wait: Callable[[float], None] = time.sleep,
    ) -> None:
        self._rate, self._now, self._wait = bytes_a_second, now, wait
        self._turn = threading.Lock()
        # When everything let through so far has been read at the rate.
        self._done_at: float | None = None

    def __call__(self, read_bytes: int) -> None:
        """Take note of bytes about to be read, and wait until they may be; those who come meanwhile wait in turn."""
        with self._turn:
            now = self._now()
            done_at = now if self._done_at is None else max(self._done_at, now - SAVED_SECONDS)
            self._done_at = done_at + read_bytes / self._rate
            if done_at > now:
                self._wait(done_at - now)
