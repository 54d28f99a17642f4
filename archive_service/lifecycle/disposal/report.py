"""Counting what disposals did, month by month: for those who answer for it. Only counts leave this step."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass, replace

from archive_service.model.archive import Archive
from archive_service.model.disposals import Amount, ItemState, Tally
from archive_service.model.permissions import Action, Caller, require
from archive_service.model.units import RegisterUnit
from archive_service.model.units.disposals import DisposalSelection
from retention.calendar import day_of
from retention.disposal import ProposalState
from retention.schedule import Action as DisposalAction


@dataclass(frozen=True, slots=True)
class EndedDisposals:
    """What the disposals of one action that ended in a month did; ``month`` is its first day, in Vietnam."""

    month: dt.date
    action: DisposalAction
    proposals: int
    disposed: Amount
    kept: Amount
    excepted: Amount


@dataclass(frozen=True, slots=True)
class DisposalsReport:
    """Rows in order of month and action, as of a day."""

    as_of: dt.date
    rows: tuple[EndedDisposals, ...]


def report_disposals(archive: Archive, caller: Caller) -> DisposalsReport:
    """Return what the caller's offices disposed of, kept and excepted, by month of the certificate.

    Raises NotAllowed.
    """
    require(caller, Action.READ_DISPOSALS)

    def look(unit: RegisterUnit) -> tuple[EndedDisposals, ...]:
        tallies: dict[tuple[dt.date, DisposalAction], list[Tally]] = {}
        for month, action, tally in _ended(unit, caller):
            tallies.setdefault((month, action), []).append(tally)
        return tuple(_summed(*key, found) for key, found in sorted(tallies.items()))

    return DisposalsReport(day_of(archive.clock.now()), archive.register.read(look))


def _ended(unit: RegisterUnit, caller: Caller) -> Iterator[tuple[dt.date, DisposalAction, Tally]]:
    selection = DisposalSelection(caller.offices, frozenset({ProposalState.DONE}), limit=500)
    while page := unit.disposals.select(selection):
        for one in page:
            if one.ended_at is not None:
                yield day_of(one.ended_at).replace(day=1), one.action, unit.disposals.tally(one.id)
        selection = replace(selection, after=page[-1].id)


def _summed(month: dt.date, action: DisposalAction, tallies: list[Tally]) -> EndedDisposals:
    amounts = {state: _sum(tallies, state) for state in (ItemState.DISPOSED, ItemState.KEPT, ItemState.EXCEPTED)}
    return EndedDisposals(month, action, len(tallies), *amounts.values())


def _sum(tallies: list[Tally], state: ItemState) -> Amount:
    found = [tally.by_state[state] for tally in tallies if state in tally.by_state]
    return Amount(sum(one.records for one in found), sum(one.size_bytes for one in found))
