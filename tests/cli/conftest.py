"""Fixtures of the command line's tests: a fake archive, and a way to run a command against it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import click
import pytest
from click.testing import CliRunner, Result

from archive_service.cli.client import ArchiveClient, RetryPolicy
from tests.cli.fake_archive import KEY, FakeArchive, running_archive

Invoke = Callable[..., Result]

METADATA: dict[str, Any] = {
    "office": "BHXH-79-01",
    "result_type": "KQ.G15.000031",
    "subject": {
        "kind": "person",
        "name": "Nguyễn Văn Đức",
        "birth_date": "1961-05-02",
        "identifiers": [{"scheme": "social-insurance", "number": "0123456789"}],
    },
    "issued_on": "2021-03-01",
    "summary": "Về việc hưởng lương hưu hằng tháng",
    "trust": "digitised",
    "channel": "direct",
}


@pytest.fixture
def archive() -> Iterator[FakeArchive]:
    """Run a fake archive."""
    with running_archive() as running:
        yield running


@pytest.fixture
def client(archive: FakeArchive) -> Iterator[ArchiveClient]:
    """Connect to it, without waiting between attempts."""
    retry = RetryPolicy(attempts=4, first_wait_seconds=0.0)
    with ArchiveClient(archive.url, KEY, retry=retry) as connected:
        yield connected


@pytest.fixture
def invoke(archive: FakeArchive, monkeypatch: pytest.MonkeyPatch) -> Invoke:
    """Run a command as a user does whose environment names the archive and the key."""
    monkeypatch.setenv("ARCHIVE_URL", archive.url)
    monkeypatch.setenv("ARCHIVE_API_KEY", KEY)
    monkeypatch.setattr("archive_service.cli.client.RetryPolicy", _impatient)

    def run(command: click.Command, *arguments: object) -> Result:
        return CliRunner().invoke(command, [str(argument) for argument in arguments])

    return run


def _impatient() -> RetryPolicy:
    return RetryPolicy(attempts=3, first_wait_seconds=0.0)


@pytest.fixture
def result_files(tmp_path: Path) -> tuple[Path, Path]:
    """Write a file and its metadata."""
    pdf, metadata = tmp_path / "1234.pdf", tmp_path / "1234.json"
    pdf.write_bytes(b"%PDF-1.7 a result")
    metadata.write_text(json.dumps(METADATA), encoding="utf-8")
    return pdf, metadata
