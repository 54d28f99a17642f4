"""Subjects: insured persons and employers, known by several identifiers over time."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from enum import StrEnum

from archive_service.model.identifiers import Identifier, SubjectId


class SubjectKind(StrEnum):
    """Whom a result was issued to."""

    PERSON = "person"
    EMPLOYER = "employer"


@dataclass(frozen=True, slots=True)
class SubjectClaim:
    """What a depositor says of the subject: at least one identifier, the name, and a person's birth date if known."""

    kind: SubjectKind
    name: str
    identifiers: tuple[Identifier, ...]
    birth_date: dt.date | None = None


@dataclass(frozen=True, slots=True)
class DatedIdentifier:
    """An identifier of a subject and the days on which it was valid; None means open on that side."""

    identifier: Identifier
    valid_from: dt.date | None = None
    valid_to: dt.date | None = None


@dataclass(frozen=True, slots=True)
class Subject:
    """A subject as the register holds it. ``merged_into`` names the one that took its place."""

    id: SubjectId
    kind: SubjectKind
    name: str
    birth_date: dt.date | None
    identifiers: tuple[DatedIdentifier, ...]
    merged_into: SubjectId | None = None
    merged_from: tuple[SubjectId, ...] = ()


@dataclass(frozen=True, slots=True)
class SubjectMerge:
    """One merge, and its undoing if it was undone. Records keep the subject they were deposited for."""

    id: int
    kept: SubjectId
    merged: SubjectId
    reason: str
    actor: str
    merged_at: dt.datetime
    unmerged_at: dt.datetime | None = None
    unmerged_by: str | None = None
    unmerge_reason: str | None = None
