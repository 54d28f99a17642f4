"""Reading what a person typed: never an error, and always the same meaning."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from archive_service.model.query import (
    MAXIMUM_CLAUSES,
    MAXIMUM_PHRASE_WORDS,
    Clause,
    code_of,
    parse_query,
)

TYPED = st.text(st.one_of(st.characters(), st.sampled_from('"- /.,()*:\\“”ạđĐ0123456789')), max_size=300)


@given(TYPED)
def test_any_text_is_a_query_within_the_limits(text: str) -> None:
    clauses = parse_query(text).clauses
    assert len(clauses) <= MAXIMUM_CLAUSES
    assert all(1 <= len(clause.words) <= MAXIMUM_PHRASE_WORDS for clause in clauses)
    assert all(clause.code is None or clause.code for clause in clauses)


@given(TYPED)
def test_every_clause_is_either_wanted_or_excluded(text: str) -> None:
    query = parse_query(text)
    assert sorted(map(repr, query.wanted + query.excluded)) == sorted(map(repr, query.clauses))


@given(TYPED)
def test_decomposed_text_is_the_same_query(text: str) -> None:
    composed = unicodedata.normalize("NFC", text)
    assert parse_query(unicodedata.normalize("NFD", composed)) == parse_query(composed)


@pytest.mark.parametrize(
    ("text", "clauses"),
    [
        ("bảo hiểm", (Clause(("bảo",)), Clause(("hiểm",)))),
        ('"bảo hiểm" y', (Clause(("bảo", "hiểm")), Clause(("y",)))),
        ("“bảo hiểm”", (Clause(("bảo", "hiểm")),)),
        ("-tế", (Clause(("tế",), excluded=True),)),
        ('y -"tế xã"', (Clause(("y",)), Clause(("tế", "xã"), excluded=True))),
        ("Bắc-Ninh", (Clause(("bắc", "ninh")),)),
        ('"bảo hiểm', (Clause(("bảo",)), Clause(("hiểm",)))),
        ("1234/QĐ-BHXH", (Clause(("1234", "qđ", "bhxh"), code="1234/qd-bhxh"),)),
        ('"0123 456 789"', (Clause(("0123", "456", "789"), code="0123456789"),)),
        ("-0123456789", (Clause(("0123456789",), excluded=True, code="0123456789"),)),
        ("(0123456789),", (Clause(("0123456789",), code="0123456789"),)),
        ("a - b", (Clause(("a",)), Clause(("b",)))),
        ("AND OR *", (Clause(("and",)), Clause(("or",)))),
        ('" ( * \\ : 😀', ()),
    ],
)
def test_text_is_read_as(text: str, clauses: tuple[Clause, ...]) -> None:
    assert parse_query(text).clauses == clauses


@given(st.text())
def test_code_holds_no_blank_and_is_its_own_code(text: str) -> None:
    code = code_of(text)
    assert not any(c.isspace() for c in code)
    assert code_of(code) == code
