"""An archive on a folder of the disk that is measured, filled with results of a size."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from archive_service.bootstrap import open_archive, upgrade_register
from archive_service.lifecycle.deposit import Deposit, deposit
from archive_service.lifecycle.index import index_records
from archive_service.lifecycle.log.seal import seal_log
from archive_service.lifecycle.reference import load_reference
from archive_service.model.archive import Archive
from archive_service.model.identifiers import OfficeCode
from archive_service.model.metadata_json import metadata_from_json
from archive_service.model.permissions import Caller, Role
from archive_service.settings import Settings
from archive_service.storage.reference_files import read_reference
from bench.deposits import metadata, template
from bench.service import PROJECT, work_folder
from bench.wsgi import AcceptingReader

OFFICE = OfficeCode("BHXH-79-01")


@contextmanager
def filled_archive(count: int, size_bytes: int) -> Iterator[tuple[Archive, list[Path]]]:
    """Give an archive with that many records, and the files of their originals in the store's folder."""
    with work_folder() as folder:
        # Nobody to stamp, so that nothing is sealed: an audit is measured without its paper, a third of a second each.
        settings = Settings(
            data_dir=folder / "data", seal_results=False, timestamp_authorities="none", log_level="error"
        )
        upgrade_register(settings)
        with open_archive(settings, pdf_processes=1) as opened:
            archive = dataclasses.replace(opened, pdf=AcceptingReader())
            load_reference(archive, read_reference(PROJECT / "examples" / "reference"), "bench")
            for number in range(count):
                _deposit(archive, number, size_bytes)
            seal_log(archive)
            yield archive, sorted((folder / "data" / "objects").rglob("original"))


def _deposit(archive: Archive, number: int, size_bytes: int) -> None:
    caller = Caller("bench", OFFICE, frozenset({OFFICE}), frozenset({Role.DEPOSITOR}))
    said = metadata_from_json(json.loads(json.dumps(metadata(number) | {"office": OFFICE})))
    with archive.staging.receive(2 * size_bytes) as file:
        for portion in template(size_bytes).file():
            file.write(portion)
        record = deposit(archive, Deposit(caller, f"key-{number}", said, file.path, file.digest)).record
    index_records(archive, [record.id])
