"""The register on SQLite or PostgreSQL: transactions, retries, and the translation of the database's errors."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any, TypeVar

from sqlalchemy import Connection, Engine, create_engine, event, make_url, text
from sqlalchemy.exc import ArgumentError, DataError, DBAPIError, IntegrityError, NoSuchModuleError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from archive_service.errors import InvalidInput, Message, Misconfigured, unavailable
from archive_service.model.ports import Randomness
from archive_service.model.units import RegisterUnit
from archive_service.storage.register.embedded import (
    BUSY_TIMEOUT_MS,
    begin,
    driver_connection,
    lengthen_journal,
    prepare,
    prepare_writer,
    require_transaction,
    savepoint,
)
from archive_service.storage.register.event_times import EventTimes
from archive_service.storage.register.group_commit import GroupCommit
from archive_service.storage.register.schema import newest_schema, require_current_schema, schema_of, upgrade_schema
from archive_service.storage.register.unit import SqlUnit

T = TypeVar("T")

# Two transactions that met (deadlock, serialisation failure, the same new row) are run again this often.
WRITE_ATTEMPTS = 6
_MET = {"40001", "40P01", "23505"}

# A process that has written so often is one that goes on; a command ends before.
COMMITS_OF_A_SERVICE = 20


class SqlRegister:
    """Implements ``Register``.

    On SQLite one thread of the process at a time writes, for all that wait: their pieces of work share a commit. Other
    processes take turns with it (BEGIN IMMEDIATE). On PostgreSQL each piece of work is a transaction of its own.
    """

    def __init__(self, url: str, randomness: Randomness, *, pool_size: int = 16) -> None:
        self._randomness = randomness
        self._times = EventTimes()
        self.engine = _open_engine(url, pool_size)
        # SQLite's transactions see one view anyway; PostgreSQL's do not at its default level.
        self._reading = self.engine if self.is_sqlite else _read_only(self.engine)
        self._group = GroupCommit(self._sqlite_writing) if self.is_sqlite else None
        # Used by one thread at a time. Always the same one: another would find the pages that it remembers changed, and
        # read them anew for each commit.
        self._writer: Connection | None = None
        self._commits = 0

    @property
    def is_sqlite(self) -> bool:
        """Whether this is the embedded register."""
        return self.engine.dialect.name == "sqlite"

    def write(self, work: Callable[[RegisterUnit], T]) -> T:
        """Run ``work`` in one transaction and return its result once that is durable."""
        if self._group is not None:
            return self._group.run(work)
        for attempt in range(1, WRITE_ATTEMPTS + 1):
            try:
                with _translated(), self.engine.begin() as connection:
                    unit = SqlUnit(connection, self._randomness, self._times)
                    result = work(unit)
                    unit.log.flush()
                return result
            except _MetAnother:
                if attempt == WRITE_ATTEMPTS:
                    raise unavailable("register") from None
        raise unavailable("register")

    def read(self, work: Callable[[RegisterUnit], T]) -> T:
        """Run ``work`` on one consistent view: every statement sees what the first one saw."""
        with _translated(), self._reading.connect() as connection, connection.begin():
            return work(SqlUnit(connection, self._randomness, self._times))

    def check_ready(self) -> None:
        """Return when the register answers and has this version's schema."""
        with _translated(), self.engine.connect() as connection, connection.begin():
            connection.execute(text("SELECT 1"))
            require_current_schema(connection)

    def upgrade(self) -> None:
        """Bring the schema to this version's; nothing happens when it is there. Raises Unavailable."""
        with _translated():
            upgrade_schema(self.engine)

    def is_current(self) -> bool:
        """Whether the schema is this version's. Raises Unavailable."""
        with _translated(), self.engine.connect() as connection, connection.begin():
            return schema_of(connection) == newest_schema()

    def close(self) -> None:
        """End what is being written, and every connection."""
        if self._group is not None:
            self._group.close()
        self.disconnect()

    def disconnect(self) -> None:
        """Let every connection go: what comes next opens the database anew. Nothing may be at work meanwhile."""
        if self._writer is not None:
            self._writer.close()
            self._writer = None
        self.engine.dispose()

    @contextmanager
    def _writing_connection(self) -> Iterator[Connection]:
        """Give the writer's connection, opened when there is none; after a failure it is let go."""
        if self._writer is None:
            self._writer = self.engine.connect().execution_options(archive_writes=True)
            prepare_writer(driver_connection(self._writer))
        try:
            self._commits += 1
            if self._commits == COMMITS_OF_A_SERVICE + 1:  # tried once: it only makes commits cheaper
                with suppress(sqlite3.Error, OSError):
                    lengthen_journal(driver_connection(self._writer), str(self.engine.url.database))
            yield self._writer
        except BaseException:
            failed, self._writer = self._writer, None
            failed.close()
            raise

    @contextmanager
    def _sqlite_writing(self) -> Iterator[Callable[[Callable[[RegisterUnit], Any]], Any]]:
        """Open one write transaction and yield what runs a piece of work in it, all or nothing."""
        with _translated(), self._writing_connection() as connection, connection.begin():

            def run(work: Callable[[RegisterUnit], Any]) -> Any:
                require_transaction(connection)
                try:
                    with _translated(), savepoint(connection):
                        unit = SqlUnit(connection, self._randomness, self._times)
                        result = work(unit)
                        unit.log.flush()
                    return result
                except _MetAnother as met:
                    # There is one writer, so nothing can have met: the row really is there twice.
                    raise unavailable("register") from met

            yield run
            require_transaction(connection)


class _MetAnother(Exception):
    """Two transactions met; this one may be run again."""


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except IntegrityError as met:
        raise _MetAnother from met
    except DataError as wrong:
        # Trying again would not help: the database cannot hold what it was given.
        raise InvalidInput(
            Message("A value is outside what can be kept.", "Có giá trị nằm ngoài phạm vi lưu trữ được.")
        ) from wrong
    except DBAPIError as failure:
        if getattr(failure.orig, "sqlstate", None) in _MET:
            raise _MetAnother from failure
        raise unavailable("register") from failure
    except PoolTimeout as busy:
        raise unavailable("register") from busy


def _open_engine(url: str, pool_size: int) -> Engine:
    try:
        parsed = make_url(url)
        if parsed.get_backend_name() == "sqlite":
            engine = create_engine(
                parsed,
                pool_size=pool_size,
                max_overflow=pool_size,
                pool_timeout=10,
                hide_parameters=True,  # an error that is logged must not carry names and numbers
                connect_args={"check_same_thread": False, "timeout": BUSY_TIMEOUT_MS / 1000},
            )
            event.listen(engine, "connect", prepare)
            event.listen(engine, "begin", begin)
            return engine
        if parsed.get_backend_name() == "postgresql":
            return create_engine(
                parsed.set(drivername="postgresql+psycopg"),
                pool_size=pool_size,
                max_overflow=pool_size,
                pool_timeout=10,
                pool_pre_ping=True,
                # What takes turns by a lock must see, once it has it, what those before it have written.
                isolation_level="READ COMMITTED",
                hide_parameters=True,
                connect_args={"connect_timeout": 5, "options": "-c timezone=UTC -c lock_timeout=20s"},
            )
    except (ArgumentError, NoSuchModuleError, ValueError) as wrong:
        raise _wrong_url() from wrong
    raise _wrong_url()


def _read_only(engine: Engine) -> Engine:
    """Return the same connections, but for transactions that see one view and change nothing."""
    return engine.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)


def _wrong_url() -> Misconfigured:
    return Misconfigured(
        Message(
            "ARCHIVE_REGISTER_URL must be sqlite:///FILE or postgresql://USER@HOST/DATABASE.",
            "ARCHIVE_REGISTER_URL phải có dạng sqlite:///TỆP hoặc postgresql://NGƯỜI_DÙNG@MÁY_CHỦ/CƠ_SỞ_DỮ_LIỆU.",
        )
    )
