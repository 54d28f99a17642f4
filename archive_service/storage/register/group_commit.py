"""One writer that lets several pieces of work share a durable commit.

A commit costs a flush to disk however little it holds; sharing it between requests that wait at the same time is
what makes one machine fast. Each piece of work stays all-or-nothing by itself, and none is answered before the
shared commit is durable.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import AbstractContextManager
from typing import Any, TypeVar

from archive_service.errors import unavailable
from archive_service.model.units import RegisterUnit

T = TypeVar("T")

Work = Callable[[RegisterUnit], Any]
Transaction = Callable[[], AbstractContextManager[Callable[[Work], Any]]]

# A transaction takes no more than this many pieces, so that the first one does not wait long for its answer.
LARGEST_GROUP = 64


class GroupCommit:
    """Runs pieces of work one after another in shared transactions. Its thread starts with the first piece."""

    def __init__(self, transaction: Transaction) -> None:
        self._transaction = transaction
        self._waiting: queue.SimpleQueue[tuple[Work, Future[Any]] | None] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None
        self._starting = threading.Lock()
        self._closed = False

    def run(self, work: Callable[[RegisterUnit], T]) -> T:
        """Run the work and return its result after the commit it shared; its error if it failed."""
        answer: Future[T] = Future()
        with self._starting:
            # Under the same lock as closing: what is put after the end would wait for ever.
            self._start()
            self._waiting.put((work, answer))
        return answer.result()

    def close(self) -> None:
        """Let what waits end, then end the thread."""
        with self._starting:
            if not self._closed:
                self._waiting.put(None)
            self._closed = True
            thread = self._thread
        if thread is not None:
            thread.join()

    def _start(self) -> None:
        if self._closed:
            raise unavailable("register")
        if self._thread is None:
            self._thread = threading.Thread(target=self._serve, name="register-writer", daemon=True)
            self._thread.start()

    def _serve(self) -> None:
        while (first := self._waiting.get()) is not None:
            group = [first]
            while len(group) < LARGEST_GROUP:
                try:
                    following = self._waiting.get_nowait()
                except queue.Empty:
                    break
                if following is None:
                    self._waiting.put(None)
                    break
                group.append(following)
            self._commit(group)

    def _commit(self, group: list[tuple[Work, Future[Any]]]) -> None:
        outcomes: list[tuple[Future[Any], Any, BaseException | None]] = []
        try:
            with self._transaction() as run:
                for work, answer in group:
                    try:
                        outcomes.append((answer, run(work), None))
                    except BaseException as raised:  # noqa: BLE001  # it belongs to whoever asked for the work
                        outcomes.append((answer, None, raised))
        except BaseException as failure:  # noqa: BLE001  # the commit failed: nobody's work is kept
            for _, answer in group:
                answer.set_exception(failure)
            return
        for answer, result, error in outcomes:
            if error is None:
                answer.set_result(result)
            else:
                answer.set_exception(error)
