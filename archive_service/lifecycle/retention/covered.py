"""How many records a hold or an event speaks of, counted by the register without deciding on each.

Not a step itself; the steps that preview and report ask it. It counts exactly what ``Hold.covers`` says of each record.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from archive_service.lifecycle.retention.judge import Judge
from archive_service.model.identifiers import OfficeCode, RecordId, SubjectId
from archive_service.model.record import AccessLevel
from archive_service.model.units import RegisterUnit
from archive_service.model.units.retention import Coverage, Covered
from retention.holds import Condition, HoldScope


@dataclass(frozen=True, slots=True)
class Spoken:
    """What a hold or an event speaks of: by its scope a target, or a condition."""

    scope: HoldScope
    target: str
    condition: Condition | None = None


@dataclass(frozen=True, slots=True)
class Among:
    """Of which records are counted: those of these offices, and of these access levels (None: of all)."""

    offices: frozenset[OfficeCode] | None
    levels: frozenset[AccessLevel] | None = None


def count_covered(unit: RegisterUnit, judge: Judge, spoken: Spoken, among: Among) -> Covered:
    """Count the stored records that are spoken of now."""
    coverage = _coverage(unit, judge, spoken, among.offices)
    if among.levels is not None:
        readable = frozenset(str(level) for level in among.levels)
        asked = coverage.access_levels
        coverage = replace(coverage, access_levels=readable if asked is None else asked & readable)
    return unit.holds.count_covered(coverage)


def _coverage(unit: RegisterUnit, judge: Judge, spoken: Spoken, within: frozenset[OfficeCode] | None) -> Coverage:
    match spoken.scope:
        case HoldScope.RECORD:
            return Coverage(within, record_id=RecordId(spoken.target))
        case HoldScope.DOSSIER:
            return Coverage(within, dossier_code=spoken.target)
        case HoldScope.SUBJECT:
            subject = SubjectId(spoken.target)
            return Coverage(within, subjects=frozenset(unit.subjects.families([subject]).get(subject, (subject,))))
        case HoldScope.OFFICE:
            return Coverage(within, offices=judge.offices_under([spoken.target]))
    condition = spoken.condition
    if condition is None:
        return Coverage(within)
    return Coverage(
        within,
        offices=judge.offices_under(condition.offices) if condition.offices else None,
        result_types=condition.result_types or None,
        access_levels=condition.access_levels or None,
        issued_from=condition.issued_from,
        issued_to=condition.issued_to,
    )
