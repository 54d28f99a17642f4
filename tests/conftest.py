"""Fixtures for every test: the real servers, fresh names on them, and the shared data beside the project."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import servers

SHARED_DATA = Path(__file__).resolve().parent.parent.parent / "shared" / "data"


@pytest.fixture(scope="session")
def minio_url() -> str:
    """`s3+http://ACCESS:SECRET@HOST:PORT` of a real MinIO, without a bucket."""
    return servers.server_url("minio", os.environ)


@pytest.fixture(scope="session")
def versitygw_url() -> str:
    """`s3+http://ACCESS:SECRET@HOST:PORT` of a real versitygw, without a bucket."""
    return servers.server_url("versitygw", os.environ)


@pytest.fixture(scope="session")
def elasticsearch_url() -> str:
    """`http://HOST:PORT` of a real Elasticsearch."""
    return servers.server_url("elasticsearch", os.environ)


@pytest.fixture(scope="session")
def postgresql_server_url() -> str:
    """SQLAlchemy URL of a real PostgreSQL's maintenance database, for a user who may do anything."""
    return servers.server_url("postgresql", os.environ)


@pytest.fixture
def postgresql_url(postgresql_server_url: str) -> Iterator[str]:
    """SQLAlchemy URL of a new, empty PostgreSQL database, dropped after the test."""
    with servers.fresh_database(postgresql_server_url) as url:
        yield url


@pytest.fixture
def fresh_bucket() -> str:
    """Return the name of a bucket that does not exist yet."""
    return servers.unique_name("bucket")


@pytest.fixture
def fresh_index_prefix(elasticsearch_url: str) -> Iterator[str]:
    """Give a prefix that no Elasticsearch index has yet; those that have it are deleted after the test."""
    with servers.fresh_index_prefix(elasticsearch_url) as prefix:
        yield prefix


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Return the folder of real scans and PDF corpora that lies beside the project."""
    if not SHARED_DATA.is_dir():
        pytest.skip("the shared data are not beside this clone (../shared/data)")
    return SHARED_DATA
