"""Sealed copies go through backup and restore with their records, and are served and locked where they come out."""

from __future__ import annotations

import dataclasses
from pathlib import Path

from archive_service.lifecycle.read import open_rendition
from archive_service.lifecycle.reference import load_reference
from archive_service.lifecycle.seal import seal
from archive_service.model.permissions import Role
from archive_service.model.record import DocumentText, PageText, TextSource, Trust
from archive_service.model.sealing import RenditionKind
from archive_service.storage.backup_place import BackupPlace
from archive_service.storage.local_store import LocalStore
from retention.locks import quarantine_lock_until
from tests.fakes.sealer import FakeSealer
from tests.recovery.places import Place
from tests.recovery.test_backup import another, back_up_to, restore_into
from tests.results import REFERENCE, digest

PLACED = DocumentText((PageText(1, "Quyết định", TextSource.OCR, 90.0, bytes(20)),))


def test_a_sealed_copy_is_served_from_the_place_that_a_backup_was_restored_into(place: Place, tmp_path: Path) -> None:
    until = quarantine_lock_until(place.clock.now(), 14)
    backups = BackupPlace(LocalStore(tmp_path / "backups", place.clock), place.archive.staging, until)
    load_reference(place.archive, REFERENCE, "operator")
    place = dataclasses.replace(place, archive=dataclasses.replace(place.archive, sealer=FakeSealer()))
    record = place.deposit(1, trust=Trust.DIGITISED)
    place.register.write(lambda unit: unit.texts.put(record.id, PLACED, place.clock.now()))
    assert seal(place.archive, record.id) is None
    [before] = place.register.read(lambda unit: unit.renditions.of_record(record.id))
    back_up_to(place, backups)

    with another(tmp_path) as second:
        restore_into(second, backups)
        [after] = second.register.read(lambda unit: unit.renditions.of_record(record.id))
        assert after.content == before.content
        lock = second.archive.store.lock_of(after.object.key, after.object.version)
        assert lock is not None
        assert lock == after.object.locked_until
        content = open_rendition(second.archive, second.caller(Role.ARCHIVIST), record.id, RenditionKind.SEALED)
        with content.open() as blocks:
            assert digest(b"".join(blocks)) == before.content
