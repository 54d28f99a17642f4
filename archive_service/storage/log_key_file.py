"""The file of the log's private keys: made once, read by nobody else on the machine, never overwritten in part."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Sequence
from pathlib import Path

from archive_service.errors import Message, Misconfigured
from archive_service.evidence.signer import LogKeys, dump_log_keys, generate_log_keys, load_log_keys


def open_log_keys(path: Path, *, make: bool) -> tuple[LogKeys, ...]:
    """Return the keys in the file, oldest first; with ``make``, make the file when it is not there.

    Of several processes that make it at once one wins and all read its keys. Raises Misconfigured.
    """
    try:
        if make and not path.exists():
            _write(path, (generate_log_keys(),), replace=False)
        return load_log_keys(path.read_bytes())
    except OSError as wrong:
        raise _unreadable(path, wrong) from wrong


def keep_log_keys(path: Path, generations: Sequence[LogKeys]) -> None:
    """Put these keys into the file, in place of those there, durably or not at all. Raises Misconfigured."""
    try:
        _write(path, generations, replace=True)
    except OSError as wrong:
        raise _unreadable(path, wrong) from wrong


def _write(path: Path, generations: Sequence[LogKeys], *, replace: bool) -> None:
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    # Temporary files are for their owner alone (mode 0600), and so is what is made of them.
    number, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}-")
    new = Path(name)
    try:
        with os.fdopen(number, "wb") as file:
            file.write(dump_log_keys(generations))
            file.flush()
            os.fsync(file.fileno())
        if replace:
            new.replace(path)
        elif not path.exists():
            try:
                os.link(new, path)
            except FileExistsError:
                return  # another process was first: its keys are the log's
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
    finally:
        new.unlink(missing_ok=True)


def _unreadable(path: Path, wrong: OSError) -> Misconfigured:
    return Misconfigured(
        Message(
            f"The log's key file {path} cannot be used: {wrong.strerror}. Set ARCHIVE_LOG_KEY_FILE to the file that "
            "archive-service log key new made, the same for every process.",
            f"Không dùng được tệp khoá của nhật ký {path}. Hãy đặt ARCHIVE_LOG_KEY_FILE trỏ đến tệp do lệnh "
            "archive-service log key new tạo, giống nhau cho mọi tiến trình.",
        ),
        code="log-key-file-missing",
    )
