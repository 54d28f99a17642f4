"""The ports: what the archive's steps ask of the world, each a contract that every adapter and its fake pass.

A port's docstring is its promise. Adapters translate their library's errors: only ArchiveError leaves them, and
``Unavailable`` is the one that may be retried.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, TypeVar

from archive_service.model.identifiers import RecordId
from archive_service.model.inspection import Examined, NoText
from archive_service.model.paper import Paper
from archive_service.model.query import IndexDocument, SearchPage, SearchQuery
from archive_service.model.record import ContentDigest, DocumentText, ObjectVersion
from archive_service.model.sealing import NotSealed, Sealed, SealOrder
from archive_service.model.units import RegisterUnit
from archive_verify.checkpoint import Checkpoint
from archive_verify.notes import Note, VerifierKey

if TYPE_CHECKING:
    # Its libraries are loaded only where time-stamps are made or checked.
    from archive_verify.timestamp import Token

T = TypeVar("T")


class Clock(Protocol):
    """The time. The only source of it, so that tests can move it."""

    def now(self) -> dt.datetime:
        """Return the present instant, aware, in UTC."""
        ...


class Randomness(Protocol):
    """Unpredictable bytes. The only source of them."""

    def token(self, size_bytes: int) -> bytes:
        """Return that many bytes from the system's generator."""
        ...


class ProofResult(StrEnum):
    """Verdict of one trial: could-not-tell is neither passed nor failed."""

    PASSED = "passed"
    FAILED = "failed"
    INDETERMINATE = "indeterminate"


@dataclass(frozen=True, slots=True)
class LockTrial:
    """One thing tried against the store's lock, and how that ended; ``explanation`` names what was seen."""

    name: str
    result: ProofResult
    explanation: str


@dataclass(frozen=True, slots=True)
class Protection:
    """What the store itself says keeps one version from being deleted; ``mode`` is None where a store has none."""

    locked_until: dt.datetime | None
    mode: str | None
    held: bool


@dataclass(frozen=True, slots=True)
class NewObject:
    """An object that is to be put: its key, a file or the bytes themselves, and their digest."""

    key: str
    source: Path | bytes
    digest: ContentDigest


# The code of the IntegrityFailure of a put under a key that holds other bytes: somebody else was first.
STORED_DIFFERS = "stored-differs"


class ObjectStore(Protocol):
    """Keeps objects for ever: create-only, versioned, locked where the store can lock.

    Keys are relative paths such as ``records/<id>/original``. Everything under a record's prefix belongs to that
    record alone. Reads and writes name the version. All methods may be called from several threads at once.
    """

    @property
    def enforces_locks(self) -> bool:
        """Whether the store itself refuses to delete what is locked. A folder on disk does not."""
        ...

    def put(self, key: str, source: Path | bytes, digest: ContentDigest, lock_until: dt.datetime) -> ObjectVersion:
        """Store the source's bytes under ``key`` with the lock from the first instant, and read them back.

        Streamed, never held whole. Create-only and idempotent: an object that is there with the same bytes is
        returned, its lock lengthened to ``lock_until`` if it is shorter (a lost answer is harmless, two racing
        writers leave one version). Locks are kept in whole seconds, rounded up; ``lock_until`` lies in the future.
        Returns only after the bytes were read back by version and compared with ``digest``.

        Raises IntegrityFailure when what is stored (``STORED_DIFFERS``), or the source, has another digest;
        Unavailable when it could not be told whether the object was stored: ask again with the same arguments.
        """
        ...

    def put_all(self, objects: Sequence[NewObject], lock_until: dt.datetime) -> tuple[ObjectVersion, ...]:
        """Put each object as ``put`` does, and return their versions in the same order.

        Returns only when all of them are kept; a store may make them durable together, which is quicker than one by
        one. After an error some may have been put: the same call again takes those as they are.
        """
        ...

    def read(
        self, key: str, version: str, *, start: int = 0, length: int | None = None
    ) -> AbstractContextManager[Iterator[bytes]]:
        """Open one version and yield its bytes in blocks of at most 1 MiB, from ``start`` for ``length`` bytes.

        The context manager closes the connection. Raises NotFound when there is no such version (on entering),
        Unavailable when the store does not answer, also in mid-read.
        """
        ...

    def list_under(self, prefix: str, *, after: str = "") -> Iterator[ObjectVersion]:
        """Yield every version of every object whose key starts with ``prefix``, in key order, streamed.

        With ``after`` those whose keys come after that one, without looking at the ones before.

        ``stored`` carries the size; digests are empty strings, because they would have to be read to be known.
        ``locked_until`` is None: ask ``lock_of``.
        """
        ...

    def lock_of(self, key: str, version: str) -> dt.datetime | None:
        """Return until when the store itself says the version is locked, None for not at all. Raises NotFound."""
        ...

    def protection_of(self, key: str, version: str) -> Protection:
        """Return lock, its mode ("governance" or "compliance") and hold, as the store has them. Raises NotFound."""
        ...

    def extend_lock(self, key: str, version: str, until: dt.datetime) -> dt.datetime:
        """Lengthen the version's lock to ``until``; one that is already later stays. Returns the lock in force.

        Idempotent. Raises NotFound, Unavailable.
        """
        ...

    def set_hold(self, key: str, version: str, held: bool) -> None:
        """Place or lift the legal hold of the version. Idempotent. Raises NotFound, Unavailable."""
        ...

    def replace_damaged(
        self, key: str, source: Path | bytes, digest: ContentDigest, lock_until: dt.datetime
    ) -> ObjectVersion:
        """Put the right bytes under a key that does not hold them, and return their version; for repair only.

        What is damaged is not deleted: it stays as an earlier version, or is set aside. A version that holds the bytes
        already is returned, and nothing is written. Raises as ``put``, but for bytes that differ.
        """
        ...

    def delete(self, key: str, version: str) -> None:
        """Delete one version for good. Idempotent: a version that is gone is a success.

        Raises Conflict while the version is locked or held, Unavailable.
        """
        ...

    def now(self) -> dt.datetime:
        """Return what the store's own clock shows, by which its locks end: aware, in UTC, to a second at least.

        It may be far from this host's: whoever deletes compares the two. Raises Unavailable.
        """
        ...

    def check_ready(self) -> None:
        """Return when the store answers and can be written to; raise Unavailable or Misconfigured otherwise."""
        ...

    def prove_lock(self, now: dt.datetime) -> tuple[LockTrial, ...]:
        """Prove the lock with a canary under ``canary/``.

        Lock it, try to delete it, to shorten its lock, and to delete it under a hold whose retention has expired;
        clean up canaries of earlier runs whose lock has ended.

        A store that cannot lock answers with one INDETERMINATE trial that says so. Never raises for a failed trial.
        """
        ...


class LogSigning(Protocol):
    """Signs for the log, with all keys that are in force. The only holder of private keys of the log."""

    @property
    def origin(self) -> str:
        """The log's name, which is also the name of its keys."""
        ...

    @property
    def verifier_keys(self) -> tuple[VerifierKey, ...]:
        """What others check its signatures with, oldest first."""
        ...

    def sign_checkpoint(self, checkpoint: Checkpoint, at: dt.datetime) -> Note:
        """Return the checkpoint signed by every key. The caller has made sure that it extends all before."""
        ...

    def sign_text(self, text: str) -> Note:
        """Return the text signed by every Ed25519 key: the same bytes while the keys are the same."""
        ...


class TimestampAuthority(Protocol):
    """Somebody who signs that a digest existed at a time (RFC 3161). May be asked from several threads at once."""

    @property
    def name(self) -> str:
        """Its name in settings, tables and files: letters, digits, hyphens."""
        ...

    @property
    def is_test(self) -> bool:
        """Whether its tokens are worth nothing as evidence, because whoever runs the archive holds its key."""
        ...

    @property
    def roots(self) -> Sequence[bytes]:
        """The certificates (DER) that its tokens must lead to."""
        ...

    def stamp(self, imprint: bytes, algorithm: str) -> Token:
        """Return a new token over the digest, checked against nonce, digest, present time and roots.

        Raises Unavailable when it does not answer as it should, IntegrityFailure ``timestamp-refused`` for a reply
        that must not be kept, Misconfigured when it has no root. Asking again is harmless.
        """
        ...


class Reception(Protocol):
    """A file on its way in: counted and hashed as its blocks pass."""

    @property
    def path(self) -> Path:
        """The file with all that was written so far."""
        ...

    @property
    def digest(self) -> ContentDigest:
        """The digest of what was written so far."""
        ...

    def write(self, block: bytes | memoryview) -> None:
        """Take the next block. Raises TooLarge as soon as the limit is passed, Unavailable when the disk is full."""
        ...


class Staging(Protocol):
    """Files in progress; what is staged is not stored."""

    def receive(self, limit_bytes: int) -> AbstractContextManager[Reception]:
        """Open a new file of at most that many bytes; it is removed at exit. Raises Unavailable."""
        ...

    def sweep(self, older_than: dt.datetime) -> int:
        """Remove files last written before that: killed processes left them. Return how many."""
        ...


class PdfReader(Protocol):
    """Reads untrusted PDFs in a separate, limited process without network. Never raises for what a file contains.

    Calls may come from several threads; each takes one process. A process that dies is a typed answer.
    """

    def examine(self, path: Path, at: dt.datetime) -> Examined:
        """Return what the file is, or why that could not be read, and what its signatures are worth. Idempotent.

        Certificates are judged as at that instant. A check of signatures that fails or takes too long is a report
        without signatures, which is never taken for a pass.
        Raises Misconfigured when the trusted certificates cannot be read and there is something to judge by them.
        """
        ...

    def read_text(self, path: Path) -> DocumentText | NoText:
        """Return the words of every page: the text layer where it is good, recognised ones where not. Idempotent."""
        ...

    def check_ready(self) -> None:
        """Return when PDFs can be read and words recognised; raise Unavailable or Misconfigured otherwise."""
        ...


class Sealer(Protocol):
    """Makes of a result a sealed rendition: converted first, sealed last. The original is only ever read.

    Calls may come from several threads. What reads the file is separate and limited, as with ``PdfReader``.
    """

    def seal(self, order: SealOrder, original: Path, out: Reception) -> Sealed | NotSealed:
        """Write the sealed rendition to ``out``, or say why there is none; what was written is of no use then.

        A signed original is never touched. Not idempotent: every seal has its own time and time-stamp.
        Raises Unavailable when key or time-stamp authority do not answer, Misconfigured when there is no usable key.
        """
        ...

    def seal_paper(self, paper: Paper, out: Reception) -> None:
        """Write a paper of the archive's own, printed as a PDF and sealed, to ``out``. Raises as ``seal``."""
        ...

    def anchors(self) -> tuple[bytes, ...]:
        """Return the root (DER) that the certificate of the key in use leads to, none where the key came without it.

        Raises as ``check_ready``.
        """
        ...

    def is_own(self, path: Path, pages: int) -> bool:
        """Whether the file is a rendition of that many pages, sealed with the key in use and unchanged since.

        Raises as ``seal``.
        """
        ...

    def check_ready(self) -> None:
        """Return when there is a key; raise Unavailable or Misconfigured otherwise."""
        ...


class IndexBuild(Protocol):
    """A new index being built beside the one in use; resumable by its name."""

    def add(self, documents: Iterable[IndexDocument]) -> int:
        """Put documents into the new index (replacing those with the same record id); return how many.

        Several threads may add at once.
        """
        ...

    def commit(self) -> None:
        """Make what was added durable, so that a resumed build need not add it again."""
        ...

    def switch(self) -> None:
        """Make the new index the one in use, atomically, and drop the old one."""
        ...

    def abandon(self) -> None:
        """Drop the new index."""
        ...


class SearchIndex(Protocol):
    """Finds records by words. A copy for finding only: never read for truth, rebuildable at any time."""

    def put(self, documents: Iterable[IndexDocument]) -> None:
        """Add or replace documents by record id, in bulk, durable on return. Idempotent.

        Raises Unavailable. On the embedded index only the process that owns the writer may call it.
        """
        ...

    def remove(self, record_ids: Iterable[RecordId]) -> None:
        """Remove documents; those that are not there are passed over. Idempotent."""
        ...

    def search(self, query: SearchQuery) -> SearchPage:
        """Return one page of hits.

        Order class for RELEVANCE, the same on every engine: a record whose identifier, dossier or document code is
        the query's code first; then those with every word in its exact tone marks; then those that match only
        without marks; within a class by the engine's own score; ties by record id. Pages by cursor without depth
        limit. Raises InvalidInput for a cursor that is not one of its own, Unavailable.
        """
        ...

    def count(self) -> int:
        """Return how many documents the index in use holds."""
        ...

    def record_ids(self) -> Iterator[RecordId]:
        """Yield the id of every document in the index in use, streamed, in id order."""
        ...

    def build(self, name: str) -> IndexBuild:
        """Begin, or resume, a new index of that name (letters, digits, hyphens) beside the one in use."""
        ...

    def check_ready(self) -> None:
        """Return when the index answers with the mapping this version needs; raise Unavailable otherwise."""
        ...


class Register(Protocol):
    """The truth: records, subjects, reference data, the log, follow-up work."""

    def write(self, work: Callable[[RegisterUnit], T]) -> T:
        """Run ``work`` in one transaction and return its result after the commit is durable.

        All or nothing: whatever ``work`` raises, nothing of it is kept, and that error comes out. ``work`` may be
        run again when the database asks for it, and on one process several may share a commit, so it must have no
        effect outside the unit. Raises Unavailable when the register does not answer.
        """
        ...

    def read(self, work: Callable[[RegisterUnit], T]) -> T:
        """Run ``work`` on a consistent view and return its result. Raises Unavailable."""
        ...

    def check_ready(self) -> None:
        """Return when the register answers and its schema is this version's; raise Unavailable otherwise."""
        ...
