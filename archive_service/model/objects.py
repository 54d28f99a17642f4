"""What lies in the store under a record: its keys, and the metadata objects from which a record can be rebuilt.

The form of a metadata object is kept for decades: fields are only ever added. ``format`` names the version.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import json
from dataclasses import dataclass

from archive_service.model.identifiers import RecordId
from archive_service.model.metadata_json import metadata_to_json
from archive_service.model.record import ContentDigest, MetadataVersion

METADATA_FORMAT = 1


@dataclass(frozen=True, slots=True)
class SmallObject:
    """An object small enough to hold in memory, ready to be put."""

    key: str
    body: bytes
    digest: ContentDigest


def record_prefix(record_id: RecordId) -> str:
    """Return the prefix under which everything of a record lies, and nothing else."""
    return f"records/{record_id}/"


def original_key(record_id: RecordId) -> str:
    """Return the key of the original bytes."""
    return f"{record_prefix(record_id)}original"


def metadata_key(record_id: RecordId, version: int) -> str:
    """Return the key of one version of the metadata."""
    return f"{record_prefix(record_id)}metadata/{version}"


def metadata_object(version: MetadataVersion, content: ContentDigest, page_count: int) -> SmallObject:
    """Return a metadata version as it is put into the store: the same arguments give the same bytes."""
    values = {
        "format": METADATA_FORMAT,
        "record_id": version.record_id,
        "version": version.version,
        "metadata": metadata_to_json(version.metadata),
        "salt": version.salt.hex(),
        "actor": version.actor,
        "reason": version.reason,
        "recorded_at": version.recorded_at.astimezone(dt.UTC).isoformat(),
        "content": {"size_bytes": content.size_bytes, "sha256": content.sha256, "sha512": content.sha512},
        "page_count": page_count,
    }
    body = json.dumps(values, ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode()
    digest = ContentDigest(len(body), hashlib.sha256(body).hexdigest(), hashlib.sha512(body).hexdigest())
    return SmallObject(metadata_key(version.record_id, version.version), body, digest)
