"""The receipt of a deposit: what the archive took, and until when it must be in a published checkpoint.

A depositor keeps it. A record that is gone, or whose entry is in no checkpoint after the promised time, is then
proven against the archive by the archive's own signature. The text is a signed note of the log's Ed25519 key.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

from archive_service.evidence.canonical import canonical_json
from archive_service.evidence.entry import format_instant
from archive_service.model.identifiers import RecordId
from archive_service.model.record import ContentDigest
from archive_verify.encoding import encode_base64

RECEIPT_HEADER = "archive-service/receipt/v1"


@dataclass(frozen=True, slots=True)
class Receipt:
    """What was taken: the record, its original's digests, its log entry with its index, and the promise.

    ``idempotency_key_sha256`` is the hexadecimal SHA-256 of the key: whoever has the key knows its receipt by it, and
    what a depositor may have written into the key is told to nobody.
    """

    record_id: RecordId
    content: ContentDigest
    idempotency_key_sha256: str
    index: int
    entry: bytes
    issued_at: dt.datetime
    maximum_merge_delay_seconds: int

    @property
    def text(self) -> str:
        """The two lines that are signed: always the same for the same deposit."""
        values = canonical_json(
            {
                "record": self.record_id,
                "sha256": self.content.sha256,
                "sha512": self.content.sha512,
                "idempotency_key_sha256": self.idempotency_key_sha256,
                "index": self.index,
                "entry": encode_base64(self.entry),
                "issued_at": format_instant(self.issued_at),
                "maximum_merge_delay_seconds": self.maximum_merge_delay_seconds,
            }
        )
        return f"{RECEIPT_HEADER}\n{values.decode()}\n"
