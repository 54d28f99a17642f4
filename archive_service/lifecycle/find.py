"""Finding records by words: the index proposes, the register decides.

The index gives ids; each is looked up in the register again, with the caller's offices and access levels, before
anything of it is shown. A search is one event of the log, with the ids it returned.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass

from archive_service.lifecycle.visible import may_see
from archive_service.model.archive import Archive
from archive_service.model.events import Event, EventType
from archive_service.model.identifiers import Identifier, OfficeCode, ResultTypeCode, SubjectId
from archive_service.model.permissions import Action, Caller, require
from archive_service.model.query import (
    Facet,
    SearchFilters,
    SearchPage,
    SearchQuery,
    Sort,
    parse_query,
)
from archive_service.model.record import DocumentText, Record, RecordState, Trust
from archive_service.model.snippet import Snippet, snippet
from archive_service.model.units import RegisterUnit


@dataclass(frozen=True, slots=True)
class Search:
    """What a caller asks for; all but the words are limits. ``sort`` of None: best first where there are words."""

    text: str = ""
    office: OfficeCode | None = None
    result_types: frozenset[ResultTypeCode] = frozenset()
    subject: Identifier | None = None
    dossier_code: str | None = None
    issued_from: dt.date | None = None
    issued_to: dt.date | None = None
    stored_from: dt.date | None = None
    stored_to: dt.date | None = None
    trusts: frozenset[Trust] = frozenset()
    states: frozenset[RecordState] = frozenset({RecordState.STORED})
    sort: Sort | None = None
    size: int = 20
    cursor: str | None = None
    facets: tuple[Facet, ...] = ()


@dataclass(frozen=True, slots=True)
class FoundRecord:
    """A record that matched and that the caller may see."""

    record: Record
    score: float
    result_type_name: str | None
    snippet: Snippet | None


@dataclass(frozen=True, slots=True)
class Found:
    """One page of what was found. ``total`` counts what the index holds for the caller's offices.

    Where not ``total_is_exact``, there are at least so many, and that is a thousand or more.
    """

    hits: tuple[FoundRecord, ...]
    total: int
    next_cursor: str | None
    facets: Mapping[Facet, Mapping[str, int]]
    total_is_exact: bool = True


def find(archive: Archive, caller: Caller, search: Search) -> Found:
    """Return one page of records that match, best first, each one visible to the caller.

    Raises NotAllowed, InvalidInput for a cursor that belongs to another search, Unavailable when the index is down.
    """
    require(caller, Action.SEARCH)
    parsed = parse_query(search.text)
    filters = archive.register.read(lambda unit: _filters(unit, caller, search))
    query = SearchQuery(
        parsed=parsed,
        filters=filters,
        sort=search.sort or (Sort.RELEVANCE if parsed.wanted else Sort.NEWEST),
        size=search.size,
        cursor=search.cursor,
        facets=search.facets,
    )
    page = archive.index.search(query)
    hits = archive.register.read(lambda unit: _check(unit, caller, page, query))
    _log(archive, caller, search, page, hits)
    return Found(hits, page.total, page.next_cursor, page.facets, page.total_is_exact)


def _filters(unit: RegisterUnit, caller: Caller, search: Search) -> SearchFilters:
    offices = caller.offices
    if search.office is not None:
        offices = offices & unit.reference.subtree(search.office)
    states = (search.states or _KEPT) & (_KEPT if caller.may(Action.READ_QUARANTINE) else _SERVED)
    every_office = search.office is None and len(offices) == len(unit.reference.offices())
    return SearchFilters(
        offices=None if every_office else offices,
        # Without a state that the caller may see nothing is found; to the index, no states would mean no limit.
        access_levels=caller.readable_levels if states else frozenset(),
        result_types=search.result_types,
        subjects=_subjects(unit, search.subject),
        dossier_code=search.dossier_code,
        issued_from=search.issued_from,
        issued_to=search.issued_to,
        stored_from=search.stored_from,
        stored_to=search.stored_to,
        trusts=search.trusts,
        states=states,
    )


# What is shown to everyone who may search; the rest to those who may look into quarantine.
_SERVED = frozenset({RecordState.STORED})
_KEPT = _SERVED | {RecordState.QUARANTINED, RecordState.REJECTED}

# No subject has this id: a number that nobody has must find nothing, and not everything.
_NOBODY = SubjectId("nobody")


def _subjects(unit: RegisterUnit, identifier: Identifier | None) -> frozenset[SubjectId]:
    if identifier is None:
        return frozenset()
    subject = unit.subjects.by_identifier(identifier)
    if subject is None:
        return frozenset({_NOBODY})
    return frozenset(member.id for member in unit.subjects.family(subject.id))


def _check(unit: RegisterUnit, caller: Caller, page: SearchPage, query: SearchQuery) -> tuple[FoundRecord, ...]:
    parsed = query.parsed
    ids = [hit.record_id for hit in page.hits]
    records = unit.records.get_many(ids)
    # A snippet is a piece of the document: only for those who may read it.
    texts = unit.texts.get_many(ids) if parsed.wanted and caller.may(Action.READ_CONTENT) else {}
    names = {kind.code: kind.name for kind in unit.reference.result_types()}
    found = []
    for hit in page.hits:
        record = records.get(hit.record_id)
        if record is None or not may_see(caller, record) or record.state not in query.filters.states:
            continue
        shown = snippet(_shown_text(record, texts.get(record.id)), parsed) if parsed.wanted else None
        found.append(FoundRecord(record, hit.score, names.get(record.metadata.result_type), shown))
    return tuple(found)


def _shown_text(record: Record, words: DocumentText | None) -> str:
    """What a snippet is cut from: the document's words, after what is said of it."""
    return " · ".join(part for part in (record.metadata.summary, words.text if words else None) if part)


def _log(archive: Archive, caller: Caller, search: Search, page: SearchPage, hits: tuple[FoundRecord, ...]) -> None:
    event = Event(
        EventType.SEARCHED,
        caller.id,
        archive.clock.now(),
        None,
        {
            "words": search.text,
            "subject": str(search.subject) if search.subject else None,
            "total": page.total,
            "returned": [hit.record.id for hit in hits],
        },
    )
    archive.register.write(lambda unit: unit.log.append(event))
