"""Signed files that others made, sound ones and altered ones: each with the verdict that a person found right.

``signed-corpus.toml`` holds the table: of each file the verdict, and why that is right, gone through line by line. No
anchors are configured, so that the best verdict there is here is "untrusted": unchanged, by an unknown signer.
"""

from __future__ import annotations

import datetime as dt
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

from archive_service.model.inspection import NotInspected
from archive_service.model.signature_words import reasons
from archive_service.model.signatures import SignatureVerdict
from archive_service.pdf.reader import Limits, SandboxedPdfReader

TABLE = Path(__file__).parent / "signed-corpus.toml"
AT = dt.datetime(2026, 11, 26, tzinfo=dt.UTC)


@pytest.fixture(scope="module")
def reader() -> Iterator[SandboxedPdfReader]:
    opened = SandboxedPdfReader(Limits())
    yield opened
    opened.close()


def seen(reader: SandboxedPdfReader, path: Path) -> tuple[str, list[str]]:
    """Return the verdict on a file, and why: of each signature its field and the codes of its reasons."""
    examined = reader.examine(path, AT)
    inspection, report = examined.inspection, examined.report
    if isinstance(inspection, NotInspected):
        return f"not read: {inspection.finding}", []
    if report is None:
        return "not signed", []
    told = [f"{one.field}: {', '.join(code for code, _ in reasons(one))}" for one in report.signatures]
    return str(report.verdict), told


def test_every_file_has_the_verdict_of_the_table_and_nothing_escapes(
    reader: SandboxedPdfReader, shared_data: Path
) -> None:
    table = tomllib.loads(TABLE.read_text(encoding="utf-8"))
    files = sorted((shared_data / "pdf" / "signed").glob("*.pdf"))
    assert {path.name for path in files} == set(table)
    wrong = {}
    for path in files:
        verdict, told = seen(reader, path)
        expected = table[path.name]
        if (verdict, told) != (expected["verdict"], expected["reasons"]):
            wrong[path.name] = (verdict, told)
    assert wrong == {}


def test_nothing_that_was_altered_after_signing_is_called_valid() -> None:
    table = tomllib.loads(TABLE.read_text(encoding="utf-8"))
    altered = {name: row["verdict"] for name, row in table.items() if row.get("altered")}
    assert len(altered) >= 10
    assert set(altered.values()) <= {SignatureVerdict.ALTERED, SignatureVerdict.INVALID}
    assert not any(row["verdict"] == SignatureVerdict.VALID for row in table.values())
