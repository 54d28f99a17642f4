"""Makes of a scan a searchable PDF/A-2b, ready to be sealed: runs in the sandboxed child and emits the file.

It must never touch a signed file, and never carry over what it does not know: pages are made anew. A page's drawing is
kept as it is wherever the result conforms; a page whose drawing does not conform (a font that is not embedded, another
colour space, comments drawn on it) is drawn as an image instead. The words are those that were recognised before,
laid over the page invisibly. Whether the result conforms is checked before it leaves (pikepdf.pdfa, which approves only
what it knows). ISO 19005-2:2011; Circular 05/2025/TT-BNV: image and text layer, 200 dpi or more, 24-bit colour.
"""

from __future__ import annotations

import datetime as dt
import io
import json
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import pikepdf
import pikepdf.pdfa
import pypdfium2
from pikepdf import Dictionary, Name

from archive_service.pdf.active import dictionaries_in
from archive_service.pdf.drawing import drawable
from archive_service.pdf.fonts import INVISIBLE_WIDTH, invisible_codes, invisible_font
from archive_service.pdf.ocr import MAX_PIXELS
from archive_service.pdf.opened import NotReadable, Opened
from archive_service.pdf.pages import drawn_on, page_size
from archive_service.pdf.places import Place, unpack
from archive_service.pdf.sandbox_server import Emit
from archive_service.pdf.seal_field import Mark, add_seal_field

MADE = "made"
NOT_MADE = "not-made"
MISSING_FONT = "missing-font"

FLAVOUR = "2b"
_LEAST_DPI, _MOST_DPI = 200.0, 300.0
_JPEG_QUALITY = 85
# Shorter or longer sides than these no PDF/A may have, in points (ISO 19005-2 §6.1.13).
_SIDES = (3.0, 14_400.0)
# Links draw nothing of their own, and pop-ups are the notes of other comments.
_DRAW_NOTHING = frozenset(("/Link", "/Popup"))
_INVISIBLE = 3


class NotMade(Exception):
    """No rendition can be made of the file, for the reason that its text names."""


@dataclass(frozen=True, slots=True)
class Materials:
    """What is loaded before the first file: the program of the invisible font, and the file of the visible one."""

    invisible: bytes
    font_file: str


@dataclass(frozen=True, slots=True)
class _Words:
    """The words of a page: with their places where they were recognised, without where they are in its own layer."""

    words: tuple[str, ...]
    places: tuple[Place, ...] | None


def make_pdfa(document: int, options: Mapping[str, Any], emit: Emit, *, materials: Materials) -> None:
    """Emit the rendition's bytes, with room for the seal, and then what was made; or why nothing could be.

    Options: ``max_pages``; ``aside``, JSON: title, at (ISO 8601 with zone), agency, reserved_bytes, and of each page
    text and packed places of its words in hexadecimal, None for words of the page's own layer.
    """
    if not Path(materials.font_file).is_file():
        emit({"kind": MISSING_FONT})
        return
    told = json.loads(options["aside"])
    try:
        with Opened(document) as file, drawable(document) as drawing:
            source = file.pdf
            _require_unsigned(source)
            if drawing is None or len(drawing) != len(source.pages) or len(drawing) > options["max_pages"]:
                raise NotMade("unreadable")
            pages = [_told(page) for page in told["pages"]]
            if len(pages) != len(source.pages):
                raise NotMade("other-pages")
            made, drawn_pages = _conforming(_Sources(source, drawing, pages, materials), told)
    except NotReadable as reason:
        emit({"kind": NOT_MADE, "reason": str(reason.finding)})
        return
    except NotMade as reason:
        emit({"kind": NOT_MADE, "reason": str(reason)})
        return
    with made:
        mark = Mark(told["agency"], dt.datetime.fromisoformat(told["at"]), materials.font_file, told["reserved_bytes"])
        add_seal_field(made, mark)
        made.save(_Outlet(emit), **_save_settings())
        emit({"kind": MADE, "pages": len(made.pages), "drawn_pages": drawn_pages})


class _Outlet(io.BufferedIOBase, BinaryIO):
    """Emits what is written to it."""

    def __init__(self, emit: Emit) -> None:
        super().__init__()
        self._emit = emit

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        portion = bytes(data)
        if portion:
            self._emit(portion)
        return len(portion)


@dataclass(frozen=True, slots=True)
class _Sources:
    """The file, opened by the library that reads and by the one that draws, with the words of its pages."""

    source: pikepdf.Pdf
    drawing: pypdfium2.PdfDocument
    pages: list[_Words]
    materials: Materials


def _told(page: Mapping[str, Any]) -> _Words:
    places = page["places"]
    return _Words(tuple(page["text"].split()), None if places is None else unpack(bytes.fromhex(places)))


def _require_unsigned(pdf: pikepdf.Pdf) -> None:
    """Raise NotMade for a file with a signature, valid or not: converting it would void what it says."""
    for item in pdf.objects:
        for dictionary in dictionaries_in(item.stream_dict if isinstance(item, pikepdf.Stream) else item):
            if "/ByteRange" in dictionary and "/Contents" in dictionary:
                raise NotMade("signed")


def _conforming(sources: _Sources, told: Mapping[str, Any]) -> tuple[pikepdf.Pdf, int]:
    """Return the document, its pages kept where they conform and drawn where not, and how many were drawn."""
    keepable = [_draws_only_itself(sources.source, page) for page in sources.source.pages]
    made = _assembled(sources, keepable, told)
    if any(keepable) and not _conforms(made):
        made.close()
        keepable = [False] * len(keepable)
        made = _assembled(sources, keepable, told)
    if not _conforms(made):
        raise NotMade("does-not-conform")
    return made, keepable.count(False)


def _draws_only_itself(pdf: pikepdf.Pdf, page: pikepdf.Page) -> bool:
    """Whether the page looks the same by its own drawing alone, without layers and comments."""
    if "/OCProperties" in pdf.Root:
        return False
    comments = page.obj.get("/Annots")
    if comments is None:
        return True
    return isinstance(comments, pikepdf.Array) and all(
        isinstance(one, pikepdf.Dictionary) and str(one.get("/Subtype")) in _DRAW_NOTHING for one in comments.as_list()
    )


def _conforms(pdf: pikepdf.Pdf) -> bool:
    return bool(pikepdf.pdfa.check(pdf, FLAVOUR, object_stream_mode=pikepdf.ObjectStreamMode.disable).passed)


def _save_settings() -> dict[str, Any]:
    # Plain objects: the seal's dictionary must stand in the file as it is.
    return pikepdf.pdfa.resolve_save_kwargs(FLAVOUR, object_stream_mode=pikepdf.ObjectStreamMode.disable)


def _to_draw(drawing: pypdfium2.PdfDocument, number: int) -> pypdfium2.PdfPage:
    try:
        return drawing[number]
    except pypdfium2.PdfiumError as broken:
        raise NotMade("unreadable") from broken


def _assembled(sources: _Sources, keepable: list[bool], told: Mapping[str, Any]) -> pikepdf.Pdf:
    if not all(keepable):
        # Without this, what is filled into a form is not drawn; it must be said before the first page is loaded.
        sources.drawing.init_forms()
    pdf = pikepdf.new()
    font = invisible_font(pdf, sources.materials.invisible)
    for number, (page, keep) in enumerate(zip(sources.source.pages, keepable, strict=True)):
        try:
            width, height = page_size(page)
        except (ValueError, TypeError, KeyError) as odd:
            raise NotMade("odd-page") from odd
        if not (_SIDES[0] <= min(width, height) and max(width, height) <= _SIDES[1]):
            raise NotMade("odd-page")
        added = pdf.add_blank_page(page_size=(width, height))
        words = sources.pages[number]
        if keep:
            content = _kept(pdf, added, page)
        else:
            content, layer = _drawn(pdf, added, _to_draw(sources.drawing, number), page)
            words = words if words.places is not None else layer
        if words.places:
            added.add_resource(font, Name.Font, Name("/Words"))
            content += _invisible(words, width, height)
        added.contents_add(pdf.make_stream(content))
    _describe(pdf, told)
    return pdf


def _kept(pdf: pikepdf.Pdf, added: pikepdf.Page, page: pikepdf.Page) -> bytes:
    """Place the page's own drawing on the new page, upright and cut as it is shown."""
    page.obj[Name.TrimBox] = page.cropbox
    form = pdf.copy_foreign(page.as_form_xobject(handle_transformations=True))
    name = added.add_resource(form, Name.XObject)
    rectangle = pikepdf.Rectangle(added.mediabox)
    return bytes(added.calc_form_xobject_placement(form, name, rectangle)) + b"\n"


def _drawn(pdf: pikepdf.Pdf, added: pikepdf.Page, drawn: pypdfium2.PdfPage, page: pikepdf.Page) -> tuple[bytes, _Words]:
    """Place the page on the new one as an image of what a reader shows; return also the words of its own layer."""
    try:
        width, height = drawn.get_size()
        dpi = min(_MOST_DPI, max(_LEAST_DPI, drawn_on(drawn.raw, 1.0).lowest_dpi or _MOST_DPI))
        scale = min(dpi / 72, math.sqrt(MAX_PIXELS / (width * height)))
        image = drawn.render(scale=scale, may_draw_forms=True).to_pil().convert("RGB")
        layer = _layer_words(drawn)
    finally:
        drawn.close()
    jpeg = io.BytesIO()
    image.save(jpeg, "JPEG", quality=_JPEG_QUALITY, dpi=(round(scale * 72),) * 2)
    picture = pdf.make_stream(
        jpeg.getvalue(),
        Dictionary(
            Type=Name.XObject,
            Subtype=Name.Image,
            Width=image.width,
            Height=image.height,
            ColorSpace=Name.DeviceRGB,
            BitsPerComponent=8,
            Filter=Name.DCTDecode,
        ),
    )
    name = added.add_resource(picture, Name.XObject)
    box = added.mediabox
    return f"q {float(box[2]):.4f} 0 0 {float(box[3]):.4f} 0 0 cm {name} Do Q\n".encode(), layer


def _layer_words(page: pypdfium2.PdfPage) -> _Words:
    """Return the words of the page's own text layer with their places."""
    width, height = page.get_size()
    text = page.get_textpage()
    try:
        found = list(_boxed_words(text))
    finally:
        text.close()
    places = tuple(
        Place(left / width, 1 - bottom / height, right / width, 1 - bottom / height, (top - bottom) / height)
        for _, (left, bottom, right, top) in found
    )
    return _Words(tuple(word for word, _ in found), places)


def _boxed_words(text: pypdfium2.PdfTextPage) -> Iterator[tuple[str, tuple[float, float, float, float]]]:
    """Yield each word with its box: left, bottom, right, top in points."""
    letters: list[str] = []
    boxes: list[tuple[float, float, float, float]] = []
    for at in range(text.count_chars()):
        letter = text.get_text_range(at, 1)
        if letter.strip():
            letters.append(letter)
            boxes.append(text.get_charbox(at))
        elif letters:
            yield "".join(letters), _around(boxes)
            letters, boxes = [], []
    if letters:
        yield "".join(letters), _around(boxes)


def _around(boxes: list[tuple[float, float, float, float]]) -> tuple[float, float, float, float]:
    lefts, bottoms, rights, tops = zip(*boxes, strict=True)
    return min(lefts), min(bottoms), max(rights), max(tops)


def _invisible(words: _Words, width: float, height: float) -> bytes:
    """Return the words as text that is not painted, each over its place (text rendering mode 3)."""
    lines = ["q BT", f"{_INVISIBLE} Tr /Words 1 Tf"]
    for word, place in zip(words.words, words.places or (), strict=False):
        codes = invisible_codes(word)
        across, up = (place.end_x - place.x) * width, (place.y - place.end_y) * height
        length, size = math.hypot(across, up), place.height * height
        if not codes or length <= 0 or size <= 0:
            continue
        cosine, sine = across / length, up / length
        stretch = length / (len(codes) / 2 * INVISIBLE_WIDTH / 1000)
        matrix = (stretch * cosine, stretch * sine, -size * sine, size * cosine, place.x * width)
        lines.append(" ".join(f"{number:.3f}" for number in (*matrix, height - place.y * height)) + " Tm")
        lines.append(f"<{codes.hex()}0020> Tj")
    return "\n".join([*lines, "ET Q\n"]).encode()


def _describe(pdf: pikepdf.Pdf, told: Mapping[str, Any]) -> None:
    """Say in the metadata what the file is, and what its colours mean: sRGB."""
    with pdf.open_metadata(set_pikepdf_as_editor=False, update_docinfo=False) as metadata:
        metadata["dc:title"] = told["title"]
        metadata["xmp:CreateDate"] = told["at"]
        metadata["xmp:CreatorTool"] = "archive-service"
    pikepdf.pdfa.prepare(pdf, FLAVOUR, output_intent="sRGB")
