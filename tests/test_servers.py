"""The rule about missing servers, and that each server found is the real one."""

from __future__ import annotations

import httpx
import pytest
import sqlalchemy as sa

from tests import servers

NAMES = ["minio", "versitygw", "elasticsearch", "postgresql"]


@pytest.mark.parametrize("name", NAMES)
def test_missing_server_is_a_skip_with_its_reason_for_a_person(name: str) -> None:
    environment = {f"ARCHIVE_TEST_{name.upper()}_MISSING": "no network"}
    with pytest.raises(pytest.skip.Exception, match=f"no {name}: no network"):
        servers.server_url(name, environment)


@pytest.mark.parametrize("name", NAMES)
def test_missing_server_is_a_failure_with_its_reason_in_ci(name: str) -> None:
    environment = {f"ARCHIVE_TEST_{name.upper()}_MISSING": "no network", "CI": "true"}
    with pytest.raises(pytest.fail.Exception, match=f"no {name}: no network"):
        servers.server_url(name, environment)


def test_server_that_nobody_started_says_how_to_start_it() -> None:
    with pytest.raises(pytest.skip.Exception, match="scripts/test"):
        servers.server_url("minio", {})


def test_server_that_is_there_is_given_in_ci_too() -> None:
    environment = {"ARCHIVE_TEST_MINIO_URL": "s3+http://a:b@127.0.0.1:1", "CI": "true"}
    assert servers.server_url("minio", environment) == "s3+http://a:b@127.0.0.1:1"


@pytest.mark.parametrize("name", ["minio", "versitygw"])
def test_object_store_refuses_a_stranger(name: str, request: pytest.FixtureRequest) -> None:
    url: str = request.getfixturevalue(f"{name}_url")
    assert httpx.get(f"http://{url.rpartition('@')[2]}/").status_code == httpx.codes.FORBIDDEN


def test_postgresql_database_is_new_and_empty(postgresql_url: str) -> None:
    engine = sa.create_engine(postgresql_url, poolclass=sa.NullPool)
    assert sa.inspect(engine).get_table_names() == []
    engine.dispose()


def test_postgresql_database_is_dropped_even_when_connections_are_open(postgresql_server_url: str) -> None:
    with servers.fresh_database(postgresql_server_url) as url:
        engine = sa.create_engine(url)
        connection = engine.connect()
    with pytest.raises(sa.exc.OperationalError):
        connection.execute(sa.text("SELECT 1"))
    connection.close()
    engine.dispose()


def test_indices_with_the_fresh_prefix_are_deleted_afterwards(elasticsearch_url: str) -> None:
    with servers.fresh_index_prefix(elasticsearch_url) as prefix:
        httpx.put(f"{elasticsearch_url}/{prefix}-records").raise_for_status()
    assert httpx.head(f"{elasticsearch_url}/{prefix}-records").status_code == httpx.codes.NOT_FOUND
