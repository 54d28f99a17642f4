"""What both engines index of a record: one document made into the same words, codes and numbers for each.

The words are found here and not by an engine, so that Elasticsearch and the embedded index can never split a
text differently. Pure; knows no engine.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterable, Iterator
from functools import lru_cache
from typing import NamedTuple

from archive_service.model.fold import fold, normalise, words
from archive_service.model.query import IndexDocument, code_of
from archive_service.search import plain_text
from archive_service.search.plain_text import BETWEEN, SEPARATOR

# Changes with every change of what is indexed or how: an index of another version must be built anew.
SCHEMA_VERSION = 1

# Longest word that is indexed whole, in code points: base64 and other machine text is cut, on both sides
# alike. 48 code points stay far below the 255 at which Elasticsearch's whitespace tokenizer would split a
# word.
MAXIMUM_WORD = 48

# Codes taken from one document's text, and the longest one: a table of figures must not make the index swell.
MAXIMUM_TEXT_CODES = 256
MAXIMUM_CODE = 64

# A number is a code of its own from so many digits on; shorter ones are found as words.
_SHORTEST_NUMBER = 4
_TO_END_OF_RUN = re.compile(r"\d\S*")
_LONG_NUMBER = re.compile(rf"\d{{{_SHORTEST_NUMBER},}}")

# Runs with a digit, between two blanks, that are remembered with their codes: laws and notations come again and again,
# longer ones hardly.
_RUNS_REMEMBERED = 1 << 13
_LONGEST_REMEMBERED = 128

# Days are those of the country's clock (UTC+07:00 without summer time), because people name days by it.
_LOCAL = dt.timezone(dt.timedelta(hours=7))


class IndexFields(NamedTuple):
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
    name, summary, text = (normalise(said or "") for said in (document.subject_name, document.summary, document.text))
    said = (
        name,
        document.result_type_name,
        summary,
        document.document_code,
        document.dossier_code,
        " ".join(document.identifiers),
        document.issuing_body,
        document.signer,
        text,
    )
    exact, folded = _words(normalise(plain_text.join(filter(None, said))))
    name_exact, name_folded = _words(plain_text.join((name,)))
    keys = tuple(dict.fromkeys(_codes((*document.identifiers, document.dossier_code, document.document_code))))
    found = dict.fromkeys((*keys, *_text_codes(summary), *_text_codes(text)))
    issued_on = document.issued_on
    return IndexFields(
        record_id=document.record_id,
        exact=exact,
        folded=folded,
        name=name_exact,
        name_folded=name_folded,
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


def _words(text: str) -> tuple[str, str]:
    """Return the words of NFC ``text`` as the one string that is indexed: with their marks, and without.

    It may be several texts that ``plain_text.join`` has made one.
    """
    read = plain_text.read(text, MAXIMUM_WORD)
    if read is not None:
        return read
    said = (" ".join(cut_words(words(part))) for part in text.split(BETWEEN))
    exact = f" {SEPARATOR} ".join(filter(None, said))
    return exact, fold(exact)


def _text_codes(text: str) -> Iterator[str]:
    """Yield each run between two blanks that has a digit, unless it is a short number, and each longer number in it."""
    end = 0
    for met in _TO_END_OF_RUN.finditer(text):
        # What stands before the first digit of a run has none: back to the blank, and no farther than the run before.
        begin = max(end, text.rfind(" ", end, met.start()))
        end = met.end()
        run = text[begin:end].rsplit(maxsplit=1)[-1]
        yield from _remembered_codes(run) if len(run) <= _LONGEST_REMEMBERED else _run_codes(run)


def _run_codes(run: str) -> tuple[str, ...]:
    if run.isascii() and run.isdigit():
        return (run[:MAXIMUM_CODE],) if len(run) >= _SHORTEST_NUMBER else ()
    numbers = [number[:MAXIMUM_CODE] for number in _LONG_NUMBER.findall(run)]
    code = code_of(run)[:MAXIMUM_CODE]
    return (code, *numbers) if code and (numbers or not code.isdigit()) else tuple(numbers)


_remembered_codes = lru_cache(maxsize=_RUNS_REMEMBERED)(_run_codes)
