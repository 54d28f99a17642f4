"""Schedules, facts and holds for tests."""

from __future__ import annotations

import datetime as dt
from typing import Any

from retention.decide import Facts
from retention.holds import Condition, Hold, HoldScope
from retention.periods import Period
from retention.schedule import Action, RetentionClass, Rule, Schedule

TODAY = dt.date(2026, 11, 26)
PENSION, ALLOWANCE = "KQ.G15.000031", "KQ.G15.000032"
DISTRICT = ("BHXH-01-05", "BHXH-01", "BHXH")


def retention_class(code: str = "06", months: int | None = 120, **said: Any) -> RetentionClass:
    values: dict[str, Any] = {
        "title": "10 years",
        "title_vi": "10 năm",
        "legal_source": "a source",
        "period": Period(months),
        "trigger": "dossier-closed",
        "year_end": False,
        "action": Action.DESTROY,
    }
    return RetentionClass(code=code, **(values | said))


def schedule(*classes: RetentionClass, rules: tuple[Rule, ...] | None = None) -> Schedule:
    """Return a schedule of these classes; without rules, the first class is everything's."""
    given = classes or (retention_class(),)
    return Schedule(
        id="test",
        version="1",
        title="A schedule",
        title_vi="Bảng thời hạn",
        valid_from=dt.date(2020, 1, 1),
        valid_to=None,
        classes={one.code: one for one in given},
        rules=rules if rules is not None else (Rule(given[0].code, 0),),
    )


def facts(closed: dt.date | None = dt.date(2020, 3, 1), **said: Any) -> Facts:
    values: dict[str, Any] = {
        "record_id": "r1",
        "result_type": PENSION,
        "office_path": DISTRICT,
        "access_level": "conditional",
        "dates": {} if closed is None else {"dossier-closed": closed},
        "subject_ids": ("s1", "s2"),
        "dossier_code": "000.00.00.H41-210301-0042",
    }
    return Facts(**(values | said))


def hold(scope: HoldScope, target: str = "", condition: Condition | None = None, **said: Any) -> Hold:
    values: dict[str, Any] = {
        "id": "H1",
        "owner": "Thanh tra",
        "reason": "đang thanh tra",
        "legal_reference": "QĐ 12/2026",
        "review_on": dt.date(2027, 1, 31),
    }
    return Hold(scope=scope, target=target, condition=condition, **(values | said))
