"""What one register transaction offers to a step: a small port for each kind of row.

Every method takes part in the transaction it was reached through; none commits.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from archive_service.model.audits import Audits
from archive_service.model.events import Event, LoggedEvent, SealedEntry
from archive_service.model.findings import Finding, RecordedFinding
from archive_service.model.identifiers import (
    Identifier,
    OfficeCode,
    ProcedureCode,
    RecordId,
    ResultTypeCode,
    SubjectId,
)
from archive_service.model.jobs import Job, JobKind, JobState
from archive_service.model.permissions import Role
from archive_service.model.policy import FindingPolicy
from archive_service.model.record import (
    DocumentText,
    MetadataVersion,
    ObjectVersion,
    Record,
    RecordState,
    SearchState,
)
from archive_service.model.reference import Office, Procedure, ReferenceData, ResultType
from archive_service.model.sealing import Rendition, RenditionKind
from archive_service.model.signature_json import KeptReport
from archive_service.model.subject import DatedIdentifier, Subject, SubjectClaim, SubjectMerge
from archive_service.model.timestamps import Timestamps


@dataclass(frozen=True, slots=True)
class Reservation:
    """A deposit's claim to a record id, by caller and idempotency key. ``answered`` once the record is written.

    ``salt`` and ``received_at`` are fixed here, so that a deposit that is taken up again after a kill writes the very
    same bytes into the store.
    """

    caller: str
    key: str
    record_id: RecordId
    request_sha256: str
    content_sha256: str
    result_type: ResultTypeCode
    identifiers: tuple[Identifier, ...]
    office: OfficeCode
    salt: bytes
    received_at: dt.datetime
    lease_until: dt.datetime
    answered: bool = False


@dataclass(frozen=True, slots=True)
class ApiKey:
    """A machine's or person's key. Only a digest of the secret is kept."""

    id: str
    name: str
    office: OfficeCode
    roles: frozenset[Role]
    secret_sha256: str
    created_at: dt.datetime
    expires_at: dt.datetime
    revoked_at: dt.datetime | None = None


@dataclass(frozen=True, slots=True)
class RecordSelection:
    """Which records a listing asks for. None means no limit; ``after`` is the last id of the page before."""

    offices: frozenset[OfficeCode] | None
    state: RecordState | None = None
    search_state: SearchState | None = None
    changed_since: dt.datetime | None = None
    after: RecordId | None = None
    limit: int = 100


class Reservations(Protocol):
    """Deposits in progress, and the keys of finished ones."""

    def find(self, caller: str, key: str) -> Reservation | None:
        """Return the claim of that caller's key, and keep others from changing it: asked for within ``write`` only."""
        ...

    def claim(self, reservation: Reservation) -> None:
        """Write the claim of that caller's key. Of two that meet, the second is run again and finds the first."""
        ...

    def renew(self, caller: str, key: str, lease_until: dt.datetime) -> None:
        """Let an unanswered claim live on: its deposit is taken up again."""
        ...

    def answer(self, caller: str, key: str) -> None:
        """Mark the claim as answered: its record is written in the same transaction."""
        ...

    def release(self, caller: str, key: str) -> None:
        """Free the key: nothing was stored under it."""
        ...

    def of_records(self, record_ids: Sequence[RecordId]) -> list[Reservation]:
        """Return the claims to these record ids, answered or not: for recovery, it may take long."""
        ...

    def pending_for(self, content_sha256: str, result_type: ResultTypeCode, now: dt.datetime) -> list[Reservation]:
        """Return unanswered claims, whose lease has not run out, for those bytes and that type."""
        ...


class Records(Protocol):
    """Records and all versions of their metadata."""

    def serialise_deposits_of(self, content_sha256: str, result_type: ResultTypeCode) -> None:
        """Let no other transaction deposit the same bytes and type until this one ends."""
        ...

    def add(self, record: Record, first: MetadataVersion) -> None:
        """Write a new record with its first metadata version."""
        ...

    def get(self, record_id: RecordId) -> Record | None:
        """Return the record, whatever its state and office: the step checks permission."""
        ...

    def get_many(self, record_ids: Sequence[RecordId]) -> dict[RecordId, Record]:
        """Return those of the records that exist."""
        ...

    def for_update(self, record_id: RecordId) -> Record | None:
        """Return the record and keep others from changing it until the transaction ends."""
        ...

    def holding(self, content_sha256: str, result_type: ResultTypeCode) -> list[Record]:
        """Return stored and quarantined records of those bytes and that type, in all offices."""
        ...

    def with_content(self, content_sha256: str) -> list[Record]:
        """Return every record of exactly those bytes, oldest first."""
        ...

    def of_subjects(self, subjects: Sequence[SubjectId]) -> list[Record]:
        """Return every record of these subjects, by date of issue and then of storing, oldest first."""
        ...

    def related_to(self, record_id: RecordId) -> list[tuple[RecordId, str]]:
        """Return (record, kind) for each record whose relations name this one."""
        ...

    def select(self, selection: RecordSelection) -> list[Record]:
        """Return one page of records in id order."""
        ...

    def ids(self, selection: RecordSelection) -> list[RecordId]:
        """Return the ids of one page of records in id order."""
        ...

    def count(self, state: RecordState | None = None, search_state: SearchState | None = None) -> int:
        """Return how many records there are."""
        ...

    def set_state(self, record_id: RecordId, state: RecordState, now: dt.datetime) -> None:
        """Change the state; the step has checked that the change is permitted."""
        ...

    def mark_changed(self, record_id: RecordId, now: dt.datetime) -> None:
        """Say that something an index holds of the record has changed, so that a rebuild under way comes back to it."""
        ...

    def set_search_state(self, record_id: RecordId, state: SearchState, problem: str | None, now: dt.datetime) -> None:
        """Say whether the record can be found by words, and why not."""
        ...

    def claim_metadata(self, version: MetadataVersion) -> None:
        """Write the next version, its ``object_version`` empty: decided, not yet in the store, not yet current."""
        ...

    def claimed_metadata(self, record_id: RecordId) -> MetadataVersion | None:
        """Return the version that is decided and not yet current, if there is one."""
        ...

    def complete_metadata(self, version: MetadataVersion, subject: SubjectId, now: dt.datetime) -> None:
        """Make a claimed version, now in the store, the current one: the record changed at ``now``."""
        ...

    def versions_of(self, record_ids: Sequence[RecordId]) -> dict[RecordId, list[MetadataVersion]]:
        """Return every version that is or was current of these records, oldest first."""
        ...

    def metadata_versions(self, record_id: RecordId) -> list[MetadataVersion]:
        """Return every version that is or was current, oldest first."""
        ...

    def set_lock(self, record_id: RecordId, original: ObjectVersion) -> None:
        """Record the lock in force on the original."""
        ...

    def set_object_version(self, record_id: RecordId, metadata_version: int | None, put: ObjectVersion) -> None:
        """Name another version of an object, of the same bytes: the original, or a version of the metadata."""
        ...

    def locks_ending_before(self, instant: dt.datetime, limit: int) -> list[Record]:
        """Return stored and quarantined records whose lock ends before the instant, soonest first.

        Records that were let go are left out: their ended locks would stand in front of all others for ever.
        """
        ...


class Texts(Protocol):
    """The words of records: derived, erasable, made anew from the original at any time."""

    def put(self, record_id: RecordId, text: DocumentText, now: dt.datetime) -> None:
        """Keep the words, replacing those of an earlier run: the record changed at ``now``.

        Places of words, where the text has any, are kept beside it until they are forgotten.
        """
        ...

    def with_places(self, record_id: RecordId) -> DocumentText | None:
        """Return the words with their places, as far as these are kept; None before the first run."""
        ...

    def forget_places(self, record_id: RecordId) -> None:
        """Forget where the words stand: nobody needs to know any more. Idempotent."""
        ...

    def erase(self, record_id: RecordId) -> None:
        """Forget the words and their places. Idempotent."""
        ...

    def get(self, record_id: RecordId) -> DocumentText | None:
        """Return the words, None before the first run."""
        ...

    def get_many(self, record_ids: Sequence[RecordId]) -> dict[RecordId, DocumentText]:
        """Return the words of those records that have any."""
        ...


class SignatureReports(Protocol):
    """Which reports of signatures there are: the reports themselves lie in the store."""

    def add(self, record_id: RecordId, report: KeptReport) -> None:
        """Write the report of a record; one that is written already stays."""
        ...

    def set_object_version(self, record_id: RecordId, stored: ObjectVersion) -> None:
        """Name the version that holds the report of that key from now on; nothing happens for another key."""
        ...

    def get(self, record_id: RecordId) -> KeptReport | None:
        """Return the report, None for a record without signatures. Its lock is not told."""
        ...


class Renditions(Protocol):
    """Copies beside the originals."""

    def add(self, rendition: Rendition) -> None:
        """Write a rendition of a number that is new for its record and kind."""
        ...

    def of_record(self, record_id: RecordId, kind: RenditionKind | None = None) -> list[Rendition]:
        """Return the renditions of a record, of one kind or all, by kind and number."""
        ...

    def set_object_version(self, record_id: RecordId, stored: ObjectVersion) -> None:
        """Name the version that holds the rendition of that key from now on; nothing happens for another key."""
        ...

    def set_lock(self, record_id: RecordId, locked_until: dt.datetime) -> None:
        """Record the lock in force on everything under the record."""
        ...


class Findings(Protocol):
    """What checks found, until a person resolves it."""

    def add(self, record_id: RecordId, findings: Sequence[Finding], policy: FindingPolicy, now: dt.datetime) -> None:
        """Record findings; one with the same code that is still open for the record is not doubled."""
        ...

    def get(self, finding_id: int) -> RecordedFinding | None:
        """Return one finding."""
        ...

    def of_record(self, record_id: RecordId) -> list[RecordedFinding]:
        """Return every finding of a record, oldest first."""
        ...

    def open_in(self, offices: frozenset[OfficeCode] | None, after: int, limit: int) -> list[RecordedFinding]:
        """Return one page of unresolved findings of those offices, in id order."""
        ...

    def resolve(self, finding_id: int, actor: str, resolution: str, now: dt.datetime) -> None:
        """Close a finding with a person's words."""
        ...


class Subjects(Protocol):
    """Persons and employers, their identifiers over time, and merges."""

    def serialise_claims_of(self, identifiers: Sequence[Identifier]) -> None:
        """Let no other transaction look for these identifiers, to register who has none, until this one ends."""
        ...

    def serialise_merges(self) -> None:
        """Let no other transaction merge or unmerge until this one ends: two that meet could merge in a circle."""
        ...

    def get(self, subject_id: SubjectId) -> Subject | None:
        """Return the subject as it was registered, merged or not."""
        ...

    def by_identifier(self, identifier: Identifier) -> Subject | None:
        """Return the subject known by the identifier, following merges to the one that stands."""
        ...

    def standing(self, subject_id: SubjectId) -> Subject:
        """Return the subject that stands for this one, following merges."""
        ...

    def family(self, subject_id: SubjectId) -> list[Subject]:
        """Return the standing subject and every one merged into it, directly or not, the standing one first."""
        ...

    def add(self, subject_id: SubjectId, claim: SubjectClaim) -> Subject:
        """Register a subject with the claim's identifiers."""
        ...

    def add_identifier(self, subject_id: SubjectId, identifier: DatedIdentifier) -> None:
        """Give a subject another identifier, or other validity days for one it has."""
        ...

    def add_merge(self, kept: SubjectId, merged: SubjectId, reason: str, actor: str, now: dt.datetime) -> SubjectMerge:
        """Let ``kept`` stand for ``merged`` from now on."""
        ...

    def get_merge(self, merge_id: int) -> SubjectMerge | None:
        """Return one merge."""
        ...

    def undo_merge(self, merge_id: int, reason: str, actor: str, now: dt.datetime) -> SubjectMerge:
        """Let the merged subject stand for itself again. The merge stays in the history."""
        ...

    def merges_of(self, subject_id: SubjectId) -> list[SubjectMerge]:
        """Return every merge the subject took part in, undone ones too, oldest first."""
        ...


class Reference(Protocol):
    """Offices, result types and procedures."""

    def load(self, data: ReferenceData) -> None:
        """Add or replace what the data states; what it does not name stays."""
        ...

    def office(self, code: OfficeCode) -> Office | None:
        """Return one office."""
        ...

    def offices(self) -> list[Office]:
        """Return every office, in code order."""
        ...

    def subtree(self, code: OfficeCode) -> frozenset[OfficeCode]:
        """Return the office, everything under it, and every office that one of these succeeds."""
        ...

    def result_type(self, code: ResultTypeCode) -> ResultType | None:
        """Return one result type."""
        ...

    def result_types(self) -> list[ResultType]:
        """Return every result type, in code order."""
        ...

    def procedure(self, code: ProcedureCode) -> Procedure | None:
        """Return one procedure."""
        ...


class Log(Protocol):
    """The one log of everything that happens: append-only, gap-free, in commit order."""

    def append(self, *events: Event) -> None:
        """Add events; they get the next indexes when the transaction commits."""
        ...

    def of_record(self, record_id: RecordId, after: int, limit: int) -> list[LoggedEvent]:
        """Return one page of a record's events, in index order."""
        ...

    def entries(self, start: int, limit: int) -> list[LoggedEvent]:
        """Return entries from index ``start`` on, in order."""
        ...

    def sealed(self, start: int, limit: int) -> list[SealedEntry]:
        """Return entries from index ``start`` on, in order, each with what it commits to."""
        ...

    def entry_bytes(self, start: int, limit: int) -> list[bytes]:
        """Return the exact bytes of entries from index ``start`` on, in order, without their payloads."""
        ...

    def catch_up(self, entries: Sequence[bytes]) -> None:
        """Write entries of this very log that a restored register lacks, at the end, without payloads."""
        ...

    def database_time(self) -> dt.datetime | None:
        """Return what the database's own clock shows, None where it has none but this host's."""
        ...

    def put_payload(self, sealed: SealedEntry) -> None:
        """Write the payload of an entry that was caught up with; the caller has checked that it is that entry's."""
        ...

    def size(self) -> int:
        """Return how many entries there are."""
        ...


@dataclass(frozen=True, slots=True)
class SignedCheckpoint:
    """A tree that the log stands by: its size, 32-byte root and signed note; ``published_at`` once in the store."""

    size: int
    root: bytes
    note: str
    made_at: dt.datetime
    published_at: dt.datetime | None = None


@dataclass(frozen=True, slots=True)
class LogKey:
    """A key of the log as others check with it (a vkey), and when it began and ended to sign."""

    verifier_key: str
    added_at: dt.datetime
    retired_at: dt.datetime | None = None


class LogTree(Protocol):
    """The log's tree in tiles of hashes, what was signed of it, and with which keys."""

    def take_turn(self) -> None:
        """Let no other transaction change the tree until this one ends."""
        ...

    def integrated(self) -> int:
        """Return how many entries are in the tree."""
        ...

    def hashes(self, level: int, tile: int) -> bytes:
        """Return the hashes of a tile so far, one after another; nothing for a tile that is not there."""
        ...

    def put(self, tiles: Mapping[tuple[int, int], bytes]) -> None:
        """Write tiles, by (level, number), with all their hashes."""
        ...

    def add_checkpoint(self, checkpoint: SignedCheckpoint) -> None:
        """Write a new checkpoint, larger than every one before."""
        ...

    def newest(self, *, published: bool = False, cosigned: bool = False) -> SignedCheckpoint | None:
        """Return the largest checkpoint; of those in the store, and of those that a witness signed, when asked."""
        ...

    def checkpoint(self, size: int) -> SignedCheckpoint | None:
        """Return the checkpoint of exactly that size."""
        ...

    def before(self, size: int) -> SignedCheckpoint | None:
        """Return the largest checkpoint that is smaller than that size."""
        ...

    def signed_roots(self, after: int, limit: int) -> list[tuple[int, bytes]]:
        """Return size and root of checkpoints larger than ``after``, smallest first."""
        ...

    def unpublished(self, limit: int) -> list[SignedCheckpoint]:
        """Return checkpoints that are not in the store yet, smallest first."""
        ...

    def mark_published(self, size: int, now: dt.datetime) -> None:
        """Say that the checkpoint of that size is in the store; when that was said first stands."""
        ...

    def add_cosignature(self, size: int, key_name: str, line: str, now: dt.datetime) -> None:
        """Keep a witness's signature line on the checkpoint of that size, in place of an earlier one of the same."""
        ...

    def cosignatures(self, size: int) -> list[str]:
        """Return the witnesses' signature lines on the checkpoint of that size, by name."""
        ...

    def last_cosigned(self) -> dict[str, int]:
        """Return the size of the largest checkpoint that each witness signed, by the name of its key."""
        ...

    def all_keys(self) -> list[LogKey]:
        """Return every key that signs or has signed, oldest first."""
        ...

    def put_key(self, key: LogKey) -> None:
        """Write a key, or when it was retired."""
        ...


class Jobs(Protocol):
    """Follow-up work."""

    def add(self, kind: JobKind, record_id: RecordId, due_at: dt.datetime) -> None:
        """Ask for work on a record; the same kind still waiting for the record is not doubled."""
        ...

    def any_due(self, kinds: Sequence[JobKind], now: dt.datetime) -> bool:
        """Whether there is work to take: asked often, so it only reads."""
        ...

    def claim(self, kinds: Sequence[JobKind], limit: int, now: dt.datetime, lease_until: dt.datetime) -> list[Job]:
        """Take due work for this worker until the lease ends; work whose lease has run out is taken again.

        No two workers get the same piece. INDEX: oldest due first. Other kinds: depositors take turns, the one with the
        least running work first; of one depositor's, oldest due first.
        """
        ...

    def renew(self, jobs: Sequence[Job], lease_until: dt.datetime) -> None:
        """Let this worker keep the work it is doing until the lease ends.

        This and every method by which work ends passes over work that another worker has taken since.
        """
        ...

    def done(self, job: Job) -> None:
        """Remove the finished work, unless it was asked for again while it ran."""
        ...

    def retry(self, job: Job, due_at: dt.datetime, problem: str) -> None:
        """Give the work back, to be tried again at ``due_at``."""
        ...

    def give_back(self, job: Job, now: dt.datetime) -> None:
        """Give the work back untried: it is due at once and the try is not counted."""
        ...

    def park(self, job: Job, problem: str) -> None:
        """Keep the work for a person to look at."""
        ...

    def parked(self, limit: int) -> list[Job]:
        """Return parked work, oldest first."""
        ...

    def unpark(self, job_id: int, now: dt.datetime) -> bool:
        """Let parked work be tried again from the beginning; return whether there is such work."""
        ...

    def counts(self) -> dict[tuple[JobKind, JobState], int]:
        """Return how much work there is, by kind and state."""
        ...


class ApiKeys(Protocol):
    """Keys of callers."""

    def add(self, key: ApiKey) -> None:
        """Keep a new key."""
        ...

    def get(self, key_id: str) -> ApiKey | None:
        """Return a key, revoked and expired ones too."""
        ...

    def list(self) -> list[ApiKey]:
        """Return every key, in order of making."""
        ...

    def revoke(self, key_id: str, now: dt.datetime) -> None:
        """End a key's validity."""
        ...


class Progress(Protocol):
    """Where a long run stands, by its name, so that it resumes after a stop."""

    def get(self, name: str) -> str | None:
        """Return what was saved under the name."""
        ...

    def put(self, name: str, value: str) -> None:
        """Save where the run stands."""
        ...

    def serialise(self, name: str) -> None:
        """Let no other transaction that asks the same go on with the name until this one ends."""
        ...

    def clear(self, name: str) -> None:
        """Forget the run: it ended."""
        ...


class RegisterUnit(Protocol):
    """One transaction, with all its kinds of rows."""

    @property
    def reservations(self) -> Reservations:
        """Deposits in progress."""
        ...

    @property
    def records(self) -> Records:
        """Records and their metadata."""
        ...

    @property
    def texts(self) -> Texts:
        """Words of records."""
        ...

    @property
    def signature_reports(self) -> SignatureReports:
        """Reports of signatures."""
        ...

    @property
    def renditions(self) -> Renditions:
        """Copies beside the originals."""
        ...

    @property
    def findings(self) -> Findings:
        """What checks found."""
        ...

    @property
    def subjects(self) -> Subjects:
        """Persons and employers."""
        ...

    @property
    def reference(self) -> Reference:
        """Offices, result types, procedures."""
        ...

    @property
    def log(self) -> Log:
        """What happened."""
        ...

    @property
    def tree(self) -> LogTree:
        """The log's tree."""
        ...

    @property
    def timestamps(self) -> Timestamps:
        """Stamped batches of the log."""
        ...

    @property
    def jobs(self) -> Jobs:
        """Follow-up work."""
        ...

    @property
    def api_keys(self) -> ApiKeys:
        """Keys of callers."""
        ...

    @property
    def audits(self) -> Audits:
        """Runs of the audit."""
        ...

    @property
    def progress(self) -> Progress:
        """Where long runs stand."""
        ...
