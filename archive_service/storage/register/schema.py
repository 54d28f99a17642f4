"""The register's schema: made and upgraded by migrations, checked before anything is written.

What runs migrations is loaded only where there is one to run: it takes 17 MB, and every process checks its schema.
"""

from __future__ import annotations

import re
from pathlib import Path

from sqlalchemy import Connection, Engine, inspect, text

from archive_service.errors import Message, Misconfigured

MIGRATIONS = Path(__file__).parent.parent / "migrations"
_VERSION_FILE = re.compile(r"v([0-9]{4})_[a-z0-9_]+\.py")


def upgrade_schema(engine: Engine, revision: str = "head") -> None:
    """Bring the register to this version's schema; nothing happens when it is there. Safe beside other processes.

    A ``revision`` before the newest is asked for only to load a backup that is of it. Raises Misconfigured when the
    schema is of a newer version: this one leaves it alone.
    """
    with engine.connect().execution_options(archive_writes=True) as connection, connection.begin():
        if connection.dialect.name == "postgresql":
            # One upgrade at a time; the number is this service's own.
            connection.exec_driver_sql("SELECT pg_advisory_xact_lock(7267430)")
        found = schema_of(connection)
        if found is not None and found not in schemas():
            raise _newer(found)
        if found != (newest_schema() if revision == "head" else revision):
            _migrate(connection, revision)


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
    if not inspect(connection).has_table("alembic_version"):
        return None
    found = connection.execute(text("SELECT version_num FROM alembic_version")).scalar_one_or_none()
    return None if found is None else str(found)


def newest_schema() -> str:
    """Return the revision that this version needs."""
    return schemas()[-1]


def schemas() -> tuple[str, ...]:
    """Return every revision that this version can upgrade from, oldest first, and at the end its own.

    They follow one another, and each migration's file begins with its number.
    """
    found = (_VERSION_FILE.fullmatch(file.name) for file in (MIGRATIONS / "versions").iterdir())
    return tuple(sorted(match[1] for match in found if match is not None))


def _migrate(connection: Connection, revision: str) -> None:
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    config.attributes["connection"] = connection
    command.upgrade(config, revision)
