"""The ports to records and to what belongs to each: versions, words, reports, renditions, findings.

Every method takes part in the transaction it was reached through; none commits.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from archive_service.model.findings import Finding, RecordedFinding
from archive_service.model.identifiers import OfficeCode, RecordId, ResultTypeCode, SubjectId
from archive_service.model.policy import FindingPolicy
from archive_service.model.record import DocumentText, MetadataVersion, ObjectVersion, Record, RecordState, SearchState
from archive_service.model.sealing import Rendition, RenditionKind
from archive_service.model.signature_json import KeptReport
from archive_service.model.units.retention import RelationsTo


@dataclass(frozen=True, slots=True)
class RecordSelection:
    """Which records a listing asks for. None means no limit; ``after`` is the last id of the page before."""

    offices: frozenset[OfficeCode] | None
    state: RecordState | None = None
    search_state: SearchState | None = None
    changed_since: dt.datetime | None = None
    after: RecordId | None = None
    limit: int = 100


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

    def relations_to(self, record_ids: Sequence[RecordId]) -> RelationsTo:
        """Return what stored records say of each of these, oldest first; one of which nothing is said is left out."""
        ...

    def of_dossier(self, code: str) -> list[RecordId]:
        """Return every record of a dossier, whatever its state, oldest first."""
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

    def erase(self, record_id: RecordId, now: dt.datetime) -> None:
        """Forget what was said of a record that was disposed of, in every version, its relations and its subject.

        Its row stays, with what names nobody: id, state, office, type, access level, and digests. Idempotent.
        """
        ...

    def any_kept_of(self, subjects: Sequence[SubjectId]) -> bool:
        """Whether any record of these subjects was not disposed of."""
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

        Records that were let go are left out: their ended locks would stand in front of all others for ever. So are
        those whose retention was decided: the decision says how long they are locked, and when to look again.
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

    def erase(self, record_id: RecordId) -> None:
        """Forget that there was a report. Idempotent."""
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

    def erase(self, record_id: RecordId) -> None:
        """Forget every rendition of the record. Idempotent."""
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

    def erase(self, record_id: RecordId) -> None:
        """Forget what was found about the record, and what people said of it. Idempotent."""
        ...

    def resolve(self, finding_id: int, actor: str, resolution: str, now: dt.datetime) -> None:
        """Close a finding with a person's words."""
        ...
