"""The register's rows as lines of JSON: portable between SQLite and PostgreSQL, and readable without either.

One line is one row, an object of column names and values. What JSON has no form for is told by its one key:
``{"$instant": …}``, ``{"$day": …}``, ``{"$bytes": base64}``; so a line is read without knowing the schema it is of.
Tables are read in one consistent view and in the order of their keys, and never held whole.
"""

from __future__ import annotations

import base64
import datetime as dt
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Engine, MetaData, Table, func, insert, inspect, select, text
from sqlalchemy.exc import DBAPIError

from archive_service.errors import Message, Misconfigured, unavailable
from archive_service.storage.register.tables import metadata

# Rows fetched, and inserted, at a time.
ROWS_AT_ONCE = 500


@dataclass(frozen=True, slots=True)
class RegisterView:
    """One consistent view of the register, open for reading."""

    connection: Connection
    tables: tuple[str, ...] = tuple(sorted(metadata.tables))

    def lines(self, table: str) -> Iterator[bytes]:
        """Yield the rows of a table, each a line, in the order of its key."""
        source = metadata.tables[table]
        query = select(source).order_by(*source.primary_key)
        with _translated():
            rows = self.connection.execution_options(yield_per=ROWS_AT_ONCE).execute(query)
            for row in rows.mappings():
                yield line_of(row)


@contextmanager
def one_view(engine: Engine) -> Iterator[RegisterView]:
    """Open one consistent view: whatever is written meanwhile is not in it, and nothing waits for it.

    Raises Unavailable.
    """
    reading = engine
    if engine.dialect.name == "postgresql":
        reading = engine.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
    with _translated(), reading.connect() as connection, connection.begin():
        yield RegisterView(connection)


@contextmanager
def one_load(engine: Engine) -> Iterator[Connection]:
    """Open the one transaction in which a register is filled. Raises Unavailable."""
    with (
        _translated(),
        engine.connect().execution_options(archive_writes=True) as connection,
        connection.begin(),
    ):
        yield connection


def require_no_rows(engine: Engine) -> None:
    """Raise Misconfigured when a table of the register holds anything but what its making puts there."""
    with _translated(), engine.connect() as connection, connection.begin():
        there = set(inspect(connection).get_table_names())
        for name in sorted(there - {"alembic_version", "log_head"}):
            if connection.execute(text(f'SELECT 1 FROM "{name}" LIMIT 1')).first() is not None:  # noqa: S608
                raise Misconfigured(
                    Message(
                        f"The register is not empty: its table {name} has rows. A backup is restored into an empty "
                        "place only.",
                        f"Sổ đăng ký không trống: bảng {name} đã có dữ liệu. Chỉ phục hồi bản sao lưu vào nơi trống.",
                    ),
                    code="register-not-empty",
                )


def load_rows(connection: Connection, table: str, lines: Iterator[bytes]) -> int:
    """Put rows into a table as the database has it now, in place of those there; return how many.

    The table is read from the database, so that rows of an older schema are loaded before it is upgraded.
    """
    target = Table(table, MetaData(), autoload_with=connection)
    # Making the schema puts rows of its own there, such as the log's head.
    if connection.execute(select(func.count()).select_from(target)).scalar_one():
        connection.execute(target.delete())
    count = 0
    batch: list[dict[str, Any]] = []
    for line in lines:
        batch.append(_bound(connection, row_of(line)))
        if len(batch) == ROWS_AT_ONCE:
            count += _insert(connection, target, batch)
    count += _insert(connection, target, batch)
    _number_on(connection, target)
    return count


def _insert(connection: Connection, target: Table, batch: list[dict[str, Any]]) -> int:
    count = len(batch)
    if batch:
        connection.execute(insert(target), batch)
        batch.clear()
    return count


def _number_on(connection: Connection, target: Table) -> None:
    """Let PostgreSQL number new rows after those that were loaded; SQLite does so by itself."""
    if connection.dialect.name != "postgresql":
        return
    for column in target.primary_key:
        named = {"table": f'"{target.name}"', "column": column.name}
        sequence = connection.execute(text("SELECT pg_get_serial_sequence(:table, :column)"), named).scalar_one()
        if sequence is not None:
            highest = connection.execute(select(func.max(column))).scalar_one()
            last = {"sequence": sequence, "value": highest or 1, "used": highest is not None}
            connection.execute(text("SELECT setval(CAST(:sequence AS regclass), :value, :used)"), last)


def _bound(connection: Connection, row: dict[str, Any]) -> dict[str, Any]:
    """Return the row as the database takes it: SQLite keeps the wall time of UTC."""
    if connection.dialect.name != "sqlite":
        return row
    return {
        name: value.replace(tzinfo=None) if isinstance(value, dt.datetime) else value for name, value in row.items()
    }


def line_of(row: Any) -> bytes:
    r"""Return a row as a line.

    >>> line_of({"day": dt.date(2026, 1, 2), "salt": b"\x00", "name": "Hồng", "n": 1})
    b'{"day":{"$day":"2026-01-02"},"salt":{"$bytes":"AA=="},"name":"H\xe1\xbb\x93ng","n":1}\n'
    """
    values = {name: _written(value) for name, value in row.items()}
    return json.dumps(values, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"


def row_of(line: bytes) -> dict[str, Any]:
    r"""Return the row that ``line_of`` wrote.

    >>> row_of(line_of({"salt": b"\x00", "at": dt.datetime(2026, 1, 2, tzinfo=dt.timezone.utc)}))
    {'salt': b'\x00', 'at': datetime.datetime(2026, 1, 2, 0, 0, tzinfo=datetime.timezone.utc)}
    """
    values: dict[str, Any] = json.loads(line)
    return {name: _read(value) for name, value in values.items()}


def _written(value: Any) -> Any:
    match value:
        case dt.datetime():
            return {"$instant": value.astimezone(dt.UTC).isoformat()}
        case dt.date():
            return {"$day": value.isoformat()}
        case bytes() | memoryview():
            return {"$bytes": base64.b64encode(value).decode()}
        case _:
            return value


def _read(value: Any) -> Any:
    match value:
        case {"$instant": instant}:
            return dt.datetime.fromisoformat(instant)
        case {"$day": day}:
            return dt.date.fromisoformat(day)
        case {"$bytes": content}:
            return base64.b64decode(content)
        case _:
            return value


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except DBAPIError as failure:
        raise unavailable("register") from failure
