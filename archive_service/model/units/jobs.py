"""The ports to follow-up work, and to where long runs stand.

Every method takes part in the transaction it was reached through; none commits.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import Protocol

from archive_service.model.identifiers import RecordId
from archive_service.model.jobs import Job, JobKind, JobState


class Jobs(Protocol):
    """Follow-up work."""

    def add(self, kind: JobKind, record_id: RecordId, due_at: dt.datetime) -> None:
        """Ask for work on a record; the same kind still waiting for the record is not doubled."""
        ...

    def add_many(self, kind: JobKind, record_ids: Sequence[RecordId], due_at: dt.datetime) -> None:
        """Ask for work on several records, each named once, as ``add`` does for one."""
        ...

    def any_due(self, kinds: Sequence[JobKind], now: dt.datetime) -> bool:
        """Whether there is work to take: asked often, so it only reads."""
        ...

    def claim(self, kinds: Sequence[JobKind], limit: int, now: dt.datetime, lease_until: dt.datetime) -> list[Job]:
        """Take due work for this worker until the lease ends; work whose lease has run out is taken again.

        No two workers get the same piece. INDEX, RETAIN: oldest due first. Other kinds: depositors take turns, the one
        with the least running work first; of one depositor's, oldest due first.
        """
        ...

    def renew(self, jobs: Sequence[Job], lease_until: dt.datetime) -> None:
        """Let this worker keep the work it is doing until the lease ends.

        This and every method by which work ends passes over work that another worker has taken since.
        """
        ...

    def done(self, job: Job) -> None:
        """Remove the finished work, unless it was asked for again while it ran."""
        ...

    def retry(self, job: Job, due_at: dt.datetime, problem: str) -> None:
        """Give the work back, to be tried again at ``due_at``."""
        ...

    def give_back(self, job: Job, now: dt.datetime) -> None:
        """Give the work back untried: it is due at once and the try is not counted."""
        ...

    def park(self, job: Job, problem: str) -> None:
        """Keep the work for a person to look at."""
        ...

    def parked(self, limit: int) -> list[Job]:
        """Return parked work, oldest first."""
        ...

    def unpark(self, job_id: int, now: dt.datetime) -> bool:
        """Let parked work be tried again from the beginning; return whether there is such work."""
        ...

    def counts(self) -> dict[tuple[JobKind, JobState], int]:
        """Return how much work there is, by kind and state."""
        ...


class Progress(Protocol):
    """Where a long run stands, by its name, so that it resumes after a stop."""

    def get(self, name: str) -> str | None:
        """Return what was saved under the name."""
        ...

    def put(self, name: str, value: str) -> None:
        """Save where the run stands."""
        ...

    def serialise(self, name: str) -> None:
        """Let no other transaction that asks the same go on with the name until this one ends."""
        ...

    def clear(self, name: str) -> None:
        """Forget the run: it ended."""
        ...
