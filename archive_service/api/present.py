"""Values as the JSON that callers read: instants in UTC with seconds, dates as YYYY-MM-DD."""

from __future__ import annotations

import datetime as dt
from typing import Any

from archive_service.lifecycle.deposit import Deposited
from archive_service.lifecycle.find import Found, FoundRecord
from archive_service.lifecycle.read import ShownRecord, SubjectPage
from archive_service.lifecycle.visible import DisposedRecord
from archive_service.model.events import LoggedEvent
from archive_service.model.findings import RecordedFinding
from archive_service.model.metadata_json import metadata_to_json
from archive_service.model.record import DocumentText, MetadataVersion, Record
from archive_service.model.sealing import Rendition
from archive_service.model.signatures import SignatureVerdict
from archive_service.model.subject import DatedIdentifier, Subject, SubjectMerge
from archive_service.model.units.log import LogKey
from retention.calendar import day_of

BASE = "/api/v1"


def instant(at: dt.datetime | None) -> str | None:
    """Return an instant in UTC (ISO 8601).

    >>> instant(dt.datetime(2026, 11, 23, 7, tzinfo=dt.timezone(dt.timedelta(hours=7))))
    '2026-11-23T00:00:00Z'
    """
    return at.astimezone(dt.UTC).isoformat(timespec="seconds").replace("+00:00", "Z") if at else None


def disposal_links(disposal_id: str) -> dict[str, str]:
    """Return where a disposal is shown, and where its certificate and package are once it has ended."""
    own = f"{BASE}/disposals/{disposal_id}"
    return {"disposal": own, "certificate": f"{own}/certificate", "evidence": f"{own}/evidence"}


def disposed_record_json(told: DisposedRecord) -> dict[str, Any]:
    """Return what is told of a record that is gone."""
    return {
        "record_id": told.record_id,
        "disposed_on": day_of(told.disposed_at).isoformat(),
        "action": None if told.action is None else str(told.action),
        "disposal_id": told.disposal_id,
        "links": {} if told.disposal_id is None else disposal_links(told.disposal_id),
    }


def record_json(record: Record, findings: tuple[RecordedFinding, ...] = ()) -> dict[str, Any]:
    """Return a record with its findings and links."""
    own = f"{BASE}/records/{record.id}"
    return {
        "id": record.id,
        "state": str(record.state),
        "search_state": str(record.search_state),
        "search_problem": record.search_problem,
        "subject_id": record.subject_id,
        "metadata": metadata_to_json(record.metadata),
        "metadata_version": record.metadata_version,
        "content": {
            "size_bytes": record.content.size_bytes,
            "sha256": record.content.sha256,
            "sha512": record.content.sha512,
        },
        "page_count": record.page_count,
        "received_at": instant(record.received_at),
        "stored_at": instant(record.stored_at),
        "locked_until": instant(record.original.locked_until),
        "findings": [finding_json(finding) for finding in findings],
        "links": {
            "self": own,
            "content": f"{own}/content",
            "text": f"{own}/text",
            "renditions": f"{own}/renditions",
            "events": f"{own}/events",
            "signatures": f"{own}/signatures",
        },
    }


def deposited_json(done: Deposited) -> dict[str, Any]:
    """Return a record with the receipt of its deposit."""
    told = {"receipt": done.receipt, "signatures": _verdict(done.signatures)}
    return record_json(done.record, done.findings) | told


def log_key_json(key: LogKey) -> dict[str, Any]:
    """Return a key of the log."""
    return {
        "verifier_key": key.verifier_key,
        "added_at": instant(key.added_at),
        "retired_at": instant(key.retired_at),
    }


def shown_record_json(shown: ShownRecord) -> dict[str, Any]:
    """Return a record with the records that name it."""
    related = [{"record_id": record_id, "kind": kind} for record_id, kind in shown.related]
    return record_json(shown.record, shown.findings) | {"related": related, "signatures": _verdict(shown.signatures)}


def _verdict(verdict: SignatureVerdict | None) -> str | None:
    return None if verdict is None else str(verdict)


def finding_json(recorded: RecordedFinding) -> dict[str, Any]:
    """Return a finding with its sentence in both languages."""
    message = recorded.finding.message
    return {
        "id": recorded.id,
        "record_id": recorded.record_id,
        "code": str(recorded.finding.code),
        "outcome": str(recorded.outcome),
        "message": {"en": message.en, "vi": message.vi},
        "detail": dict(recorded.finding.detail),
        "found_at": instant(recorded.found_at),
        "resolved_at": instant(recorded.resolved_at),
        "resolved_by": recorded.resolved_by,
        "resolution": recorded.resolution,
    }


def event_json(logged: LoggedEvent) -> dict[str, Any]:
    """Return an event; actor and values are null once the payload has been erased."""
    event = logged.event
    return {
        "index": logged.index,
        "type": str(event.type) if event else None,
        "at": instant(event.at) if event else None,
        "actor": event.actor if event else None,
        "values": dict(event.values) if event else None,
        "entry": logged.entry.decode(),
    }


def text_json(text: DocumentText) -> dict[str, Any]:
    """Return a record's words."""
    return {
        "pages": [
            {"number": p.number, "text": p.text, "source": str(p.source), "confidence": p.confidence}
            for p in text.pages
        ]
    }


def version_json(version: MetadataVersion) -> dict[str, Any]:
    """Return one version of a record's metadata."""
    return {
        "version": version.version,
        "metadata": metadata_to_json(version.metadata),
        "actor": version.actor,
        "reason": version.reason,
        "recorded_at": instant(version.recorded_at),
    }


def rendition_json(rendition: Rendition) -> dict[str, Any]:
    """Return a copy beside an original."""
    locked_until = rendition.object.locked_until
    return {
        "kind": str(rendition.kind),
        "number": rendition.number,
        "size_bytes": rendition.content.size_bytes,
        "sha256": rendition.content.sha256,
        "sha512": rendition.content.sha512,
        "made_at": instant(rendition.made_at),
        "locked_until": None if locked_until is None else instant(locked_until),
        "links": {"content": f"{BASE}/records/{rendition.record_id}/renditions/{rendition.kind}"},
    }


def found_json(found: Found) -> dict[str, Any]:
    """Return one page of hits."""
    return {
        "hits": [_hit(hit) for hit in found.hits],
        "total": found.total,
        "total_is_exact": found.total_is_exact,
        "next_cursor": found.next_cursor,
        "facets": {str(facet): dict(counts) for facet, counts in found.facets.items()},
    }


def _hit(hit: FoundRecord) -> dict[str, Any]:
    said = hit.record.metadata
    shown = hit.snippet
    return {
        "id": hit.record.id,
        "score": round(hit.score, 4),
        "state": str(hit.record.state),
        "office": said.office,
        "result_type": said.result_type,
        "result_type_name": hit.result_type_name,
        "subject_name": said.subject.name,
        "document_code": said.document_code,
        "issued_on": said.issued_on.isoformat() if said.issued_on else None,
        "summary": said.summary,
        "dossier_code": said.dossier_code,
        "snippet": {"text": shown.text, "marks": [list(mark) for mark in shown.marks]} if shown else None,
    }


def subject_page_json(page: SubjectPage) -> dict[str, Any]:
    """Return a subject with every result of it."""
    return {
        "subject": subject_json(page.subject, page.identifiers, page.merges),
        "records": [shown_record_json(shown) for shown in page.records],
    }


def subject_json(
    subject: Subject, identifiers: tuple[DatedIdentifier, ...], merges: tuple[SubjectMerge, ...]
) -> dict[str, Any]:
    """Return a subject with its numbers and merges."""
    return {
        "id": subject.id,
        "kind": str(subject.kind),
        "name": subject.name,
        "birth_date": subject.birth_date.isoformat() if subject.birth_date else None,
        "identifiers": [_identifier(identifier) for identifier in identifiers],
        "merges": [merge_json(merge) for merge in merges],
    }


def _identifier(dated: DatedIdentifier) -> dict[str, Any]:
    return {
        "scheme": str(dated.identifier.scheme),
        "number": dated.identifier.number,
        "valid_from": dated.valid_from.isoformat() if dated.valid_from else None,
        "valid_to": dated.valid_to.isoformat() if dated.valid_to else None,
    }


def merge_json(merge: SubjectMerge) -> dict[str, Any]:
    """Return a merge, and its undoing where there was one."""
    return {
        "id": merge.id,
        "kept": merge.kept,
        "merged": merge.merged,
        "reason": merge.reason,
        "actor": merge.actor,
        "merged_at": instant(merge.merged_at),
        "unmerged_at": instant(merge.unmerged_at),
        "unmerged_by": merge.unmerged_by,
        "unmerge_reason": merge.unmerge_reason,
    }
