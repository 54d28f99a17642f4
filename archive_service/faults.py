"""Kills this process at a named call of a port: how tests prove that a kill anywhere loses nothing.

For tests only, armed by the setting ``kill_at``: a point, or a folder of points. The steps know nothing of it: the
ports of the archive are wrapped, and only when the setting is there. It must never change what a call does, but for
ending the process, or for keeping a call from going on until somebody ends it.
"""

from __future__ import annotations

import dataclasses
import os
import re
import signal
import threading
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Protocol

from archive_service.model.archive import Archive
from archive_service.settings import KILL_POINT

_PORTS = ("register", "store", "index", "pdf", "staging", "sealer")


@dataclass(frozen=True, slots=True)
class KillPoint:
    """The call at which the process ends: when it is about to begin, or when it is done and nobody knows."""

    call: str
    is_after: bool
    number: int

    @classmethod
    def parse(cls, text: str) -> KillPoint:
        """Return the point that the text names. Raises ValueError when it is not of the form ``KILL_POINT``.

        >>> KillPoint.parse("store.put:after:2")
        KillPoint(call='store.put', is_after=True, number=2)
        """
        match = re.fullmatch(KILL_POINT, text)
        if match is None:
            raise ValueError(text)
        return cls(match[1], match[2] == "after", int(match[3]))


def armed(archive: Archive, kill_at: str) -> Archive:
    """Return the same archive, but for what the setting says.

    A point: the process ends by SIGKILL at it; calls of all threads count. A folder: see ``_Traps``.
    """
    fuse: _Watch = _Traps(Path(kill_at)) if kill_at.startswith("/") else _Fuse(KillPoint.parse(kill_at), _end)
    ports: dict[str, Any] = {name: getattr(archive, name) for name in _PORTS}
    ports = {name: _Port(fuse, name, port) for name, port in ports.items() if port is not None}
    return dataclasses.replace(archive, **ports)


class _Watch(Protocol):
    """Sees every call of a port."""

    def call(self, name: str, ask: Callable[[], Any]) -> Any:
        """Make the call, unless its time has come."""
        ...


class _Fuse:
    """Counts the calls of one method, and ends everything at the one that was named."""

    def __init__(self, point: KillPoint, end: Callable[[], object]) -> None:
        self._point = point
        self._end = end
        self._counting = threading.Lock()
        self._count = 0

    def call(self, name: str, ask: Callable[[], Any]) -> Any:
        if name != self._point.call:
            return ask()
        if not self._point.is_after:
            self._burn()
            return ask()
        # A call that failed, and is made again, was not done.
        answer = ask()
        self._burn()
        return answer

    def _burn(self) -> None:
        with self._counting:
            self._count += 1
            is_here = self._count == self._point.number
        if is_here:
            self._end()


class _Traps:
    """Lets many threads wait, each at a point of its own, so that one kill meets all of them.

    A file ``<number>-<thread>@<point>.armed`` in the folder is taken (renamed to ``.taken``) by the next thread of a
    name that begins so and that makes a call; its calls count from then on. At its point it stops for good, the file
    renamed to ``.held``.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._of_thread = threading.local()

    def call(self, name: str, ask: Callable[[], Any]) -> Any:
        fuse = getattr(self._of_thread, "fuse", None) or self._take()
        return ask() if fuse is None else fuse.call(name, ask)

    def _take(self) -> _Fuse | None:
        for waiting in self._folder.glob("*.armed"):
            whose, _, point = waiting.stem.partition("@")
            if not threading.current_thread().name.startswith(whose.partition("-")[2]):
                continue
            taken = waiting.with_suffix(".taken")
            try:
                waiting.rename(taken)
            except FileNotFoundError:
                continue  # another thread was quicker
            self._of_thread.fuse = fuse = _Fuse(KillPoint.parse(point), partial(_hold, taken))
            return fuse
        return None


class _Port:
    """A port whose calls are counted. A rebuild of the index is a port of its own, named ``build``."""

    def __init__(self, fuse: _Watch, name: str, port: object) -> None:
        self._fuse, self._name, self._port = fuse, name, port

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._port, name)
        if not callable(found):
            return found
        full_name = f"{self._name}.{name}"

        def call(*arguments: Any, **named: Any) -> Any:
            answer = self._fuse.call(full_name, lambda: found(*arguments, **named))
            return _Port(self._fuse, "build", answer) if full_name == "index.build" else answer

        return call


def _end() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def _hold(taken: Path) -> None:
    taken.rename(taken.with_suffix(".held"))
    threading.Event().wait()
