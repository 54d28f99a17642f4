"""A file appears under its name only whole, and takes the place of another only then."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from archive_service.cli.fetch import Fetched, fetch, require_free
from archive_service.errors import Conflict, IntegrityFailure

BODY = [b"one", b"two"]
SHA256 = hashlib.sha256(b"onetwo").hexdigest()


def test_what_arrives_whole_is_there_with_its_length_and_digest(tmp_path: Path) -> None:
    target = tmp_path / "file"
    assert fetch(BODY, target, sha256=SHA256) == fetch(BODY, target) == Fetched(6, SHA256)
    assert target.read_bytes() == b"onetwo"
    assert list(tmp_path.iterdir()) == [target]


@pytest.mark.parametrize("wrong", [{"sha256": "0" * 64}, {"is_package": True}])
def test_other_bytes_leave_what_was_there(tmp_path: Path, wrong: dict[str, object]) -> None:
    target = tmp_path / "file"
    target.write_bytes(b"before")
    with pytest.raises(IntegrityFailure):
        fetch(BODY, target, **wrong)  # type: ignore[arg-type]
    with pytest.raises(IntegrityFailure):
        fetch([], target, is_package=True)
    assert target.read_bytes() == b"before"
    assert list(tmp_path.iterdir()) == [target]


def test_a_file_that_is_there_is_replaced_only_when_that_is_said(tmp_path: Path) -> None:
    target = tmp_path / "file"
    require_free(target, force=False)
    target.touch()
    require_free(target, force=True)
    with pytest.raises(Conflict):
        require_free(target, force=False)
