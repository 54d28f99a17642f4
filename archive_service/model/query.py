"""What a search asks and what an index answers: the same meaning on every engine.

``parse_query`` never fails: characters that mean nothing are text, and text without a word matches by filter
only.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from archive_service.model.fold import fold, normalise, words
from archive_service.model.identifiers import OfficeCode, RecordId, ResultTypeCode, SubjectId
from archive_service.model.record import AccessLevel, RecordState, Trust


@dataclass(frozen=True, slots=True)
class Clause:
    """One part of a query: a run of words (more than one: a phrase), wanted or excluded.

    ``words`` are in lower case with their marks, as ``fold.words`` gives them. ``code`` is the clause as
    typed, folded and without blanks, where it contains a digit (a number or notation, found whole and by
    prefix), else None.
    """

    words: tuple[str, ...]
    excluded: bool = False
    code: str | None = None


@dataclass(frozen=True, slots=True)
class ParsedQuery:
    """The clauses of a query text; every wanted one must match, no excluded one may."""

    clauses: tuple[Clause, ...] = ()

    @property
    def wanted(self) -> tuple[Clause, ...]:
        """The clauses that must match."""
        return tuple(clause for clause in self.clauses if not clause.excluded)

    @property
    def excluded(self) -> tuple[Clause, ...]:
        """The clauses that must not match."""
        return tuple(clause for clause in self.clauses if clause.excluded)


# A longer query is a pasted document; its first words decide. Keeps every engine's limits far away.
MAXIMUM_CLAUSES = 64
MAXIMUM_PHRASE_WORDS = 32
_PART = re.compile(r'(?P<minus>(?<!\S)-)?(?:"(?P<phrase>[^"]*)"|(?P<plain>[^\s"]+))')
_ENCLOSING = ".,;:!?()[]{}<>'\"“”‘’…*"
_CURLY = str.maketrans({"“": '"', "”": '"', "„": '"', "«": '"', "»": '"'})


def parse_query(text: str) -> ParsedQuery:
    """Return the clauses of what a person typed: words, "phrases", and -word or -"phrase" to exclude.

    A plain part with inner punctuation (1234/QĐ-BHXH) is a phrase of its words.

    >>> [c.words for c in parse_query('bảo hiểm -"y tế"').clauses]
    [('bảo',), ('hiểm',), ('y', 'tế')]
    """
    clauses: list[Clause] = []
    for match in _PART.finditer(normalise(text).translate(_CURLY)):
        body = match["phrase"] if match["phrase"] is not None else match["plain"]
        found = tuple(words(body))
        if not found:
            continue
        code = code_of(body) if any(c.isdigit() for c in body) else None
        clauses.append(Clause(found[:MAXIMUM_PHRASE_WORDS], match["minus"] is not None, code or None))
        if len(clauses) == MAXIMUM_CLAUSES:
            break
    return ParsedQuery(tuple(clauses))


def code_of(text: str) -> str:
    """Return NFC ``text`` as a comparable code: folded, without blanks and enclosing punctuation.

    >>> code_of("(Số 1234/QĐ-BHXH);")
    'so1234/qd-bhxh'
    """
    if not text.isprintable() or " " in text:  # no blank but this one is printable
        text = "".join(c for c in text if c.isprintable() and not c.isspace())
    return fold(text).strip(_ENCLOSING)


class Sort(StrEnum):
    """In which order hits come. Dates are dates of issue; a record without one comes last."""

    RELEVANCE = "relevance"
    NEWEST = "newest"
    OLDEST = "oldest"


class Facet(StrEnum):
    """What hits can be counted by."""

    OFFICE = "office"
    RESULT_TYPE = "result_type"
    TRUST = "trust"
    STATE = "state"
    YEAR = "year"


@dataclass(frozen=True, slots=True)
class SearchFilters:
    """What limits a search. An empty set means no limit, except where it says what the caller may see.

    ``offices`` is always the expanded subtree of the caller; None means every office there is (a caller at
    the root), and no filter is sent to the engine. Empty ``offices`` or ``access_levels`` match nothing: who
    may see nothing finds nothing.
    """

    offices: frozenset[OfficeCode] | None
    access_levels: frozenset[AccessLevel] = frozenset(AccessLevel)
    result_types: frozenset[ResultTypeCode] = frozenset()
    subjects: frozenset[SubjectId] = frozenset()
    dossier_code: str | None = None
    issued_from: dt.date | None = None
    issued_to: dt.date | None = None
    stored_from: dt.date | None = None
    stored_to: dt.date | None = None
    trusts: frozenset[Trust] = frozenset()
    states: frozenset[RecordState] = frozenset({RecordState.STORED})


@dataclass(frozen=True, slots=True)
class SearchQuery:
    """One page of one search; ``cursor`` is what the page before gave back, opaque to all but the engine."""

    parsed: ParsedQuery
    filters: SearchFilters
    sort: Sort = Sort.RELEVANCE
    size: int = 20
    cursor: str | None = None
    facets: tuple[Facet, ...] = ()


@dataclass(frozen=True, slots=True)
class Hit:
    """A record that matched, best first."""

    record_id: RecordId
    score: float


@dataclass(frozen=True, slots=True)
class SearchPage:
    """A page of hits, best first.

    ``next_cursor`` is None on the last page; facets map a value to its count over all hits. Where not
    ``total_is_exact``, there are at least ``total`` hits, and that is a thousand or more.
    """

    hits: tuple[Hit, ...]
    total: int
    next_cursor: str | None = None
    facets: Mapping[Facet, Mapping[str, int]] = field(default_factory=dict)
    total_is_exact: bool = True


@dataclass(frozen=True, slots=True)
class IndexDocument:
    """What an index is given of a record. Texts are NFC; ``text`` is the whole document's words."""

    record_id: RecordId
    office: OfficeCode
    result_type: ResultTypeCode
    subject_id: SubjectId
    subject_name: str
    identifiers: tuple[str, ...]
    trust: Trust
    state: RecordState
    access_level: AccessLevel
    stored_at: dt.datetime
    issued_on: dt.date | None = None
    dossier_code: str | None = None
    document_code: str | None = None
    issuing_body: str | None = None
    signer: str | None = None
    summary: str | None = None
    result_type_name: str | None = None
    text: str = ""
