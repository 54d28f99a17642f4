"""What the store keeps of retention, so that it outlives the register: schedules, events, holds, and their ends.

Subjects are named by their identifiers, because a register that is made anew gives them other ids. The forms are kept
for decades: fields are only ever added. ``format`` names the version.
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from archive_service.model.identifiers import Identifier, IdentifierScheme, OfficeCode
from archive_service.model.objects import SmallObject, json_object, not_readable, small_object
from archive_service.model.retention import AdoptedSchedule, EventScope, PlacedHold, ToldEvent, Withdrawal
from retention.condition_json import condition_from_json, condition_to_json
from retention.holds import Hold, HoldScope

RETENTION_FORMAT = 1

SCHEDULES, EVENTS, HOLDS = "retention/schedules/", "retention/events/", "retention/holds/"
_NUMBER_DIGITS = 6

# The names of what was said first, and of what ended it.
_SAID, _ENDED = "said", "ended"

Identifiers = Sequence[Identifier]


@dataclass(frozen=True, slots=True)
class KeptSchedule:
    """An adopted schedule as the store tells it: its file, and who adopted it when."""

    number: int
    body: bytes
    adopted_by: str
    adopted_at: dt.datetime


@dataclass(frozen=True, slots=True)
class KeptEvent:
    """An event as the store tells it; ``identifiers`` are those of the subject it happened to, if it was one."""

    event: ToldEvent
    identifiers: tuple[Identifier, ...]


@dataclass(frozen=True, slots=True)
class KeptHold:
    """A hold as the store tells it; ``identifiers`` as in ``KeptEvent``."""

    placed: PlacedHold
    identifiers: tuple[Identifier, ...]


def schedule_file_key(number: int, sha256: str) -> str:
    """Return the key of an adopted schedule's file, by its number and the file's digest."""
    return f"{_schedule_stem(number, sha256)}.toml"


def _schedule_stem(number: int, sha256: str) -> str:
    # A register that was put back to before an adoption gives its number again: the file tells the two apart.
    return f"{SCHEDULES}{number:0{_NUMBER_DIGITS}}-{sha256[:16]}"


def schedule_objects(adopted: AdoptedSchedule) -> tuple[SmallObject, SmallObject]:
    """Return the schedule's file and, last, what says that it was adopted."""
    values = {
        "format": RETENTION_FORMAT,
        "number": adopted.number,
        "sha256": adopted.sha256,
        "adopted_by": adopted.adopted_by,
        "adopted_at": _written(adopted.adopted_at),
    }
    said = f"{_schedule_stem(adopted.number, adopted.sha256)}/{_SAID}"
    return small_object(schedule_file_key(adopted.number, adopted.sha256), adopted.body), json_object(said, values)


def read_schedule_object(key: str, said: bytes, body: bytes) -> KeptSchedule:
    """Return what the two objects of an adopted schedule say. Raises IntegrityFailure when they do not."""
    try:
        values = json.loads(said)
        kept = KeptSchedule(
            int(values["number"]), body, str(values["adopted_by"]), dt.datetime.fromisoformat(values["adopted_at"])
        )
        matches = small_object("", body).digest.sha256 == values["sha256"]
    except (ValueError, KeyError, TypeError) as wrong:
        raise not_readable(key) from wrong
    if not matches:
        raise not_readable(key)
    return kept


def event_object(event: ToldEvent, identifiers: Identifiers) -> SmallObject:
    """Return an event as it is put into the store: the same arguments give the same bytes."""
    values = {
        "format": RETENTION_FORMAT,
        "id": event.id,
        "scope": str(event.scope),
        "target": None if event.scope is EventScope.SUBJECT else event.target,
        "identifiers": _identifiers_to_json(identifiers),
        "trigger": event.trigger,
        "happened_on": event.happened_on.isoformat(),
        "source": event.source,
        "office": event.office,
        "told_by": event.told_by,
        "told_at": _written(event.told_at),
    }
    return json_object(f"{EVENTS}{event.id}/{_SAID}", values)


def read_event_object(key: str, body: bytes) -> KeptEvent:
    """Return what an event's object says, its target empty for a subject. Raises IntegrityFailure."""
    try:
        values = json.loads(body)
        event = ToldEvent(
            id=str(values["id"]),
            scope=EventScope(values["scope"]),
            target=str(values["target"] or ""),
            trigger=str(values["trigger"]),
            happened_on=dt.date.fromisoformat(values["happened_on"]),
            source=str(values["source"]),
            office=OfficeCode(values["office"]),
            told_by=str(values["told_by"]),
            told_at=dt.datetime.fromisoformat(values["told_at"]),
        )
        return KeptEvent(event, _identifiers_from_json(values["identifiers"]))
    except (ValueError, KeyError, TypeError) as wrong:
        raise not_readable(key) from wrong


def hold_object(placed: PlacedHold, identifiers: Identifiers) -> SmallObject:
    """Return a hold as it is put into the store: the same arguments give the same bytes."""
    hold = placed.hold
    values = {
        "format": RETENTION_FORMAT,
        "id": hold.id,
        "scope": str(hold.scope),
        "target": None if hold.scope is HoldScope.SUBJECT else hold.target,
        "identifiers": _identifiers_to_json(identifiers),
        "condition": None if hold.condition is None else condition_to_json(hold.condition),
        "owner": hold.owner,
        "reason": hold.reason,
        "legal_reference": hold.legal_reference,
        "review_on": hold.review_on.isoformat(),
        "office": placed.office,
        "placed_by": placed.placed_by,
        "placed_at": _written(placed.placed_at),
    }
    return json_object(f"{HOLDS}{hold.id}/{_SAID}", values)


def read_hold_object(key: str, body: bytes) -> KeptHold:
    """Return what a hold's object says, its target empty for a subject. Raises IntegrityFailure."""
    try:
        values = json.loads(body)
        condition = values["condition"]
        hold = Hold(
            id=str(values["id"]),
            scope=HoldScope(values["scope"]),
            target=str(values["target"] or ""),
            owner=str(values["owner"]),
            reason=str(values["reason"]),
            legal_reference=str(values["legal_reference"]),
            review_on=dt.date.fromisoformat(values["review_on"]),
            condition=None if condition is None else condition_from_json(condition),
        )
        placed_at = dt.datetime.fromisoformat(values["placed_at"])
        placed = PlacedHold(hold, OfficeCode(values["office"]), str(values["placed_by"]), placed_at)
        return KeptHold(placed, _identifiers_from_json(values["identifiers"]))
    except (ValueError, KeyError, TypeError) as wrong:
        raise not_readable(key) from wrong


def end_object(prefix: str, of: str, withdrawal: Withdrawal) -> SmallObject:
    """Return what says that an event was withdrawn (``EVENTS``) or a hold lifted (``HOLDS``)."""
    values = {
        "format": RETENTION_FORMAT,
        "id": of,
        "actor": withdrawal.actor,
        "at": _written(withdrawal.at),
        "reason": withdrawal.reason,
    }
    return json_object(f"{prefix}{of}/{_ENDED}", values)


def read_end_object(key: str, body: bytes) -> Withdrawal:
    """Return what an end's object says. Raises IntegrityFailure."""
    try:
        values = json.loads(body)
        return Withdrawal(str(values["actor"]), dt.datetime.fromisoformat(values["at"]), str(values["reason"]))
    except (ValueError, KeyError, TypeError) as wrong:
        raise not_readable(key) from wrong


def is_said(key: str) -> bool:
    """Whether an object is the first word on its subject.

    >>> is_said("retention/holds/1/said"), is_said("retention/holds/1/ended")
    (True, False)
    """
    return key.endswith(f"/{_SAID}")


def is_end(key: str) -> bool:
    """Whether an object ends what was said."""
    return key.endswith(f"/{_ENDED}")


def _identifiers_to_json(identifiers: Identifiers) -> list[dict[str, str]]:
    return [{"scheme": str(one.scheme), "number": one.number} for one in dict.fromkeys(identifiers)]


def _identifiers_from_json(values: list[dict[str, Any]]) -> tuple[Identifier, ...]:
    return tuple(Identifier(IdentifierScheme(one["scheme"]), str(one["number"])) for one in values)


def _written(instant: dt.datetime) -> str:
    return instant.astimezone(dt.UTC).isoformat()
