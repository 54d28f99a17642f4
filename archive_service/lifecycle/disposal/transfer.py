"""Handing records over to another archive: the package of each is given out, then the receiver's receipt is kept.

Only after the receipt are the records let go here. What was given is known by the digest of each package.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from archive_service.errors import Conflict, InvalidInput, Message, NotFound
from archive_service.lifecycle.disposal.proposed import require_disposal, require_state, require_text
from archive_service.lifecycle.evidence.give_out import evidence_package
from archive_service.model.archive import Archive
from archive_service.model.disposals import Disposal, DisposalItem, ItemState, ListDigest, Receipt
from archive_service.model.events import Event, EventType, Json
from archive_service.model.identifiers import RecordId
from archive_service.model.permissions import Action, Caller, require
from archive_service.model.record import ContentDigest
from archive_service.model.units import RegisterUnit
from archive_service.model.units.disposals import ItemSelection
from archive_verify.package import MAX_PACKAGE_BYTES
from retention.calendar import day_of
from retention.disposal import ProposalState
from retention.schedule import Action as DisposalAction


@dataclass(frozen=True, slots=True)
class ExportedPackage:
    """A record's evidence package as it is handed over: a file that is there until the context ends."""

    path: Path
    digest: ContentDigest


@contextmanager
def export_item(archive: Archive, caller: Caller, disposal_id: str, record_id: RecordId) -> Iterator[ExportedPackage]:
    """Give the evidence package of a listed record, its digest kept beside the record's place in the proposal.

    A package that is given out again takes the place of the one before, until the receipt is there. Raises
    NotAllowed; NotFound; Conflict ``not-approved``, ``not-a-transfer``, ``received-already``, and what
    ``evidence_package`` raises.
    """
    require(caller, Action.PROPOSE_DISPOSAL)
    archive.register.read(lambda unit: _to_export(unit, caller, disposal_id, record_id))
    with archive.staging.receive(MAX_PACKAGE_BYTES) as file:
        with evidence_package(archive, caller, record_id) as package:
            for block in package.blocks():
                file.write(block)
        digest = file.digest

        def note(unit: RegisterUnit) -> None:
            item = _to_export(unit, caller, disposal_id, record_id, lock=True)
            unit.disposals.put_item(replace(item, package_sha256=digest.sha256))

        archive.register.write(note)
        yield ExportedPackage(file.path, digest)


def _to_export(
    unit: RegisterUnit, caller: Caller, disposal_id: str, record_id: RecordId, *, lock: bool = False
) -> DisposalItem:
    disposal = _require_transfer(unit, caller, disposal_id, lock=lock)
    if disposal.receipt is not None:
        raise _received_already()
    item = unit.disposals.item(disposal_id, record_id, lock=lock)
    if item is None or item.state is not ItemState.LISTED:
        raise NotFound(Message("The proposal does not list this record.", "Đề nghị không có tài liệu này."))
    return item


def keep_receipt(
    archive: Archive, caller: Caller, disposal_id: str, receipt: Receipt, *, dry_run: bool = False
) -> Disposal:
    """Keep the receiver's receipt; from now on the records may be let go here. Returns the proposal.

    With ``dry_run`` nothing is done, and the proposal is returned as it would be. Raises NotAllowed, NotFound;
    InvalidInput for a receipt without words or of a day to come; Conflict ``not-approved``, ``not-a-transfer``,
    ``received-already``, ``not-exported`` while the package of a listed record was never given out.
    """
    require(caller, Action.PROPOSE_DISPOSAL)
    said = _checked(archive, receipt)

    def follow(unit: RegisterUnit) -> Disposal:
        disposal = _require_transfer(unit, caller, disposal_id, lock=not dry_run)
        if disposal.receipt is not None:
            raise _received_already()
        missing = unit.disposals.not_exported(disposal_id)
        if missing:
            raise Conflict(
                Message(
                    f"The packages of {missing} records were not given out yet.",
                    f"Còn {missing} tài liệu chưa được xuất gói để giao nộp.",
                ),
                code="not-exported",
                records=missing,
            )
        return replace(disposal, receipt=said)

    if dry_run:
        return archive.register.read(follow)

    def keep(unit: RegisterUnit) -> Disposal:
        received = follow(unit)
        unit.disposals.put(received)
        values: dict[str, Json] = {
            "disposal": disposal_id,
            "receiver": said.receiver,
            "reference": said.reference,
            "received_on": said.received_on.isoformat(),
            "text": said.text,
            "packages_sha256": _packages(unit, disposal_id),
        }
        unit.log.append(Event(EventType.TRANSFER_RECEIVED, caller.id, archive.clock.now(), None, values))
        return received

    return archive.register.write(keep)


def _packages(unit: RegisterUnit, disposal_id: str) -> str:
    """Return the digest of all that was given out: a line ``id sha256-of-package`` for each record, in their order."""
    given = ListDigest()
    selection = ItemSelection(disposal_id, frozenset({ItemState.LISTED}))
    while page := unit.disposals.items(selection):
        given.add(replace(item, sha256=item.package_sha256 or "") for item in page)
        selection = replace(selection, after=page[-1].record_id)
    return given.hexdigest()


def _require_transfer(unit: RegisterUnit, caller: Caller, disposal_id: str, *, lock: bool = False) -> Disposal:
    disposal = require_disposal(unit, caller, disposal_id, lock=lock)
    if disposal.action is not DisposalAction.TRANSFER:
        raise Conflict(
            Message("Its records are not handed over to anybody.", "Đề nghị này không phải đề nghị giao nộp."),
            code="not-a-transfer",
        )
    require_state(disposal, ProposalState.APPROVED)
    return disposal


def _received_already() -> Conflict:
    return Conflict(
        Message("The receiver's receipt is there already.", "Đã có biên nhận của bên nhận."), code="received-already"
    )


def _checked(archive: Archive, receipt: Receipt) -> Receipt:
    if receipt.received_on > day_of(archive.clock.now()):
        raise InvalidInput(Message("The day of receipt has not come yet.", "Ngày nhận chưa tới."))
    return Receipt(
        require_text(receipt.receiver, "receiver"),
        require_text(receipt.reference, "reference"),
        receipt.received_on,
        require_text(receipt.text, "text"),
    )
