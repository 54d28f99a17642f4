"""How many records a hold or an event speaks of, counted by the register without deciding on each.

Not a step itself; the steps that preview and report ask it. It counts exactly what ``Hold.covers`` says of each record.
"""

from __future__ import annotations

from archive_service.lifecycle.retention.judge import Judge
from archive_service.model.identifiers import OfficeCode, RecordId, SubjectId
from archive_service.model.units import RegisterUnit
from archive_service.model.units.retention import Coverage, Covered
from retention.holds import Condition, HoldScope


def count_covered(
    unit: RegisterUnit,
    judge: Judge,
    scope: HoldScope,
    target: str,
    condition: Condition | None,
    within: frozenset[OfficeCode] | None,
) -> Covered:
    """Count the stored records of the offices ``within`` (None: of all) that a hold of this kind covers now."""
    return unit.holds.count_covered(_coverage(unit, judge, scope, target, condition, within))


def _coverage(
    unit: RegisterUnit,
    judge: Judge,
    scope: HoldScope,
    target: str,
    condition: Condition | None,
    within: frozenset[OfficeCode] | None,
) -> Coverage:
    match scope:
        case HoldScope.RECORD:
            return Coverage(within, record_id=RecordId(target))
        case HoldScope.DOSSIER:
            return Coverage(within, dossier_code=target)
        case HoldScope.SUBJECT:
            families = unit.subjects.families([SubjectId(target)])
            return Coverage(within, subjects=frozenset(families.get(SubjectId(target), (SubjectId(target),))))
        case HoldScope.OFFICE:
            return Coverage(within, offices=judge.offices_under([target]))
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
