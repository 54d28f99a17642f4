"""Clocks that stand still until a test moves them."""

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


class Seconds:
    """Seconds that pass only while somebody waits for them, or when a test lets them."""

    def __init__(self) -> None:
        self._passed = 0.0

    def now(self) -> float:
        """Return how many have passed."""
        return self._passed

    def wait(self, seconds: float) -> None:
        """Let that many pass."""
        self._passed += seconds
