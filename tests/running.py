"""A real ``archive-service serve`` for tests: started with given settings on a free port, stopped at the end.

What it logged is shown when it does not come up, and can be read by a test at any time.
"""

from __future__ import annotations

import json
import os
import shlex
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

PROJECT = Path(__file__).resolve().parents[1]

# On a quiet machine it takes three seconds; on two cores with ten programs waiting for them fifty were seen.
READY_SECONDS = 90.0
STOP_SECONDS = 40.0


def deposit_parts(pdf: bytes, metadata: Mapping[str, Any]) -> dict[str, tuple[str | None, bytes, str]]:
    """Return the two parts of a deposit as the HTTP client sends them."""
    said = json.dumps(metadata, ensure_ascii=False).encode()
    return {"metadata": (None, said, "application/json"), "file": ("result.pdf", pdf, "application/pdf")}


def free_port() -> int:
    """Return a loopback port that nobody listens on at the moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def environment(settings: Mapping[str, str]) -> dict[str, str]:
    """Return the environment of a command: this one without any ARCHIVE_ setting, and those given."""
    own = {name: value for name, value in os.environ.items() if not name.startswith("ARCHIVE_")}
    return {**own, **settings, "PYTHONPATH": str(PROJECT)}


def command(*arguments: str) -> list[str]:
    """Return how ``archive-service ARGUMENTS`` is called: here, or in the image that ``scripts/test-image`` built."""
    entered = shlex.split(os.environ.get("ARCHIVE_TEST_COMMAND", ""))
    return [*(entered or [sys.executable, "-m", "archive_service"]), *arguments]


def hand_over(folder: Path) -> None:
    """Let the service write into a folder of a test, where it runs as a user of its own, as in the image."""
    if user := os.environ.get("ARCHIVE_TEST_USER"):
        os.chown(folder, int(user), int(user))
        folder.parent.chmod(0o711)


def wait_for(what: str, probe: Callable[[], Any], seconds: float = READY_SECONDS) -> Any:
    """Return the first truthy answer of ``probe``; fail when there is none in time."""
    ends = time.monotonic() + seconds
    while time.monotonic() < ends:
        if answer := probe():
            return answer
        time.sleep(0.1)
    raise AssertionError(f"not within {seconds:.0f} s: {what}")


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a command ended."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """What it printed for machines."""
        return json.loads(self.out)


@dataclass
class RunningService:
    """``archive-service serve`` on a loopback port, with its settings and its log file."""

    settings: Mapping[str, str]
    log_file: Path
    port: int = field(default_factory=free_port)
    options: Sequence[str] = ()
    _process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """Where it answers."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def pid(self) -> int:
        """The process id of the command itself."""
        assert self._process is not None
        return self._process.pid

    @property
    def log(self) -> str:
        """Everything it and its worker wrote so far."""
        return self.log_file.read_text(encoding="utf-8") if self.log_file.exists() else ""

    def start(self, *, wait: bool = True) -> None:
        """Start it and wait until it takes deposits."""
        with self.log_file.open("ab") as log:
            self._process = subprocess.Popen(
                command("serve", "--port", str(self.port), *self.options),
                env=environment(self.settings),
                cwd=self.log_file.parent,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        if wait:
            wait_for("the service is ready", self._is_ready)

    def stop(self) -> int:
        """Send SIGTERM, wait for the end, and return the exit code. Nothing happens when it ended already."""
        if self._process is None:
            return 0
        self._process.terminate()
        try:
            return self._process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.kill()
            raise AssertionError(f"SIGTERM did not end the service:\n{self.log}") from None

    def kill(self) -> None:
        """End every process of it at once, as a power cut does."""

        def are_gone() -> bool:
            # Again and again: one of them may be starting another at this moment.
            for pid in self.processes():
                kill(pid)
            return not self.processes()

        wait_for("every process is gone", are_gone)
        if self._process is not None:
            self._process.wait(STOP_SECONDS)

    def wait(self, seconds: float = STOP_SECONDS) -> int:
        """Return the exit code of a service that ends by itself."""
        assert self._process is not None
        return self._process.wait(seconds)

    def processes(self, words: str = "") -> list[int]:
        """Return the ids of its living processes, of its own session, whose command line holds ``words``."""
        if self._process is None:
            return []
        session = self._process.pid
        living = (folder for folder in Path("/proc").iterdir() if folder.name.isdigit())
        return sorted(int(folder.name) for folder in living if _belongs(folder, session, words))

    def serving(self) -> list[int]:
        """Return the ids of the service and its web process; where it can, the server gives them titles of its own."""
        return sorted({*self.processes("archive_service serve"), *self.processes("granian")})

    def run(self, *arguments: str, settings: Mapping[str, str] | None = None) -> Outcome:
        """Run ``archive-service ARGUMENTS`` on the same settings."""
        return run_command({**self.settings, **(settings or {})}, *arguments)

    def _is_ready(self) -> bool:
        assert self._process is not None
        if self._process.poll() is not None:
            raise AssertionError(f"the service ended with {self._process.returncode}:\n{self.log}")
        try:
            return httpx.get(f"{self.url}/health/ready", timeout=5).status_code == 200
        except httpx.HTTPError:
            return False


def run_command(settings: Mapping[str, str], *arguments: str, seconds: float = 100) -> Outcome:
    """Run ``archive-service ARGUMENTS`` with settings to its end."""
    done = subprocess.run(
        command(*arguments), env=environment(settings), capture_output=True, text=True, timeout=seconds, check=False
    )
    return Outcome(done.returncode, done.stdout, done.stderr)


@contextmanager
def running_service(settings: Mapping[str, str], folder: Path, *options: str) -> Iterator[RunningService]:
    """Run a service whose log lies in ``folder``; it is printed at the end, which pytest shows when a test failed."""
    service = RunningService(settings, folder / "serve.log", options=options)
    try:
        service.start()
        yield service
    finally:
        try:
            service.stop()
        finally:
            service.kill()
            sys.stdout.write(f"--- log of the service ---\n{service.log[-20_000:]}\n")


def kill(pid: int) -> None:
    """End a process at once; one that is gone is a success."""
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        return


def _belongs(folder: Path, session: int, words: str) -> bool:
    """Whether the process is of the session, alive, and its command line holds the words."""
    try:
        after_name = (folder / "stat").read_text().rpartition(")")[2].split()
        line = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
    except (FileNotFoundError, ProcessLookupError):
        return False
    state, of_session = after_name[0], int(after_name[3])
    return of_session == session and state != "Z" and words in line
