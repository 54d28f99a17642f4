"""What the manifest says of a metadata version: a salted digest, so that altering one field of it can be proven."""

from __future__ import annotations

import hashlib

from archive_service.evidence.canonical import canonical_json
from archive_service.model.events import Json
from archive_service.model.metadata_json import metadata_to_json
from archive_service.model.record import RecordMetadata


def metadata_commitment(version: int, metadata: RecordMetadata, salt: bytes) -> dict[str, Json]:
    """Return the version's number and SHA-256(salt ‖ canonical JSON of the metadata), in hexadecimal.

    The salt is the version's own, so that the digest of an erased version cannot be found by trying names.
    """
    digest = hashlib.sha256(salt + canonical_json(metadata_to_json(metadata))).hexdigest()
    return {"version": version, "sha256": digest}
