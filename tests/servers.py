"""The real servers that tests run against, as `scripts/test-servers` announces them in the environment.

It never starts a server, and never lets a missing one pass unseen: a skip for a person, a failure in CI.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import httpx
import pytest
import sqlalchemy as sa


def server_url(name: str, environment: Mapping[str, str]) -> str:
    """Return where the named server answers.

    Args:
        name: "minio", "versitygw", "elasticsearch" or "postgresql".
        environment: holds ARCHIVE_TEST_<NAME>_URL, or ARCHIVE_TEST_<NAME>_MISSING with the reason.

    Raises:
        pytest.skip.Exception: there is no such server.
        pytest.fail.Exception: there is none, and this is CI (CI=true).
    """
    variable = f"ARCHIVE_TEST_{name.upper()}"
    return _announced(name, environment, f"{variable}_URL")


def program_place(name: str, environment: Mapping[str, str]) -> str:
    """Return where the named program is: "verapdf", the folder of its libraries; "softhsm", its driver library.

    Raises as ``server_url``.
    """
    return _announced(name, environment, f"ARCHIVE_TEST_{name.upper()}")


def _announced(name: str, environment: Mapping[str, str], variable: str) -> str:
    place = environment.get(variable)
    if place is not None:
        return place
    missing = f"ARCHIVE_TEST_{name.upper()}_MISSING"
    reason = environment.get(missing, "not started: run the tests with scripts/test")
    message = f"no {name}: {reason}"
    if environment.get("CI") == "true":
        pytest.fail(message, pytrace=False)
    pytest.skip(message)


def unique_name(purpose: str) -> str:
    """Return a new name for a bucket, an index or a database: lower-case letters, digits and hyphens."""
    return f"test-{purpose}-{secrets.token_hex(6)}"


@contextmanager
def fresh_database(server: str) -> Iterator[str]:
    """Give the SQLAlchemy URL of a new, empty PostgreSQL database, and drop it afterwards.

    Args:
        server: SQLAlchemy URL of a database of that server, by a user who may create others.
    """
    name = unique_name("database")
    engine = sa.create_engine(server, isolation_level="AUTOCOMMIT", poolclass=sa.NullPool)
    with engine.connect() as connection:
        connection.execute(sa.text(f'CREATE DATABASE "{name}" TEMPLATE template0'))
    try:
        yield sa.make_url(server).set(database=name).render_as_string(hide_password=False)
    finally:
        with engine.connect() as connection:
            connection.execute(sa.text(f'DROP DATABASE "{name}" WITH (FORCE)'))
        engine.dispose()


@contextmanager
def fresh_index_prefix(server: str) -> Iterator[str]:
    """Give a new prefix for Elasticsearch indices, and delete every index that has it afterwards.

    Args:
        server: the server's address, `http://HOST:PORT`.
    """
    prefix = unique_name("index")
    try:
        yield prefix
    finally:
        with httpx.Client(base_url=server, timeout=30) as client:
            # By full name each: the server refuses to delete by pattern.
            for row in client.get(f"/_cat/indices/{prefix}*", params={"h": "index", "format": "json"}).json():
                client.delete(f"/{row['index']}").raise_for_status()
