"""A log entry with what it commits to, as it lies in the store beside the record that it is about.

Payloads and salts may be erased, so that they are nowhere but with what is erased: in the register, and under the
record. From here they come back into a register that was lost, each proven by the entry itself.
"""

from __future__ import annotations

import json

from archive_service.evidence.entry import commitment_holds, record_of_entry
from archive_service.model.events import SealedEntry
from archive_service.model.identifiers import RecordId
from archive_service.model.objects import SmallObject, evidence_key, json_object, not_readable

KEPT_ENTRY_FORMAT = 1


def kept_entry_object(record_id: RecordId, origin: str, sealed: SealedEntry) -> SmallObject:
    """Return the entry, payload and salt as they are put into the store: the same arguments give the same bytes.

    Entry and payload are canonical JSON, so that text keeps their exact bytes. Raises ValueError for an entry whose
    payload was erased.
    """
    if sealed.payload is None or sealed.salt is None:
        raise ValueError(f"entry {sealed.index} has no payload any more")
    values = {
        "format": KEPT_ENTRY_FORMAT,
        "record_id": record_id,
        "origin": origin,
        "index": sealed.index,
        "entry": sealed.entry.decode(),
        "payload": sealed.payload.decode(),
        "salt": sealed.salt.hex(),
    }
    return json_object(evidence_key(record_id, origin, sealed.index), values)


def read_kept_entry(key: str, body: bytes) -> SealedEntry:
    """Return the entry with what it commits to.

    Raises IntegrityFailure when it is none, not the one of that key, or when it does not commit to what stands there.
    Whether the log has this entry is for the caller to see.
    """
    try:
        values = json.loads(body)
        record_id, origin = RecordId(values["record_id"]), str(values["origin"])
        entry, payload = values["entry"].encode(), values["payload"].encode()
        sealed = SealedEntry(int(values["index"]), entry, payload, bytes.fromhex(values["salt"]))
        holds = commitment_holds(entry, payload, bytes.fromhex(values["salt"])) and record_of_entry(entry) == record_id
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as wrong:
        raise not_readable(key) from wrong
    if not holds or evidence_key(record_id, origin, sealed.index) != key:
        raise not_readable(key)
    return sealed
