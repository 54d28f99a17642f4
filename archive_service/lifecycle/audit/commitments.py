"""Holding the register against what the log committed to: digests, descriptions, reports and copies of each record.

Register and store can be changed together by whoever runs them; an entry under a signed tree cannot. So what a payload
states, once it is known to be the one committed to, is what counts.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from archive_service.evidence.commitment import metadata_commitment
from archive_service.evidence.entry import commitment_holds, open_event
from archive_service.lifecycle.audit.payloads import record_in
from archive_service.model.archive import Archive
from archive_service.model.audits import AuditFinding, AuditOutcome
from archive_service.model.events import DISPOSALS, Event, EventType, Json, SealedEntry
from archive_service.model.identifiers import RecordId
from archive_service.model.record import ContentDigest, MetadataVersion, Record, RecordState
from archive_service.model.sealing import Rendition
from archive_service.model.signature_json import KeptReport
from archive_service.model.units import RegisterUnit


@dataclass(frozen=True, slots=True)
class _Held:
    """What the register has of one record."""

    record: Record
    versions: Mapping[int, MetadataVersion]
    report: KeptReport | None
    renditions: Sequence[Rendition]


_Rule = Callable[[Event, _Held], Iterator[str]]


def contradictions(archive: Archive, page: Sequence[SealedEntry]) -> Iterator[AuditFinding]:
    """Yield where the register says something else than these entries committed to."""
    telling = [one for one in page if any(marker in one.entry for marker in _MARKERS)]
    told = [(record_in(one), opened(one)) for one in telling]
    ids = {record_id for record_id, _ in told if record_id is not None}
    held, disposed = archive.register.read(partial(_held, ids)) if ids else ({}, frozenset[RecordId]())
    for record_id, event in told:
        if record_id is None:
            continue
        found = held.get(record_id)
        if found is None and record_id in disposed:
            continue  # a register that was made anew knows nothing of what was gone before
        if found is None:
            explanation = "the log tells of its deposit, and the register does not have it"
            yield AuditFinding(AuditOutcome.LOST, record_id, explanation)
        elif found.record.state is RecordState.DISPOSED:
            if record_id not in disposed:
                explanation = "the register calls it disposed of, and the log knows of no disposal"
                yield AuditFinding(AuditOutcome.LOST, record_id, explanation)
        elif event is not None:
            for explanation in _RULES[event.type](event, found):
                yield AuditFinding(AuditOutcome.MISMATCH, record_id, explanation)


def opened(entry: SealedEntry) -> Event | None:
    """Return the event, None where its payload is gone or is not the one committed to: that is told elsewhere."""
    if entry.payload is None or entry.salt is None:
        return None
    try:
        holds = commitment_holds(entry.entry, entry.payload, entry.salt)
    except (ValueError, KeyError, TypeError):
        return None
    return open_event(entry.entry, entry.payload) if holds else None


def _deposit(event: Event, held: _Held) -> Iterator[str]:
    if _digest(event.values) != held.record.content:
        yield "the register has other digests for its original than the log committed to at deposit"
    stated = event.values.get("signature_report")
    kept = None if held.report is None else held.report.stored.stored.sha256
    if "signature_report" in event.values and _sha256(stated) != kept:
        yield "its report of signatures is not the one that the log committed to"
    yield from _metadata(event, held)


def _metadata(event: Event, held: _Held) -> Iterator[str]:
    stated = event.values.get("metadata")
    if not isinstance(stated, Mapping):
        return  # an entry of a time before descriptions were committed to
    version = held.versions.get(int(str(stated["version"])))
    if version is None or metadata_commitment(version.version, version.metadata, version.salt) != dict(stated):
        yield f"version {stated['version']} of its description is not the one that the log committed to"


def _rendition(event: Event, held: _Held) -> Iterator[str]:
    stated = event.values["rendition"]
    if not isinstance(stated, Mapping):
        return
    known = {(str(one.kind), one.number): one.content for one in held.renditions}
    if known.get((str(stated["kind"]), int(str(stated["number"])))) != _digest(stated):
        yield f"copy {stated['number']} is not the one that the log committed to"


_RULES: Mapping[EventType, _Rule] = {
    EventType.DEPOSITED: _deposit,
    EventType.METADATA_CORRECTED: _metadata,
    EventType.RENDITION_SEALED: _rendition,
}
# As canonical JSON has it: only entries that hold one of these are read any further.
_MARKERS = tuple(f'"type":"{one}"'.encode() for one in _RULES)


def _digest(values: Mapping[str, Json]) -> ContentDigest:
    return ContentDigest(int(str(values["size_bytes"])), str(values["sha256"]), str(values["sha512"]))


def _sha256(stated: Json) -> str | None:
    return str(stated["sha256"]) if isinstance(stated, Mapping) else None


def _held(ids: set[RecordId], unit: RegisterUnit) -> tuple[dict[RecordId, _Held], Collection[RecordId]]:
    """Return what the register has of the records, and of which ones the log tells that they were disposed of."""
    wanted = sorted(ids)
    versions = unit.records.versions_of(wanted)
    records = unit.records.get_many(wanted)
    gone = [one for one in wanted if one not in records or records[one].state is RecordState.DISPOSED]
    held = {
        record_id: _Held(
            record,
            {one.version: one for one in versions.get(record_id, ())},
            unit.signature_reports.get(record_id),
            unit.renditions.of_record(record_id),
        )
        for record_id, record in records.items()
    }
    return held, unit.log.of_kinds(gone, DISPOSALS).keys()
