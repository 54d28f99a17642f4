"""Pages of hits on the embedded engine, in a total order that ends in the record id.

The engine orders by one number only and breaks ties by where a document happens to lie. A page is therefore
read with some hits to spare, runs of equal numbers are put in id order here, and where the last run may not
be whole, more is read. Dates and ids page by a boundary, at the same cost at any depth; relevance reads from
the top again, so that its cost grows with the depth.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from uuid import UUID

import tantivy
from tantivy import Order, Query

from archive_service.model.query import Facet, Sort
from archive_service.search.cursor import Cursor
from archive_service.search.driver import FoundHit, FoundPage, PageRequest
from archive_service.search.embedded_query import QueryWriter
from archive_service.search.embedded_schema import SHARES, SortKey, day_of

# Hits read beyond the page, so that most runs of equal numbers end within what was read.
_SPARE = 48
_GROWTH = 4
_FACET_FIELDS: Mapping[Facet, str] = {
    Facet.OFFICE: "office",
    Facet.RESULT_TYPE: "result_type",
    Facet.TRUST: "trust",
    Facet.STATE: "state",
    Facet.YEAR: "year",
}
# More offices, result types and years than there are: a facet is complete.
_FACET_SIZE = 20_000
_IDS_AT_ONCE = 20_000

# A hit as the engine gives it: the number it was ordered by, and where the document lies.
_ScoredHit = tuple[float, tantivy.DocAddress]


@dataclass(frozen=True, slots=True)
class _Column:
    """A column that hits are sorted by, and its direction."""

    name: str
    descending: bool

    def key(self, sort_value: float | None, record_id: str) -> SortKey:
        """Return the place of a hit in this order."""
        day = None if sort_value is None else int(sort_value)
        if self.name == "newest":
            return SortKey.newest(day, record_id)
        if self.name == "oldest":
            return SortKey.oldest(day, record_id)
        return SortKey.by_id(record_id)


_BY_ID = _Column("id_high", descending=False)
_BY_DAY: Mapping[Sort, _Column] = {
    Sort.NEWEST: _Column("newest", descending=True),
    Sort.OLDEST: _Column("oldest", descending=False),
}


class PageReader:
    """Reads pages from one searcher: one unchanging view of the index."""

    def __init__(self, searcher: tantivy.Searcher, writer: QueryWriter) -> None:
        self._searcher = searcher
        self._writer = writer

    def page(self, request: PageRequest) -> FoundPage:
        """Return the page that is asked for."""
        if request.sort is Sort.RELEVANCE and request.plan.wanted:
            hits, total = self._by_score(request)
        else:
            hits, total = self._by_column(request, _BY_DAY.get(request.sort, _BY_ID))
        return FoundPage(
            hits=tuple(hits[: request.size]),
            more=len(hits) > request.size,
            total=total,
            facets=self._facets(request),
        )

    def ids(self) -> Iterator[str]:
        """Yield the id of every document, in id order."""
        everything = Query.all_query()
        after: SortKey | None = None
        while True:
            keys = self._keys(everything, _BY_ID, after, _IDS_AT_ONCE)
            for key in keys:
                yield _id_of(key.number)
            if len(keys) < _IDS_AT_ONCE:
                return
            after = keys[-1]

    def _by_score(self, request: PageRequest) -> tuple[list[FoundHit], int]:
        """Return one hit more than the page, where there is one, by falling score and then id."""
        after = request.after
        query = self._writer.ranked(request.plan)
        boundary = None if after is None else (-self._score_now(query, after), UUID(after.record_id).int)
        wanted = request.size + 1
        limit = (after.position if after else 0) + wanted + _SPARE
        while True:
            result = self._searcher.search(query, limit, weight_by_field="share")
            hits, total = result.hits, _count_of(result)
            whole = self._ranked_after(hits, boundary, wanted, exhausted=len(hits) < limit)
            if whole is not None:
                return [FoundHit(_id_of(number), -lost, -lost) for lost, number in whole[:wanted]], total
            # Where every score is the same, one share of them is tied: twice that is nearly always enough.
            limit = max(limit * _GROWTH, limit + 2 * total // SHARES)

    def _ranked_after(
        self, hits: list[_ScoredHit], boundary: tuple[float, int] | None, wanted: int, *, exhausted: bool
    ) -> list[tuple[float, int]] | None:
        """Return the (negative score, id number) of the next ``wanted`` hits and those tied with their last.

        None where more hits must be read first, because a run of equal scores, or the page, may not be whole.
        """
        start = 0 if boundary is None else bisect_left(hits, boundary[0], key=_negative_score)
        end = start
        found: list[tuple[float, int]] = []
        while len(found) < wanted and end < len(hits):
            # As many as are missing, and then to the end of the run of equal scores that this ends in.
            last = min(end + wanted - len(found), len(hits)) - 1
            run_end = bisect_right(hits, -hits[last][0], lo=last, key=_negative_score)
            if run_end == len(hits) and not exhausted:
                return None
            scores = (-score for score, _ in hits[end:run_end])
            places = zip(scores, self._numbers_of(hits[end:run_end]), strict=True)
            found += sorted(place for place in places if boundary is None or place > boundary)
            end = run_end
        return found if len(found) >= wanted or exhausted else None

    def _score_now(self, query: Query, after: Cursor) -> float:
        """Return the score that the last hit of the page before has now.

        Every commit changes how rare each word is, and with it every score a little: a page that began at the
        score of then would leave out or repeat whatever moved across it. Where that record is gone, the score
        of then has to do.
        """
        only = self._writer.one_record(query, after.record_id)
        hits = self._searcher.search(only, 1, weight_by_field="share").hits
        return hits[0][0] if hits else (after.sort_value or 0.0)

    def _by_column(self, request: PageRequest, column: _Column) -> tuple[list[FoundHit], int]:
        """Return one hit more than the page, where there is one, in the column's order and then by id."""
        query = self._writer.matching(request.plan)
        after = request.after
        boundary = None if after is None else column.key(after.sort_value, after.record_id)
        # Counted in an order by column, because the engine would score every hit for its own order.
        total = _count_of(self._searcher.search(query, 1, order_by_field=column.name))
        keys = self._keys(query, column, boundary, request.size + 1)
        found = [_hit(key, column) for key in keys]
        return found, total

    def _keys(self, query: Query, column: _Column, after: SortKey | None, wanted: int) -> list[SortKey]:
        """Return the ``wanted`` places that follow ``after``, fewer where there are no more."""
        if after is not None:
            lowest, highest = (None, after.column) if column.descending else (after.column, None)
            query = self._writer.within(query, column.name, lowest, highest)
        order = Order.Desc if column.descending else Order.Asc
        limit = wanted + _SPARE
        while True:
            hits = self._searcher.search(query, limit, count=False, order_by_field=column.name, order=order).hits
            exhausted = len(hits) < limit
            keys = sorted(
                (SortKey(value, number) for (value, _), number in zip(hits, self._numbers_of(hits), strict=True)),
                reverse=column.descending,
            )
            whole = [
                key
                for key in keys
                if (exhausted or key.column != hits[-1][0])
                and (after is None or (key < after if column.descending else key > after))
            ]
            if exhausted or len(whole) >= wanted:
                return whole[:wanted]
            limit *= _GROWTH

    def _numbers_of(self, hits: list[_ScoredHit]) -> list[int]:
        addresses = [address for _, address in hits]
        high = self._searcher.fast_field_values("id_high", addresses)
        low = self._searcher.fast_field_values("id_low", addresses)
        return [(int(h or 0) << 64) | int(x or 0) for h, x in zip(high, low, strict=True)]

    def _facets(self, request: PageRequest) -> dict[Facet, dict[str, int]]:
        if not request.facets:
            return {}
        counted = self._searcher.aggregate(
            self._writer.matching(request.plan),
            {facet.value: {"terms": {"field": _FACET_FIELDS[facet], "size": _FACET_SIZE}} for facet in request.facets},
        )
        return {
            facet: {_facet_value(bucket["key"]): int(bucket["doc_count"]) for bucket in counted[facet.value]["buckets"]}
            for facet in request.facets
        }


def _hit(key: SortKey, column: _Column) -> FoundHit:
    return FoundHit(_id_of(key.number), 0.0, None if column is _BY_ID else day_of(key.column))


def _id_of(number: int) -> str:
    return str(UUID(int=number))


def _negative_score(hit: _ScoredHit) -> float:
    return -hit[0]


def _count_of(result: tantivy.SearchResult) -> int:
    count: int = result.count  # type: ignore[attr-defined]  # there, but left out of the library's stub
    return count


def _facet_value(key: object) -> str:
    return str(int(key)) if isinstance(key, float) else str(key)
