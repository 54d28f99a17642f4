"""How long: permanent, or a number of whole years or months, and the arithmetic of days.

Where the calendar leaves a choice (a month without that day, a leap day), the later day is taken: what is kept a day
too long does no harm, what is let go a day too early does.
"""

from __future__ import annotations

import calendar
import datetime as dt
import re
from dataclasses import dataclass

LONGEST_YEARS = 200
"""No schedule that was ever seen counts longer; a larger number is a slip of the hand. For ever is ``permanent``."""

PERMANENT_WORD = "permanent"

_COUNTED = re.compile(r"([0-9]{1,6}) (year|month)s?")


@dataclass(frozen=True, slots=True)
class Period:
    """A retention period in months; None is permanent."""

    months: int | None

    @property
    def is_permanent(self) -> bool:
        """Whether the period never ends."""
        return self.months is None

    def __str__(self) -> str:
        if self.months is None:
            return PERMANENT_WORD
        count, unit = (self.months // 12, "year") if self.months % 12 == 0 else (self.months, "month")
        return f"{count} {unit}" if count == 1 else f"{count} {unit}s"


PERMANENT = Period(None)


def parse_period(text: str) -> Period:
    """Return the period that a schedule states: ``permanent``, ``10 years`` or ``18 months``.

    Raises ValueError that says what is wrong, also for none at all and for more than LONGEST_YEARS.

    >>> str(parse_period("10 years")), parse_period("18 months").months, parse_period("permanent").is_permanent
    ('10 years', 18, True)
    """
    if text == PERMANENT_WORD:
        return PERMANENT
    counted = _COUNTED.fullmatch(text)
    if counted is None:
        raise ValueError(f"a period is permanent, a number of years or a number of months, not {text!r}")
    months = int(counted[1]) * (12 if counted[2] == "year" else 1)
    if months == 0:
        raise ValueError("a period has at least one month")
    if months > LONGEST_YEARS * 12:
        raise ValueError(f"a period has at most {LONGEST_YEARS} years; write permanent for what is kept for ever")
    return Period(months)


def end_of_period(start: dt.date, months: int, *, year_end: bool) -> dt.date:
    """Return the last day of a period that begins on ``start``; with ``year_end`` the last day of that year.

    A later start never gives an earlier end. A day that the last month has not becomes the first of the next month.

    >>> end_of_period(dt.date(2024, 2, 29), 12, year_end=False).isoformat()
    '2025-03-01'
    >>> end_of_period(dt.date(2021, 3, 1), 120, year_end=True).isoformat()
    '2031-12-31'
    """
    months_from_zero = start.year * 12 + (start.month - 1) + months
    year, month = divmod(months_from_zero, 12)
    month += 1
    if year > dt.MAXYEAR:
        return dt.date.max
    if year_end:
        return dt.date(year, 12, 31)
    if start.day <= calendar.monthrange(year, month)[1]:
        return dt.date(year, month, start.day)
    return dt.date(year, month + 1, 1)
