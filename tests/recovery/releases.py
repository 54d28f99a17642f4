"""Registers as releases left them: one folder a schema, one file of lines a table, loaded before it is upgraded.

``python -m tests.recovery.releases`` writes the one of the newest schema; a release that changes the schema commits it,
and never changes the ones before.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

from sqlalchemy import Engine

from archive_service.lifecycle.log.seal import seal_log
from archive_service.storage.backup_rows import load_rows, one_load, one_view
from archive_service.storage.register.schema import newest_schema, upgrade_schema
from tests.recovery.places import Urls, live, open_place

RELEASES = Path(__file__).parent / "releases"


def releases() -> dict[str, Path]:
    """Return the folder of each schema that there is a register of."""
    return {folder.name: folder for folder in sorted(RELEASES.iterdir()) if folder.is_dir()}


def load_release(engine: Engine, schema: str) -> dict[str, int]:
    """Make an empty database the register of that schema; return how many rows each table has."""
    upgrade_schema(engine, schema)
    with one_load(engine) as connection:
        return {
            file.stem: load_rows(connection, file.stem, iter(file.read_bytes().splitlines()))
            for file in sorted(releases()[schema].glob("*.jsonl"))
        }


def write_release() -> Path:
    """Let an archive live, and write its register as the one of the newest schema."""
    folder = RELEASES / str(newest_schema())
    folder.mkdir(parents=True)
    with tempfile.TemporaryDirectory() as scratch:
        place_folder = Path(scratch)
        urls = Urls(f"sqlite:///{place_folder / 'register.sqlite'}", f"file:{place_folder / 'objects'}")
        with open_place(urls, place_folder) as place:
            live(place)
            place.deposit(60)
            seal_log(place.archive)
            with one_view(place.register.engine) as view:
                for table in view.tables:
                    (folder / f"{table}.jsonl").write_bytes(b"".join(view.lines(table)))
    return folder


if __name__ == "__main__":
    print(write_release())  # noqa: T201  # a command tells where it wrote
