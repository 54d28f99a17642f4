"""Several pieces of work share a durable commit.

A commit costs a flush to disk however little it holds; sharing it between requests that wait at the same time is
what makes one machine fast. Each piece of work stays all-or-nothing by itself, and none is answered before the
shared commit is durable.

There is no thread for it: who comes while nobody writes does it at once, in the thread that waits for the answer
anyway, so that a piece that is alone wakes nobody. Who comes meanwhile waits; the first of them writes next, for all.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from contextlib import AbstractContextManager, suppress
from typing import Any, TypeVar

from archive_service.errors import unavailable
from archive_service.model.units import RegisterUnit

T = TypeVar("T")

Work = Callable[[RegisterUnit], Any]
Transaction = Callable[[], AbstractContextManager[Callable[[Work], Any]]]

# A transaction takes no more than this many pieces, so that the first one does not wait long for its answer.
LARGEST_GROUP = 64


class _Piece:
    """One piece of work, and whoever waits for it: until it is done, or until it is its turn to write."""

    __slots__ = ("_woken", "done", "error", "is_turn", "result", "work")

    def __init__(self, work: Work) -> None:
        self.work = work
        self.done = False
        self.is_turn = False
        self.result: Any = None
        self.error: BaseException | None = None
        self._woken = threading.Lock()
        self._woken.acquire()

    def wait(self) -> None:
        """Return when it is done, or when its turn has come."""
        self._woken.acquire()

    def wake(self) -> None:
        """Let whoever waits go on."""
        self._woken.release()

    def answer(self) -> Any:
        """Return the result, or raise the error."""
        if self.error is not None:
            raise self.error
        return self.result


class GroupCommit:
    """Runs pieces of work one after another in shared transactions. Safe to use from several threads."""

    def __init__(self, transaction: Transaction) -> None:
        self._transaction = transaction
        self._changing = threading.Condition()
        self._waiting: deque[_Piece] = deque()
        self._is_writing = False
        self._closed = False

    def run(self, work: Callable[[RegisterUnit], T]) -> T:
        """Run the work and return its result after the commit it shared; its error if it failed."""
        piece = _Piece(work)
        try:
            self._line_up(piece)
            if not piece.is_turn:
                piece.wait()
            if not piece.done:
                self._commit(self._group_of(piece))
        finally:
            # Also for one who is interrupted: the others must not wait for him.
            self._leave(piece)
        result: T = piece.answer()
        return result

    def close(self) -> None:
        """Let what waits end, and take nothing more."""
        with self._changing:
            self._closed = True
            self._changing.wait_for(lambda: not self._is_writing)

    def _line_up(self, piece: _Piece) -> None:
        """Let the piece wait behind whoever writes; where nobody does, it is its turn."""
        with self._changing:
            if self._closed:
                raise unavailable("register")
            if self._is_writing:
                self._waiting.append(piece)
            else:
                self._is_writing = piece.is_turn = True

    def _group_of(self, first: _Piece) -> list[_Piece]:
        """Return the piece whose turn it is and those that wait behind it."""
        with self._changing:
            following = min(len(self._waiting), LARGEST_GROUP - 1)
            return [first, *(self._waiting.popleft() for _ in range(following))]

    def _leave(self, piece: _Piece) -> None:
        """Let the next one write after whose turn it was; nobody's turn comes who is gone."""
        if piece.done and not piece.is_turn:
            return
        with self._changing:
            if not piece.is_turn:
                with suppress(ValueError):  # taken along by whoever writes now
                    self._waiting.remove(piece)
            elif self._waiting:
                following = self._waiting.popleft()
                following.is_turn = True
                following.wake()
            else:
                self._is_writing = False
                self._changing.notify_all()

    def _commit(self, group: list[_Piece]) -> None:
        try:
            with self._transaction() as run:
                for piece in group:
                    try:
                        piece.result = run(piece.work)
                    except BaseException as raised:  # noqa: BLE001  # it belongs to whoever asked for the work
                        piece.error = raised
        except BaseException as failure:  # noqa: BLE001  # the commit failed: nobody's work is kept
            for piece in group:
                piece.error = failure
        for piece in group:
            piece.done = True
        for piece in group[1:]:
            piece.wake()
