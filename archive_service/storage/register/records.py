"""Rows of records, their metadata versions and relations."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, Row, Select, bindparam, delete, exists, func, insert, select, update

from archive_service.evidence.canonical import canonical_json
from archive_service.model.identifiers import RecordId, ResultTypeCode, SubjectId
from archive_service.model.metadata_json import metadata_from_json, metadata_to_json
from archive_service.model.record import (
    HOLDING_STATES,
    ContentDigest,
    MetadataVersion,
    ObjectVersion,
    Record,
    RecordMetadata,
    RecordState,
    SearchState,
)
from archive_service.model.subject import SubjectClaim
from archive_service.model.units.records import RecordSelection
from archive_service.model.units.retention import RelationsTo, RelationTo
from archive_service.storage.register import tables as t
from archive_service.storage.register.rows import lock_name, upsert

_R = t.records.c
_M = t.metadata_versions.c
_HOLDING = sorted(str(state) for state in HOLDING_STATES)
# Made once: building a statement anew takes longer than running it.
_GET = select(t.records).where(_R.id == bindparam("record"))
_GET_MANY = select(t.records).where(_R.id.in_(bindparam("records", expanding=True)))
_HOLDERS = (
    select(t.records)
    .where(_R.sha256 == bindparam("sha256"), _R.result_type == bindparam("result_type"), _R.state.in_(_HOLDING))
    .order_by(_R.id)
)
_RELATED = (
    select(t.record_relations.c.record_id, t.record_relations.c.kind)
    .where(t.record_relations.c.target == bindparam("record"))
    .order_by(t.record_relations.c.record_id)
)
# Whether retention was decided on: the decision then says until when the record is locked.
_DECIDED = exists().where(t.retention_decisions.c.record_id == _R.id)
_ADD = insert(t.records)
_ADD_VERSION = insert(t.metadata_versions)


class SqlRecords:
    """Implements ``Records`` inside one transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def serialise_deposits_of(self, content_sha256: str, result_type: ResultTypeCode) -> None:
        """Take a lock on (bytes, type) until the transaction ends."""
        lock_name(self._connection, f"{content_sha256}:{result_type}")

    def add(self, record: Record, first: MetadataVersion) -> None:
        """Write the record, its first metadata version and its relations."""
        values = _described(record.metadata) | {
            "id": record.id,
            "state": str(record.state),
            "search_state": str(record.search_state),
            "search_problem": record.search_problem,
            "subject_id": record.subject_id,
            "metadata_version": record.metadata_version,
            "size_bytes": record.content.size_bytes,
            "sha256": record.content.sha256,
            "sha512": record.content.sha512,
            "object_key": record.original.key,
            "object_version": record.original.version,
            "stored_size_bytes": record.original.stored.size_bytes,
            "stored_sha256": record.original.stored.sha256,
            "stored_sha512": record.original.stored.sha512,
            "locked_until": record.original.locked_until,
            "page_count": record.page_count,
            "depositor": record.depositor,
            "received_at": record.received_at,
            "stored_at": record.stored_at,
            "changed_at": record.changed_at,
        }
        self._connection.execute(_ADD, values)
        self._write_version(first)
        self._add_relations(first)

    def get(self, record_id: RecordId) -> Record | None:
        """Return the record of that id."""
        row = self._connection.execute(_GET, {"record": record_id}).one_or_none()
        return record_of_row(row) if row is not None else None

    def get_many(self, record_ids: Sequence[RecordId]) -> dict[RecordId, Record]:
        """Return those records that exist, by id."""
        if not record_ids:
            return {}
        rows = self._connection.execute(_GET_MANY, {"records": list(record_ids)})
        return {record.id: record for record in map(record_of_row, rows)}

    def for_update(self, record_id: RecordId) -> Record | None:
        """Return the record, its row locked."""
        row = self._connection.execute(select(t.records).where(_R.id == record_id).with_for_update()).one_or_none()
        return record_of_row(row) if row is not None else None

    def holding(self, content_sha256: str, result_type: ResultTypeCode) -> list[Record]:
        """Return records that stand in the way of the same bytes and type."""
        rows = self._connection.execute(_HOLDERS, {"sha256": content_sha256, "result_type": result_type})
        return [record_of_row(row) for row in rows]

    def with_content(self, content_sha256: str) -> list[Record]:
        """Return every record of the bytes, oldest first."""
        return self._all(select(t.records).where(_R.sha256 == content_sha256).order_by(_R.id))

    def of_subjects(self, subjects: Sequence[SubjectId]) -> list[Record]:
        """Return every record of the subjects in time order; one without a date of issue by its day of storing."""
        when = func.coalesce(_R.issued_on, func.date(_R.stored_at))
        return self._all(select(t.records).where(_R.subject_id.in_(subjects)).order_by(when, _R.id))

    def related_to(self, record_id: RecordId) -> list[tuple[RecordId, str]]:
        """Return who names this record, and how."""
        rows = self._connection.execute(_RELATED, {"record": record_id})
        return [(RecordId(row.record_id), row.kind) for row in rows]

    def relations_to(self, record_ids: Sequence[RecordId]) -> RelationsTo:
        """Return what stored records say of these, oldest first."""
        if not record_ids:
            return {}
        relations = t.record_relations.c
        query = (
            select(relations.target, relations.kind, _R.id, _R.issued_on, _R.stored_at)
            .join(t.record_relations, relations.record_id == _R.id)
            .where(relations.target.in_(record_ids), _R.state == str(RecordState.STORED))
        )
        found: dict[RecordId, list[RelationTo]] = {}
        # Asked for in order of ids, SQLite would walk through all records by their key instead of the few relations.
        for row in sorted(self._connection.execute(query), key=lambda row: str(row.id)):
            said = RelationTo(row.kind, RecordId(row.id), row.issued_on, row.stored_at)
            found.setdefault(RecordId(row.target), []).append(said)
        return found

    def of_dossier(self, code: str) -> list[RecordId]:
        """Return every record of a dossier, oldest first."""
        rows = self._connection.execute(select(_R.id).where(_R.dossier_code == code).order_by(_R.id))
        return [RecordId(row.id) for row in rows]

    def select(self, selection: RecordSelection) -> list[Record]:
        """Return one page of the selection in id order."""
        return self._all(_selected(select(t.records), selection))

    def ids(self, selection: RecordSelection) -> list[RecordId]:
        """Return the ids of one page of the selection in id order."""
        rows = self._connection.execute(_selected(select(_R.id), selection))
        return [RecordId(row.id) for row in rows]

    def count(self, state: RecordState | None = None, search_state: SearchState | None = None) -> int:
        """Return how many records there are, of all or of the states named."""
        query = select(func.count()).select_from(t.records)
        if state is not None:
            query = query.where(_R.state == str(state))
        if search_state is not None:
            query = query.where(_R.search_state == str(search_state))
        return int(self._connection.execute(query).scalar_one())

    def set_state(self, record_id: RecordId, state: RecordState, now: dt.datetime) -> None:
        """Write the state."""
        self._change(record_id, {"state": str(state), "changed_at": now})

    def erase(self, record_id: RecordId, now: dt.datetime) -> None:
        """Empty the row of what names anybody, and delete its versions and relations."""
        record = self.get(record_id)
        if record is None:
            return
        self._connection.execute(delete(t.metadata_versions).where(_M.record_id == record_id))
        self._connection.execute(delete(t.record_relations).where(t.record_relations.c.record_id == record_id))
        nobody = _described(_without_words(record.metadata))
        erased = {"subject_id": "", "search_problem": None, "locked_until": None, "changed_at": now}
        self._change(record_id, nobody | erased)

    def any_kept_of(self, subjects: Sequence[SubjectId]) -> bool:
        """Whether there is a record of theirs that is not disposed of."""
        query = select(_R.id).where(_R.subject_id.in_(subjects), _R.state != str(RecordState.DISPOSED)).limit(1)
        return bool(subjects) and self._connection.execute(query).first() is not None

    def mark_changed(self, record_id: RecordId, now: dt.datetime) -> None:
        """Write when the record changed."""
        self._change(record_id, {"changed_at": now})

    def set_search_state(self, record_id: RecordId, state: SearchState, problem: str | None, now: dt.datetime) -> None:
        """Write the search state. ``changed_at`` stays: nothing that an index holds has changed."""
        self._change(record_id, {"search_state": str(state), "search_problem": problem})

    def claim_metadata(self, version: MetadataVersion) -> None:
        """Write the next version; the record does not show it yet."""
        self._write_version(version)

    def claimed_metadata(self, record_id: RecordId) -> MetadataVersion | None:
        """Return the version that waits for its object."""
        row = self._connection.execute(
            select(t.metadata_versions).where(_M.record_id == record_id, _M.object_version == "")
        ).one_or_none()
        return _version(row) if row is not None else None

    def complete_metadata(self, version: MetadataVersion, subject: SubjectId, now: dt.datetime) -> None:
        """Name the version's object and let the record show the version."""
        self._connection.execute(
            update(t.metadata_versions)
            .where(_M.record_id == version.record_id, _M.version == version.version)
            .values(object_version=version.object_version)
        )
        self._write_relations(version)
        self._change(
            version.record_id,
            _described(version.metadata)
            | {
                "metadata_version": version.version,
                "subject_id": subject,
                "changed_at": now,
            },
        )

    def versions_of(self, record_ids: Sequence[RecordId]) -> dict[RecordId, list[MetadataVersion]]:
        """Return every version that is or was current of these records, oldest first."""
        rows = self._connection.execute(
            select(t.metadata_versions)
            .where(_M.record_id.in_(record_ids), _M.object_version != "")
            .order_by(_M.record_id, _M.version)
        )
        found: dict[RecordId, list[MetadataVersion]] = {}
        for version in map(_version, rows):
            found.setdefault(version.record_id, []).append(version)
        return found

    def metadata_versions(self, record_id: RecordId) -> list[MetadataVersion]:
        """Return every version that is or was current, oldest first."""
        rows = self._connection.execute(
            select(t.metadata_versions).where(_M.record_id == record_id, _M.object_version != "").order_by(_M.version)
        )
        return [_version(row) for row in rows]

    def set_lock(self, record_id: RecordId, original: ObjectVersion) -> None:
        """Write until when the original is locked."""
        self._change(record_id, {"locked_until": original.locked_until})

    def set_object_version(self, record_id: RecordId, metadata_version: int | None, put: ObjectVersion) -> None:
        """Write which version of an object is the one to read."""
        if metadata_version is None:
            self._change(record_id, {"object_version": put.version, "locked_until": put.locked_until})
            return
        versions = t.metadata_versions
        self._connection.execute(
            update(versions)
            .where(versions.c.record_id == record_id, versions.c.version == metadata_version)
            .values(object_version=put.version)
        )

    def locks_ending_before(self, instant: dt.datetime, limit: int) -> list[Record]:
        """Return records without a retention decision whose lock ends before the instant, soonest first."""
        return self._all(
            select(t.records)
            .where(_R.locked_until < instant, _R.state.in_(_HOLDING), ~_DECIDED)
            .order_by(_R.locked_until)
            .limit(limit)
        )

    def _all(self, query: Select[Any]) -> list[Record]:
        return [record_of_row(row) for row in self._connection.execute(query)]

    def _change(self, record_id: RecordId, values: dict[str, Any]) -> None:
        self._connection.execute(update(t.records).where(_R.id == record_id).values(values))

    def _write_version(self, version: MetadataVersion) -> None:
        self._connection.execute(
            _ADD_VERSION,
            {
                "record_id": version.record_id,
                "version": version.version,
                "metadata": canonical_json(metadata_to_json(version.metadata)).decode(),
                "salt": version.salt,
                "object_version": version.object_version,
                "actor": version.actor,
                "reason": version.reason,
                "recorded_at": version.recorded_at,
            },
        )

    def _write_relations(self, version: MetadataVersion) -> None:
        """Let the record's relations be those of its current version."""
        own = t.record_relations.c.record_id == version.record_id
        self._connection.execute(delete(t.record_relations).where(own))
        self._add_relations(version)

    def _add_relations(self, version: MetadataVersion) -> None:
        for relation in version.metadata.relations:
            upsert(
                self._connection,
                t.record_relations,
                {"record_id": version.record_id, "kind": str(relation.kind), "target": relation.record_id},
            )


def _selected(query: Select[Any], selection: RecordSelection) -> Select[Any]:
    """Return the query limited to one page of the selection, in id order."""
    query = query.order_by(_R.id).limit(selection.limit)
    if selection.offices is not None:
        query = query.where(_R.office.in_(sorted(selection.offices)))
    if selection.state is not None:
        query = query.where(_R.state == str(selection.state))
    if selection.search_state is not None:
        query = query.where(_R.search_state == str(selection.search_state))
    if selection.changed_since is not None:
        query = query.where(_R.changed_at >= selection.changed_since)
    if selection.after is not None:
        query = query.where(_R.id > selection.after)
    return query


def _without_words(metadata: RecordMetadata) -> RecordMetadata:
    """Return the metadata with what must be stated, and nothing that names anybody."""
    return RecordMetadata(
        office=metadata.office,
        result_type=metadata.result_type,
        subject=SubjectClaim(metadata.subject.kind, "", ()),
        trust=metadata.trust,
        channel=metadata.channel,
        access_level=metadata.access_level,
    )


def _described(metadata: RecordMetadata) -> dict[str, Any]:
    return {
        "office": metadata.office,
        "result_type": metadata.result_type,
        "metadata": canonical_json(metadata_to_json(metadata)).decode(),
        "issued_on": metadata.issued_on,
        "dossier_code": metadata.dossier_code,
    }


def _version(row: Row[Any]) -> MetadataVersion:
    return MetadataVersion(
        record_id=RecordId(row.record_id),
        version=row.version,
        metadata=metadata_from_json(json.loads(row.metadata)),
        salt=row.salt,
        object_version=row.object_version,
        actor=row.actor,
        reason=row.reason,
        recorded_at=row.recorded_at,
    )


def record_of_row(row: Row[Any]) -> Record:
    """Return the record that a row of its table states."""
    return Record(
        id=RecordId(row.id),
        state=RecordState(row.state),
        search_state=SearchState(row.search_state),
        search_problem=row.search_problem,
        subject_id=SubjectId(row.subject_id),
        metadata=metadata_from_json(json.loads(row.metadata)),
        metadata_version=row.metadata_version,
        content=ContentDigest(row.size_bytes, row.sha256, row.sha512),
        original=ObjectVersion(
            key=row.object_key,
            version=row.object_version,
            stored=ContentDigest(row.stored_size_bytes, row.stored_sha256, row.stored_sha512),
            locked_until=row.locked_until,
        ),
        page_count=row.page_count,
        depositor=row.depositor,
        received_at=row.received_at,
        stored_at=row.stored_at,
        changed_at=row.changed_at,
    )
