"""What lies in the store: its keys, and the small objects from which a lost register can be made anew.

Beside each original lie the versions of its metadata, the marks of its state and what the log's entries of its life
commit to; tombstones name what was disposed of, certificates say why and by whom. The forms are kept for decades:
fields are only ever added. ``format`` names the version.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import re
from dataclasses import dataclass
from typing import Any

from archive_service.errors import IntegrityFailure, Message
from archive_service.model.findings import Finding, FindingCode
from archive_service.model.identifiers import RecordId
from archive_service.model.metadata_json import metadata_from_json, metadata_to_json
from archive_service.model.record import ContentDigest, MetadataVersion, RecordState
from archive_service.model.sealing import RenditionKind

METADATA_FORMAT = 1
STATE_FORMAT = 1
TOMBSTONE_FORMAT = 1

# Everything of records, and the names of those that are gone.
RECORDS = "records/"
TOMBSTONES = "tombstones/"

# Checkpoints and entries of logs. A log that was begun anew has a prefix of its own beside the one before.
LOGS = "log/"
CHECKPOINTS, ENTRIES, LOG_KEYS = "checkpoints", "entries", "keys"
_NUMBER_DIGITS = 15
_NUMBER_FOLDERS = _NUMBER_DIGITS // 3
_INDEX = re.compile(rf"[0-9]{{1,{_NUMBER_DIGITS}}}")
# Reports of audits.
AUDITS = "audits/"

# Certificates of what was disposed of, and by whom that was decided.
DISPOSALS = "disposals/"

# Adopted schedules, told events and holds.
RETENTION = "retention/"

# Stamped batches of logs, with their tokens.
TIMESTAMPS = "timestamps/"

# Everything that outlives the register, in the order of the keys.
KEPT = (AUDITS, DISPOSALS, LOGS, RECORDS, RETENTION, TIMESTAMPS, TOMBSTONES)
# What belongs to no one record, or outlives it, and is locked for as long as evidence is.
OF_THE_ARCHIVE = (AUDITS, DISPOSALS, LOGS, RETENTION, TIMESTAMPS, TOMBSTONES)

# No object from which a record is rebuilt is larger; what is larger is not one of ours.
LARGEST_SMALL_OBJECT = 4_194_304


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


def signatures_key(record_id: RecordId) -> str:
    """Return the key of the report of the record's signatures, as they were at deposit."""
    return f"{record_prefix(record_id)}signatures/1"


def state_prefix(record_id: RecordId) -> str:
    """Return the prefix of the marks of a record's state."""
    return f"{record_prefix(record_id)}state/"


def rendition_prefix(record_id: RecordId, kind: RenditionKind | None = None) -> str:
    """Return the prefix of the renditions beside an original, or of those of one kind."""
    return f"{record_prefix(record_id)}renditions/" + (f"{kind}/" if kind is not None else "")


def rendition_key(record_id: RecordId, kind: RenditionKind, number: int) -> str:
    """Return the key of one rendition."""
    return f"{rendition_prefix(record_id, kind)}{number}"


def evidence_prefix(record_id: RecordId, origin: str | None = None) -> str:
    """Return the prefix of what entries of a record's life commit to, or those of one log: it goes with the record."""
    return f"{record_prefix(record_id)}evidence/" + (f"{_log_name(origin)}/" if origin is not None else "")


def evidence_key(record_id: RecordId, origin: str, index: int) -> str:
    """Return the key of what one entry of the log of that name commits to.

    >>> evidence_key(RecordId("0193a4c1-7b1c-7000-8000-000000000001"), "archive.example/log", 12)
    'records/0193a4c1-7b1c-7000-8000-000000000001/evidence/43bb4a884ada32c4/12'
    """
    return f"{evidence_prefix(record_id, origin)}{index}"


def kept_index(key: str) -> int | None:
    """Return the index of the entry in a key under a record's evidence; None for a key that this service did not make.

    >>> kept_index("records/0193a4c1-7b1c-7000-8000-000000000001/evidence/43bb4a884ada32c4/12")
    12
    """
    name = key.rpartition("/")[2]
    return int(name) if _INDEX.fullmatch(name) else None


def tombstone_key(record_id: RecordId) -> str:
    """Return the key of what says that a record was disposed of; it outlives everything under the record."""
    return f"{TOMBSTONES}{record_id}"


def checkpoints_prefix(origin: str) -> str:
    """Return the prefix of the checkpoints of the log of that name, and of nothing else."""
    return f"{_log_prefix(origin)}{CHECKPOINTS}/"


def checkpoint_key(origin: str, size: int) -> str:
    """Return the key of the checkpoint of that size; keys are in the order of sizes.

    >>> checkpoint_key("archive.example/log", 1234567)
    'log/43bb4a884ada32c4/checkpoints/000/000/001/234/567'
    """
    return f"{checkpoints_prefix(origin)}{_numbered(size)}"


def entries_prefix(origin: str) -> str:
    """Return the prefix of the bundles of entries of the log of that name, and of nothing else."""
    return f"{_log_prefix(origin)}{ENTRIES}/"


def entries_from(origin: str, start: int) -> str:
    """Return the prefix of the bundles of entries that begin at an index; they are in the order of indexes."""
    return f"{entries_prefix(origin)}{_numbered(start)}/"


def entries_key(origin: str, start: int, root: bytes) -> str:
    """Return the key of the bundle that begins at an index, for the checkpoint of that root hash.

    What was put for a checkpoint that never came is in nobody's way: another tree has another root.

    >>> entries_key("archive.example/log", 256, bytes(32))
    'log/43bb4a884ada32c4/entries/000/000/000/000/256/0000000000000000'
    """
    return f"{entries_from(origin, start)}{root.hex()[:16]}"


def key_event_key(origin: str, index: int, entry: bytes) -> str:
    """Return the key of what an entry about the log's keys commits to."""
    return f"{_log_prefix(origin)}{LOG_KEYS}/{_numbered(index)}/{hashlib.sha256(entry).hexdigest()[:16]}"


def log_kind_of(key: str) -> str:
    """Return what an object of a log is: ``CHECKPOINTS``, ``ENTRIES`` or ``LOG_KEYS``.

    >>> log_kind_of(checkpoint_key("archive.example/log", 7))
    'checkpoints'
    """
    return key.split("/")[2]


def batches_prefix(origin: str) -> str:
    """Return the prefix of the stamped batches of the log of that name, and of nothing else."""
    return f"{TIMESTAMPS}{_log_name(origin)}/"


def batch_prefix(origin: str, batch_id: int, root: bytes) -> str:
    """Return the prefix of one batch and its tokens; prefixes are in the order of batches.

    A register that was put back to before a batch gives its number again: the tree's root tells the two apart.
    """
    return f"{batches_prefix(origin)}{batch_id:012}-{root.hex()[:16]}/"


def number_of(key: str) -> int:
    """Return the size or index in a key of a log.

    >>> number_of(checkpoint_key("archive.example/log", 1234567))
    1234567
    >>> number_of(entries_key("archive.example/log", 256, bytes(32)))
    256
    """
    return int("".join(key.split("/")[3 : 3 + _NUMBER_FOLDERS]))


def _log_prefix(origin: str) -> str:
    return f"{LOGS}{_log_name(origin)}/"


def _log_name(origin: str) -> str:
    """Return a log's name as it stands in keys: a log that was begun anew counts from 0 again."""
    return hashlib.sha256(origin.encode()).hexdigest()[:16]


def _numbered(number: int) -> str:
    """Return a number in folders of a thousand."""
    digits = str(number).zfill(_NUMBER_DIGITS)
    return "/".join(digits[at : at + 3] for at in range(0, _NUMBER_DIGITS, 3))


def record_of(key: str) -> RecordId:
    """Return the record that a key of records or tombstones belongs to.

    >>> record_of("records/0193a4c1-7b1c-7000-8000-000000000001/metadata/2")
    '0193a4c1-7b1c-7000-8000-000000000001'
    """
    return RecordId(key.split("/", 2)[1])


@dataclass(frozen=True, slots=True)
class StateMark:
    """What became of a record, decided once: marks are numbered from 1, and the last one holds.

    A record without a mark was accepted. ``findings`` are what led to a quarantine.
    """

    record_id: RecordId
    number: int
    state: RecordState
    actor: str
    reason: str
    decided_at: dt.datetime
    findings: tuple[Finding, ...] = ()


@dataclass(frozen=True, slots=True)
class Tombstone:
    """What says that a record was disposed of and stays gone. It holds nothing of the record but its id."""

    record_id: RecordId
    disposed_at: dt.datetime
    reason: str


@dataclass(frozen=True, slots=True)
class DescribedVersion:
    """A metadata object as it was read: the version, and what it says of the original."""

    version: MetadataVersion
    content: ContentDigest
    page_count: int


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
        "recorded_at": _written(version.recorded_at),
        "content": {"size_bytes": content.size_bytes, "sha256": content.sha256, "sha512": content.sha512},
        "page_count": page_count,
    }
    return json_object(metadata_key(version.record_id, version.version), values)


def read_metadata_object(key: str, body: bytes, object_version: str) -> DescribedVersion:
    """Return what a metadata object says. Raises IntegrityFailure when it is none, or not the one of that key."""
    try:
        values = json.loads(body)
        content = values["content"]
        version = MetadataVersion(
            record_id=RecordId(values["record_id"]),
            version=int(values["version"]),
            metadata=metadata_from_json(values["metadata"]),
            salt=bytes.fromhex(values["salt"]),
            object_version=object_version,
            actor=str(values["actor"]),
            reason=str(values["reason"]),
            recorded_at=_instant(values["recorded_at"]),
        )
        digest = ContentDigest(int(content["size_bytes"]), str(content["sha256"]), str(content["sha512"]))
        described = DescribedVersion(version, digest, int(values["page_count"]))
    except (ValueError, KeyError, TypeError, AttributeError) as wrong:
        raise not_readable(key) from wrong
    if metadata_key(version.record_id, version.version) != key:
        raise not_readable(key)
    return described


def state_object(mark: StateMark) -> SmallObject:
    """Return a mark as it is put into the store: the same arguments give the same bytes."""
    values = {
        "format": STATE_FORMAT,
        "record_id": mark.record_id,
        "number": mark.number,
        "state": str(mark.state),
        "actor": mark.actor,
        "reason": mark.reason,
        "decided_at": _written(mark.decided_at),
        "findings": [{"code": str(finding.code), "detail": dict(finding.detail)} for finding in mark.findings],
    }
    return json_object(f"{state_prefix(mark.record_id)}{mark.number}", values)


def read_state_object(key: str, body: bytes) -> StateMark:
    """Return what a mark says. Raises IntegrityFailure when it is none, or not the one of that key."""
    try:
        values = json.loads(body)
        mark = StateMark(
            record_id=RecordId(values["record_id"]),
            number=int(values["number"]),
            state=RecordState(values["state"]),
            actor=str(values["actor"]),
            reason=str(values["reason"]),
            decided_at=_instant(values["decided_at"]),
            findings=tuple(Finding(FindingCode(one["code"]), dict(one["detail"])) for one in values["findings"]),
        )
    except (ValueError, KeyError, TypeError, AttributeError) as wrong:
        raise not_readable(key) from wrong
    if f"{state_prefix(mark.record_id)}{mark.number}" != key:
        raise not_readable(key)
    return mark


def tombstone_object(tombstone: Tombstone) -> SmallObject:
    """Return a tombstone as it is put into the store: the same arguments give the same bytes."""
    values = {
        "format": TOMBSTONE_FORMAT,
        "record_id": tombstone.record_id,
        "disposed_at": _written(tombstone.disposed_at),
        "reason": tombstone.reason,
    }
    return json_object(tombstone_key(tombstone.record_id), values)


def not_readable(key: str) -> IntegrityFailure:
    """Return the error for an object that should tell of a record and does not."""
    return IntegrityFailure(
        Message(
            f"The object {key} does not say what it should. Nothing was changed; compare it with a backup.",
            f"Đối tượng {key} không có nội dung như phải có. Không có gì bị thay đổi; hãy đối chiếu với bản sao lưu.",
        ),
        code="object-not-readable",
        key=key,
    )


def audit_paper_key(audit_id: str) -> str:
    """Return the key of the printed and sealed report of an audit."""
    return f"{AUDITS}{audit_id}/report.pdf"


def audit_report_key(audit_id: str) -> str:
    """Return the key of the report of an audit: canonical JSON."""
    return f"{AUDITS}{audit_id}/report.json"


def audit_report_object(audit_id: str, body: bytes) -> SmallObject:
    """Return the report of an audit as it is put into the store."""
    return small_object(audit_report_key(audit_id), body)


def certificate_key(disposal_id: str) -> str:
    """Return the key of the certificate of a disposal: canonical JSON."""
    return f"{DISPOSALS}{disposal_id}/certificate.json"


def certificate_paper_key(disposal_id: str) -> str:
    """Return the key of the printed and sealed certificate of a disposal."""
    return f"{DISPOSALS}{disposal_id}/certificate.pdf"


def disposal_evidence_key(disposal_id: str, origin: str, index: int) -> str:
    """Return the key of what one entry about a disposal commits to, in the log of that name."""
    return f"{DISPOSALS}{disposal_id}/evidence/{_log_name(origin)}/{index}"


def is_disposal_evidence(key: str) -> bool:
    """Whether a key is one of ``disposal_evidence_key``.

    >>> is_disposal_evidence("disposals/1/evidence/43bb4a884ada32c4/12"), is_disposal_evidence(certificate_key("1"))
    (True, False)
    """
    return key.startswith(DISPOSALS) and key.split("/")[2:3] == ["evidence"]


def json_object(key: str, values: dict[str, Any]) -> SmallObject:
    """Return an object of JSON values: the same values give the same bytes, whatever order they are given in."""
    return small_object(key, json.dumps(values, ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode())


def small_object(key: str, body: bytes) -> SmallObject:
    """Return the bytes as they are put under a key."""
    digest = ContentDigest(len(body), hashlib.sha256(body).hexdigest(), hashlib.sha512(body).hexdigest())
    return SmallObject(key, body, digest)


def _written(instant: dt.datetime) -> str:
    return instant.astimezone(dt.UTC).isoformat()


def _instant(text: str) -> dt.datetime:
    return dt.datetime.fromisoformat(text)
