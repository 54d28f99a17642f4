"""An audit reads no faster than it was told to, whoever runs it."""

from __future__ import annotations

import dataclasses
import datetime as dt
from functools import partial
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from archive_service import worker as worker_module
from archive_service.lifecycle.audit.pace import SAVED_SECONDS, Pace
from archive_service.lifecycle.audit.run import AuditRequest, audit
from archive_service.worker import Worker
from tests.archives import TestArchive
from tests.fakes.clock import Seconds

RATE = 1000.0


def paced(sizes_and_pauses: list[tuple[int, float]]) -> list[tuple[float, int]]:
    """Return when each reading was let through, and how large it was; before each one there is a pause."""
    time, through = Seconds(), list[tuple[float, int]]()
    pace = Pace(RATE, time.now, time.wait)
    for size_bytes, pause in sizes_and_pauses:
        time.wait(pause)
        pace(size_bytes)
        through.append((time.now(), size_bytes))
    return through


def test_what_is_read_without_a_pause_takes_as_long_as_the_rate_says() -> None:
    assert [at for at, _ in paced([(500, 0.0)] * 5)] == pytest.approx([0.0, 0.5, 1.0, 1.5, 2.0])


def test_one_who_reads_slower_by_himself_is_never_kept_waiting() -> None:
    assert [at for at, _ in paced([(500, 0.6)] * 4)] == pytest.approx([0.6, 1.2, 1.8, 2.4])


def test_a_large_object_is_let_through_at_once_and_what_comes_next_waits_for_all_of_it() -> None:
    assert [at for at, _ in paced([(60_000, 0.0), (1, 0.0)])] == pytest.approx([0.0, 60.0])


def test_an_hour_in_which_nothing_was_read_is_not_made_up_for() -> None:
    (began, _), *rest = paced([(500, 0.0), (500, 3600.0), *[(500, 0.0)] * 6])
    at = [instant - 3600.0 - began for instant, _ in rest]
    assert at == pytest.approx([0.0, 0.0, 0.0, 0.5, 1.0, 1.5, 2.0]), "one second's worth at once, no more"


@given(st.lists(st.tuples(st.integers(0, 5000), st.floats(0, 20)), min_size=2, max_size=30))
def test_over_any_stretch_of_time_no_more_is_read_than_it_allows(readings: list[tuple[int, float]]) -> None:
    through = paced(readings)
    assert all(one[0] <= next_[0] for one, next_ in pairwise(through))
    for first in range(len(through)):
        for last in range(first + 1, len(through)):
            seconds = through[last][0] - through[first][0]
            begun_before_the_last = sum(size for _, size in through[first:last])
            assert begun_before_the_last <= RATE * (seconds + SAVED_SECONDS) + 1e-3


def test_every_byte_that_an_audit_reads_counts(ours: TestArchive) -> None:
    for number in range(5):
        ours.stored(number)
    listed = [one.stored.size_bytes for one in ours.store.list_under("records/")]
    time = Seconds()
    audit(ours.archive, AuditRequest(verify=True, pace=Pace(RATE, time.now, time.wait)))
    assert time.now() >= (sum(listed) - max(listed)) / RATE
    assert time.now() <= sum(listed) / RATE


def test_the_workers_audit_is_paced_as_the_settings_say(ours: TestArchive, monkeypatch: pytest.MonkeyPatch) -> None:
    ours.stored(1)
    ours.stored(2)
    ours.clock.forward(dt.timedelta(days=7))
    rules = dataclasses.replace(ours.archive.rules, audit_interval=dt.timedelta(days=7))
    due = dataclasses.replace(ours.archive, rules=rules)
    time = Seconds()
    monkeypatch.setattr(worker_module, "Pace", partial(Pace, now=time.now, wait=time.wait))
    worker = Worker(due, text_threads=1, lease=dt.timedelta(minutes=1), audit_bytes_per_second=RATE)
    worker._audit()
    listed = [one.stored.size_bytes for one in ours.store.list_under("records/")]
    assert ours.objects("audits/")
    assert time.now() >= (sum(listed) - max(listed)) / RATE
