"""Bringing an original out of the store for something that reads it: only ever the bytes that were recorded.

Not a step itself; the steps that read originals call it.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from archive_service.errors import IntegrityFailure, Message, TooLarge
from archive_service.model.archive import Archive
from archive_service.model.record import Record


@contextmanager
def proven_original(archive: Archive, record: Record) -> Iterator[Path]:
    """Give a file with the record's original bytes, compared with their digest; it is removed at exit.

    Raises IntegrityFailure when the stored bytes are not those recorded, NotFound, Unavailable.
    """
    with archive.staging.receive(record.content.size_bytes) as file:
        try:
            with archive.store.read(record.original.key, record.original.version) as blocks:
                for block in blocks:
                    file.write(block)
        except TooLarge as longer:
            raise _not_as_recorded(record) from longer
        if file.digest != record.content:
            raise _not_as_recorded(record)
        yield file.path


def _not_as_recorded(record: Record) -> IntegrityFailure:
    return IntegrityFailure(
        Message(
            f"The stored bytes of record {record.id} are not those recorded. Tell the operator at once.",
            f"Nội dung lưu trữ của tài liệu {record.id} không khớp với giá trị đã ghi. Hãy báo ngay cho quản trị viên.",
        ),
        record_id=record.id,
    )
