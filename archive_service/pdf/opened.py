"""One document, opened with qpdf for whoever looks at it, and why it cannot be opened.

It must never write, and never unpack the parser's own tables beyond the budget.
"""

from __future__ import annotations

import logging
import os
from contextlib import suppress
from functools import cached_property
from typing import Any, Self

import pikepdf

from archive_service.model.findings import FindingCode
from archive_service.pdf.drawing import MAPPED_BYTES
from archive_service.pdf.envelope import Envelope, read_envelope
from archive_service.pdf.window import first_bytes

# The parser unpacks its own tables (object and reference streams); a real one has some megabytes.
_TABLE_BYTES = 128 * 1024 * 1024

# What the libraries raise for a part that is not what it should be; MemoryError is not among them.
BROKEN_PART = (
    pikepdf.PdfError,
    ArithmeticError,
    AttributeError,
    LookupError,
    NotImplementedError,
    RecursionError,
    RuntimeError,
    TypeError,
    ValueError,
)


class NotReadable(Exception):
    """The file cannot be read to its end, for the reason that the finding names."""

    def __init__(self, finding: FindingCode, **detail: str | int) -> None:
        super().__init__(str(finding))
        self.finding = finding
        self.detail = detail


class Opened:
    """A document on an open descriptor. What is asked of it is read at the first question, and once.

    ``max_table_bytes`` bounds what the parser unpacks for itself. ``repairs`` is how much it mended to open the file:
    nothing before ``pdf`` was asked for.
    """

    def __init__(self, document: int, max_table_bytes: int = _TABLE_BYTES) -> None:
        self.document = document
        self.repairs = 0
        self._max_table_bytes = min(_TABLE_BYTES, max_table_bytes)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        with suppress(KeyError):
            self.__dict__.pop("pdf").close()

    @cached_property
    def size_bytes(self) -> int:
        """The length of the file."""
        return os.fstat(self.document).st_size

    @cached_property
    def envelope(self) -> Envelope:
        """What the outermost bytes tell."""
        return read_envelope(self.document)

    @cached_property
    def pdf(self) -> pikepdf.Pdf:
        """The file as the parser reads it, with repairs.

        Raises NotReadable that tells empty, no PDF, encrypted, cut off and damaged apart.
        """
        if self.size_bytes == 0:
            raise NotReadable(FindingCode.EMPTY)
        if self.envelope.header_at is None:
            raise NotReadable(FindingCode.NOT_A_PDF)
        pikepdf.settings.set_qpdf_limits(flate_max_memory=self._max_table_bytes)
        limit_hits = _LimitHits()
        logger = logging.getLogger("pikepdf")
        logger.addHandler(limit_hits)
        try:
            pdf = self._open()
        except pikepdf.PasswordError as locked:
            raise NotReadable(FindingCode.ENCRYPTED) from locked
        except BROKEN_PART as broken:
            if limit_hits.any:
                raise NotReadable(FindingCode.INFLATES_TOO_FAR) from broken
            if "encrypt" in str(broken).lower():
                raise NotReadable(FindingCode.ENCRYPTED) from broken
            whole = self.envelope.has_end and not self.envelope.goes_on
            raise NotReadable(FindingCode.DAMAGED if whole else FindingCode.TRUNCATED) from broken
        finally:
            logger.removeHandler(limit_hits)
        if pdf.is_encrypted:
            raise NotReadable(FindingCode.ENCRYPTED)
        if limit_hits.any:
            raise NotReadable(FindingCode.INFLATES_TOO_FAR)
        # Counted now: every look at a broken object adds to them.
        self.repairs = len(pdf.get_warnings())
        return pdf

    def _open(self) -> pikepdf.Pdf:
        # Of a mapped file the parser asks nothing: from a stream it reads in thousands of calls into the interpreter.
        source: Any = os.fdopen(os.dup(self.document), "rb")
        way = pikepdf.AccessMode.mmap
        if self.size_bytes > MAPPED_BYTES:
            source, way = first_bytes(self.document, self.size_bytes), pikepdf.AccessMode.stream
        return pikepdf.open(source, suppress_warnings=False, access_mode=way)


class _LimitHits(logging.Handler):
    """Listens for the one warning that tells a bomb from damage: the parser tells nobody else."""

    any = False

    def emit(self, record: logging.LogRecord) -> None:
        self.any = self.any or "memory limit" in record.getMessage()
