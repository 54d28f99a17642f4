"""Draws an official document on A4 as Vietnamese offices lay it out (Decree 30/2020/NĐ-CP, Annex I).

The fonts are embedded and the text layer is real Unicode. The drawing is a made-up example and says so at the
foot of every page. The same words give the same bytes.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from reportlab.lib.pagesizes import A4
from reportlab.lib.units import mm
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.ttfonts import TTFont
from reportlab.pdfgen.canvas import Canvas

REGULAR, BOLD = "DejaVuSerif", "DejaVuSerif-Bold"
FONT_FOLDER = Path("/usr/share/fonts/truetype/dejavu")  # Debian's fonts-dejavu-core
WIDTH, HEIGHT = A4
LEFT, RIGHT, TOP, BOTTOM = 30 * mm, WIDTH - 18 * mm, HEIGHT - 20 * mm, 24 * mm
# DejaVu Serif is wider than the Times that offices use: set narrower, a page holds what theirs holds.
NARROW = 88
SLANT = 0.2  # the shear that stands for italics: Debian's core package has no italic cut


@dataclass(frozen=True, slots=True)
class Style:
    """How a run of text looks; sizes in points."""

    size: float = 11.0
    bold: bool = False
    italic: bool = False
    leading: float = 16.0
    indent: float = 12 * mm

    @property
    def font(self) -> str:
        """The name of the embedded font."""
        return BOLD if self.bold else REGULAR


BODY = Style()
GROUND = Style(italic=True)
SMALL = Style(size=9, leading=12.5, indent=0)


@dataclass(frozen=True, slots=True)
class Letterhead:
    """What stands at the head of the first page."""

    parent_body: str
    issuing_body: str
    number: str
    place_and_date: str


@dataclass(frozen=True, slots=True)
class Closing:
    """What stands at the end: recipients to the left, the signer to the right."""

    recipients: tuple[str, ...]
    office_of_signer: tuple[str, ...]
    signer: str
    signature_note: tuple[str, ...] = ()


def register_fonts() -> None:
    """Make the fonts known to reportlab, once in a process."""
    for name in (REGULAR, BOLD):
        if name not in pdfmetrics.getRegisteredFontNames():
            pdfmetrics.registerFont(TTFont(name, str(FONT_FOLDER / f"{name}.ttf")))


def text_width(text: str, style: Style) -> float:
    """Return how wide a text is on the page, in points."""
    return _full_width(text, style.font, style.size) * NARROW / 100


@lru_cache(maxsize=4096)  # official documents say the same words again and again
def _full_width(text: str, font: str, size: float) -> float:
    return float(pdfmetrics.stringWidth(text, font, size))


class Sheet:
    """A document being drawn from top to bottom; ``y`` is the next base line, in points from below."""

    def __init__(self, title: str, footer: str) -> None:
        register_fonts()
        self._buffer = io.BytesIO()
        self.canvas = Canvas(self._buffer, pagesize=A4, invariant=1, pageCompression=1, lang="vi-VN")
        self.canvas.setTitle(title)
        self.canvas.setCreator("archive-service examples")
        self._footer = footer
        self.page = 1
        self.y = TOP

    def finish(self) -> bytes:
        """Return the PDF."""
        self._draw_footer()
        self.canvas.save()
        return self._buffer.getvalue()

    def need(self, height: float) -> None:
        """Begin a new page unless that much height is left on this one."""
        if self.y - height < BOTTOM:
            self._draw_footer()
            self.canvas.showPage()
            self.page += 1
            self.y = TOP
            self.run(str(self.page), WIDTH / 2, Style(size=11), centred=True, y=TOP + 8 * mm)

    def run(self, text: str, x: float, style: Style, *, centred: bool = False, y: float | None = None) -> None:
        """Draw one line of text from ``x``, or centred on it; ``self.y`` stays."""
        start = x - text_width(text, style) / 2 if centred else x
        self._place([text], start, self.y if y is None else y, style, gap=0.0)

    def centred(self, lines: Sequence[str], x: float, style: Style) -> None:
        """Draw lines centred on ``x``, one under the other."""
        for line in lines:
            self.need(style.leading)
            self.run(line, x, style, centred=True)
            self.y -= style.leading

    def rule(self, x: float, width: float) -> None:
        """Draw a thin line centred on ``x`` a little above the next base line."""
        self.canvas.setLineWidth(0.6)
        self.canvas.line(x - width / 2, self.y + 6, x + width / 2, self.y + 6)

    def paragraph(self, text: str, style: Style = BODY, *, lead: str = "") -> None:
        """Draw a justified paragraph; ``lead`` is its beginning in bold, such as "Điều 1."."""
        head = Style(style.size, True, False, style.leading, 0)
        lead_width = text_width(lead + " ", head) if lead else 0.0
        first, others = RIGHT - LEFT - style.indent - lead_width, RIGHT - LEFT
        lines = break_lines(text, style, first, others)
        for index, words in enumerate(lines):
            self.need(style.leading)
            x = LEFT + (style.indent + lead_width if index == 0 else 0)
            if index == 0 and lead:
                self.run(lead + " ", LEFT + style.indent, head)
            room = RIGHT - x - text_width(" ".join(words), style)
            is_last = index == len(lines) - 1
            gap = 0.0 if is_last or len(words) == 1 else room / (len(words) - 1)
            self._place(words, x, self.y, style, gap)
            self.y -= style.leading
        self.y -= 3

    def table(self, rows: Sequence[Sequence[str]], widths: Sequence[float]) -> None:
        """Draw a ruled table with its first row in bold, going on over the page end; widths in points."""
        row_height = 15.0
        self.y += 4
        for index, row in enumerate(rows):
            self.need(row_height)
            style = Style(size=9.5, bold=index == 0)
            x = LEFT
            self.canvas.setLineWidth(0.5)
            for cell, width in zip(row, widths, strict=True):
                self.canvas.rect(x, self.y - row_height, width, row_height)
                self.run(cell, x + width / 2, style, centred=True, y=self.y - row_height + 4.5)
                x += width
            self.y -= row_height
        self.y -= 18

    def _place(self, words: Sequence[str], x: float, y: float, style: Style, gap: float) -> None:
        text = self.canvas.beginText()
        text.setFont(style.font, style.size)
        text.setHorizScale(NARROW)
        text.setTextTransform(1, 0, SLANT if style.italic else 0, 1, x, y)
        text.setWordSpace(gap * 100 / NARROW)
        text.textOut(" ".join(words))
        self.canvas.drawText(text)

    def _draw_footer(self) -> None:
        self.canvas.setFillGray(0.45)
        self.run(self._footer, WIDTH / 2, Style(size=7.5), centred=True, y=12 * mm)
        self.canvas.setFillGray(0)


def break_lines(text: str, style: Style, first: float, others: float) -> list[list[str]]:
    """Return the words of each line, so that each fits its width in points."""
    space = text_width(" ", style)
    lines: list[list[str]] = [[]]
    used, room = 0.0, first
    for word in text.split():
        width = text_width(word, style)
        if lines[-1] and used + space + width > room:
            lines.append([])
            used, room = 0.0, others
        used += width + (space if lines[-1] else 0.0)
        lines[-1].append(word)
    return lines


def draw_letterhead(sheet: Sheet, head: Letterhead) -> None:
    """Draw the two columns at the head of the first page: who issues it, and the national motto."""
    left, right = LEFT + 29 * mm, RIGHT - 45 * mm
    start = sheet.y
    sheet.centred([head.parent_body], left, Style(size=9.5, leading=13))
    sheet.centred(_balanced(head.issuing_body, 30), left, Style(size=9.5, bold=True, leading=13))
    sheet.rule(left, 24 * mm)
    left_end = sheet.y - 7
    sheet.y = start
    sheet.centred(["CỘNG HÒA XÃ HỘI CHỦ NGHĨA VIỆT NAM"], right, Style(size=9.5, bold=True, leading=14))
    sheet.centred(["Độc lập - Tự do - Hạnh phúc"], right, Style(size=10.5, bold=True, leading=13))
    sheet.rule(right, 46 * mm)
    sheet.y = min(left_end, sheet.y - 7)
    sheet.run(head.number, left, Style(size=10.5), centred=True)
    sheet.run(head.place_and_date, right, Style(size=10, italic=True), centred=True)
    sheet.y -= 34


def draw_closing(sheet: Sheet, closing: Closing) -> tuple[float, float]:
    """Draw recipients and signer; return where the middle of the signature is, in points."""
    sheet.need(62 * mm)
    sheet.y -= 8
    start, right = sheet.y, RIGHT - 38 * mm
    sheet.run("Nơi nhận:", LEFT, Style(size=9.5, bold=True, italic=True))
    sheet.y -= 13
    for line in closing.recipients:
        sheet.run(f"- {line}", LEFT, SMALL)
        sheet.y -= SMALL.leading
    sheet.y = start
    sheet.centred(closing.office_of_signer, right, Style(size=11, bold=True, leading=15))
    middle = (right, sheet.y - 17 * mm)
    if closing.signature_note:
        _draw_signature_note(sheet, closing.signature_note, middle)
    sheet.y = start - len(closing.office_of_signer) * 15 - 38 * mm
    sheet.run(closing.signer, right, Style(size=11.5, bold=True), centred=True)
    return middle


def _draw_signature_note(sheet: Sheet, lines: Sequence[str], middle: tuple[float, float]) -> None:
    width, height = 70 * mm, 20 * mm
    left, low = middle[0] - width / 2, middle[1] - height / 2
    sheet.canvas.setStrokeColorRGB(0.1, 0.45, 0.25)
    sheet.canvas.setFillColorRGB(0.1, 0.4, 0.22)
    sheet.canvas.roundRect(left, low, width, height, 2 * mm)
    for index, line in enumerate(lines):
        sheet.run(line, left + 3 * mm, Style(size=8), y=low + height - 5 * mm - index * 11)
    sheet.canvas.setFillGray(0)
    sheet.canvas.setStrokeGray(0)


def _balanced(text: str, limit: int) -> list[str]:
    """Return the text on one line, or on two of about one length when it is longer than ``limit`` letters."""
    if len(text) <= limit:
        return [text]
    words = text.split()
    cut = min(range(1, len(words)), key=lambda at: abs(len(" ".join(words[:at])) - len(" ".join(words[at:]))))
    return [" ".join(words[:cut]), " ".join(words[cut:])]
