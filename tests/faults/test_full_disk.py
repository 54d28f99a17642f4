"""A disk that is full, at each place where the archive writes: told, nothing half-kept, and well again with room."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path

import httpx
import pytest

from examples.results import ExampleResult
from tests.faults.place import QUICK, Place, results
from tests.running import RunningService, wait_for

# Enough for the archive itself and a few deposits, little enough to be filled in an instant.
SIZES_MIB = {"staging": 4, "register": 6, "store": 6, "index": 16}

# The register may go on for a while in the room that its write-ahead log has already taken.
MOST_DEPOSITS = 60


@pytest.fixture(scope="module")
def disks(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Path]]:
    """Give a small file system for each place, in memory."""
    if os.geteuid() != 0:
        pytest.skip("only root may mount small file systems to fill")
    folder = tmp_path_factory.mktemp("disks")
    mounted: dict[str, Path] = {}
    try:
        for name, size in SIZES_MIB.items():
            path = folder / name
            path.mkdir()
            done = subprocess.run(
                ["mount", "-t", "tmpfs", "-o", f"size={size}m", "tmpfs", str(path)],
                capture_output=True,
                text=True,
                check=False,
            )
            if done.returncode != 0:
                # A container may keep even root from mounting.
                pytest.skip(f"no file system may be mounted here: {done.stderr.strip()}")
            mounted[name] = path
        yield mounted
    finally:
        for path in mounted.values():
            subprocess.run(["umount", "--lazy", str(path)], check=True)


@pytest.fixture(scope="module")
def place(disks: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> Place:
    """Return a place with everything on a small disk of its own."""
    folder = tmp_path_factory.mktemp("full")
    settings = {
        **QUICK,
        "ARCHIVE_DATA_DIR": str(folder / "data"),
        "ARCHIVE_STAGING_DIR": str(disks["staging"]),
        "ARCHIVE_REGISTER_URL": f"sqlite:///{disks['register'] / 'register.sqlite'}",
        "ARCHIVE_STORE_URL": f"file:{disks['store'] / 'objects'}",
        "ARCHIVE_INDEX_URL": f"embedded:{disks['index'] / 'index'}",
    }
    made = Place(settings, folder)
    made.prepare()
    return made


@pytest.fixture(scope="module")
def service(place: Place) -> Iterator[RunningService]:
    """Run the service for the whole module."""
    with place.running() as running:
        yield running


@pytest.fixture
def http(place: Place, service: RunningService) -> Iterator[httpx.Client]:
    """Give a client."""
    with place.client(service) as client:
        yield client


@pytest.fixture(scope="module")
def documents() -> Iterator[ExampleResult]:
    """Return results, each given once."""
    return results(seed=8)


@contextmanager
def filled(disk: Path) -> Iterator[None]:
    """Leave no room on the disk meanwhile."""
    ballast = disk / "ballast"
    with ballast.open("wb", buffering=0) as file:
        for block in (b"\0" * 65536, b"\0" * 4096, b"\0"):
            try:
                while True:
                    file.write(block)
            except OSError:
                continue
    try:
        yield
    finally:
        ballast.unlink()


@pytest.mark.parametrize("component", ["staging", "register", "store"])
def test_full_disk_is_unavailable_and_the_same_request_goes_through_when_there_is_room(
    disks: dict[str, Path], place: Place, http: httpx.Client, documents: Iterator[ExampleResult], component: str
) -> None:
    with filled(disks[component]):
        for result in islice(documents, MOST_DEPOSITS):
            answer = place.deposit(http, result)
            if answer.status_code != 201:
                break
        assert (answer.status_code, answer.json()["code"]) == (503, "unavailable"), answer.text
        assert answer.json()["component"] == component
        assert int(answer.headers["Retry-After"]) > 0
        assert httpx.get(http.base_url.join("/health/live")).status_code == 200
    place.deposit_surely(http, result)
    place.wait_until_searchable()
    assert place.problems() == []


def test_full_disk_of_the_index_delays_finding_and_nothing_else(
    disks: dict[str, Path], place: Place, http: httpx.Client, documents: Iterator[ExampleResult]
) -> None:
    with filled(disks["index"]):
        record = place.deposit_surely(http, next(documents)).json()["id"]
        shown = wait_for(
            "the record says why it cannot be found",
            lambda: (told := http.get(f"/records/{record}").json())["search_problem"] and told,
        )
        assert (shown["state"], shown["search_state"]) == ("stored", "waiting")
        assert http.get(f"/records/{record}/content").status_code == 200
    place.wait_until_searchable()
    assert place.problems() == []
