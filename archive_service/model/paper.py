"""A document that the archive itself issues: a report or a certificate, printed and sealed."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class PaperTable:
    """A table with a caption; every row has as many cells as there are headings. ``widths`` are shares of the page."""

    caption: str
    headings: tuple[str, ...]
    widths: tuple[float, ...]
    rows: tuple[tuple[str, ...], ...]


@dataclass(frozen=True, slots=True)
class Paper:
    """What is printed, in order: title, number and time, facts as pairs, tables, and closing sentences."""

    title: str
    subtitle: str
    number: str
    at: dt.datetime
    facts: tuple[tuple[str, str], ...]
    tables: tuple[PaperTable, ...] = ()
    closing: tuple[str, ...] = ()
