"""A plan in the embedded engine's own query language. Decides nothing; knows tantivy and nothing else."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import tantivy
from tantivy import Occur, Query

from archive_service.search.embedded_schema import SHARE_STEP, SHARES
from archive_service.search.plan import (
    ADJACENT_WEIGHT,
    EXACT_NAME_WEIGHT,
    EXACT_WEIGHT,
    NAME_WEIGHT,
    ClausePlan,
    DayRange,
    Plan,
)

# A query as the parts of one conjunction. They stay side by side until it is asked, because the engine orders the
# parts of one conjunction by their cost, and looks for words in a row only where everything else matches.
Parts = list[tuple[Occur, Query]]


@dataclass(frozen=True, slots=True)
class Tier:
    """All records of one class that match, and the score that each of them has. ``is_named``: by their name."""

    score: float
    parts: Parts
    is_named: bool


class QueryWriter:
    """Writes tantivy queries for one schema."""

    def __init__(self, schema: tantivy.Schema) -> None:
        self._schema = schema

    def matching(self, plan: Plan) -> Parts:
        """Return the query for everything that matches, without a score that means anything."""
        return self._parts([self._clause(clause) for clause in plan.wanted], plan)

    def ranked(self, plan: Plan) -> Query:
        """Return the query whose score puts hits in the order that the plan's weights say."""
        scored = [Query.boost_query(self._clause(clause), plan.engine_scale) for clause in plan.wanted]
        bonuses = [
            *self._exactness(plan),
            *self._names(plan),
            *self._adjacency(plan),
            *self._keys(plan),
        ]
        return Query.boolean_query([*self._parts(scored, plan), *((Occur.Should, query) for query in bonuses)])

    def tiers(self, plan: Plan, highest: int) -> Iterator[Tier]:
        """Yield the classes of what matches, best first: by code, then number of exact clauses, then name.

        Together they hold what ``matching`` finds, each record once, if no record has more than ``highest`` exact
        clauses.
        """
        for key_parts, key_weight in self._key_levels(plan):
            for count in range(highest, -1, -1):
                for name_parts, name_weight in self._name_levels(plan):
                    parts = [*self._of_count(plan, count), *key_parts, *name_parts]
                    yield Tier(key_weight + count * EXACT_WEIGHT + name_weight, parts, is_named=name_weight > 0)

    def within(self, parts: Parts, column: str, lowest: int | None, highest: int | None) -> Parts:
        """Return the query limited to a range of a column, both ends included."""
        return [*parts, (Occur.Must, _silent(self._range(DayRange(column, lowest, highest))))]

    def sample(self, parts: Parts, share: float) -> Parts:
        """Return the query limited to about that share of all records, the same ones each time."""
        highest = round(share * SHARES) * SHARE_STEP
        few = Query.range_query(self._schema, "share", tantivy.FieldType.Float, None, highest, include_upper=False)
        return [*parts, (Occur.Must, _silent(few))]

    def one_record(self, query: Query, record_id: str) -> Query:
        """Return ``query`` limited to one record, its score as it was."""
        record = Query.term_query(self._schema, "record", record_id, index_option="basic")
        return Query.boolean_query([(Occur.Must, query), (Occur.Must, _silent(record))])

    def _key_levels(self, plan: Plan) -> Iterator[tuple[Parts, float]]:
        if not plan.key_codes:
            yield [], 0.0
            return
        key = self._any_term("keys", plan.key_codes)
        yield [(Occur.Must, key)], plan.code_weight
        yield [(Occur.MustNot, key)], 0.0

    def _name_levels(self, plan: Plan) -> Iterator[tuple[Parts, float]]:
        if not plan.name_clauses:
            yield [], 0.0
            return
        exact, folded = (_every(words) for words in self._name_words(plan))
        yield [(Occur.Must, exact)], EXACT_NAME_WEIGHT + NAME_WEIGHT
        yield [(Occur.Must, folded), (Occur.MustNot, exact)], NAME_WEIGHT
        yield [(Occur.MustNot, folded)], 0.0

    def _of_count(self, plan: Plan, count: int) -> Parts:
        """Return the parts for what matches with exactly so many clauses in their exact marks."""
        exact = [self._words_judged(clause) for clause in plan.marked_clauses]
        if count == len(exact):
            # What stands there exactly need not be looked for without marks too.
            unmarked = [self._clause(clause) for clause in plan.wanted if not clause.bears_marks]
            return self._parts([*exact, *unmarked], plan)
        counted = [(Occur.Should, query) for query in exact]
        parts = self._parts([self._clause(clause) for clause in plan.wanted], plan)
        parts.append((Occur.MustNot, Query.boolean_query(counted, minimum_number_should_match=count + 1)))
        if count:
            parts.append((Occur.Must, Query.boolean_query(counted, minimum_number_should_match=count)))
        return parts

    def _parts(self, wanted: Sequence[Query], plan: Plan) -> Parts:
        parts = [(Occur.Must, query) for query in wanted]
        parts += [(Occur.Must, _silent(query)) for query in self._filters(plan)]
        if not parts:
            parts = [(Occur.Must, _silent(Query.all_query()))]
        return parts + [(Occur.MustNot, self._clause(clause)) for clause in plan.excluded]

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
        return [Query.const_score_query(self._words_judged(clause), EXACT_WEIGHT) for clause in plan.marked_clauses]

    def _words_judged(self, clause: ClausePlan) -> Query:
        """Return the query for a clause in its exact marks."""
        return self._words("folded" if clause.forgiving else "exact", clause.judged_words)

    def _names(self, plan: Plan) -> list[Query]:
        if not plan.name_clauses:
            return []
        exact, folded = self._name_words(plan)
        return [
            Query.const_score_query(_every(folded), NAME_WEIGHT),
            Query.const_score_query(_every(exact), EXACT_NAME_WEIGHT),
        ]

    def _name_words(self, plan: Plan) -> tuple[list[Query], list[Query]]:
        """Return the name's clauses with and without their marks."""
        exact = [self._words("name", clause.exact) for clause in plan.name_clauses]
        folded = [self._words("name_folded", clause.folded) for clause in plan.name_clauses]
        return exact, folded

    def _adjacency(self, plan: Plan) -> list[Query]:
        words = plan.adjacent_words
        return [Query.const_score_query(self._words("folded", words), ADJACENT_WEIGHT)] if words else []

    def _keys(self, plan: Plan) -> list[Query]:
        codes = plan.key_codes
        return [Query.const_score_query(self._any_term("keys", codes), plan.code_weight)] if codes else []


def _every(queries: Sequence[Query]) -> Query:
    return Query.boolean_query([(Occur.Must, query) for query in queries])


def _silent(query: Query) -> Query:
    """Return the query without any part in the score."""
    return Query.const_score_query(query, 0.0)
