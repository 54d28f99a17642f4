"""What SQLite is told so that it can be the register: durable commits, one writer, a journal of its full length."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from shutil import disk_usage
from typing import Any

from sqlalchemy import Connection

from archive_service.errors import unavailable

# The commit by which the journal reaches this many pages (of 4 KiB) also brings them into the database, and waits for
# the disk once more. Eight times SQLite's own number: a page that was written often is brought over once, and fewer
# than one commit in a hundred is such a one. At a start after a kill, 32 MiB are read.
CHECKPOINT_PAGES = 8_000

_PAGE_BYTES = 4096

# The journal is made its full length only where so many times that much is free.
_ROOM = 20

# What one connection remembers of the database: in KiB, which SQLite tells from pages by the sign.
_CACHE_SIZE = -16_000

# How long one process waits for another's write transaction on SQLite, in milliseconds.
BUSY_TIMEOUT_MS = 20_000


def prepare(connection: sqlite3.Connection, _record: object) -> None:
    """Make a new connection one of a register."""
    # The driver must not begin transactions by itself: ``begin`` says which kind.
    connection.isolation_level = None
    cursor = connection.cursor()
    cursor.execute("PRAGMA journal_mode = WAL")
    cursor.execute("PRAGMA synchronous = FULL")  # an acknowledged deposit survives a power cut
    cursor.execute(f"PRAGMA wal_autocheckpoint = {CHECKPOINT_PAGES}")
    cursor.execute("PRAGMA foreign_keys = ON")
    cursor.execute(f"PRAGMA cache_size = {_CACHE_SIZE}")
    cursor.close()


def prepare_writer(connection: sqlite3.Connection) -> None:
    """Let the connection keep in memory what it would need to undo one piece of work of several that share a commit.

    Otherwise that goes into a file, made and deleted anew for each commit. Only here: elsewhere it would be whatever is
    sorted, of any size.
    """
    connection.execute("PRAGMA temp_store = MEMORY").close()


def begin(connection: Any) -> None:
    """Begin a transaction: one that writes takes its turn at once, and is never told later that it must not."""
    writes = connection.get_execution_options().get("archive_writes", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


@contextmanager
def savepoint(connection: Connection) -> Iterator[None]:
    """Keep all of what is written inside, or nothing of it where it raises.

    The library's own way makes each of the two statements anew, which costs more than running them.
    """
    connection.exec_driver_sql("SAVEPOINT piece")
    try:
        yield
    except BaseException:
        connection.exec_driver_sql("ROLLBACK TO piece")
        connection.exec_driver_sql("RELEASE piece")
        raise
    connection.exec_driver_sql("RELEASE piece")


def driver_connection(connection: Connection) -> sqlite3.Connection:
    """Return what the database's library is called through."""
    return connection.connection.dbapi_connection  # type: ignore[return-value]


def require_transaction(connection: Connection) -> None:
    """Raise Unavailable when SQLite has rolled the whole transaction back by itself, as it may on a full disk.

    A commit would then do nothing, silently, and what was lost would be answered as kept; and a savepoint would begin
    a transaction of its own.
    """
    if not driver_connection(connection).in_transaction:
        raise unavailable("register")


def lengthen_journal(connection: sqlite3.Connection, database: str) -> None:
    """Write the journal to the length that it has before a checkpoint, where it is shorter. Outside a transaction.

    From then on commits overwrite it. A file that grows costs each commit more: its new length and where its blocks
    are must reach the disk too. SQLite writes what does not fit into a connection's memory to the journal, and leaves
    it there, meaning nothing, when the transaction is rolled back.
    """
    journal = Path(f"{database}-wal")
    length = CHECKPOINT_PAGES * _PAGE_BYTES
    if journal.stat().st_size >= length or disk_usage(Path(database).parent).free < _ROOM * length:
        return
    cursor = connection.cursor()
    cursor.execute("PRAGMA cache_size = 10")
    cursor.execute("BEGIN IMMEDIATE")
    try:
        cursor.execute("CREATE TABLE journal_filler (filling BLOB)")
        cursor.execute("INSERT INTO journal_filler VALUES (zeroblob(?))", (length,))
    finally:
        if connection.in_transaction:  # a full disk ends it
            cursor.execute("ROLLBACK")
        cursor.execute(f"PRAGMA cache_size = {_CACHE_SIZE}")
        cursor.close()
    with journal.open("rb") as file:
        os.fsync(file.fileno())
