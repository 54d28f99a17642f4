"""Correcting what is said of a record: every version is kept, in the register and in the store.

A correction is decided in the register first, then put into the store, then made current. One that was killed between
is finished by the next correction of the record, so that the store never holds a version the register did not decide.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

from archive_service.errors import Conflict, Message, NotFound, PreconditionFailed
from archive_service.evidence.commitment import metadata_commitment
from archive_service.evidence.entry import SALT_BYTES
from archive_service.lifecycle.compare import COMPARED, disagreements
from archive_service.lifecycle.known import known_subjects, require_known_references, require_possible, subject_for
from archive_service.lifecycle.retention.asking import HOLDS_AND_DISPOSALS, ask_for, ask_for_related
from archive_service.lifecycle.retention.judge import Judge
from archive_service.lifecycle.visible import require_visible
from archive_service.model.archive import Archive
from archive_service.model.events import Event, EventType
from archive_service.model.identifiers import OfficeCode, RecordId, SubjectId
from archive_service.model.jobs import JobKind
from archive_service.model.metadata_json import metadata_to_json
from archive_service.model.objects import metadata_object
from archive_service.model.permissions import Action, Caller, require
from archive_service.model.record import MetadataVersion, Record, RecordMetadata, RecordState
from archive_service.model.units import RegisterUnit
from retention.calendar import day_of
from retention.locks import quarantine_lock_until

_CORRECTABLE = frozenset({RecordState.STORED, RecordState.QUARANTINED})


@dataclass(frozen=True, slots=True)
class Correction:
    """The command: the whole new metadata, why, and the ETag of what the person saw."""

    caller: Caller
    record_id: RecordId
    metadata: RecordMetadata
    reason: str
    etag: str


def correct(archive: Archive, command: Correction) -> Record:
    """Give the record its next metadata version and return it.

    Raises NotAllowed, NotFound, InvalidInput; PreconditionFailed when the record is no longer as the person saw it;
    Conflict when its state does not permit it, ``held`` when it would take the record out of a hold, ``being-disposed``
    once its disposal was approved; Unavailable: the same correction may be sent again, and is answered
    by PreconditionFailed where the first one was kept after all.
    """
    require(command.caller, Action.CORRECT)
    _finish_earlier(archive, command)
    claimed = archive.register.write(lambda unit: _claim(archive, unit, command))
    return _finish(archive, claimed, command.caller.offices)


def _finish_earlier(archive: Archive, command: Correction) -> None:
    earlier = archive.register.read(lambda unit: unit.records.claimed_metadata(command.record_id))
    if earlier is not None:
        _finish(archive, earlier, command.caller.offices)


def _claim(archive: Archive, unit: RegisterUnit, command: Correction) -> MetadataVersion:
    record = require_visible(unit, command.caller, command.record_id, lock=True)
    if record.etag != command.etag or unit.records.claimed_metadata(record.id) is not None:
        raise PreconditionFailed(
            Message(
                "The record was changed meanwhile. Read it again, and correct what it says now.",
                "Tài liệu đã thay đổi trong lúc này. Hãy đọc lại rồi hiệu chỉnh theo nội dung hiện tại.",
            )
        )
    if record.state not in _CORRECTABLE:
        raise Conflict(
            Message(
                f"A record that is {record.state} is not corrected.",
                f"Tài liệu đang ở trạng thái «{record.state.vi}» không được hiệu chỉnh.",
            ),
            code="transition-not-permitted",
        )
    require_known_references(unit, command.caller, command.metadata, of=record.id)
    require_possible(command.metadata, archive.clock.now())
    _require_not_being_disposed(unit, record)
    _require_still_held(archive, unit, record, command.metadata)
    version = MetadataVersion(
        record_id=record.id,
        version=record.metadata_version + 1,
        metadata=command.metadata,
        salt=archive.randomness.token(SALT_BYTES),
        object_version="",
        actor=command.caller.id,
        reason=command.reason,
        recorded_at=archive.clock.now(),
    )
    unit.records.claim_metadata(version)
    return version


def _require_not_being_disposed(unit: RegisterUnit, record: Record) -> None:
    """Raise Conflict ``being-disposed``: what people have decided on must be what goes, and what was handed over."""
    if unit.disposals.to_execute(record.id) is not None:
        raise Conflict(
            Message(
                "The disposal of this record is approved and under way: it is not corrected any more. "
                "To keep it, place a hold.",
                "Việc huỷ tài liệu này đã được duyệt và đang thực hiện nên không hiệu chỉnh nữa. "
                "Để giữ lại, hãy đặt lệnh giữ.",
            ),
            code="being-disposed",
        )


def _require_still_held(archive: Archive, unit: RegisterUnit, record: Record, said: RecordMetadata) -> None:
    """Raise Conflict ``held`` for a correction that would take the record out of a hold that stands."""
    unit.progress.serialise(HOLDS_AND_DISPOSALS)
    judge = Judge.of(unit, day_of(archive.clock.now()))
    before = judge.decisions(unit, [record])[record.id].holds
    if not before:
        return
    known = known_subjects(unit, said.subject)
    subject_id = known[0].id if known else SubjectId("")
    after = judge.decisions(unit, [dataclasses.replace(record, metadata=said, subject_id=subject_id)])[record.id].holds
    lost = [hold.id for hold in before if hold not in after]
    if lost:
        raise Conflict(
            Message(
                "The record is held by what this would correct. "
                "First have the hold placed on the record itself, or lifted.",
                "Tài liệu đang bị giữ theo chính thông tin cần hiệu chỉnh. "
                "Trước hết hãy đặt lệnh giữ lên chính tài liệu, hoặc dỡ bỏ lệnh giữ.",
            ),
            code="held",
            holds=lost,
        )


def _finish(archive: Archive, claimed: MetadataVersion, offices: frozenset[OfficeCode]) -> Record:
    """Put the version into the store and make it current; may run twice, and beside another that finishes it."""
    record = archive.register.read(lambda unit: unit.records.get_many([claimed.record_id]))[claimed.record_id]
    described = metadata_object(claimed, record.content, record.page_count)
    until = quarantine_lock_until(archive.clock.now(), archive.rules.quarantine_lock_days)
    stored = archive.store.put(described.key, described.body, described.digest, until)
    version = dataclasses.replace(claimed, object_version=stored.version)
    return archive.register.write(lambda unit: _complete(archive, unit, version, stored.stored.sha256, offices))


def _complete(
    archive: Archive, unit: RegisterUnit, version: MetadataVersion, sha256: str, offices: frozenset[OfficeCode]
) -> Record:
    record = unit.records.for_update(version.record_id)
    if record is None:
        raise NotFound(Message("There is no such record.", "Không có tài liệu này."))
    if record.state is RecordState.DISPOSED:
        # It went since the correction began: what was put is removed as all else of it was.
        unit.jobs.add(JobKind.DISPOSE, record.id, archive.clock.now())
        return record
    if record.metadata_version >= version.version:
        return record
    claim = version.metadata.subject
    subject = subject_for(archive, unit, claim, known_subjects(unit, claim), offices)
    now = archive.clock.now()
    unit.records.complete_metadata(version, subject, now)
    unit.jobs.add(JobKind.INDEX, record.id, now)
    # The new version is locked like everything else of the record by its own decision.
    ask_for(unit, [record.id], now)
    ask_for_related(unit, [record.metadata, version.metadata], now)
    _compare_again(archive, unit, version)
    changed = changed_fields(record.metadata, version.metadata)
    unit.log.append(
        Event(
            EventType.METADATA_CORRECTED,
            version.actor,
            now,
            record.id,
            {
                "version": version.version,
                "reason": version.reason,
                "changed": changed,
                "metadata": metadata_commitment(version.version, version.metadata, version.salt),
                "metadata_sha256": sha256,
                "object_version": version.object_version,
            },
        )
    )
    return unit.records.get_many([record.id])[record.id]


def _compare_again(archive: Archive, unit: RegisterUnit, version: MetadataVersion) -> None:
    """Hold what is said now against the document's words: a finding that is put right closes, a new one opens."""
    words = unit.texts.get(version.record_id)
    if words is None:
        return
    now = archive.clock.now()
    found = disagreements(words, version.metadata)
    still = {finding.code for finding in found}
    for recorded in unit.findings.of_record(version.record_id):
        code = recorded.finding.code
        if recorded.resolved_at is None and code in COMPARED and code not in still:
            unit.findings.resolve(recorded.id, version.actor, f"corrected in version {version.version}", now)
    unit.findings.add(version.record_id, found, archive.policy, now)


def changed_fields(before: RecordMetadata, after: RecordMetadata) -> list[str]:
    """Return the names of the fields that two versions say differently, sorted."""
    old, new = metadata_to_json(before), metadata_to_json(after)
    return sorted(name for name in old.keys() | new.keys() if old.get(name) != new.get(name))
