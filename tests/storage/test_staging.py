"""Staging counts and hashes what passes, stops at the limit, and leaves nothing behind."""

from __future__ import annotations

import datetime as dt
import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from archive_service.errors import TooLarge, Unavailable
from archive_service.storage.digests import digest_of
from archive_service.storage.staging import Staging

NOW = dt.datetime(2026, 11, 23, 5, 0, tzinfo=dt.UTC)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Give the place of a staging folder that is not there yet."""
    return tmp_path / "deep" / "staging"


@pytest.fixture
def staging(folder: Path) -> Staging:
    """Give staging in a new folder."""
    return Staging(folder)


def test_blocks_become_a_file_with_its_digest(staging: Staging, folder: Path) -> None:
    with staging.receive(1000) as upload:
        upload.write(b"abc")
        upload.write(b"")
        upload.write(b"def")
        assert upload.size_bytes == 6
        assert upload.path.read_bytes() == b"abcdef"
        assert upload.digest == digest_of(b"abcdef")
        assert oct(upload.path.stat().st_mode)[-3:] == "600"
    assert list(folder.iterdir()) == []


def test_a_body_of_exactly_the_limit_is_taken(staging: Staging) -> None:
    with staging.receive(6) as upload:
        upload.write(b"abcdef")
        assert upload.digest.size_bytes == 6


def test_a_body_over_the_limit_is_refused_at_once_in_both_languages(staging: Staging, folder: Path) -> None:
    with staging.receive(2 * 1024 * 1024) as upload:
        upload.write(bytes(2 * 1024 * 1024))
        with pytest.raises(TooLarge) as refusal:
            upload.write(b"x")
        assert upload.size_bytes == 2 * 1024 * 1024
    assert "limit of 2 MiB" in refusal.value.message.en
    assert "giới hạn 2 MiB" in refusal.value.message.vi
    assert list(folder.iterdir()) == []


def test_an_upload_that_fails_leaves_nothing(staging: Staging, folder: Path) -> None:
    def break_off() -> None:
        with staging.receive(100) as upload:
            upload.write(b"abc")
            raise ConnectionError

    with pytest.raises(ConnectionError):
        break_off()
    assert list(folder.iterdir()) == []


def test_a_kept_file_outlives_its_context(staging: Staging) -> None:
    with staging.receive(100) as upload:
        upload.write(b"abc")
        path = upload.keep()
    assert path.read_bytes() == b"abc"


def test_sweeping_removes_what_killed_processes_left_and_nothing_younger(staging: Staging, folder: Path) -> None:
    for name, hours in (("old.upload", 5), ("young.upload", 1), ("old.other", 5)):
        (folder / name).write_bytes(b"abc")
        then = (NOW - dt.timedelta(hours=hours)).timestamp()
        os.utime(folder / name, (then, then))
    assert staging.sweep(NOW - dt.timedelta(hours=2)) == 1
    assert sorted(path.name for path in folder.iterdir()) == ["old.other", "young.upload"]


def test_a_folder_that_cannot_be_made_is_unavailable(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(Unavailable):
        Staging(tmp_path / "file" / "staging")


@pytest.mark.parametrize("moment", ["write", "digest"])
def test_a_full_disk_is_unavailable_and_leaves_nothing(folder: Path, moment: str) -> None:
    # A limit on file size fails a write as a full disk does, in a process of its own.
    code = """
        import resource, signal, sys
        from pathlib import Path
        from archive_service.errors import Unavailable
        from archive_service.storage.staging import Staging
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        staging = Staging(Path(sys.argv[1]))
        resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
        size = 3_000_000 if sys.argv[2] == "write" else 200_000
        try:
            with staging.receive(10_000_000) as upload:
                upload.write(bytes(size))
                upload.digest
        except Unavailable as answer:
            print(answer.component)
    """
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", textwrap.dedent(code), str(folder), moment],
        check=True,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert (done.stdout, done.stderr) == ("staging\n", "")
    assert list(folder.iterdir()) == []
