"""A lock only ever gets longer, and is never shorter than what was asked for."""

from __future__ import annotations

import datetime as dt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from retention.locks import longer_lock, needs_renewal, quarantine_lock_until

# A century on each side of now, so that no sum leaves the calendar.
INSTANTS = st.timedeltas(dt.timedelta(days=-36525), dt.timedelta(days=36525)).map(
    lambda away: dt.datetime(2026, 1, 1, tzinfo=dt.UTC) + away
)
DAYS = st.integers(1, 3650)


@given(INSTANTS, DAYS)
def test_a_first_lock_is_at_least_as_long_as_asked_by_less_than_a_second(stored_at: dt.datetime, days: int) -> None:
    until = quarantine_lock_until(stored_at, days)
    asked = stored_at + dt.timedelta(days=days)
    assert asked <= until < asked + dt.timedelta(seconds=1)
    assert until.microsecond == 0
    assert until.tzinfo is stored_at.tzinfo


@pytest.mark.parametrize("days", [0, -1])
def test_a_first_lock_lasts_at_least_a_day(days: int) -> None:
    with pytest.raises(ValueError, match=r"^a quarantine lock lasts at least one day$"):
        quarantine_lock_until(dt.datetime(2026, 1, 1, tzinfo=dt.UTC), days)


@given(st.none() | INSTANTS, INSTANTS)
def test_of_two_locks_the_later_one_stands(current: dt.datetime | None, wanted: dt.datetime) -> None:
    lock = longer_lock(current, wanted)
    assert lock >= wanted
    assert current is None or lock >= current
    assert lock in {current, wanted}


@given(INSTANTS, st.lists(INSTANTS, max_size=8))
def test_whatever_is_asked_in_whatever_order_a_lock_never_gets_shorter(
    first: dt.datetime, asked: list[dt.datetime]
) -> None:
    lock = first
    for wanted in asked:
        longer = longer_lock(lock, wanted)
        assert longer >= lock
        lock = longer
    assert lock == max([first, *asked])


@given(INSTANTS, DAYS)
def test_a_lock_is_renewed_in_its_second_half_and_never_anew_at_once(stored_at: dt.datetime, days: int) -> None:
    until, half = quarantine_lock_until(stored_at, days), dt.timedelta(days=days) / 2
    assert not needs_renewal(until, stored_at, days)
    assert not needs_renewal(until, until - half, days)
    assert needs_renewal(until, until - half + dt.timedelta(seconds=1), days)
    assert needs_renewal(until, until + dt.timedelta(days=1), days)
