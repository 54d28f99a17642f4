"""Recognises the words of a page's image with Tesseract.

It must never print, write a file or go on the network; the image never leaves memory. The language models are
loaded once, before the sandbox's processes fork, and inherited.
"""

from __future__ import annotations

import dataclasses
import math
import os
import statistics
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import tesserocr
from PIL import Image

from archive_service.pdf.layer import clean
from archive_service.pdf.places import Line, turned_back

# Where distributions keep the models; the newest version of Tesseract first.
_MODEL_FOLDERS = ("/usr/share/tesseract-ocr/*/tessdata", "/usr/share/tessdata", "/usr/local/share/tessdata")

# Tesseract is surest where a line, marks included, is about this many pixels high. Smaller ones are enlarged,
# much larger ones reduced; what lies between is left alone, because every resampling costs sharpness.
_BEST_LINE_PIXELS = 32
_SMALL_LINE_PIXELS = 24
_LARGE_LINE_PIXELS = 64
_MOST_ENLARGED = 4.0
MAX_PIXELS = 40_000_000

# Tesseract reads lines askew by less than this as well as level ones.
_LEVEL_DEGREES = 1.5
# Below this a page may lie on its side, on its head, or be photographed at a slant.
_DOUBTFUL_CONFIDENCE = 65.0
_FEW_WORDS = 12
_TURNS = (180, 90, 270, 8, -8)
# A page of writing takes about a second, one in a doubtful position six. Noise and made-up pages take as long as they
# are let: what is beyond this is not worth the other documents' waiting. The engine looks at it between words; laying
# a page out may pass it by some seconds.
PAGE_SECONDS = 60.0
# Words below this are marks of stamps, seals and pens taken for letters.
_NOISE_CONFIDENCE = 5.0
# A page with less ink than this is blank: dust is less, a single line of text is more.
_BLANK_SHARE = 0.0002
_INK_BELOW = 128
_PAPER = 255


@dataclass(frozen=True, slots=True)
class Recognised:
    """The words of an image, line by line, and how sure they are, from 0 to 100.

    ``lines`` are where the words of ``text`` stand in the image, in the same order. ``cut_off``: time ran out, so that
    there may be more.
    """

    text: str
    confidence: float
    lines: tuple[Line, ...]
    cut_off: bool = False

    @property
    def words(self) -> int:
        """How many words there are."""
        return len(self.lines)

    @property
    def is_doubtful(self) -> bool:
        """Whether another position of the page may read better."""
        return self.confidence < _DOUBTFUL_CONFIDENCE or self.words < _FEW_WORDS

    @property
    def weight(self) -> float:
        """What two readings of one image are compared by."""
        return self.words * max(0.0, self.confidence - 30.0)


class MissingLanguage(Exception):
    """The model of a language is not installed."""


def find_models(languages: str) -> Path:
    """Return the folder that holds the models of all languages (joined by +). Raises MissingLanguage.

    TESSDATA_PREFIX is Tesseract's own variable and is asked first.
    """
    named = os.environ.get("TESSDATA_PREFIX")
    folders = [Path(named), Path(named) / "tessdata"] if named else []
    for pattern in _MODEL_FOLDERS:
        folders += sorted(Path("/").glob(pattern.lstrip("/")), reverse=True)
    for folder in folders:
        if all((folder / f"{language}.traineddata").is_file() for language in languages.split("+")):
            return folder
    raise MissingLanguage(languages)


class Recogniser:
    """A loaded Tesseract. One page at a time; the confined process that inherits it has it alone."""

    def __init__(self, languages: str) -> None:
        """Load the models. Raises MissingLanguage."""
        folder = find_models(languages)
        try:
            self._engine = tesserocr.PyTessBaseAPI(path=str(folder), lang=languages, psm=tesserocr.PSM.AUTO)
        except RuntimeError as unfit:
            raise MissingLanguage(languages) from unfit
        # Remarks go to standard error, which leads nowhere; the default is a file that it may not open.
        self._engine.SetVariable("debug_file", "")

    def recognise(self, image: Image.Image, dpi: int) -> Recognised:
        """Return the words of a grey image, whichever way it lies; nothing for a blank one.

        Takes about ``PAGE_SECONDS`` at most; what is not read by then is left, and the confidence in the rest is 0.
        """
        if is_blank(image):
            return Recognised("", 0.0, ())
        ends = time.monotonic() + PAGE_SECONDS
        best = self._read(image, dpi, ends)
        for degrees in _TURNS if best.is_doubtful and not best.cut_off else ():
            turned = _turned(image, degrees)
            other = _seen_upright(self._read(turned, dpi, ends), degrees, turned.size, image.size)
            best = max(best, other, key=lambda reading: reading.weight)
            if other.cut_off:
                best = dataclasses.replace(best, cut_off=True)
            if other.cut_off or not other.is_doubtful:
                break
        return dataclasses.replace(best, confidence=0.0) if best.cut_off else best

    def _read(self, image: Image.Image, dpi: int, ends: float) -> Recognised:
        line_pixels, slant = self._layout(image, dpi)
        upright = image.size
        if abs(slant) > _LEVEL_DEGREES:
            image = _turned(image, slant)
        else:
            slant = 0.0
        level = image.size
        factor = enlargement(line_pixels, image.width * image.height)
        if factor != 1.0:
            size = (max(1, round(image.width * factor)), max(1, round(image.height * factor)))
            image = image.resize(size, Image.Resampling.LANCZOS)
        left_ms = round((ends - time.monotonic()) * 1000)
        if left_ms <= 0:
            return Recognised("", 0.0, (), cut_off=True)
        self._engine.SetImage(image)
        self._engine.SetSourceResolution(round(dpi * factor))
        if not self._engine.Recognize(left_ms):
            return Recognised("", 0.0, (), cut_off=True)
        found = _collected(_words(self._engine.GetIterator()), factor)
        return _seen_upright(found, slant, level, upright)

    def _layout(self, image: Image.Image, dpi: int) -> tuple[float, float]:
        """Return the height of a typical line in pixels (0: no lines) and its slant in degrees."""
        self._engine.SetImage(image)
        self._engine.SetSourceResolution(dpi)
        heights = [box["h"] for _, box, _, _ in self._engine.GetTextlines()]
        if not heights:
            return 0.0, 0.0
        blocks = self._engine.AnalyseLayout()
        slant = math.degrees(blocks.Orientation()[3]) if blocks is not None else 0.0
        return float(statistics.median(heights)), slant


def enlargement(line_pixels: float, pixels: int) -> float:
    """Return by what factor an image of that many pixels, with lines of that height, is best resized.

    >>> enlargement(16, 1_000_000), enlargement(30, 1_000_000), enlargement(128, 1_000_000)
    (2.0, 1.0, 0.25)
    """
    if line_pixels <= 0 or _SMALL_LINE_PIXELS <= line_pixels <= _LARGE_LINE_PIXELS:
        return 1.0
    most = min(_MOST_ENLARGED, math.sqrt(MAX_PIXELS / max(1, pixels)))
    return min(most, _BEST_LINE_PIXELS / line_pixels)


def is_blank(image: Image.Image) -> bool:
    """Whether the grey image has next to no ink."""
    dark = sum(image.histogram()[:_INK_BELOW])
    return dark < image.width * image.height * _BLANK_SHARE


def _turned(image: Image.Image, degrees: float) -> Image.Image:
    return image.rotate(degrees, resample=Image.Resampling.BICUBIC, expand=True, fillcolor=_PAPER)


def _seen_upright(found: Recognised, degrees: float, turned: tuple[int, int], upright: tuple[int, int]) -> Recognised:
    """Return the same words, placed in the image as it was before it was turned."""
    if not degrees:
        return found
    return replace(found, lines=tuple(turned_back(line, degrees, turned, upright) for line in found.lines))


def _words(results: Any) -> Iterator[tuple[str, float, bool, tuple[int, int, int, int]]]:
    """Yield each word, how sure it is, whether it ends its line, and its box: left, top, right, bottom."""
    level = tesserocr.RIL.WORD
    if results is None:
        return
    for word in tesserocr.iterate_level(results, level):
        try:
            # Cleaned here already, so that each word of the page's text has its place.
            text = "".join(clean(word.GetUTF8Text(level)).split())
        except RuntimeError:
            continue  # an element without text, for example a picture
        if text:
            ends_line = word.IsAtFinalElement(tesserocr.RIL.TEXTLINE, level)
            yield text, word.Confidence(level), ends_line, word.BoundingBox(level)


def _collected(words: Iterator[tuple[str, float, bool, tuple[int, int, int, int]]], factor: float) -> Recognised:
    """Join the words, line by line; the image that they were read in had been resized by ``factor``."""
    lines: list[str] = []
    line: list[str] = []
    sure: list[float] = []
    places: list[Line] = []
    for text, confidence, ends_line, (left, top, right, bottom) in words:
        if confidence >= _NOISE_CONFIDENCE:
            line.append(text)
            sure.append(confidence)
            box = (left, bottom, right, bottom, bottom - top)
            places.append(Line(*(pixels / factor for pixels in box)))
        if ends_line and line:
            lines.append(" ".join(line))
            line = []
    if line:
        lines.append(" ".join(line))
    return Recognised("\n".join(lines), statistics.fmean(sure) if sure else 0.0, tuple(places))
