"""Sealing: what is asked for, what a sealed rendition is, and why there may be none."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from enum import StrEnum

from archive_service.model.identifiers import RecordId
from archive_service.model.record import ContentDigest, DocumentText, ObjectVersion


class RenditionKind(StrEnum):
    """The kinds of copy that are kept beside an original."""

    SEALED = "sealed"


@dataclass(frozen=True, slots=True)
class Rendition:
    """A copy beside the original, numbered from 1 within its kind; the last one is the one in use."""

    record_id: RecordId
    kind: RenditionKind
    number: int
    content: ContentDigest
    object: ObjectVersion
    made_at: dt.datetime


@dataclass(frozen=True, slots=True)
class SealOrder:
    """What to seal: whose result, its words with their places, and the time that the mark shows."""

    record_id: RecordId
    words: DocumentText
    at: dt.datetime


class SealProblem(StrEnum):
    """Why a result has no sealed rendition. The names are part of events and findings."""

    SIGNED = "signed"  # a signed file is never touched
    UNREADABLE = "unreadable"
    DOES_NOT_CONFORM = "does-not-conform"  # no PDF/A could be made of it
    TOO_LARGE = "too-large"
    TIMED_OUT = "timed-out"
    CRASHED = "crashed"


@dataclass(frozen=True, slots=True)
class NotSealed:
    """No rendition was made; ``retryable`` where another try may succeed."""

    problem: SealProblem
    retryable: bool


@dataclass(frozen=True, slots=True)
class Sealed:
    """A rendition was made: of how many pages, and how many of them had to be drawn as images."""

    pages: int
    drawn_pages: int
    certificate_sha256: str
