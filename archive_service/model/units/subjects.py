"""The ports to what records refer to: persons and employers, offices, result types, procedures.

Every method takes part in the transaction it was reached through; none commits.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import Protocol

from archive_service.model.identifiers import Identifier, OfficeCode, ProcedureCode, ResultTypeCode, SubjectId
from archive_service.model.reference import Office, Procedure, ReferenceData, ResultType
from archive_service.model.subject import DatedIdentifier, Subject, SubjectClaim, SubjectMerge


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

    def holder(self, identifier: Identifier) -> SubjectId | None:
        """Return the subject that was registered with the identifier, merged since or not."""
        ...

    def standing(self, subject_id: SubjectId) -> Subject:
        """Return the subject that stands for this one, following merges."""
        ...

    def family(self, subject_id: SubjectId) -> list[Subject]:
        """Return the standing subject and every one merged into it, directly or not, the standing one first."""
        ...

    def families(self, subject_ids: Sequence[SubjectId]) -> dict[SubjectId, tuple[SubjectId, ...]]:
        """Return for each subject the ids of its family, as ``family`` gives it, in no certain order: asked in bulk."""
        ...

    def add(self, subject_id: SubjectId, claim: SubjectClaim) -> Subject:
        """Register a subject with the claim's identifiers."""
        ...

    def erase(self, subject_id: SubjectId) -> None:
        """Forget name, date of birth and every number of a subject of whom nothing is kept any more. Idempotent."""
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

    def knows(
        self, office: OfficeCode, result_type: ResultTypeCode, procedure: ProcedureCode | None
    ) -> tuple[bool, bool, bool]:
        """Return whether there is such an office, such a result type and, where one is named, such a procedure."""
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
