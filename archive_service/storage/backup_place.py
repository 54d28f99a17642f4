"""What lies in a backup: lists of lines in compressed parts, and the manifest that makes a backup whole.

A backup's place is an object store like any other, create-only and locked where the store can lock, so that nobody
who can write backups can spoil one that is there::

    records/…, tombstones/…          objects, under their own keys, each copied once for all backups
    backups/<stamp>/rows/<table>/<n> rows of the register, as lines
    backups/<stamp>/objects/<n>      every object that belongs to this backup, as lines, in key order
    backups/<stamp>/manifest         digests of all the lists; put last: without it there is no backup

A torn backup is therefore never taken for a whole one. Parts are gzip (RFC 1952), so that standard tools read them.
"""

from __future__ import annotations

import datetime as dt
import gzip
import hashlib
import io
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any, cast

from archive_service.errors import IntegrityFailure, Message, NotFound, TooLarge
from archive_service.model.objects import not_readable
from archive_service.model.ports import ObjectStore, Reception, Staging
from archive_service.model.record import ContentDigest
from archive_service.storage.digests import digest_of

MANIFEST_FORMAT = 1
BACKUPS = "backups/"
_MANIFEST = "/manifest"

# Lines of one part: large enough that parts are few, small enough for one request to a store.
LINES_OF_A_PART = 50_000
LARGEST_PART = 4 * 1024**3

# A manifest names parts, not lines: this many bytes tell of thousands of millions of objects.
LARGEST_MANIFEST = 64 * 1024**2


@dataclass(frozen=True, slots=True)
class Part:
    """One object of a list: its key and version in the place, and its digest."""

    key: str
    version: str
    lines: int
    size_bytes: int
    sha256: str
    sha512: str

    @property
    def digest(self) -> ContentDigest:
        """The digest that its bytes must have."""
        return ContentDigest(self.size_bytes, self.sha256, self.sha512)


@dataclass(frozen=True, slots=True)
class Manifest:
    """One whole backup. ``damaged`` and ``missing`` name objects that were not as the register says."""

    stamp: str
    made_at: str
    version: str
    schema: str
    tables: Mapping[str, tuple[Part, ...]]
    objects: tuple[Part, ...]
    object_count: int
    object_bytes: int
    damaged: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()
    format: int = field(default=MANIFEST_FORMAT)

    def rows(self) -> dict[str, int]:
        """Return how many rows of each table it holds."""
        return {name: sum(part.lines for part in parts) for name, parts in self.tables.items()}


@dataclass(frozen=True, slots=True)
class ListedObject:
    """A line of the list of objects: where the bytes are in the backup, and which version they were in the store."""

    key: str
    source_version: str
    place_version: str
    size_bytes: int
    sha256: str
    sha512: str

    @property
    def digest(self) -> ContentDigest:
        """The digest that its bytes must have."""
        return ContentDigest(self.size_bytes, self.sha256, self.sha512)

    def line(self) -> bytes:
        """Return the object as a line."""
        return json.dumps(asdict(self), separators=(",", ":")).encode() + b"\n"


def listed_object(line: bytes) -> ListedObject:
    """Return the object of a line; fields that a later version added are passed over."""
    values = json.loads(line)
    return ListedObject(**{name: values[name] for name in ListedObject.__slots__})


@dataclass(frozen=True, slots=True)
class BackupPlace:
    """A store that holds backups, a folder for files in progress, and until when what is put is locked."""

    store: ObjectStore
    staging: Staging
    lock_until: dt.datetime

    def write_lines(self, prefix: str, lines: Iterator[bytes]) -> tuple[Part, ...]:
        """Put lines as numbered parts under the prefix; streamed. An empty list has no part."""
        parts: list[Part] = []
        while (part := self._write_part(f"{prefix}/{len(parts) + 1}", lines)) is not None:
            parts.append(part)
        return tuple(parts)

    def read_lines(self, parts: tuple[Part, ...]) -> Iterator[bytes]:
        """Yield the lines of a list; each part is compared with its digest before its first line is given.

        Raises IntegrityFailure, NotFound, Unavailable.
        """
        for part in parts:
            with self.fetched(part) as path, gzip.open(path, "rb") as lines:
                yield from lines

    @contextmanager
    def fetched(self, wanted: Part | ListedObject) -> Iterator[Path]:
        """Bring an object of the backup into a file, proven to be what was backed up.

        Raises IntegrityFailure when it is not, NotFound, Unavailable.
        """
        version = wanted.version if isinstance(wanted, Part) else wanted.place_version
        with self.staging.receive(wanted.size_bytes) as file:
            try:
                with self.store.read(wanted.key, version) as blocks:
                    for block in blocks:
                        file.write(block)
            except TooLarge as longer:
                raise part_differs(wanted.key) from longer
            if file.digest != wanted.digest:
                raise part_differs(wanted.key)
            yield file.path

    def put_manifest(self, manifest: Manifest) -> str:
        """Put the manifest, which makes the backup whole; return its SHA-256."""
        body = json.dumps(asdict(manifest), ensure_ascii=False, sort_keys=True).encode()
        self.store.put(f"{BACKUPS}{manifest.stamp}{_MANIFEST}", body, digest_of(body), self.lock_until)
        return hashlib.sha256(body).hexdigest()

    def stamps(self) -> Iterator[str]:
        """Yield the stamp of every whole backup, oldest first."""
        for listed in self.store.list_under(BACKUPS):
            if listed.key.endswith(_MANIFEST):
                yield listed.key.removeprefix(BACKUPS).removesuffix(_MANIFEST)

    def manifest(self, stamp: str | None = None) -> Manifest | None:
        """Return the manifest of that stamp, or of the latest whole backup; None where there is none.

        Raises IntegrityFailure when it cannot be read.
        """
        found = None
        for listed in self.store.list_under(BACKUPS if stamp is None else f"{BACKUPS}{stamp}{_MANIFEST}"):
            if listed.key.endswith(_MANIFEST):
                found = listed
        if found is None:
            return None
        if found.stored.size_bytes > LARGEST_MANIFEST:
            raise not_readable(found.key)
        with self.store.read(found.key, found.version) as blocks:
            return _manifest(found.key, b"".join(blocks))

    def _write_part(self, key: str, lines: Iterator[bytes]) -> Part | None:
        first = next(lines, None)
        if first is None:
            return None
        count = 1
        with self.staging.receive(LARGEST_PART) as file:
            with _compressing(file) as packed:
                packed.write(first)
                for line in islice(lines, LINES_OF_A_PART - 1):
                    packed.write(line)
                    count += 1
            digest = file.digest
            stored = self.store.put(key, file.path, digest, self.lock_until)
        return Part(key, stored.version, count, digest.size_bytes, digest.sha256, digest.sha512)


def no_backup(stamp: str | None) -> NotFound:
    """Return the error for a place without a whole backup, or without that one."""
    which = f" {stamp}" if stamp else ""
    return NotFound(
        Message(
            f"There is no whole backup{which} there. A backup that was cut off does not count.",
            f"Không có bản sao lưu hoàn chỉnh nào{which} ở đó. Bản sao lưu bị gián đoạn không được tính.",
        ),
        code="no-backup",
    )


def part_differs(key: str) -> IntegrityFailure:
    """Return the error for an object of a backup whose bytes are not those that the backup says."""
    return IntegrityFailure(
        Message(
            f"{key} in the backup is not what was backed up. Use another backup, and keep this one to look into.",
            f"{key} trong bản sao lưu khác với nội dung đã sao lưu. "
            "Hãy dùng bản sao lưu khác và giữ lại bản này để kiểm tra.",
        ),
        code="backup-differs",
        key=key,
    )


class _Into(io.RawIOBase):
    """Hands what is written to it on to a file in progress."""

    def __init__(self, file: Reception) -> None:
        self._file = file

    def writable(self) -> bool:
        return True

    def write(self, block: Any) -> int:
        self._file.write(block)
        return len(block)


@contextmanager
def _compressing(file: Reception) -> Iterator[gzip.GzipFile]:
    # No time and no name in it: the same lines are the same bytes.
    into = cast(Any, _Into(file))
    with gzip.GzipFile(filename="", mode="wb", compresslevel=3, fileobj=into, mtime=0) as packed:
        yield packed


def _manifest(key: str, body: bytes) -> Manifest:
    try:
        values = json.loads(body)
        values["tables"] = {name: _parts(parts) for name, parts in values["tables"].items()}
        values["objects"] = _parts(values["objects"])
        values["damaged"], values["missing"] = tuple(values["damaged"]), tuple(values["missing"])
        return Manifest(**{name: values[name] for name in Manifest.__slots__})
    except (ValueError, KeyError, TypeError, AttributeError) as wrong:
        raise not_readable(key) from wrong


def _parts(values: list[dict[str, Any]]) -> tuple[Part, ...]:
    return tuple(Part(**{name: one[name] for name in Part.__slots__}) for one in values)
