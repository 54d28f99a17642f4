"""The highest priority that matches decides which class a record has."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace

import pytest

from retention.schedule import Action, Rule
from tests.retention.schedules import ALLOWANCE, DISTRICT, PENSION, retention_class, schedule

A, B, C = retention_class("A"), retention_class("B"), retention_class("C")


def assigned(*rules: Rule, result_type: str = PENSION, access: str = "open") -> list[str]:
    found = schedule(A, B, C, rules=rules).assign(result_type, DISTRICT, access)
    return [one.code for one in found.classes]


def test_without_a_rule_there_is_no_class() -> None:
    found = schedule(A, rules=(Rule("A", 0, frozenset({ALLOWANCE})),)).assign(PENSION, DISTRICT, "open")
    assert found.classes == ()
    assert found.rule is None


@pytest.mark.parametrize(
    "rule",
    [
        Rule("B", 1, result_types=frozenset({PENSION, "x"})),
        Rule("B", 1, offices=frozenset({"BHXH-01-05"})),
        Rule("B", 1, offices=frozenset({"BHXH"})),
        Rule("B", 1, access_levels=frozenset({"open"})),
        Rule("B", 1, frozenset({PENSION}), frozenset({"BHXH-01"}), frozenset({"open"})),
    ],
)
def test_a_rule_matches_by_all_that_it_states_and_the_higher_priority_wins(rule: Rule) -> None:
    assert assigned(Rule("A", 0), rule) == ["B"]
    assert assigned(rule, Rule("A", 0)) == ["B"]
    assert assigned(Rule("A", 2), rule) == ["A"]


@pytest.mark.parametrize(
    "rule",
    [
        Rule("B", 1, frozenset({ALLOWANCE}), frozenset({"BHXH"}), frozenset({"open"})),
        Rule("B", 1, frozenset({PENSION}), frozenset({"BHXH-48"}), frozenset({"open"})),
        Rule("B", 1, frozenset({PENSION}), frozenset({"BHXH"}), frozenset({"secret"})),
    ],
)
def test_a_rule_that_misses_in_one_thing_does_not_match(rule: Rule) -> None:
    assert assigned(Rule("A", 0), rule) == ["A"]


def test_rules_of_one_rank_that_agree_are_one_answer_and_that_disagree_are_two() -> None:
    assert assigned(Rule("A", 5), Rule("A", 5), Rule("C", 1)) == ["A"]
    assert assigned(Rule("A", 5), Rule("B", 5), Rule("C", 1)) == ["A", "B"]
    found = schedule(A, B, rules=(Rule("A", 5), Rule("B", 5))).assign(PENSION, DISTRICT, "open")
    assert found.rule is None
    first = Rule("A", 5, line=7)
    assert schedule(A, rules=(first, Rule("A", 5))).assign(PENSION, DISTRICT, "open").rule is first


def test_the_same_question_gets_the_very_same_answer() -> None:
    ours = schedule(A)
    assert ours.assign(PENSION, DISTRICT, "open") is ours.assign(PENSION, DISTRICT, "open")
    assert ours == schedule(A), "what was asked before is no part of the schedule"
    assert repr(ours) == repr(schedule(A))


def test_a_version_decides_from_its_first_to_its_last_day() -> None:
    open_ended = schedule(A)
    assert not open_ended.decides_on(dt.date(2019, 12, 31))
    assert open_ended.decides_on(dt.date(2020, 1, 1))
    assert open_ended.decides_on(dt.date(2999, 1, 1))
    ended = replace(open_ended, valid_to=dt.date(2026, 6, 30))
    assert ended.decides_on(dt.date(2026, 6, 30))
    assert not ended.decides_on(dt.date(2026, 7, 1))


def test_what_is_left_out_of_a_rule_or_a_class_is_not_stated() -> None:
    nothing: frozenset[str] = frozenset()
    assert Rule("A", 0) == Rule("A", 0, nothing, nothing, nothing, None)
    assert retention_class().example is False


def test_actions_have_the_names_that_schedules_use() -> None:
    assert list(Action) == ["destroy", "transfer", "review"]
