"""What a query asks of an engine is decided once, here."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from archive_service.model.query import SearchFilters, SearchQuery, parse_query
from archive_service.search.plan import (
    ADJACENT_WEIGHT,
    ENGINE_WEIGHT,
    EXACT_NAME_WEIGHT,
    EXACT_WEIGHT,
    NAME_WEIGHT,
    Plan,
    forgiving,
    plan,
)


def planned(typed: str) -> Plan:
    return plan(SearchQuery(parse_query(typed), SearchFilters(None)))


def test_no_bonus_outweighs_one_more_exact_word() -> None:
    assert NAME_WEIGHT + EXACT_NAME_WEIGHT + ADJACENT_WEIGHT + ENGINE_WEIGHT < EXACT_WEIGHT


@given(st.text(max_size=200))
def test_code_outweighs_every_exact_word_and_all_bonuses(typed: str) -> None:
    made = planned(typed)
    assert made.code_weight >= EXACT_WEIGHT * len(made.wanted) + EXACT_WEIGHT
    assert made.engine_scale > 0


@pytest.mark.parametrize(
    ("typed", "expected"),
    [
        ("thất nghiệp", ["that", "nghiep"]),
        ('"thất nghiệp"', ["that", "nghiep"]),
        ("1234/QĐ nghiệp", ["1234", "nghiep"]),
        ("xã y tế", None),
        ("0123456789", None),
        ("", None),
    ],
)
def test_forgiving_plan_loosens_words_that_are_long_enough(typed: str, expected: list[str] | None) -> None:
    loosened = forgiving(planned(typed))
    assert (None if loosened is None else [clause.folded[0] for clause in loosened.wanted]) == expected


@pytest.mark.parametrize(
    ("typed", "spellings"),
    [
        ("0123.456.789", ("0123.456.789", "0123456789")),
        ("01/03/2021", ("01/03/2021",)),
        ("1.5", ("1.5",)),
        ("000.00.00.H41-210301-0042", ("000.00.00.h41-210301-0042",)),
    ],
)
def test_grouped_number_is_looked_for_without_its_groups_too(typed: str, spellings: tuple[str, ...]) -> None:
    assert planned(typed).key_codes == spellings


def test_nobody_without_office_or_level_finds_anything() -> None:
    parsed = parse_query("hưu")
    nowhere = SearchFilters(offices=frozenset())
    unseen = SearchFilters(offices=None, access_levels=frozenset())
    assert plan(SearchQuery(parsed, nowhere)).filters.impossible
    assert plan(SearchQuery(parsed, unseen)).filters.impossible
    assert not planned("hưu").filters.impossible


def test_plan_without_phrases_asks_for_every_word_and_leaves_codes_as_they_are() -> None:
    loosened = planned('"chế độ" hưu 1234/QĐ -"y tế"').without_phrases
    assert [clause.exact for clause in loosened.wanted] == [("chế",), ("độ",), ("hưu",), ("1234", "qđ")]
    assert loosened.excluded == planned('hưu -"y tế"').excluded
    assert planned('"chế độ"').has_phrase
    assert not planned("chế độ 1234/QĐ").has_phrase
