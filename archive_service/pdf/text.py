"""Reads the words of every page: runs in the sandboxed child and emits one message a page.

It must never change the file, signed or not, and never hold more than one page. Where the text layer is good it is
taken; otherwise the page is drawn and recognised.
"""

from __future__ import annotations

import base64
import math
from collections.abc import Mapping
from typing import Any

import pypdfium2
import pypdfium2.raw as pdfium
from PIL import Image

from archive_service.pdf.drawing import drawable
from archive_service.pdf.layer import Layer, clean, judge, says_more
from archive_service.pdf.ocr import MAX_PIXELS, Recognised, Recogniser
from archive_service.pdf.pages import Drawn, drawn_on
from archive_service.pdf.places import pack, placed
from archive_service.pdf.sandbox_server import Emit

PAGE = "page"
END = "end"
UNREADABLE = "unreadable"
MISSING_LANGUAGE = "missing-language"

# A page of a real document has some thousands of characters; what is beyond this is not for reading.
_MAX_CHARACTERS = 500_000
_IMAGE_PAGE = 0.5
# A scan is drawn at its own resolution where that is near the wanted one or below it, or where it is small (an A4
# page at 200 dpi has four million pixels): no resampling, no loss.
_NEAR = 1.3
_ENOUGH_PIXELS = 4_000_000
_LOWEST_DPI = 50.0


def read_text(
    document: int, options: Mapping[str, Any], emit: Emit, *, recogniser: Recogniser | None, vietnamese: bool
) -> None:
    """Emit each page's words, then the end; or that the file cannot be read.

    Options: ``max_pages``, ``ocr_dpi``. Without a recogniser the first page that needs one ends the task.
    """
    with drawable(document) as opened:
        if opened is None or len(opened) > options["max_pages"]:
            emit({"kind": UNREADABLE})
            return
        for number in range(len(opened)):
            message = _page(opened, number, options["ocr_dpi"], recogniser, vietnamese)
            if message is None:
                emit({"kind": MISSING_LANGUAGE})
                return
            emit({"kind": PAGE, "number": number + 1, **message})
        emit({"kind": END, "pages": len(opened)})


def _page(
    document: pypdfium2.PdfDocument, number: int, dpi: int, recogniser: Recogniser | None, vietnamese: bool
) -> dict[str, object] | None:
    """Return the message of one page; None when words must be recognised and nothing can."""
    try:
        page = document[number]
    except pypdfium2.PdfiumError:
        # One broken page must not cost the words of the others; that it is broken, the check has told.
        return _message("", "none")
    try:
        layer = _layer(page)
        drawn = drawn_on(page.raw, 1.0)
        worth = judge(layer, drawn.image_share, vietnamese=vietnamese)
        if worth is Layer.GOOD:
            return _message(layer, "layer")
        if not drawn.anything and not _annotated(page):
            return _message("", "none")
        if recogniser is None:
            return None
        width, height = page.get_size()
        image, true_dpi = _image(page, _drawing_dpi(dpi, drawn, width * height / 72**2))
        found = recogniser.recognise(image, true_dpi)
        if worth is Layer.DOUBTFUL and not says_more(found.text, layer):
            return _message(layer, "layer")
        return _recognised(found, image.size)
    finally:
        page.close()


def _recognised(found: Recognised, size: tuple[int, int]) -> dict[str, object]:
    words = clean(found.text)
    # A page that was not read to its end is no page without words: its confidence of nothing becomes a finding.
    if not words.strip() and not found.cut_off:
        return _message("", "none")
    places = base64.b64encode(pack(placed(line, size) for line in found.lines)).decode()
    return {**_message(words, "ocr", found.confidence), "places": places}


def _message(text: str, source: str, confidence: float | None = None) -> dict[str, object]:
    return {"text": text[:_MAX_CHARACTERS], "source": source, "confidence": confidence}


def _layer(page: pypdfium2.PdfPage) -> str:
    words = page.get_textpage()
    try:
        return clean(words.get_text_range()) if words.count_chars() else ""
    finally:
        words.close()


def _annotated(page: pypdfium2.PdfPage) -> bool:
    return int(pdfium.FPDFPage_GetAnnotCount(page)) > 0


def _drawing_dpi(wanted: float, drawn: Drawn, square_inches: float) -> float:
    """Return at which resolution the page is best drawn.

    >>> from dataclasses import replace
    >>> scan = Drawn(has_text=False, lowest_dpi=72.0, image_share=1.0, anything=True)
    >>> _drawing_dpi(200, scan, 96.7), _drawing_dpi(200, replace(scan, lowest_dpi=300.0), 96.7)
    (72.0, 200)
    >>> _drawing_dpi(200, replace(scan, lowest_dpi=300.0), 12.0)
    300.0
    """
    if drawn.image_share < _IMAGE_PAGE or drawn.lowest_dpi is None:
        return wanted
    enough = math.sqrt(_ENOUGH_PIXELS / square_inches) if square_inches > 0 else wanted
    return max(_LOWEST_DPI, drawn.lowest_dpi) if drawn.lowest_dpi <= max(wanted * _NEAR, enough) else wanted


def _image(page: pypdfium2.PdfPage, dpi: float) -> tuple[Image.Image, int]:
    """Return the page as a grey image of bounded size, and the resolution that it has in the end."""
    width, height = page.get_size()
    scale = dpi / 72
    pixels = width * height * scale * scale
    if pixels > MAX_PIXELS:
        scale *= math.sqrt(MAX_PIXELS / pixels)
    image = page.render(scale=scale, grayscale=True).to_pil()
    return image.convert("L"), max(1, round(scale * 72))
