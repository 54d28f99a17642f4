"""Bringing an object out of the store for something that reads it: only ever the bytes that were recorded.

Not a step itself; the steps that read objects call it.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from archive_service.errors import IntegrityFailure, Message, TooLarge
from archive_service.model.archive import Archive
from archive_service.model.objects import record_of
from archive_service.model.record import ObjectVersion


@contextmanager
def proven_object(archive: Archive, stored: ObjectVersion) -> Iterator[Path]:
    """Give a file with an object's bytes, compared with the digest recorded; it is removed at exit.

    Raises IntegrityFailure when the stored bytes are not those recorded, NotFound, Unavailable.
    """
    with archive.staging.receive(stored.stored.size_bytes) as file:
        try:
            with archive.store.read(stored.key, stored.version) as blocks:
                for block in blocks:
                    file.write(block)
        except TooLarge as longer:
            raise _not_as_recorded(stored) from longer
        if file.digest != stored.stored:
            raise _not_as_recorded(stored)
        yield file.path


def _not_as_recorded(stored: ObjectVersion) -> IntegrityFailure:
    record_id = record_of(stored.key)
    return IntegrityFailure(
        Message(
            f"The stored bytes of record {record_id} are not those recorded. Tell the operator at once.",
            f"Nội dung lưu trữ của tài liệu {record_id} không khớp với giá trị đã ghi. Hãy báo ngay cho quản trị viên.",
        ),
        record_id=record_id,
        key=stored.key,
    )
