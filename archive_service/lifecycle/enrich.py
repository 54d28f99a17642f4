"""Reading a stored record's words: idempotent follow-up work, never a condition of keeping.

A failure leaves the record stored and says why; the original bytes are only ever read.
"""

from __future__ import annotations

from archive_service.errors import IntegrityFailure, Message, TooLarge
from archive_service.lifecycle.compare import disagreements
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
    """Read the record's words, compare them with its metadata, and ask for it to be indexed.

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
    """Bring the original into a file, proven to be what was recorded, and have it read in the sandbox."""
    with archive.staging.receive(record.content.size_bytes) as file:
        try:
            with archive.store.read(record.original.key, record.original.version) as blocks:
                for block in blocks:
                    file.write(block)
        except TooLarge as longer:
            raise _not_as_recorded(record) from longer
        if file.digest != record.content:
            raise _not_as_recorded(record)
        return archive.pdf.read_text(file.path)


def _not_as_recorded(record: Record) -> IntegrityFailure:
    return IntegrityFailure(
        Message(
            f"The stored bytes of record {record.id} are not those recorded. Tell the operator at once.",
            f"Nội dung lưu trữ của tài liệu {record.id} không khớp với giá trị đã ghi. Hãy báo ngay cho quản trị viên.",
        ),
        record_id=record.id,
    )


def _keep(archive: Archive, unit: RegisterUnit, record: Record, words: DocumentText | NoText) -> None:
    now = archive.clock.now()
    if isinstance(words, NoText):
        found: tuple[Finding, ...] = (Finding(FindingCode.TEXT_FAILED, {"outcome": str(words.outcome)}),)
        event = Event(EventType.TEXT_FAILED, WORKER, now, record.id, {"outcome": str(words.outcome)})
    else:
        unit.texts.put(record.id, words, now)
        # A rebuild of the index that has passed this record must come back to it.
        unit.records.mark_changed(record.id, now)
        found = (*_quality(words, archive.rules.low_confidence), *disagreements(words, record.metadata))
        event = Event(EventType.TEXT_READ, WORKER, now, record.id, _summary(words, found))
    unit.findings.add(record.id, found, archive.policy, now)
    unit.jobs.add(JobKind.INDEX, record.id, now)
    unit.log.append(event)


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
