"""Turns what a sandboxed process answered into the archive's own values.

It must never trust the answer: a process that read a hostile file may say anything, so that every value is
checked for kind and range, and text is cut to a length. An answer that does not hold is no answer.
"""

from __future__ import annotations

import base64
import binascii
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from archive_service.model.findings import FindingCode
from archive_service.model.inspection import Inspection, NotInspected, PageFact, PdfFacts, SignatureFact
from archive_service.model.record import DocumentText, PageText, TextSource
from archive_service.model.sealing import NotSealed, SealProblem
from archive_service.pdf.frames import Message
from archive_service.pdf.places import PLACE_BYTES
from archive_service.pdf.sandbox import Ending, Run

_MAX_NAME = 200
_MAX_ITEMS = 1_000_000
_MAX_COUNT = 1 << 53
_ACTIVE = frozenset(
    (
        FindingCode.JAVASCRIPT,
        FindingCode.LAUNCH_ACTION,
        FindingCode.EMBEDDED_FILES,
        FindingCode.XFA_FORM,
        FindingCode.EXTERNAL_STREAM,
        FindingCode.RICH_MEDIA,
        FindingCode.REMOTE_ACTION,
    )
)
_NOT_READ = frozenset(
    (
        FindingCode.EMPTY,
        FindingCode.NOT_A_PDF,
        FindingCode.TRUNCATED,
        FindingCode.DAMAGED,
        FindingCode.NO_PAGES,
        FindingCode.TOO_MANY_PAGES,
        FindingCode.ENCRYPTED,
        FindingCode.INFLATES_TOO_FAR,
    )
)


class MissingModel(Exception):
    """The process needed a language model that is not installed."""


class MissingFont(Exception):
    """The process needed the font of the seal's mark, and it is not there."""


class BadAnswer(Exception):
    """The answer is not one that an honest process gives."""


def inspection_from(message: Message) -> Inspection:
    """Return the inspection that the message tells. Raises BadAnswer."""
    kind = message.get("kind")
    if kind == "facts":
        return _facts(message)
    if kind == "not-inspected":
        detail = message.get("detail")
        if not isinstance(detail, dict):
            raise BadAnswer
        return NotInspected(
            _finding(message.get("finding"), _NOT_READ),
            {name(key): count(value) for key, value in detail.items()},
        )
    raise BadAnswer


def _facts(message: Message) -> PdfFacts:
    pages = tuple(_page(item) for item in items(message.get("pages")))
    claim = message.get("pdfa_claim")
    if not pages or count(message.get("page_count")) != len(pages):
        raise BadAnswer
    return PdfFacts(
        pdf_version=name(message.get("pdf_version")),
        page_count=len(pages),
        pages=pages,
        pdfa_claim=None if claim is None else name(claim),
        fonts=tuple(name(font) for font in items(message.get("fonts"))),
        active_content=tuple(_finding(code, _ACTIVE) for code in items(message.get("active_content"))),
        signatures=tuple(_signature(item) for item in items(message.get("signatures"))),
        junk_before_header_bytes=count(message.get("junk_before_header_bytes")),
        bytes_after_end=count(message.get("bytes_after_end")),
        repairs=count(message.get("repairs")),
        unreadable_parts=count(message.get("unreadable_parts")),
    )


def _page(item: object) -> PageFact:
    if not isinstance(item, dict):
        raise BadAnswer
    dpi = item.get("dpi")
    return PageFact(
        width_points=number(item.get("width")),
        height_points=number(item.get("height")),
        has_text=truth(item.get("text")),
        lowest_image_dpi=None if dpi is None else count(dpi),
    )


def _signature(item: object) -> SignatureFact:
    if not isinstance(item, dict):
        raise BadAnswer
    return SignatureFact(name(item.get("field")), name(item.get("sub_filter")), truth(item.get("covers")))


def _finding(value: object, permitted: frozenset[FindingCode]) -> FindingCode:
    if not isinstance(value, str) or value not in permitted:
        raise BadAnswer
    return FindingCode(value)


def text_from(messages: Sequence[Message]) -> DocumentText | None:
    """Return the words that the messages tell, page by page; None when the file could not be read.

    Raises MissingModel when words must be recognised and no model of the language is there, BadAnswer.
    """
    if not messages:
        raise BadAnswer
    *pages, last = messages
    if last.get("kind") == "unreadable":
        return None
    if last.get("kind") == "missing-language":
        raise MissingModel
    if last.get("kind") != "end" or count(last.get("pages")) != len(pages):
        raise BadAnswer
    return DocumentText(tuple(_page_text(page, number) for number, page in enumerate(pages, 1)))


def _page_text(message: Message, number_wanted: int) -> PageText:
    text, source, confidence = message.get("text"), message.get("source"), message.get("confidence")
    if message.get("kind") != "page" or message.get("number") != number_wanted:
        raise BadAnswer
    if not isinstance(text, str) or not isinstance(source, str) or source not in set(TextSource):
        raise BadAnswer
    sure = None if confidence is None else min(100.0, number(confidence))
    return PageText(number_wanted, text, TextSource(source), sure, _places(message.get("places")))


def _places(value: object) -> bytes | None:
    """Return the packed places of a page's words, None where it told none."""
    if value is None:
        return None
    if not isinstance(value, str):
        raise BadAnswer
    try:
        packed = base64.b64decode(value, validate=True)
    except binascii.Error as wrong:
        raise BadAnswer from wrong
    if len(packed) % PLACE_BYTES:
        raise BadAnswer
    return packed


@dataclass(frozen=True, slots=True)
class MadePdfa:
    """A PDF/A was made: of how many pages, and how many of them had to be drawn as images."""

    pages: int
    drawn_pages: int


_NOT_MADE = {
    "signed": SealProblem.SIGNED,
    "does-not-conform": SealProblem.DOES_NOT_CONFORM,
}


def made_from(run: Run) -> MadePdfa | NotSealed:
    """Return what came of making a PDF/A. A process that did not end well, or answers oddly, has made nothing.

    Running out of CPU time or memory would happen again; running out of wall time, and dying, need not.
    Raises MissingFont.
    """
    if run.ending in (Ending.OUT_OF_CPU, Ending.OUT_OF_MEMORY, Ending.OUT_OF_TIME):
        return NotSealed(SealProblem.TIMED_OUT, retryable=run.ending is Ending.OUT_OF_TIME)
    try:
        if run.ending is not Ending.COMPLETE or len(run.messages) != 1:
            raise BadAnswer
        (message,) = run.messages
        if message.get("kind") == "not-made":
            return NotSealed(_NOT_MADE.get(name(message.get("reason")), SealProblem.UNREADABLE), retryable=False)
        if message.get("kind") == "missing-font":
            raise MissingFont
        if message.get("kind") != "made":
            raise BadAnswer
        return MadePdfa(count(message.get("pages")), count(message.get("drawn_pages")))
    except BadAnswer:
        return NotSealed(SealProblem.CRASHED, retryable=True)


def items(value: object) -> Iterable[object]:
    """Return the list. Raises BadAnswer for anything else."""
    if not isinstance(value, list) or len(value) > _MAX_ITEMS:
        raise BadAnswer
    return value


def name(value: object) -> str:
    """Return the text, cut to a name's length and without control characters. Raises BadAnswer."""
    return printable(value, _MAX_NAME)


def printable(value: object, longest: int) -> str:
    """Return the text, cut to ``longest`` characters, without what cannot be printed. Raises BadAnswer."""
    if not isinstance(value, str):
        raise BadAnswer
    text = value[:longest]
    return text if text.isprintable() else "".join(filter(str.isprintable, text))


def count(value: object) -> int:
    """Return the whole number, not below nothing. Raises BadAnswer."""
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= _MAX_COUNT:
        raise BadAnswer
    return value


def number(value: object) -> float:
    """Return the finite number, not below nothing. Raises BadAnswer."""
    if not isinstance(value, (int, float)) or isinstance(value, bool) or not 0 <= value < math.inf:
        raise BadAnswer
    return float(value)


def truth(value: object) -> bool:
    """Return the truth value. Raises BadAnswer."""
    if not isinstance(value, bool):
        raise BadAnswer
    return value
