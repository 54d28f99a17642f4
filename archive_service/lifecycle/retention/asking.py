"""Asking for records to be decided on again, by whatever changes something that bears on their retention.

Not a step itself; the steps that change such things ask in their own transaction, so that nothing is missed.
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from archive_service.model.identifiers import RecordId, SubjectId
from archive_service.model.jobs import JobKind
from archive_service.model.record import RecordMetadata
from archive_service.model.retention import EventScope
from archive_service.model.units import RegisterUnit

_ASKED = "retention-asked"

# Where the run over all records stands.
RUN = "retention-run"

# Under this name whoever begins to let a record go and whoever places a hold take turns: one comes before the other.
HOLDS_AND_DISPOSALS = "retention"


@dataclass(frozen=True, slots=True)
class Run:
    """Where the latest run over all records stands. ``schedule`` is the number of the one it decides by, 0 for none."""

    schedule: int
    asked: int
    after: RecordId | None
    done: int
    total: int
    changed: int
    started_at: str
    ended_at: str | None


def latest_run(unit: RegisterUnit) -> Run | None:
    """Return where the latest run stands, None before the first one."""
    saved = unit.progress.get(RUN)
    return None if saved is None else Run(**json.loads(saved))


def ask_for_all(unit: RegisterUnit) -> None:
    """Let every record be decided on again, from the first one on, after the run that may be under way."""
    unit.progress.serialise(_ASKED)
    unit.progress.put(_ASKED, str(times_asked_for_all(unit) + 1))


def times_asked_for_all(unit: RegisterUnit) -> int:
    """Return how often every record was asked for: a run that was begun by an earlier number is not the last."""
    return int(unit.progress.get(_ASKED) or 0)


def ask_for(unit: RegisterUnit, record_ids: Iterable[RecordId], now: dt.datetime) -> None:
    """Let these records be decided on again."""
    unit.jobs.add_many(JobKind.RETAIN, sorted(set(record_ids)), now)


def ask_for_held(unit: RegisterUnit, record_ids: Sequence[RecordId], now: dt.datetime) -> None:
    """Let those of the records be decided on again that are held: what was put under one since must be held too."""
    standings = unit.standings.get_many(record_ids)
    ask_for(unit, (one.record_id for one in standings.values() if one.held), now)


def ask_for_subjects(unit: RegisterUnit, subject_ids: Sequence[SubjectId], now: dt.datetime) -> None:
    """Let every record of these subjects and those merged with them be decided on again."""
    members = {member for family in unit.subjects.families(subject_ids).values() for member in family}
    ask_for(unit, (record.id for record in unit.records.of_subjects(sorted(members))), now)


def ask_for_target(unit: RegisterUnit, scope: EventScope, target: str, now: dt.datetime) -> None:
    """Let every record be decided on again to which something has happened."""
    match scope:
        case EventScope.RECORD:
            ask_for(unit, [RecordId(target)], now)
        case EventScope.DOSSIER:
            ask_for(unit, unit.records.of_dossier(target), now)
        case EventScope.SUBJECT:
            ask_for_subjects(unit, [SubjectId(target)], now)


def ask_for_related(unit: RegisterUnit, descriptions: Iterable[RecordMetadata], now: dt.datetime) -> None:
    """Let every record be decided on again of which these descriptions say something."""
    targets = {relation.record_id for said in descriptions for relation in said.relations}
    ask_for(unit, unit.records.get_many(sorted(targets)), now)
