"""One reader for all tests of a module, and PDFs on disk."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from archive_service.model.inspection import Inspection
from archive_service.pdf.reader import Limits, SandboxedPdfReader


@pytest.fixture(scope="module")
def reader() -> Iterator[SandboxedPdfReader]:
    """Give a reader with the default limits, four files at one time."""
    opened = SandboxedPdfReader(Limits(processes=4))
    yield opened
    opened.close()


@pytest.fixture
def inspected(reader: SandboxedPdfReader, tmp_path: Path) -> Callable[[bytes], Inspection]:
    """Give a function that inspects a file of those bytes."""

    def inspect(content: bytes) -> Inspection:
        path = tmp_path / "document.pdf"
        path.write_bytes(content)
        return reader.inspect(path)

    return inspect
