"""A plan in the embedded engine's own query language. Decides nothing; knows tantivy and nothing else."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import tantivy
from tantivy import Occur, Query

from archive_service.search.plan import (
    ADJACENT_WEIGHT,
    EXACT_NAME_WEIGHT,
    EXACT_WEIGHT,
    NAME_WEIGHT,
    ClausePlan,
    DayRange,
    Plan,
)


class QueryWriter:
    """Writes tantivy queries for one schema."""

    def __init__(self, schema: tantivy.Schema) -> None:
        self._schema = schema

    def matching(self, plan: Plan) -> Query:
        """Return the query for everything that matches, without a score that means anything."""
        return self._all([self._clause(clause) for clause in plan.wanted], plan, [])

    def ranked(self, plan: Plan) -> Query:
        """Return the query whose score puts hits in the order that the plan's weights say."""
        scored = [Query.boost_query(self._clause(clause), plan.engine_scale) for clause in plan.wanted]
        bonuses = [
            *self._exactness(plan),
            *self._names(plan),
            *self._adjacency(plan),
            *self._keys(plan),
        ]
        return self._all(scored, plan, bonuses)

    def within(self, query: Query, column: str, lowest: int | None, highest: int | None) -> Query:
        """Return ``query`` limited to a range of a column, both ends included."""
        bounds = self._range(DayRange(column, lowest, highest))
        return Query.boolean_query([(Occur.Must, query), (Occur.Must, _silent(bounds))])

    def one_record(self, query: Query, record_id: str) -> Query:
        """Return ``query`` limited to one record, its score as it was."""
        record = Query.term_query(self._schema, "record", record_id, index_option="basic")
        return Query.boolean_query([(Occur.Must, query), (Occur.Must, _silent(record))])

    def _all(self, wanted: Sequence[Query], plan: Plan, bonuses: Iterable[Query]) -> Query:
        parts = [(Occur.Must, query) for query in wanted]
        parts += [(Occur.Must, _silent(query)) for query in self._filters(plan)]
        if not parts:
            parts = [(Occur.Must, _silent(Query.all_query()))]
        parts += [(Occur.MustNot, self._clause(clause)) for clause in plan.excluded]
        parts += [(Occur.Should, query) for query in bonuses]
        return Query.boolean_query(parts)

    def _filters(self, plan: Plan) -> list[Query]:
        filters = [self._any_term(field, values) for field, values in plan.filters.terms]
        return filters + [self._range(days) for days in plan.filters.ranges]

    def _any_term(self, field: str, values: Sequence[str]) -> Query:
        if len(values) == 1:
            return Query.term_query(self._schema, field, values[0], index_option="basic")
        return Query.term_set_query(self._schema, field, values)

    def _range(self, days: DayRange) -> Query:
        return Query.range_query(self._schema, days.field, tantivy.FieldType.Unsigned, days.lowest, days.highest)

    def _clause(self, clause: ClausePlan) -> Query:
        """Return the query for what one clause matches: its words without marks, or its code."""
        fuzzy = clause.fuzzy_word
        if fuzzy is not None:
            return Query.fuzzy_term_query(self._schema, "folded", fuzzy, distance=1)
        found = self._words("folded", clause.folded)
        if not clause.codes:
            return found
        codes = [Query.term_query(self._schema, "codes", code, index_option="basic") for code in clause.codes]
        # Distance 0 with a free ending is the engine's plainest search by prefix: nothing in the code is a
        # sign to it.
        codes += [
            Query.fuzzy_term_query(self._schema, "codes", prefix, distance=0, prefix=True) for prefix in clause.prefixes
        ]
        return Query.boolean_query([(Occur.Should, found), *((Occur.Should, _silent(code)) for code in codes)])

    def _words(self, field: str, words: Sequence[str]) -> Query:
        if len(words) == 1:
            return Query.term_query(self._schema, field, words[0])
        return Query.phrase_query(self._schema, field, list(words))

    def _exactness(self, plan: Plan) -> list[Query]:
        return [
            Query.const_score_query(
                self._words("folded" if clause.forgiving else "exact", _judged_words(clause)), EXACT_WEIGHT
            )
            for clause in plan.wanted
            if clause.bears_marks
        ]

    def _names(self, plan: Plan) -> list[Query]:
        clauses = plan.name_clauses
        if not clauses:
            return []
        folded = [self._words("name_folded", clause.folded) for clause in clauses]
        exact = [self._words("name", clause.exact) for clause in clauses]
        return [
            Query.const_score_query(_every(folded), NAME_WEIGHT),
            Query.const_score_query(_every(exact), EXACT_NAME_WEIGHT),
        ]

    def _adjacency(self, plan: Plan) -> list[Query]:
        words = plan.adjacent_words
        return [Query.const_score_query(self._words("folded", words), ADJACENT_WEIGHT)] if words else []

    def _keys(self, plan: Plan) -> list[Query]:
        codes = plan.key_codes
        return [Query.const_score_query(self._any_term("keys", codes), plan.code_weight)] if codes else []


def _judged_words(clause: ClausePlan) -> tuple[str, ...]:
    """Return the words that count as exact: for a forgiven word, that it was not wrong after all."""
    return clause.folded if clause.forgiving else clause.exact


def _every(queries: Sequence[Query]) -> Query:
    return Query.boolean_query([(Occur.Must, query) for query in queries])


def _silent(query: Query) -> Query:
    """Return the query without any part in the score."""
    return Query.const_score_query(query, 0.0)
