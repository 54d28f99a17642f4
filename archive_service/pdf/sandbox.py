"""The parent's side of the sandbox: hands a file to a confined process and takes its answer.

It must never read the file itself, never wait without an end, and never trust an answer: only messages that
decode come out, and how the process ended is told beside them. Descriptors travel by SCM_RIGHTS (unix(7)).
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from pathlib import Path

import archive_service
from archive_service.errors import Message as Sentence
from archive_service.errors import Misconfigured, Unavailable, unavailable
from archive_service.pdf.confinement import Confinement, ProcessLimits
from archive_service.pdf.frames import BadFrame, Decoder, Message, TakePortion
from archive_service.pdf.sandbox_server import EXIT_OUT_OF_MEMORY, EXIT_UNCONFINED

COMPONENT = "pdf-reader"

# Loading the libraries takes half a second; a machine under load gets its time.
_START_SECONDS = 60.0
# What the child's own clocks are given before the parent ends it.
_GRACE_SECONDS = 3.0
# How long a server may take to report a child that has already closed its answer.
_REPORT_SECONDS = 10.0
_STOP_SECONDS = 5.0
_PORTION_BYTES = 262_144
# All that the server is told of this process's environment: no setting and no secret of the archive.
_ENVIRONMENT = ("PATH", "LD_LIBRARY_PATH", "LANG", "LC_ALL", "TZ", "TESSDATA_PREFIX")


class Ending(StrEnum):
    """How a sandboxed process ended."""

    COMPLETE = "complete"
    OUT_OF_CPU = "out-of-cpu"
    OUT_OF_TIME = "out-of-time"
    OUT_OF_MEMORY = "out-of-memory"
    DIED = "died"


@dataclass(frozen=True, slots=True)
class Run:
    """One run of a task: its messages in order, how it ended, and what it used."""

    messages: tuple[Message, ...]
    ending: Ending
    cpu_seconds: float = 0.0
    peak_memory_bytes: int = 0


@dataclass(frozen=True, slots=True)
class Job:
    """A task for the sandbox, its options (JSON values only) and what it may use.

    ``aside`` are bytes of any length that the task finds among its options; ``take`` is given the file that it makes,
    portion by portion, and what it raises ends the task and comes out of ``run``.
    """

    task: str
    options: Mapping[str, object]
    limits: ProcessLimits
    aside: bytes = b""
    take: TakePortion | None = None


@dataclass(frozen=True, slots=True)
class SandboxSetup:
    """What a server loads (module of tasks, options of its ``load``) and how its children are confined."""

    tasks: str = "archive_service.pdf.tasks"
    preload: Mapping[str, object] = field(default_factory=dict)
    ways: tuple[Confinement, ...] = tuple(Confinement)
    processes: int = 2


class _ServerGone(Exception):
    """The server ended before it reported how the child did."""


@dataclass(frozen=True, slots=True)
class _Server:
    process: subprocess.Popen[bytes]
    socket: socket.socket
    sending: threading.Lock


class Sandbox:
    """Runs tasks on files, each in a process of its own, at most ``processes`` at one time. Thread-safe.

    The server is started with the first run and again whenever it has died; ``close`` ends it.
    """

    def __init__(self, setup: SandboxSetup) -> None:
        self._setup = setup
        self._slots = threading.BoundedSemaphore(setup.processes)
        self._starting = threading.Lock()
        self._server: _Server | None = None
        self._owner = os.getpid()
        self._closed = False

    def run(self, document: int, job: Job) -> Run:
        """Run the job on the open descriptor ``document`` and return what came of it.

        A server that dies under the job is started anew and the job tried once more.
        Raises Misconfigured when processes cannot be confined here, Unavailable when no server starts.
        """
        with self._slots:
            for _ in range(2):
                server = self._running_server()
                try:
                    return _try_run(server, document, job)
                except _ServerGone:
                    self._retire(server)
        return Run((), Ending.DIED)

    def server_pid(self) -> int | None:
        """Return the process id of the server while one is there."""
        server = self._server
        return server.process.pid if server else None

    def close(self) -> None:
        """End the server and all that it runs. Idempotent; later runs raise Unavailable."""
        with self._starting:
            self._closed = True
            self._discard()

    def _running_server(self) -> _Server:
        with self._starting:
            if self._closed:
                raise unavailable(COMPONENT)
            if self._owner != os.getpid():
                # A fork took this object along; the server belongs to the process that started it.
                self._server, self._owner = None, os.getpid()
            if self._server is not None and self._server.process.poll() is not None:
                self._discard()
            if self._server is None:
                self._server = _start(self._setup)
            return self._server

    def _retire(self, server: _Server) -> None:
        """Drop a server that failed, unless another thread has done so already."""
        with self._starting:
            if self._server is server:
                self._discard()

    def _discard(self) -> None:
        server, self._server = self._server, None
        if server is None or self._owner != os.getpid():
            return
        server.socket.close()
        try:
            server.process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            server.process.send_signal(signal.SIGKILL)
            server.process.wait()


def _try_run(server: _Server, document: int, job: Job) -> Run:
    ours, ear = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    answer, answer_in = os.pipe2(os.O_CLOEXEC)
    with ours, open(answer, "rb", buffering=0) as reading:
        try:
            with _aside(job.aside) as aside:
                _send(server, job, (document, answer_in, ear.fileno(), *aside))
        finally:
            os.close(answer_in)
            ear.close()
        return _collect(reading.fileno(), ours, job)


@contextlib.contextmanager
def _aside(data: bytes) -> Iterator[tuple[int, ...]]:
    """Give the descriptor of a file in memory with those bytes, none for no bytes."""
    if not data:
        yield ()
        return
    aside = os.memfd_create("aside", os.MFD_CLOEXEC)
    try:
        _write_all(aside, data)
        yield (aside,)
    finally:
        os.close(aside)


def _write_all(descriptor: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(descriptor, view) :]
    os.lseek(descriptor, 0, os.SEEK_SET)


def _start(setup: SandboxSetup) -> _Server:
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    environment = _server_environment()
    told = {"tasks": setup.tasks, "preload": dict(setup.preload), "ways": list(setup.ways)}
    command = [sys.executable, "-P", "-m", "archive_service.pdf.sandbox_server", json.dumps(told)]
    with theirs:
        process = subprocess.Popen(  # noqa: S603  # this very interpreter and this package
            command,
            stdin=theirs.fileno(),
            stdout=subprocess.DEVNULL,
            env=environment,
            start_new_session=True,  # Ctrl-C at the terminal is for the parent, who then ends the server
        )
    server = _Server(process, ours, threading.Lock())
    try:
        ours.settimeout(_START_SECONDS)
        if not ours.recv(4096):
            raise unavailable_reader()
        ours.settimeout(None)
    except (OSError, Unavailable) as silent:
        ours.close()
        process.kill()
        process.wait()
        raise unavailable_reader() from silent
    return server


def _server_environment() -> dict[str, str]:
    environment = {name: os.environ[name] for name in _ENVIRONMENT if name in os.environ}
    # The server must find this very package, however this process found it.
    package_folder = str(Path(archive_service.__file__).parent.parent)
    inherited = os.environ.get("PYTHONPATH")
    environment["PYTHONPATH"] = os.pathsep.join(filter(None, (package_folder, inherited)))
    # One thread only: the server forks, and the cores are shared out by ``processes``.
    environment["OMP_THREAD_LIMIT"] = "1"
    return environment


def unavailable_reader() -> Unavailable:
    """Return the error for a reader that cannot start, or a file that it cannot open."""
    return unavailable(COMPONENT, retry_after_seconds=30)


def _send(server: _Server, job: Job, descriptors: tuple[int, ...]) -> None:
    request = {"task": job.task, "options": dict(job.options), "limits": asdict(job.limits)}
    try:
        with server.sending:
            socket.send_fds(server.socket, [json.dumps(request).encode()], descriptors)
    except OSError as gone:
        raise _ServerGone from gone


def _collect(answer: int, ear: socket.socket, job: Job) -> Run:
    """Read the answer until the child has closed it, then the server's report of how the child ended."""
    deadline = time.monotonic() + job.limits.wall_seconds + _GRACE_SECONDS
    messages: list[Message] = []
    ended_by_us = None
    try:
        for portion in _portions(answer, Decoder(job.take), deadline):
            messages.extend(portion)
    except BadFrame:
        ended_by_us = Ending.DIED
    except TimeoutError:
        ended_by_us = Ending.OUT_OF_TIME
    if ended_by_us is not None:
        # One word is enough: the server kills the child.
        with contextlib.suppress(OSError):
            ear.send(b"end")
    report = _report(ear)
    ending = ended_by_us or _ending_of(report, job.limits)
    used = int(report["peak_kib"]) * 1024
    return Run(tuple(messages), ending, float(report["cpu"]), used)


def _portions(answer: int, decoder: Decoder, deadline: float) -> Iterator[list[Message]]:
    poll = select.poll()
    poll.register(answer, select.POLLIN)
    while True:
        left = deadline - time.monotonic()
        if left <= 0 or not poll.poll(left * 1000):
            raise TimeoutError
        portion = os.read(answer, _PORTION_BYTES)
        if not portion:
            return
        yield list(decoder.feed(portion))


def _report(ear: socket.socket) -> dict[str, float]:
    ear.settimeout(_REPORT_SECONDS)
    try:
        data = ear.recv(4096)
    except OSError as silent:
        raise _ServerGone from silent
    if not data:
        raise _ServerGone
    report: dict[str, float] = json.loads(data)
    return report


def _ending_of(report: Mapping[str, float], limits: ProcessLimits) -> Ending:
    """Tell how the child ended from its exit code, negative for a signal.

    Raises Misconfigured when the child could not be confined and therefore did nothing.
    """
    code = int(report["exit"])
    if code == EXIT_UNCONFINED:
        raise Misconfigured(
            Sentence(
                "This machine can confine no process: neither seccomp filters nor network namespaces work."
                " No PDF is read until one of them does; see docs/operations.md.",
                "Máy này không cô lập được tiến trình: cả bộ lọc seccomp lẫn không gian tên mạng đều không"
                " hoạt động. Chưa đọc tệp PDF nào cho đến khi khắc phục; xem docs/operations.md.",
            ),
            code="sandbox-not-confined",
        )
    if code == 0:
        return Ending.COMPLETE
    if code == EXIT_OUT_OF_MEMORY:
        return Ending.OUT_OF_MEMORY
    if code == -signal.SIGALRM:
        return Ending.OUT_OF_TIME
    # A process that ignores the first signal of the CPU limit is killed a second later.
    if code == -signal.SIGXCPU or (code == -signal.SIGKILL and report["cpu"] >= limits.cpu_seconds):
        return Ending.OUT_OF_CPU
    return Ending.DIED
