"""Reading a stored record's words: idempotent follow-up work, never a condition of keeping.

A failure leaves the record stored and says why; the original bytes are only ever read.
"""

from __future__ import annotations

import dataclasses

from archive_service.lifecycle.compare import disagreements
from archive_service.lifecycle.proven import proven_object
from archive_service.lifecycle.retention.asking import ask_for, ask_for_related
from archive_service.model.archive import Archive
from archive_service.model.events import Event, EventType, Json
from archive_service.model.findings import Finding, FindingCode
from archive_service.model.identifiers import RecordId
from archive_service.model.inspection import NoText
from archive_service.model.jobs import JobKind
from archive_service.model.record import DocumentText, Record, RecordState, TextSource
from archive_service.model.units import RegisterUnit

# Who follow-up work is done by, in the log.
WORKER = "worker"


def enrich(archive: Archive, record_id: RecordId) -> NoText | None:
    """Read the record's words, compare them with its metadata, and ask for it to be indexed and decided on.

    Returns None when the words (or their absence) are known, or why they could not be read: the record is then
    indexed by its metadata alone and a finding says so. A record that is not served is passed over.
    Raises Unavailable, and IntegrityFailure when the stored bytes are not those recorded.
    """
    record = archive.register.read(lambda unit: unit.records.get(record_id))
    if record is None or record.state is not RecordState.STORED:
        return None
    words = _read_words(archive, record)
    archive.register.write(lambda unit: _keep(archive, unit, record, words))
    return words if isinstance(words, NoText) else None


def _read_words(archive: Archive, record: Record) -> DocumentText | NoText:
    """Have the original, proven to be what was recorded, read in the sandbox."""
    with proven_object(archive, record.original) as path:
        return archive.pdf.read_text(path)


def _keep(archive: Archive, unit: RegisterUnit, record: Record, words: DocumentText | NoText) -> None:
    now = archive.clock.now()
    standing = unit.records.for_update(record.id)
    if standing is None or standing.state is RecordState.DISPOSED:
        return  # it went while it was read: its words must not come back
    to_seal = archive.is_to_seal(unit, standing)
    if isinstance(words, NoText):
        found: tuple[Finding, ...] = (Finding(FindingCode.TEXT_FAILED, {"outcome": str(words.outcome)}),)
        if to_seal:
            found += (Finding(FindingCode.NOT_SEALED, {"reason": "text-failed"}),)
        event = Event(EventType.TEXT_FAILED, WORKER, now, record.id, {"outcome": str(words.outcome)})
    else:
        unit.texts.put(record.id, words if to_seal else _without_places(words), now)
        if to_seal:
            unit.jobs.add(JobKind.SEAL, record.id, now)
        # A rebuild of the index that has passed this record must come back to it.
        unit.records.mark_changed(record.id, now)
        found = (*_quality(words, archive.rules.low_confidence), *disagreements(words, record.metadata))
        event = Event(EventType.TEXT_READ, WORKER, now, record.id, _summary(words, found))
    unit.findings.add(record.id, found, archive.policy, now)
    unit.jobs.add(JobKind.INDEX, record.id, now)
    ask_for(unit, [record.id], now)
    ask_for_related(unit, [record.metadata], now)
    unit.log.append(event)


def _without_places(words: DocumentText) -> DocumentText:
    return DocumentText(tuple(dataclasses.replace(page, places=None) for page in words.pages))


def _quality(words: DocumentText, low_confidence: float) -> tuple[Finding, ...]:
    if not any(page.text.strip() for page in words.pages):
        return (Finding(FindingCode.NO_TEXT, {"pages": len(words.pages)}),)
    poor = [p.number for p in words.pages if p.confidence is not None and p.confidence < low_confidence]
    if poor:
        return (Finding(FindingCode.LOW_CONFIDENCE, {"pages": len(poor), "first_page": poor[0]}),)
    return ()


def _summary(words: DocumentText, found: tuple[Finding, ...]) -> dict[str, Json]:
    return {
        "pages": len(words.pages),
        "recognised_pages": sum(page.source is TextSource.OCR for page in words.pages),
        "characters": sum(len(page.text) for page in words.pages),
        "findings": [str(finding.code) for finding in found],
    }
