"""The register on SQLite: the whole contract, and what only a file can do."""

from __future__ import annotations

import datetime as dt
import multiprocessing
import sqlite3
from collections.abc import Iterator
from multiprocessing.synchronize import Barrier
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from archive_service.errors import Misconfigured, Unavailable
from archive_service.model.events import Event, EventType
from archive_service.model.identifiers import OfficeCode, RecordId
from archive_service.model.jobs import JobKind
from archive_service.model.units import RegisterUnit
from archive_service.model.units.log import SignedCheckpoint
from archive_service.model.units.retention import StandingSelection
from archive_service.storage.register.register import SqlRegister
from archive_service.storage.register.schema import upgrade_schema
from retention.decide import RetentionState
from tests.archives import open_test_archive
from tests.contracts.register import MINUTE, RegisterContract, require_refused
from tests.contracts.register_concurrency import RegisterConcurrencyContract, at_once
from tests.contracts.register_coverage import RegisterCoverageContract
from tests.contracts.register_disposals import RegisterDisposalsContract
from tests.contracts.register_log import RegisterLogContract
from tests.contracts.register_retention import RegisterRetentionContract
from tests.contracts.register_timestamps import RegisterTimestampsContract
from tests.fakes.randomness import CountedRandomness
from tests.results import NOW, record_id


@pytest.fixture
def register(tmp_path: Path) -> Iterator[SqlRegister]:
    """Give a new register in a file."""
    register = SqlRegister(f"sqlite:///{tmp_path / 'register.sqlite'}", CountedRandomness())
    upgrade_schema(register.engine)
    yield register
    register.close()


class TestSqliteRegister(
    RegisterContract,
    RegisterConcurrencyContract,
    RegisterDisposalsContract,
    RegisterLogContract,
    RegisterCoverageContract,
    RegisterRetentionContract,
    RegisterTimestampsContract,
):
    """The contract."""


def claim_all(url: str, answers: multiprocessing.Queue[list[str]], together: Barrier) -> None:
    """Take all work there is, one piece at a time: another process does the same."""
    register = SqlRegister(url, CountedRandomness())
    taken: list[str] = []
    together.wait(60)
    while jobs := register.write(lambda unit: unit.jobs.claim([JobKind.ENRICH], 1, NOW, NOW + MINUTE)):
        taken += [job.record_id for job in jobs]
        register.write(lambda unit: unit.log.append(Event(EventType.TEXT_READ, "worker", NOW)))
    register.close()
    answers.put(taken)


def test_two_processes_never_get_the_same_piece_and_share_one_gap_free_log(
    register: SqlRegister, tmp_path: Path
) -> None:
    def ask(unit: RegisterUnit) -> None:
        for number in range(40):
            unit.jobs.add(JobKind.ENRICH, record_id(number), NOW)

    register.write(ask)
    context = multiprocessing.get_context("spawn")
    answers: multiprocessing.Queue[list[str]] = context.Queue()
    together = context.Barrier(2)
    url = f"sqlite:///{tmp_path / 'register.sqlite'}"
    processes = [context.Process(target=claim_all, args=(url, answers, together)) for _ in range(2)]
    for process in processes:
        process.start()
    taken = [answers.get(timeout=60) for _ in processes]
    for process in processes:
        process.join(30)
    assert sorted(taken[0] + taken[1]) == [record_id(number) for number in range(40)]
    assert [e.index for e in register.read(lambda unit: unit.log.entries(0, 100))] == list(range(40))


def test_on_a_full_disk_nobody_is_told_kept_for_what_was_not(register: SqlRegister) -> None:
    """Each of many that write at once is kept and told so, or told Unavailable; afterwards there is room again."""
    limit_pages(register, 10)

    def task(number: int) -> bool:
        def work(unit: RegisterUnit) -> None:
            unit.progress.put(f"run-{number}", "x" * 3000 * (number % 5))

        try:
            register.write(work)
        except Unavailable:
            return False
        return True

    told_kept = at_once(32, task)
    assert not all(told_kept), "the disk must have been full"
    limit_pages(register, 100_000)
    kept = [register.read(lambda unit, n=n: unit.progress.get(f"run-{n}")) is not None for n in range(32)]  # type: ignore[misc]
    assert kept == told_kept
    register.write(lambda unit: unit.progress.put("after", "y" * 3000))
    assert register.read(lambda unit: unit.progress.get("after")) is not None


def limit_pages(register: SqlRegister, more: int) -> None:
    """Let the file grow by so many pages and no further, on every connection."""

    def limit(connection: sqlite3.Connection, *_: object) -> None:
        pages = connection.execute("PRAGMA page_count").fetchone()[0]
        connection.execute(f"PRAGMA max_page_count = {pages + more}")

    register.disconnect()
    sa.event.listen(register.engine, "connect", limit)


def test_a_folder_that_is_not_there_is_unavailable(tmp_path: Path) -> None:
    register = SqlRegister(f"sqlite:///{tmp_path / 'none' / 'register.sqlite'}", CountedRandomness())
    with pytest.raises(Unavailable):
        register.check_ready()
    with pytest.raises(Unavailable):
        register.write(lambda unit: unit.progress.put("a", "b"))
    register.close()


def test_a_register_without_this_versions_schema_is_misconfigured(tmp_path: Path) -> None:
    register = SqlRegister(f"sqlite:///{tmp_path / 'empty.sqlite'}", CountedRandomness())
    with pytest.raises(Misconfigured, match="archive-service upgrade"):
        register.check_ready()
    register.close()


def test_a_register_of_a_later_version_is_misconfigured(register: SqlRegister) -> None:
    with register.engine.begin() as connection:
        connection.execute(sa.text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(Misconfigured, match="9999"):
        register.check_ready()


@pytest.mark.parametrize("url", ["mysql://host/database", "register.sqlite", "", "nonsense://x"])
def test_a_url_that_names_no_register_is_misconfigured_and_not_repeated(url: str) -> None:
    with pytest.raises(Misconfigured) as told:
        SqlRegister(url, CountedRandomness())
    assert not url or url not in str(told.value)


def test_a_closed_register_answers_unavailable(register: SqlRegister) -> None:
    register.write(lambda unit: unit.progress.put("a", "b"))
    register.close()
    with pytest.raises(Unavailable):
        register.write(lambda unit: unit.progress.put("a", "c"))


def test_commits_reach_the_disk_before_they_are_answered(register: SqlRegister) -> None:
    with register.engine.connect() as connection:
        assert connection.exec_driver_sql("PRAGMA synchronous").scalar() == 2
        assert connection.exec_driver_sql("PRAGMA journal_mode").scalar() == "wal"


def test_an_ordinary_commit_leaves_the_database_file_alone(register: SqlRegister, tmp_path: Path) -> None:
    """SQLite's own limit of 1,000 pages would have brought these 1,500 into the database file."""
    size_bytes = (tmp_path / "register.sqlite").stat().st_size
    register.write(lambda unit: unit.progress.put("a run", "x" * (1_500 * 4096)))
    assert (tmp_path / "register.sqlite").stat().st_size == size_bytes
    assert register.read(lambda unit: unit.progress.get("a run")) == "x" * (1_500 * 4096)


def test_replacing_an_entry_is_refused_too(register: SqlRegister) -> None:
    require_refused(register, "INSERT OR REPLACE INTO log_entries (\"index\", entry) VALUES (0, x'00')")


def test_replacing_a_signed_checkpoint_is_refused_too(register: SqlRegister) -> None:
    register.write(lambda unit: unit.tree.add_checkpoint(SignedCheckpoint(3, bytes(32), "note", NOW)))
    columns = "(size, root, note, made_at) VALUES (3, x'00', 'another', '2026-01-01 00:00:00')"
    require_refused(register, f"INSERT OR REPLACE INTO log_checkpoints {columns}")


def test_nothing_that_a_deposit_asks_is_found_by_reading_a_whole_table(tmp_path: Path) -> None:
    asked: list[tuple[str, Any]] = []
    with open_test_archive(tmp_path) as ours:
        ours.stored(1)

        @sa.event.listens_for(ours.register.engine, "before_cursor_execute")
        def note(_connection: Any, _cursor: Any, statement: str, values: Any, *_: Any) -> None:
            if statement.startswith(("SELECT", "UPDATE", "DELETE")):
                asked.append((statement, values))

        ours.stored(2)
        noted = list(asked)
        assert noted
        with ours.register.engine.connect() as connection:
            for statement, values in noted:
                plan = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", values).all()
                # A constant row is that of a question to no table, whose answers are found each in its own way.
                scans = [row.detail for row in plan if row.detail.startswith("SCAN")]
                assert set(scans) <= {"SCAN CONSTANT ROW"}, statement


@pytest.mark.parametrize("after", [None, (dt.date(2026, 1, 2), record_id(3))])
def test_what_is_due_is_read_in_the_order_of_its_index(
    register: SqlRegister, after: tuple[dt.date, RecordId] | None
) -> None:
    """Also where figures of the tables tell that nearly all of it is due and of one office."""
    with register.engine.connect().execution_options(archive_writes=True) as connection, connection.begin():
        many = "WITH RECURSIVE g(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM g WHERE i < 5000) "
        rows = {
            "records": "'stored', 'searchable', 's', 'H41', 'r', '{}', 1, 1, 'x', 'x', 'k', 'v', 1, 'x', 'x', 1, 'd', "
            "'2026-01-01', '2026-01-01', '2026-01-01'",
            "retention_decisions": "'due', 0, date('2020-01-01', '+' || (i % 900) || ' days'), '2026-01-01'",
        }
        columns = {
            "records": "state, search_state, subject_id, office, result_type, metadata, metadata_version, size_bytes, "
            "sha256, sha512, object_key, object_version, stored_size_bytes, stored_sha256, stored_sha512, page_count, "
            "depositor, received_at, stored_at, changed_at",
            "retention_decisions": "standing, held, due_on, decided_at",
        }
        for table, key in (("records", "id"), ("retention_decisions", "record_id")):
            connection.exec_driver_sql(
                f"INSERT INTO {table} ({key}, {columns[table]}) {many}SELECT printf('%036d', i), {rows[table]} FROM g"
            )
        connection.exec_driver_sql("ANALYZE")
    asked: list[tuple[str, Any]] = []

    @sa.event.listens_for(register.engine, "before_cursor_execute")
    def note(_connection: Any, _cursor: Any, statement: str, values: Any, *_: Any) -> None:
        asked.append((statement, values))

    due = frozenset({RetentionState.DUE})
    offices = frozenset({OfficeCode("H41"), OfficeCode("H42")})
    selection = StandingSelection(offices, dt.date(2026, 11, 23), due, held=False, after=after, limit=0)
    register.read(lambda unit: unit.standings.select(selection))
    [(statement, values)] = [one for one in asked if "JOIN" in one[0]]
    with register.engine.connect() as connection:
        plan = [row.detail for row in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", values)]
    assert "ix_retention_decisions_due" in plan[0], plan
    assert not [step for step in plan if "SCAN" in step or "TEMP B-TREE" in step], plan
