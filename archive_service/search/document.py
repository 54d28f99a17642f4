"""What both engines index of a record: one document made into the same words, codes and numbers for each.

The words are found here and not by an engine, so that Elasticsearch and the embedded index can never split a
text differently. Pure; knows no engine.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import chain
from typing import NamedTuple

from archive_service.model.fold import fold, normalise, words
from archive_service.model.query import IndexDocument, code_of

# Changes with every change of what is indexed or how: an index of another version must be built anew.
SCHEMA_VERSION = 1

# Stands between two texts of one document, so that no phrase matches across them. It is no word of any query,
# because ``fold.words`` finds letters, digits and underscores only.
SEPARATOR = "¶"

# Longest word that is indexed whole, in code points: base64 and other machine text is cut, on both sides
# alike. 48 code points stay far below the 255 at which Elasticsearch's whitespace tokenizer would split a
# word.
MAXIMUM_WORD = 48

# Codes taken from one document's text, and the longest one: a table of figures must not make the index swell.
MAXIMUM_TEXT_CODES = 256
MAXIMUM_CODE = 64

# A number is a code of its own from so many digits on; shorter ones are found as words.
_SHORTEST_NUMBER = 4
_DIGIT = re.compile(r"\d")
_LONG_NUMBER = re.compile(rf"\d{{{_SHORTEST_NUMBER},}}")

# Runs of letters between two blanks that are remembered with what is indexed of them: offices write few
# syllables, and each document writes the same ones again. Longer ones hardly come again.
_RUNS_REMEMBERED = 1 << 15
LONGEST_REMEMBERED = 128

# Days are those of the country's clock (UTC+07:00 without summer time), because people name days by it.
_LOCAL = dt.timezone(dt.timedelta(hours=7))


@dataclass(frozen=True, slots=True)
class IndexFields:
    """One document as both engines hold it.

    ``exact`` and ``folded`` are words joined by one blank; ``name`` and ``name_folded`` are those of the
    subject's name alone. ``keys`` are the codes that name the record (identifiers, dossier, document),
    ``codes`` are those and the codes met in the text. Days are proleptic ordinals (1 = 1 January of year 1).
    """

    record_id: str
    exact: str
    folded: str
    name: str
    name_folded: str
    keys: tuple[str, ...]
    codes: tuple[str, ...]
    office: str
    result_type: str
    subject: str
    dossier: str | None
    trust: str
    state: str
    access_level: str
    issued_day: int | None
    stored_day: int
    year: int | None


def index_fields(document: IndexDocument) -> IndexFields:
    """Return what is indexed of ``document``."""
    name, summary, text = (_read(said) for said in (document.subject_name, document.summary, document.text))
    parts = (
        name,
        _read(document.result_type_name),
        summary,
        _read(document.document_code),
        _read(document.dossier_code),
        _read(" ".join(document.identifiers)),
        _read(document.issuing_body),
        _read(document.signer),
        text,
    )
    keys = tuple(dict.fromkeys(_codes((*document.identifiers, document.dossier_code, document.document_code))))
    found = dict.fromkeys((*keys, *summary.codes, *text.codes))
    issued_on = document.issued_on
    return IndexFields(
        record_id=document.record_id,
        exact=_separated(part.exact for part in parts),
        folded=_separated(part.folded for part in parts),
        name=name.exact,
        name_folded=name.folded,
        keys=keys,
        codes=tuple(found)[: len(keys) + MAXIMUM_TEXT_CODES],
        office=document.office,
        result_type=document.result_type,
        subject=document.subject_id,
        dossier=code_of(document.dossier_code) if document.dossier_code else None,
        trust=document.trust.value,
        state=document.state.value,
        access_level=document.access_level.value,
        issued_day=issued_on.toordinal() if issued_on else None,
        stored_day=local_day(document.stored_at),
        year=issued_on.year if issued_on else None,
    )


def cut_words(found: Iterable[str]) -> list[str]:
    """Return each word, cut to ``MAXIMUM_WORD`` code points."""
    return [word[:MAXIMUM_WORD] for word in found]


def local_day(instant: dt.datetime) -> int:
    """Return the ordinal of the day on which an aware instant falls in Vietnam.

    >>> local_day(dt.datetime(2021, 3, 1, 18, tzinfo=dt.UTC)) == dt.date(2021, 3, 2).toordinal()
    True
    """
    return instant.astimezone(_LOCAL).date().toordinal()


def _codes(texts: Iterable[str | None]) -> Iterator[str]:
    for text in texts:
        code = code_of(normalise(text))[:MAXIMUM_CODE] if text else ""
        if code:
            yield code


class _Words(NamedTuple):
    """What is indexed of a text: its words joined by one blank, and its codes.

    ``codes`` are the runs between two blanks that have a digit, unless it is a short number, and each longer number
    in them.
    """

    exact: str
    folded: str
    codes: tuple[str, ...]


_NO_WORDS = _Words("", "", ())


def _read(text: str | None) -> _Words:
    """Return what is indexed of ``text``. Neither a word nor a code reaches across a blank."""
    runs = normalise(text).split() if text else ()
    if not runs:
        return _NO_WORDS
    exact, folded, codes = zip(*map(_REMEMBERED.__getitem__, runs), strict=True)
    return _Words(" ".join(filter(None, exact)), " ".join(filter(None, folded)), tuple(chain.from_iterable(codes)))


def _read_run(run: str) -> _Words:
    if run.isascii() and run.isdigit():
        # Most runs that were never met before are numbers, and a number is one word and one code at most.
        word = run[:MAXIMUM_WORD]
        return _Words(word, word, (run[:MAXIMUM_CODE],) if len(run) >= _SHORTEST_NUMBER else ())
    exact = " ".join(cut_words(words(run)))
    return _Words(exact, fold(exact), tuple(_run_codes(run)) if _DIGIT.search(run) else ())


class RememberedRuns(dict[str, _Words]):
    """Run → what is indexed of it, filled as runs are met, and emptied when ``limit`` are kept."""

    def __init__(self, limit: int = _RUNS_REMEMBERED) -> None:
        """Remember nothing yet."""
        super().__init__()
        self._limit = limit

    def __missing__(self, run: str) -> _Words:
        if len(run) > LONGEST_REMEMBERED:
            return _read_run(run)
        if len(self) >= self._limit:
            self.clear()
        read = self[run] = _read_run(run)
        return read


_REMEMBERED = RememberedRuns()


def _run_codes(run: str) -> Iterator[str]:
    numbers = _LONG_NUMBER.findall(run)
    code = code_of(run)[:MAXIMUM_CODE]
    if code and (numbers or not code.isdigit()):
        yield code
    yield from (number[:MAXIMUM_CODE] for number in numbers)


def _separated(texts: Iterable[str]) -> str:
    return f" {SEPARATOR} ".join(filter(None, texts))
