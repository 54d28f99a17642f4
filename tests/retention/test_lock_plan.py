"""The lock that follows from a decision: through the last day, rolling while that is unknown, far ahead for ever."""

from __future__ import annotations

import datetime as dt

from hypothesis import given
from hypothesis import strategies as st

from retention.decide import Decision, RetentionState, decide
from retention.holds import NO_HOLDS, Holds, HoldScope
from retention.locks import LockPlan, LockTerms, lock_plan
from retention.reasons import explain
from retention.schedule import NO_SCHEDULE
from tests.retention.schedules import facts, hold, retention_class, schedule

TODAY = dt.date(2026, 6, 1)
NOW = dt.datetime(2026, 6, 1, 3, 0, tzinfo=dt.UTC)
DAY = dt.timedelta(days=1)
TERMS = LockTerms(rolling_days=60, permanent_years=7)
ROLLING, AGAIN = NOW + 60 * DAY, NOW + 30 * DAY
HELD = Holds.of([hold(HoldScope.RECORD, "r1")])

MONTHS = st.none() | st.integers(1, 1200)
DATES = st.none() | st.dates(dt.date(1990, 1, 1), dt.date(2040, 1, 1))


def decided(closed: dt.date | None, months: int | None = 12, holds: Holds = NO_HOLDS) -> Decision:
    return decide(facts(closed), schedule(retention_class(months=months)), holds, TODAY)


def plan(decision: Decision) -> LockPlan:
    return lock_plan(decision, NOW, TERMS)


def test_what_runs_is_locked_through_its_last_day_and_needs_no_other_look() -> None:
    assert plan(decided(dt.date(2026, 5, 1))) == LockPlan(dt.datetime(2027, 5, 1, 17, tzinfo=dt.UTC), False, None)


def test_on_its_last_day_it_is_locked_and_from_the_next_on_no_longer() -> None:
    last = decided(dt.date(2025, 6, 1))
    assert last.state is RetentionState.RUNNING
    assert plan(last) == LockPlan(dt.datetime(2026, 6, 1, 17, tzinfo=dt.UTC), False, None)
    due = decided(dt.date(2025, 5, 31))
    assert due.state is RetentionState.DUE
    assert plan(due) == LockPlan(None, False, None)


def test_a_running_decision_asked_at_the_very_end_of_its_last_day_locks_nothing_more() -> None:
    ends = dt.datetime(2026, 6, 1, 17, tzinfo=dt.UTC)
    assert lock_plan(decided(dt.date(2025, 6, 1)), ends, TERMS).until is None
    assert lock_plan(decided(dt.date(2025, 6, 1)), ends - dt.timedelta(seconds=1), TERMS).until == ends


def test_what_waits_without_a_day_rolls_and_is_looked_at_at_half() -> None:
    assert plan(decided(None)) == LockPlan(ROLLING, False, AGAIN)


def test_what_waits_for_a_day_is_looked_at_when_it_begins_here_if_that_is_sooner() -> None:
    assert plan(decided(dt.date(2026, 6, 10))) == LockPlan(ROLLING, False, dt.datetime(2026, 6, 9, 17, tzinfo=dt.UTC))
    assert plan(decided(dt.date(2026, 9, 1))) == LockPlan(ROLLING, False, AGAIN)


def test_a_day_that_has_begun_meanwhile_is_looked_at_at_half() -> None:
    tomorrow = decided(TODAY + DAY)
    begun = dt.datetime(2026, 6, 1, 17, tzinfo=dt.UTC)
    assert lock_plan(tomorrow, begun, TERMS).look_again_at == begun + 30 * DAY


def test_what_is_permanent_is_locked_years_ahead_and_again_each_year() -> None:
    assert plan(decided(None, months=None)) == LockPlan(NOW + 7 * 365 * DAY, False, NOW + 365 * DAY)
    assert plan(decided(None, None, HELD)) == LockPlan(NOW + 7 * 365 * DAY, True, AGAIN)
    seldom = LockTerms(rolling_days=3650, permanent_years=20)
    assert lock_plan(decided(None, None, HELD), NOW, seldom).look_again_at == NOW + 365 * DAY


def test_what_is_held_keeps_a_lock_in_the_future_too() -> None:
    assert plan(decided(dt.date(2020, 1, 1), 12, HELD)) == LockPlan(ROLLING, True, AGAIN)
    assert plan(decided(dt.date(2026, 5, 1), 12, HELD)) == LockPlan(
        dt.datetime(2027, 5, 1, 17, tzinfo=dt.UTC), True, AGAIN
    )
    assert plan(decided(None, 12, HELD)) == LockPlan(ROLLING, True, AGAIN)


def test_what_no_rule_speaks_of_rolls_and_says_that_there_is_no_schedule() -> None:
    decision = decide(facts(), NO_SCHEDULE, NO_HOLDS, TODAY)
    assert decision.state is RetentionState.UNASSIGNED
    assert plan(decision) == LockPlan(ROLLING, False, AGAIN)
    [reason] = explain(decision)
    assert reason.code == "no-schedule"
    assert reason.en == "No retention schedule is in force today: it is kept until one is adopted."
    assert reason.vi == (
        "Hiện chưa có bảng thời hạn bảo quản nào có hiệu lực: tài liệu được giữ cho đến khi có bảng thời hạn."
    )
    assert NO_SCHEDULE.decides_on(dt.date.min)
    assert NO_SCHEDULE.decides_on(dt.date.max)
    assert (NO_SCHEDULE.id, NO_SCHEDULE.version) == ("none", "0")
    assert (NO_SCHEDULE.title, NO_SCHEDULE.title_vi) == ("No schedule", "Chưa có bảng thời hạn")
    assert NO_SCHEDULE.says_nothing
    assert not schedule().says_nothing


def test_the_usual_terms_are_ninety_days_and_ten_years() -> None:
    assert LockTerms() == LockTerms(rolling_days=90, permanent_years=10)


@given(DATES, MONTHS)
def test_more_holds_never_shorten_a_lock_and_a_hold_always_keeps_one_in_the_future(
    closed: dt.date | None, months: int | None
) -> None:
    free, held = plan(decided(closed, months)), plan(decided(closed, months, HELD))
    assert held.held
    assert not free.held
    assert held.until is not None
    assert held.until > NOW
    assert free.until is None or held.until >= free.until
    assert held.look_again_at is not None
    assert NOW < held.look_again_at < held.until


@given(DATES, MONTHS)
def test_whatever_is_not_due_is_locked_and_looked_at_before_that_lock_ends(
    closed: dt.date | None, months: int | None
) -> None:
    decision = decided(closed, months)
    found = plan(decision)
    if decision.state is RetentionState.DUE:
        assert found == LockPlan(None, False, None)
        return
    assert found.until is not None
    assert found.until > NOW
    assert found.look_again_at is None or NOW < found.look_again_at < found.until
    # Only what is locked through a known last day is never looked at again.
    assert (found.look_again_at is None) == (decision.state is RetentionState.RUNNING)


@given(st.dates(dt.date(1990, 1, 1), TODAY), st.integers(0, 5000), st.integers(1, 600))
def test_a_later_trigger_never_gives_an_earlier_lock(first: dt.date, later_by: int, months: int) -> None:
    later = min(first + later_by * DAY, TODAY)
    one, other = plan(decided(first, months)), plan(decided(later, months))
    if one.until is not None:
        assert other.until is not None
        assert other.until >= one.until
