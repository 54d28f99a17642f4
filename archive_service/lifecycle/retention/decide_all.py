"""Deciding on every record again, after what may bear on all: a schedule, an office tree, a hold on a condition.

Records are streamed in id order, and where the run stands is written with each batch: it resumes after any stop,
several workers share it, and memory does not grow. Only a record that stands otherwise than is written becomes
follow-up work.
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial

from archive_service.lifecycle.retention.asking import RUN, Run, latest_run, times_asked_for_all
from archive_service.lifecycle.retention.judge import Judge
from archive_service.model.archive import Archive
from archive_service.model.identifiers import RecordId
from archive_service.model.jobs import JobKind
from archive_service.model.record import Record, RecordState
from archive_service.model.retention import standing_of
from archive_service.model.units import RegisterUnit
from archive_service.model.units.records import RecordSelection
from retention.calendar import day_of

# Records decided on in one transaction.
BATCH = 500


def decide_all(archive: Archive) -> Run | None:
    """Go on with the run, begin one where it is due, and return it after one batch; None when there is nothing to do.

    A run is due when another schedule decides than the latest run was made by, which a day alone may bring about, or
    when one was asked for since. Idempotent; may run on several hosts at once. Raises Unavailable.
    """
    batch = archive.register.read(partial(_look, archive))
    return None if batch is None else archive.register.write(partial(_keep, batch, archive.clock.now()))


@dataclass(frozen=True, slots=True)
class _Batch:
    """What some records give: the run before and after them, and those that stand otherwise than is written."""

    before: Run | None
    after: Run
    changed: tuple[RecordId, ...]


def _look(archive: Archive, unit: RegisterUnit) -> _Batch | None:
    """Decide on the next records, without keeping deposits from being written."""
    before, now = latest_run(unit), archive.clock.now()
    adopted = unit.schedules.deciding(day_of(now))
    wanted = (0 if adopted is None else adopted.number, times_asked_for_all(unit))
    run = before
    # By another schedule what was decided so far is worth nothing; what was asked for meanwhile waits for its own run.
    if run is None or run.schedule != wanted[0] or (run.ended_at is not None and run.asked != wanted[1]):
        run = Run(*wanted, None, 0, unit.records.count(RecordState.STORED), 0, now.isoformat(), None)
    elif run.ended_at is not None:
        return None
    records = unit.records.select(RecordSelection(None, RecordState.STORED, after=run.after, limit=BATCH))
    if not records:
        return _Batch(before, replace(run, ended_at=now.isoformat()), ())
    changed = tuple(_changed(unit, records, now))
    done = run.done + len(records)
    run = replace(run, after=records[-1].id, done=done, total=max(run.total, done), changed=run.changed + len(changed))
    return _Batch(before, run, changed)


def _changed(unit: RegisterUnit, records: Sequence[Record], now: dt.datetime) -> Iterator[RecordId]:
    """Yield the records that stand otherwise than is written, or of which nothing is written."""
    written = unit.standings.get_many([record.id for record in records])
    for record_id, decision in Judge.of(unit, day_of(now)).decisions(unit, records).items():
        known = written.get(record_id)
        if known is None or not standing_of(record_id, decision, now, None).same_as(known):
            yield record_id


def _keep(batch: _Batch, now: dt.datetime, unit: RegisterUnit) -> Run | None:
    """Write how far the run is, unless another worker has gone on with it meanwhile."""
    unit.progress.serialise(RUN)
    here = latest_run(unit)
    if here != batch.before:
        return here
    unit.jobs.add_many(JobKind.RETAIN, batch.changed, now)
    unit.progress.put(RUN, json.dumps(asdict(batch.after)))
    return batch.after
