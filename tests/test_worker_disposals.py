"""The worker and disposals: handed out, carried out and certified by itself; what is refused waits for a person."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from archive_service import worker as worker_module
from archive_service.lifecycle.disposal.read import show_disposal
from archive_service.model.archive import Rules
from archive_service.model.disposals import Disposal, ItemState
from archive_service.model.events import EventType
from archive_service.model.jobs import JobKind, JobState
from archive_service.worker import Worker
from retention.disposal import ProposalState
from tests.archives import TestArchive, open_test_archive
from tests.disposing import DAY, Disposals
from tests.test_worker import LEASE, MINUTE, after_try, counts, wait_for


@pytest.fixture
def ours(tmp_path: Path) -> Iterator[TestArchive]:
    """Give an archive that parks work after three tries."""
    with open_test_archive(tmp_path, Rules(job_attempts=3)) as opened:
        yield opened


@pytest.fixture
def people(ours: TestArchive) -> Disposals:
    """Give the archive with its schedule in force and a council."""
    people = Disposals(ours)
    people.prepare()
    return people


@pytest.fixture
def working(ours: TestArchive, monkeypatch: pytest.MonkeyPatch) -> Iterator[Worker]:
    """Give a worker that looks often, not yet started."""
    monkeypatch.setattr(worker_module, "IDLE_SECONDS", 0.005)
    monkeypatch.setattr(worker_module, "DISPOSAL_SECONDS", 0.02)
    worker = Worker(ours.archive, text_threads=1, lease=LEASE)
    yield worker
    worker.stop(10)


def state(ours: TestArchive, people: Disposals, disposal: Disposal) -> ProposalState:
    return show_disposal(ours.archive, people.approver, disposal.id).disposal.state


def test_what_was_approved_is_carried_out_and_certified_by_itself(
    ours: TestArchive, people: Disposals, working: Worker
) -> None:
    people.due(*range(5))
    disposal = people.approve(people.propose())
    working.start()
    wait_for(lambda: state(ours, people, disposal) is ProposalState.DONE)
    assert people.states(disposal) == [ItemState.DISPOSED] * 5
    assert ours.objects("records/") == []
    assert ours.archive.index.count() == 0
    assert len(ours.events(EventType.DISPOSAL_CERTIFIED)) == 1


def test_clocks_that_disagree_are_waited_for_without_end(ours: TestArchive, people: Disposals, working: Worker) -> None:
    people.due(1)
    disposal = people.approved()
    ours.store.clock_off_by = dt.timedelta(hours=1)
    working.start()
    for attempt in range(1, 6):
        job = after_try(ours, attempt, JobKind.DISPOSE)
        assert job.problem == "clocks-disagree"
        ours.clock.forward(job.due_at - ours.clock.now())
    assert people.states(disposal) == [ItemState.LISTED]
    ours.store.clock_off_by = dt.timedelta()
    ours.clock.forward(MINUTE)
    wait_for(lambda: state(ours, people, disposal) is ProposalState.DONE)


def test_a_short_lock_is_waited_for_until_it_ends(ours: TestArchive, people: Disposals, working: Worker) -> None:
    [record_id] = people.due(1)
    disposal = people.approved()
    stored, until = ours.get(record_id).original, ours.clock.now() + 3 * DAY
    ours.store.extend_lock(stored.key, stored.version, until)
    working.start()
    job = after_try(ours, 1, JobKind.DISPOSE)
    assert (job.due_at, job.problem) == (until, "locked")
    ours.clock.forward(3 * DAY)
    wait_for(lambda: state(ours, people, disposal) is ProposalState.DONE)


def test_what_the_store_refuses_is_tried_again_parked_and_goes_on_when_a_person_says_so(
    ours: TestArchive, people: Disposals, working: Worker
) -> None:
    [record_id] = people.due(1)
    disposal = people.approved()
    stored, put = ours.get(record_id).original, ours.store.put

    def put_and_hold(*said: Any) -> Any:
        """Hold the original as soon as its disposal has begun."""
        done = put(*said)
        if str(said[0]).startswith("tombstones/"):
            ours.store.set_hold(stored.key, stored.version, True)
        return done

    setattr(ours.store, "put", put_and_hold)  # noqa: B010
    working.start()
    for attempt in (1, 2):
        problem = after_try(ours, attempt, JobKind.DISPOSE).problem or ""
        assert problem.startswith("object-locked: records/")
        assert "is locked or under a legal hold" in problem
        ours.clock.forward(MINUTE)
    wait_for(lambda: counts(ours).get((JobKind.DISPOSE, JobState.PARKED)) == 1)
    assert people.states(disposal) == [ItemState.BEGUN]
    assert state(ours, people, disposal) is ProposalState.APPROVED
    setattr(ours.store, "put", put)  # noqa: B010
    ours.store.set_hold(stored.key, stored.version, False)
    [job] = ours.register.read(lambda u: u.jobs.parked(10))
    ours.register.write(lambda u: u.jobs.unpark(job.id, ours.clock.now()))
    wait_for(lambda: state(ours, people, disposal) is ProposalState.DONE)
    assert len(ours.events(EventType.DISPOSED)) == 1
