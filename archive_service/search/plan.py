"""A query made into the words, codes, filters and weights that both engines look for, before either is asked.

Each engine only translates a plan into its own query language; what matches, and what comes before what, is
decided here once. Pure; knows no engine.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass, replace

from archive_service.model.fold import fold
from archive_service.model.query import Clause, SearchFilters, SearchQuery, code_of
from archive_service.model.record import AccessLevel
from archive_service.search.document import MAXIMUM_CODE, cut_words

# A code is found by its beginning from so many characters on: a shorter beginning would be a wildcard.
SHORTEST_PREFIX = 3

# Words from so many letters on are looked for with one letter wrong when nothing else was found: among
# shorter ones nearly every syllable is one letter from another.
SHORTEST_FORGIVEN = 4

# Weights of order. A clause matched in its exact marks weighs 1; everything else together weighs less than 1,
# so that the whole part of a score is the number of exact clauses, and a code's weight lies above them all.
EXACT_WEIGHT = 1.0
NAME_WEIGHT = 0.25
EXACT_NAME_WEIGHT = 0.25
ADJACENT_WEIGHT = 0.2
ENGINE_WEIGHT = 0.2

# No term scores higher in BM25 with k1 = 1.2: (k1 + 1) × ln(1 + N), N = 55 million documents, rounded up.
_HIGHEST_TERM_SCORE = 40.0

# A number typed with dots, blanks or hyphens inside is looked for without them too, from so many digits on.
_SHORTEST_GROUPED_NUMBER = 9


@dataclass(frozen=True, slots=True)
class ClausePlan:
    """One clause: its words exact and folded (more than one: a phrase), and the codes it may be instead.

    ``forgiving``: each folded word of ``SHORTEST_FORGIVEN`` letters may have one letter wrong.
    """

    exact: tuple[str, ...]
    folded: tuple[str, ...]
    codes: tuple[str, ...] = ()
    forgiving: bool = False

    @property
    def single_words(self) -> tuple[ClausePlan, ...]:
        """The clause itself, or where it is a phrase and no code, a clause for each word of it."""
        if self.codes or len(self.folded) == 1:
            return (self,)
        return tuple(ClausePlan((exact,), (folded,)) for exact, folded in zip(self.exact, self.folded, strict=True))

    @property
    def judged_words(self) -> tuple[str, ...]:
        """The words that count as exact: for a forgiven word, that it was not wrong after all."""
        return self.folded if self.forgiving else self.exact

    @property
    def prefixes(self) -> tuple[str, ...]:
        """The codes that are long enough to be found by their beginning."""
        return tuple(code for code in self.codes if len(code) >= SHORTEST_PREFIX)

    @property
    def bears_marks(self) -> bool:
        """Whether exact and folded can differ: plain numbers have no marks to be exact about."""
        return not all(word.isdigit() for word in self.folded)

    @property
    def fuzzy_word(self) -> str | None:
        """The word to look for with one letter wrong, or None."""
        word = self.folded[0]
        if self.forgiving and len(word) >= SHORTEST_FORGIVEN and word.isalpha():
            return word
        return None


@dataclass(frozen=True, slots=True)
class DayRange:
    """Days from ``lowest`` to ``highest``, both included, as ordinals; None is open."""

    field: str
    lowest: int | None
    highest: int | None


@dataclass(frozen=True, slots=True)
class FilterPlan:
    """Fields that must hold one of the given terms, and day ranges. ``impossible``: nothing can match."""

    terms: tuple[tuple[str, tuple[str, ...]], ...]
    ranges: tuple[DayRange, ...]
    impossible: bool = False


@dataclass(frozen=True, slots=True)
class Plan:
    """All that an engine needs to know of one query but its sort and page."""

    wanted: tuple[ClausePlan, ...]
    excluded: tuple[ClausePlan, ...]
    filters: FilterPlan

    @property
    def code_weight(self) -> float:
        """Weight of a code that names the record: more than every clause exact and all else together."""
        return len(self.wanted) + 1.0

    @property
    def engine_scale(self) -> float:
        """What the engine's own score is multiplied by to stay below ``ENGINE_WEIGHT``."""
        word_count = sum(len(clause.folded) for clause in self.wanted)
        return ENGINE_WEIGHT / (_HIGHEST_TERM_SCORE * max(word_count, 1))

    @property
    def key_codes(self) -> tuple[str, ...]:
        """Every code that was asked for."""
        return tuple(dict.fromkeys(code for clause in self.wanted for code in clause.codes))

    @property
    def name_clauses(self) -> tuple[ClausePlan, ...]:
        """The clauses that may be a person's or employer's name."""
        return tuple(clause for clause in self.wanted if not clause.codes and not clause.forgiving)

    @property
    def marked_clauses(self) -> tuple[ClausePlan, ...]:
        """The clauses that can stand somewhere in exactly their marks."""
        return tuple(clause for clause in self.wanted if clause.bears_marks)

    @property
    def has_phrase(self) -> bool:
        """Whether words in a row are asked for, and not a code of the same words."""
        return any(len(clause.folded) > 1 and not clause.codes for clause in self.wanted)

    @property
    def without_phrases(self) -> Plan:
        """The plan that asks for the same words, in a row or not: all that this one finds, and more."""
        return replace(self, wanted=tuple(clause for wanted in self.wanted for clause in wanted.single_words))

    @property
    def adjacent_words(self) -> tuple[str, ...]:
        """The folded words of the query in a row where that is more than one plain word, else nothing."""
        plain = [clause.folded[0] for clause in self.wanted if len(clause.folded) == 1]
        if len(plain) != len(self.wanted) or len(plain) < 2 or any(clause.forgiving for clause in self.wanted):
            return ()
        return tuple(plain)


def plan(query: SearchQuery) -> Plan:
    """Return the plan of ``query``."""
    return Plan(
        wanted=tuple(_clause_plan(clause) for clause in query.parsed.wanted),
        excluded=tuple(_clause_plan(clause) for clause in query.parsed.excluded),
        filters=_filter_plan(query.filters),
    )


def forgiving(strict: Plan) -> Plan | None:
    """Return the plan that forgives one wrong letter a word, or None where no word is long enough.

    A phrase is loosened to its words, because neither engine knows phrases of inexact words. A number or notation
    stays as it is: with one digit wrong it is another one.
    """
    loosened: list[ClausePlan] = []
    for clause in strict.wanted:
        if clause.codes:
            loosened.append(clause)
            continue
        pairs = zip(clause.exact, clause.folded, strict=True)
        loosened += [ClausePlan((exact,), (folded,), forgiving=True) for exact, folded in pairs]
    if not any(clause.fuzzy_word for clause in loosened):
        return None
    return replace(strict, wanted=tuple(loosened))


def _clause_plan(clause: Clause) -> ClausePlan:
    exact = tuple(cut_words(clause.words))
    return ClausePlan(exact, tuple(fold(word) for word in exact), _code_spellings(clause.code))


def _code_spellings(code: str | None) -> tuple[str, ...]:
    """Return the spellings in which a code is looked for.

    >>> _code_spellings("0123.456.789")
    ('0123.456.789', '0123456789')
    """
    if not code:
        return ()
    digits = code.replace(".", "").replace("-", "")
    spellings = [code[:MAXIMUM_CODE]]
    if digits.isdigit() and len(digits) >= _SHORTEST_GROUPED_NUMBER and digits != code:
        spellings.append(digits[:MAXIMUM_CODE])
    return tuple(spellings)


def _filter_plan(filters: SearchFilters) -> FilterPlan:
    terms: list[tuple[str, tuple[str, ...]]] = []

    def limit(field: str, values: Iterable[str]) -> None:
        listed = tuple(sorted(values))
        if listed:
            terms.append((field, listed))

    limit("office", filters.offices or ())
    if filters.access_levels != frozenset(AccessLevel):
        limit("access_level", (level.value for level in filters.access_levels))
    limit("result_type", filters.result_types)
    limit("subject", filters.subjects)
    limit("dossier", (code_of(filters.dossier_code),) if filters.dossier_code else ())
    limit("trust", (trust.value for trust in filters.trusts))
    limit("state", (state.value for state in filters.states))
    issued = DayRange("issued_day", _ordinal(filters.issued_from), _ordinal(filters.issued_to))
    stored = DayRange("stored_day", _ordinal(filters.stored_from), _ordinal(filters.stored_to))
    return FilterPlan(
        terms=tuple(terms),
        ranges=tuple(days for days in (issued, stored) if (days.lowest, days.highest) != (None, None)),
        # A caller who may see no office, or no access level, sees nothing: never everything.
        impossible=(filters.offices is not None and not filters.offices) or not filters.access_levels,
    )


def _ordinal(day: dt.date | None) -> int | None:
    return None if day is None else day.toordinal()
