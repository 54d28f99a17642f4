"""Writing a row whether it is there or not, the same on both databases."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, Table
from sqlalchemy.dialects import postgresql, sqlite


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
