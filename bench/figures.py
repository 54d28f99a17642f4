"""A figure: two measured things, their ratio and the ratio that is wanted; and the one table they are shown in."""

from __future__ import annotations

import json
import statistics
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table

from bench.machine import load_average


@dataclass(frozen=True, slots=True)
class Target:
    """What a ratio must be: at least or at most ``value``."""

    value: float
    at_least: bool = True

    def met_by(self, ratio: float) -> bool:
        """Whether the ratio is good enough.

        >>> Target(0.5).met_by(0.6), Target(2.0, at_least=False).met_by(2.5)
        (True, False)
        """
        return ratio >= self.value if self.at_least else ratio <= self.value

    def __str__(self) -> str:
        return f"{'≥' if self.at_least else '≤'} {self.value:g}"


@dataclass(frozen=True, slots=True)
class Figure:
    """One row of the table. ``numerator`` and ``denominator`` carry what they are and their unit in ``unit``.

    A limit that is no ratio (seconds, bytes) has the limit's own unit as denominator 1. ``load`` is the machine's load
    average of the last minute when the figure was taken; ``note`` says what a reader must know.
    """

    name: str
    numerator: float
    denominator: float
    unit: str
    target: Target | None
    note: str = ""
    load: float = -1.0

    @property
    def ratio(self) -> float:
        """Numerator by denominator."""
        return self.numerator / self.denominator if self.denominator else float("inf")

    @property
    def met(self) -> bool | None:
        """Whether the target is met; None where the figure is for information only."""
        return None if self.target is None else self.target.met_by(self.ratio)

    def __str__(self) -> str:
        """The figure on one line, for whoever waits for the table."""
        return f"{self.name}: {self.numerator:.4g} / {self.denominator:.4g} = {self.ratio:.3f} ({self.target or '–'})"


def figure(name: str, pair: tuple[float, float], unit: str, target: Target | None = None, note: str = "") -> Figure:
    """Return a figure with the load average of this moment."""
    return Figure(name, pair[0], pair[1], unit, target, note, load_average())


def in_turn(rounds: int, *measures: Callable[[], float]) -> tuple[float, ...]:
    """Run the measures one after another, ``rounds`` times over, and return the median of each.

    In turn, so that whatever else the machine does meets each of them alike.
    """
    taken: list[list[float]] = [[] for _ in measures]
    for _ in range(rounds):
        for measure, values in zip(measures, taken, strict=True):
            values.append(measure())
    return tuple(statistics.median(values) for values in taken)


def percentile(values: Sequence[float], share: float) -> float:
    """Return the value that ``share`` of the values do not exceed.

    >>> percentile([3.0, 1.0, 2.0, 4.0], 0.5)
    2.0
    """
    ordered = sorted(values)
    return ordered[max(0, min(len(ordered) - 1, round(share * len(ordered)) - 1))]


def show(figures: Iterable[Figure]) -> None:
    """Print the table."""
    table = Table(title=None, show_lines=False)
    for heading in ("figure", "numerator", "denominator", "ratio", "target", "met", "load", "unit, note"):
        table.add_column(heading, justify="left" if heading in ("figure", "unit, note") else "right")
    words = {True: "yes", False: "NO", None: "–"}
    for one in figures:
        table.add_row(
            one.name,
            f"{one.numerator:.4g}",
            f"{one.denominator:.4g}",
            f"{one.ratio:.3f}",
            str(one.target or "–"),
            words[one.met],
            f"{one.load:.1f}",
            " · ".join(part for part in (one.unit, one.note) if part),
        )
    Console(width=200).print(table)


def keep(figures: Sequence[Figure], path: Path) -> None:
    """Write the figures as JSON."""
    path.parent.mkdir(parents=True, exist_ok=True)
    rows = [asdict(one) | {"ratio": one.ratio, "met": one.met} for one in figures]
    path.write_text(json.dumps(rows, ensure_ascii=False, indent=1, default=str) + "\n", encoding="utf-8")
