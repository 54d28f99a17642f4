"""Reads what a PDF is: runs in the sandboxed child, on one open descriptor, and emits one message.

It must never write, never follow a reference out of the file, and never unpack a stream beyond the budget.
What the facts mean is decided elsewhere. Structure: ISO 32000-2.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

import pikepdf

from archive_service.model.findings import FindingCode
from archive_service.pdf.active import active_content, dictionaries_in, stream_active_content
from archive_service.pdf.drawing import drawable
from archive_service.pdf.inflate import BadStream, InflatesTooFar, UnknownFilter, unpacked_bytes
from archive_service.pdf.opened import BROKEN_PART, NotReadable, Opened
from archive_service.pdf.pages import Drawn, drawn_on, loaded_page, page_size
from archive_service.pdf.sandbox_server import Emit
from archive_service.pdf.signature_facts import Signed, signature_of
from archive_service.pdf.window import first_bytes

FACTS = "facts"
NOT_INSPECTED = "not-inspected"

# Each earlier revision is opened again; real files have a handful.
_MAX_REVISIONS = 64
_MAX_FONTS = 200
_METADATA_BYTES = 4 * 1024 * 1024

_BASE_FONT = re.compile(rb"/BaseFont /([^\s/<>\[\]()]{1,127})")
_SUBSET = re.compile(r"^[A-Z]{6}\+")
_MAY_BE_SIGNED = re.compile(rb"/V[\s<]")
_PDFA_PART = re.compile(r"pdfaid:part\s*(?:=\s*[\"']|>)\s*(\d{1,2})")
_PDFA_CONFORMANCE = re.compile(r"pdfaid:conformance\s*(?:=\s*[\"']|>)\s*([A-Za-z]{1,2})")


@dataclass(slots=True)
class _Seen:
    """What a walk over all objects has gathered so far."""

    active: set[FindingCode] = field(default_factory=set)
    fonts: set[str] = field(default_factory=set)
    signatures: list[Signed] = field(default_factory=list)
    unpacked: int = 0
    unreadable: int = 0


def inspect(document: int, options: Mapping[str, Any], emit: Emit) -> None:
    """Emit the facts of the PDF on the descriptor, as ``inspect_opened`` does with the same options."""
    with Opened(document, options["max_decoded_bytes"]) as file:
        inspect_opened(file, options, emit)


def inspect_opened(file: Opened, options: Mapping[str, Any], emit: Emit) -> None:
    """Emit the facts of the PDF, or why there are none.

    Options: ``max_pages``, ``max_decoded_bytes``. MemoryError goes through: the process's limit was reached.
    """
    try:
        emit({"kind": FACTS, **_facts(file, options["max_pages"], options["max_decoded_bytes"])})
    except NotReadable as reason:
        emit({"kind": NOT_INSPECTED, "finding": str(reason.finding), "detail": reason.detail})


def _facts(file: Opened, max_pages: int, max_decoded_bytes: int) -> dict[str, object]:
    pdf, envelope, document = file.pdf, file.envelope, file.document
    # Without its last line alone a file can still be whole; what needs repairs then is not.
    if envelope.goes_on or (not envelope.has_end and file.repairs):
        raise NotReadable(FindingCode.TRUNCATED)
    pages = _page_list(pdf, max_pages)
    seen = _walk(pdf, document, max_decoded_bytes)
    for end in envelope.revision_ends[-_MAX_REVISIONS:]:
        seen.active |= _active_in_revision(document, end)
    page_facts, unreadable_pages = _page_facts(document, pages)
    return {
        "pdf_version": _version(pdf),
        "page_count": len(pages),
        "pages": page_facts,
        "pdfa_claim": _pdfa_claim(pdf),
        "fonts": sorted(seen.fonts)[:_MAX_FONTS],
        "active_content": sorted(seen.active),
        "signatures": [asdict(signed) for signed in seen.signatures],
        "junk_before_header_bytes": envelope.header_at,
        "bytes_after_end": envelope.bytes_after_end,
        "repairs": file.repairs + (not envelope.has_end),
        "unreadable_parts": seen.unreadable + unreadable_pages,
    }


def _page_list(pdf: pikepdf.Pdf, max_pages: int) -> list[pikepdf.Page]:
    try:
        count = len(pdf.pages)
    except (pikepdf.PdfError, RuntimeError, TypeError, ValueError, KeyError, AttributeError) as broken:
        raise NotReadable(FindingCode.DAMAGED) from broken
    if count == 0:
        raise NotReadable(FindingCode.NO_PAGES)
    if count > max_pages:
        raise NotReadable(FindingCode.TOO_MANY_PAGES, pages=count, most=max_pages)
    return list(pdf.pages)


def _walk(pdf: pikepdf.Pdf, document: int, max_decoded_bytes: int) -> _Seen:
    """Look at every object once. Raises NotReadable when the streams unpack beyond the budget."""
    seen = _Seen()
    for item in pdf.objects:
        try:
            if isinstance(item, pikepdf.Stream):
                seen.active |= stream_active_content(item.stream_dict)
                _look_at(item.stream_dict, document, seen)
                seen.unpacked += _unpacked(item, max_decoded_bytes - seen.unpacked)
            else:
                _look_at(item, document, seen)
        except InflatesTooFar as bomb:
            raise NotReadable(FindingCode.INFLATES_TOO_FAR, most_bytes=max_decoded_bytes) from bomb
        except (BadStream, UnknownFilter, *BROKEN_PART):
            seen.unreadable += 1
    return seen


def _look_at(item: pikepdf.Object, document: int, seen: _Seen) -> None:
    if not isinstance(item, (pikepdf.Dictionary, pikepdf.Array)):
        return
    text = item.unparse(resolved=True)
    seen.active |= active_content(text, item)
    if len(seen.fonts) < _MAX_FONTS:
        for name in _BASE_FONT.findall(text):
            seen.fonts.add(_SUBSET.sub("", name.decode("utf-8", "replace")))
    if _MAY_BE_SIGNED.search(text):
        for dictionary in dictionaries_in(item):
            if signed := signature_of(dictionary, document):
                seen.signatures.append(signed)


def _unpacked(stream: pikepdf.Stream, budget_bytes: int) -> int:
    filters = stream.stream_dict.get("/Filter")
    if filters is None or "/F" in stream.stream_dict:
        return 0
    chain = [filters] if isinstance(filters, pikepdf.Name) else list(filters)
    names = [str(name).removeprefix("/") for name in chain]
    return unpacked_bytes(memoryview(stream.get_raw_stream_buffer()), names, budget_bytes)


def _active_in_revision(document: int, end: int) -> set[FindingCode]:
    """Return what acts in the file as it was up to ``end``; nothing when that was no PDF of its own."""
    found: set[FindingCode] = set()
    try:
        with pikepdf.open(first_bytes(document, end), attempt_recovery=False) as earlier:  # type: ignore[arg-type]
            for item in earlier.objects:
                if isinstance(item, pikepdf.Stream):
                    found |= stream_active_content(item.stream_dict)
                dictionary = item.stream_dict if isinstance(item, pikepdf.Stream) else item
                if isinstance(dictionary, (pikepdf.Dictionary, pikepdf.Array)):
                    found |= active_content(dictionary.unparse(resolved=True), dictionary)
    except (pikepdf.PasswordError, *BROKEN_PART):
        return found
    return found


def _page_facts(document: int, pages: list[pikepdf.Page]) -> tuple[list[dict[str, object]], int]:
    """Return the facts of each page, and how many pages could not be read wholly."""
    facts: list[dict[str, object]] = []
    unreadable = 0
    with drawable(document) as drawing:
        for number, page in enumerate(pages):
            width = height = 0.0
            seen = Drawn(has_text=False, lowest_dpi=None, image_share=0.0, anything=False)
            try:
                width, height = page_size(page)
                unit = float(page.obj.get("/UserUnit", 1))
                if drawing is None:
                    raise ValueError("the second library cannot open the file")
                with loaded_page(drawing, number) as opened:
                    seen = drawn_on(opened, unit)
            except BROKEN_PART:
                unreadable += 1
            dpi = None if seen.lowest_dpi is None else round(seen.lowest_dpi)
            facts.append({"width": width, "height": height, "text": seen.has_text, "dpi": dpi})
    return facts, unreadable


def _version(pdf: pikepdf.Pdf) -> str:
    """Return the later of the header's and the catalogue's version (ISO 32000-2 §7.2.2)."""
    catalogue = pdf.Root.get("/Version")
    later = str(catalogue).removeprefix("/") if isinstance(catalogue, pikepdf.Name) else ""
    return max(pdf.pdf_version, later if re.fullmatch(r"\d\.\d", later) else "")


def _pdfa_claim(pdf: pikepdf.Pdf) -> str | None:
    """Return part and conformance level that the metadata claim, for example 2b (ISO 19005-2 §6.6.4)."""
    try:
        metadata = pdf.Root.get("/Metadata")
        if not isinstance(metadata, pikepdf.Stream) or _unpacked(metadata, _METADATA_BYTES) == 0:
            text = metadata.read_raw_bytes() if isinstance(metadata, pikepdf.Stream) else b""
        else:
            text = metadata.read_bytes()
    except (InflatesTooFar, BadStream, UnknownFilter, *BROKEN_PART):
        return None
    readable = text[:_METADATA_BYTES].replace(b"\0", b"").decode("utf-8", "replace")
    part = _PDFA_PART.search(readable)
    level = _PDFA_CONFORMANCE.search(readable)
    return part[1] + (level[1].lower() if level else "") if part else None
