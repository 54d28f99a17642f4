"""The register's schema: made and upgraded by migrations, checked before anything is written."""

from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine

from archive_service.errors import Message, Misconfigured

MIGRATIONS = Path(__file__).parent.parent / "migrations"


def upgrade_schema(engine: Engine, revision: str = "head") -> None:
    """Bring the register to this version's schema; nothing happens when it is there. Safe beside other processes.

    A ``revision`` before the newest is asked for only to load a backup that is of it. Raises Misconfigured when the
    schema is of a newer version: this one leaves it alone.
    """
    config = _config()
    with engine.connect().execution_options(archive_writes=True) as connection, connection.begin():
        if connection.dialect.name == "postgresql":
            # One upgrade at a time; the number is this service's own.
            connection.exec_driver_sql("SELECT pg_advisory_xact_lock(7267430)")
        found = schema_of(connection)
        if found is not None and found not in schemas():
            raise _newer(found)
        config.attributes["connection"] = connection
        command.upgrade(config, revision)


def require_current_schema(connection: Connection) -> None:
    """Raise Misconfigured unless the register has exactly this version's schema."""
    found, wanted = schema_of(connection), newest_schema()
    if found != wanted:
        raise Misconfigured(
            Message(
                f"The register has schema {found}, this version needs {wanted}. Run: archive-service upgrade",
                f"Sổ đăng ký có lược đồ {found}, phiên bản này cần {wanted}. Hãy chạy: archive-service upgrade",
            )
        )


def _newer(found: str) -> Misconfigured:
    return Misconfigured(
        Message(
            f"The register has schema {found} of a newer version than this one. Run that version.",
            f"Sổ đăng ký có lược đồ {found} của phiên bản mới hơn. Hãy chạy phiên bản đó.",
        ),
        code="newer-schema",
    )


def schema_of(connection: Connection) -> str | None:
    """Return the revision of the register's schema, None before there is any."""
    return MigrationContext.configure(connection).get_current_revision()


def newest_schema() -> str | None:
    """Return the revision that this version needs."""
    return ScriptDirectory.from_config(_config()).get_current_head()


def schemas() -> tuple[str, ...]:
    """Return every revision that this version can upgrade from, oldest first, and at the end its own."""
    script = ScriptDirectory.from_config(_config())
    return tuple(one.revision for one in reversed(list(script.walk_revisions())))


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    return config
