"""Follow-up work: kept in the register in the same transaction as what caused it, so that nothing is lost between."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from enum import StrEnum

from archive_service.model.identifiers import RecordId


class JobKind(StrEnum):
    """What a worker can do."""

    ENRICH = "enrich"
    INDEX = "index"
    SEAL = "seal"
    RETAIN = "retain"
    DISPOSE = "dispose"


class JobState(StrEnum):
    """A job is waiting, running under a lease, or parked for a person. One that is done is gone."""

    WAITING = "waiting"
    RUNNING = "running"
    PARKED = "parked"


@dataclass(frozen=True, slots=True)
class Job:
    """One piece of follow-up work for one record; its step may run twice."""

    id: int
    kind: JobKind
    record_id: RecordId
    attempts: int
    due_at: dt.datetime
    state: JobState = JobState.WAITING
    problem: str | None = None
