"""A record: a result as the archive holds it, its metadata, and the life it may lead."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from archive_service.errors import Conflict, Message
from archive_service.model.identifiers import OfficeCode, ProcedureCode, RecordId, ResultTypeCode, SubjectId
from archive_service.model.subject import SubjectClaim


class RecordState(StrEnum):
    """Where a record is in its life. Whether it is searchable is another question: see SearchState."""

    PENDING = "pending"
    STORED = "stored"
    QUARANTINED = "quarantined"
    REFUSED = "refused"
    REJECTED = "rejected"
    DISPOSED = "disposed"

    @property
    def vi(self) -> str:
        """The state's name in Vietnamese, as in docs/glossary.md."""
        return _STATES_VI[self]


_STATES_VI = {
    RecordState.PENDING: "đang tiếp nhận",
    RecordState.STORED: "đã lưu",
    RecordState.QUARANTINED: "đang cách ly",
    RecordState.REFUSED: "đã từ chối",
    RecordState.REJECTED: "đã loại",
    RecordState.DISPOSED: "đã huỷ",
}

# The whole life of a record. What is not listed here is not permitted.
TRANSITIONS: Mapping[RecordState, frozenset[RecordState]] = {
    # being received: the answer has not been given yet
    RecordState.PENDING: frozenset({RecordState.STORED, RecordState.QUARANTINED, RecordState.REFUSED}),
    # kept and served
    RecordState.STORED: frozenset({RecordState.QUARANTINED, RecordState.DISPOSED}),
    # kept, not served, a person decides
    RecordState.QUARANTINED: frozenset({RecordState.STORED, RecordState.REJECTED}),
    # never kept; a new deposit of the same bytes is free
    RecordState.REFUSED: frozenset({RecordState.PENDING}),
    # turned away by a person; kept only until its lock ends, then disposed of
    RecordState.REJECTED: frozenset({RecordState.DISPOSED}),
    RecordState.DISPOSED: frozenset(),
}

# A record in one of these states stands in the way of a second deposit of the same bytes for its subject.
HOLDING_STATES = frozenset({RecordState.PENDING, RecordState.STORED, RecordState.QUARANTINED})


def require_transition(current: RecordState, wanted: RecordState) -> None:
    """Raise Conflict unless a record may go from ``current`` to ``wanted``.

    >>> require_transition(RecordState.QUARANTINED, RecordState.STORED)
    """
    if wanted not in TRANSITIONS[current]:
        raise Conflict(
            Message(
                f"A record that is {current} cannot become {wanted}.",
                f"Tài liệu đang ở trạng thái «{current.vi}» không thể chuyển sang «{wanted.vi}».",
            ),
            code="transition-not-permitted",
            state=str(current),
        )


class SearchState(StrEnum):
    """Whether a record's words can be found: a fault here is never a fault of keeping."""

    WAITING = "waiting"
    SEARCHABLE = "searchable"
    PARKED = "parked"


class Trust(StrEnum):
    """How a document came to be electronic; the code of Circular 05/2025/TT-BNV stands beside each."""

    BORN_DIGITAL = "born-digital"  # 01
    DIGITISED = "digitised"  # 02
    MIXED = "mixed"  # 03


class Channel(StrEnum):
    """How the dossier reached the one-stop shop (Decree 61/2018 Art. 16)."""

    DIRECT = "direct"
    POST = "post"
    ONLINE = "online"


class AccessLevel(StrEnum):
    """Who may read; the code of Circular 05/2025/TT-BNV stands beside each."""

    OPEN = "open"  # 01
    CONDITIONAL = "conditional"  # 02
    SECRET = "secret"  # 03


class RelationKind(StrEnum):
    """What a later result does to an earlier one (Decree 61/2018 Art. 21)."""

    CORRECTS = "corrects"
    REPLACES = "replaces"
    ANNULS = "annuls"


@dataclass(frozen=True, slots=True)
class Relation:
    """A statement of this record about an earlier one."""

    kind: RelationKind
    record_id: RecordId


@dataclass(frozen=True, slots=True)
class RecordMetadata:
    """What is said of a result: one version of it, never changed, only followed by another."""

    office: OfficeCode
    result_type: ResultTypeCode
    subject: SubjectClaim
    trust: Trust
    channel: Channel
    access_level: AccessLevel = AccessLevel.CONDITIONAL
    language: str = "vi"
    procedure: ProcedureCode | None = None
    dossier_code: str | None = None
    document_number: str | None = None
    document_notation: str | None = None
    issued_on: dt.date | None = None
    issuing_body: str | None = None
    signer: str | None = None
    summary: str | None = None
    paper_location: str | None = None
    relations: tuple[Relation, ...] = ()

    @property
    def document_code(self) -> str | None:
        """Number and notation as printed after "Số:", for example 1234/QĐ-BHXH."""
        parts = [part for part in (self.document_number, self.document_notation) if part]
        return "/".join(parts) or None


@dataclass(frozen=True, slots=True)
class ContentDigest:
    """What identifies a run of bytes: its length and two digests, as lower-case hexadecimal."""

    size_bytes: int
    sha256: str
    sha512: str


@dataclass(frozen=True, slots=True)
class ObjectVersion:
    """One immutable object in the store. ``stored`` differs from the content's digest once objects are encrypted."""

    key: str
    version: str
    stored: ContentDigest
    locked_until: dt.datetime | None


@dataclass(frozen=True, slots=True)
class Record:
    """A record as the register holds it."""

    id: RecordId
    state: RecordState
    search_state: SearchState
    search_problem: str | None
    subject_id: SubjectId
    metadata: RecordMetadata
    metadata_version: int
    content: ContentDigest
    original: ObjectVersion
    page_count: int
    depositor: str
    received_at: dt.datetime
    stored_at: dt.datetime
    changed_at: dt.datetime

    @property
    def etag(self) -> str:
        """What a correction must name in If-Match: the metadata version and the state it was read in."""
        return f'"{self.metadata_version}-{self.state}"'


@dataclass(frozen=True, slots=True)
class MetadataVersion:
    """One version of a record's metadata and who gave it."""

    record_id: RecordId
    version: int
    metadata: RecordMetadata
    salt: bytes
    object_version: str
    actor: str
    reason: str
    recorded_at: dt.datetime


@dataclass(frozen=True, slots=True)
class PageText:
    """The words of one page. ``confidence`` is 0–100 for recognised text and None for a text layer.

    ``places`` say where each recognised word stands (``pdf.places``), while somebody still needs to know.
    """

    number: int
    text: str
    source: TextSource
    confidence: float | None = None
    places: bytes | None = None


class TextSource(StrEnum):
    """Where a page's words come from."""

    LAYER = "layer"
    OCR = "ocr"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class DocumentText:
    """The words of a document, page by page, as found by one run."""

    pages: tuple[PageText, ...]

    @property
    def text(self) -> str:
        """All pages' words, pages parted by a form feed."""
        return "\f".join(page.text for page in self.pages)
