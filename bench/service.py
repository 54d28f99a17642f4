"""A running service for a bench: its own folder and port, reference data and a key; stopped at the end."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from bench.filled_index import cache_folder
from bench.machine import children_of, command_of, spread

PROJECT = Path(__file__).resolve().parents[1]
REAL = "archive_service.api.wsgi:build"
UNCHECKED = "bench.wsgi:build_unchecked"
SINK = "bench.wsgi:build_sink"
_READY_SECONDS = 60.0
_STOP_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class Service:
    """Where it listens, its folder, a key that may do everything, and its processes."""

    port: int
    folder: Path
    key: str
    process: subprocess.Popen[bytes]

    def pids(self, words: str = "") -> list[int]:
        """Return its living processes whose command line holds ``words``."""
        return [pid for pid in children_of(self.process.pid) if words in command_of(pid)]

    @property
    def web_pid(self) -> int:
        """The process that answers requests: the one with the blocking threads, forked from the command."""
        children = [pid for pid in self.pids() if "worker" not in command_of(pid)]
        return next(pid for pid in children if pid != self.process.pid and "sandbox" not in command_of(pid))

    @property
    def headers(self) -> dict[str, str]:
        """What proves who asks."""
        return {"Authorization": f"Bearer {self.key}"}

    def get(self, path: str, method: str = "GET") -> dict[str, object]:
        """Return the JSON of one request."""
        asked = urllib.request.Request(f"http://127.0.0.1:{self.port}{path}", headers=self.headers, method=method)
        with urllib.request.urlopen(asked, timeout=60) as answer:
            return dict(json.load(answer))


@contextmanager
def work_folder() -> Iterator[Path]:
    """Give a folder on the disk that is measured, and remove it."""
    spread(cache_folder())
    folder = Path(tempfile.mkdtemp(prefix="run-", dir=cache_folder()))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def running(
    application: str = REAL, *, worker: bool = False, settings: Mapping[str, str] | None = None
) -> Iterator[Service]:
    """Run the service with an application on a fresh data folder; with a worker beside it where asked."""
    with work_folder() as folder:
        environment = _environment(folder, settings or {})
        port = _free_port()
        if application != SINK:
            _run(environment, "load-reference", str(PROJECT / "examples" / "reference"))
        key = "" if application == SINK else _make_key(environment)
        command = [sys.executable, "-m", "bench.serve", application, str(port)]
        if worker:
            command = [sys.executable, "-m", "archive_service", "serve", "--port", str(port)]
        with (folder / "log").open("wb") as log:
            process = subprocess.Popen(command, env=environment, stdout=log, stderr=log, cwd=folder)
        try:
            _wait(process, port, folder / "log", "/" if application == SINK else "/health/ready")
            yield Service(port, folder, key, process)
        finally:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(_STOP_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _environment(folder: Path, settings: Mapping[str, str]) -> dict[str, str]:
    own = {name: value for name, value in os.environ.items() if not name.startswith("ARCHIVE_")}
    return own | {"ARCHIVE_DATA_DIR": str(folder / "data"), "PYTHONPATH": str(PROJECT), **settings}


def _run(environment: Mapping[str, str], *arguments: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "archive_service", *arguments],
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    if done.returncode:
        raise RuntimeError(f"{arguments[0]} failed: {done.stderr}")
    return done.stdout


def _make_key(environment: Mapping[str, str]) -> str:
    roles = [part for role in ("depositor", "archivist", "auditor") for part in ("--role", role)]
    made = _run(environment, "api-key", "create", "--name", "bench", "--office", "BHXH", *roles, "--json")
    return str(json.loads(made)["key"])


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _wait(process: subprocess.Popen[bytes], port: int, log: Path, path: str) -> None:
    ends = time.monotonic() + _READY_SECONDS
    while time.monotonic() < ends and process.poll() is None:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=5):
                return
        except (urllib.error.URLError, OSError):
            time.sleep(0.1)
    raise RuntimeError(f"the service did not start: {log.read_text(encoding='utf-8')[-2000:]}")
