"""Telling the archive what starts a period: a dossier was closed, a person died, a payment was the last one.

Whoever tells speaks for the records of its own offices. A date told wrongly is withdrawn and told again; both stay to
be seen. A day that lies ahead may be told: the record waits for it.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, replace

from archive_service.errors import Conflict, InvalidInput, Message, NotFound
from archive_service.lifecycle.retention.asking import ask_for_target
from archive_service.lifecycle.retention.covered import Among, Spoken, count_covered
from archive_service.lifecycle.retention.judge import Judge
from archive_service.lifecycle.retention.kept import keep_rule, own_identifiers
from archive_service.lifecycle.visible import require_holder, require_visible
from archive_service.model.archive import Archive
from archive_service.model.events import Event, EventType
from archive_service.model.identifiers import (
    Identifier,
    SubjectId,
    parse_dossier_code,
    parse_record_id,
    time_ordered_uuid,
)
from archive_service.model.permissions import Action, Caller, require
from archive_service.model.retention import EventScope, ToldEvent, Withdrawal
from archive_service.model.retention_objects import EVENTS, end_object, event_object, read_end_object
from archive_service.model.units import RegisterUnit
from archive_service.model.units.retention import Covered
from retention.calendar import day_of
from retention.holds import HoldScope
from retention.triggers import TRIGGERS, is_trigger

# These follow from what the archive holds itself; nobody tells them.
_OWN = frozenset({"document-date", "received"})

# What happened before the first results on paper that are still kept is a slip of the hand.
_EARLIEST = dt.date(1945, 1, 1)
_LATEST_AHEAD = dt.timedelta(days=366)


@dataclass(frozen=True, slots=True)
class Happening:
    """The command: what happened to what, on which day, and how the teller knows.

    ``target`` is a record's id, a dossier's code, or for a subject one of its identifiers.
    """

    caller: Caller
    scope: EventScope
    target: str | Identifier
    trigger: str
    happened_on: dt.date
    source: str


def tell_event(archive: Archive, happening: Happening) -> ToldEvent:
    """Keep the event, and let every record that it bears on be decided on again.

    The same event told again is answered as the first time. Raises NotAllowed; NotFound for a record or subject that
    the caller does not see; InvalidInput for a trigger that nobody tells or a day that cannot be; Unavailable.
    """
    require(happening.caller, Action.TELL_EVENT)
    _require_possible(archive, happening)
    event, identifiers = archive.register.write(lambda unit: _tell(archive, unit, happening))
    keep_rule(archive, event_object(event, identifiers))
    return event


@dataclass(frozen=True, slots=True)
class PreviewedEvent:
    """What telling an event would do. ``stands`` is the event that was told already and says the same, if one was.

    ``bears_on`` counts the records that it happened to, of those that the caller sees.
    """

    event: ToldEvent
    stands: str | None
    bears_on: Covered


def preview_event(archive: Archive, happening: Happening) -> PreviewedEvent:
    """Say what ``tell_event`` would do, and do nothing. Raises as that does."""
    caller = happening.caller
    require(caller, Action.TELL_EVENT)
    _require_possible(archive, happening)

    def look(unit: RegisterUnit) -> PreviewedEvent:
        event = _prepared(archive, unit, happening)
        judge = Judge.of(unit, day_of(archive.clock.now()))
        seen = Among(caller.offices, caller.readable_levels)
        bears_on = count_covered(unit, judge, Spoken(HoldScope(str(event.scope)), event.target), seen)
        return PreviewedEvent(event, None if unit.told_events.get(event.id) is None else event.id, bears_on)

    return archive.register.read(look)


def withdraw_event(archive: Archive, caller: Caller, event_id: str, reason: str, *, dry_run: bool = False) -> ToldEvent:
    """Take back what was told wrongly: it starts no period any more. The lock of what it locked stays.

    With ``dry_run`` nothing is done, and what would be is returned. Raises NotAllowed; NotFound for an event of other
    offices; Conflict ``already-withdrawn``; Unavailable.
    """
    require(caller, Action.TELL_EVENT)
    standing = archive.register.read(lambda unit: _own(unit, caller, event_id))
    ours = Withdrawal(caller.person, archive.clock.now(), reason)
    if dry_run:
        return replace(standing, withdrawn=ours)
    wanted = end_object(EVENTS, event_id, ours)
    # A withdrawal that was cut off before the register heard of it is the one that stands.
    withdrawal = read_end_object(wanted.key, keep_rule(archive, wanted))

    def withdraw(unit: RegisterUnit) -> ToldEvent:
        event = _own(unit, caller, event_id)
        unit.told_events.withdraw(event_id, withdrawal)
        ask_for_target(unit, event.scope, event.target, withdrawal.at)
        values = {"event": event_id, "trigger": event.trigger, "reason": withdrawal.reason}
        unit.log.append(Event(EventType.RETENTION_EVENT_WITHDRAWN, caller.id, withdrawal.at, None, values))
        return _own(unit, caller, event_id, withdrawn=True)

    return archive.register.write(withdraw)


def list_events(archive: Archive, caller: Caller, scope: EventScope, target: str | Identifier) -> tuple[ToldEvent, ...]:
    """Return what was told of a record, dossier or subject by the caller's offices, withdrawn events too.

    Raises NotAllowed, NotFound as ``tell_event``.
    """
    require(caller, Action.READ_RETENTION)

    def look(unit: RegisterUnit) -> tuple[ToldEvent, ...]:
        resolved = _resolved(unit, caller, scope, target)
        targets: tuple[str, ...] = (resolved,)
        if scope is EventScope.SUBJECT:
            targets = unit.subjects.families([SubjectId(resolved)])[SubjectId(resolved)]
        found = unit.told_events.of(scope, targets)
        return tuple(event for event in found if event.office in caller.offices)

    return archive.register.read(look)


def _require_possible(archive: Archive, happening: Happening) -> None:
    if not is_trigger(happening.trigger) or happening.trigger in _OWN:
        known = ", ".join(sorted(TRIGGERS.keys() - _OWN))
        raise InvalidInput(
            Message(
                f"{happening.trigger!r} is no event that can be told: use one of {known}, or event:<name>.",
                f"{happening.trigger!r} không phải sự kiện có thể báo: dùng {known}, hoặc event:<tên>.",
            )
        )
    latest = archive.clock.now().date() + _LATEST_AHEAD
    if not _EARLIEST <= happening.happened_on <= latest:
        raise InvalidInput(
            Message(
                f"The event's day must lie between {_EARLIEST:%d/%m/%Y} and {latest:%d/%m/%Y}.",
                f"Ngày của sự kiện phải nằm trong khoảng {_EARLIEST:%d/%m/%Y} đến {latest:%d/%m/%Y}.",
            )
        )


def _prepared(archive: Archive, unit: RegisterUnit, happening: Happening) -> ToldEvent:
    """Return the event as it will be told, or the one that stands already and says the same."""
    caller, now = happening.caller, archive.clock.now()
    target = _resolved(unit, caller, happening.scope, happening.target)
    for earlier in unit.told_events.of(happening.scope, [target]):
        if earlier.withdrawn is None and _says(earlier) == (happening.trigger, happening.happened_on, caller.office):
            return earlier
    return ToldEvent(
        id=time_ordered_uuid(now, archive.randomness.token(10)),
        scope=happening.scope,
        target=target,
        trigger=happening.trigger,
        happened_on=happening.happened_on,
        source=happening.source,
        office=caller.office,
        told_by=caller.person,
        told_at=now,
    )


def _tell(archive: Archive, unit: RegisterUnit, happening: Happening) -> tuple[ToldEvent, tuple[Identifier, ...]]:
    event = _prepared(archive, unit, happening)
    identifiers = own_identifiers(unit, SubjectId(event.target)) if event.scope is EventScope.SUBJECT else ()
    if unit.told_events.get(event.id) is not None:
        return event, identifiers
    unit.told_events.add(event)
    ask_for_target(unit, event.scope, event.target, event.told_at)
    values = {
        "event": event.id,
        "scope": str(event.scope),
        "target": event.target,
        "trigger": event.trigger,
        "happened_on": event.happened_on.isoformat(),
        "source": event.source,
    }
    unit.log.append(Event(EventType.RETENTION_EVENT_TOLD, happening.caller.id, event.told_at, None, values))
    return event, identifiers


def _says(event: ToldEvent) -> tuple[str, dt.date, str]:
    return event.trigger, event.happened_on, event.office


def _resolved(unit: RegisterUnit, caller: Caller, scope: EventScope, target: str | Identifier) -> str:
    """Return the id or code under which the register knows the target. Raises NotFound, InvalidInput."""
    if isinstance(target, Identifier) is not (scope is EventScope.SUBJECT):
        raise InvalidInput(
            Message(
                "A subject, and nothing else, is named by one of its numbers.",
                "Chỉ chủ thể, và chỉ chủ thể, được nêu bằng một trong các mã số của mình.",
            )
        )
    if isinstance(target, Identifier):
        return require_holder(unit, caller, target)
    if scope is EventScope.DOSSIER:
        return str(parse_dossier_code(target))
    return require_visible(unit, caller, parse_record_id(target)).id


def _own(unit: RegisterUnit, caller: Caller, event_id: str, *, withdrawn: bool = False) -> ToldEvent:
    event = unit.told_events.get(event_id)
    if event is None or event.office not in caller.offices:
        raise NotFound(
            Message("There is no such event in your offices.", "Không có sự kiện này trong phạm vi cơ quan của bạn.")
        )
    if event.withdrawn is not None and not withdrawn:
        raise Conflict(
            Message("The event was withdrawn already.", "Sự kiện này đã được rút lại trước đó."),
            code="already-withdrawn",
        )
    return event
