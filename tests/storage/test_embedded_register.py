"""The journal of the embedded register is written to its full length once, and nothing of that is in the register."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from archive_service.errors import Unavailable
from archive_service.storage.register import embedded
from archive_service.storage.register.embedded import CHECKPOINT_PAGES, lengthen_journal, prepare
from archive_service.storage.register.register import COMMITS_OF_A_SERVICE, SqlRegister
from tests.fakes.randomness import CountedRandomness

FULL_BYTES = CHECKPOINT_PAGES * 4096


@pytest.fixture
def database(tmp_path: Path) -> Iterator[sqlite3.Connection]:
    with closing(sqlite3.connect(tmp_path / "register.sqlite")) as connection:
        prepare(connection, None)
        connection.execute("CREATE TABLE kept (text TEXT)")
        connection.execute("INSERT INTO kept VALUES ('before')")
        yield connection


def journal_of(tmp_path: Path) -> Path:
    return tmp_path / "register.sqlite-wal"


def test_the_journal_gets_its_full_length_and_the_register_stays_as_it_was(
    database: sqlite3.Connection, tmp_path: Path
) -> None:
    lengthen_journal(database, str(tmp_path / "register.sqlite"))
    assert journal_of(tmp_path).stat().st_size >= FULL_BYTES
    database.execute("INSERT INTO kept VALUES ('after')")
    with closing(sqlite3.connect(tmp_path / "register.sqlite")) as other:
        assert other.execute("SELECT text FROM kept").fetchall() == [("before",), ("after",)]
        assert other.execute("SELECT name FROM sqlite_master").fetchall() == [("kept",)]
        assert other.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    assert database.execute("PRAGMA cache_size").fetchone() == (-16_000,)


def test_a_journal_of_full_length_is_left_alone(database: sqlite3.Connection, tmp_path: Path) -> None:
    lengthen_journal(database, str(tmp_path / "register.sqlite"))
    written = journal_of(tmp_path).stat().st_mtime_ns
    lengthen_journal(database, str(tmp_path / "register.sqlite"))
    assert journal_of(tmp_path).stat().st_mtime_ns == written


def test_a_disk_that_is_nearly_full_is_not_filled_with_it(
    database: sqlite3.Connection, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(embedded, "_ROOM", 1 << 40)
    lengthen_journal(database, str(tmp_path / "register.sqlite"))
    assert journal_of(tmp_path).stat().st_size < FULL_BYTES


def test_a_register_whose_journal_cannot_be_lengthened_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(connection: sqlite3.Connection, database: str) -> None:
        connection.execute("BEGIN IMMEDIATE")
        raise sqlite3.OperationalError("database or disk is full")

    monkeypatch.setattr("archive_service.storage.register.register.lengthen_journal", fails)
    register = SqlRegister(f"sqlite:///{tmp_path / 'register.sqlite'}", CountedRandomness("salt"))
    register.upgrade()
    answers = []
    try:
        for _ in range(COMMITS_OF_A_SERVICE + 3):
            try:
                answers.append(register.write(lambda unit: unit.log.size()))
            except Unavailable:
                answers.append(-1)
    finally:
        register.close()
    assert answers.count(-1) <= 1
    assert answers[-1] == 0


def test_a_register_that_goes_on_writing_has_a_journal_of_full_length(tmp_path: Path) -> None:
    register = SqlRegister(f"sqlite:///{tmp_path / 'register.sqlite'}", CountedRandomness("salt"))
    register.upgrade()
    try:
        for _ in range(COMMITS_OF_A_SERVICE):
            register.write(lambda unit: unit.log.size())
        assert journal_of(tmp_path).stat().st_size < FULL_BYTES
        register.write(lambda unit: unit.log.size())
        assert journal_of(tmp_path).stat().st_size >= FULL_BYTES
    finally:
        register.close()
