"""Periods are what a schedule states, and their ends never come too early."""

from __future__ import annotations

import datetime as dt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from retention.periods import LONGEST_YEARS, PERMANENT, Period, end_of_period, parse_period

DAYS = st.dates(dt.date(1900, 1, 1), dt.date(2200, 12, 31))
MONTHS = st.integers(1, LONGEST_YEARS * 12)


@pytest.mark.parametrize(
    ("text", "months"),
    [("10 years", 120), ("1 year", 12), ("18 months", 18), ("1 month", 1), ("200 years", 2400), ("permanent", None)],
)
def test_a_period_is_read_as_it_is_written(text: str, months: int | None) -> None:
    assert parse_period(text) == Period(months)
    assert parse_period(str(Period(months))) == Period(months)


@pytest.mark.parametrize(
    "text",
    ["", "10", "years", "-1 years", "0 years", "0 months", "1.5 years", "10 yrs", "10  years", " 10 years", "10 years ",
     "201 years", "2401 months", "9999999 years", "Permanent", "for ever", "١٠ years"],
)  # fmt: skip
def test_what_is_no_period_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="a period"):
        parse_period(text)


def test_the_longest_period_is_told() -> None:
    with pytest.raises(ValueError, match="at most 200 years"):
        parse_period("201 years")
    with pytest.raises(ValueError, match="at least one month"):
        parse_period("0 years")


@pytest.mark.parametrize(
    ("months", "words"), [(1, "1 month"), (12, "1 year"), (24, "2 years"), (25, "25 months"), (None, "permanent")]
)
def test_a_period_is_shown_in_years_where_it_has_whole_ones(months: int | None, words: str) -> None:
    assert str(Period(months)) == words
    assert Period(months).is_permanent is (months is None)
    assert PERMANENT.is_permanent


@pytest.mark.parametrize(
    ("start", "months", "year_end", "end"),
    [
        ((2021, 3, 1), 120, False, (2031, 3, 1)),
        ((2021, 3, 1), 120, True, (2031, 12, 31)),
        ((2021, 12, 31), 12, True, (2022, 12, 31)),
        ((2024, 2, 29), 12, False, (2025, 3, 1)),
        ((2024, 2, 29), 48, False, (2028, 2, 29)),
        ((2026, 1, 31), 1, False, (2026, 3, 1)),
        ((2026, 1, 29), 1, False, (2026, 3, 1)),
        ((2026, 1, 28), 1, False, (2026, 2, 28)),
        ((2026, 10, 31), 1, False, (2026, 12, 1)),
        ((2026, 11, 30), 1, False, (2026, 12, 30)),
        ((2026, 12, 1), 1, False, (2027, 1, 1)),
        ((2026, 11, 30), 13, True, (2027, 12, 31)),
    ],
)
def test_a_period_ends_on_its_day_or_the_next_there_is(
    start: tuple[int, int, int], months: int, year_end: bool, end: tuple[int, int, int]
) -> None:
    assert end_of_period(dt.date(*start), months, year_end=year_end) == dt.date(*end)


@pytest.mark.parametrize("year_end", [True, False])
def test_what_ends_after_the_calendar_never_ends(year_end: bool) -> None:
    assert end_of_period(dt.date(9999, 1, 1), 12, year_end=year_end) == dt.date.max
    assert end_of_period(dt.date(9998, 6, 1), 12, year_end=False) == dt.date(9999, 6, 1)


@given(DAYS, DAYS, MONTHS, st.booleans())
def test_a_later_start_never_ends_earlier(one: dt.date, other: dt.date, months: int, year_end: bool) -> None:
    earlier, later = sorted((one, other))
    assert end_of_period(earlier, months, year_end=year_end) <= end_of_period(later, months, year_end=year_end)


@given(DAYS, MONTHS, st.booleans())
def test_a_longer_period_never_ends_earlier_and_rounding_never_shortens(
    start: dt.date, months: int, year_end: bool
) -> None:
    end = end_of_period(start, months, year_end=year_end)
    assert end > start
    assert end_of_period(start, months + 1, year_end=year_end) >= end
    assert end_of_period(start, months, year_end=True) >= end
