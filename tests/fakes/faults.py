"""Ports that fail when a test says so: a part that is down, or the whole process killed at a chosen call."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar, cast

from archive_service.errors import unavailable

T = TypeVar("T")


class Killed(BaseException):
    """The process ended here: nothing that follows runs, not even what tidies up after an ArchiveError."""


class Faults:
    """What goes wrong, and a count of the calls that pass through every port it watches.

    ``down`` names ports that answer Unavailable. ``kill_at`` is the number of the call (from 1) at which the process
    ends: before it has begun, or, with ``after``, when it has done its work and its answer is lost.
    """

    def __init__(self) -> None:
        self.down: set[str] = set()
        self.calls: list[str] = []
        self.kill_at: int | None = None
        self.after = False

    def watch(self, name: str, port: T) -> T:
        """Return the port, its methods watched."""
        return cast(T, _Watched(self, name, port))

    def heal(self) -> None:
        """Let everything work again, and count from the beginning."""
        self.down.clear()
        self.calls.clear()
        self.kill_at = None

    def call(self, name: str, ask: Callable[[], Any]) -> Any:
        """Make one call, or fail as planned."""
        if name.split(".", maxsplit=1)[0] in self.down:
            raise unavailable(name.split(".", maxsplit=1)[0])
        self.calls.append(name)
        fatal = len(self.calls) == self.kill_at
        if fatal and not self.after:
            raise Killed(name)
        answer = ask()
        if fatal:
            raise Killed(name)
        return answer


class _Watched:
    def __init__(self, faults: Faults, name: str, port: object) -> None:
        self._faults, self._name, self._port = faults, name, port

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._port, name)
        if not callable(found):
            return found
        return lambda *args, **named: self._faults.call(f"{self._name}.{name}", lambda: found(*args, **named))
