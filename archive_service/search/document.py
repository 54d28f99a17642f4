"""What both engines index of a record: one document made into the same words, codes and numbers for each.

The words are found here and not by an engine, so that Elasticsearch and the embedded index can never split a
text differently. Pure; knows no engine.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

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
# What stands between two blanks and has a digit; tried only where a run begins, so that it is linear.
_RUN_WITH_DIGIT = re.compile(r"(?<!\S)[^\s\d]*+\d\S*")
_LONG_NUMBER = re.compile(rf"\d{{{_SHORTEST_NUMBER},}}")

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
    texts = (
        document.subject_name,
        document.result_type_name,
        document.summary,
        document.document_code,
        document.dossier_code,
        " ".join(document.identifiers),
        document.issuing_body,
        document.signer,
        document.text,
    )
    parts = (" ".join(index_words(text)) for text in texts if text)
    exact = f" {SEPARATOR} ".join(part for part in parts if part)
    name = " ".join(index_words(document.subject_name))
    keys = tuple(dict.fromkeys(_codes((*document.identifiers, document.dossier_code, document.document_code))))
    found = dict.fromkeys((*keys, *_text_codes(normalise(document.summary or ""), normalise(document.text))))
    issued_on = document.issued_on
    return IndexFields(
        record_id=document.record_id,
        exact=exact,
        folded=fold(exact),
        name=name,
        name_folded=fold(name),
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


def index_words(text: str) -> list[str]:
    """Return the words of ``text`` as they are indexed: normalised, lower case, cut to ``MAXIMUM_WORD``.

    >>> index_words("Số: 1234/QĐ-BHXH")
    ['số', '1234', 'qđ', 'bhxh']
    """
    return cut_words(words(normalise(text)))


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


def _text_codes(*texts: str) -> Iterator[str]:
    """Yield the runs with a digit in running text, and each longer number in them."""
    for text in texts:
        for run in _RUN_WITH_DIGIT.findall(text):
            numbers = _LONG_NUMBER.findall(run)
            code = code_of(run)[:MAXIMUM_CODE]
            if code and (numbers or not code.isdigit()):
                yield code
            yield from (number[:MAXIMUM_CODE] for number in numbers)
