"""What both databases do alike by different means: writing a row whether it is there or not, locking a name."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any

from sqlalchemy import Connection, Insert, Table, text
from sqlalchemy.dialects import postgresql, sqlite


def lock_name(connection: Connection, name: str) -> None:
    """Take the lock of that name until the transaction ends. SQLite's one writer has every lock already."""
    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock(hashtextextended(:name, 0))"), {"name": name})


def upsert(connection: Connection, table: Table, values: dict[str, Any]) -> None:
    """Insert the row, or give the row with the same primary key these values."""
    insert = postgresql.insert if connection.dialect.name == "postgresql" else sqlite.insert
    keys = [column.name for column in table.primary_key]
    others = {name: value for name, value in values.items() if name not in keys}
    statement = insert(table).values(values)
    if others:
        connection.execute(statement.on_conflict_do_update(index_elements=keys, set_=others))
    else:
        connection.execute(statement.on_conflict_do_nothing(index_elements=keys))


def upsert_many(connection: Connection, table: Table, rows: Sequence[dict[str, Any]]) -> None:
    """Write rows as ``upsert`` does, all with the same columns, in one call of the driver."""
    if not rows:
        return
    insert = postgresql.insert if connection.dialect.name == "postgresql" else sqlite.insert
    keys = [column.name for column in table.primary_key]
    statement = insert(table)
    others = {name: statement.excluded[name] for name in rows[0] if name not in keys}
    connection.execute(statement.on_conflict_do_update(index_elements=keys, set_=others), list(rows))


def insert_absent(connection: Connection, table: Table, values: dict[str, Any]) -> None:
    """Insert the row; where one with its primary key is there already, that one stays as it is."""
    connection.execute(_absent(connection.dialect.name, table), values)


@cache
def _absent(dialect: str, table: Table) -> Insert:
    # Made once: building a statement anew takes longer than running it.
    insert = postgresql.insert if dialect == "postgresql" else sqlite.insert
    return insert(table).on_conflict_do_nothing(index_elements=list(table.primary_key))
