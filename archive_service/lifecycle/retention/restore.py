"""Bringing schedules, events and holds back into a register that was made anew from the store.

Subjects are found by their numbers. What names a subject of whom no record is kept bears on nothing, and is told.
"""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from uuid import UUID

from archive_service.errors import IntegrityFailure
from archive_service.lifecycle.marks import oldest, read_small
from archive_service.lifecycle.retention.asking import ask_for_all
from archive_service.model.archive import Archive
from archive_service.model.identifiers import Identifier, SubjectId
from archive_service.model.record import ObjectVersion
from archive_service.model.retention import EventScope, Withdrawal
from archive_service.model.retention_objects import (
    EVENTS,
    HOLDS,
    SCHEDULES,
    is_end,
    is_said,
    read_end_object,
    read_event_object,
    read_hold_object,
    read_schedule_object,
)
from archive_service.model.units import RegisterUnit
from retention.holds import Hold, HoldScope

_Bring = Callable[[RegisterUnit], bool]


@dataclass(frozen=True, slots=True)
class RestoredRules:
    """How many came back, and what is wrong with others."""

    schedules: int
    events: int
    holds: int
    problems: tuple[str, ...]


class _NobodyKnown(Exception):
    """The numbers are of nobody of whom a record is kept."""


def restore_rules(archive: Archive) -> RestoredRules:
    """Write what the store keeps of retention and the register lacks, and let every record be decided on again.

    What the register has stays, but for ends that only the store knows of. Idempotent. Raises Unavailable.
    """
    problems: list[str] = []
    schedules = _bring_all(archive, SCHEDULES, _schedule, problems)
    events = _bring_all(archive, EVENTS, _event, problems)
    holds = _bring_all(archive, HOLDS, _hold, problems)
    if schedules or events or holds:
        archive.register.write(ask_for_all)
    return RestoredRules(schedules, events, holds, tuple(problems))


def _bring_all(
    archive: Archive,
    prefix: str,
    read: Callable[[Archive, Sequence[ObjectVersion]], _Bring],
    problems: list[str],
) -> int:
    brought = 0
    for name, objects in _groups(archive, prefix):
        try:
            brought += archive.register.write(read(archive, objects))
        except IntegrityFailure as wrong:
            problems.append(wrong.message.en)
        except _NobodyKnown:
            problems.append(f"{name} names a subject of whom no record is kept.")
    return brought


def _groups(archive: Archive, prefix: str) -> Iterator[tuple[str, list[ObjectVersion]]]:
    """Yield what belongs together: an event or hold with its end, a schedule with its file; the first versions."""

    def name(listed: ObjectVersion) -> str:
        return prefix + listed.key.removeprefix(prefix).partition("/")[0].partition(".")[0]

    for group, listed in groupby(archive.store.list_under(prefix), key=name):
        firsts = (oldest(versions) for _, versions in groupby(listed, key=lambda one: one.key))
        yield group, [one for one in firsts if one is not None]


def _schedule(archive: Archive, objects: Sequence[ObjectVersion]) -> _Bring:
    said = next((one for one in objects if is_said(one.key)), None)
    file = next((one for one in objects if not is_said(one.key)), None)
    if said is None or file is None:
        # It was never answered for: whoever adopted it will do so again.
        return lambda _unit: False
    kept = read_schedule_object(said.key, read_small(archive.store, said), read_small(archive.store, file))

    def bring(unit: RegisterUnit) -> bool:
        if any(one.body == kept.body for one in unit.schedules.all()):
            return False
        unit.schedules.add(kept.body, kept.adopted_by, kept.adopted_at)
        return True

    return bring


def _event(archive: Archive, objects: Sequence[ObjectVersion]) -> _Bring:
    said, end = _said_and_end(archive, objects)
    if said is None:
        return lambda _unit: False
    kept = read_event_object(said.key, read_small(archive.store, said))

    def bring(unit: RegisterUnit) -> bool:
        there = unit.told_events.get(kept.event.id)
        if there is None:
            target = kept.event.target
            if kept.event.scope is EventScope.SUBJECT:
                target = _persons(unit, kept.identifiers)[0]
            unit.told_events.add(dataclasses.replace(kept.event, target=target, withdrawn=end))
        elif end is not None and there.withdrawn is None:
            unit.told_events.withdraw(there.id, end)
        return there is None

    return bring


def _hold(archive: Archive, objects: Sequence[ObjectVersion]) -> _Bring:
    said, end = _said_and_end(archive, objects)
    if said is None:
        return lambda _unit: False
    kept = read_hold_object(said.key, read_small(archive.store, said))

    def bring(unit: RegisterUnit) -> bool:
        hold = kept.placed.hold
        there = unit.holds.get(hold.id)
        if there is None:
            for one in _for_each_person(unit, hold, kept.identifiers):
                unit.holds.add(dataclasses.replace(kept.placed, hold=one, lifted=end))
        elif end is not None and there.lifted is None:
            unit.holds.lift(hold.id, end)
        return there is None

    return bring


def _said_and_end(archive: Archive, objects: Sequence[ObjectVersion]) -> tuple[ObjectVersion | None, Withdrawal | None]:
    said = next((one for one in objects if is_said(one.key)), None)
    end = next((one for one in objects if is_end(one.key)), None)
    return said, None if end is None else read_end_object(end.key, read_small(archive.store, end))


def _for_each_person(unit: RegisterUnit, hold: Hold, identifiers: Sequence[Identifier]) -> Iterator[Hold]:
    """Yield the hold; where it held persons that were merged, and merges are lost, one for each of them."""
    if hold.scope is not HoldScope.SUBJECT:
        yield hold
        return
    for number, person in enumerate(_persons(unit, identifiers)):
        of_person = str(UUID(bytes=hashlib.sha256(f"{hold.id} {number}".encode()).digest()[:16]))
        yield dataclasses.replace(hold, id=of_person if number else hold.id, target=person)


def _persons(unit: RegisterUnit, identifiers: Sequence[Identifier]) -> list[SubjectId]:
    """Return the subjects that have the numbers, each once, at least one. Raises _NobodyKnown."""
    found = (unit.subjects.by_identifier(identifier) for identifier in identifiers)
    persons = list(dict.fromkeys(subject.id for subject in found if subject is not None))
    if not persons:
        raise _NobodyKnown
    return persons
