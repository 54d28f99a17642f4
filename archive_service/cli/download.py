"""Brings a record's bytes into a file: resumed after a break, named only once they are proven.

Bytes arrive in ``.ID.part`` beside the target. The target never holds anything but the recorded bytes.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from archive_service.cli.client import ORIGINAL, SEALED, Answer, ArchiveClient, file_sha256
from archive_service.errors import Conflict, IntegrityFailure, InvalidInput, Message, NotFound, Unavailable
from archive_service.model.identifiers import parse_record_id

BREAKS_OVERCOME = 5  # how often one download goes on after a broken connection


@dataclass(frozen=True, slots=True)
class Wanted:
    """What to fetch: which part of which record, and what the archive recorded of its bytes."""

    record_id: str
    part: str
    sha256: str
    size_bytes: int

    @property
    def default_target(self) -> Path:
        """The file name when none is given: the record's id, which says nothing of anybody."""
        return Path(f"{self.record_id}{'-sealed' if self.part == SEALED else ''}.pdf")


def wanted_original(record: Answer) -> Wanted:
    """Return the record's original bytes as what to fetch."""
    return _wanted(str(record["id"]), ORIGINAL, record["content"])


def wanted_rendition(record_id: str, renditions: list[Answer]) -> Wanted:
    """Return the newest sealed copy as what to fetch. Raises NotFound when there is none."""
    sealed = [one for one in renditions if one["kind"] == "sealed"]
    if not sealed:
        raise NotFound(
            Message(
                "The record has no sealed copy. Its findings say why, or the work is still to be done.",
                "Tài liệu chưa có bản có chữ ký số của cơ quan. Lý do ghi trong các phát hiện, hoặc việc tạo bản "
                "chưa hoàn tất.",
            ),
            code="no-rendition",
        )
    return _wanted(record_id, SEALED, sealed[-1])


def _wanted(record_id: str, part: str, content: Answer) -> Wanted:
    return Wanted(parse_record_id(record_id), part, str(content["sha256"]), int(content["size_bytes"]))


def download(client: ArchiveClient, wanted: Wanted, target: Path, *, replace: bool) -> None:
    """Bring the wanted bytes to ``target``; nothing is fetched when it already holds them.

    Raises Conflict when ``target`` holds other bytes and ``replace`` is false, IntegrityFailure when the
    archive serves other bytes than it recorded, Unavailable when it does not answer; ``target`` is unchanged
    then.
    """
    expected = wanted.sha256
    if target.exists():
        if file_sha256(target) == expected:
            return
        if not replace:
            raise Conflict(
                Message(
                    f"{target.name} is there and holds other bytes. Give another name, or --force.",
                    f"Đã có tệp {target.name} với dữ liệu khác. Hãy đặt tên khác, hoặc dùng --force.",
                ),
                code="file-exists",
            )
    part = target.with_name(f".{wanted.default_target.stem}.part")
    with _locked(part) as file:
        began_at = file.seek(0, os.SEEK_END)
        if began_at < wanted.size_bytes:
            _fetch(client, wanted, file)
        # A part left by an earlier run may be the damaged piece: fetch all of it again before the alarm.
        if began_at and file_sha256(part) != expected:
            file.truncate(0)
            _fetch(client, wanted, file)
        _require_digest(part, expected)
        os.fsync(file.fileno())
        part.replace(target)
    _sync_folder(target.parent)


def _fetch(client: ArchiveClient, wanted: Wanted, file: BinaryIO) -> None:
    """Append to ``file`` what it lacks, going on after a broken connection."""
    for breaks in range(BREAKS_OVERCOME + 1):
        offset = file.seek(0, os.SEEK_END)
        try:
            with client.content(wanted.record_id, wanted.sha256, offset, part=wanted.part) as content:
                if content.offset != offset:
                    file.truncate(content.offset)
                    file.seek(content.offset)
                for chunk in content.chunks:
                    file.write(chunk)
                file.flush()
                return
        except Unavailable:
            file.flush()
            made_progress = file.tell() > offset
            if breaks == BREAKS_OVERCOME or not made_progress:
                raise


def _require_digest(part: Path, expected: str) -> None:
    if file_sha256(part) != expected:
        part.unlink()
        raise IntegrityFailure(
            Message(
                "The bytes that arrived are not the bytes recorded, so no file was written. "
                "Tell the operator of the archive at once.",
                "Dữ liệu nhận được không khớp với dữ liệu đã ghi nhận nên không có tệp nào được ghi. "
                "Hãy báo ngay cho quản trị viên kho lưu trữ.",
            )
        )


@contextmanager
def _locked(part: Path) -> Iterator[BinaryIO]:
    """Open the part for this process alone. Raises Conflict when another download holds it."""
    try:
        with part.open("a+b") as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            yield file
    except BlockingIOError as taken:
        raise Conflict(
            Message(
                "Another download of this record into this folder is under way.",
                "Đang có một lượt tải khác của tài liệu này vào cùng thư mục.",
            ),
            code="download-under-way",
        ) from taken
    except OSError as wrong:
        raise InvalidInput(
            Message(
                f"Nothing can be written in the folder {part.parent}: {wrong.strerror}.",
                f"Không ghi được vào thư mục {part.parent}: {wrong.strerror}.",
            ),
            code="folder-not-writable",
        ) from wrong


def _sync_folder(folder: Path) -> None:
    """Make the new name last, as far as the file system does that."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
