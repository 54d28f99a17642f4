"""A PDF reader that reads nothing: it answers what it was told to, by the bytes of the file."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from pathlib import Path

from archive_service.model.findings import FindingCode
from archive_service.model.inspection import (
    Examined,
    Inspection,
    NoText,
    NotInspected,
    PageFact,
    PdfFacts,
    TextOutcome,
)
from archive_service.model.record import DocumentText, PageText, TextSource
from archive_service.model.signatures import SignatureReport

ONE_PAGE = PdfFacts(
    pdf_version="1.7",
    page_count=1,
    pages=(PageFact(595.0, 842.0, has_text=True, lowest_image_dpi=None),),
    pdfa_claim=None,
    fonts=("DejaVuSans",),
    active_content=(),
    signatures=(),
    junk_before_header_bytes=0,
    bytes_after_end=0,
    repairs=0,
    unreadable_parts=0,
)
SOME_WORDS = DocumentText((PageText(1, "Quyết định về việc hưởng lương hưu", TextSource.LAYER),))


class FakePdfReader:
    """Answers with ``facts`` and ``text``, or with what ``inspections``, ``texts`` and ``reports`` say for bytes.

    Like a real reader it takes an empty file for EMPTY and one without a header for NOT_A_PDF.
    """

    def __init__(
        self,
        facts: Inspection = ONE_PAGE,
        text: DocumentText | NoText = SOME_WORDS,
        *,
        inspections: Mapping[bytes, Inspection] | None = None,
        texts: Mapping[bytes, DocumentText | NoText] | None = None,
        reports: Mapping[bytes, SignatureReport] | None = None,
    ) -> None:
        self.facts = facts
        self.text = text
        self.inspections = dict(inspections or {})
        self.texts = dict(texts or {})
        self.reports = dict(reports or {})

    def examine(self, path: Path, at: dt.datetime) -> Examined:
        content = path.read_bytes()
        inspection = self._inspection(content)
        if isinstance(inspection, NotInspected) or not inspection.signatures:
            return Examined(inspection)
        return Examined(inspection, self.reports.get(content, SignatureReport(at)))

    def _inspection(self, content: bytes) -> Inspection:
        if content in self.inspections:
            return self.inspections[content]
        if not content:
            return NotInspected(FindingCode.EMPTY)
        if b"%PDF-" not in content[:1024]:
            return NotInspected(FindingCode.NOT_A_PDF)
        return self.facts

    def read_text(self, path: Path) -> DocumentText | NoText:
        content = path.read_bytes()
        if content in self.texts:
            return self.texts[content]
        if b"%PDF-" not in content[:1024]:
            return NoText(TextOutcome.UNREADABLE, retryable=False)
        return self.text

    def check_ready(self) -> None:
        """Always ready."""
