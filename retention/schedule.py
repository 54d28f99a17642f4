"""A retention schedule: classes that say how long and from when, and rules that say which class a record has.

Values only; ``schedule_file`` reads and checks one. What a schedule says is law or the operator's word, never ours:
every class names its source.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from retention.periods import Period


class Action(StrEnum):
    """What is proposed once a record is due. Nothing is done without people's decision."""

    DESTROY = "destroy"
    TRANSFER = "transfer"
    REVIEW = "review"


@dataclass(frozen=True, slots=True)
class RetentionClass:
    """How long, from when, why, and what then. ``example`` marks a class that no law stands behind."""

    code: str
    title: str
    title_vi: str
    legal_source: str
    period: Period
    trigger: str
    year_end: bool
    action: Action
    example: bool = False


@dataclass(frozen=True, slots=True)
class Rule:
    """Which records have a class: those that match everything stated; an empty set states nothing.

    ``offices`` takes in the offices under them. Of the rules that match, the highest ``priority`` decides.
    """

    class_code: str
    priority: int
    result_types: frozenset[str] = frozenset()
    offices: frozenset[str] = frozenset()
    access_levels: frozenset[str] = frozenset()
    line: int | None = None

    def matches(self, result_type: str, office_path: tuple[str, ...], access_level: str) -> bool:
        """Whether the rule speaks of a record; ``office_path`` is its office and every office above it."""
        return (
            (not self.result_types or result_type in self.result_types)
            and (not self.offices or not self.offices.isdisjoint(office_path))
            and (not self.access_levels or access_level in self.access_levels)
        )


@dataclass(frozen=True, slots=True)
class Assignment:
    """The class of a record and the rule that gave it; or several classes, when rules of one rank disagree."""

    classes: tuple[RetentionClass, ...]
    rule: Rule | None


@dataclass(frozen=True, slots=True)
class Schedule:
    """One version of a schedule. ``valid_from`` and ``valid_to`` are the first and last day on which it decides."""

    id: str
    version: str
    title: str
    title_vi: str
    valid_from: dt.date
    valid_to: dt.date | None
    classes: Mapping[str, RetentionClass]
    rules: tuple[Rule, ...]
    _assigned: dict[tuple[str, tuple[str, ...], str], Assignment] = field(
        default_factory=dict, repr=False, compare=False
    )

    @property
    def says_nothing(self) -> bool:
        """Whether it has no rule at all, as where none was adopted."""
        return not self.rules

    def decides_on(self, day: dt.date) -> bool:
        """Whether this version is the one to ask on that day."""
        return self.valid_from <= day and (self.valid_to is None or day <= self.valid_to)

    def assign(self, result_type: str, office_path: tuple[str, ...], access_level: str) -> Assignment:
        """Return the class for what a record is. Few kinds of record exist, so answers are kept."""
        asked = (result_type, office_path, access_level)
        found = self._assigned.get(asked)
        if found is None:
            found = self._assigned[asked] = self._look_up(asked)
        return found

    def _look_up(self, asked: tuple[str, tuple[str, ...], str]) -> Assignment:
        matching = [rule for rule in self.rules if rule.matches(*asked)]
        highest = max((rule.priority for rule in matching), default=None)
        deciding = [rule for rule in matching if rule.priority == highest]
        codes = dict.fromkeys(rule.class_code for rule in deciding)
        return Assignment(tuple(self.classes[code] for code in codes), deciding[0] if len(codes) == 1 else None)


NO_SCHEDULE = Schedule("none", "0", "No schedule", "Chưa có bảng thời hạn", dt.date.min, None, {}, ())
"""What decides until the agency adopts a schedule: every record is kept."""
