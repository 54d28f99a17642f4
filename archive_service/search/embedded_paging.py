"""Pages of hits on the embedded engine, in a total order that ends in the record id.

The engine orders by one number only and breaks ties by where a document happens to lie. A page is therefore
read with some hits to spare, runs of equal numbers are put in id order here, and where the last run may not
be whole, more is read. Dates and ids page by a boundary, at the same cost at any depth; relevance reads from
the top again, so that its cost grows with the depth.

Three things cost as much as there are matching records, and are bounded (``Limits``). Scoring: what very many
records match is read class by class instead, within a class latest first, and nothing is scored. Looking for a
phrase of words that very many records have: a page is looked for among the nearest records that have the words, in
growing portions. Counting such a phrase: a part of the records is counted where that part alone holds very many.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from uuid import UUID

import tantivy
from tantivy import Occur, Order, Query

from archive_service.model.query import Facet, Sort
from archive_service.search.cursor import Cursor
from archive_service.search.driver import FoundHit, FoundPage, PageRequest
from archive_service.search.embedded_query import Parts, QueryWriter
from archive_service.search.embedded_schema import SHARES, SortKey, day_of
from archive_service.search.plan import ClausePlan, Plan

# Hits read beyond the page, so that most runs of equal numbers end within what was read.
_SPARE = 48
_GROWTH = 4

# Records in which a common phrase is looked for first, and how many times more of them each time that it is not
# found often enough: what was looked through in vain is then a small part of the whole.
_FIRST_PORTION = 2_000
_PORTION_GROWTH = 16
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

    @property
    def order(self) -> Order:
        """The engine's word for the direction."""
        return Order.Desc if self.descending else Order.Asc

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


@dataclass(frozen=True, slots=True)
class _Ordered:
    """A query in the order of a column, from ``after`` on, up to the column's value ``end``."""

    parts: Parts
    column: _Column
    after: SortKey | None = None
    end: int | None = None

    def within_bounds(self, writer: QueryWriter) -> Query:
        """Return the query limited to the part of the column that is asked for."""
        begin = None if self.after is None else self.after.column
        if begin is None and self.end is None:
            return Query.boolean_query(self.parts)
        lowest, highest = (self.end, begin) if self.column.descending else (begin, self.end)
        return Query.boolean_query(writer.within(self.parts, self.column.name, lowest, highest))


# The order within a tier: the latest record first, as ids are time-ordered.
_LATEST = _Column("id_high", descending=True)


@dataclass(frozen=True, slots=True)
class Limits:
    """How many records one search may look at closely, so that none takes longer the more records there are.

    ``scored``: what more records match, or a phrase of words that more records have, is ranked by class alone
    (to score 10,000 takes about 10 ms).
    ``checked``: in so many records a phrase of words that more have is counted (about 15 ms).
    ``counted``: so many hits among those are enough to be told as "at least".
    ``dense``: from so many among those on, each class of them has some among the nearest records, and is looked for
    there; of fewer, whole classes may have none.
    """

    scored: int = 10_000
    checked: int = 100_000
    counted: int = 1_000
    dense: int = 10_000


@dataclass(frozen=True, slots=True)
class _Count:
    """How many records match, or at least match."""

    hits: int
    is_exact: bool = True


class PageReader:
    """Reads pages from one searcher: one unchanging view of the index."""

    def __init__(self, searcher: tantivy.Searcher, writer: QueryWriter, limits: Limits) -> None:
        self._searcher = searcher
        self._writer = writer
        self._limits = limits

    def page(self, request: PageRequest) -> FoundPage:
        """Return the page that is asked for."""
        tiered = False
        if request.sort is Sort.RELEVANCE and request.plan.wanted:
            counted = self._count_if_tiered(request)
            tiered = counted is not None
            hits, count = self._by_score(request) if counted is None else (self._by_tier(request, counted), counted)
        else:
            hits, count = self._by_column(request, _BY_DAY.get(request.sort, _BY_ID))
        return FoundPage(
            hits=tuple(hits[: request.size]),
            more=len(hits) > request.size,
            total=count.hits,
            facets=self._facets(request),
            total_is_exact=count.is_exact,
            tiered=tiered,
        )

    def ids(self) -> Iterator[str]:
        """Yield the id of every document, in id order."""
        everything = [(Occur.Must, Query.all_query())]
        after: SortKey | None = None
        while True:
            keys, _ = self._keys(_Ordered(everything, _BY_ID, after), _IDS_AT_ONCE)
            for key in keys:
                yield _id_of(key.number)
            if len(keys) < _IDS_AT_ONCE:
                return
            after = keys[-1]

    def _count_if_tiered(self, request: PageRequest) -> _Count | None:
        """Return how many records match, where too many match to be scored, or must be looked through for a phrase.

        The pages of one search stay of one kind, whatever comes or goes meanwhile.
        """
        plan, after = request.plan, request.after
        if (self._at_most(plan) <= self._limits.scored) if after is None else not after.tiered:
            return None
        count = self._lower_bound(plan) or _Count(self._count_of(self._writer.matching(plan)))
        is_tiered = after is not None or plan.has_phrase or count.hits > self._limits.scored
        return count if is_tiered else None

    def _at_most(self, plan: Plan) -> int:
        """Return a number that is cheap to know and no smaller than that of the records that match."""
        words = [w for clause in plan.wanted if not clause.codes and not clause.fuzzy_word for w in clause.folded]
        return min((self._searcher.doc_freq("folded", word) for word in words), default=self._searcher.num_docs)

    def _lower_bound(self, plan: Plan) -> _Count | None:
        """Return at least how many records match, where that is very many and to count them all would take long."""
        share = self._limits.checked / max(self._at_most(plan), 1)
        if not plan.has_phrase or share >= 1:
            return None
        parts = self._writer.matching(plan)
        expected = self._count_of(self._writer.sample(parts, 1 / SHARES)) * SHARES * share
        if expected < self._limits.counted:
            return None
        found = self._count_of(self._writer.sample(parts, share))
        return _Count(found, is_exact=False) if found >= self._limits.counted else None

    def _count_of(self, parts: Parts) -> int:
        # In an order by column, because the engine would score every hit for its own order.
        return _count_in(self._searcher.search(Query.boolean_query(parts), 1, order_by_field="id_high"))

    def _by_tier(self, request: PageRequest, count: _Count) -> list[FoundHit]:
        """Return one hit more than the page, where there is one, by falling class and then latest first."""
        plan, after, wanted = request.plan, request.after, request.size + 1
        is_dense = not count.is_exact and count.hits >= self._limits.dense
        candidates = self._writer.matching(plan.without_phrases) if is_dense else None
        highest = sum(self._is_possible(clause) for clause in plan.marked_clauses)
        found: list[FoundHit] = []
        for tier in self._writer.tiers(plan, highest):
            if after is not None and after.sort_value is not None and tier.score > after.sort_value:
                continue
            goes_on = after is not None and tier.score == after.sort_value
            boundary = SortKey.by_id(after.record_id) if after is not None and goes_on else None
            search = _Ordered(tier.parts, _LATEST, boundary)
            missing = wanted - len(found)
            if candidates is None or tier.is_named:
                keys, _ = self._keys(search, missing)
            else:
                keys = self._keys_near(search, candidates, missing)
            found += [FoundHit(_id_of(key.number), tier.score, tier.score) for key in keys]
            if len(found) >= wanted:
                break
        return found

    def _is_possible(self, clause: ClausePlan) -> bool:
        """Return whether any record can have the clause in its exact marks."""
        field = "folded" if clause.forgiving else "exact"
        return all(self._searcher.doc_freq(field, word) for word in clause.judged_words)

    def _by_score(self, request: PageRequest) -> tuple[list[FoundHit], _Count]:
        """Return one hit more than the page, where there is one, by falling score and then id."""
        after = request.after
        query = self._writer.ranked(request.plan)
        boundary = None if after is None else (-self._score_now(query, after), UUID(after.record_id).int)
        wanted = request.size + 1
        limit = (after.position if after else 0) + wanted + _SPARE
        while True:
            result = self._searcher.search(query, limit, weight_by_field="share")
            hits, total = result.hits, _count_in(result)
            whole = self._ranked_after(hits, boundary, wanted, exhausted=len(hits) < limit)
            if whole is not None:
                return [FoundHit(_id_of(number), -lost, -lost) for lost, number in whole[:wanted]], _Count(total)
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

    def _by_column(self, request: PageRequest, column: _Column) -> tuple[list[FoundHit], _Count]:
        """Return one hit more than the page, where there is one, in the column's order and then by id."""
        after = request.after
        boundary = None if after is None else column.key(after.sort_value, after.record_id)
        parts = self._writer.matching(request.plan)
        search = _Ordered(parts, column, boundary)
        count = self._lower_bound(request.plan)
        if count is not None:
            candidates = self._writer.matching(request.plan.without_phrases)
            keys = self._keys_near(search, candidates, request.size + 1)
        else:
            keys, following = self._keys(search, request.size + 1)
            count = _Count(following if after is None else self._count_of(parts))
        return [_hit(key, column) for key in keys], count

    def _keys_near(self, search: _Ordered, candidates: Parts, wanted: int) -> list[SortKey]:
        """Return the ``wanted`` first places of a search, fewer where there are no more.

        It is a search for a common phrase, which is looked for among the nearest ``candidates``, the records that
        have its words, and among more of them until the page is full.
        """
        near = replace(search, parts=candidates)
        portion = _FIRST_PORTION
        while (end := self._place(near, portion)) is not None:
            keys, _ = self._keys(replace(search, end=end), wanted)
            if len(keys) >= wanted:
                return keys
            portion *= _PORTION_GROWTH
        return self._keys(search, wanted)[0]

    def _place(self, search: _Ordered, number: int) -> int | None:
        """Return the column's value of the ``number``-th hit of a search, None where there are not so many."""
        column = search.column
        query = search.within_bounds(self._writer)
        hits = self._searcher.search(
            query, 1, count=False, order_by_field=column.name, offset=number, order=column.order
        ).hits
        return int(hits[0][0]) if hits else None

    def _keys(self, search: _Ordered, wanted: int) -> tuple[list[SortKey], int]:
        """Return the ``wanted`` first places of a search, fewer where there are no more, and how many there are."""
        column, after = search.column, search.after
        query = search.within_bounds(self._writer)
        limit = wanted + _SPARE
        while True:
            result = self._searcher.search(query, limit, order_by_field=column.name, order=column.order)
            hits = result.hits
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
                return whole[:wanted], _count_in(result)
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
            Query.boolean_query(self._writer.matching(request.plan)),
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


def _count_in(result: tantivy.SearchResult) -> int:
    count: int = result.count  # type: ignore[attr-defined]  # there, but left out of the library's stub
    return count


def _facet_value(key: object) -> str:
    return str(int(key)) if isinstance(key, float) else str(key)
