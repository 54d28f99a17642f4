"""A log entry with what it commits to, as it lies in the store beside the record or disposal that it is about.

Payloads and salts may be erased, so that they are nowhere but with what is erased: in the register, and under the
record. From here they come back into a register that was lost, each proven by the entry itself.
"""

from __future__ import annotations

import json
from typing import Any

from archive_service.evidence.entry import commitment_holds, record_of_entry
from archive_service.model.events import SealedEntry
from archive_service.model.identifiers import RecordId
from archive_service.model.objects import SmallObject, disposal_evidence_key, evidence_key, json_object, not_readable

KEPT_ENTRY_FORMAT = 1


def kept_entry_object(record_id: RecordId, origin: str, sealed: SealedEntry) -> SmallObject:
    """Return the entry, payload and salt as they are put beside a record: the same arguments give the same bytes.

    Entry and payload are canonical JSON, so that text keeps their exact bytes. Raises ValueError for an entry whose
    payload was erased.
    """
    said = {"record_id": record_id, **_stated(origin, sealed)}
    return json_object(evidence_key(record_id, origin, sealed.index), said)


def kept_disposal_entry_object(disposal_id: str, origin: str, sealed: SealedEntry) -> SmallObject:
    """Return an entry of a disposal, payload and salt as they are put beside its certificate; as ``kept_entry_object``.

    Also the entry of a record's end: it goes with the certificate, not with what is left of the record.
    """
    said = {"disposal": disposal_id, **_stated(origin, sealed)}
    return json_object(disposal_evidence_key(disposal_id, origin, sealed.index), said)


def read_kept_entry(key: str, body: bytes) -> SealedEntry:
    """Return the entry with what it commits to.

    Raises IntegrityFailure when it is none, not the one of that key, or when it does not commit to what stands there.
    Whether the log has this entry is for the caller to see.
    """
    try:
        values = json.loads(body)
        origin, sealed = str(values["origin"]), _sealed(values)
        if "disposal" in values:
            of_key = disposal_evidence_key(str(values["disposal"]), origin, sealed.index)
            holds = disposal_of(sealed) == values["disposal"]
        else:
            of_key = evidence_key(RecordId(values["record_id"]), origin, sealed.index)
            holds = record_of_entry(sealed.entry) == values["record_id"]
        holds = holds and commitment_holds(sealed.entry, sealed.payload or b"", sealed.salt or b"")
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as wrong:
        raise not_readable(key) from wrong
    if not holds or of_key != key:
        raise not_readable(key)
    return sealed


def disposal_of(sealed: SealedEntry) -> str | None:
    """Return the disposal that an entry's payload tells of, None where it tells of none or was erased."""
    if sealed.payload is None:
        return None
    found = json.loads(sealed.payload)["values"].get("disposal")
    return str(found) if found is not None else None


def _stated(origin: str, sealed: SealedEntry) -> dict[str, Any]:
    if sealed.payload is None or sealed.salt is None:
        raise ValueError(f"entry {sealed.index} has no payload any more")
    return {
        "format": KEPT_ENTRY_FORMAT,
        "origin": origin,
        "index": sealed.index,
        "entry": sealed.entry.decode(),
        "payload": sealed.payload.decode(),
        "salt": sealed.salt.hex(),
    }


def _sealed(values: dict[str, Any]) -> SealedEntry:
    entry, payload = values["entry"].encode(), values["payload"].encode()
    return SealedEntry(int(values["index"]), entry, payload, bytes.fromhex(values["salt"]))
