"""The register on a real PostgreSQL: the whole contract, and what only a server can do."""

from __future__ import annotations

import datetime as dt
import socket
from collections.abc import Callable, Iterator
from contextlib import nullcontext

import pytest
import sqlalchemy as sa

from archive_service.errors import Misconfigured, Unavailable
from archive_service.model.events import Event, EventType
from archive_service.model.units import RegisterUnit
from archive_service.storage.register import tables
from archive_service.storage.register.register import SqlRegister
from archive_service.storage.register.schema import upgrade_schema
from tests import servers
from tests.contracts.register import RegisterContract, keep, require_refused
from tests.contracts.register_concurrency import RegisterConcurrencyContract
from tests.contracts.register_coverage import RegisterCoverageContract
from tests.contracts.register_disposals import RegisterDisposalsContract
from tests.contracts.register_log import RegisterLogContract
from tests.contracts.register_retention import RegisterRetentionContract
from tests.contracts.register_timestamps import RegisterTimestampsContract
from tests.fakes.randomness import CountedRandomness
from tests.results import record


@pytest.fixture(scope="module")
def migrated_url(postgresql_server_url: str) -> Iterator[str]:
    """SQLAlchemy URL of a database with this version's schema, which the tests of this file share."""
    with servers.fresh_database(postgresql_server_url) as url:
        register = SqlRegister(url, CountedRandomness())
        upgrade_schema(register.engine)
        register.close()
        yield url


@pytest.fixture
def register(migrated_url: str) -> Iterator[SqlRegister]:
    """Give an empty register."""
    register = SqlRegister(migrated_url, CountedRandomness())
    empty(register)
    yield register
    register.close()


def empty(register: SqlRegister) -> None:
    """Empty every table, the log too: a database's owner can, in the one mode that passes over all triggers."""
    names = ", ".join(sorted(tables.metadata.tables))
    with register.engine.begin() as connection:
        connection.execute(sa.text("SET LOCAL session_replication_role = replica"))
        connection.execute(sa.text(f"TRUNCATE {names}"))
        connection.execute(sa.text("INSERT INTO log_head (id, size) VALUES (1, 0)"))


class TestPostgresqlRegister(
    RegisterContract,
    RegisterConcurrencyContract,
    RegisterDisposalsContract,
    RegisterLogContract,
    RegisterCoverageContract,
    RegisterRetentionContract,
    RegisterTimestampsContract,
):
    """The contract."""


def test_a_server_that_does_not_answer_is_unavailable() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound, never listening: nobody answers there
        port = taken.getsockname()[1]
        register = SqlRegister(f"postgresql://archive:geheim@127.0.0.1:{port}/archive", CountedRandomness())
        asks: tuple[Callable[[], object], ...] = (
            register.check_ready,
            lambda: register.write(lambda unit: unit.progress.put("a", "b")),
            lambda: register.read(lambda unit: unit.progress.get("a")),
        )
        for ask in asks:
            with pytest.raises(Unavailable) as told:
                ask()
            assert "geheim" not in str(told.value)
        register.close()


def test_a_database_without_this_versions_schema_is_misconfigured(postgresql_url: str) -> None:
    register = SqlRegister(postgresql_url, CountedRandomness())
    with pytest.raises(Misconfigured, match="archive-service upgrade"):
        register.check_ready()
    register.close()


def test_a_connection_that_was_cut_is_replaced(register: SqlRegister) -> None:
    register.write(lambda unit: unit.progress.put("a", "b"))
    with register.engine.connect() as connection:
        others = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND "
        connection.execute(sa.text(others + "pid <> pg_backend_pid()"))
    assert register.read(lambda unit: unit.progress.get("a")) == "b"


def test_a_connection_cut_in_mid_transaction_is_unavailable_and_nothing_is_kept(register: SqlRegister) -> None:
    def work(unit: RegisterUnit) -> None:
        unit.progress.put("a", "b")
        with register.engine.connect() as other:
            idle = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE state = 'idle in transaction' AND "
            other.execute(sa.text(idle + "datname = current_database()"))
        unit.progress.put("c", "d")

    with pytest.raises(Unavailable):
        register.write(work)
    assert register.read(lambda unit: unit.progress.get("a")) is None


def test_a_row_that_is_really_there_twice_is_unavailable_after_its_tries(register: SqlRegister) -> None:
    keep(register, record(1))
    with pytest.raises(Unavailable):
        keep(register, record(1))


def test_reading_changes_nothing(register: SqlRegister) -> None:
    with pytest.raises(Unavailable):
        register.read(lambda unit: unit.progress.put("a", "b"))
    assert register.read(lambda unit: unit.progress.get("a")) is None


@pytest.mark.parametrize("table", ["log_entries", "log_checkpoints", "timestamp_batches", "timestamp_tokens"])
def test_emptying_the_log_and_its_evidence_is_refused_too(register: SqlRegister, table: str) -> None:
    require_refused(register, f"TRUNCATE {table}")


def test_an_event_far_ahead_of_the_database_s_clock_is_refused(register: SqlRegister) -> None:
    now = register.read(lambda unit: unit.log.database_time())
    assert now is not None
    for ahead, written in ((dt.timedelta(minutes=6), 0), (dt.timedelta(minutes=4), 1)):
        event = Event(EventType.SEARCHED, "key:a", now + ahead)
        with nullcontext() if written else pytest.raises(Unavailable, match="clock is off"):
            register.write(lambda unit, event=event: unit.log.append(event))  # type: ignore[misc]
        assert register.read(lambda unit: unit.log.size()) == written
