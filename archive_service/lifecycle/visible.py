"""Which records exist for a caller: those of its offices and access levels. Every other one is not found.

One that was disposed of is told as gone, with the day and the disposal, and nothing else of it. Not a step itself; the
steps that read call it, so that the rule stands once.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from archive_service.errors import Conflict, Gone, Message, NotFound
from archive_service.model.events import DISPOSALS, Event, EventType
from archive_service.model.identifiers import Identifier, OfficeCode, RecordId, SubjectId
from archive_service.model.permissions import Caller
from archive_service.model.record import Record, RecordState
from archive_service.model.subject import Subject
from archive_service.model.units import RegisterUnit
from retention.calendar import day_of
from retention.schedule import Action as DisposalAction


def may_see(caller: Caller, record: Record) -> bool:
    """Whether the record exists for the caller: its office and its access level are the caller's."""
    return record.metadata.office in caller.offices and record.metadata.access_level in caller.readable_levels


def require_visible(unit: RegisterUnit, caller: Caller, record_id: RecordId, *, lock: bool = False) -> Record:
    """Return the record, its row locked where it will be changed.

    Raises NotFound unless the caller may see it; Gone ``disposed`` for one that was disposed of, also while it is being
    deleted.
    """
    record = require_known(unit, caller, record_id, lock=lock)
    require_not_disposed(unit, record)
    return record


def require_known(unit: RegisterUnit, caller: Caller, record_id: RecordId, *, lock: bool = False) -> Record:
    """Return the record as ``require_visible`` does, and one that was disposed of, too.

    For what is told of it, not what it says: until it is forgotten its description is still in the register.
    """
    record = unit.records.for_update(record_id) if lock else unit.records.get(record_id)
    if record is None or not may_see(caller, record):
        raise NotFound(
            Message(
                "There is no such record in your offices.",
                "Không có tài liệu này trong phạm vi cơ quan của bạn.",
            )
        )
    return record


@dataclass(frozen=True, slots=True)
class DisposedRecord:
    """What is told of a record that is gone.

    ``action`` and ``disposal_id`` are None where this register only heard of it from the store.
    """

    record_id: RecordId
    disposed_at: dt.datetime
    action: DisposalAction | None
    disposal_id: str | None


def disposed_records(unit: RegisterUnit, records: Collection[Record]) -> list[DisposedRecord]:
    """Return what is told of those of the records that are gone, in their order."""
    gone = [record for record in records if record.state is RecordState.DISPOSED]
    told = unit.log.of_kinds([record.id for record in gone], [EventType.DISPOSED])
    untold = [record.id for record in gone if record.id not in told]
    told |= unit.log.of_kinds(untold, DISPOSALS)
    return [_disposed(record, told[record.id].event if record.id in told else None) for record in gone]


def _disposed(record: Record, event: Event | None) -> DisposedRecord:
    if event is None or event.type is not EventType.DISPOSED:
        return DisposedRecord(record.id, record.changed_at if event is None else event.at, None, None)
    action = DisposalAction(str(event.values["action"]))
    return DisposedRecord(record.id, event.at, action, str(event.values["disposal"]))


def require_not_disposed(unit: RegisterUnit, record: Record) -> None:
    """Raise Gone ``disposed`` for a record that was disposed of: the day, how, and by which disposal."""
    if record.state is not RecordState.DISPOSED:
        return
    [told] = disposed_records(unit, [record])
    day = day_of(told.disposed_at)
    what = _DISPOSED[told.action]
    by = "", ""
    if told.disposal_id is not None:
        by = (
            f" The certificate of disposal {told.disposal_id} says who decided it.",
            f" Giấy chứng nhận của đợt xử lý {told.disposal_id} ghi rõ ai đã quyết định.",
        )
    raise Gone(
        Message(
            f"The record was {what.en} on {day:%d/%m/%Y}.{by[0]}", f"Tài liệu {what.vi} ngày {day:%d/%m/%Y}.{by[1]}"
        ),
        code="disposed",
        record_id=told.record_id,
        state=str(record.state),
        disposed_on=day.isoformat(),
        action=None if told.action is None else str(told.action),
        disposal_id=told.disposal_id,
    )


_DISPOSED = {
    DisposalAction.DESTROY: Message("destroyed", "đã được tiêu huỷ"),
    DisposalAction.TRANSFER: Message("handed over to another archive", "đã được giao nộp cho lưu trữ khác"),
    DisposalAction.REVIEW: Message("disposed of", "đã được huỷ"),
    None: Message("disposed of", "đã được huỷ"),
}


def has_seen(unit: RegisterUnit, caller: Caller, subject_id: SubjectId) -> bool:
    """Whether the subject exists for the caller: one of its records, over all merges, is visible."""
    return any(may_see(caller, record) for record in _records_of(unit, subject_id))


def require_subject(unit: RegisterUnit, caller: Caller, identifier: Identifier) -> Subject:
    """Return the subject that stands for whoever has the number; raise NotFound unless the caller has seen it."""
    subject = unit.subjects.by_identifier(identifier)
    if subject is None or not has_seen(unit, caller, subject.id):
        raise NotFound(
            Message(
                "No result of a subject with this number is held in your offices.",
                "Không có kết quả nào của chủ thể mang mã số này trong phạm vi cơ quan của bạn.",
            )
        )
    return subject


def require_holder(unit: RegisterUnit, caller: Caller, identifier: Identifier) -> SubjectId:
    """Return the subject that was registered with the number, as ``require_subject`` does the one that stands for it.

    What is said of a person stays with that person when a merge is undone.
    """
    standing = require_subject(unit, caller, identifier)
    return unit.subjects.holder(identifier) or standing.id


def answer_for(unit: RegisterUnit, offices: frozenset[OfficeCode] | None, subject_id: SubjectId) -> bool:
    """Whether every record of the subject, over all merges, lies in these offices (None: every office there is).

    Only then may they change who the subject is: another office's persons are not one's own to join or name.
    """
    return offices is None or all(record.metadata.office in offices for record in _records_of(unit, subject_id))


def _records_of(unit: RegisterUnit, subject_id: SubjectId) -> list[Record]:
    return kept_records_of(unit, [member.id for member in unit.subjects.family(subject_id)])


def kept_records_of(unit: RegisterUnit, subjects: Sequence[SubjectId]) -> list[Record]:
    """Return every record of the subjects in time order, but what was disposed of and is not forgotten yet."""
    return [one for one in unit.records.of_subjects(subjects) if one.state is not RecordState.DISPOSED]


def require_served(record: Record) -> None:
    """Raise Conflict ``not-served`` unless the record is stored: what is in quarantine is shown to nobody."""
    if record.state is not RecordState.STORED:
        raise Conflict(
            Message(
                f"The record is {record.state} and is not served.",
                f"Tài liệu đang ở trạng thái «{record.state.vi}» nên chưa được cung cấp.",
            ),
            code="not-served",
            record_id=record.id,
            state=str(record.state),
        )
