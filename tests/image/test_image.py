"""The image keeps what the operations document promises of it. Run by `scripts/test-image`."""

from __future__ import annotations

import subprocess
from pathlib import Path

import httpx
import pytest

from archive_service import __version__
from tests.image.conftest import Image
from tests.running import free_port, hand_over, run_command, running_service, wait_for

USER = "10001"


def test_configuration_starts_the_service_as_nobodys_account(image: Image) -> None:
    assert image.config["User"] == f"{USER}:{USER}"
    assert image.config["Entrypoint"] == ["archive-service"]
    assert image.config["Cmd"] == ["serve"]
    assert list(image.config["Volumes"]) == ["/data"]
    assert list(image.config["ExposedPorts"]) == ["8080/tcp"]
    assert image.config["StopSignal"] == "SIGTERM"


def test_no_file_but_the_data_folder_belongs_to_the_service(image: Image) -> None:
    found = subprocess.run(
        ["find", image.root, "-xdev", "(", "-uid", USER, "-o", "-gid", USER, ")"],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert found.stdout.split() == [str(image.root / "data")]


def test_service_can_write_nowhere_but_where_it_must(image: Image) -> None:
    """Places that every user may write to are the ones that compose.yaml leaves writable or makes read-only."""
    found = subprocess.run(
        ["find", image.root, "-xdev", "-perm", "-o=w", "-not", "-type", "l", "-not", "-type", "c"],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    places = {"/" + str(Path(line).relative_to(image.root)) for line in found.stdout.splitlines()}
    assert places <= {"/tmp", "/var/tmp", "/run/lock", "/dev/shm", "/dev/mqueue"}


def test_root_file_system_is_read_only_where_the_journey_runs(image: Image, tmp_path: Path) -> None:
    """The journey beside this test proves something only if it could not write; ask the entrance it uses."""
    hand_over(tmp_path)
    data = image.root / "data"
    refused = run_command({"ARCHIVE_DATA_DIR": "/data"}, "upgrade")
    assert refused.code != 0
    assert not list(data.iterdir())
    taken = run_command({"ARCHIVE_DATA_DIR": str(tmp_path / "data")}, "upgrade")
    assert taken.code == 0, taken.err


def test_version_is_that_of_the_source() -> None:
    assert __version__ in run_command({}, "--version").out


@pytest.mark.timeout(180)
def test_service_ends_in_order_on_sigterm(tmp_path: Path) -> None:
    hand_over(tmp_path)
    with running_service({"ARCHIVE_DATA_DIR": str(tmp_path / "data")}, tmp_path) as service:
        assert len(service.processes()) > 1
        assert service.stop() == 0
        assert not service.processes()


@pytest.mark.timeout(180)
def test_container_that_buildah_runs_serves_and_its_doctor_is_content(image: Image, tmp_path: Path) -> None:
    hand_over(tmp_path)
    port = free_port()
    options = ("--volume", f"{tmp_path}:/data", "--env", f"ARCHIVE_LISTEN_PORT={port}")
    entry = image.config["Entrypoint"]
    with (tmp_path / "serve.log").open("wb") as log:
        service = subprocess.Popen(
            image.in_container(*entry, *image.config["Cmd"], options=options), stdout=log, stderr=log
        )
    try:
        wait_for("the container is ready", lambda: _is_ready(port))
        doctor = subprocess.run(image.in_container(*entry, "doctor", options=options), capture_output=True, check=False)
        assert doctor.returncode == 0, doctor.stdout + doctor.stderr
    finally:
        service.terminate()
        service.wait(40)


def _is_ready(port: int) -> bool:
    try:
        return httpx.get(f"http://127.0.0.1:{port}/health/ready", timeout=5).status_code == 200
    except httpx.HTTPError:
        return False
