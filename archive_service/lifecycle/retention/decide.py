"""Deciding on records: where each stands by schedule, events and holds, and the store's locks made to follow.

Idempotent follow-up work, done whenever something that bears on a record has changed. Locks are only ever lengthened,
on everything under the record; the legal hold comes before the register says so and goes after it.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial

from archive_service.lifecycle.retention.judge import Judge
from archive_service.model.archive import Archive
from archive_service.model.events import Event, EventType, Json
from archive_service.model.identifiers import RecordId
from archive_service.model.jobs import JobKind
from archive_service.model.objects import record_prefix
from archive_service.model.record import Record, RecordState
from archive_service.model.retention import Standing, standing_of
from archive_service.model.units import RegisterUnit
from retention.calendar import day_of
from retention.decide import Decision
from retention.locks import LockPlan, lock_plan, longer_lock

# Who follow-up work is done by, in the log.
_WORKER = "worker"

# How long it may take until what was asked for is done: it is not asked for twice within.
_WORK_TAKES = dt.timedelta(hours=1)

# The store is asked for several records at a time: it answers over a network.
_AT_ONCE = 8


def decide_records(archive: Archive, record_ids: Sequence[RecordId]) -> int:
    """Decide on the records, lock and hold everything under them accordingly, and write where they stand.

    A record that is not stored has no decision. Returns how many stand otherwise than before. Idempotent; safe beside
    itself. Raises Unavailable: what was locked stays so, and the rest is done by the next run.
    """
    tasks, gone = archive.register.read(partial(_tasks, archive, record_ids))
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        done = list(pool.map(partial(_follow, archive), tasks))
    return archive.register.write(partial(_keep, archive, done, gone))


def ask_again(archive: Archive, limit: int) -> int:
    """Ask for the records whose lock is to be renewed, or whose trigger's day has come; return how many.

    Each is asked for once: until it was decided on, its time is moved by an hour. Raises Unavailable.
    """
    now = archive.clock.now()
    if not archive.register.read(lambda unit: unit.standings.look_again(now, 1)):
        return 0

    def ask(unit: RegisterUnit) -> int:
        due = unit.standings.look_again(now, limit)
        unit.jobs.add_many(JobKind.RETAIN, due, now)
        unit.standings.put(
            [replace(one, look_again_at=now + _WORK_TAKES) for one in unit.standings.get_many(due).values()]
        )
        return len(due)

    return archive.register.write(ask)


@dataclass(frozen=True, slots=True)
class _Task:
    """A stored record, what was decided on it, and what the store must do."""

    record: Record
    decision: Decision
    plan: LockPlan
    before: Standing | None


def _tasks(archive: Archive, record_ids: Sequence[RecordId], unit: RegisterUnit) -> tuple[list[_Task], list[RecordId]]:
    now = archive.clock.now()
    records = unit.records.get_many(record_ids)
    stored = [record for record in records.values() if record.state is RecordState.STORED]
    before = unit.standings.get_many(record_ids)
    decisions = Judge.of(unit, day_of(now)).decisions(unit, stored)
    tasks = []
    for record in stored:
        decision = decisions[record.id]
        plan = lock_plan(decision, now, archive.rules.locks)
        tasks.append(_Task(record, decision, plan, before.get(record.id)))
    kept = {record.id for record in stored}
    return tasks, [one for one in before if one not in kept]


@dataclass(frozen=True, slots=True)
class _Done:
    """A task, and until when everything under the record is locked now at least."""

    task: _Task
    locked_until: dt.datetime | None


def _follow(archive: Archive, task: _Task) -> _Done:
    """Make the store's locks and holds what the decision asks."""
    record, plan = task.record, task.plan
    recorded = record.original.locked_until
    until = recorded if plan.until is None else longer_lock(recorded, plan.until)
    in_force, now = until, archive.clock.now()
    was_held = task.before is not None and task.before.held
    for listed in archive.store.list_under(record_prefix(record.id)):
        # A lock that ended by the decision is not begun again: only people's decision stands before the deletion.
        if until is not None and until > now:
            locked = archive.store.extend_lock(listed.key, listed.version, until)
            in_force = locked if in_force is None else min(in_force, locked)
        if plan.held or was_held:
            archive.store.set_hold(listed.key, listed.version, plan.held)
    return _Done(task, in_force)


def _keep(archive: Archive, done: Sequence[_Done], gone: Sequence[RecordId], unit: RegisterUnit) -> int:
    now, changed = archive.clock.now(), 0
    unit.standings.remove(gone)
    # A record may have left its state while the store was asked.
    there = unit.records.get_many([one.task.record.id for one in done])
    standings = []
    for one in done:
        record = there.get(one.task.record.id)
        if record is None or record.state is not RecordState.STORED:
            continue
        standing = standing_of(record.id, one.task.decision, now, one.task.plan.look_again_at)
        standings.append(standing)
        moved = one.task.before is None or not standing.same_as(one.task.before)
        changed += moved
        until = one.locked_until
        locked = until is not None and until != record.original.locked_until
        if until is not None and locked:
            unit.records.set_lock(record.id, replace(record.original, locked_until=until))
            unit.renditions.set_lock(record.id, until)
        unit.log.append(*_events(record, one, moved=moved, locked=locked, now=now))
    unit.standings.put(standings)
    return changed


def _events(record: Record, done: _Done, *, moved: bool, locked: bool, now: dt.datetime) -> Iterator[Event]:
    """Yield what the log is told: a new decision, or at least a longer lock."""
    until: Json = None if done.locked_until is None else done.locked_until.isoformat()
    if moved:
        yield Event(EventType.RETENTION_DECIDED, _WORKER, now, record.id, _said(done.task.decision, until))
    elif locked:
        yield Event(EventType.LOCK_EXTENDED, _WORKER, now, record.id, {"locked_until": until})


def _said(decision: Decision, locked_until: Json) -> dict[str, Json]:
    retention_class = decision.retention_class
    return {
        "state": str(decision.state),
        "standing": str(decision.standing),
        "schedule": decision.schedule.id,
        "version": decision.schedule.version,
        "class": retention_class.code if retention_class is not None else None,
        "trigger_on": decision.trigger_on.isoformat() if decision.trigger_on is not None else None,
        "due_on": decision.due_on.isoformat() if decision.due_on is not None else None,
        "holds": [hold.id for hold in decision.holds],
        "locked_until": locked_until,
    }
