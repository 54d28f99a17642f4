"""The report of a record's signatures as the store keeps it: evidence for decades, readable without this service.

Fields are only ever added; ``format`` names the version. The reasons stand in it in plain words, the certificates and
revocation data in DER (base64), so that the verdict can be reached again by other means.
"""

from __future__ import annotations

import base64
import datetime as dt
import json
from dataclasses import dataclass
from typing import Any

from archive_service.model.identifiers import RecordId
from archive_service.model.objects import SmallObject, json_object, not_readable, signatures_key
from archive_service.model.record import ObjectVersion
from archive_service.model.signature_words import reasons
from archive_service.model.signatures import CheckedSignature, SeenObject, SignatureReport, SignatureVerdict

SIGNATURES_FORMAT = 1


@dataclass(frozen=True, slots=True)
class KeptReport:
    """A report that is in the store: its verdict, and the object it is, with the digest of its bytes."""

    verdict: SignatureVerdict
    stored: ObjectVersion


def signatures_object(record_id: RecordId, report: SignatureReport) -> SmallObject:
    """Return the report as it is put into the store: the same arguments give the same bytes."""
    values = {
        "format": SIGNATURES_FORMAT,
        "record_id": record_id,
        "checked_at": _instant(report.checked_at),
        "validator": report.validator,
        "verdict": str(report.verdict),
        "anchors": {"agency": list(report.agency_anchors), "time_stamp": list(report.time_stamp_anchors)},
        "signatures": [_signature(signature) for signature in report.signatures],
        "seen": [_seen(one) for one in report.seen],
    }
    return json_object(signatures_key(record_id), values)


def read_signatures_object(key: str, body: bytes) -> dict[str, Any]:
    """Return what a report says. Raises IntegrityFailure when it is none, or not the one of that key."""
    try:
        values = json.loads(body)
        record_id, _ = RecordId(values["record_id"]), SignatureVerdict(values["verdict"])
        whole = isinstance(values["signatures"], list) and isinstance(values["seen"], list)
    except (ValueError, KeyError, TypeError, RecursionError) as wrong:
        raise not_readable(key) from wrong
    if not whole or signatures_key(record_id) != key:
        raise not_readable(key)
    report: dict[str, Any] = values
    return report


def _signature(signature: CheckedSignature) -> dict[str, Any]:
    sub_indication = signature.sub_indication
    return {
        "field": signature.field,
        "kind": str(signature.kind),
        "sub_filter": signature.sub_filter,
        "verdict": str(signature.verdict),
        "indication": str(signature.indication),
        "sub_indication": None if sub_indication is None else str(sub_indication),
        "ades": None if signature.ades is None else str(signature.ades),
        "bottom_line": signature.bottom_line,
        "signer": signature.signer,
        "certificate_path": list(signature.path),
        "claimed_at": _instant(signature.claimed_at),
        "time_stamped_at": _instant(signature.stamped_at),
        "level": None if signature.level is None else str(signature.level),
        "byte_range": list(signature.byte_range),
        "coverage": str(signature.coverage),
        "later_changes": str(signature.changes),
        "permission": signature.permission,
        "faults": [str(fault) for fault in signature.faults],
        "reasons": [{"code": code, "en": words.en, "vi": words.vi} for code, words in reasons(signature)],
    }


def _seen(one: SeenObject) -> dict[str, Any]:
    der = None if one.der is None else base64.b64encode(one.der).decode("ascii")
    return {"kind": str(one.kind), "sha256": one.sha256, "subject": one.subject, "der": der}


def _instant(at: dt.datetime | None) -> str | None:
    return None if at is None else at.astimezone(dt.UTC).isoformat()
