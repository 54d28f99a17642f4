"""The facts of every page: its size, whether it carries text, and how finely its images are drawn.

It must never draw a page: that costs a hundred times as much. Sizes: ISO 32000-2 §14.11.2 (boxes), §7.7.3.3
(UserUnit, Rotate); the size is the one a reader shows.
"""

from __future__ import annotations

import ctypes
import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import pikepdf
import pypdfium2
import pypdfium2.raw as pdfium

# A page of a map has some thousands of objects; what comes after these changes neither fact.
_MAX_OBJECTS = 20_000
_MAX_FORM_DEPTH = 8
# Smaller images are marks and logos; they say nothing about how a page was scanned. In points: one inch.
_DECORATION_POINTS = 72.0

Matrix = tuple[float, float, float, float]
_UPRIGHT: Matrix = (1.0, 0.0, 0.0, 1.0)


def page_size(page: pikepdf.Page) -> tuple[float, float]:
    """Return width and height in points as shown: crop box within media box, rotated, times UserUnit.

    Raises ValueError when the boxes are not rectangles of a finite size above nothing.
    """
    media, crop = _corners(page.mediabox), _corners(page.cropbox)
    left, bottom = max(media[0], crop[0]), max(media[1], crop[1])
    right, top = min(media[2], crop[2]), min(media[3], crop[3])
    unit = float(page.obj.get("/UserUnit", 1))
    width, height = (right - left) * unit, (top - bottom) * unit
    if not (0 < width < math.inf and 0 < height < math.inf):
        raise ValueError("a page without a size")
    turned = int(page.obj.get("/Rotate", 0)) % 180 != 0
    return (height, width) if turned else (width, height)


def _corners(box: Any) -> tuple[float, float, float, float]:
    x1, y1, x2, y2 = (float(number) for number in box)
    return min(x1, x2), min(y1, y2), max(x1, x2), max(y1, y2)


@dataclass(frozen=True, slots=True)
class Drawn:
    """What is drawn on a page: whether text, and its images that are no decoration.

    ``lowest_dpi`` is the lowest resolution of those images; ``image_share`` is the part of the page's area that
    they cover, from 0 to 1, overlaps counted twice; ``anything`` is False for a page without any object.
    """

    has_text: bool
    lowest_dpi: float | None
    image_share: float
    anything: bool


@contextmanager
def loaded_page(document: pypdfium2.PdfDocument, number: int) -> Iterator[Any]:
    """Open the page (from 0) of a document, as the library's own handle. Raises ValueError when it cannot."""
    page = pdfium.FPDF_LoadPage(document, number)
    if not page:
        raise ValueError("a page that cannot be parsed")
    try:
        yield page
    finally:
        pdfium.FPDF_ClosePage(page)


def drawn_on(page: Any, unit: float) -> Drawn:
    """Return what is drawn on the opened page; ``unit`` is its UserUnit."""
    has_text, anything, lowest, covered = False, False, math.inf, 0.0
    for drawn, matrix in _objects(page):
        anything = True
        kind = pdfium.FPDFPageObj_GetType(drawn)
        if kind == pdfium.FPDF_PAGEOBJ_TEXT:
            has_text = True
        elif kind == pdfium.FPDF_PAGEOBJ_IMAGE:
            dpi, area = _resolution_and_area(drawn, matrix, unit)
            lowest, covered = min(lowest, dpi), covered + area
    whole = pdfium.FPDF_GetPageWidthF(page) * pdfium.FPDF_GetPageHeightF(page)
    return Drawn(
        has_text,
        None if math.isinf(lowest) else max(1.0, min(lowest, 100_000.0)),
        min(1.0, covered / whole) if whole > 0 else 0.0,
        anything,
    )


def _objects(page: Any) -> Iterator[tuple[Any, Matrix]]:
    """Yield the page's objects, those in forms too, each with the matrix that it is drawn through."""
    left = _MAX_OBJECTS
    levels = [(page, _UPRIGHT, 0)]
    while levels:
        parent, matrix, depth = levels.pop()
        count, get = (
            (pdfium.FPDFFormObj_CountObjects, pdfium.FPDFFormObj_GetObject)
            if depth
            else (pdfium.FPDFPage_CountObjects, pdfium.FPDFPage_GetObject)
        )
        for at in range(min(left, max(0, count(parent)))):
            drawn = get(parent, at)
            left -= 1
            if not drawn:
                continue
            if pdfium.FPDFPageObj_GetType(drawn) == pdfium.FPDF_PAGEOBJ_FORM:
                if depth < _MAX_FORM_DEPTH:
                    levels.append((drawn, _times(_matrix(drawn), matrix), depth + 1))
            else:
                yield drawn, matrix


def _matrix(drawn: Any) -> Matrix:
    found = pdfium.FS_MATRIX()
    if not pdfium.FPDFPageObj_GetMatrix(drawn, found):
        return _UPRIGHT
    return found.a, found.b, found.c, found.d


def _times(inner: Matrix, outer: Matrix) -> Matrix:
    a, b, c, d = inner
    e, f, g, h = outer
    return a * e + b * g, a * f + b * h, c * e + d * g, c * f + d * h


def _resolution_and_area(image: Any, matrix: Matrix, unit: float) -> tuple[float, float]:
    """Return the lower of the image's two resolutions, and its area; infinite and nothing for a decoration."""
    across, down = ctypes.c_uint(), ctypes.c_uint()
    if not pdfium.FPDFImageObj_GetImagePixelSize(image, across, down):
        return math.inf, 0.0
    a, b, c, d = _times(_matrix(image), matrix)
    width, height = math.hypot(a, b), math.hypot(c, d)
    if not (width * unit >= _DECORATION_POINTS and height * unit >= _DECORATION_POINTS):
        return math.inf, 0.0
    dpi = min(across.value / width, down.value / height) * 72.0 / unit
    return dpi, abs(a * d - b * c)
