"""Which records exist for a caller: those of its offices and access levels. Every other one is not found.

Not a step itself; the steps that read call it, so that the rule stands once.
"""

from __future__ import annotations

from archive_service.errors import Conflict, Message, NotFound
from archive_service.model.identifiers import OfficeCode, RecordId, SubjectId
from archive_service.model.permissions import Caller
from archive_service.model.record import Record, RecordState
from archive_service.model.units import RegisterUnit


def may_see(caller: Caller, record: Record) -> bool:
    """Whether the record exists for the caller: its office and its access level are the caller's."""
    return record.metadata.office in caller.offices and record.metadata.access_level in caller.readable_levels


def require_visible(unit: RegisterUnit, caller: Caller, record_id: RecordId, *, lock: bool = False) -> Record:
    """Return the record, its row locked where it will be changed; raise NotFound unless the caller may see it."""
    record = unit.records.for_update(record_id) if lock else unit.records.get(record_id)
    if record is None or not may_see(caller, record):
        raise NotFound(
            Message(
                "There is no such record in your offices.",
                "Không có tài liệu này trong phạm vi cơ quan của bạn.",
            )
        )
    return record


def has_seen(unit: RegisterUnit, caller: Caller, subject_id: SubjectId) -> bool:
    """Whether the subject exists for the caller: one of its records, over all merges, is visible."""
    return any(may_see(caller, record) for record in _records_of(unit, subject_id))


def answer_for(unit: RegisterUnit, offices: frozenset[OfficeCode] | None, subject_id: SubjectId) -> bool:
    """Whether every record of the subject, over all merges, lies in these offices (None: every office there is).

    Only then may they change who the subject is: another office's persons are not one's own to join or name.
    """
    return offices is None or all(record.metadata.office in offices for record in _records_of(unit, subject_id))


def _records_of(unit: RegisterUnit, subject_id: SubjectId) -> list[Record]:
    return unit.records.of_subjects([member.id for member in unit.subjects.family(subject_id)])


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
