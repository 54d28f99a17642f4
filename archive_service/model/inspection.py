"""What the sandboxed reader saw in a PDF: facts only; what they mean is decided in lifecycle/verify."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from archive_service.model.findings import FindingCode
from archive_service.model.signatures import SignatureReport


@dataclass(frozen=True, slots=True)
class SignatureFact:
    """A signature field that carries a signature. Present only: its validity is judged elsewhere."""

    field_name: str
    sub_filter: str
    covers_whole_file: bool


@dataclass(frozen=True, slots=True)
class PageFact:
    """One page: its size in points, whether it carries a text layer, and its images' lowest resolution."""

    width_points: float
    height_points: float
    has_text: bool
    lowest_image_dpi: int | None


@dataclass(frozen=True, slots=True)
class PdfFacts:
    """A PDF that opened."""

    pdf_version: str
    page_count: int
    pages: tuple[PageFact, ...]
    pdfa_claim: str | None
    fonts: tuple[str, ...]
    active_content: tuple[FindingCode, ...]
    signatures: tuple[SignatureFact, ...]
    junk_before_header_bytes: int
    bytes_after_end: int
    repairs: int
    unreadable_parts: int


@dataclass(frozen=True, slots=True)
class NotInspected:
    """A PDF that could not be read, and why; ``finding`` tells refused from could-not-tell."""

    finding: FindingCode
    detail: Mapping[str, str | int] = field(default_factory=dict)


Inspection = PdfFacts | NotInspected


@dataclass(frozen=True, slots=True)
class Examined:
    """What a file is and what its signatures are worth; ``report`` is None exactly where none was seen."""

    inspection: Inspection
    report: SignatureReport | None = None


class TextOutcome(StrEnum):
    """How reading a document's words ended when it brought no words."""

    TIMED_OUT = "timed-out"
    CRASHED = "crashed"
    UNREADABLE = "unreadable"


@dataclass(frozen=True, slots=True)
class NoText:
    """The words could not be read; ``retryable`` where another try may succeed."""

    outcome: TextOutcome
    retryable: bool
