"""Looking at disposals: proposals of one's offices, their records, and the certificates of what was done."""

from __future__ import annotations

import dataclasses
import datetime as dt
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial

from archive_service.errors import Message, NotFound
from archive_service.lifecycle.disposal.proposed import require_disposal, require_done
from archive_service.lifecycle.disposal.told import CertifiedDigests, certified_digests
from archive_service.lifecycle.marks import digest_in_store, oldest
from archive_service.lifecycle.proven import proven_object
from archive_service.lifecycle.visible import may_see
from archive_service.model.archive import Archive
from archive_service.model.disposals import Disposal, DisposalItem, ItemState, Tally
from archive_service.model.events import Event, EventType, Json
from archive_service.model.objects import certificate_key, certificate_paper_key, not_readable
from archive_service.model.permissions import Action, Caller, require
from archive_service.model.record import ContentDigest, Record, RecordState
from archive_service.model.retention import Standing
from archive_service.model.units import RegisterUnit
from archive_service.model.units.disposals import DisposalSelection, ItemSelection
from retention.schedule import Action as DisposalAction

_BLOCK_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class ShownDisposal:
    """A proposal, and how many of its records stand how.

    ``not_exported``: listed records of a transfer whose package was not given out. ``certified``: the digests of its
    certificate, as far as the log here tells them. ``locked_until``: when the last of the store's locks ends that still
    stand on its listed records. Both only of one that is shown alone.
    """

    disposal: Disposal
    tally: Tally
    not_exported: int = 0
    certified: CertifiedDigests | None = None
    locked_until: dt.datetime | None = None


def shown(unit: RegisterUnit, disposal: Disposal) -> ShownDisposal:
    """Return a proposal with what became of its records."""
    transfer = disposal.action is DisposalAction.TRANSFER
    not_exported = unit.disposals.not_exported(disposal.id) if transfer else 0
    return ShownDisposal(disposal, unit.disposals.tally(disposal.id), not_exported)


def list_disposals(archive: Archive, caller: Caller, selection: DisposalSelection) -> tuple[ShownDisposal, ...]:
    """Return one page of the proposals of the caller's offices, oldest first. Raises NotAllowed."""
    require(caller, Action.READ_DISPOSALS)
    own = caller.offices if selection.offices is None else selection.offices & caller.offices
    wanted = dataclasses.replace(selection, offices=own)

    def look(unit: RegisterUnit) -> tuple[ShownDisposal, ...]:
        return tuple(shown(unit, one) for one in unit.disposals.select(wanted))

    listed = archive.register.read(look)
    _log(archive, caller, {"disposals": [one.disposal.id for one in listed]})
    return listed


def show_disposal(archive: Archive, caller: Caller, disposal_id: str) -> ShownDisposal:
    """Return one proposal. Raises NotAllowed, NotFound."""
    require(caller, Action.READ_DISPOSALS)

    def look(unit: RegisterUnit) -> ShownDisposal:
        disposal = require_disposal(unit, caller, disposal_id)
        until = unit.standings.last_lock_end(disposal_id)
        stands = until is not None and until > archive.clock.now()
        return dataclasses.replace(
            shown(unit, disposal),
            certified=certified_digests(unit, disposal),
            locked_until=until if stands else None,
        )

    found = archive.register.read(look)
    _log(archive, caller, {"disposals": [disposal_id]})
    return found


@dataclass(frozen=True, slots=True)
class ListedRecord:
    """A record's place in a proposal, and the record itself while it is there and the caller may see it.

    ``locked_until``, when the store's lock ends, and ``held``, whether a hold stands on it: of one that is listed,
    while the caller may see it.
    """

    item: DisposalItem
    record: Record | None
    locked_until: dt.datetime | None = None
    held: bool | None = None


def list_items(archive: Archive, caller: Caller, selection: ItemSelection) -> tuple[ListedRecord, ...]:
    """Return one page of a proposal's records, in order of id. Raises NotAllowed, NotFound."""
    require(caller, Action.READ_DISPOSALS)

    def look(unit: RegisterUnit) -> tuple[ListedRecord, ...]:
        require_disposal(unit, caller, selection.disposal_id)
        items = unit.disposals.items(selection)
        there = unit.records.get_many([item.record_id for item in items])
        seen = {one.id: one for one in there.values() if one.state is not RecordState.DISPOSED and may_see(caller, one)}
        stand = unit.standings.get_many(list(seen))
        return tuple(_listed(item, seen.get(item.record_id), stand.get(item.record_id)) for item in items)

    listed = archive.register.read(look)
    returned: list[Json] = [one.item.record_id for one in listed]
    _log(archive, caller, {"disposals": [selection.disposal_id], "returned": returned})
    return listed


def _listed(item: DisposalItem, record: Record | None, standing: Standing | None) -> ListedRecord:
    if record is None or item.state is not ItemState.LISTED:
        return ListedRecord(item, record)
    return ListedRecord(item, record, record.original.locked_until, None if standing is None else standing.held)


@dataclass(frozen=True, slots=True)
class OpenCertificate:
    """A certificate ready to be given: its digest, and its blocks."""

    digest: ContentDigest
    blocks: Iterator[bytes]

    @property
    def size_bytes(self) -> int:
        """Its length."""
        return self.digest.size_bytes


@contextmanager
def open_certificate(
    archive: Archive, caller: Caller, disposal_id: str, *, printed: bool = False
) -> Iterator[OpenCertificate]:
    """Give the certificate of a disposal: canonical JSON, or the printed and sealed paper; only what was certified.

    Raises NotAllowed; NotFound, also for a paper where nobody could seal; Conflict ``not-done`` while it is not
    ended; IntegrityFailure, Unavailable.
    """
    require(caller, Action.READ_DISPOSALS)

    def look(unit: RegisterUnit) -> tuple[Disposal, CertifiedDigests | None]:
        found = require_disposal(unit, caller, disposal_id)
        return found, certified_digests(unit, found)

    disposal, certified = archive.register.read(look)
    require_done(disposal)
    key = certificate_paper_key(disposal_id) if printed else certificate_key(disposal_id)
    there = oldest(archive.store.list_under(key))
    if there is None:
        raise NotFound(Message("There is no such certificate.", "Không có giấy chứng nhận này."))
    _log(archive, caller, {"disposals": [disposal_id], "part": "paper" if printed else "certificate"})
    wanted = None if certified is None else certified.paper if printed else certified.certificate
    if wanted is None:
        # The log here does not tell: of the certificate itself the register has the digest.
        wanted = digest_in_store(archive.store, key, there.version)
        if not printed and wanted.sha256 != disposal.certificate_sha256:
            raise not_readable(key)
    with proven_object(archive, dataclasses.replace(there, stored=wanted)) as path, path.open("rb") as file:
        yield OpenCertificate(wanted, iter(partial(file.read, _BLOCK_BYTES), b""))


def _log(archive: Archive, caller: Caller, values: Mapping[str, Json]) -> None:
    event = Event(EventType.RETENTION_READ, caller.id, archive.clock.now(), None, values)
    archive.register.write(lambda unit: unit.log.append(event))
