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


def upgrade_schema(engine: Engine) -> None:
    """Bring the register to this version's schema; nothing happens when it is there. Safe beside other processes."""
    config = _config()
    with engine.connect().execution_options(archive_writes=True) as connection, connection.begin():
        if connection.dialect.name == "postgresql":
            # One upgrade at a time; the number is this service's own.
            connection.exec_driver_sql("SELECT pg_advisory_xact_lock(7267430)")
        config.attributes["connection"] = connection
        command.upgrade(config, "head")


def require_current_schema(connection: Connection) -> None:
    """Raise Misconfigured unless the register has exactly this version's schema."""
    found = MigrationContext.configure(connection).get_current_revision()
    wanted = ScriptDirectory.from_config(_config()).get_current_head()
    if found != wanted:
        raise Misconfigured(
            Message(
                f"The register has schema {found}, this version needs {wanted}. Run: archive-service upgrade",
                f"Sổ đăng ký có lược đồ {found}, phiên bản này cần {wanted}. Hãy chạy: archive-service upgrade",
            )
        )


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    return config
