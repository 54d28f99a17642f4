"""A hold's condition as JSON and back: the form in which it is kept and told. A field left out states nothing."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Any

from retention.holds import Condition


def condition_to_json(condition: Condition) -> dict[str, Any]:
    """Return the condition as JSON values: what it does not state is left out.

    >>> condition_to_json(Condition(result_types=frozenset({"KQ.1"}), issued_from=dt.date(2020, 1, 31)))
    {'result_types': ['KQ.1'], 'issued_from': '2020-01-31'}
    """
    values: dict[str, Any] = {
        "result_types": sorted(condition.result_types),
        "offices": sorted(condition.offices),
        "access_levels": sorted(condition.access_levels),
        "issued_from": None if condition.issued_from is None else condition.issued_from.isoformat(),
        "issued_to": None if condition.issued_to is None else condition.issued_to.isoformat(),
    }
    return {name: value for name, value in values.items() if value}


def condition_from_json(values: Mapping[str, Any]) -> Condition:
    """Return the condition that ``condition_to_json`` gave."""
    return Condition(
        result_types=frozenset(values.get("result_types", ())),
        offices=frozenset(values.get("offices", ())),
        access_levels=frozenset(values.get("access_levels", ())),
        issued_from=_day(values.get("issued_from")),
        issued_to=_day(values.get("issued_to")),
    )


def _day(text: str | None) -> dt.date | None:
    return None if text is None else dt.date.fromisoformat(text)
