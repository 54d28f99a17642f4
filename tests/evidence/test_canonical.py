"""Canonical JSON: the vectors of RFC 8785, and what has no canonical form."""

from __future__ import annotations

import json
from typing import Any

import pytest
import rfc8785
from hypothesis import given
from hypothesis import strategies as st

from archive_service.evidence.canonical import canonical_json

_TEXT = st.text(st.characters(exclude_categories=["Cs"]))
_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53) + 1, 2**53 - 1) | _TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(_TEXT, inner, max_size=4),
    max_leaves=12,
)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ([56, {"d": True, "10": None, "1": []}], '[56,{"1":[],"10":null,"d":true}]'),
        (
            {"numbers": [333333333.33333329, 1e30, 4.50, 2e-3, 1e-27], "literals": [None, True, False]},
            '{"literals":[null,true,false],"numbers":[333333333.3333333,1e+30,4.5,0.002,1e-27]}',
        ),
        ("\u20ac$\u000f\u000aA'\u0042\u0022\u005c\\\"\u002f", '"€$\\u000f\\nA\'B\\"\\\\\\\\\\"/"'),
        ("\b\t\n\f\r\x00\x1f\x7f", '"\\b\\t\\n\\f\\r\\u0000\\u001f\x7f"'),
        ({"": 1, "1": {"f": {"f": "hi", "F": 5}, "\n": 56.0}}, '{"":1,"1":{"\\n":56,"f":{"F":5,"f":"hi"}}}'),
        ([0, -0.0, -1, 1e21, 123456789012345680000.0], "[0,0,-1,1e+21,123456789012345680000]"),
        ("Nguyễn Đức", '"Nguyễn Đức"'),
    ],
    ids=["arrays", "numbers-and-literals", "rfc-string", "control", "structures", "extremes", "vietnamese"],
)
def test_a_value_has_exactly_one_run_of_bytes(value: Any, expected: str) -> None:
    assert canonical_json(value) == expected.encode()


def test_names_are_in_the_order_of_their_utf_16_units() -> None:
    """RFC 8785 §3.2.3: a letter outside the basic plane (D83D DE02) comes before one at FB33."""
    names = {"\u20ac": 1, "\r": 2, "\ufb33": 3, "1": 4, "\U0001f602": 5, "\u0080": 6, "\u00f6": 7}
    assert list(json.loads(canonical_json(names)).values()) == [2, 4, 6, 7, 1, 5, 3]


def test_forms_of_a_letter_are_not_made_one() -> None:
    assert canonical_json("é") != canonical_json("e\u0301")


@pytest.mark.parametrize("value", [2**53, -(2**53), float("nan"), float("inf"), "\ud800", {"\ud800": 1}])
def test_what_has_no_canonical_form_is_refused(value: Any) -> None:
    with pytest.raises(ValueError, match=r"domain|surrogates|representable|non-UTF-8"):
        canonical_json(value)


@given(_VALUES)
def test_it_is_json_of_the_same_value_and_canonical_again(value: Any) -> None:
    once = canonical_json(value)
    assert json.loads(once) == value
    assert canonical_json(json.loads(once)) == once


@given(
    st.recursive(_VALUES | st.floats(allow_nan=False, allow_infinity=False), lambda inner: st.lists(inner, max_size=3))
)
def test_the_quick_way_gives_the_bytes_of_the_slow_one(value: Any) -> None:
    assert canonical_json(value) == rfc8785.dumps(value)


@given(st.sampled_from("\u007f\u0080\u2028\u2029\ufeff\U0001f602/<>&'\"\\"), st.integers(0, 0x1F))
def test_no_sign_is_escaped_that_rfc_8785_leaves_as_it_is(sign: str, control: int) -> None:
    value = {"text": f"{sign}{chr(control)}{sign}", "a~": [sign]}
    assert canonical_json(value) == rfc8785.dumps(value)
