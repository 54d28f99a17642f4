"""A disposal carried out by a process of its own, so that it can be killed: ``python -m tests.faults.disposing NOW``.

It opens the archive of its environment as a worker does, with a clock that shows NOW, works off what is due, and ends.
With ARCHIVE_KILL_AT it ends by SIGKILL at that call.
"""

from __future__ import annotations

import datetime as dt
import sys
from collections.abc import Callable

from archive_service import bootstrap
from archive_service.lifecycle.disposal.execute import execute
from archive_service.lifecycle.disposal.finish import finish_disposals
from archive_service.lifecycle.index import index_records
from archive_service.model.archive import Archive
from archive_service.model.identifiers import RecordId
from archive_service.model.jobs import Job, JobKind
from archive_service.settings import Settings
from tests.journeys.fast_time import JourneyClock

# A worker that was killed holds its work for a minute; nobody waits for that here.
_LEASE = dt.timedelta(seconds=-1)


def carry_out(archive: Archive) -> None:
    """Do what workers do about approved disposals, until nothing is left to be done."""
    steps: dict[JobKind, Callable[[RecordId], object]] = {
        JobKind.DISPOSE: lambda one: execute(archive, one),
        JobKind.INDEX: lambda one: index_records(archive, [one]),
    }

    def take() -> list[Job]:
        now = archive.clock.now()
        return archive.register.write(lambda unit: unit.jobs.claim(list(steps), 1, now, now + _LEASE))

    finish_disposals(archive)
    while jobs := take():
        for job in jobs:
            steps[job.kind](job.record_id)
            archive.register.write(lambda unit, job=job: unit.jobs.done(job))  # type: ignore[misc]
    finish_disposals(archive)


def main() -> None:
    """Carry out what is due in the archive that the environment names."""
    clock = JourneyClock(dt.datetime.fromisoformat(sys.argv[1]), 0)
    setattr(bootstrap, "SystemClock", lambda: clock)  # noqa: B010  # this process has no other clock
    with bootstrap.open_archive(Settings(), pdf_processes=1) as archive:
        carry_out(archive)


if __name__ == "__main__":
    main()
