"""Reports as tables: the same rows as JSON, as CSV for a spreadsheet, and as the bars of a chart.

Names in both languages; no subject is ever in them.
"""

from __future__ import annotations

import csv
import datetime as dt
import io
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from archive_service.api.chart import Bar, Chart, chart_svg
from archive_service.lifecycle.disposal.report import DisposalsReport, EndedDisposals
from archive_service.lifecycle.retention.report import Counted, Counts, HeldReport, OverdueReviews
from retention.calendar import day_of
from retention.decide import RetentionState
from retention.holds import HoldScope
from retention.reasons import action_words, shown_day, state_words
from retention.schedule import Action, RetentionClass
from retention.triggers import Words

Value = str | int | None


class Kind(StrEnum):
    """What the values of a column are."""

    TEXT = "text"
    COUNT = "count"
    BYTES = "bytes"
    DAY = "day"
    STATE = "state"
    ACTION = "action"
    DONE = "done"
    SCOPE = "scope"


@dataclass(frozen=True, slots=True)
class Column:
    """A column: its name in the rows, its title, and what its values are."""

    name: str
    en: str
    vi: str
    kind: Kind = Kind.TEXT


@dataclass(frozen=True, slots=True)
class Report:
    """A report: rows of values by column name, what they sum up to, and bars whose values are ``unit``."""

    name: str
    title: Words
    as_of: dt.date
    columns: tuple[Column, ...]
    rows: tuple[Mapping[str, Value], ...]
    bars: tuple[Bar, ...]
    unit: Kind | None
    unit_words: Words
    total: Mapping[str, int] = field(default_factory=dict)


_MONTH = Column("month", "Month due", "Tháng đến hạn")
_YEAR = Column("year", "Year due", "Năm đến hạn")
_CLASS = (
    Column("class", "Class", "Nhóm thời hạn"),
    Column("class_vi", "Class title in Vietnamese", "Tên nhóm"),
    Column("class_en", "Class title in English", "Tên nhóm (tiếng Anh)"),
    Column("action", "Then", "Xử lý khi đến hạn", Kind.ACTION),
    Column("state", "State", "Trạng thái", Kind.STATE),
)
_AMOUNTS = (
    Column("records", "Records", "Số tài liệu", Kind.COUNT),
    Column("size_bytes", "Bytes", "Dung lượng (byte)", Kind.BYTES),
    Column("held_records", "Of these held", "Trong đó đang bị giữ", Kind.COUNT),
)

_RECORDS, _BYTES, _DAYS = (
    Words("records", "số tài liệu"),
    Words("bytes", "dung lượng"),
    Words("days overdue", "số ngày quá hạn"),
)
# What was done, where ``action_words`` say what is proposed.
_DONE = {
    Action.DESTROY: Words("destroyed", "đã tiêu huỷ"),
    Action.TRANSFER: Words("handed over", "đã giao nộp"),
    Action.REVIEW: Words("reviewed", "đã xem xét"),
}
_SCOPES = {
    HoldScope.RECORD: Words("record", "tài liệu"),
    HoldScope.SUBJECT: Words("subject", "chủ thể"),
    HoldScope.DOSSIER: Words("dossier", "hồ sơ"),
    HoldScope.OFFICE: Words("office", "cơ quan"),
    HoldScope.CONDITION: Words("condition", "điều kiện"),
}


def due_report(found: Counts) -> Report:
    """Return what is due by month and class, and what becomes so within a year."""
    rows = tuple({"month": f"{one.year:04}-{one.month:02}", **_counted(one)} for one in found.rows)
    return Report(
        "due",
        Words("Records due, and due within a year", "Tài liệu đến hạn và sẽ đến hạn trong một năm"),
        found.as_of,
        (_MONTH, *_CLASS, *_AMOUNTS),
        rows,
        _bars(found.rows, lambda one: f"{one.month:02}/{one.year:04}", lambda one: one.records),
        Kind.COUNT,
        _RECORDS,
        _sums(rows),
    )


def forecast_report(found: Counts) -> Report:
    """Return when bytes become due by year and class, how many remain kept then, and what is kept without a day."""
    remaining = _remaining(found.rows)
    rows = tuple(
        {"year": one.year, **_counted(one), "remaining_bytes": left}
        for one, left in zip(found.rows, remaining, strict=True)
    )
    left_column = Column(
        "remaining_bytes", "Bytes kept after that year", "Dung lượng còn bảo quản sau năm đó (byte)", Kind.BYTES
    )
    return Report(
        "forecast",
        Words("Bytes that become due, by year", "Dung lượng đến hạn theo năm"),
        found.as_of,
        (_YEAR, *_CLASS, *_AMOUNTS, left_column),
        rows,
        _bars(found.rows, _year_or_state, lambda one: one.size_bytes),
        Kind.BYTES,
        _BYTES,
        _sums(rows),
    )


def held_report(found: HeldReport) -> Report:
    """Return how many records are held, by owner and scope of the holds."""
    columns = (
        Column("owner", "Owner of the holds", "Đơn vị yêu cầu giữ"),
        Column("scope", "Scope", "Phạm vi", Kind.SCOPE),
        Column("holds", "Holds", "Số lệnh giữ", Kind.COUNT),
        _AMOUNTS[0],
        _AMOUNTS[1],
        Column("review_on", "Next review", "Ngày xem xét gần nhất", Kind.DAY),
    )
    rows: tuple[Mapping[str, Value], ...] = tuple(
        {
            "owner": one.owner,
            "scope": str(one.scope),
            "holds": one.holds,
            "records": one.records,
            "size_bytes": one.size_bytes,
            "review_on": one.review_on.isoformat(),
        }
        for one in found.rows
    )
    bars = tuple(Bar(f"{one.owner} · {_SCOPES[one.scope].vi}", ((_RECORDS.vi, one.records),)) for one in found.rows)
    total = {"held_records": found.held.records, "held_bytes": found.held.size_bytes}
    return Report(
        "held",
        Words("Records held, by owner and scope of the holds", "Tài liệu đang bị giữ theo đơn vị yêu cầu và phạm vi"),
        found.as_of,
        columns,
        rows,
        bars,
        Kind.COUNT,
        _RECORDS,
        total,
    )


def reviews_report(found: OverdueReviews) -> Report:
    """Return the holds that somebody should have looked at."""
    columns = (
        Column("hold", "Hold", "Lệnh giữ"),
        Column("owner", "Owner", "Đơn vị yêu cầu giữ"),
        Column("scope", "Scope", "Phạm vi", Kind.SCOPE),
        Column("legal_reference", "Legal reference", "Căn cứ"),
        Column("office", "Placed by office", "Cơ quan ban hành"),
        Column("placed_on", "Placed on", "Ngày ban hành", Kind.DAY),
        Column("review_on", "Review was due on", "Ngày phải xem xét", Kind.DAY),
        Column("days_overdue", "Days overdue", "Số ngày quá hạn", Kind.COUNT),
    )
    rows: tuple[Mapping[str, Value], ...] = tuple(
        {
            "hold": one.hold.id,
            "owner": one.hold.owner,
            "scope": str(one.hold.scope),
            "legal_reference": one.hold.legal_reference,
            "office": one.office,
            "placed_on": day_of(one.placed_at).isoformat(),
            "review_on": one.hold.review_on.isoformat(),
            "days_overdue": (found.as_of - one.hold.review_on).days,
        }
        for one in found.rows
    )
    bars = tuple(
        Bar(f"{one.hold.owner} · {one.hold.legal_reference}", ((_DAYS.vi, (found.as_of - one.hold.review_on).days),))
        for one in found.rows
    )
    title = Words("Holds whose review is overdue", "Lệnh giữ quá hạn xem xét")
    return Report("reviews", title, found.as_of, columns, rows, bars, None, _DAYS, {"holds": len(rows)})


def disposals_report(found: DisposalsReport) -> Report:
    """Return how many records are gone by disposals, were kept, or taken out, by month of their certificates."""
    outcomes = (("disposed", "Gone", "Đã xử lý"), ("kept", "Kept", "Giữ lại"), ("excepted", "Taken out", "Loại ra"))
    columns = (
        Column("month", "Month", "Tháng"),
        Column("action", "How", "Hình thức", Kind.DONE),
        Column("proposals", "Proposals", "Số đề nghị", Kind.COUNT),
        *(
            column
            for name, en, vi in outcomes
            for column in (
                Column(f"{name}_records", en, vi, Kind.COUNT),
                Column(f"{name}_bytes", f"{en}, bytes", f"{vi} (byte)", Kind.BYTES),
            )
        ),
    )
    rows: tuple[Mapping[str, Value], ...] = tuple(_ended(one) for one in found.rows)
    bars = tuple(
        Bar(f"{one.month:%m/%Y} · {_DONE[one.action].vi}", ((_RECORDS.vi, one.disposed.records),)) for one in found.rows
    )
    names = [column.name for column in columns if column.kind in {Kind.COUNT, Kind.BYTES}]
    return Report(
        "disposals",
        Words("Records disposed of, by month", "Tài liệu đã huỷ, giao nộp theo tháng"),
        found.as_of,
        columns,
        rows,
        bars,
        Kind.COUNT,
        _RECORDS,
        {name: sum(value for row in rows if isinstance(value := row[name], int)) for name in names},
    )


def _ended(one: EndedDisposals) -> dict[str, Value]:
    return {
        "month": f"{one.month:%Y-%m}",
        "action": str(one.action),
        "proposals": one.proposals,
        "disposed_records": one.disposed.records,
        "disposed_bytes": one.disposed.size_bytes,
        "kept_records": one.kept.records,
        "kept_bytes": one.kept.size_bytes,
        "excepted_records": one.excepted.records,
        "excepted_bytes": one.excepted.size_bytes,
    }


def report_json(report: Report) -> dict[str, Any]:
    """Return the report with its columns, rows and bars."""
    return {
        "report": report.name,
        "title": {"en": report.title.en, "vi": report.title.vi},
        "as_of": report.as_of.isoformat(),
        "columns": [{"name": c.name, "en": c.en, "vi": c.vi, "kind": str(c.kind)} for c in report.columns],
        "rows": [dict(row) for row in report.rows],
        "total": dict(report.total),
        "unit": "days" if report.unit is None else str(report.unit),
        "bars": [
            {"label": bar.label, "parts": [{"series": name, "value": value} for name, value in bar.parts]}
            for bar in report.bars
        ],
    }


def report_csv(report: Report) -> bytes:
    """Return the report for a spreadsheet: UTF-8 with a byte order mark, titles in Vietnamese and English."""
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow([f"{column.vi} / {column.en}" for column in report.columns])
    for row in report.rows:
        writer.writerow([_cell(column, row[column.name]) for column in report.columns])
    return text.getvalue().encode("utf-8-sig")


def report_svg(report: Report) -> bytes:
    """Return the report's bars as a picture."""
    shown: Callable[[int], str] = shown_bytes if report.unit is Kind.BYTES else lambda value: f"{value:,}"
    subtitle = (
        f"{report.title.en} · {report.unit_words.vi} / {report.unit_words.en} · "
        f"tính đến / as of {shown_day(report.as_of)}"
    )
    return chart_svg(Chart(report.title.vi, subtitle, report.bars, shown, has_legend=_CLASS[0] in report.columns))


_BYTES_IN_NEXT = 1000


def shown_bytes(value: int) -> str:
    """Return an amount of bytes with its unit.

    >>> shown_bytes(0), shown_bytes(1_234_567), shown_bytes(2_000_000_000_000)
    ('0 B', '1.2 MB', '2 TB')
    """
    size, unit = float(value), "B"
    for larger in ("kB", "MB", "GB", "TB"):
        if size < _BYTES_IN_NEXT:
            break
        size, unit = size / _BYTES_IN_NEXT, larger
    return f"{size:.1f}".removesuffix(".0") + f" {unit}"


def _counted(one: Counted) -> dict[str, Value]:
    said = one.retention_class
    return {
        "class": one.class_code,
        "class_vi": None if said is None else said.title_vi,
        "class_en": None if said is None else said.title,
        "action": None if said is None else str(said.action),
        "state": str(one.state),
        "records": one.records,
        "size_bytes": one.size_bytes,
        "held_records": one.held_records,
    }


def _sums(rows: Sequence[Mapping[str, Value]]) -> dict[str, int]:
    names = ("records", "size_bytes", "held_records")
    return {name: sum(value for row in rows if isinstance(value := row[name], int)) for name in names}


def _remaining(rows: Sequence[Counted]) -> list[int | None]:
    """Return for each row what is kept once all that was due by its year is let go; what is held stays."""
    everything, gone_by = sum(one.size_bytes for one in rows), dict[int, int]()
    for one in rows:
        if one.year is not None:
            gone_by[one.year] = gone_by.get(one.year, 0) + one.size_bytes - one.held_bytes
    left, left_after = everything, dict[int, int]()
    for year in sorted(gone_by):
        left -= gone_by[year]
        left_after[year] = left
    return [None if one.year is None else left_after[one.year] for one in rows]


def _bars(rows: Sequence[Counted], label: Callable[[Counted], str], value: Callable[[Counted], int]) -> tuple[Bar, ...]:
    """Return a bar for each label, its parts the classes."""
    by_label: dict[str, dict[str, int]] = {}
    for one in rows:
        parts = by_label.setdefault(label(one), {})
        series = _class_name(one.class_code, one.retention_class)
        parts[series] = parts.get(series, 0) + value(one)
    return tuple(Bar(text, tuple(parts.items())) for text, parts in by_label.items())


def _class_name(code: str | None, said: RetentionClass | None) -> str:
    if code is None:
        return state_words(RetentionState.UNASSIGNED).vi
    return code if said is None else f"{code} {said.title_vi}"


def _year_or_state(one: Counted) -> str:
    if one.year is not None:
        return str(one.year)
    return _capital(state_words(one.state).vi)


def _capital(words: str) -> str:
    return words[:1].upper() + words[1:]


# A spreadsheet takes text that begins so for a formula, which somebody's words must never become (CSV injection).
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def _cell(column: Column, value: Value) -> Value:
    if value is None or isinstance(value, int):
        return value
    match column.kind:
        case Kind.STATE:
            words = state_words(RetentionState(value))
        case Kind.ACTION:
            words = action_words(Action(value))
        case Kind.DONE:
            words = _DONE[Action(value)]
        case Kind.SCOPE:
            words = _SCOPES[HoldScope(value)]
        case _:
            return f"'{value}" if value.startswith(_FORMULA) else value
    return f"{words.vi} / {words.en}"
