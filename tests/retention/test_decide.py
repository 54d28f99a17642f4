"""The laws of retention: what always holds, whatever the schedule says."""

from __future__ import annotations

import dataclasses
import datetime as dt
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from retention.decide import Decision, Facts, RetentionState, decide
from retention.holds import NO_HOLDS, Condition, Hold, Holds, HoldScope
from retention.periods import Period
from retention.schedule import Rule, Schedule
from tests.retention.schedules import ALLOWANCE, PENSION, TODAY, facts, hold, retention_class, schedule

DAYS = st.dates(dt.date(1950, 1, 1), dt.date(2150, 12, 31))
SCHEDULES = st.builds(
    lambda months, year_end: schedule(retention_class(months=months, year_end=year_end)),
    st.one_of(st.none(), st.integers(1, 2400)),
    st.booleans(),
)
FACTS = st.builds(facts, st.one_of(st.none(), DAYS))
HOLDS = st.lists(
    st.sampled_from(
        [
            hold(HoldScope.RECORD, "r1"),
            hold(HoldScope.RECORD, "r2"),
            hold(HoldScope.SUBJECT, "s2"),
            hold(HoldScope.OFFICE, "BHXH-48"),
            hold(HoldScope.CONDITION, condition=Condition(result_types=frozenset({ALLOWANCE}))),
        ]
    )
)


@given(FACTS, SCHEDULES, HOLDS, DAYS)
def test_a_hold_always_blocks(asked: Facts, ours: Schedule, placed: list[Hold], today: dt.date) -> None:
    covered = any(one.covers(asked) for one in placed)
    decision = decide(asked, ours, Holds.of(placed), today)
    assert (decision.state is RetentionState.HELD) is covered


@given(FACTS, SCHEDULES, HOLDS, HOLDS, DAYS)
def test_more_holds_never_free_a_record(
    asked: Facts, ours: Schedule, some: list[Hold], more: list[Hold], today: dt.date
) -> None:
    if decide(asked, ours, Holds.of(some), today).state is not RetentionState.DUE:
        assert decide(asked, ours, Holds.of(some + more), today).state is not RetentionState.DUE


@given(FACTS, SCHEDULES, DAYS)
def test_never_due_before_its_day_nor_without_its_trigger(asked: Facts, ours: Schedule, today: dt.date) -> None:
    decision = decide(asked, ours, NO_HOLDS, today)
    if decision.state is RetentionState.DUE:
        trigger = asked.dates["dossier-closed"]
        assert decision.due_on is not None
        assert decision.due_on <= today
        months = ours.classes["06"].period.months
        assert months is not None
        assert (decision.due_on.year * 12 + decision.due_on.month) - (trigger.year * 12 + trigger.month) >= months


@given(SCHEDULES, DAYS, DAYS, DAYS)
def test_a_later_trigger_never_gives_an_earlier_day(
    ours: Schedule, one: dt.date, other: dt.date, today: dt.date
) -> None:
    earlier, later = (decide(facts(day), ours, NO_HOLDS, today) for day in sorted((one, other)))
    if earlier.due_on is not None and later.due_on is not None:
        assert earlier.due_on <= later.due_on
    if earlier.due_on is None:
        assert later.due_on is None


@given(FACTS, HOLDS, DAYS)
def test_what_is_permanent_is_never_due(asked: Facts, placed: list[Hold], today: dt.date) -> None:
    decision = decide(asked, schedule(retention_class(months=None)), Holds.of(placed), today)
    assert decision.standing is RetentionState.PERMANENT
    assert decision.due_on is None


@given(FACTS, SCHEDULES, HOLDS, DAYS)
def test_deciding_twice_changes_nothing(asked: Facts, ours: Schedule, placed: list[Hold], today: dt.date) -> None:
    assert decide(asked, ours, Holds.of(placed), today) == decide(asked, ours, Holds.of(placed), today)


@given(FACTS, SCHEDULES, DAYS, DAYS)
def test_what_is_due_stays_due(asked: Facts, ours: Schedule, one: dt.date, other: dt.date) -> None:
    earlier, later = sorted((one, other))
    if decide(asked, ours, NO_HOLDS, earlier).state is RetentionState.DUE:
        assert decide(asked, ours, NO_HOLDS, later).state is RetentionState.DUE


def decided(today: dt.date, closed: dt.date | None = dt.date(2020, 3, 1), **said: Any) -> Decision:
    return decide(facts(closed), schedule(retention_class(**said)), NO_HOLDS, today)


def test_a_record_is_due_from_the_day_after_its_period() -> None:
    assert decided(dt.date(2030, 3, 1)).state is RetentionState.RUNNING
    assert decided(dt.date(2030, 3, 2)).state is RetentionState.DUE
    assert decided(dt.date(2030, 3, 2)).due_on == dt.date(2030, 3, 2)
    assert decided(TODAY).kept_until == dt.date(2030, 3, 1)
    assert decided(TODAY).trigger_on == dt.date(2020, 3, 1)
    assert decided(TODAY, year_end=True).kept_until == dt.date(2030, 12, 31)


def test_a_trigger_that_is_not_known_starts_nothing() -> None:
    decision = decided(TODAY, None)
    assert decision.state is RetentionState.WAITING
    assert (decision.due_on, decision.kept_until, decision.trigger_on) == (None, None, None)


def test_a_trigger_that_lies_ahead_starts_nothing_yet() -> None:
    tomorrow = TODAY + dt.timedelta(days=1)
    assert decided(TODAY, tomorrow).state is RetentionState.WAITING
    assert decided(TODAY, tomorrow).trigger_on == tomorrow
    assert decided(TODAY, TODAY).state is RetentionState.RUNNING


def test_only_its_own_trigger_starts_a_period() -> None:
    asked = facts(dates={"document-date": dt.date(1990, 1, 1), "valid-until": dt.date(1991, 1, 1)})
    assert decide(asked, schedule(), NO_HOLDS, TODAY).state is RetentionState.WAITING


def test_a_period_that_ends_after_the_calendar_is_permanent() -> None:
    decision = decide(facts(dt.date(9990, 1, 1)), schedule(), NO_HOLDS, dt.date(9999, 12, 31))
    assert (decision.state, decision.due_on) == (RetentionState.PERMANENT, None)
    assert decision.trigger_on == dt.date(9990, 1, 1)


def test_no_rule_and_rules_that_disagree_never_let_a_record_go() -> None:
    one, other = retention_class("A"), retention_class("B", months=12)
    nothing = schedule(one, rules=(Rule("A", 0, frozenset({ALLOWANCE})),))
    both = schedule(one, other, rules=(Rule("A", 0), Rule("B", 0)))
    late = dt.date(2100, 1, 1)
    for ours, state in ((nothing, RetentionState.UNASSIGNED), (both, RetentionState.CONFLICT)):
        decision = decide(facts(), ours, NO_HOLDS, late)
        assert decision.state is state
        assert (decision.due_on, decision.trigger_on, decision.retention_class) == (None, None, None)


def test_a_hold_leaves_the_day_as_it_is() -> None:
    placed = hold(HoldScope.RECORD, "r1")
    held = decide(facts(), schedule(), Holds.of([placed]), dt.date(2031, 1, 1))
    free = decide(facts(), schedule(), NO_HOLDS, dt.date(2031, 1, 1))
    assert (held.state, held.standing) == (RetentionState.HELD, RetentionState.DUE)
    assert held.holds == (placed,)
    assert dataclasses.replace(held, holds=()) == free


@pytest.mark.parametrize("result_type", [PENSION, ALLOWANCE])
def test_the_class_is_the_one_that_the_rules_give(result_type: str) -> None:
    long, short = retention_class("L", months=600), retention_class("S", months=12)
    ours = schedule(long, short, rules=(Rule("L", 0), Rule("S", 1, frozenset({ALLOWANCE}))))
    decision = decide(facts(result_type=result_type), ours, NO_HOLDS, TODAY)
    assert decision.retention_class is (long if result_type == PENSION else short)
    assert decision.state is (RetentionState.RUNNING if result_type == PENSION else RetentionState.DUE)
    assert decision.schedule is ours
    assert Period(12) == short.period


@pytest.mark.parametrize(
    ("said", "code"),
    [
        ({"office_path": ("BHXH-48",), "access_level": "open"}, "ALL"),
        ({"office_path": ("BHXH-01-05", "BHXH-01"), "access_level": "open"}, "OFFICE"),
        ({"office_path": ("BHXH-48",), "access_level": "secret"}, "LEVEL"),
    ],
)
def test_office_and_access_level_decide_the_class_as_the_kind_does(said: dict[str, Any], code: str) -> None:
    ours = schedule(
        retention_class("ALL"),
        retention_class("OFFICE"),
        retention_class("LEVEL"),
        rules=(
            Rule("ALL", 0),
            Rule("OFFICE", 1, offices=frozenset({"BHXH-01"})),
            Rule("LEVEL", 1, access_levels=frozenset({"secret"})),
        ),
    )
    assert decide(facts(**said), ours, NO_HOLDS, TODAY).retention_class is ours.classes[code]


def test_states_have_the_names_that_are_stored() -> None:
    assert list(RetentionState) == ["unassigned", "conflict", "permanent", "waiting", "running", "due", "held"]


def test_subjects_and_a_dossier_that_are_not_known_are_under_no_hold() -> None:
    bare = Facts("r9", PENSION, ("BHXH-01",), "open", {})
    placed = Holds.of([hold(HoldScope.SUBJECT, "s1"), hold(HoldScope.DOSSIER, ""), hold(HoldScope.RECORD, "r1")])
    assert decide(bare, schedule(), placed, TODAY).holds == ()
