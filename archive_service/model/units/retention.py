"""The ports to retention: adopted schedules, told events, holds, and where records stand.

Every method takes part in the transaction it was reached through; none commits.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from archive_service.model.identifiers import OfficeCode, RecordId, SubjectId
from archive_service.model.record import Record
from archive_service.model.retention import AdoptedSchedule, EventScope, PlacedHold, Standing, ToldEvent, Withdrawal
from retention.decide import RetentionState
from retention.schedule import Action


class Schedules(Protocol):
    """Schedules that were adopted."""

    def add(self, body: bytes, adopted_by: str, now: dt.datetime) -> AdoptedSchedule:
        """Adopt a schedule, whose file was checked; it gets the next number."""
        ...

    def all(self) -> list[AdoptedSchedule]:
        """Return every schedule that was adopted, oldest first."""
        ...

    def deciding(self, day: dt.date) -> AdoptedSchedule | None:
        """Return the schedule that decides on a day: the one adopted last of those whose days include it."""
        ...


class ToldEvents(Protocol):
    """Events that start periods."""

    def add(self, event: ToldEvent) -> None:
        """Keep an event; its id is new."""
        ...

    def get(self, event_id: str) -> ToldEvent | None:
        """Return one event, withdrawn or not."""
        ...

    def withdraw(self, event_id: str, withdrawal: Withdrawal) -> None:
        """Take an event back; it stays to be seen."""
        ...

    def erase(self, scope: EventScope, target: str) -> None:
        """Forget every event of a target that is gone. Idempotent."""
        ...

    def of(self, scope: EventScope, targets: Sequence[str]) -> list[ToldEvent]:
        """Return every event of these targets, withdrawn ones too, in the order in which they were told."""
        ...


@dataclass(frozen=True, slots=True)
class Coverage:
    """Which stored records are meant, by what is known of each without deciding on it. None states nothing.

    As conditions of holds have it, a record without a day of issue lies in every range of days.
    """

    within: frozenset[OfficeCode] | None
    record_id: RecordId | None = None
    subjects: frozenset[SubjectId] | None = None
    dossier_code: str | None = None
    offices: frozenset[OfficeCode] | None = None
    result_types: frozenset[str] | None = None
    access_levels: frozenset[str] | None = None
    issued_from: dt.date | None = None
    issued_to: dt.date | None = None


@dataclass(frozen=True, slots=True)
class Covered:
    """How many stored records, and how many bytes of originals."""

    records: int
    size_bytes: int


class HoldRows(Protocol):
    """Holds."""

    def add(self, placed: PlacedHold) -> None:
        """Keep a hold; its id is new."""
        ...

    def get(self, hold_id: str) -> PlacedHold | None:
        """Return one hold, lifted or not."""
        ...

    def standing(self) -> list[PlacedHold]:
        """Return every hold that has not been lifted, oldest first."""
        ...

    def select(self, offices: frozenset[OfficeCode], *, lifted: bool, after: str, limit: int) -> list[PlacedHold]:
        """Return one page of the holds placed by these offices, in order of id, lifted ones too when asked."""
        ...

    def lift(self, hold_id: str, withdrawal: Withdrawal) -> None:
        """End a hold; it stays to be seen."""
        ...

    def set_review(self, hold_id: str, review_on: dt.date) -> None:
        """Say when the hold is to be looked at again."""
        ...

    def count_covered(self, coverage: Coverage) -> Covered:
        """Count the stored records that are meant."""
        ...


@dataclass(frozen=True, slots=True)
class StandingSelection:
    """Which records a listing asks for, in order of day due and id. None means no limit.

    ``states``: as of ``today``, so that what was running and is past its day counts as due.
    """

    offices: frozenset[OfficeCode] | None
    today: dt.date
    states: frozenset[RetentionState] | None = None
    held: bool | None = None
    class_code: str | None = None
    action: Action | None = None
    due_from: dt.date | None = None
    due_to: dt.date | None = None
    after: tuple[dt.date | None, RecordId] | None = None
    limit: int = 100


@dataclass(frozen=True, slots=True)
class StandingCount:
    """How many records, and how many bytes of originals, stand alike. ``month`` is the first day of the month due."""

    month: dt.date | None
    class_code: str | None
    state: RetentionState
    held: bool
    records: int
    size_bytes: int


class Standings(Protocol):
    """Where each stored record stands; a record that was never decided on has no row."""

    def put(self, standings: Sequence[Standing]) -> None:
        """Write where records stand, in place of what was written before."""
        ...

    def get_many(self, record_ids: Sequence[RecordId]) -> dict[RecordId, Standing]:
        """Return where those records stand that were decided on."""
        ...

    def remove(self, record_ids: Sequence[RecordId]) -> None:
        """Forget where records stand that are not stored any more. Idempotent."""
        ...

    def look_again(self, before: dt.datetime, limit: int) -> list[RecordId]:
        """Return records whose time to be looked at again has come, soonest first."""
        ...

    def select(self, selection: StandingSelection) -> list[tuple[Record, Standing]]:
        """Return one page of stored records and where they stand."""
        ...

    def count(self, selection: StandingSelection) -> int:
        """Return how many records there are from where the page begins, however many a page has."""
        ...

    def last_lock_end(self, disposal_id: str) -> dt.datetime | None:
        """Return when the last lock ends of the stored records that a proposal still lists, None without any lock."""
        ...

    def counts(self, offices: frozenset[OfficeCode] | None, today: dt.date) -> list[StandingCount]:
        """Return how many stand how, by month due, class, state and hold, earliest month first."""
        ...


@dataclass(frozen=True, slots=True)
class RelationTo:
    """That a stored record says something of an earlier one: what, and since when it holds."""

    kind: str
    record_id: RecordId
    since: dt.date | None
    stored_at: dt.datetime


RelationsTo = Mapping[RecordId, Sequence[RelationTo]]
