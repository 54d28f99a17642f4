"""Prints a document that the archive issues. All of it is our own text: no untrusted file is read here."""

from __future__ import annotations

import datetime as dt
import io
from xml.sax.saxutils import escape

import pikepdf

from archive_service.model.paper import Paper, PaperTable
from archive_service.pdf.seal_field import LOCAL_TIME, Mark, add_seal_field

_FONT = "Paper"
_MARGIN = 56.0  # points
_TOP = 96.0  # points: the seal's mark stands above


def print_paper(paper: Paper, font_file: str) -> bytes:
    """Return the paper as a PDF of A4 pages, the same bytes for the same paper. Raises OSError without the font."""
    from reportlab.lib import colors
    from reportlab.lib.pagesizes import A4
    from reportlab.lib.styles import ParagraphStyle
    from reportlab.pdfbase import pdfmetrics
    from reportlab.pdfbase.ttfonts import TTFError, TTFont
    from reportlab.platypus import Paragraph, SimpleDocTemplate, Spacer, Table, TableStyle

    if _FONT not in pdfmetrics.getRegisteredFontNames():
        try:
            pdfmetrics.registerFont(TTFont(_FONT, font_file))
        except TTFError as wrong:
            raise OSError("no font") from wrong
    plain = ParagraphStyle("plain", fontName=_FONT, fontSize=9, leading=12.5, splitLongWords=1)
    title = ParagraphStyle("title", parent=plain, fontSize=15, leading=20, spaceAfter=2)
    caption = ParagraphStyle("caption", parent=plain, fontSize=10.5, leading=14, spaceBefore=14, spaceAfter=4)
    quiet = ParagraphStyle("quiet", parent=plain, textColor=colors.HexColor("#555555"))
    width = A4[0] - 2 * _MARGIN

    def cell(text: str, style: ParagraphStyle = plain) -> Paragraph:
        return Paragraph(escape(text), style)

    def table(one: PaperTable) -> Table:
        rows = [[cell(text, quiet) for text in one.headings], *([cell(text) for text in row] for row in one.rows)]
        laid = Table(rows, colWidths=[share * width for share in one.widths], repeatRows=1)
        laid.setStyle(
            TableStyle(
                [
                    ("VALIGN", (0, 0), (-1, -1), "TOP"),
                    ("LINEBELOW", (0, 0), (-1, 0), 0.8, colors.black),
                    ("LINEBELOW", (0, 1), (-1, -1), 0.25, colors.HexColor("#bbbbbb")),
                    ("LEFTPADDING", (0, 0), (-1, -1), 2),
                ]
            )
        )
        return laid

    facts = Table(
        [[cell(name, quiet), cell(value)] for name, value in paper.facts], colWidths=[0.3 * width, 0.7 * width]
    )
    facts.setStyle(TableStyle([("VALIGN", (0, 0), (-1, -1), "TOP"), ("LEFTPADDING", (0, 0), (-1, -1), 2)]))
    story = [cell(paper.title, title), cell(paper.subtitle, quiet), Spacer(1, 4)]
    story += [cell(f"{paper.number} · {_shown(paper.at)}", quiet), Spacer(1, 10), facts]
    for one in paper.tables:
        story += [cell(one.caption, caption), table(one)]
    story += [Spacer(1, 14), *(cell(sentence) for sentence in paper.closing)]

    def footer(canvas: object, document: object) -> None:
        canvas.setFont(_FONT, 8)  # type: ignore[attr-defined]  # reportlab has no types
        canvas.drawRightString(A4[0] - _MARGIN, 30, f"{paper.number} · {document.page}")  # type: ignore[attr-defined]

    out = io.BytesIO()
    SimpleDocTemplate(
        out, pagesize=A4, leftMargin=_MARGIN, rightMargin=_MARGIN, topMargin=_TOP, bottomMargin=_MARGIN,
        title=paper.title, creator="archive-service", lang="vi-VN", invariant=1,
    ).build(story, onFirstPage=footer, onLaterPages=footer)  # fmt: skip
    return out.getvalue()


def with_room_for_seal(printed: bytes, mark: Mark) -> bytes:
    """Return the printed paper with a seal's field and mark on page 1, and room for the seal."""
    with pikepdf.open(io.BytesIO(printed)) as pdf:
        add_seal_field(pdf, mark)
        out = io.BytesIO()
        pdf.save(out, object_stream_mode=pikepdf.ObjectStreamMode.disable)
    return out.getvalue()


def _shown(at: dt.datetime) -> str:
    return at.astimezone(LOCAL_TIME).strftime("%d/%m/%Y %H:%M:%S +07:00")
