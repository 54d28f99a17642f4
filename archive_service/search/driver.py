"""The course of one search: strictly first, and forgivingly where nothing was found.

An engine answers one page of one plan; cursors, the second try and the shape of the answer are settled here,
so that both engines behave alike.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

from archive_service.model.identifiers import RecordId
from archive_service.model.query import Facet, Hit, SearchPage, SearchQuery, Sort
from archive_service.search import cursor as cursors
from archive_service.search.cursor import Cursor
from archive_service.search.plan import Plan, forgiving, plan


@dataclass(frozen=True, slots=True)
class PageRequest:
    """One page that an engine is asked for. ``after`` is where the page before ended, None for the first."""

    plan: Plan
    sort: Sort
    size: int
    facets: tuple[Facet, ...]
    after: Cursor | None = None


@dataclass(frozen=True, slots=True)
class FoundHit:
    """A hit with the value it was sorted by: a score, or a day (None: without a date)."""

    record_id: str
    score: float
    sort_value: float | None


@dataclass(frozen=True, slots=True)
class FoundPage:
    """What an engine answers: no more hits than asked for, whether more follow, and how many there are.

    ``total_is_exact``: see ``SearchPage``; ``tiered``: see ``Cursor``.
    """

    hits: tuple[FoundHit, ...]
    more: bool
    total: int
    facets: Mapping[Facet, Mapping[str, int]] = field(default_factory=dict)
    total_is_exact: bool = True
    tiered: bool = False


class Engine(Protocol):
    """One search engine, asked page by page."""

    @property
    def engine_name(self) -> str:
        """The name that binds a cursor to its engine."""
        ...

    def page(self, request: PageRequest) -> FoundPage:
        """Return the page of hits after ``request.after``, by score or day and then record id."""
        ...


def run(query: SearchQuery, engine: Engine) -> SearchPage:
    """Return the page of ``query``.

    Where the strict reading of the words finds nothing at all, each longer word may have one letter wrong;
    the cursor remembers it, so that later pages are of the same search.

    Raises InvalidInput for a foreign cursor; Unavailable from the engine.
    """
    after = cursors.decode(query, engine.engine_name)
    strict = plan(query)
    if strict.filters.impossible:
        return SearchPage((), 0, None, {facet: {} for facet in query.facets})
    lenient = forgiving(strict)
    if after is not None and after.forgiving and lenient is not None:
        found, is_forgiving = engine.page(_request(query, lenient, after)), True
    else:
        found, is_forgiving = engine.page(_request(query, strict, after)), False
        if found.total == 0 and after is None and lenient is not None:
            found, is_forgiving = engine.page(_request(query, lenient, None)), True
    next_cursor = None
    if found.more and found.hits:
        last = found.hits[-1]
        position = (after.position if after else 0) + len(found.hits)
        ended = Cursor(last.sort_value, last.record_id, position, is_forgiving, found.tiered)
        next_cursor = cursors.encode(ended, query, engine.engine_name)
    return SearchPage(
        hits=tuple(Hit(RecordId(hit.record_id), hit.score) for hit in found.hits),
        total=found.total,
        next_cursor=next_cursor,
        facets=found.facets,
        total_is_exact=found.total_is_exact,
    )


def _request(query: SearchQuery, chosen: Plan, after: Cursor | None) -> PageRequest:
    return PageRequest(chosen, query.sort, query.size, query.facets, after)
