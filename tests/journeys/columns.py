"""The combinations of real parts that the same journeys run on, as settings of the service."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path

import pytest

from tests import servers


class Column(StrEnum):
    """What register, store and index are."""

    EMBEDDED = "sqlite+folder+embedded"
    SERVERS = "postgresql+minio+elasticsearch"
    GATEWAY = "sqlite+versitygw+embedded"


# A dead worker's work is taken up again soon, and evidence is made often, so that a test of it is short.
_COMMON = {
    "ARCHIVE_JOB_LEASE_SECONDS": "6",
    "ARCHIVE_WORKER_PROCESSES": "2",
    "ARCHIVE_CHECKER_PROCESSES": "2",
    "ARCHIVE_CHECKPOINT_SECONDS": "2",
    "ARCHIVE_TIMESTAMP_SECONDS": "60",
}


def settings_of(column: Column, folder: Path, request: pytest.FixtureRequest) -> dict[str, str]:
    """Return the settings of a service on fresh parts of that column; what is not set lies in ``folder``."""
    settings = {**_COMMON, "ARCHIVE_DATA_DIR": str(folder / "data")}
    if column is Column.SERVERS:
        settings["ARCHIVE_REGISTER_URL"] = request.getfixturevalue("postgresql_url")
        settings["ARCHIVE_STORE_URL"] = f"{request.getfixturevalue('minio_url')}/{servers.unique_name('bucket')}"
        settings["ARCHIVE_INDEX_URL"] = request.getfixturevalue("elasticsearch_url")
        settings["ARCHIVE_INDEX_NAME"] = request.getfixturevalue("fresh_index_prefix")
    if column is Column.GATEWAY:
        settings["ARCHIVE_STORE_URL"] = f"{request.getfixturevalue('versitygw_url')}/{servers.unique_name('bucket')}"
    return settings
