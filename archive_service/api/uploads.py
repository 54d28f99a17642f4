"""How many bodies are received at the same time, so that slow clients leave threads for everybody else.

A body on its way in holds a thread until it is there, and a client may take as long as it likes. So one caller's bodies
hold half of the threads at most, and all callers' three quarters: reading and searching go on whatever is sent.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from archive_service.errors import Message, Unavailable

# A burst of quick bodies passes within it; who waits holds a thread as well.
WAIT_SECONDS = 1.0

_RETRY_AFTER_SECONDS = 5


class UploadsInProgress:
    """Counts the bodies that are being received, by caller."""

    def __init__(self, web_threads: int) -> None:
        """Share out the threads that answer requests; with one or two of them nothing can be kept free."""
        self._most = max(1, web_threads * 3 // 4)
        self._most_of_one = max(1, web_threads // 2)
        self._of: Counter[str] = Counter()
        self._changed = threading.Condition()

    @contextmanager
    def one_more(self, caller_id: str) -> Iterator[None]:
        """Hold one of the places while a body is received. Raises Unavailable when none gets free soon."""
        with self._changed:
            if not self._changed.wait_for(lambda: self._has_place(caller_id), WAIT_SECONDS):
                raise _too_many()
            self._of[caller_id] += 1
        try:
            yield
        finally:
            with self._changed:
                self._of[caller_id] -= 1
                self._of += Counter()  # forgets callers without any
                self._changed.notify_all()

    def _has_place(self, caller_id: str) -> bool:
        return self._of[caller_id] < self._most_of_one and self._of.total() < self._most


def _too_many() -> Unavailable:
    return Unavailable(
        Message(
            "Too many uploads are in progress and have not ended. Let them end, then send the same request again.",
            "Có quá nhiều tệp đang được gửi mà chưa xong. Hãy chờ gửi xong rồi gửi lại đúng yêu cầu này.",
        ),
        component="uploads",
        retry_after_seconds=_RETRY_AFTER_SECONDS,
    )
