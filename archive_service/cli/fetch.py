"""Brings a whole file out of the archive: it appears under its name only once its bytes are what they should be."""

from __future__ import annotations

import hashlib
import mmap
import os
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from archive_service.errors import Conflict, IntegrityFailure, Message
from archive_verify.package import Package


@dataclass(frozen=True, slots=True)
class Fetched:
    """A file that arrived: its length and digest."""

    size_bytes: int
    sha256: str


def fetch(chunks: Iterable[bytes], target: Path, *, sha256: str | None = None, is_package: bool = False) -> Fetched:
    """Bring the bytes into the file, through one beside it.

    Raises IntegrityFailure, and leaves ``target`` as it was, where they have not the digest named, or are to be an
    evidence package and are none.
    """
    descriptor, name = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.")
    digest = hashlib.sha256()
    try:
        with os.fdopen(descriptor, "w+b") as file:
            for chunk in chunks:
                digest.update(chunk)
                file.write(chunk)
            file.flush()
            size_bytes = file.tell()
            wrong = sha256 is not None and digest.hexdigest() != sha256
            if wrong or (is_package and not _is_package(file.fileno(), size_bytes)):
                raise _not_whole()
            os.fsync(file.fileno())
        Path(name).replace(target)
    finally:
        Path(name).unlink(missing_ok=True)
    return Fetched(size_bytes, digest.hexdigest())


def require_free(target: Path, *, force: bool) -> None:
    """Raise Conflict ``file-exists`` where a file is there that nobody said to replace."""
    if target.exists() and not force:
        raise Conflict(
            Message(
                f"{target.name} is there. Give another name, or --force.",
                f"Đã có tệp {target.name}. Hãy đặt tên khác, hoặc dùng --force.",
            ),
            code="file-exists",
        )


def _is_package(descriptor: int, size_bytes: int) -> bool:
    """Whether what arrived is a whole package: its form tells."""
    return bool(size_bytes) and not Package(mmap.mmap(descriptor, 0, access=mmap.ACCESS_READ)).problems


def _not_whole() -> IntegrityFailure:
    return IntegrityFailure(
        Message(
            "What arrived is not the whole file, so none was written. Do the same again.",
            "Dữ liệu nhận được không hoàn chỉnh nên không có tệp nào được ghi. Hãy thực hiện lại.",
        )
    )
