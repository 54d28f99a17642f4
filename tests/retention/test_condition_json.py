"""A condition is kept as JSON for decades: what is stated comes back, what is not is left out."""

from __future__ import annotations

import datetime as dt
import json

from hypothesis import given
from hypothesis import strategies as st

from retention.condition_json import condition_from_json, condition_to_json
from retention.holds import Condition

WORDS = st.frozensets(st.text(max_size=8), max_size=3)
DAYS = st.none() | st.dates()


@given(WORDS, WORDS, WORDS, DAYS, DAYS)
def test_what_is_stated_comes_back(
    types: frozenset[str], offices: frozenset[str], levels: frozenset[str], first: dt.date | None, last: dt.date | None
) -> None:
    condition = Condition(types, offices, levels, first, last)
    assert condition_from_json(json.loads(json.dumps(condition_to_json(condition)))) == condition


def test_its_form_is_the_one_that_is_kept() -> None:
    condition = Condition(
        frozenset({"KQ.2", "KQ.1"}),
        frozenset({"BHXH-01"}),
        frozenset({"secret", "open"}),
        dt.date(2020, 1, 31),
        dt.date(2021, 2, 1),
    )
    assert condition_to_json(condition) == {
        "result_types": ["KQ.1", "KQ.2"],
        "offices": ["BHXH-01"],
        "access_levels": ["open", "secret"],
        "issued_from": "2020-01-31",
        "issued_to": "2021-02-01",
    }
    assert condition_to_json(Condition()) == {}
    assert condition_from_json({}) == Condition()
