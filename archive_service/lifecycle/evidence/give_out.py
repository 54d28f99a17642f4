"""Giving out what proves a record: its evidence record alone (RFC 4998), or everything in one package.

A package is for whoever does not trust the archive: it is checked offline by ``archive_verify``, against the checker's
own roots. It holds the original and what happened to it, with actors and reasons, so that it is given to those who may
read both, and its giving is logged first.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from functools import partial

from archive_service.evidence.canonical import canonical_json
from archive_service.evidence.package import EvidencePackage, MetadataParts, PackageParts, lay_out
from archive_service.lifecycle.evidence.enclosed import entry_parts, opened, seal_roots, trust_parts
from archive_service.lifecycle.evidence.receipts import require_receipt, sign_receipt
from archive_service.lifecycle.log.inclusion import covering_checkpoint, note_of
from archive_service.lifecycle.proven import proven_object
from archive_service.lifecycle.timestamps.stamped import authorities_of, evidence_record_of
from archive_service.lifecycle.visible import require_served, require_visible
from archive_service.model.archive import Archive
from archive_service.model.events import LIFE_EVENTS, Event, EventType, SealedEntry
from archive_service.model.identifiers import RecordId
from archive_service.model.metadata_json import metadata_to_json
from archive_service.model.objects import LARGEST_SMALL_OBJECT, not_readable
from archive_service.model.permissions import Action, Caller, require
from archive_service.model.record import ObjectVersion, Record
from archive_service.model.sealing import RenditionKind
from archive_service.model.units import RegisterUnit

_ENTRIES_AT_ONCE = 500


def evidence_record(archive: Archive, caller: Caller, record_id: RecordId, authority: str | None) -> bytes:
    """Return the DER of the record's evidence record under an authority, by default the first that stamped it.

    Reading it is logged. Raises NotAllowed; NotFound, ``not-stamped-yet`` while there is none.
    """
    require(caller, Action.READ_RECORD)

    def make(unit: RegisterUnit) -> bytes:
        require_visible(unit, caller, record_id)
        return evidence_record_of(unit, record_id, authority)

    der = archive.register.read(make)
    read = Event(EventType.RECORD_READ, caller.id, archive.clock.now(), record_id, {"part": "evidence-record"})
    archive.register.write(lambda unit: unit.log.append(read))
    return der


@contextmanager
def evidence_package(archive: Archive, caller: Caller, record_id: RecordId) -> Iterator[EvidencePackage]:
    """Give the record's evidence package, ready to be written; it can be read until the context ends.

    All of it is as of one published checkpoint. Raises NotAllowed, NotFound; Conflict ``not-served``, or
    ``not-yet-in-checkpoint`` when it is to be asked for again later; IntegrityFailure, Unavailable.
    """
    require(caller, Action.READ_CONTENT)
    # Its payloads name who acted and hold the reasons that people wrote, as the list of events does.
    require(caller, Action.READ_EVENTS)
    told = archive.register.read(partial(_gather, archive, caller, record_id))
    event = Event(EventType.EVIDENCE_EXPORTED, caller.id, archive.clock.now(), record_id)
    archive.register.write(lambda unit: unit.log.append(event))
    with ExitStack() as files:
        original = files.enter_context(proven_object(archive, told.record.original))
        parts = replace(told.parts, original=opened(original))
        if told.sealed is not None:
            sealed = files.enter_context(proven_object(archive, told.sealed))
            trust = replace(parts.trust, agency_roots=[*archive.agency_roots, *seal_roots(archive)])
            parts = replace(parts, sealed_rendition=opened(sealed), trust=trust)
        if told.report is not None:
            parts = _with_report(parts, _small(archive, told.report))
        yield lay_out(parts)


@dataclass(frozen=True, slots=True)
class _Told:
    """What the register knows of the package: its small parts, and where the large ones lie."""

    record: Record
    parts: PackageParts
    sealed: ObjectVersion | None
    report: ObjectVersion | None


def _gather(archive: Archive, caller: Caller, record_id: RecordId, unit: RegisterUnit) -> _Told:
    record = require_visible(unit, caller, record_id)
    require_served(record)
    receipt = require_receipt(unit, record_id)
    life = [one for one in _life(unit, record_id) if one.index >= receipt.index]
    checkpoint = covering_checkpoint(archive, unit, life[-1].index)
    sealed = unit.renditions.of_record(record_id, RenditionKind.SEALED)
    report = unit.signature_reports.get(record_id)
    parts = PackageParts(
        record_id=record_id,
        original=b"",
        entries=[entry_parts(unit, one, checkpoint) for one in life],
        metadata=[
            MetadataParts(one.version, canonical_json(metadata_to_json(one.metadata)), one.salt)
            for one in unit.records.metadata_versions(record_id)
        ],
        receipt=sign_receipt(archive, receipt).encode(),
        checkpoint=note_of(unit, checkpoint).encode(),
        trust=trust_parts(archive, unit),
        evidence={name: evidence_record_of(unit, record_id, name) for name in authorities_of(unit, record_id)},
    )
    return _Told(record, parts, sealed[-1].object if sealed else None, report.stored if report else None)


def _life(unit: RegisterUnit, record_id: RecordId) -> Iterator[SealedEntry]:
    """Yield the entries of the record's life: what happened to it, not who looked at it."""
    after = -1
    while page := unit.log.of_record(record_id, after, _ENTRIES_AT_ONCE):
        for logged in page:
            if logged.event is not None and logged.event.type in LIFE_EVENTS:
                yield from unit.log.sealed(logged.index, 1)
        after = page[-1].index


def _with_report(parts: PackageParts, body: bytes) -> PackageParts:
    """Put the report of signatures into the package, and beside it what was looked at to make it."""
    seen = [one for one in json.loads(body)["seen"] if one["der"] is not None]

    def of(kind: str) -> list[bytes]:
        return [base64.b64decode(one["der"]) for one in seen if one["kind"] == kind]

    return replace(
        parts,
        signature_report=body,
        certificates=of("certificate"),
        revocation_lists=of("crl"),
        ocsp_answers=of("ocsp"),
    )


def _small(archive: Archive, stored: ObjectVersion) -> bytes:
    """Return a small object's bytes. Raises IntegrityFailure when they are not those recorded."""
    if stored.stored.size_bytes > LARGEST_SMALL_OBJECT:
        raise not_readable(stored.key)
    with archive.store.read(stored.key, stored.version) as blocks:
        body = b"".join(blocks)
    if hashlib.sha256(body).hexdigest() != stored.stored.sha256:
        raise not_readable(stored.key)
    return body
