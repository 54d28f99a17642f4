"""A bar chart as SVG: lying bars, each of one or several parts, with a legend and a scale.

Made of elements, never of text put together, so that whatever a name holds stays text.
"""

from __future__ import annotations

import math
import xml.etree.ElementTree as ET
from collections.abc import Callable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Bar:
    """One bar: its label, and its parts as (series, value) in the order in which they are drawn."""

    label: str
    parts: tuple[tuple[str, int], ...]

    @property
    def total(self) -> int:
        """Return how long the bar is."""
        return sum(value for _, value in self.parts)


@dataclass(frozen=True, slots=True)
class Chart:
    """Bars under a title and a line below it; ``shown`` writes a value with its unit.

    ``has_legend``: the series mean something; without one they are a single one that the title names.
    """

    title: str
    subtitle: str
    bars: tuple[Bar, ...]
    shown: Callable[[int], str]
    has_legend: bool

    @property
    def series(self) -> tuple[str, ...]:
        """Return every series, by name."""
        return tuple(sorted({name for bar in self.bars for name, _ in bar.parts}))


MOST_BARS = 60
"""What has more bars is no picture any more; the table has them all."""

# Okabe and Ito's palette, told apart by the colour-blind, too; with more series it begins anew, lighter.
_COLOURS = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00", "#8C6BB1", "#7F7F7F")
_INK, _FAINT, _LINE = "#1f2933", "#616e7c", "#e4e7eb"

_WIDTH, _MARGIN = 960, 24
_MOST_LABELS, _VALUES = 260, 120  # what labels at the left take at most, and values at the right
_TOP, _ROW, _BAR = 88, 28, 18
_LEGEND_ROW, _LEGEND_LETTER, _LEGEND_GAP = 22, 7.0, 34
_LABEL_LETTERS, _LABEL_LETTER, _LABEL_GAP = 31, 8.0, 12
_TICKS = 4

_FONT = "'Noto Sans', 'DejaVu Sans', 'Segoe UI', Arial, sans-serif"


@dataclass(frozen=True, slots=True)
class _Type:
    """How a text is set."""

    size: int
    fill: str = _INK
    anchor: str = "start"
    weight: str = "400"


_TITLE, _SUBTITLE, _NAME = _Type(19, weight="600"), _Type(13, _FAINT), _Type(12)
_TICK, _LABEL, _EMPTY = _Type(11, _FAINT, "middle"), _Type(13, anchor="end"), _Type(14, _FAINT, "middle")
_REMARK = _Type(12, _FAINT)


def chart_svg(chart: Chart) -> bytes:
    """Return the chart as an SVG document; bars beyond MOST_BARS are told of, not drawn."""
    bars, left_out = chart.bars[:MOST_BARS], max(0, len(chart.bars) - MOST_BARS)
    series = chart.series if chart.has_legend else ()
    colours = {name: _COLOURS[place % len(_COLOURS)] for place, name in enumerate(chart.series)}
    places, legend_height = _legend_places(series)
    top = _TOP + legend_height
    foot = top + max(1, len(bars)) * _ROW
    height = foot + 34 + (20 if left_out else 0)
    svg = _root(height, chart)
    _text(svg, chart.title, _MARGIN, 34, _TITLE)
    _text(svg, chart.subtitle, _MARGIN, 57, _SUBTITLE)
    for name, (x, y) in places.items():
        _rect(svg, x, _TOP + y - 16, 12, 12, colours[name])
        _text(svg, name, x + 18, _TOP + y - 6, _NAME)
    scale = _Scale.of(bars)
    if bars:
        _draw_scale(svg, chart, scale, top, foot)
    else:
        _text(svg, "Không có dữ liệu / Nothing to show", _WIDTH / 2, top + 20, _EMPTY)
    for row, bar in enumerate(bars):
        _draw_bar(svg, chart, bar, (scale, top + row * _ROW), colours)
    if left_out:
        more = f"… và {left_out} dòng nữa trong bảng / and {left_out} more in the table"
        _text(svg, more, _MARGIN, height - 12, _REMARK)
    ET.indent(svg)
    document: bytes = ET.tostring(svg, encoding="utf-8", xml_declaration=True)
    return document


def _root(height: float, chart: Chart) -> ET.Element:
    svg = ET.Element(
        "svg",
        {
            "xmlns": "http://www.w3.org/2000/svg",
            "viewBox": f"0 0 {_WIDTH} {height:g}",
            "width": str(_WIDTH),
            "height": f"{height:g}",
            "role": "img",
            "font-family": _FONT,
        },
    )
    ET.SubElement(svg, "title").text = _clean(f"{chart.title} – {chart.subtitle}")
    _rect(svg, 0, 0, _WIDTH, height, "#ffffff")
    return svg


def _legend_places(series: Sequence[str]) -> tuple[dict[str, tuple[float, float]], float]:
    """Return where each name of the legend begins, in lines that fit, and how high they are."""
    places: dict[str, tuple[float, float]] = {}
    x, y = float(_MARGIN), float(_LEGEND_ROW)
    for name in series:
        width = len(name) * _LEGEND_LETTER + _LEGEND_GAP
        if x > _MARGIN and x + width > _WIDTH - _MARGIN:
            x, y = float(_MARGIN), y + _LEGEND_ROW
        places[name] = (x, y)
        x += width
    return places, (y + 10 if series else 0.0)


@dataclass(frozen=True, slots=True)
class _Scale:
    """Where values lie: from ``left`` on, and ``longest`` at the right."""

    longest: int
    left: float

    @staticmethod
    def of(bars: Sequence[Bar]) -> _Scale:
        longest = max((bar.total for bar in bars), default=0) or 1
        letters = max((min(len(bar.label), _LABEL_LETTERS) for bar in bars), default=0)
        return _Scale(longest, _MARGIN + min(_MOST_LABELS, letters * _LABEL_LETTER + _LABEL_GAP))

    def x(self, value: float) -> float:
        return self.left + (_WIDTH - _MARGIN - _VALUES - self.left) * value / self.longest


def _draw_scale(svg: ET.Element, chart: Chart, scale: _Scale, top: float, foot: float) -> None:
    """Draw a line at each round value, with the value below."""
    for value in ticks(scale.longest):
        x = scale.x(value)
        line = {"x1": f"{x:g}", "x2": f"{x:g}", "y1": f"{top - 6:g}", "y2": f"{foot:g}", "stroke": _LINE}
        ET.SubElement(svg, "line", line)
        _text(svg, chart.shown(value), x, foot + 18, _TICK)


def ticks(longest: int) -> list[int]:
    """Return round values from 0 to at most ``longest``, some four of them.

    >>> ticks(8300), ticks(3)
    ([0, 2000, 4000, 6000, 8000], [0, 1, 2, 3])
    """
    rough = max(1.0, longest / _TICKS)
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(power * one for one in (1, 2, 5, 10) if power * one >= rough * 0.75)
    return list(range(0, longest + 1, max(1, int(step))))


def _draw_bar(svg: ET.Element, chart: Chart, bar: Bar, place: tuple[_Scale, float], colours: dict[str, str]) -> None:
    scale, y = place
    group = ET.SubElement(svg, "g")
    ET.SubElement(group, "title").text = _clean(
        "\n".join([bar.label, *(f"{name}: {chart.shown(value)}" for name, value in bar.parts)])
    )
    middle = y + _ROW / 2 + 4
    label = bar.label if len(bar.label) <= _LABEL_LETTERS else bar.label[: _LABEL_LETTERS - 1] + "…"
    _text(group, label, scale.left - _LABEL_GAP, middle, _LABEL)
    told = 0
    for name, value in bar.parts:
        begins, ends = scale.x(told), scale.x(told + value)
        # What is there is seen, however little it is beside the others.
        _rect(group, begins, y + (_ROW - _BAR) / 2, max(ends - begins, 1.0 if value else 0.0), _BAR, colours[name])
        told += value
    _text(group, chart.shown(bar.total), scale.x(told) + 8, middle, _NAME)


def _rect(parent: ET.Element, x: float, y: float, width: float, height: float, fill: str) -> None:
    box = {"x": f"{x:g}", "y": f"{y:g}", "width": f"{width:g}", "height": f"{height:g}", "fill": fill}
    ET.SubElement(parent, "rect", box)


def _text(parent: ET.Element, text: str, x: float, y: float, kind: _Type) -> None:
    said = {
        "x": f"{x:g}",
        "y": f"{y:g}",
        "font-size": str(kind.size),
        "fill": kind.fill,
        "text-anchor": kind.anchor,
        "font-weight": kind.weight,
    }
    ET.SubElement(parent, "text", said).text = _clean(text)


def _clean(text: str) -> str:
    """Return the text without letters that XML 1.0 cannot hold (§2.2)."""
    return "".join(letter for letter in text if letter in "\t\n" or (letter >= " " and letter not in "\ufffe\uffff"))
