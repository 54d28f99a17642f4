"""Telling the operator of disposals: what is stuck, what is not certified, and clocks that keep all of them waiting."""

from __future__ import annotations

import datetime as dt

import pytest

from archive_service.errors import Conflict, Message, Misconfigured
from archive_service.lifecycle.diagnose import check_disposals
from archive_service.lifecycle.disposal.execute import execute
from archive_service.lifecycle.disposal.finish import finish_disposals
from archive_service.model.paper import Paper
from archive_service.model.ports import ProofResult, Reception
from tests.archives import TestArchive
from tests.disposing import DAY, Disposals

P, F, I = ProofResult.PASSED, ProofResult.FAILED, ProofResult.INDETERMINATE  # noqa: E741
MINUTE = dt.timedelta(minutes=1)


@pytest.fixture
def people(ours: TestArchive) -> Disposals:
    """Give the archive with its schedule in force and a council."""
    people = Disposals(ours)
    people.prepare()
    return people


def results(ours: TestArchive) -> list[ProofResult]:
    return [one.result for one in check_disposals(ours.archive)]


def test_all_is_well_before_while_and_after(ours: TestArchive, people: Disposals) -> None:
    assert results(ours) == [P, P, P]
    people.due(1, 2)
    people.approved()
    records, certificates, _ = check_disposals(ours.archive)
    assert (records.result, records.explanation) == (P, "none is stuck, 2 are to be disposed of")
    assert certificates.explanation == "none is owed, 1 disposals are under way"
    people.finish()
    ours.clock.forward(2 * DAY)
    assert results(ours) == [P, P, P]


def test_parked_work_is_told_with_where_its_reason_stands(ours: TestArchive, people: Disposals) -> None:
    people.due(1)
    people.approved()
    [job] = people.jobs()
    ours.register.write(lambda u: u.jobs.park(job, "object-locked: …"))
    told = check_disposals(ours.archive)[0]
    assert (told.name, told.result) == ("disposals: records", F)
    assert "1 wait for a person" in told.explanation
    assert "archive-service jobs list" in told.explanation


def test_a_deletion_that_began_a_day_ago_is_told(ours: TestArchive, people: Disposals) -> None:
    [record_id] = people.due(1)
    people.approved()
    refused = Conflict(Message("locked", "đang khoá"))

    def refuse(key: str, version: str) -> None:
        raise refused

    ours.store.delete = refuse  # type: ignore[method-assign]
    with pytest.raises(Conflict):
        execute(ours.archive, record_id)
    ours.clock.forward(DAY - MINUTE)
    assert results(ours)[0] is P
    ours.clock.forward(MINUTE)
    told = check_disposals(ours.archive)[0]
    assert (told.result, "the deletion of 1 began more than a day ago" in told.explanation) == (F, True)


def test_a_disposal_that_is_done_and_not_certified_is_told(ours: TestArchive, people: Disposals) -> None:
    people.due(1)
    disposal = people.approved()
    ours.work()
    expired = Misconfigured(Message("expired", "hết hạn"))

    def refuse(paper: Paper, out: Reception) -> None:
        raise expired

    ours.sealer.seal_paper = refuse  # type: ignore[method-assign]
    with pytest.raises(Misconfigured):
        finish_disposals(ours.archive)
    assert results(ours)[1] is P
    ours.clock.forward(DAY)
    told = check_disposals(ours.archive)[1]
    assert (told.result, disposal.id in told.explanation) == (F, True)


def test_the_clocks_of_host_and_store_are_compared(ours: TestArchive) -> None:
    bound = ours.archive.rules.store_clock_bound
    ours.store.clock_off_by = bound
    assert results(ours)[2] is P
    ours.store.clock_off_by = -bound - dt.timedelta(seconds=1)
    told = check_disposals(ours.archive)[2]
    assert (told.result, "nothing is disposed of until they agree" in told.explanation) == (F, True)


def test_what_cannot_be_told_is_not_a_failure(ours: TestArchive) -> None:
    ours.faults.down.add("register")
    assert results(ours) == [I, I, P]
    ours.faults.down.add("store")
    assert results(ours) == [I, I, I]
