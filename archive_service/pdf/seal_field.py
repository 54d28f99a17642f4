"""Gives a document the field and the visible mark of a seal, and room for the seal itself: runs in the sandboxed child.

It must never see a key: the room is filled by whoever holds it. The mark is at the top right of page 1 and holds the
agency's name and the time (ISO 8601, +07:00), no image (Circular 05/2025/TT-BNV). The pages are upright, because they
were made so. Fields: ISO 32000-1 §12.7.4.5, §12.8.1; widgets: ISO 19005-2 §6.3.3; PAdES: ETSI EN 319 142-1 §5.3.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from pathlib import Path

import pikepdf
from pikepdf import Array, Dictionary, Name, String

from archive_service.pdf.fonts import Lettering, lettering, visible_font

FIELD = "AgencySeal"
# Stands in the file for three numbers of ten digits until the file's length is known.
UNKNOWN = 9_999_999_999
LOCAL_TIME = dt.timezone(dt.timedelta(hours=7))

_SIZE, _LEAST_SIZE = 10.0, 4.0  # points
_LEADING = 1.25
_EDGE = 14.0  # points from the page's edge: within the margin of any letter
_WIDEST_SHARE = 0.6
_PRINTED_LOCKED = 4 | 128
_SIGNATURES_EXIST_APPEND_ONLY = 3


@dataclass(frozen=True, slots=True)
class Mark:
    """What the mark says, in which font, and how many bytes the seal may take."""

    agency: str
    at: dt.datetime
    font_file: str
    reserved_bytes: int

    @property
    def time(self) -> str:
        """The time as the mark shows it.

        >>> Mark("", dt.datetime(2026, 3, 1, 2, 30, 5, tzinfo=dt.timezone.utc), "", 0).time
        '2026-03-01T09:30:05+07:00'
        """
        return self.at.astimezone(LOCAL_TIME).isoformat(timespec="seconds")


def add_seal_field(pdf: pikepdf.Pdf, mark: Mark) -> None:
    """Add the field, its mark on page 1, and a signature dictionary with room for the seal.

    Raises OSError when the font cannot be read.
    """
    page = pdf.pages[0]
    letters = lettering(Path(mark.font_file), mark.agency + mark.time + " ")
    rectangle, appearance = _appearance(pdf, page, mark, letters)
    signature = pdf.make_indirect(
        Dictionary(
            Type=Name.Sig,
            Filter=Name("/Adobe.PPKLite"),
            SubFilter=Name("/ETSI.CAdES.detached"),
            ByteRange=Array([0, UNKNOWN, UNKNOWN, UNKNOWN]),
            Contents=String(bytes(mark.reserved_bytes)),
            M=String(pdf_date(mark.at)),
            Name=String(mark.agency),
        )
    )
    field = pdf.make_indirect(
        Dictionary(
            Type=Name.Annot,
            Subtype=Name.Widget,
            FT=Name.Sig,
            T=String(FIELD),
            V=signature,
            F=_PRINTED_LOCKED,
            Rect=Array([round(number, 2) for number in rectangle]),
            P=page.obj,
            AP=Dictionary(N=appearance),
        )
    )
    page.obj[Name.Annots] = Array([field])
    pdf.Root[Name.AcroForm] = Dictionary(Fields=Array([field]), SigFlags=_SIGNATURES_EXIST_APPEND_ONLY)


def pdf_date(at: dt.datetime) -> str:
    """Return an instant as a PDF date of Vietnam (ISO 32000-1 §7.9.4).

    >>> pdf_date(dt.datetime(2026, 3, 1, 2, 30, 5, tzinfo=dt.timezone.utc))
    "D:20260301093005+07'00'"
    """
    return at.astimezone(LOCAL_TIME).strftime("D:%Y%m%d%H%M%S+07'00'")


def _appearance(
    pdf: pikepdf.Pdf, page: pikepdf.Page, mark: Mark, letters: Lettering
) -> tuple[tuple[float, float, float, float], pikepdf.Object]:
    """Return where the mark stands on the page and how it is drawn: lines of black text, ended at the right edge."""
    width, height = float(page.mediabox[2]), float(page.mediabox[3])
    edge = min(_EDGE, width / 10, height / 10)
    widest = width * _WIDEST_SHARE
    size = _size_for(mark, letters, min(widest, width - 2 * edge))
    lines = [*wrapped(mark.agency, letters, widest / size), mark.time]
    across = max(letters.width(line) for line in lines) * size
    down = len(lines) * size * _LEADING
    drawing = [f"BT 0 g /Mark {size:.2f} Tf"]
    for row, line in enumerate(lines):
        x, y = across - letters.width(line) * size, down - (row + 1) * size * _LEADING + size * (_LEADING - 1)
        drawing.append(f"1 0 0 1 {x:.2f} {y:.2f} Tm <{letters.codes(line).hex()}> Tj")
    form = pdf.make_stream(
        "\n".join([*drawing, "ET"]).encode(),
        Dictionary(
            Type=Name.XObject,
            Subtype=Name.Form,
            BBox=Array([0, 0, round(across, 2), round(down, 2)]),
            Resources=Dictionary(Font=Dictionary(Mark=visible_font(pdf, letters))),
        ),
    )
    return (width - edge - across, height - edge - down, width - edge, height - edge), form


def _size_for(mark: Mark, letters: Lettering, widest: float) -> float:
    """Return the size at which the time, which is never broken, and each word of the name fit on the paper."""
    longest = max(letters.width(word) for word in (mark.time, *mark.agency.split()))
    return max(_LEAST_SIZE, min(_SIZE, widest / longest))


def wrapped(text: str, letters: Lettering, widest: float) -> list[str]:
    """Break the text into lines of at most that many sizes of the font, between words."""
    lines: list[str] = []
    for word in text.split():
        longer = f"{lines[-1]} {word}" if lines else word
        if lines and letters.width(longer) <= widest:
            lines[-1] = longer
        else:
            lines.append(word)
    return lines
