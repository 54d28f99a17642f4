"""Reading what is kept: the record, its bytes, its words, its history, and everything of one subject.

Every read is an event of the log, committed before the first byte goes out. Of a record that was disposed of only its
events are told; to all else the answer is Gone ``disposed``, which every step here raises for it.
"""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from archive_service.errors import IntegrityFailure, Message, NotFound
from archive_service.lifecycle.visible import (
    kept_records_of,
    may_see,
    require_known,
    require_served,
    require_visible,
)
from archive_service.model.archive import Archive
from archive_service.model.events import DISPOSALS, Event, EventType, Json, LoggedEvent
from archive_service.model.findings import RecordedFinding
from archive_service.model.identifiers import Identifier, RecordId
from archive_service.model.objects import not_readable
from archive_service.model.permissions import Action, Caller, require
from archive_service.model.record import (
    ContentDigest,
    DocumentText,
    MetadataVersion,
    ObjectVersion,
    Record,
    RecordState,
)
from archive_service.model.sealing import Rendition, RenditionKind
from archive_service.model.signature_json import KeptReport, read_signatures_object
from archive_service.model.signatures import SignatureVerdict
from archive_service.model.subject import DatedIdentifier, Subject, SubjectMerge
from archive_service.model.units import RegisterUnit

# Up to this size, in bytes, reading the whole for a part costs some milliseconds and this much memory; a result of a
# few pages is smaller. Of larger files a part is given as the store has it: reading 500 MB for each part is no service.
COMPARED_PART_BYTES = 4 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class ShownRecord:
    """A record with what is around it. ``related`` are visible records that name this one, with the kind.

    ``signatures`` is what its signatures were worth at deposit, None for a record that carries none.
    """

    record: Record
    findings: tuple[RecordedFinding, ...]
    related: tuple[tuple[RecordId, str], ...]
    signatures: SignatureVerdict | None = None


@dataclass(frozen=True, slots=True)
class Content:
    """The original bytes of a record, or those of a rendition, ready to be opened."""

    record: Record
    stored: ObjectVersion
    digest: ContentDigest
    archive: Archive

    @contextmanager
    def open(self, start: int = 0, length: int | None = None) -> Iterator[Iterator[bytes]]:
        """Open the bytes from ``start`` for ``length`` bytes; streamed.

        The whole is compared with what was recorded as it passes: reading it raises IntegrityFailure instead of
        giving the last block of other bytes. For a part of a file of up to ``COMPARED_PART_BYTES`` the whole is read
        and compared before the first byte is given; of a larger one whoever asks for parts compares the whole.
        """
        stored, is_part = self.stored, bool(start) or length is not None
        compared = self.digest.size_bytes <= COMPARED_PART_BYTES
        if is_part and not compared:
            with self.archive.store.read(stored.key, stored.version, start=start, length=length) as blocks:
                yield blocks
            return
        with self.archive.store.read(stored.key, stored.version) as blocks:
            proven = _proven(blocks, self)
            yield iter((b"".join(proven)[start:][:length],)) if is_part else proven


@dataclass(frozen=True, slots=True)
class SubjectPage:
    """A subject over all its identifiers, and its visible records in time order."""

    subject: Subject
    identifiers: tuple[DatedIdentifier, ...]
    merges: tuple[SubjectMerge, ...]
    records: tuple[ShownRecord, ...]


def _proven(blocks: Iterator[bytes], content: Content) -> Iterator[bytes]:
    """Yield the blocks, the last one only when all of them together are the bytes recorded."""
    digest, held = hashlib.sha256(), b""
    for block in blocks:
        digest.update(block)
        if held:
            yield held
        held = block
    record = content.record
    if digest.hexdigest() != content.digest.sha256:
        raise IntegrityFailure(
            Message(
                f"The stored bytes of record {record.id} are not those recorded. Tell the operator at once.",
                f"Nội dung lưu trữ của tài liệu {record.id} không khớp với giá trị đã ghi. "
                "Hãy báo ngay cho quản trị viên.",
            ),
            record_id=record.id,
        )
    yield held


def show_record(archive: Archive, caller: Caller, record_id: RecordId) -> ShownRecord:
    """Return the record. Raises NotAllowed, NotFound, Unavailable."""
    require(caller, Action.READ_RECORD)

    def look(unit: RegisterUnit) -> ShownRecord:
        return _around(unit, caller, require_visible(unit, caller, record_id))

    shown = archive.register.read(look)
    _log(archive, caller, EventType.RECORD_READ, record_id)
    return shown


def open_content(archive: Archive, caller: Caller, record_id: RecordId) -> Content:
    """Return the record's original bytes, not yet opened; the read is logged by now.

    Raises NotAllowed, NotFound; Conflict ``not-served`` unless the record is stored: what is in quarantine is shown
    to nobody until a person has decided.
    """
    require(caller, Action.READ_CONTENT)
    record = archive.register.read(lambda unit: _served(unit, caller, record_id))
    _log(archive, caller, EventType.CONTENT_READ, record_id)
    return Content(record, record.original, record.content, archive)


def list_renditions(archive: Archive, caller: Caller, record_id: RecordId) -> tuple[Rendition, ...]:
    """Return the copies that are kept beside the record's original, by kind and number.

    Raises NotAllowed, NotFound.
    """
    require(caller, Action.READ_RECORD)

    def look(unit: RegisterUnit) -> tuple[Rendition, ...]:
        require_visible(unit, caller, record_id)
        return tuple(unit.renditions.of_record(record_id))

    renditions = archive.register.read(look)
    _log(archive, caller, EventType.RECORD_READ, record_id)
    return renditions


def open_rendition(archive: Archive, caller: Caller, record_id: RecordId, kind: RenditionKind) -> Content:
    """Return the newest rendition of a kind, not yet opened; the read is logged by now.

    Raises NotAllowed, NotFound, also where there is none of that kind; Conflict ``not-served`` as for the original.
    """
    require(caller, Action.READ_CONTENT)

    def look(unit: RegisterUnit) -> tuple[Record, Rendition]:
        record = _served(unit, caller, record_id)
        of_kind = unit.renditions.of_record(record_id, kind)
        if not of_kind:
            raise NotFound(
                Message(
                    f"The record has no {kind} copy. Its findings say why, or the work is still to be done.",
                    "Tài liệu chưa có bản sao này. Lý do ghi trong các phát hiện, hoặc việc tạo bản chưa hoàn tất.",
                ),
                code="no-rendition",
            )
        return record, of_kind[-1]

    record, rendition = archive.register.read(look)
    values: dict[str, Json] = {"kind": str(kind), "number": rendition.number}
    _log(archive, caller, EventType.RENDITION_READ, record_id, values)
    return Content(record, rendition.object, rendition.content, archive)


def read_text(archive: Archive, caller: Caller, record_id: RecordId) -> DocumentText:
    """Return the record's words page by page; no pages while they have not been read yet.

    Raises NotAllowed, NotFound, Conflict ``not-served``.
    """
    require(caller, Action.READ_CONTENT)

    def look(unit: RegisterUnit) -> DocumentText:
        _served(unit, caller, record_id)
        return unit.texts.get(record_id) or DocumentText(())

    text = archive.register.read(look)
    _log(archive, caller, EventType.TEXT_SERVED, record_id)
    return text


def show_signatures(archive: Archive, caller: Caller, record_id: RecordId) -> dict[str, Any]:
    """Return the report of the record's signatures as the store keeps it, compared with the digest recorded.

    Raises NotAllowed; NotFound also for a record that carries no signature; IntegrityFailure, Unavailable.
    """
    require(caller, Action.READ_RECORD)

    def look(unit: RegisterUnit) -> KeptReport:
        require_visible(unit, caller, record_id)
        kept = unit.signature_reports.get(record_id)
        if kept is None:
            raise NotFound(
                Message("This record carries no signature.", "Tài liệu này không có chữ ký số."), code="not-signed"
            )
        return kept

    stored = archive.register.read(look).stored
    with archive.store.read(stored.key, stored.version) as blocks:
        body = b"".join(blocks)
    if hashlib.sha256(body).hexdigest() != stored.stored.sha256:
        raise not_readable(stored.key)
    report = read_signatures_object(stored.key, body)
    _log(archive, caller, EventType.RECORD_READ, record_id)
    return report


def list_events(
    archive: Archive, caller: Caller, record_id: RecordId, after: int, limit: int
) -> tuple[LoggedEvent, ...]:
    """Return one page of everything that happened to the record, reads included, oldest first.

    Of one that was disposed of the entries are told, and how it went. Raises NotAllowed, NotFound. Looking is itself an
    event.
    """
    require(caller, Action.READ_EVENTS)

    def look(unit: RegisterUnit) -> tuple[LoggedEvent, ...]:
        record = require_known(unit, caller, record_id)
        events = unit.log.of_record(record_id, after, limit)
        return tuple(map(_of_disposed, events) if record.state is RecordState.DISPOSED else events)

    events = archive.register.read(look)
    _log(archive, caller, EventType.EVENTS_READ, record_id)
    return events


def _of_disposed(logged: LoggedEvent) -> LoggedEvent:
    """Return the entry as it will be once the record is forgotten."""
    told = logged.event is not None and logged.event.type in DISPOSALS
    return logged if told else dataclasses.replace(logged, event=None)


def list_versions(archive: Archive, caller: Caller, record_id: RecordId) -> tuple[MetadataVersion, ...]:
    """Return the versions of the record's metadata that the caller may see, oldest first.

    Raises NotAllowed, NotFound.
    """
    require(caller, Action.READ_RECORD)

    def look(unit: RegisterUnit) -> tuple[MetadataVersion, ...]:
        record = require_visible(unit, caller, record_id)
        # An earlier version may belong to another office or level than the record does now.
        return tuple(
            version
            for version in unit.records.metadata_versions(record_id)
            if may_see(caller, dataclasses.replace(record, metadata=version.metadata))
        )

    versions = archive.register.read(look)
    _log(archive, caller, EventType.RECORD_READ, record_id)
    return versions


def show_subject(archive: Archive, caller: Caller, identifier: Identifier) -> SubjectPage:
    """Return everything of the subject that the caller may see, in time order, over all its identifiers.

    Raises NotAllowed; NotFound where nothing of that subject is visible: whether others hold something is not said.
    """
    require(caller, Action.SEARCH)
    page = archive.register.read(lambda unit: _subject_page(unit, caller, identifier))
    values: dict[str, Json] = {"subject": page.subject.id, "returned": [s.record.id for s in page.records]}
    _log(archive, caller, EventType.SUBJECT_READ, None, values)
    return page


def _subject_page(unit: RegisterUnit, caller: Caller, identifier: Identifier) -> SubjectPage:
    subject = unit.subjects.by_identifier(identifier)
    family = unit.subjects.family(subject.id) if subject is not None else []
    records = kept_records_of(unit, [member.id for member in family])
    visible = [record for record in records if may_see(caller, record)]
    whole = all(record.metadata.office in caller.offices for record in records)
    # That a number is this person's may be known from another office's record alone.
    stated = {i for record in visible for i in record.metadata.subject.identifiers}
    if subject is None or not visible or not (whole or identifier in stated):
        raise NotFound(
            Message(
                "No result of this subject is held in your offices.",
                "Không có kết quả nào của chủ thể này trong phạm vi cơ quan của bạn.",
            )
        )
    shown = tuple(_around(unit, caller, record) for record in visible)
    if not whole:
        return _partial_page(subject, visible, shown)
    return SubjectPage(
        subject=subject,
        identifiers=tuple(i for member in family for i in member.identifiers),
        merges=tuple({m.id: m for member in family for m in unit.subjects.merges_of(member.id)}.values()),
        records=shown,
    )


def _partial_page(subject: Subject, visible: list[Record], shown: tuple[ShownRecord, ...]) -> SubjectPage:
    """Show of the subject only what the visible records say: the rest is known from other offices' records."""
    claim = visible[-1].metadata.subject
    stated = dict.fromkeys(i for record in visible for i in record.metadata.subject.identifiers)
    as_stated = dataclasses.replace(
        subject, name=claim.name, birth_date=claim.birth_date, merged_into=None, merged_from=()
    )
    return SubjectPage(as_stated, tuple(DatedIdentifier(i) for i in stated), (), shown)


def _around(unit: RegisterUnit, caller: Caller, record: Record) -> ShownRecord:
    related = unit.records.related_to(record.id)
    visible = unit.records.get_many([record_id for record_id, _ in related])
    report = unit.signature_reports.get(record.id)
    return ShownRecord(
        record,
        tuple(unit.findings.of_record(record.id)),
        tuple((other, kind) for other, kind in related if other in visible and _shown(caller, visible[other])),
        report.verdict if report is not None else None,
    )


def _shown(caller: Caller, record: Record) -> bool:
    return may_see(caller, record) and record.state is not RecordState.DISPOSED


def _served(unit: RegisterUnit, caller: Caller, record_id: RecordId) -> Record:
    record = require_visible(unit, caller, record_id)
    require_served(record)
    return record


def _log(
    archive: Archive,
    caller: Caller,
    kind: EventType,
    record_id: RecordId | None,
    values: dict[str, Json] | None = None,
) -> None:
    event = Event(kind, caller.id, archive.clock.now(), record_id, values or {})
    archive.register.write(lambda unit: unit.log.append(event))
