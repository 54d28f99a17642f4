"""Holds: what must not be let go, whatever its schedule says, until somebody lifts it with a reason.

A hold names a record, a subject, a dossier, an office with those under it, or a condition. Conditions are judged on the
facts of each record whenever it is decided on, so that a hold covers what comes later.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from retention.decide import Facts


class HoldScope(StrEnum):
    """What a hold is placed on."""

    RECORD = "record"
    SUBJECT = "subject"
    DOSSIER = "dossier"
    OFFICE = "office"
    CONDITION = "condition"


@dataclass(frozen=True, slots=True)
class Condition:
    """A saved query over facts: all that is stated must match; an empty set and None state nothing."""

    result_types: frozenset[str] = frozenset()
    offices: frozenset[str] = frozenset()
    access_levels: frozenset[str] = frozenset()
    issued_from: dt.date | None = None
    issued_to: dt.date | None = None

    @property
    def is_empty(self) -> bool:
        """Whether nothing is stated: such a condition would hold the whole archive."""
        return self == Condition()

    def matches(self, facts: Facts) -> bool:
        """Whether the record is meant. A date that is not known may lie in the range, so it does: holds err to keep."""
        return (
            (not self.result_types or facts.result_type in self.result_types)
            and (not self.offices or not self.offices.isdisjoint(facts.office_path))
            and (not self.access_levels or facts.access_level in self.access_levels)
            and self._in_range(facts.dates.get("document-date"))
        )

    def _in_range(self, issued_on: dt.date | None) -> bool:
        if issued_on is None:
            return True
        return (self.issued_from is None or issued_on >= self.issued_from) and (
            self.issued_to is None or issued_on <= self.issued_to
        )


@dataclass(frozen=True, slots=True)
class Hold:
    """A hold that stands. ``target`` is an id or a code; for a condition it is empty and ``condition`` says it."""

    id: str
    scope: HoldScope
    target: str
    owner: str
    reason: str
    legal_reference: str
    review_on: dt.date
    condition: Condition | None = None

    def covers(self, facts: Facts) -> bool:
        """Whether the hold keeps this record."""
        match self.scope:
            case HoldScope.RECORD:
                return facts.record_id == self.target
            case HoldScope.SUBJECT:
                return self.target in facts.subject_ids
            case HoldScope.DOSSIER:
                return facts.dossier_code is not None and facts.dossier_code == self.target
            case HoldScope.OFFICE:
                return self.target in facts.office_path
        # A condition that is not there would hold nothing silently; so it holds everything.
        return self.condition is None or self.condition.matches(facts)


@dataclass(frozen=True, slots=True)
class Holds:
    """Every hold that stands, laid out so that a record asks only those that may cover it."""

    _by_target: dict[tuple[HoldScope, str], list[Hold]] = field(default_factory=dict)
    _conditions: list[Hold] = field(default_factory=list)

    @staticmethod
    def of(holds: Iterable[Hold]) -> Holds:
        """Lay out holds; the order in which they are given is kept among those that cover a record."""
        laid_out = Holds()
        for hold in holds:
            if hold.scope is HoldScope.CONDITION:
                laid_out._conditions.append(hold)
            else:
                laid_out._by_target.setdefault((hold.scope, hold.target), []).append(hold)
        return laid_out

    def covering(self, facts: Facts) -> tuple[Hold, ...]:
        """Return the holds that keep this record."""
        if not self._by_target and not self._conditions:
            return ()
        return tuple(hold for hold in self._candidates(facts) if hold.covers(facts))

    def _candidates(self, facts: Facts) -> Iterator[Hold]:
        asked = [(HoldScope.RECORD, facts.record_id), (HoldScope.DOSSIER, facts.dossier_code or "")]
        asked += [(HoldScope.SUBJECT, subject) for subject in facts.subject_ids]
        asked += [(HoldScope.OFFICE, office) for office in facts.office_path]
        for one in asked:
            yield from self._by_target.get(one, ())
        yield from self._conditions


NO_HOLDS = Holds()
