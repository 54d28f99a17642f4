"""A clock that stands still until a test moves it."""

from __future__ import annotations

import datetime as dt

START = dt.datetime(2026, 11, 23, 1, 30, tzinfo=dt.UTC)


class MovableClock:
    """Says the same instant until it is moved."""

    def __init__(self, now: dt.datetime = START) -> None:
        self._now = now

    def now(self) -> dt.datetime:
        """Return the instant it was last moved to."""
        return self._now

    def forward(self, by: dt.timedelta) -> None:
        """Let that much time pass."""
        self._now += by
