"""A cursor comes back as it was given out, and only to its own search."""

from __future__ import annotations

import contextlib
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from archive_service.errors import InvalidInput
from archive_service.model.query import SearchFilters, SearchQuery, Sort, parse_query
from archive_service.search.cursor import Cursor, decode, encode

QUERY = SearchQuery(parse_query("lương hưu"), SearchFilters(None))
CURSORS = st.builds(
    Cursor,
    st.one_of(st.none(), st.floats(-(2.0**31), 2.0**31), st.integers(0, 4_000_000)),
    st.uuids().map(str),
    st.integers(0, 10**9),
    st.booleans(),
)


@given(CURSORS)
def test_cursor_comes_back_as_it_was(cursor: Cursor) -> None:
    assert decode(replace(QUERY, cursor=encode(cursor, QUERY, "e")), "e") == cursor


@given(st.text())
def test_any_other_text_is_refused(text: str) -> None:
    with pytest.raises(InvalidInput):
        decode(replace(QUERY, cursor=text), "e")


@given(CURSORS, st.integers(0, 200), st.characters())
def test_changed_cursor_is_refused_or_of_the_same_form(cursor: Cursor, place: int, letter: str) -> None:
    given_out = encode(cursor, QUERY, "e")
    changed = given_out[:place] + letter + given_out[place + 1 :]
    with contextlib.suppress(InvalidInput):
        assert isinstance(decode(replace(QUERY, cursor=changed), "e"), Cursor)


def test_cursor_is_bound_to_query_sort_filters_and_engine() -> None:
    given_out = encode(Cursor(1.0, "0177eb15-a400-7000-8000-000000000000", 20), QUERY, "e")
    for other in (
        replace(QUERY, sort=Sort.NEWEST),
        replace(QUERY, parsed=parse_query("lương")),
        replace(QUERY, filters=SearchFilters(None, dossier_code="x")),
        replace(QUERY, filters=SearchFilters(frozenset())),
    ):
        with pytest.raises(InvalidInput):
            decode(replace(other, cursor=given_out), "e")
    with pytest.raises(InvalidInput):
        decode(replace(QUERY, cursor=given_out), "f")
    assert decode(replace(QUERY, cursor=given_out, size=5), "e") is not None
    assert decode(QUERY, "e") is None
