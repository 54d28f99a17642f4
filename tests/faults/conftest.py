"""Places to break: embedded ones, and ones on the servers."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import servers
from tests.faults.place import QUICK, Place

# Each of these starts the service several times, beside other tests on the same cores.
FAULT_SECONDS = 300


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Give these tests their own time."""
    for item in items:
        if Path(__file__).parent in item.path.parents and not item.get_closest_marker("timeout"):
            item.add_marker(pytest.mark.timeout(FAULT_SECONDS))


@pytest.fixture(scope="module")
def embedded(tmp_path_factory: pytest.TempPathFactory) -> Place:
    """Return a place with everything in one folder."""
    folder = tmp_path_factory.mktemp("embedded")
    place = Place({**QUICK, "ARCHIVE_DATA_DIR": str(folder / "data")}, folder)
    place.prepare()
    return place


@pytest.fixture(scope="module")
def on_servers(tmp_path_factory: pytest.TempPathFactory, postgresql_server_url: str, minio_url: str) -> Iterator[Place]:
    """Return a place with its register on PostgreSQL and its store on MinIO."""
    folder = tmp_path_factory.mktemp("servers")
    with servers.fresh_database(postgresql_server_url) as register:
        settings = {
            **QUICK,
            "ARCHIVE_DATA_DIR": str(folder / "data"),
            "ARCHIVE_REGISTER_URL": register,
            "ARCHIVE_STORE_URL": f"{minio_url}/{servers.unique_name('bucket')}",
        }
        place = Place(settings, folder)
        place.prepare()
        yield place
