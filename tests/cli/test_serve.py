"""The service as processes: it ends cleanly, its worker comes back, and what is wrong at start is told."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.running import RunningService, command, environment, free_port, kill, run_command, running_service, wait_for

# A cold start of web process and worker, with other tests on the same cores.
pytestmark = pytest.mark.timeout(120)


@pytest.fixture
def service(tmp_path: Path) -> Iterator[RunningService]:
    """Run the embedded service."""
    with running_service({"ARCHIVE_DATA_DIR": str(tmp_path / "data")}, tmp_path) as running:
        yield running


def worker_of(service: RunningService) -> list[int]:
    """Return the process id of the service's worker."""
    return service.processes("archive_service worker")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_service_that_is_told_to_end_ends_within_seconds_and_leaves_no_process(
    service: RunningService, number: signal.Signals
) -> None:
    wait_for("the worker runs", lambda: worker_of(service))
    began = time.monotonic()
    os.kill(service.pid, number)
    assert service.wait() == 0
    assert time.monotonic() - began < 15
    assert service.processes() == []
    with pytest.raises(httpx.ConnectError):
        httpx.get(service.url)


def test_worker_that_died_is_started_again(service: RunningService) -> None:
    (first,) = wait_for("the worker runs", lambda: worker_of(service))
    kill(first)
    (second,) = wait_for("another worker runs", lambda: [pid for pid in worker_of(service) if pid != first])
    assert second != first
    assert httpx.get(f"{service.url}/health/ready").status_code == 200


def test_worker_does_not_outlive_a_service_that_was_killed(service: RunningService) -> None:
    (worker,) = wait_for("the worker runs", lambda: worker_of(service))
    wait_for("the worker does its work", lambda: "ready" in service.log or worker_of(service))
    kill(service.pid)
    wait_for("the worker is gone", lambda: worker not in service.processes(), 30)


def test_service_without_a_worker_has_none(tmp_path: Path) -> None:
    with running_service({"ARCHIVE_DATA_DIR": str(tmp_path / "data")}, tmp_path, "--no-worker") as service:
        assert worker_of(service) == []


def test_port_in_use_is_told_and_nothing_stays(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        service = RunningService({"ARCHIVE_DATA_DIR": str(tmp_path / "data")}, tmp_path / "log", port=port)
        service.start(wait=False)
        try:
            assert service.wait() != 0
        finally:
            service.kill()
    assert f"127.0.0.1:{port}" in service.log
    assert "Error:" in service.log
    assert "ARCHIVE_LISTEN_PORT" in service.log
    assert "Traceback" not in service.log


@pytest.mark.parametrize(
    ("settings", "named"),
    [
        ({"ARCHIVE_REGISTER_URL": "mysql://someone:geheim@host/db"}, "ARCHIVE_REGISTER_URL"),
        ({"ARCHIVE_STORE_URL": "ftp://someone:geheim@host/bucket"}, "ARCHIVE_STORE_URL"),
        ({"ARCHIVE_INDEX_URL": "solr://someone:geheim@host"}, "ARCHIVE_INDEX_URL"),
        ({"ARCHIVE_LISTEN_PORT": "geheim"}, "ARCHIVE_LISTEN_PORT"),
        ({"ARCHIVE_FINDING_POLICY_FILE": "/nowhere/policy.toml"}, "ARCHIVE_FINDING_POLICY_FILE"),
    ],
)
def test_wrong_setting_is_named_without_its_value(tmp_path: Path, settings: dict[str, str], named: str) -> None:
    everything = {"ARCHIVE_DATA_DIR": str(tmp_path / "data"), **settings}
    done = run_command(everything, "serve", "--port", str(free_port()), seconds=60)
    assert done.code == 2, done.err
    assert named in done.err
    assert "geheim" not in done.err + done.out
    assert "Traceback" not in done.err


def test_worker_alone_ends_when_it_is_told_to(tmp_path: Path) -> None:
    with (tmp_path / "log").open("wb") as log:
        process = subprocess.Popen(
            command("worker"), env=environment({"ARCHIVE_DATA_DIR": str(tmp_path / "data")}), stdout=log, stderr=log
        )
        try:
            wait_for("the worker has its index", (tmp_path / "data" / "objects").exists)
            time.sleep(1)
            process.terminate()
            assert process.wait(20) == 0
        finally:
            process.kill()
            process.wait()
    assert b"Traceback" not in (tmp_path / "log").read_bytes()


def test_web_process_that_died_is_started_again(service: RunningService) -> None:
    (first,) = [pid for pid in service.serving() if pid != service.pid]
    kill(first)
    wait_for("another one runs", lambda: set(service.serving()) - {service.pid, first})
    wait_for("it answers", lambda: _answers(service))


def _answers(service: RunningService) -> bool:
    try:
        return httpx.get(f"{service.url}/health/ready", timeout=5).status_code == 200
    except httpx.HTTPError:
        return False
