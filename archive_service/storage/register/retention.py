"""Rows of retention: adopted schedules, told events, holds, and where records stand."""

from __future__ import annotations

import datetime as dt
import hashlib
import json
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from sqlalchemy import (
    JSON,
    ColumnElement,
    Connection,
    Row,
    Text,
    and_,
    cast,
    delete,
    func,
    insert,
    literal_column,
    or_,
    select,
    tuple_,
    update,
)

from archive_service.model.disposals import ItemState
from archive_service.model.identifiers import OfficeCode, RecordId
from archive_service.model.record import Record, RecordState
from archive_service.model.retention import AdoptedSchedule, EventScope, PlacedHold, Standing, ToldEvent, Withdrawal
from archive_service.model.units.retention import Coverage, Covered, StandingCount, StandingSelection
from archive_service.storage.register import tables as t
from archive_service.storage.register.records import record_of_row
from archive_service.storage.register.rows import upsert_many
from retention.condition_json import condition_from_json, condition_to_json
from retention.decide import RetentionState
from retention.holds import Hold, HoldScope
from retention.schedule import Action, Schedule
from retention.schedule_file import read_schedule

_S = t.retention_schedules.c
_E = t.retention_events.c
_H = t.holds.c
_D = t.retention_decisions.c
_R = t.records.c
_I = t.disposal_items.c

# Who stands so has a day.
_DATED = frozenset({RetentionState.DUE, RetentionState.RUNNING})


class SqlSchedules:
    """Implements ``Schedules`` inside one transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def add(self, body: bytes, adopted_by: str, now: dt.datetime) -> AdoptedSchedule:
        """Keep the file's bytes under the next number."""
        schedule = _schedule(body)
        sha256 = hashlib.sha256(body).hexdigest()
        result = self._connection.execute(
            insert(t.retention_schedules).returning(_S.number),
            {
                "schedule_id": schedule.id,
                "version": schedule.version,
                "body": body,
                "sha256": sha256,
                "adopted_by": adopted_by,
                "adopted_at": now,
            },
        )
        return AdoptedSchedule(int(result.scalar_one()), schedule, body, sha256, adopted_by, now)

    def all(self) -> list[AdoptedSchedule]:
        """Return every schedule, oldest first."""
        return [_adopted(row) for row in self._connection.execute(select(t.retention_schedules).order_by(_S.number))]

    def deciding(self, day: dt.date) -> AdoptedSchedule | None:
        """Return the last one that decides on the day: there are few."""
        return next((one for one in reversed(self.all()) if one.schedule.decides_on(day)), None)


class SqlToldEvents:
    """Implements ``ToldEvents`` inside one transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def add(self, event: ToldEvent) -> None:
        """Write an event."""
        self._connection.execute(
            insert(t.retention_events),
            {
                "id": event.id,
                "scope": str(event.scope),
                "target": event.target,
                "trigger": event.trigger,
                "happened_on": event.happened_on,
                "source": event.source,
                "office": event.office,
                "told_by": event.told_by,
                "told_at": event.told_at,
                **_withdrawn("withdrawn", "withdraw", event.withdrawn),
            },
        )

    def get(self, event_id: str) -> ToldEvent | None:
        """Return one event."""
        row = self._connection.execute(select(t.retention_events).where(_E.id == event_id)).one_or_none()
        return _told(row) if row is not None else None

    def withdraw(self, event_id: str, withdrawal: Withdrawal) -> None:
        """Write that the event was taken back."""
        values = _withdrawn("withdrawn", "withdraw", withdrawal)
        self._connection.execute(update(t.retention_events).where(_E.id == event_id).values(**values))

    def erase(self, scope: EventScope, target: str) -> None:
        """Delete the events of a target."""
        self._connection.execute(delete(t.retention_events).where(_E.scope == str(scope), _E.target == target))

    def of(self, scope: EventScope, targets: Sequence[str]) -> list[ToldEvent]:
        """Return the events of these targets, oldest first."""
        if not targets:
            return []
        query = select(t.retention_events).where(_E.scope == str(scope), _E.target.in_(sorted(set(targets))))
        return [_told(row) for row in self._connection.execute(query.order_by(_E.told_at, _E.id))]


class SqlHolds:
    """Implements ``HoldRows`` inside one transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def add(self, placed: PlacedHold) -> None:
        """Write a hold."""
        hold = placed.hold
        self._connection.execute(
            insert(t.holds),
            {
                "id": hold.id,
                "scope": str(hold.scope),
                "target": hold.target,
                "condition": None if hold.condition is None else json.dumps(condition_to_json(hold.condition)),
                "owner": hold.owner,
                "reason": hold.reason,
                "legal_reference": hold.legal_reference,
                "review_on": hold.review_on,
                "office": placed.office,
                "placed_by": placed.placed_by,
                "placed_at": placed.placed_at,
                **_withdrawn("lifted", "lift", placed.lifted),
            },
        )

    def get(self, hold_id: str) -> PlacedHold | None:
        """Return one hold."""
        row = self._connection.execute(select(t.holds).where(_H.id == hold_id)).one_or_none()
        return _placed(row) if row is not None else None

    def standing(self) -> list[PlacedHold]:
        """Return every hold that stands, oldest first."""
        query = select(t.holds).where(_H.lifted_at.is_(None)).order_by(_H.placed_at, _H.id)
        return [_placed(row) for row in self._connection.execute(query)]

    def select(self, offices: frozenset[OfficeCode], *, lifted: bool, after: str, limit: int) -> list[PlacedHold]:
        """Return one page of holds in order of id."""
        query = select(t.holds).where(_H.office.in_(sorted(offices)), _H.id > after).order_by(_H.id).limit(limit)
        if not lifted:
            query = query.where(_H.lifted_at.is_(None))
        return [_placed(row) for row in self._connection.execute(query)]

    def lift(self, hold_id: str, withdrawal: Withdrawal) -> None:
        """Write that the hold has ended."""
        values = _withdrawn("lifted", "lift", withdrawal)
        self._connection.execute(update(t.holds).where(_H.id == hold_id).values(**values))

    def set_review(self, hold_id: str, review_on: dt.date) -> None:
        """Write the day of the next review."""
        self._connection.execute(update(t.holds).where(_H.id == hold_id).values(review_on=review_on))

    def count_covered(self, coverage: Coverage) -> Covered:
        """Let the database count the records."""
        query = select(func.count().label("records"), func.sum(_R.size_bytes).label("size_bytes"))
        meant = _meant(self._connection, coverage)
        row = self._connection.execute(query.where(_R.state == str(RecordState.STORED), *meant)).one()
        return Covered(int(row.records), int(row.size_bytes or 0))


class SqlStandings:
    """Implements ``Standings`` inside one transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def put(self, standings: Sequence[Standing]) -> None:
        """Write where records stand."""
        rows = [
            {
                "record_id": one.record_id,
                "standing": str(one.standing),
                "held": one.held,
                "class_code": one.class_code,
                "action": None if one.action is None else str(one.action),
                "trigger_on": one.trigger_on,
                "due_on": one.due_on,
                "decided_at": one.decided_at,
                "look_again_at": one.look_again_at,
            }
            for one in standings
        ]
        upsert_many(self._connection, t.retention_decisions, rows)

    def get_many(self, record_ids: Sequence[RecordId]) -> dict[RecordId, Standing]:
        """Return what is written of these records."""
        if not record_ids:
            return {}
        rows = self._connection.execute(select(t.retention_decisions).where(_D.record_id.in_(record_ids)))
        return {one.record_id: one for one in map(_standing, rows)}

    def remove(self, record_ids: Sequence[RecordId]) -> None:
        """Delete what is written of these records."""
        if record_ids:
            self._connection.execute(delete(t.retention_decisions).where(_D.record_id.in_(record_ids)))

    def look_again(self, before: dt.datetime, limit: int) -> list[RecordId]:
        """Return records that are to be looked at, soonest first."""
        query = select(_D.record_id).where(_D.look_again_at <= before).order_by(_D.look_again_at).limit(limit)
        return [RecordId(row.record_id) for row in self._connection.execute(query)]

    def select(self, selection: StandingSelection) -> list[tuple[Record, Standing]]:
        """Return one page in order of day due and id; those without a day come last."""
        query = (
            select(t.records, *(c.label(f"d_{c.name}") for c in t.retention_decisions.c))
            .join(t.retention_decisions, _R.id == _D.record_id)
            .where(_R.state == str(RecordState.STORED), *_selected(self._connection, selection))
            .limit(selection.limit)
        )
        if not _is_dated(selection):
            query = query.order_by(_D.due_on.is_(None))
        query = query.order_by(_D.due_on, _D.record_id)
        return [(record_of_row(row), _standing(row, "d_")) for row in self._connection.execute(query)]

    def count(self, selection: StandingSelection) -> int:
        """Let the database count the records."""
        query = (
            select(func.count())
            .select_from(t.records.join(t.retention_decisions, _R.id == _D.record_id))
            .where(_R.state == str(RecordState.STORED), *_selected(self._connection, selection))
        )
        return int(self._connection.execute(query).scalar_one())

    def last_lock_end(self, disposal_id: str) -> dt.datetime | None:
        """Let the database look through the listed records."""
        query = (
            select(func.max(_R.locked_until))
            .select_from(t.disposal_items.join(t.records, _R.id == _I.record_id))
            .where(
                _I.disposal_id == disposal_id,
                _I.state == str(ItemState.LISTED),
                _R.state == str(RecordState.STORED),
            )
        )
        until: dt.datetime | None = self._connection.execute(query).scalar_one()
        return until

    def counts(self, offices: frozenset[OfficeCode] | None, today: dt.date) -> list[StandingCount]:
        """Return how many stand how; the database counts, month by month."""
        month = _month(self._connection, _D.due_on).label("month")
        due = and_(_D.due_on.is_not(None), _D.due_on <= today).label("past")
        grouped = (month, _D.class_code, _D.standing, _D.held, due)
        query = (
            select(*grouped, func.count().label("records"), func.sum(_R.size_bytes).label("size_bytes"))
            .join(t.records, _R.id == _D.record_id)
            .where(_R.state == str(RecordState.STORED))
            .group_by(*grouped)
            .order_by(month, _D.class_code, _D.standing, _D.held)
        )
        if offices is not None:
            query = query.where(_R.office.in_(sorted(offices)))
        return [
            StandingCount(
                month=dt.date.fromisoformat(f"{row.month}-01") if row.month is not None else None,
                class_code=row.class_code,
                state=RetentionState.DUE if row.past else _not_due(row.standing),
                held=bool(row.held),
                records=int(row.records),
                size_bytes=int(row.size_bytes),
            )
            for row in self._connection.execute(query)
        ]


def _meant(connection: Connection, coverage: Coverage) -> list[ColumnElement[bool]]:
    meant: list[ColumnElement[bool]] = []
    for column, value in ((_R.id, coverage.record_id), (_R.dossier_code, coverage.dossier_code)):
        if value is not None:
            meant.append(column == value)
    sets: tuple[tuple[ColumnElement[Any], frozenset[str] | None], ...] = (
        (_R.office, coverage.within),
        (_R.office, coverage.offices),
        (_R.subject_id, coverage.subjects),
        (_R.result_type, coverage.result_types),
        (_access_level(connection), coverage.access_levels),
    )
    meant += [column.in_(sorted(values)) for column, values in sets if values is not None]
    if coverage.issued_from is not None:
        meant.append(or_(_R.issued_on.is_(None), _R.issued_on >= coverage.issued_from))
    if coverage.issued_to is not None:
        meant.append(or_(_R.issued_on.is_(None), _R.issued_on <= coverage.issued_to))
    return meant


def _access_level(connection: Connection) -> ColumnElement[Any]:
    """Return what the description says of access: it has no column of its own."""
    if connection.dialect.name == "postgresql":
        return func.json_extract_path_text(cast(_R.metadata, JSON), "access_level")
    return func.json_extract(_R.metadata, "$.access_level")


def _not_due(standing: str) -> RetentionState:
    """Return a state of before its day, as it was written, also where the clock was set back since."""
    state = RetentionState(standing)
    return RetentionState.RUNNING if state is RetentionState.DUE else state


def _month(connection: Connection, day: ColumnElement[Any]) -> ColumnElement[Any]:
    if connection.dialect.name == "postgresql":
        return func.to_char(day, "YYYY-MM")
    return func.strftime("%Y-%m", day)


def _is_dated(selection: StandingSelection) -> bool:
    """Whether only records with a day due can be meant: the index of those days has them in their order."""
    dated = selection.states is not None and selection.states <= _DATED
    return dated or selection.due_from is not None or selection.due_to is not None


def _office(connection: Connection, selection: StandingSelection) -> ColumnElement[Any]:
    if connection.dialect.name == "sqlite" and _is_dated(selection):
        # With its sign SQLite finds no index for it, and walks that of the days instead of sorting an office's records.
        return literal_column(f"+{t.records.name}.{_R.office.name}", Text)
    return _R.office


def _selected(connection: Connection, selection: StandingSelection) -> list[ColumnElement[bool]]:
    wanted: list[ColumnElement[bool]] = []
    if selection.offices is not None:
        wanted.append(_office(connection, selection).in_(sorted(selection.offices)))
    if selection.states == _DATED:
        wanted.append(_D.due_on.is_not(None))
    elif selection.states is not None:
        wanted.append(or_(*(_in_state(state, selection.today) for state in sorted(selection.states))))
    for column, value in ((_D.held, selection.held), (_D.class_code, selection.class_code)):
        if value is not None:
            wanted.append(column == value)
    if selection.action is not None:
        wanted.append(_D.action == str(selection.action))
    if selection.due_from is not None:
        wanted.append(_D.due_on >= selection.due_from)
    if selection.due_to is not None:
        wanted.append(_D.due_on <= selection.due_to)
    if selection.after is not None:
        wanted.append(_after(*selection.after, dated=_is_dated(selection)))
    return wanted


def _in_state(state: RetentionState, today: dt.date) -> ColumnElement[bool]:
    match state:
        case RetentionState.HELD:
            return _D.held.is_(True)
        case RetentionState.DUE:
            return and_(_D.due_on.is_not(None), _D.due_on <= today)
        case RetentionState.RUNNING:
            return and_(_D.due_on.is_not(None), _D.due_on > today)
    return _D.standing == str(state)


def _after(due_on: dt.date | None, record_id: RecordId, *, dated: bool) -> ColumnElement[bool]:
    if due_on is None:
        return and_(_D.due_on.is_(None), _D.record_id > record_id)
    if dated:
        return tuple_(_D.due_on, _D.record_id) > (due_on, record_id)
    return or_(_D.due_on > due_on, and_(_D.due_on == due_on, _D.record_id > record_id), _D.due_on.is_(None))


def _standing(row: Row[Any], prefix: str = "") -> Standing:
    said = {name.removeprefix(prefix): value for name, value in row._mapping.items() if name.startswith(prefix)}
    return Standing(
        record_id=RecordId(said["record_id"]),
        standing=RetentionState(said["standing"]),
        held=bool(said["held"]),
        class_code=said["class_code"],
        action=None if said["action"] is None else Action(said["action"]),
        trigger_on=said["trigger_on"],
        due_on=said["due_on"],
        decided_at=said["decided_at"],
        look_again_at=said["look_again_at"],
    )


def _withdrawn(prefix: str, noun: str, withdrawal: Withdrawal | None) -> dict[str, Any]:
    return {
        f"{prefix}_by": None if withdrawal is None else withdrawal.actor,
        f"{prefix}_at": None if withdrawal is None else withdrawal.at,
        f"{noun}_reason": None if withdrawal is None else withdrawal.reason,
    }


def _told(row: Row[Any]) -> ToldEvent:
    return ToldEvent(
        id=row.id,
        scope=EventScope(row.scope),
        target=row.target,
        trigger=row.trigger,
        happened_on=row.happened_on,
        source=row.source,
        office=OfficeCode(row.office),
        told_by=row.told_by,
        told_at=row.told_at,
        withdrawn=_withdrawal(row.withdrawn_by, row.withdrawn_at, row.withdraw_reason),
    )


def _placed(row: Row[Any]) -> PlacedHold:
    hold = Hold(
        id=row.id,
        scope=HoldScope(row.scope),
        target=row.target,
        owner=row.owner,
        reason=row.reason,
        legal_reference=row.legal_reference,
        review_on=row.review_on,
        condition=None if row.condition is None else condition_from_json(json.loads(row.condition)),
    )
    lifted = _withdrawal(row.lifted_by, row.lifted_at, row.lift_reason)
    return PlacedHold(hold, OfficeCode(row.office), row.placed_by, row.placed_at, lifted)


def _withdrawal(actor: str | None, at: dt.datetime | None, reason: str | None) -> Withdrawal | None:
    return None if actor is None or at is None else Withdrawal(actor, at, reason or "")


def _adopted(row: Row[Any]) -> AdoptedSchedule:
    return AdoptedSchedule(row.number, _schedule(row.body), row.body, row.sha256, row.adopted_by, row.adopted_at)


@lru_cache(maxsize=64)
def _schedule(body: bytes) -> Schedule:
    """Return what a file says; the same schedule is asked of every record, and remembers what it answered."""
    return read_schedule(body)
