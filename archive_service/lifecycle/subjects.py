"""Knowing a subject by its numbers over time; merging two that are one, and undoing it: all stays in the history."""

from __future__ import annotations

from archive_service.errors import Conflict, InvalidInput, Message, NotAllowed, NotFound
from archive_service.lifecycle.retention.asking import ask_for_subjects
from archive_service.lifecycle.visible import answer_for, has_seen, require_subject
from archive_service.model.archive import Archive
from archive_service.model.events import Event, EventType
from archive_service.model.identifiers import Identifier
from archive_service.model.permissions import Action, Caller, require
from archive_service.model.subject import DatedIdentifier, Subject, SubjectMerge
from archive_service.model.units import RegisterUnit


def identify_subject(
    archive: Archive, caller: Caller, known: Identifier, added: DatedIdentifier, reason: str
) -> Subject:
    """Give the subject of ``known`` another number, or other days of validity for one it has.

    Raises NotAllowed; NotFound for a number that nobody has, or whose subject has no record that the caller may see;
    Conflict when the added number is another subject's (merge them, if they are one); InvalidInput when it would end
    before it begins.
    """
    require(caller, Action.MERGE_SUBJECTS)
    if added.valid_from and added.valid_to and added.valid_to < added.valid_from:
        raise InvalidInput(Message("It would end before it begins.", "Ngày hết hiệu lực trước ngày có hiệu lực."))

    def identify(unit: RegisterUnit) -> Subject:
        unit.subjects.serialise_claims_of([known, added.identifier])
        subject = _own(unit, caller, known)
        holder = unit.subjects.by_identifier(added.identifier)
        if holder is not None and holder.id != subject.id:
            _require_answers_for(unit, caller, holder)
            raise Conflict(
                Message(
                    "This number belongs to another subject. If both are one person or employer, merge them.",
                    "Mã số này thuộc chủ thể khác. Nếu là cùng một chủ thể, hãy hợp nhất.",
                ),
                code="identifier-of-another-subject",
            )
        # A merged subject keeps its own numbers, so that undoing the merge gives them back.
        family = unit.subjects.family(subject.id)
        has_it = [m for m in family if any(i.identifier == added.identifier for i in m.identifiers)]
        unit.subjects.add_identifier((has_it or [subject])[0].id, added)
        values = {"subject": subject.id, "scheme": str(added.identifier.scheme), "reason": reason}
        unit.log.append(Event(EventType.SUBJECT_IDENTIFIED, caller.id, archive.clock.now(), None, values))
        return unit.subjects.standing(subject.id)

    return archive.register.write(identify)


def merge_subjects(archive: Archive, caller: Caller, kept: Identifier, merged: Identifier, reason: str) -> SubjectMerge:
    """Let the subject of ``kept`` stand for the subject of ``merged``; records keep the one they were deposited for.

    Raises NotAllowed; NotFound for a number that nobody has, or whose subject has no record that the caller may see;
    Conflict when both are one subject already, or one is a person and the other an employer.
    """
    require(caller, Action.MERGE_SUBJECTS)

    def merge(unit: RegisterUnit) -> SubjectMerge:
        unit.subjects.serialise_merges()
        stays, goes = _own(unit, caller, kept), _own(unit, caller, merged)
        if stays.id == goes.id:
            raise Conflict(
                Message("Both numbers belong to one subject already.", "Hai mã số này đã thuộc cùng một chủ thể."),
                code="already-merged",
            )
        if stays.kind is not goes.kind:
            raise Conflict(
                Message(
                    "A person and an employer are never one subject.",
                    "Cá nhân và đơn vị sử dụng lao động không thể là cùng một chủ thể.",
                ),
                code="different-kinds",
            )
        now = archive.clock.now()
        done = unit.subjects.add_merge(stays.id, goes.id, reason, caller.id, now)
        # What is known of one of them, as a death, and what is held of one, holds for both.
        ask_for_subjects(unit, [stays.id], now)
        unit.log.append(
            Event(
                EventType.SUBJECTS_MERGED,
                caller.id,
                now,
                None,
                {"merge": done.id, "kept": stays.id, "merged": goes.id, "reason": reason},
            )
        )
        return done

    return archive.register.write(merge)


def unmerge_subjects(archive: Archive, caller: Caller, merge_id: int, reason: str) -> SubjectMerge:
    """Let a merged subject stand for itself again.

    Raises NotAllowed; NotFound for a merge that is not there or not of the caller's offices; Conflict when it was
    undone already.
    """
    require(caller, Action.MERGE_SUBJECTS)

    def unmerge(unit: RegisterUnit) -> SubjectMerge:
        unit.subjects.serialise_merges()
        merge = unit.subjects.get_merge(merge_id)
        if merge is None or not has_seen(unit, caller, merge.kept):
            raise NotFound(Message("There is no such merge.", "Không có lần hợp nhất này."))
        _require_answers_for(unit, caller, unit.subjects.standing(merge.kept))
        if merge.unmerged_at is not None:
            raise Conflict(
                Message("This merge was undone already.", "Lần hợp nhất này đã được huỷ trước đó."),
                code="already-unmerged",
            )
        now = archive.clock.now()
        done = unit.subjects.undo_merge(merge_id, reason, caller.id, now)
        ask_for_subjects(unit, [merge.kept, merge.merged], now)
        unit.log.append(
            Event(
                EventType.SUBJECTS_UNMERGED,
                caller.id,
                now,
                None,
                {"merge": merge_id, "kept": merge.kept, "merged": merge.merged, "reason": reason},
            )
        )
        return done

    return archive.register.write(unmerge)


def _own(unit: RegisterUnit, caller: Caller, identifier: Identifier) -> Subject:
    """Return the subject of the number, when it is the caller's to change."""
    subject = require_subject(unit, caller, identifier)
    _require_answers_for(unit, caller, subject)
    return subject


def _require_answers_for(unit: RegisterUnit, caller: Caller, subject: Subject) -> None:
    if not answer_for(unit, caller.offices, subject.id):
        raise NotAllowed(
            Message(
                "Other offices hold results of this subject, too. An office above them all must decide who it is.",
                "Cơ quan khác cũng lưu kết quả của chủ thể này. Cơ quan cấp trên chung phải quyết định.",
            ),
            code="subject-of-other-offices",
        )
