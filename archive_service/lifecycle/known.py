"""What the names in a description stand for: offices, types, related records, and the subject.

Not a step itself; depositing and correcting call it, so that the rules stand once. An identifier outranks a name.
"""

from __future__ import annotations

import datetime as dt

from archive_service.errors import FieldProblem, InvalidInput, Message, NotAllowed
from archive_service.lifecycle.visible import answer_for, may_see
from archive_service.model.archive import Archive
from archive_service.model.identifiers import OfficeCode, RecordId, SubjectId, parse_dossier_code, time_ordered_uuid
from archive_service.model.permissions import Caller
from archive_service.model.record import RecordMetadata
from archive_service.model.subject import DatedIdentifier, Subject, SubjectClaim
from archive_service.model.units import RegisterUnit


def require_known_references(
    unit: RegisterUnit, caller: Caller, metadata: RecordMetadata, of: RecordId | None = None
) -> None:
    """Raise unless office, result type, procedure and relations exist and are the caller's to name.

    ``of`` is the record that is described, where it is one already: it stands in no relation to itself.
    Raises NotAllowed for an office outside the caller's, InvalidInput naming every other wrong field.
    """
    problems: list[FieldProblem] = []
    office, result_type, procedure = unit.reference.knows(metadata.office, metadata.result_type, metadata.procedure)
    if not office:
        problems.append(_unknown("office", "Unknown office code.", "Mã cơ quan không tồn tại."))
    elif metadata.office not in caller.offices:
        raise NotAllowed(
            Message(
                "Your key belongs to another office and may not deposit or describe results of this one.",
                "Khoá truy cập thuộc cơ quan khác, không được nộp hoặc mô tả kết quả của cơ quan này.",
            ),
            code="office-not-yours",
        )
    if not result_type:
        problems.append(_unknown("result_type", "Unknown result type.", "Loại kết quả không tồn tại."))
    if not procedure:
        problems.append(_unknown("procedure", "Unknown procedure.", "Thủ tục không tồn tại."))
    named = unit.records.get_many([relation.record_id for relation in metadata.relations])
    for place, relation in enumerate(metadata.relations):
        target = named.get(relation.record_id)
        if target is None or target.id == of or not may_see(caller, target):
            problems.append(
                _unknown(
                    f"relations.{place}.record_id",
                    "There is no such record in your offices.",
                    "Không có tài liệu này trong phạm vi cơ quan của bạn.",
                )
            )
    if problems:
        raise InvalidInput(
            Message(
                "Some fields name things that do not exist.",
                "Một số trường tham chiếu dữ liệu không tồn tại.",
            ),
            problems=tuple(problems),
        )


# The days of the agency are those of Vietnam, which has had this one offset since 1975.
_VIETNAM = dt.timezone(dt.timedelta(hours=7))


def require_possible(metadata: RecordMetadata, now: dt.datetime) -> None:
    """Raise InvalidInput naming each date that has not come yet: nothing is issued or born tomorrow."""
    today = now.astimezone(_VIETNAM).date()
    dossier = parse_dossier_code(metadata.dossier_code).received_on if metadata.dossier_code else None
    dates = {
        "issued_on": metadata.issued_on,
        "subject.birth_date": metadata.subject.birth_date,
        "dossier_code": dossier,
    }
    problems = tuple(
        _unknown(field, "This day has not come yet.", "Ngày này chưa tới.")
        for field, day in dates.items()
        if day is not None and day > today
    )
    if problems:
        raise InvalidInput(Message("Some dates are not possible.", "Một số ngày không hợp lệ."), problems=problems)


def _unknown(field: str, en: str, vi: str) -> FieldProblem:
    return FieldProblem(field, Message(en, vi))


def known_subjects(unit: RegisterUnit, claim: SubjectClaim) -> tuple[Subject, ...]:
    """Return the standing subjects that the claim's identifiers name, each once, in the claim's order.

    Two deposits for a subject that is new take turns, or each would register it.
    """
    unit.subjects.serialise_claims_of(claim.identifiers)
    found: dict[SubjectId, Subject] = {}
    for identifier in claim.identifiers:
        subject = unit.subjects.by_identifier(identifier)
        if subject is not None:
            found.setdefault(subject.id, subject)
    return tuple(found.values())


def subject_for(
    archive: Archive,
    unit: RegisterUnit,
    claim: SubjectClaim,
    known: tuple[Subject, ...],
    offices: frozenset[OfficeCode] | None,
) -> SubjectId:
    """Return the subject of the claim's first known identifier, or register a new one.

    Identifiers that nobody has had are added to a subject only where all known ones agree on it, and where ``offices``
    (None: every office) answer for the subject: nobody gives another office's person a number.
    """
    if not known:
        new_id = SubjectId(time_ordered_uuid(archive.clock.now(), archive.randomness.token(10)))
        return unit.subjects.add(new_id, claim).id
    subject = known[0]
    had = {dated.identifier for dated in subject.identifiers}
    new = [one for one in claim.identifiers if one not in had and unit.subjects.by_identifier(one) is None]
    if new and len(known) == 1 and answer_for(unit, offices, subject.id):
        for identifier in new:
            unit.subjects.add_identifier(subject.id, DatedIdentifier(identifier))
    return subject.id
