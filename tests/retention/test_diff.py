"""Before a schedule is adopted, every record whose day would move is named."""

from __future__ import annotations

import datetime as dt

from retention.diff import moved
from retention.holds import NO_HOLDS, Holds, HoldScope
from retention.schedule import Rule
from tests.retention.schedules import ALLOWANCE, TODAY, facts, hold, retention_class, schedule


def test_only_what_moves_is_told_in_the_order_given() -> None:
    old = schedule(retention_class("A"))
    longer = retention_class("B", months=240)
    new = schedule(retention_class("A"), longer, rules=(Rule("A", 0), Rule("B", 1, frozenset({ALLOWANCE}))))
    records = [facts(record_id="1"), facts(record_id="2", result_type=ALLOWANCE), facts(record_id="3")]
    [move] = moved(records, old, new, NO_HOLDS, TODAY)
    assert move.record_id == "2"
    assert (move.before.due_on, move.after.due_on) == (dt.date(2030, 3, 2), dt.date(2040, 3, 2))
    assert not move.is_earlier
    [back] = moved(records, new, old, NO_HOLDS, TODAY)
    assert back.is_earlier


def test_another_class_with_the_same_day_is_told_too() -> None:
    [move] = moved([facts()], schedule(retention_class("A")), schedule(retention_class("B")), NO_HOLDS, TODAY)
    assert move.before.due_on == move.after.due_on
    assert not move.is_earlier


def test_to_and_from_permanent() -> None:
    ever, ten = schedule(retention_class(months=None)), schedule(retention_class())
    [to] = moved([facts()], ten, ever, NO_HOLDS, TODAY)
    [since] = moved([facts()], ever, ten, NO_HOLDS, TODAY)
    assert (to.is_earlier, since.is_earlier) == (False, True)


def test_a_record_that_gets_a_rule_or_loses_it_is_told() -> None:
    ruled, unruled = schedule(), schedule(rules=(Rule("06", 0, frozenset({ALLOWANCE})),))
    [gains] = moved([facts()], unruled, ruled, NO_HOLDS, TODAY)
    [loses] = moved([facts()], ruled, unruled, NO_HOLDS, TODAY)
    assert (gains.is_earlier, loses.is_earlier) == (True, False)
    assert list(moved([facts()], unruled, unruled, NO_HOLDS, TODAY)) == []


def test_a_hold_does_not_hide_that_a_day_moves() -> None:
    placed = Holds.of([hold(HoldScope.RECORD, "r1")])
    assert len(list(moved([facts()], schedule(), schedule(retention_class(months=12)), placed, TODAY))) == 1
    assert list(moved([facts()], schedule(), schedule(), placed, TODAY)) == []
