"""The receipt of a record, made anew from its log entry at every time it is asked for.

Not a step itself: depositing answers with it, and it may be asked for later. Whatever the receipt states stands in
the entry and its payload, so that its text is always the same.
"""

from __future__ import annotations

from archive_service.evidence.receipt import Receipt
from archive_service.model.archive import Archive
from archive_service.model.events import EventType
from archive_service.model.identifiers import RecordId
from archive_service.model.record import ContentDigest
from archive_service.model.units import RegisterUnit

# A record's deposit is its first entry, but for what a killed try may have left before it.
_FIRST = 8


def find_receipt(unit: RegisterUnit, record_id: RecordId) -> Receipt | None:
    """Return what was taken; None where the log does not tell (a register made anew, or an erased payload)."""
    for logged in unit.log.of_record(record_id, -1, _FIRST):
        event = logged.event
        if event is not None and event.type is EventType.DEPOSITED and "idempotency_key_sha256" in event.values:
            values = {name: str(value) for name, value in event.values.items()}
            return Receipt(
                record_id,
                ContentDigest(int(values["size_bytes"]), values["sha256"], values["sha512"]),
                values["idempotency_key_sha256"],
                logged.index,
                logged.entry,
                event.at,
                int(values["maximum_merge_delay_seconds"]),
            )
    return None


def sign_receipt(archive: Archive, receipt: Receipt) -> str:
    """Return the signed receipt: the same text always, and the same signature while the log has the same key."""
    return archive.signer.sign_text(receipt.text).data.decode()
