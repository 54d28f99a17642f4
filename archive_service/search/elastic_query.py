"""A page request in the query language of Elasticsearch. Decides nothing; pure, knows no client."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from archive_service.model.query import Facet, Sort
from archive_service.search.driver import PageRequest
from archive_service.search.plan import (
    ADJACENT_WEIGHT,
    EXACT_NAME_WEIGHT,
    EXACT_WEIGHT,
    NAME_WEIGHT,
    ClausePlan,
    DayRange,
    Plan,
)

Body = dict[str, Any]

FACET_FIELDS: Mapping[Facet, str] = {
    Facet.OFFICE: "office",
    Facet.RESULT_TYPE: "result_type",
    Facet.TRUST: "trust",
    Facet.STATE: "state",
    Facet.YEAR: "year",
}
# More offices, result types and years than there are: a facet is complete.
_FACET_SIZE = 20_000

# What a record without a date is sorted as: before the first day read downwards, after the last read upwards.
_BEFORE_ALL_DAYS = 0
_AFTER_ALL_DAYS = (1 << 22) - 1


def is_ranked(request: PageRequest) -> bool:
    """Return whether hits of this request are ordered by score."""
    return request.sort is Sort.RELEVANCE and bool(request.plan.wanted)


def search_body(request: PageRequest, score_now: float | None) -> Body:
    """Return the body of the search for one page and one hit more.

    ``score_now``: the present score of the last hit of the page before, for a ranked request that goes on.
    """
    ranked = is_ranked(request)
    body: Body = {
        "query": ranked_query(request.plan) if ranked else matching_query(request.plan),
        "size": request.size + 1,
        "sort": _sort(request),
        "track_total_hits": True,
        "_source": False,
        "stored_fields": "_none_",
    }
    after = request.after
    if after is not None:
        value = score_now if ranked else _day_sorted_as(request.sort, after.sort_value)
        body["search_after"] = [after.record_id] if value is None else [value, after.record_id]
    if request.facets:
        body["aggs"] = {
            facet.value: {"terms": {"field": FACET_FIELDS[facet], "size": _FACET_SIZE}} for facet in request.facets
        }
    return body


def score_body(request: PageRequest, record_id: str) -> Body:
    """Return the body of the search for one record's present score."""
    only = {"bool": {"must": [ranked_query(request.plan)], "filter": [{"term": {"record": record_id}}]}}
    return {"query": only, "size": 1, "_source": False, "stored_fields": "_none_", "track_total_hits": False}


def day_of(sort_value: int) -> int | None:
    """Return the day that a hit was sorted by, None for a record without one."""
    return None if sort_value in (_BEFORE_ALL_DAYS, _AFTER_ALL_DAYS) else sort_value


def matching_query(plan: Plan) -> Body:
    """Return the query for everything that matches, without a score."""
    wanted = [_clause(clause, 0.0) for clause in plan.wanted]
    return {"bool": {"filter": wanted + _filters(plan), "must_not": _excluded(plan)}}


def ranked_query(plan: Plan) -> Body:
    """Return the query whose score puts hits in the order that the plan's weights say."""
    return {
        "bool": {
            "must": [_clause(clause, plan.engine_scale) for clause in plan.wanted],
            "filter": _filters(plan),
            "must_not": _excluded(plan),
            "should": [*_exactness(plan), *_names(plan), *_adjacency(plan), *_keys(plan)],
        }
    }


def _sort(request: PageRequest) -> list[Body]:
    if is_ranked(request):
        return [{"_score": "desc"}, {"record": "asc"}]
    if request.sort is Sort.RELEVANCE:
        return [{"record": "asc"}]
    order = "desc" if request.sort is Sort.NEWEST else "asc"
    missing = _day_sorted_as(request.sort, None)
    return [{"issued_day": {"order": order, "missing": missing}}, {"record": order}]


def _day_sorted_as(sort: Sort, day: float | None) -> int | None:
    if sort is Sort.RELEVANCE:
        return None
    if day is not None:
        return int(day)
    return _BEFORE_ALL_DAYS if sort is Sort.NEWEST else _AFTER_ALL_DAYS


def _filters(plan: Plan) -> list[Body]:
    terms: list[Body] = [{"terms": {field: list(values)}} for field, values in plan.filters.terms]
    return terms + [_range(days) for days in plan.filters.ranges]


def _range(days: DayRange) -> Body:
    bounds = {"gte": days.lowest, "lte": days.highest}
    return {"range": {days.field: {side: day for side, day in bounds.items() if day is not None}}}


def _excluded(plan: Plan) -> list[Body]:
    return [_clause(clause, 0.0) for clause in plan.excluded]


def _clause(clause: ClausePlan, boost: float) -> Body:
    """Return the query for what one clause matches: its words without marks, or its code."""
    fuzzy = clause.fuzzy_word
    if fuzzy is not None:
        # Every word within one letter counts, as on the other engine: not only the fifty most frequent ones.
        inexact = {"value": fuzzy, "fuzziness": 1, "transpositions": True, "rewrite": "constant_score"}
        return {"fuzzy": {"folded": {**inexact, "boost": boost}}}
    found = _words("folded", clause.folded, boost)
    if not clause.codes:
        return found
    codes: list[Body] = [{"terms": {"codes": list(clause.codes)}}]
    codes += [{"prefix": {"codes": {"value": prefix}}} for prefix in clause.prefixes]
    silent = {"constant_score": {"filter": {"bool": {"should": codes}}, "boost": 0.0}}
    return {"bool": {"should": [found, silent], "minimum_should_match": 1}}


def _words(field: str, words: Sequence[str], boost: float = 1.0) -> Body:
    if len(words) == 1:
        return {"term": {field: {"value": words[0], "boost": boost}}}
    return {"match_phrase": {field: {"query": " ".join(words), "boost": boost}}}


def _exactness(plan: Plan) -> list[Body]:
    return [
        _constant(_words("folded", clause.folded), EXACT_WEIGHT)
        if clause.forgiving
        else _constant(_words("exact", clause.exact), EXACT_WEIGHT)
        for clause in plan.wanted
        if clause.bears_marks
    ]


def _names(plan: Plan) -> list[Body]:
    clauses = plan.name_clauses
    if not clauses:
        return []
    folded = {"bool": {"filter": [_words("name_folded", clause.folded) for clause in clauses]}}
    exact = {"bool": {"filter": [_words("name", clause.exact) for clause in clauses]}}
    return [_constant(folded, NAME_WEIGHT), _constant(exact, EXACT_NAME_WEIGHT)]


def _adjacency(plan: Plan) -> list[Body]:
    words = plan.adjacent_words
    return [_constant(_words("folded", words), ADJACENT_WEIGHT)] if words else []


def _keys(plan: Plan) -> list[Body]:
    codes = plan.key_codes
    return [_constant({"terms": {"keys": list(codes)}}, plan.code_weight)] if codes else []


def _constant(query: Body, weight: float) -> Body:
    return {"constant_score": {"filter": query, "boost": weight}}
