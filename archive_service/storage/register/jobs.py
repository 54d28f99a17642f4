"""Rows of follow-up work, claimed by workers without meeting each other."""

from __future__ import annotations

import datetime as dt
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Row,
    Select,
    Table,
    and_,
    bindparam,
    case,
    delete,
    false,
    func,
    or_,
    select,
    update,
)
from sqlalchemy.dialects import postgresql, sqlite

from archive_service.model.identifiers import RecordId
from archive_service.model.jobs import Job, JobKind, JobState
from archive_service.storage.register import tables as t

_C = t.jobs.c

# Work that costs milliseconds and is taken by the hundred, in the order in which it is due. All other work may take
# minutes apiece: depositors take turns at it.
_IN_BULK = frozenset({JobKind.INDEX, JobKind.RETAIN})

# Made once: building a statement anew takes longer than running it.
_DEPOSITOR = select(t.records.c.depositor).where(t.records.c.id == bindparam("of_record")).scalar_subquery()


def _asking(insert: Callable[[Table], Any]) -> Any:
    """Return the statement of ``add``: one, so that nothing comes between looking for the work and writing it."""
    added = insert(t.jobs).values(share=func.coalesce(_DEPOSITOR, ""))
    runs = _C.state == str(JobState.RUNNING)
    due_again = {"state": added.excluded.state, "attempts": 0, "due_at": added.excluded.due_at, "problem": None}
    return added.on_conflict_do_update(
        index_elements=[_C.kind, _C.record_id],
        set_={
            "asked_again": or_(_C.asked_again, runs),
            **{name: case((runs, _C[name]), else_=value) for name, value in due_again.items()},
        },
    )


_ADD = {"sqlite": _asking(sqlite.insert), "postgresql": _asking(postgresql.insert)}


def _shares_that_wait() -> Select[Any]:
    """Return the query for each share with waiting work, and when the oldest of it that is due was due.

    Goes from share to share by the index: what it costs follows the number of depositors, not of pieces.
    """
    waits = and_(_C.kind == bindparam("kind"), _C.state == str(JobState.WAITING))
    shares = select(func.min(_C.share).label("share")).where(waits).cte("shares", recursive=True)
    following = select(func.min(_C.share)).where(waits, _C.share > shares.c.share).scalar_subquery()
    shares = shares.union_all(select(following).where(shares.c.share.is_not(None)))
    oldest = select(func.min(_C.due_at)).where(waits, _C.share == shares.c.share, _C.due_at <= bindparam("now"))
    return select(shares.c.share, oldest.scalar_subquery().label("due_at")).where(shares.c.share.is_not(None))


_WAITING_SHARES = _shares_that_wait()
_RUNNING_SHARES = (
    select(_C.share, func.max(_C.lease_until).label("held_until"), func.count().label("pieces"))
    .where(_C.kind == bindparam("kind"), _C.state == str(JobState.RUNNING))
    .group_by(_C.share, _C.lease_until > bindparam("now"))
)


class SqlJobs:
    """Implements ``Jobs`` inside one transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def add(self, kind: JobKind, record_id: RecordId, due_at: dt.datetime) -> None:
        """Ask for the work; what runs now will run once more, what waits or is parked is due again."""
        self.add_many(kind, (record_id,), due_at)

    def add_many(self, kind: JobKind, record_ids: Sequence[RecordId], due_at: dt.datetime) -> None:
        """Ask for the work on many records, as ``add`` does for one, always in the same order."""
        asked = [
            {
                "kind": str(kind),
                "record_id": record_id,
                "of_record": record_id,
                "state": str(JobState.WAITING),
                "attempts": 0,
                "due_at": due_at,
                "asked_again": False,
            }
            for record_id in sorted(record_ids)
        ]
        if asked:
            self._connection.execute(_ADD[self._connection.dialect.name], asked)

    def any_due(self, kinds: Sequence[JobKind], now: dt.datetime) -> bool:
        """Whether there is work to take."""
        query = select(_C.id).where(_takeable(kinds, now)).limit(1)
        return self._connection.execute(query).first() is not None

    def claim(self, kinds: Sequence[JobKind], limit: int, now: dt.datetime, lease_until: dt.datetime) -> list[Job]:
        """Take due work; rows another worker is taking are passed over.

        What is done in bulk: oldest due first. Other work: of the depositor with the least work running, oldest due
        first, so that no depositor's many or endless files keep the others' waiting.
        """
        rows: list[Row[Any]] = []
        for kind in kinds:
            left = limit - len(rows)
            rows += self._oldest(kind, left, now) if kind in _IN_BULK else self._in_turn(kind, left, now)
        if rows:
            self._connection.execute(
                update(t.jobs)
                .where(_C.id.in_([row.id for row in rows]))
                .values(
                    state=str(JobState.RUNNING),
                    attempts=_C.attempts + 1,
                    lease_until=lease_until,
                    asked_again=False,
                )
            )
        return [_job(row, attempts=row.attempts + 1, state=JobState.RUNNING) for row in rows]

    def _in_turn(self, kind: JobKind, limit: int, now: dt.datetime) -> list[Row[Any]]:
        """Take one piece of each share in turn until there are enough or none is left."""
        taken: list[Row[Any]] = []
        shares = deque(self._shares(kind, now) if limit else ())
        while shares and len(taken) < limit:
            share = shares.popleft()
            found = self._oldest(kind, 1, now, _C.share == share, _C.id.not_in([row.id for row in taken]))
            if found:
                taken += found
                shares.append(share)
        return taken

    def _shares(self, kind: JobKind, now: dt.datetime) -> list[str]:
        """Return whose work may be taken, in the order of their turns."""
        told = {"kind": str(kind), "now": now}
        waiting = {row.share: row.due_at for row in self._connection.execute(_WAITING_SHARES, told) if row.due_at}
        running: dict[str, int] = {}
        for row in self._connection.execute(_RUNNING_SHARES, told):
            if row.held_until > now:
                running[row.share] = row.pieces
            else:  # its worker has gone silent: it has waited for longer than what waits
                waiting[row.share] = row.held_until
        return sorted(waiting, key=lambda share: (running.get(share, 0), waiting[share]))

    def _oldest(self, kind: JobKind, limit: int, now: dt.datetime, *which: ColumnElement[bool]) -> list[Row[Any]]:
        return list(
            self._connection.execute(
                select(t.jobs)
                .where(_takeable([kind], now), *which)
                .order_by(_C.due_at, _C.id)
                .limit(limit)
                .with_for_update(skip_locked=True)
            )
        )

    def renew(self, jobs: Sequence[Job], lease_until: dt.datetime) -> None:
        """Lengthen the leases of running work."""
        self._connection.execute(
            update(t.jobs)
            .where(or_(*(_held(job) for job in jobs)) if jobs else false())
            .values(lease_until=lease_until)
        )

    def done(self, job: Job) -> None:
        """Remove the work, or let it wait again where it was asked for while it ran."""
        self._connection.execute(delete(t.jobs).where(_held(job), _C.asked_again.is_(False)))
        self._end(job, state=str(JobState.WAITING), attempts=0, lease_until=None, asked_again=False)

    def retry(self, job: Job, due_at: dt.datetime, problem: str) -> None:
        """Let the work wait until ``due_at``."""
        self._end(job, state=str(JobState.WAITING), due_at=due_at, lease_until=None, problem=problem)

    def give_back(self, job: Job, now: dt.datetime) -> None:
        """Let the work be due at once, the try not counted."""
        self._end(job, state=str(JobState.WAITING), due_at=now, lease_until=None, attempts=job.attempts - 1)

    def park(self, job: Job, problem: str) -> None:
        """Keep the work for a person."""
        self._end(job, state=str(JobState.PARKED), lease_until=None, problem=problem)

    def parked(self, limit: int) -> list[Job]:
        """Return parked work, oldest first."""
        query = select(t.jobs).where(_C.state == str(JobState.PARKED), _known()).order_by(_C.id).limit(limit)
        return [_job(row, row.attempts, JobState.PARKED) for row in self._connection.execute(query)]

    def unpark(self, job_id: int, now: dt.datetime) -> bool:
        """Let parked work be tried again from the beginning; return whether there is such work."""
        done = self._connection.execute(
            update(t.jobs)
            .where(_C.id == job_id, _C.state == str(JobState.PARKED))
            .values(state=str(JobState.WAITING), attempts=0, due_at=now, problem=None)
        )
        return done.rowcount > 0

    def counts(self) -> dict[tuple[JobKind, JobState], int]:
        """Return how much work there is."""
        query = select(_C.kind, _C.state, func.count()).where(_known()).group_by(_C.kind, _C.state)
        return {(JobKind(kind), JobState(state)): count for kind, state, count in self._connection.execute(query)}

    def _end(self, job: Job, **values: Any) -> None:
        """Write how the work ended, unless another worker has taken it since."""
        self._connection.execute(update(t.jobs).where(_held(job)).values(**values))


def _known() -> ColumnElement[bool]:
    """Whether this version can do the work: a newer one beside it may have asked for more."""
    return _C.kind.in_([str(kind) for kind in JobKind])


def _takeable(kinds: Sequence[JobKind], now: dt.datetime) -> ColumnElement[bool]:
    """What a worker may take: due work, and work whose worker has gone silent."""
    due = and_(_C.state == str(JobState.WAITING), _C.due_at <= now)
    abandoned = and_(_C.state == str(JobState.RUNNING), _C.lease_until <= now)
    return and_(_C.kind.in_([str(kind) for kind in kinds]), or_(due, abandoned))


def _held(job: Job) -> ColumnElement[bool]:
    """Whether the worker that took the work still has it: whoever takes it again counts one more try."""
    return and_(_C.id == job.id, _C.attempts == job.attempts, _C.state == str(JobState.RUNNING))


def _job(row: Row[Any], attempts: int, state: JobState) -> Job:
    return Job(
        id=row.id,
        kind=JobKind(row.kind),
        record_id=RecordId(row.record_id),
        attempts=attempts,
        due_at=row.due_at,
        state=state,
        problem=row.problem,
    )
