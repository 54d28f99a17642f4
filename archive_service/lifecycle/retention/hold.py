"""Holding what must not be let go, whatever its schedule says: placed and lifted with a reason, looked at by a day.

A hold is in force from the moment it is answered: disposals ask for it in the transaction in which they begin. The
store's own legal hold follows by ``decide_records``.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, replace

from archive_service.errors import Conflict, FieldProblem, InvalidInput, Message, NotFound
from archive_service.lifecycle.retention.asking import (
    HOLDS_AND_DISPOSALS,
    ask_for_all,
    ask_for_target,
)
from archive_service.lifecycle.retention.covered import Among, Spoken, count_covered
from archive_service.lifecycle.retention.judge import Judge
from archive_service.lifecycle.retention.kept import identifiers_of, keep_rule
from archive_service.lifecycle.visible import require_holder, require_known
from archive_service.model.archive import Archive
from archive_service.model.events import Event, EventType
from archive_service.model.identifiers import (
    Identifier,
    OfficeCode,
    ResultTypeCode,
    SubjectId,
    parse_dossier_code,
    parse_record_id,
    time_ordered_uuid,
)
from archive_service.model.permissions import Action, Caller, require
from archive_service.model.record import RecordState
from archive_service.model.retention import EventScope, PlacedHold, Withdrawal
from archive_service.model.retention_objects import HOLDS, end_object, hold_object
from archive_service.model.units import RegisterUnit
from archive_service.model.units.retention import Covered
from retention.calendar import day_of
from retention.holds import Condition, Hold, HoldScope

# A hold that nobody looks at for longer than that was forgotten.
_LONGEST_UNREVIEWED = dt.timedelta(days=5 * 366)


@dataclass(frozen=True, slots=True)
class HoldOrder:
    """The command: what is to be held, for whom, why, by which law or letter, and when it is looked at again.

    ``target`` is a record's id, a dossier's or office's code, or for a subject one of its identifiers; empty for a
    condition. A condition that names no office speaks of the caller's.
    """

    caller: Caller
    scope: HoldScope
    target: str | Identifier
    owner: str
    reason: str
    legal_reference: str
    review_on: dt.date
    condition: Condition | None = None


def place_hold(archive: Archive, order: HoldOrder) -> PlacedHold:
    """Place the hold; it stands when this returns. The same hold placed again is answered as the first time.

    Raises NotAllowed; NotFound for a record, subject or office that the caller does not see; InvalidInput for an empty
    condition or a review day that cannot be; Conflict ``already-disposed``; Unavailable.
    """
    require(order.caller, Action.PLACE_HOLD)
    placed, identifiers = archive.register.read(lambda unit: _prepared(archive, unit, order))
    keep_rule(archive, hold_object(placed, identifiers))

    def place(unit: RegisterUnit) -> PlacedHold:
        unit.progress.serialise(HOLDS_AND_DISPOSALS)
        # What was disposed of while the hold was being kept is gone: that must be said.
        _require_there(unit, placed.hold)
        there = unit.holds.get(placed.hold.id)
        if there is not None and there.lifted is not None:
            raise _lifted_already()
        if there is None:
            unit.holds.add(placed)
            _ask_for_held(unit, placed.hold, placed.placed_at)
            unit.log.append(Event(EventType.HOLD_PLACED, order.caller.id, placed.placed_at, None, _values(placed)))
        return placed

    return archive.register.write(place)


@dataclass(frozen=True, slots=True)
class PreviewedHold:
    """What placing a hold would do. ``stands`` is the hold that says the same already, None where there is none.

    ``covers`` counts the caller's records that it would hold today; what comes later is held too.
    """

    placed: PlacedHold
    stands: str | None
    covers: Covered


def preview_hold(archive: Archive, order: HoldOrder) -> PreviewedHold:
    """Say what ``place_hold`` would do, and do nothing. Raises as that does."""
    caller = order.caller
    require(caller, Action.PLACE_HOLD)

    def look(unit: RegisterUnit) -> PreviewedHold:
        placed, _ = _prepared(archive, unit, order)
        hold, judge = placed.hold, Judge.of(unit, day_of(archive.clock.now()))
        covers = count_covered(
            unit, judge, Spoken(hold.scope, hold.target, hold.condition), Among(caller.offices, caller.readable_levels)
        )
        stands = None if unit.holds.get(hold.id) is None else hold.id
        return PreviewedHold(placed, stands, covers)

    return archive.register.read(look)


def lift_hold(archive: Archive, caller: Caller, hold_id: str, reason: str, *, dry_run: bool = False) -> PlacedHold:
    """End a hold. What it held is as its schedule says; the store's lock ends as it was last lengthened.

    With ``dry_run`` nothing is done, and what would be is returned. Raises NotAllowed; NotFound for a hold of other
    offices; Conflict ``already-lifted``; Unavailable.
    """
    require(caller, Action.PLACE_HOLD)
    withdrawal = Withdrawal(caller.person, archive.clock.now(), reason)
    if dry_run:
        return archive.register.read(lambda unit: replace(_standing(unit, caller, hold_id), lifted=withdrawal))

    def lift(unit: RegisterUnit) -> PlacedHold:
        placed = _standing(unit, caller, hold_id)
        unit.holds.lift(hold_id, withdrawal)
        _ask_for_held(unit, placed.hold, withdrawal.at)
        values = {"hold": hold_id, "reason": reason, "by": caller.person}
        unit.log.append(Event(EventType.HOLD_LIFTED, caller.id, withdrawal.at, None, values))
        return replace(placed, lifted=withdrawal)

    lifted = archive.register.write(lift)
    keep_rule(archive, end_object(HOLDS, hold_id, withdrawal))
    return lifted


def review_hold(
    archive: Archive, caller: Caller, hold_id: str, review_on: dt.date, reason: str, *, dry_run: bool = False
) -> PlacedHold:
    """Say that the hold was looked at, why it goes on, and when it is looked at next.

    With ``dry_run`` nothing is done, and what would be is returned. Raises NotAllowed, NotFound, Conflict
    ``already-lifted``, InvalidInput for a day that cannot be.
    """
    require(caller, Action.PLACE_HOLD)
    _require_review(archive, review_on)
    if dry_run:
        placed = archive.register.read(lambda unit: _standing(unit, caller, hold_id))
        return replace(placed, hold=replace(placed.hold, review_on=review_on))

    def review(unit: RegisterUnit) -> PlacedHold:
        placed = _standing(unit, caller, hold_id)
        unit.holds.set_review(hold_id, review_on)
        values = {"hold": hold_id, "review_on": review_on.isoformat(), "reason": reason, "by": caller.person}
        unit.log.append(Event(EventType.HOLD_REVIEWED, caller.id, archive.clock.now(), None, values))
        return replace(placed, hold=replace(placed.hold, review_on=review_on))

    return archive.register.write(review)


def list_holds(archive: Archive, caller: Caller, *, lifted: bool, after: str, limit: int) -> tuple[PlacedHold, ...]:
    """Return one page of the holds that the caller's offices placed, in order of id. Raises NotAllowed."""
    require(caller, Action.READ_HOLDS)
    return tuple(
        archive.register.read(lambda unit: unit.holds.select(caller.offices, lifted=lifted, after=after, limit=limit))
    )


def show_hold(archive: Archive, caller: Caller, hold_id: str) -> PlacedHold:
    """Return one hold. Raises NotAllowed, NotFound."""
    require(caller, Action.READ_HOLDS)
    return archive.register.read(lambda unit: _own(unit, caller, hold_id))


def _prepared(archive: Archive, unit: RegisterUnit, order: HoldOrder) -> tuple[PlacedHold, tuple[Identifier, ...]]:
    """Return the hold as it will be placed, or the one that stands already and says the same."""
    _require_review(archive, order.review_on)
    now, caller = archive.clock.now(), order.caller
    condition = _within(unit, caller, order.condition) if order.scope is HoldScope.CONDITION else None
    target = "" if condition is not None else _resolved(unit, order)
    identifiers = identifiers_of(unit, SubjectId(target)) if order.scope is HoldScope.SUBJECT else ()
    hold = Hold(
        id=time_ordered_uuid(now, archive.randomness.token(10)),
        scope=order.scope,
        target=target,
        owner=order.owner,
        reason=order.reason,
        legal_reference=order.legal_reference,
        review_on=order.review_on,
        condition=condition,
    )
    _require_there(unit, hold)
    for earlier in unit.holds.standing():
        if earlier.office == caller.office and replace(earlier.hold, id=hold.id) == hold:
            return earlier, identifiers
    return PlacedHold(hold, caller.office, caller.person, now), identifiers


def _require_review(archive: Archive, review_on: dt.date) -> None:
    today = day_of(archive.clock.now())
    if not today < review_on <= today + _LONGEST_UNREVIEWED:
        raise InvalidInput(
            Message(
                "A hold is looked at again on a day after today and within five years.",
                "Ngày xem xét lại lệnh giữ phải sau hôm nay và trong vòng năm năm.",
            )
        )


def _within(unit: RegisterUnit, caller: Caller, condition: Condition | None) -> Condition:
    """Return the condition, of the caller's offices where it names none. Raises InvalidInput, NotFound."""
    if condition is None or condition.is_empty:
        raise InvalidInput(
            Message(
                "A hold on a condition must state something: result types, offices, access levels or days of issue.",
                "Lệnh giữ theo điều kiện phải nêu ít nhất một điều kiện: loại kết quả, cơ quan, mức truy cập "
                "hoặc ngày ban hành.",
            )
        )
    _require_possible(unit, condition)
    if not condition.offices:
        return replace(condition, offices=frozenset({str(caller.office)}))
    if not condition.offices <= {str(office) for office in caller.offices}:
        raise _no_such_office()
    return condition


def _require_possible(unit: RegisterUnit, condition: Condition) -> None:
    """Raise InvalidInput for a condition that would hold nothing, silently, by a slip of the hand."""
    unknown = [one for one in sorted(condition.result_types) if not unit.reference.result_type(ResultTypeCode(one))]
    if unknown:
        codes = ", ".join(unknown)
        raise _wrong_condition(
            "condition.result_types",
            Message(f"There is no result type {codes}.", f"Không có loại kết quả {codes}."),
        )
    first, last = condition.issued_from, condition.issued_to
    if first is not None and last is not None and last < first:
        raise _wrong_condition(
            "condition.issued_to",
            Message("The last day of issue lies before the first.", "Ngày ban hành cuối cùng trước ngày đầu tiên."),
        )


def _wrong_condition(field: str, message: Message) -> InvalidInput:
    return InvalidInput(message, problems=(FieldProblem(field, message),))


def _resolved(unit: RegisterUnit, order: HoldOrder) -> str:
    """Return the id or code under which the register knows the target. Raises NotFound, InvalidInput."""
    caller, target = order.caller, order.target
    if isinstance(target, Identifier) and order.scope is HoldScope.SUBJECT:
        return require_holder(unit, caller, target)
    if isinstance(target, Identifier):
        raise InvalidInput(
            Message("Only a subject is named by one of its numbers.", "Chỉ chủ thể mới được nêu bằng mã số của mình.")
        )
    match order.scope:
        case HoldScope.DOSSIER:
            return str(parse_dossier_code(target))
        case HoldScope.OFFICE:
            if OfficeCode(target) not in caller.offices:
                raise _no_such_office()
            return target
        case HoldScope.RECORD:
            return require_known(unit, caller, parse_record_id(target)).id
    raise InvalidInput(
        Message("A subject is named by one of its numbers.", "Chủ thể được nêu bằng một trong các mã số của mình.")
    )


def _require_there(unit: RegisterUnit, hold: Hold) -> None:
    """Raise Conflict for a hold on a record that was disposed of."""
    if hold.scope is not HoldScope.RECORD:
        return
    record = unit.records.get(parse_record_id(hold.target))
    if record is not None and record.state is RecordState.DISPOSED:
        raise Conflict(
            Message(
                "The record was disposed of before the hold was placed. There is nothing left to hold.",
                "Tài liệu đã bị huỷ trước khi có lệnh giữ. Không còn gì để giữ.",
            ),
            code="already-disposed",
        )


def _ask_for_held(unit: RegisterUnit, hold: Hold, now: dt.datetime) -> None:
    """Let what the hold covers be decided on again: at once where it is named, in a run over all otherwise."""
    match hold.scope:
        case HoldScope.RECORD:
            ask_for_target(unit, EventScope.RECORD, hold.target, now)
        case HoldScope.SUBJECT:
            ask_for_target(unit, EventScope.SUBJECT, hold.target, now)
        case HoldScope.DOSSIER:
            ask_for_target(unit, EventScope.DOSSIER, hold.target, now)
        case _:
            ask_for_all(unit)


def _values(placed: PlacedHold) -> dict[str, str]:
    hold = placed.hold
    return {
        "hold": hold.id,
        "scope": str(hold.scope),
        "target": hold.target,
        "owner": hold.owner,
        "reason": hold.reason,
        "legal_reference": hold.legal_reference,
        "review_on": hold.review_on.isoformat(),
        "by": placed.placed_by,
    }


def _standing(unit: RegisterUnit, caller: Caller, hold_id: str) -> PlacedHold:
    placed = _own(unit, caller, hold_id)
    if placed.lifted is not None:
        raise _lifted_already()
    return placed


def _own(unit: RegisterUnit, caller: Caller, hold_id: str) -> PlacedHold:
    placed = unit.holds.get(hold_id)
    if placed is None or placed.office not in caller.offices:
        raise NotFound(
            Message("There is no such hold in your offices.", "Không có lệnh giữ này trong phạm vi cơ quan của bạn.")
        )
    return placed


def _lifted_already() -> Conflict:
    return Conflict(
        Message("The hold was lifted already.", "Lệnh giữ này đã được dỡ bỏ trước đó."), code="already-lifted"
    )


def _no_such_office() -> NotFound:
    return NotFound(
        Message("There is no such office under yours.", "Không có cơ quan này trong phạm vi cơ quan của bạn.")
    )
