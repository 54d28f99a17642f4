"""Registers of every release come through to this version with their data, and versions work side by side."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from archive_service.bootstrap import SystemRandomness
from archive_service.errors import Misconfigured
from archive_service.evidence.entry import commitment_holds
from archive_service.model.events import Event, EventType
from archive_service.model.jobs import JobKind, JobState
from archive_service.model.record import RecordState
from archive_service.model.units.records import RecordSelection
from archive_service.storage.backup_rows import one_view, row_of
from archive_service.storage.register.register import SqlRegister
from archive_service.storage.register.schema import newest_schema, schemas, upgrade_schema
from tests.recovery.releases import load_release, releases
from tests.results import NOW, record_id


@pytest.fixture(params=["sqlite", "postgresql"])
def register(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[SqlRegister]:
    """Give a register of each database, without any table."""
    if request.param == "sqlite":
        url = f"sqlite:///{tmp_path / 'register.sqlite'}"
    else:
        url = request.getfixturevalue("postgresql_url")
    opened = SqlRegister(url, SystemRandomness())
    yield opened
    opened.close()


def counts(register: SqlRegister, tables: dict[str, int]) -> dict[str, int]:
    with register.engine.connect() as connection:
        return {
            table: int(connection.execute(sa.text(f"SELECT count(*) FROM {table}")).scalar_one()) for table in tables
        }


def execute(register: SqlRegister, statement: str, **values: object) -> None:
    with register.engine.connect().execution_options(archive_writes=True) as connection, connection.begin():
        connection.execute(sa.text(statement), values)


def test_every_schema_has_the_register_of_a_release() -> None:
    """A new migration needs one of its own: python -m tests.recovery.releases."""
    assert tuple(releases()) == schemas()


@pytest.mark.parametrize("schema", releases())
def test_each_migration_keeps_every_row_of_the_release_before(register: SqlRegister, schema: str) -> None:
    """A migration that merges or drops tables says so here, by the tables that it leaves out."""
    loaded = load_release(register.engine, schema)
    assert counts(register, loaded) == loaded
    assert loaded["records"] == 8
    for later in schemas()[schemas().index(schema) + 1 :]:
        upgrade_schema(register.engine, later)
        assert counts(register, loaded) == loaded
    upgrade_schema(register.engine)
    register.check_ready()


@pytest.mark.parametrize("schema", releases())
def test_this_version_reads_and_goes_on_with_the_register_of_each_release(register: SqlRegister, schema: str) -> None:
    load_release(register.engine, schema)
    upgrade_schema(register.engine)
    records = register.read(lambda u: u.records.select(RecordSelection(None)))
    states = [record.state for record in records]
    assert (states.count(RecordState.STORED), states.count(RecordState.QUARANTINED)) == (6, 1)
    assert states.count(RecordState.REJECTED) == 1
    for record in records:
        versions = register.read(lambda u, r=record: u.records.metadata_versions(r.id))  # type: ignore[misc]
        assert versions[-1].metadata == record.metadata
        assert register.read(lambda u, r=record: u.subjects.family(r.subject_id))  # type: ignore[misc]
    assert sum(register.read(lambda u, r=r: u.texts.get(r.id)) is not None for r in records) == 5  # type: ignore[misc]
    assert register.read(lambda u: u.jobs.counts()) == {(JobKind.ENRICH, JobState.WAITING): 1}
    size = register.read(lambda u: u.log.size())
    register.write(lambda u: u.log.append(Event(EventType.VERIFIED, "key:test", dt.datetime.now(dt.UTC))))
    register.write(lambda u: u.jobs.add(JobKind.INDEX, records[0].id, NOW))
    register.write(lambda u: u.findings.resolve(1, "key:test", "đã xem", NOW))
    assert [one.index for one in register.read(lambda u: u.log.entries(0, 1000))] == list(range(size + 1))


@pytest.mark.parametrize("schema", releases())
def test_every_log_entry_still_commits_to_its_payload(register: SqlRegister, schema: str) -> None:
    load_release(register.engine, schema)
    upgrade_schema(register.engine)
    with one_view(register.engine) as view:
        entries = {row["index"]: row["entry"] for row in map(row_of, view.lines("log_entries"))}
        payloads = [row_of(line) for line in view.lines("log_payloads")]
    assert len(payloads) == len(entries)
    assert all(commitment_holds(entries[one["index"]], one["payload"], one["salt"]) for one in payloads)


def test_a_restored_log_still_refuses_to_be_changed(register: SqlRegister) -> None:
    load_release(register.engine, schemas()[0])
    upgrade_schema(register.engine)
    with pytest.raises(sa.exc.DBAPIError):
        execute(register, 'DELETE FROM log_entries WHERE "index" = 0')


class TestAnOldVersionBesideANewOne:
    """The newer one asked for work, and made a schema, that this one has never heard of."""

    @pytest.fixture
    def shared(self, register: SqlRegister) -> SqlRegister:
        upgrade_schema(register.engine)
        row = (
            "INSERT INTO jobs (kind, record_id, state, attempts, due_at, asked_again) "
            "VALUES (:kind, :record, :state, 0, :due, :no)"
        )
        due = "2026-01-01 00:00:00.000000+00:00" if not register.is_sqlite else "2026-01-01 00:00:00.000000"
        for number, state in enumerate(("waiting", "parked")):
            execute(register, row, kind="not-yet-known", record=record_id(number), state=state, due=due, no=False)
        register.write(lambda u: u.jobs.add(JobKind.INDEX, record_id(1), NOW))
        return register

    def test_leaves_work_alone_that_it_does_not_know(self, shared: SqlRegister) -> None:
        taken = shared.write(lambda u: u.jobs.claim(list(JobKind), 10, NOW, NOW))
        assert [job.kind for job in taken] == [JobKind.INDEX]
        shared.write(lambda u: u.jobs.done(taken[0]))
        assert not shared.read(lambda u: u.jobs.any_due(list(JobKind), NOW))
        assert counts(shared, {"jobs": 0}) == {"jobs": 2}

    def test_tells_of_its_own_work_only(self, shared: SqlRegister) -> None:
        assert shared.read(lambda u: u.jobs.counts()) == {(JobKind.INDEX, JobState.WAITING): 1}
        assert shared.read(lambda u: u.jobs.parked(10)) == []

    def test_goes_on_with_its_work_on_a_newer_schema_and_is_not_ready_for_more(self, shared: SqlRegister) -> None:
        execute(shared, "UPDATE alembic_version SET version_num = 'later'")
        with pytest.raises(Misconfigured):
            shared.check_ready()
        [job] = shared.write(lambda u: u.jobs.claim(list(JobKind), 10, NOW, NOW))
        shared.write(lambda u: u.jobs.done(job))

    def test_never_touches_a_newer_schema(self, shared: SqlRegister) -> None:
        execute(shared, "UPDATE alembic_version SET version_num = 'later'")
        with pytest.raises(Misconfigured) as refused:
            upgrade_schema(shared.engine)
        assert refused.value.code == "newer-schema"
        with shared.engine.connect() as connection:
            assert connection.execute(sa.text("SELECT version_num FROM alembic_version")).scalar_one() == "later"


def test_a_release_is_committed_as_lines_that_a_person_can_read() -> None:
    for folder in releases().values():
        lines = (folder / "records.jsonl").read_text(encoding="utf-8").splitlines()
        assert all("id" in json.loads(line) for line in lines)
    assert newest_schema() in releases()
