"""A hold covers what it names, and what its condition will match later."""

from __future__ import annotations

import datetime as dt

import pytest

from retention.holds import NO_HOLDS, Condition, Hold, Holds, HoldScope
from tests.retention.schedules import ALLOWANCE, PENSION, facts, hold

ISSUED = dt.date(2021, 5, 1)


@pytest.mark.parametrize(
    ("scope", "target"),
    [
        (HoldScope.RECORD, "r1"),
        (HoldScope.SUBJECT, "s1"),
        (HoldScope.SUBJECT, "s2"),
        (HoldScope.DOSSIER, "000.00.00.H41-210301-0042"),
        (HoldScope.OFFICE, "BHXH-01-05"),
        (HoldScope.OFFICE, "BHXH"),
    ],
)
def test_a_hold_covers_what_it_names(scope: HoldScope, target: str) -> None:
    placed = hold(scope, target)
    assert placed.covers(facts())
    assert Holds.of([placed]).covering(facts()) == (placed,)


@pytest.mark.parametrize("scope", [scope for scope in HoldScope if scope is not HoldScope.CONDITION])
def test_a_hold_does_not_cover_what_it_does_not_name(scope: HoldScope) -> None:
    placed = hold(scope, "another")
    assert not placed.covers(facts())
    assert Holds.of([placed]).covering(facts()) == ()


def test_a_record_without_a_dossier_is_under_no_hold_of_dossiers() -> None:
    for target in ("", "None"):
        placed = hold(HoldScope.DOSSIER, target)
        assert not placed.covers(facts(dossier_code=None))
        assert Holds.of([placed]).covering(facts(dossier_code=None)) == ()


@pytest.mark.parametrize(
    ("condition", "covered"),
    [
        (Condition(result_types=frozenset({PENSION})), True),
        (Condition(result_types=frozenset({ALLOWANCE})), False),
        (Condition(offices=frozenset({"BHXH-01"})), True),
        (Condition(offices=frozenset({"BHXH-48"})), False),
        (Condition(access_levels=frozenset({"conditional"})), True),
        (Condition(access_levels=frozenset({"secret"})), False),
        (Condition(issued_from=ISSUED), True),
        (Condition(issued_from=ISSUED + dt.timedelta(days=1)), False),
        (Condition(issued_to=ISSUED), True),
        (Condition(issued_to=ISSUED - dt.timedelta(days=1)), False),
        (Condition(frozenset({PENSION}), frozenset({"BHXH-48"})), False),
    ],
)
def test_a_condition_covers_what_matches_all_of_it(condition: Condition, covered: bool) -> None:
    placed = hold(HoldScope.CONDITION, condition=condition)
    asked = facts(dates={"document-date": ISSUED})
    assert placed.covers(asked) is covered
    assert Holds.of([placed]).covering(asked) == ((placed,) if covered else ())


def test_a_date_that_is_not_known_may_lie_in_the_range_so_the_record_is_kept() -> None:
    condition = Condition(issued_from=dt.date(2025, 1, 1), issued_to=dt.date(2025, 12, 31))
    assert hold(HoldScope.CONDITION, condition=condition).covers(facts())


def test_a_hold_whose_condition_is_lost_keeps_everything() -> None:
    assert hold(HoldScope.CONDITION).covers(facts())
    assert Hold("H1", HoldScope.CONDITION, "", "a", "b", "c", dt.date(2027, 1, 31)).covers(facts())


def test_a_condition_that_states_nothing_is_empty_however_nothing_is_said() -> None:
    assert Condition().is_empty
    assert Condition(frozenset(), frozenset(), frozenset(), None, None).is_empty
    assert not Condition(issued_to=ISSUED).is_empty
    assert Condition().matches(facts(dates={"document-date": ISSUED}))


def test_scopes_have_the_names_that_are_stored() -> None:
    assert list(HoldScope) == ["record", "subject", "dossier", "office", "condition"]


def test_all_holds_that_cover_a_record_are_told() -> None:
    placed: list[Hold] = [
        hold(HoldScope.RECORD, "r1", id="a"),
        hold(HoldScope.OFFICE, "BHXH", id="b"),
        hold(HoldScope.OFFICE, "BHXH", id="c"),
        hold(HoldScope.CONDITION, condition=Condition(result_types=frozenset({PENSION})), id="d"),
        hold(HoldScope.RECORD, "r2", id="e"),
    ]
    assert [one.id for one in Holds.of(placed).covering(facts())] == ["a", "b", "c", "d"]
    assert NO_HOLDS.covering(facts()) == ()
    assert [one.id for one in Holds.of(placed[3:4]).covering(facts())] == ["d"]
