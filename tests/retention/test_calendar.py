"""A day begins at midnight of the archive's place, not of UTC."""

from __future__ import annotations

import datetime as dt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from retention.calendar import clocks_agree, day_of, end_of_day

UTC = dt.UTC


@pytest.mark.parametrize(
    ("instant", "day"),
    [
        (dt.datetime(2026, 2, 28, 16, 59, 59, 999999, UTC), dt.date(2026, 2, 28)),
        (dt.datetime(2026, 2, 28, 17, 0, 0, 0, UTC), dt.date(2026, 3, 1)),
        (dt.datetime(2026, 12, 31, 23, 30, 0, 0, dt.timezone(dt.timedelta(hours=7))), dt.date(2026, 12, 31)),
    ],
)
def test_midnight_is_in_indochina_time(instant: dt.datetime, day: dt.date) -> None:
    assert day_of(instant) == day


def test_a_naive_instant_falls_on_no_day() -> None:
    with pytest.raises(ValueError, match=r"^an instant without a time zone falls on no day$"):
        day_of(dt.datetime(2026, 1, 1))  # noqa: DTZ001  # that is the fault


@given(st.dates(dt.date(1900, 1, 1), dt.date(9998, 12, 31)))
def test_a_day_ends_where_the_next_begins(day: dt.date) -> None:
    end = end_of_day(day)
    assert day_of(end) == day + dt.timedelta(days=1)
    assert day_of(end - dt.timedelta(microseconds=1)) == day
    assert end.tzinfo is UTC


def test_the_last_day_of_all_ends_at_the_last_instant() -> None:
    assert end_of_day(dt.date.max) == dt.datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)


def test_clocks_agree_within_the_bound_whichever_is_ahead() -> None:
    noon, bound = dt.datetime(2026, 1, 1, 12, tzinfo=UTC), dt.timedelta(minutes=5)
    for sign in (1, -1):
        assert clocks_agree(noon, noon + sign * bound, bound)
        assert not clocks_agree(noon, noon + sign * (bound + dt.timedelta(seconds=1)), bound)
