"""Opens a document, given as a descriptor, with the library that draws pages (PDFium).

It must never copy a file into memory: a small one is mapped, a large one read in pieces.
"""

from __future__ import annotations

import mmap
import os
from collections.abc import Iterator
from contextlib import contextmanager
from ctypes import c_char
from typing import Any

import pypdfium2
import pypdfium2.raw as pdfium

# A file up to this size is mapped into memory: the address space is limited.
MAPPED_BYTES = 128 * 1024 * 1024
_NOT_ENCRYPTED = -1


@contextmanager
def drawable(document: int) -> Iterator[pypdfium2.PdfDocument | None]:
    """Open the file; None when the library cannot, or when it is encrypted."""
    size = os.fstat(document).st_size
    source: Any
    if 0 < size <= MAPPED_BYTES:
        # A private mapping: the library wants memory that it could write to, and nothing is ever written.
        source = (c_char * size).from_buffer(mmap.mmap(document, size, access=mmap.ACCESS_COPY))
    else:
        source = os.fdopen(os.dup(document), "rb")
    try:
        opened = pypdfium2.PdfDocument(source)
    except (pypdfium2.PdfiumError, OSError):
        yield None
        return
    try:
        encrypted = pdfium.FPDF_GetSecurityHandlerRevision(opened) != _NOT_ENCRYPTED
        yield None if encrypted else opened
    finally:
        opened.close()


def list_fonts() -> None:
    """Have the library look for the fonts of the system now; whoever inherits this process looks no more.

    It does so with the first font that a document does not bring along, reading the head of every font file there is.
    """
    document = pypdfium2.PdfDocument.new()
    pdfium.FPDFFont_Close(pdfium.FPDFText_LoadStandardFont(document, b"Helvetica"))
    document.close()
