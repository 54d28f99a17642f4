"""Whether deposits slow down as the register grows: ten thousand more on a million against the first ten thousand."""

from __future__ import annotations

import contextlib
import datetime as dt
import hashlib
import json
import os
import sqlite3
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import cast

from sqlalchemy import Connection, Table, create_engine, make_url, text

from archive_service.bootstrap import SystemClock, SystemRandomness
from archive_service.evidence.signer import LogSigner, generate_log_keys
from archive_service.lifecycle.deposit import Deposit, deposit
from archive_service.lifecycle.reference import load_reference
from archive_service.model.archive import Archive
from archive_service.model.identifiers import OfficeCode
from archive_service.model.metadata_json import metadata_from_json
from archive_service.model.permissions import Caller, Role
from archive_service.model.ports import NewObject, ObjectStore, SearchIndex, Staging
from archive_service.model.record import ContentDigest, ObjectVersion
from archive_service.storage.reference_files import read_reference
from archive_service.storage.register import tables as t
from archive_service.storage.register.register import SqlRegister
from archive_service.storage.register.schema import upgrade_schema
from bench.deposits import metadata
from bench.figures import Figure, Target, figure, in_turn
from bench.service import PROJECT, work_folder
from bench.wsgi import AcceptingReader

ROWS, MORE, PORTION = 1_000_000, 10_000, 500
THREADS = 16
OFFICE = OfficeCode("BHXH-79-01")
_numbers = count(1)


class _KeepsNothing:
    """A store that takes no time, so that the register alone is measured."""

    def put(self, key: str, source: Path | bytes, digest: ContentDigest, lock_until: dt.datetime) -> ObjectVersion:
        """Claim to hold the object."""
        return ObjectVersion(key, "1", digest, lock_until)

    def put_all(self, objects: Sequence[NewObject], lock_until: dt.datetime) -> tuple[ObjectVersion, ...]:
        """Claim to hold the objects."""
        return tuple(self.put(one.key, one.source, one.digest, lock_until) for one in objects)


@dataclass(frozen=True, slots=True)
class _Bound:
    """A column that is made anew in each copied row, as an expression of the row's number ``n.i``."""

    sqlite: str
    postgresql: str


_ID = _Bound(
    "printf('01900000-%04x-7%03x-8000-%012x', n.i / 4096, n.i % 4096, n.i)",
    "'01900000-' || lpad(to_hex(n.i / 4096), 4, '0') || '-7' || lpad(to_hex(n.i % 4096), 3, '0') || '-8000-' || "
    "lpad(to_hex(n.i), 12, '0')",
)
_DIGEST = _Bound("lower(hex(randomblob(32)))", "md5(n.i::text) || md5((n.i + 1)::text)")
_NUMBER = _Bound("printf('9%09d', n.i)", "'9' || lpad(n.i::text, 9, '0')")
_COPIED: dict[Table, dict[str, _Bound]] = {
    t.subjects: {"id": _ID},
    t.subject_identifiers: {"subject_id": _ID, "number": _NUMBER},
    t.records: {"id": _ID, "subject_id": _ID, "sha256": _DIGEST},
    t.metadata_versions: {"record_id": _ID},
    t.reservations: {"key": _DIGEST, "record_id": _ID, "request_sha256": _DIGEST, "content_sha256": _DIGEST},
    t.log_entries: {"index": _Bound("n.i", "n.i"), "record_id": _ID},
    t.log_payloads: {"index": _Bound("n.i", "n.i")},
}


def growing(*, quick: bool) -> Iterator[Figure]:
    """Deposits a second on a full register ÷ on an empty one, in portions taken in turn; on SQLite and PostgreSQL."""
    rows, more, portion = (2_000, 100, 50) if quick else (ROWS, MORE, PORTION)
    server = os.environ.get("ARCHIVE_TEST_POSTGRESQL_URL")
    with work_folder() as folder:
        yield from _grown(
            "SQLite", [f"sqlite:///{folder / name}.sqlite" for name in ("few", "many")], rows, more, portion
        )
    if server:
        with databases(server) as urls:
            yield from _grown("PostgreSQL", urls, rows, more, portion)


def _grown(name: str, urls: list[str], rows: int, more: int, portion: int) -> Iterator[Figure]:
    few, many = (open_register_alone(url) for url in urls)
    deposits(many, 1)
    fill(many, rows)
    on_many, on_few = in_turn(more // portion, lambda: deposits(many, portion), lambda: deposits(few, portion))
    for archive in (few, many):
        cast("SqlRegister", archive.register).close()
    note = f"{more:,} each in portions of {portion}; a store that takes no time"
    yield figure(f"deposits at {rows:,} ÷ at 0, {name}", (on_many, on_few), "deposits/s", Target(0.90), note)


def open_register_alone(url: str) -> Archive:
    """Return an archive of which only the register takes time."""
    randomness = SystemRandomness()
    register = SqlRegister(url, randomness)
    upgrade_schema(register.engine)
    archive = Archive(
        register=register,
        store=cast("ObjectStore", _KeepsNothing()),
        index=cast("SearchIndex", None),
        pdf=AcceptingReader(),
        staging=cast("Staging", None),
        clock=SystemClock(),
        randomness=randomness,
        signer=LogSigner("bench.example/log", [generate_log_keys()]),
    )
    load_reference(archive, read_reference(PROJECT / "examples" / "reference"), "bench")
    return archive


def deposits(archive: Archive, total: int) -> float:
    """Deposit so many and return how many a second."""
    caller = Caller("bench", OFFICE, frozenset({OFFICE}), frozenset({Role.DEPOSITOR}))

    def one(number: int) -> None:
        content = f"%PDF-1.7 {number}".encode()
        digest = ContentDigest(len(content), hashlib.sha256(content).hexdigest(), hashlib.sha512(content).hexdigest())
        said = metadata_from_json(json.loads(json.dumps(metadata(number) | {"office": OFFICE})))
        deposit(archive, Deposit(caller, f"key-{number}", said, Path("unread"), digest))

    numbers = [next(_numbers) for _ in range(total)]
    with ThreadPoolExecutor(THREADS) as pool:
        began = time.perf_counter()
        list(pool.map(one, numbers))
        return total / (time.perf_counter() - began)


def fill(archive: Archive, rows: int) -> None:
    """Copy the one deposit's rows, each with an id, digests and numbers of its own."""
    engine = cast("SqlRegister", archive.register).engine
    with engine.execution_options(archive_writes=True).begin() as connection:
        for table, changed in _COPIED.items():
            _copy(connection, table, changed, rows)
        connection.execute(text(f"UPDATE log_head SET size = {rows + 10}"))  # noqa: S608  # a number of ours
    if engine.dialect.name == "sqlite":
        # What was filled in one transaction lies in a log of its own size, which no register has; and it is the
        # register's connections that are in transactions.
        with contextlib.closing(sqlite3.connect(str(engine.url.database), isolation_level=None)) as plain:
            plain.execute("ANALYZE")
            plain.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        return
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.exec_driver_sql("ANALYZE")


def _copy(connection: Connection, table: Table, changed: dict[str, _Bound], rows: int) -> None:
    is_sqlite = connection.dialect.name == "sqlite"
    names = [f'"{column.name}"' for column in table.columns]
    values = [
        (changed[column.name].sqlite if is_sqlite else changed[column.name].postgresql)
        if column.name in changed
        else f'one."{column.name}"'
        for column in table.columns
    ]
    # Names, numbers and expressions of ours only; the row that is copied is the first one of the table.
    numbers = (
        f"WITH RECURSIVE n(i) AS (SELECT 10 UNION ALL SELECT i + 1 FROM n WHERE i < {rows + 9})"  # noqa: S608
        if is_sqlite
        else f"WITH n AS (SELECT generate_series(10, {rows + 9}) AS i)"
    )
    copying = f"INSERT INTO {table.name} ({', '.join(names)}) {numbers} "
    copied = f"SELECT {', '.join(values)} FROM n, (SELECT * FROM {table.name} LIMIT 1) one"  # noqa: S608
    connection.execute(text(copying + copied))


@contextmanager
def databases(server: str) -> Iterator[list[str]]:
    """Make two databases on the server, and drop them."""
    engine = create_engine(server, isolation_level="AUTOCOMMIT")
    names = [f"bench_{os.getpid()}_{name}" for name in ("few", "many")]
    with engine.connect() as connection:
        for name in names:
            connection.execute(text(f"CREATE DATABASE {name}"))
        try:
            yield [make_url(server).set(database=name).render_as_string(hide_password=False) for name in names]
        finally:
            for name in names:
                connection.execute(text(f"DROP DATABASE {name} WITH (FORCE)"))
    engine.dispose()
