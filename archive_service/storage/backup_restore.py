"""Bringing a backup back: every object, each compared with its digest, then the register in one transaction.

Into an empty place only. What has a tombstone anywhere in the backup, also in one made later, stays gone. Versions
and locks are those of the new store; all else is as it was. The index is not in a backup; it is rebuilt.
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from itertools import islice
from pathlib import Path

from sqlalchemy import Connection, Engine, bindparam, update
from sqlalchemy import inspect as inspect_database

from archive_service.errors import Message, Misconfigured
from archive_service.model.objects import (
    KEPT,
    OF_THE_ARCHIVE,
    RECORDS,
    TOMBSTONES,
    original_key,
    record_of,
    rendition_prefix,
    signatures_key,
)
from archive_service.model.ports import ObjectStore, Reception, Staging
from archive_service.model.record import ContentDigest, ObjectVersion
from archive_service.storage.backup_place import BackupPlace, ListedObject, Manifest, listed_object, no_backup
from archive_service.storage.backup_rows import ROWS_AT_ONCE, load_rows, one_load, require_no_rows
from archive_service.storage.digests import digest_of_blocks
from archive_service.storage.register.schema import schema_of, schemas, upgrade_schema
from archive_service.storage.register.tables import metadata_versions, records, renditions, signature_reports

_COPIERS = 8
_AT_ONCE = 256

# What a restore notes of each object while it works: more than any store will hold.
_LARGEST_NOTES = 1 << 50

Report = Callable[[int], None]


@dataclass(frozen=True, slots=True)
class Target:
    """The empty place that a backup is brought back into.

    ``lock_until`` is the first lock of every object, ``evidence_lock_until`` that of log, time-stamps and audits.
    """

    engine: Engine
    store: ObjectStore
    staging: Staging
    lock_until: dt.datetime
    evidence_lock_until: dt.datetime

    def lock_of(self, key: str) -> dt.datetime:
        """Return until when an object is locked at first."""
        return self.evidence_lock_until if key.startswith(OF_THE_ARCHIVE) else self.lock_until


@dataclass(frozen=True, slots=True)
class Restored:
    """What was brought back, and how many objects were not, because their records were disposed of."""

    manifest: Manifest
    objects: int
    tombstoned: int
    rows: dict[str, int]


@dataclass(frozen=True, slots=True)
class RestoreRequest:
    """Which backup (None: the latest), and whether objects of a restore that was cut off may be there already."""

    stamp: str | None = None
    resume: bool = False


def restore(place: BackupPlace, target: Target, request: RestoreRequest, report: Report) -> Restored:
    """Bring one backup back. ``report`` is told how many objects were passed.

    Objects first, then the register in one transaction: a restore that was cut off has no register, and is run again
    with ``resume``. Raises NotFound ``no-backup``; Misconfigured when the place is not empty or the backup is of a
    newer version; IntegrityFailure when anything in the backup is not what was backed up; Unavailable.
    """
    manifest = place.manifest(request.stamp)
    if manifest is None:
        raise no_backup(request.stamp)
    _require_known_schema(manifest)
    require_no_rows(target.engine)
    _require_schema_fits(target.engine, manifest)
    if not request.resume:
        _require_no_objects(target.store)
    tombstoned = _Counter()
    with target.staging.receive(_LARGEST_NOTES) as notes:
        count = 0
        for stored in _restored_objects(place, target, manifest, tombstoned):
            _note(notes, stored)
            count += 1
            if count % _AT_ONCE == 0:
                report(count)
        report(count)
        rows = _restore_rows(place, target, manifest, notes.path)
    upgrade_schema(target.engine)
    return Restored(manifest, count, tombstoned.value, rows)


def _require_known_schema(manifest: Manifest) -> None:
    if manifest.schema not in schemas():
        raise Misconfigured(
            Message(
                f"The backup was made by version {manifest.version} with schema {manifest.schema}, which this version "
                "does not know. Restore it with that version, then upgrade.",
                f"Bản sao lưu do phiên bản {manifest.version} tạo với lược đồ {manifest.schema} mà phiên bản này "
                "không biết. Hãy phục hồi bằng phiên bản đó rồi nâng cấp.",
            ),
            code="unknown-schema",
        )


def _require_schema_fits(engine: Engine, manifest: Manifest) -> None:
    """Rows are loaded into tables of their own schema and upgraded with them, so newer empty tables do not serve."""
    with one_load(engine) as connection:
        found = schema_of(connection)
    if found not in (None, manifest.schema):
        raise Misconfigured(
            Message(
                f"The register is empty but has schema {found}; the backup has {manifest.schema}. "
                "Name a new, empty database.",
                f"Sổ đăng ký trống nhưng có lược đồ {found}; bản sao lưu có {manifest.schema}. "
                "Hãy trỏ đến cơ sở dữ liệu mới và trống.",
            ),
            code="schema-differs",
        )


def _require_no_objects(store: ObjectStore) -> None:
    for prefix in KEPT:
        if next(iter(store.list_under(prefix)), None) is not None:
            raise Misconfigured(
                Message(
                    "The store is not empty. A backup is restored into an empty place only; --resume goes on with a "
                    "restore that was cut off.",
                    "Kho lưu trữ không trống. Chỉ phục hồi vào nơi trống; dùng --resume để tiếp tục lần phục hồi "
                    "bị gián đoạn.",
                ),
                code="store-not-empty",
            )


@dataclass(slots=True)
class _Counter:
    value: int = 0


def _restored_objects(
    place: BackupPlace, target: Target, manifest: Manifest, tombstoned: _Counter
) -> Iterator[ObjectVersion]:
    """Put every object that is not gone into the store, several at once; tombstones first."""
    for listed in place.store.list_under(TOMBSTONES):
        with place.store.read(listed.key, listed.version) as blocks:
            digest = digest_of_blocks(blocks)
        yield _restore_one(place, target, _as_listed(listed, digest))
    objects = _still_kept(place, manifest, tombstoned)
    with ThreadPoolExecutor(_COPIERS) as pool:
        while batch := list(islice(objects, _AT_ONCE)):
            yield from pool.map(partial(_restore_one, place, target), batch)


def _as_listed(listed: ObjectVersion, digest: ContentDigest) -> ListedObject:
    return ListedObject(listed.key, "", listed.version, digest.size_bytes, digest.sha256, digest.sha512)


def _still_kept(place: BackupPlace, manifest: Manifest, tombstoned: _Counter) -> Iterator[ListedObject]:
    """Yield the backup's objects, without those of records that have a tombstone: a join of two sorted streams."""
    gone = (record_of(listed.key) for listed in place.store.list_under(TOMBSTONES))
    next_gone = next(gone, None)
    for wanted in map(listed_object, place.read_lines(manifest.objects)):
        if wanted.key.startswith(TOMBSTONES):
            continue
        if not wanted.key.startswith(RECORDS):
            yield wanted
            continue
        record_id = record_of(wanted.key)
        while next_gone is not None and next_gone < record_id:
            next_gone = next(gone, None)
        if next_gone == record_id:
            tombstoned.value += 1
            continue
        yield wanted


def _restore_one(place: BackupPlace, target: Target, wanted: ListedObject) -> ObjectVersion:
    with place.fetched(wanted) as path:
        return target.store.put(wanted.key, path, wanted.digest, target.lock_of(wanted.key))


def _note(notes: Reception, stored: ObjectVersion) -> None:
    """Write down what the register must be told: the version and lock that the object has in its new store."""
    locked_until = stored.locked_until.isoformat() if stored.locked_until is not None else None
    notes.write(json.dumps([stored.key, stored.version, locked_until]).encode() + b"\n")


def _restore_rows(place: BackupPlace, target: Target, manifest: Manifest, notes: Path) -> dict[str, int]:
    upgrade_schema(target.engine, manifest.schema)
    with one_load(target.engine) as connection:
        rows = {
            table: load_rows(connection, table, place.read_lines(parts)) for table, parts in manifest.tables.items()
        }
        _tell_versions(connection, notes)
    return rows


def _tell_versions(connection: Connection, notes: Path) -> None:
    """Let the register name the versions of the new store; a correction that is only decided stays so."""
    own = (
        update(records)
        .where(records.c.id == bindparam("of"))
        .values(object_version=bindparam("is_version"), locked_until=bindparam("until"))
    )
    described = (
        update(metadata_versions)
        .where(
            metadata_versions.c.record_id == bindparam("of"),
            metadata_versions.c.version == bindparam("number"),
            metadata_versions.c.object_version != "",
        )
        .values(object_version=bindparam("is_version"))
    )
    reported = (
        update(signature_reports)
        .where(signature_reports.c.object_key == bindparam("is_key"), signature_reports.c.record_id == bindparam("of"))
        .values(object_version=bindparam("is_version"))
    )
    rendered = (
        update(renditions)
        .where(renditions.c.object_key == bindparam("at_key"), renditions.c.record_id == bindparam("of"))
        .values(object_version=bindparam("is_version"), locked_until=bindparam("until"))
    )
    has_renditions = inspect_database(connection).has_table(renditions.name)  # a backup of the first schema has none
    with notes.open("rb") as lines:
        while batch := [json.loads(line) for line in islice(lines, ROWS_AT_ONCE)]:
            originals = [
                {"of": record_of(key), "is_version": version, "until": dt.datetime.fromisoformat(until)}
                for key, version, until in batch
                if key == original_key(record_of(key)) and until
            ]
            descriptions = [
                {"of": record_of(key), "number": int(key.rsplit("/", 1)[1]), "is_version": version}
                for key, version, _ in batch
                if "/metadata/" in key
            ]
            reports = [
                {"of": record_of(key), "is_key": key, "is_version": version}
                for key, version, _ in batch
                if key == signatures_key(record_of(key))
            ]
            # A backup of an earlier version has no such rows, and no table for them.
            if reports:
                connection.execute(reported, reports)
            copies = [
                {"at_key": key, "of": record_of(key), "is_version": version, "until": _instant(until)}
                for key, version, until in batch
                if key.startswith(rendition_prefix(record_of(key)))
            ]
            if originals:
                connection.execute(own, originals)
            if copies and has_renditions:
                connection.execute(rendered, copies)
            if descriptions:
                connection.execute(described, descriptions)


def _instant(text: str | None) -> dt.datetime | None:
    return dt.datetime.fromisoformat(text) if text else None
