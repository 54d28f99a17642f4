"""Looking at disposals: proposals of one's offices, their records, and the certificates of what was done."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

from archive_service.errors import Conflict, Message, NotFound
from archive_service.lifecycle.disposal.proposed import require_disposal
from archive_service.lifecycle.marks import oldest
from archive_service.model.archive import Archive
from archive_service.model.disposals import Disposal, DisposalItem, Tally
from archive_service.model.events import Event, EventType, Json
from archive_service.model.objects import certificate_key, certificate_paper_key
from archive_service.model.permissions import Action, Caller, require
from archive_service.model.units import RegisterUnit
from archive_service.model.units.disposals import DisposalSelection, ItemSelection
from retention.disposal import ProposalState


@dataclass(frozen=True, slots=True)
class ShownDisposal:
    """A proposal, and how many of its records stand how."""

    disposal: Disposal
    tally: Tally


def list_disposals(archive: Archive, caller: Caller, selection: DisposalSelection) -> tuple[ShownDisposal, ...]:
    """Return one page of the proposals of the caller's offices, oldest first. Raises NotAllowed."""
    require(caller, Action.READ_DISPOSALS)
    own = caller.offices if selection.offices is None else selection.offices & caller.offices
    wanted = dataclasses.replace(selection, offices=own)

    def look(unit: RegisterUnit) -> tuple[ShownDisposal, ...]:
        return tuple(ShownDisposal(one, unit.disposals.tally(one.id)) for one in unit.disposals.select(wanted))

    listed = archive.register.read(look)
    _log(archive, caller, {"disposals": [one.disposal.id for one in listed]})
    return listed


def show_disposal(archive: Archive, caller: Caller, disposal_id: str) -> ShownDisposal:
    """Return one proposal. Raises NotAllowed, NotFound."""
    require(caller, Action.READ_DISPOSALS)

    def look(unit: RegisterUnit) -> ShownDisposal:
        return ShownDisposal(require_disposal(unit, caller, disposal_id), unit.disposals.tally(disposal_id))

    shown = archive.register.read(look)
    _log(archive, caller, {"disposals": [disposal_id]})
    return shown


def list_items(archive: Archive, caller: Caller, selection: ItemSelection) -> tuple[DisposalItem, ...]:
    """Return one page of a proposal's records, in order of id. Raises NotAllowed, NotFound."""
    require(caller, Action.READ_DISPOSALS)

    def look(unit: RegisterUnit) -> tuple[DisposalItem, ...]:
        require_disposal(unit, caller, selection.disposal_id)
        return tuple(unit.disposals.items(selection))

    listed = archive.register.read(look)
    _log(archive, caller, {"disposals": [selection.disposal_id], "returned": [one.record_id for one in listed]})
    return listed


@dataclass(frozen=True, slots=True)
class OpenCertificate:
    """A certificate ready to be given: its length in bytes, and its blocks."""

    size_bytes: int
    blocks: Iterator[bytes]


@contextmanager
def open_certificate(
    archive: Archive, caller: Caller, disposal_id: str, *, printed: bool = False
) -> Iterator[OpenCertificate]:
    """Give the certificate of a disposal: canonical JSON, or the printed and sealed paper.

    Raises NotAllowed; NotFound, also for a paper where nobody could seal; Conflict ``not-done`` while it is not
    ended; Unavailable.
    """
    require(caller, Action.READ_DISPOSALS)
    disposal = archive.register.read(lambda unit: require_disposal(unit, caller, disposal_id))
    if disposal.state is not ProposalState.DONE:
        raise Conflict(
            Message("The certificate is made once every record is done.", "Giấy chứng nhận được lập khi đã xong hết."),
            code="not-done",
            state=str(disposal.state),
        )
    key = certificate_paper_key(disposal_id) if printed else certificate_key(disposal_id)
    there = oldest(archive.store.list_under(key))
    if there is None:
        raise NotFound(Message("There is no such certificate.", "Không có giấy chứng nhận này."))
    _log(archive, caller, {"disposals": [disposal_id], "part": "paper" if printed else "certificate"})
    with archive.store.read(there.key, there.version) as blocks:
        yield OpenCertificate(there.stored.size_bytes, blocks)


def _log(archive: Archive, caller: Caller, values: Mapping[str, Json]) -> None:
    event = Event(EventType.RETENTION_READ, caller.id, archive.clock.now(), None, values)
    archive.register.write(lambda unit: unit.log.append(event))
