"""The server that forks one confined process a file: libraries are loaded once, in here, and inherited.

It must never read an untrusted document itself, never start a thread (it forks), and never outlive the process
that started it. Run as ``python -P -m archive_service.pdf.sandbox_server``; standard input is a socket of
``sandbox.Sandbox``.
"""

from __future__ import annotations

import contextlib
import gc
import importlib
import json
import os
import selectors
import signal
import socket
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn, Protocol

from archive_service.pdf.confinement import (
    Confinement,
    ProcessLimits,
    Unconfined,
    Walls,
    build_filter,
    confine,
    die_with_parent,
    limit,
)
from archive_service.pdf.frames import PORTION_BYTES, encode, encode_portion
from archive_service.pdf.landlock import build_ruleset, library_places

EXIT_UNCONFINED = 97
EXIT_OUT_OF_MEMORY = 98
EXIT_TASK_FAILED = 99

# How often the server looks whether its parent still lives, should a fork of the parent keep the socket open.
_PARENT_CHECK_SECONDS = 5.0
_REQUEST_BYTES = 65536

# A process that reads a document works long without a pause: whoever answers a person goes first (nice(2)). Where the
# kernel groups processes by session, the group has a niceness of its own, and only that counts (sched(7)).
_NICENESS = 5
_GROUP = Path("/proc/self/autogroup")

# What a task answers with: messages, and the bytes of a file that it makes, in order.
Emit = Callable[[Mapping[str, object] | bytes], None]
Task = Callable[[int, Mapping[str, Any], Emit], None]


class TaskModule(Protocol):
    """A module of tasks."""

    def load(self, options: Mapping[str, Any]) -> Mapping[str, Task]:
        """Load libraries and data that every child inherits; return what can be asked for, by name."""
        ...


@dataclass(frozen=True, slots=True)
class _Setup:
    """What every child takes over from the server."""

    tasks: Mapping[str, Task]
    walls: Walls


@dataclass(frozen=True, slots=True)
class _Request:
    """One file to read: descriptors of the document, the answer, the parent's ear for it, and what was said aside.

    Nothing was said aside where there is no descriptor for it.
    """

    task: str
    options: Mapping[str, object]
    limits: ProcessLimits
    document: int
    answer: int
    ear: int
    aside: tuple[int, ...]


class _Server:
    def __init__(self, parent: socket.socket, setup: _Setup) -> None:
        self._parent = parent
        self._setup = setup
        self._children: dict[int, socket.socket] = {}
        self._selector = selectors.DefaultSelector()
        self._woken, self._waker = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)

    def run(self) -> None:
        """Serve until the parent closes its end or dies."""
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.set_wakeup_fd(self._waker, warn_on_full_buffer=False)
        self._selector.register(self._parent, selectors.EVENT_READ)
        self._selector.register(self._woken, selectors.EVENT_READ)
        self._parent.send(json.dumps({"ready": True}).encode())
        started_by = os.getppid()
        while os.getppid() == started_by:
            for key, _ in self._selector.select(_PARENT_CHECK_SECONDS):
                if key.fileobj is self._parent:
                    if not self._take_request():
                        self._kill_all()
                        return
                elif key.fileobj == self._woken:
                    self._reap()
                else:
                    self._kill(key.data)
        self._kill_all()

    def _take_request(self) -> bool:
        """Fork for the next request; False when the parent has gone."""
        data, descriptors, _, _ = socket.recv_fds(self._parent, _REQUEST_BYTES, 4)
        if not data:
            return False
        message = json.loads(data)
        document, answer, ear, *aside = descriptors
        request = _Request(
            message["task"], message["options"], ProcessLimits(**message["limits"]), document, answer, ear, tuple(aside)
        )
        server = os.getpid()
        child = os.fork()
        if child == 0:
            _live_as_child(request, self._setup, server)
        for theirs in (document, answer, *aside):
            os.close(theirs)
        listener = socket.socket(fileno=ear)
        self._children[child] = listener
        self._selector.register(listener, selectors.EVENT_READ, child)
        return True

    def _reap(self) -> None:
        with contextlib.suppress(BlockingIOError):
            os.read(self._woken, 4096)
        while self._children:
            child, status, used = os.wait4(-1, os.WNOHANG)
            if child == 0:
                return
            listener = self._children.pop(child)
            with contextlib.suppress(KeyError):  # one that was killed is no longer listened to
                self._selector.unregister(listener)
            code = os.waitstatus_to_exitcode(status)
            report = {"exit": code, "cpu": used.ru_utime + used.ru_stime, "peak_kib": used.ru_maxrss}
            # The parent may have stopped listening.
            with contextlib.suppress(OSError), listener:
                listener.send(json.dumps(report).encode())

    def _kill(self, child: int) -> None:
        """The parent spoke, or closed its end: either way it wants the child gone. Reaping reports it."""
        if child in self._children:
            self._selector.unregister(self._children[child])
            os.kill(child, signal.SIGKILL)

    def _kill_all(self) -> None:
        for child in self._children:
            with contextlib.suppress(ProcessLookupError):
                os.kill(child, signal.SIGKILL)


def _live_as_child(request: _Request, setup: _Setup, server: int) -> NoReturn:
    """Confine this process, run the task, and end: nothing returns from here."""
    code = EXIT_TASK_FAILED
    try:
        die_with_parent(server)
        os.nice(_NICENESS)
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        ruleset = setup.walls.ruleset
        _keep_only(request.document, request.answer, *request.aside, *([] if ruleset is None else [ruleset]))
        limit(request.limits)
        confine(setup.walls)
        if ruleset is not None:
            os.close(ruleset)
        task = setup.tasks[request.task]

        def emit(answer: Mapping[str, object] | bytes) -> None:
            if isinstance(answer, bytes):
                for start in range(0, len(answer), PORTION_BYTES):
                    _write_all(request.answer, encode_portion(answer[start : start + PORTION_BYTES]))
            else:
                _write_all(request.answer, encode(answer))

        task(request.document, {**request.options, "aside": b"".join(map(_all_of, request.aside))}, emit)
        code = 0
    except Unconfined:
        code = EXIT_UNCONFINED
    except MemoryError:
        code = EXIT_OUT_OF_MEMORY
    except BaseException:  # noqa: BLE001  # the outermost place of this process: the parent reads the exit code
        code = EXIT_TASK_FAILED
    finally:
        os._exit(code)


def _keep_only(*descriptors: int) -> None:
    """Close every other descriptor; libraries that print, print into nothing."""
    nothing = os.open(os.devnull, os.O_RDWR)
    for standard in (0, 1, 2):
        os.dup2(nothing, standard)
    first = 3
    for kept in sorted(descriptors):
        os.closerange(first, kept)
        first = kept + 1
    os.closerange(first, os.sysconf("SC_OPEN_MAX"))


def _all_of(descriptor: int) -> bytes:
    with os.fdopen(descriptor, "rb") as file:
        return file.read()


def _write_all(descriptor: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(descriptor, view) :]


def main() -> None:
    """Load what the tasks need, say so, and serve."""
    setup = json.loads(sys.argv[1])
    parent = socket.socket(fileno=os.dup(0))
    module: TaskModule = importlib.import_module(setup["tasks"])
    tasks = module.load(setup["preload"])
    ways = tuple(Confinement(way) for way in setup["ways"])
    gc.collect()
    # What is there now is never garbage: left alone, its pages stay shared with the children.
    gc.freeze()
    with contextlib.suppress(OSError):  # not there, or not ours to change
        _GROUP.write_text(str(_NICENESS), encoding="ascii")
    walls = Walls(ways, build_filter(), build_ruleset(library_places()))
    _Server(parent, _Setup(tasks, walls)).run()


if __name__ == "__main__":
    main()
