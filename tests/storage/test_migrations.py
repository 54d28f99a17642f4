"""Migrations give exactly the tables that the code uses, on both databases."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory

from archive_service.storage.register import tables
from archive_service.storage.register.register import SqlRegister
from archive_service.storage.register.schema import MIGRATIONS, newest_schema, schemas, upgrade_schema
from tests.contracts.register import read_event
from tests.fakes.randomness import CountedRandomness


@pytest.fixture(params=["sqlite", "postgresql"])
def empty_register(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[SqlRegister]:
    """Give a register of each database, without any table."""
    if request.param == "sqlite":
        url = f"sqlite:///{tmp_path / 'register.sqlite'}"
    else:
        url = request.getfixturevalue("postgresql_url")
    register = SqlRegister(url, CountedRandomness())
    yield register
    register.close()


def same_type(
    _context: Any, _there: Any, wanted: Any, there_type: sa.types.TypeEngine[Any], wanted_type: sa.types.TypeEngine[Any]
) -> bool | None:
    """Say whether two types differ; an instant is a time stamp with time zone, which SQLite's catalogue leaves out."""
    if isinstance(wanted_type, tables.Instant):
        zone_shown = isinstance(there_type, sa.DateTime) and there_type.timezone
        return not isinstance(there_type, sa.DateTime) or (_context.dialect.name == "postgresql" and not zone_shown)
    return None


def differences(register: SqlRegister) -> list[Any]:
    with register.engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": same_type})
        return list(compare_metadata(context, tables.metadata))


def test_the_migrations_from_empty_give_exactly_the_tables_that_the_code_uses(empty_register: SqlRegister) -> None:
    assert differences(empty_register), "the comparison must see that nothing is there yet"
    upgrade_schema(empty_register.engine)
    assert differences(empty_register) == []
    empty_register.check_ready()


def test_the_comparison_sees_a_column_of_another_type_and_an_index_that_is_missing(
    empty_register: SqlRegister,
) -> None:
    upgrade_schema(empty_register.engine)
    with empty_register.engine.begin() as connection:
        connection.execute(sa.text("DROP INDEX ix_records_sha256"))
        connection.execute(sa.text("DROP TABLE texts"))
        connection.execute(sa.text("CREATE TABLE texts (record_id INTEGER PRIMARY KEY, pages TEXT, read_at TEXT)"))
    kinds = str(differences(empty_register))
    assert "add_index" in kinds
    assert "modify_type" in kinds


def test_upgrading_again_changes_nothing(empty_register: SqlRegister) -> None:
    upgrade_schema(empty_register.engine)
    empty_register.write(lambda unit: unit.log.append(read_event()))
    upgrade_schema(empty_register.engine)
    assert differences(empty_register) == []
    assert empty_register.read(lambda unit: unit.log.size()) == 1


def test_several_that_upgrade_at_once_take_turns(empty_register: SqlRegister) -> None:
    with ThreadPoolExecutor(4) as pool:
        for done in [pool.submit(upgrade_schema, empty_register.engine) for _ in range(4)]:
            done.result(timeout=60)
    assert differences(empty_register) == []


def test_the_revisions_named_by_files_are_those_that_follow_one_another() -> None:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    script = ScriptDirectory.from_config(config)
    assert schemas() == tuple(one.revision for one in reversed(list(script.walk_revisions())))
    assert newest_schema() == script.get_current_head()
