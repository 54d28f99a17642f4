"""Adopting a retention schedule: its file is checked, kept byte for byte, and decides from its first day on.

Adoption is an entry of the log. What follows for each record is worked out in the background by ``decide_all``.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from archive_service.errors import Conflict, FieldProblem, InvalidInput, Message, NotAllowed, NotFound
from archive_service.lifecycle.retention.asking import Run, latest_run
from archive_service.lifecycle.retention.kept import keep_rule
from archive_service.model.archive import Archive
from archive_service.model.events import Event, EventType
from archive_service.model.permissions import Action, Caller, require
from archive_service.model.record import AccessLevel
from archive_service.model.retention import AdoptedSchedule
from archive_service.model.retention_objects import schedule_objects
from archive_service.model.units import RegisterUnit
from retention.calendar import day_of
from retention.schedule import Schedule
from retention.schedule_file import BadSchedule, Problem, read_schedule

# The turn of those who adopt: of two at once with one version, the second finds the first.
_TURN = "retention-adoption"


def checked_schedule(body: bytes) -> Schedule:
    """Return the schedule that a file states. Raises InvalidInput with every problem and its line."""
    try:
        return read_schedule(body)
    except BadSchedule as bad:
        raise _refused(bad) from bad


def _refused(bad: BadSchedule) -> InvalidInput:
    return InvalidInput(
        Message(
            "The schedule has problems; nothing was changed. Mend each line named and send it again.",
            "Bảng thời hạn có lỗi; không có gì thay đổi. Hãy sửa từng dòng được nêu rồi gửi lại.",
        ),
        problems=tuple(_field_problem(problem) for problem in bad.problems),
    )


def adopt_schedule(archive: Archive, caller: Caller, body: bytes) -> AdoptedSchedule:
    """Take a schedule over. The same file again is answered as the first time.

    It speaks for the whole archive, so that only an office above all others adopts one. Raises NotAllowed, also as
    ``office-not-above-all``, before the file is looked at; InvalidInput as ``checked_schedule`` and for rules that name
    what the archive does not know; Conflict ``schedule-version-taken`` for another file of an adopted version;
    Unavailable.
    """
    _require_may_adopt(archive, caller)
    schedule = checked_schedule(body)
    adopted = archive.register.write(lambda unit: _adopt(archive, unit, caller, schedule, body))
    for wanted in schedule_objects(adopted):
        keep_rule(archive, wanted)
    return adopted


@dataclass(frozen=True, slots=True)
class CheckedAdoption:
    """What adopting a file would do: take this schedule over, or nothing, where it is ``adopted`` already."""

    schedule: Schedule
    adopted: AdoptedSchedule | None


def check_adoption(archive: Archive, caller: Caller, body: bytes) -> CheckedAdoption:
    """Say what ``adopt_schedule`` would do, and do nothing. Raises as that does."""
    _require_may_adopt(archive, caller)
    schedule = checked_schedule(body)

    def look(unit: RegisterUnit) -> CheckedAdoption:
        _require_speaks_for_all(unit, caller)
        earlier = _adopted_before(unit, schedule, body)
        if earlier is None:
            _require_known(unit, schedule)
        return CheckedAdoption(schedule, earlier)

    return archive.register.read(look)


def show_schedule(archive: Archive, caller: Caller, number: int) -> AdoptedSchedule:
    """Return an adopted schedule with the bytes of its file. Raises NotAllowed, NotFound."""
    require(caller, Action.READ_RETENTION)
    found = archive.register.read(lambda unit: [one for one in unit.schedules.all() if one.number == number])
    if not found:
        raise NotFound(
            Message(
                f"No schedule was adopted under number {number}.",
                f"Không có bảng thời hạn nào được ban hành với số thứ tự {number}.",
            )
        )
    return found[0]


def _adopt(archive: Archive, unit: RegisterUnit, caller: Caller, schedule: Schedule, body: bytes) -> AdoptedSchedule:
    _require_speaks_for_all(unit, caller)
    unit.progress.serialise(_TURN)
    earlier = _adopted_before(unit, schedule, body)
    if earlier is not None:
        return earlier
    _require_known(unit, schedule)
    now = archive.clock.now()
    adopted = unit.schedules.add(body, caller.person, now)
    unit.log.append(
        Event(
            EventType.SCHEDULE_ADOPTED,
            caller.id,
            now,
            None,
            {
                "schedule": schedule.id,
                "version": schedule.version,
                "number": adopted.number,
                "sha256": adopted.sha256,
                "valid_from": schedule.valid_from.isoformat(),
                "valid_to": schedule.valid_to.isoformat() if schedule.valid_to is not None else None,
            },
        )
    )
    return adopted


def _adopted_before(unit: RegisterUnit, schedule: Schedule, body: bytes) -> AdoptedSchedule | None:
    """Return the same file as it was adopted before. Raises Conflict for another file of that version."""
    for earlier in unit.schedules.all():
        if (earlier.schedule.id, earlier.schedule.version) != (schedule.id, schedule.version):
            continue
        if earlier.sha256 == hashlib.sha256(body).hexdigest():
            return earlier
        raise Conflict(
            Message(
                f"Version {schedule.version} of schedule {schedule.id} was adopted with other words. "
                "Give the new one another version.",
                f"Phiên bản {schedule.version} của bảng {schedule.id} đã được ban hành với nội dung khác. "
                "Hãy đặt số phiên bản mới.",
            ),
            code="schedule-version-taken",
        )
    return None


def _require_may_adopt(archive: Archive, caller: Caller) -> None:
    """Raise NotAllowed for whoever may not adopt at all: its file is not read, whatever it is."""
    require(caller, Action.ADOPT_SCHEDULE)
    archive.register.read(lambda unit: _require_speaks_for_all(unit, caller))


def _require_known(unit: RegisterUnit, schedule: Schedule) -> None:
    """Raise InvalidInput for rules that name an office, a result type or an access level that the archive has not.

    Such a rule would speak of no record and say so to nobody.
    """
    offices: set[str] = {office.code for office in unit.reference.offices()}
    types: set[str] = {one.code for one in unit.reference.result_types()}
    levels = {str(level) for level in AccessLevel}
    problems = []
    for rule in schedule.rules:
        for en, vi, stated, known in (
            ("office", "cơ quan", rule.offices, offices),
            ("result type", "loại kết quả", rule.result_types, types),
            ("access level", "mức độ tiếp cận", rule.access_levels, levels),
        ):
            if unknown := sorted(stated - known):
                said_en = f"The archive knows no {en} {unknown[0]}."
                said_vi = f"Hệ thống lưu trữ không có {vi} {unknown[0]}."
                if len(unknown) > 1:
                    said_en = f"{said_en[:-1]}, nor {len(unknown) - 1} more of this rule."
                    said_vi = f"{said_vi[:-1]} và {len(unknown) - 1} mã khác của quy tắc này."
                problems.append(Problem(rule.line, said_en, said_vi))
    if problems:
        raise _refused(BadSchedule(problems))


def _require_speaks_for_all(unit: RegisterUnit, caller: Caller) -> None:
    """Raise NotAllowed unless the caller's office is above every office there is."""
    if any(office.code not in caller.offices for office in unit.reference.offices()):
        raise NotAllowed(
            Message(
                "A schedule is adopted by an office above all others: it decides on every record.",
                "Bảng thời hạn do cơ quan cấp trên của mọi cơ quan ban hành vì áp dụng cho mọi tài liệu.",
            ),
            code="office-not-above-all",
        )


@dataclass(frozen=True, slots=True)
class Schedules:
    """Every schedule that was adopted, the number of the one that decides today, and the run that follows from it."""

    adopted: tuple[AdoptedSchedule, ...]
    deciding: int | None
    run: Run | None


def list_schedules(archive: Archive, caller: Caller) -> Schedules:
    """Return what was adopted, oldest first, and how far the last change has been carried out. Raises NotAllowed."""
    require(caller, Action.READ_RETENTION)
    today = day_of(archive.clock.now())

    def look(unit: RegisterUnit) -> Schedules:
        deciding = unit.schedules.deciding(today)
        return Schedules(tuple(unit.schedules.all()), None if deciding is None else deciding.number, latest_run(unit))

    return archive.register.read(look)


def _field_problem(problem: Problem) -> FieldProblem:
    place = "schedule" if problem.line is None else f"line {problem.line}"
    return FieldProblem(place, Message(problem.en, problem.vi))
