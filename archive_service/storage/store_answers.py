"""What every object store says in the same words: which keys it takes, whole seconds, and its refusals.

Never names a server or a path of the machine: a message may reach a person outside.
"""

from __future__ import annotations

import datetime as dt
import re

from archive_service.errors import Conflict, IntegrityFailure, InvalidInput, Message, NotFound
from archive_service.model.ports import STORED_DIFFERS

# Letters, digits and three signs that every file system and every S3 server take as they are; no part starts
# with a dot, so that no key climbs out of its folder.
_PART = r"[A-Za-z0-9_][A-Za-z0-9._-]{0,127}"
_KEY = re.compile(rf"{_PART}(?:/{_PART}){{0,15}}")


def require_key(key: str) -> str:
    """Return the key when it is a relative path that every store can hold.

    Raises InvalidInput otherwise.

    >>> require_key("records/0193/original")
    'records/0193/original'
    """
    if _KEY.fullmatch(key) is None:
        raise InvalidInput(
            Message("This is not a key of the object store.", "Đây không phải là khóa của kho lưu trữ."),
            code="invalid-key",
        )
    return key


def in_whole_seconds(instant: dt.datetime) -> dt.datetime:
    """Return the instant in UTC, rounded up: stores keep whole seconds, and a lock never ends too early.

    >>> in_whole_seconds(dt.datetime(2026, 1, 1, 0, 0, 0, 1, tzinfo=dt.timezone.utc)).isoformat()
    '2026-01-01T00:00:01+00:00'
    """
    instant = instant.astimezone(dt.UTC)
    if instant.microsecond:
        instant = instant.replace(microsecond=0) + dt.timedelta(seconds=1)
    return instant


def object_not_found(key: str) -> NotFound:
    """Return the error for a key, or version of it, that the store does not hold."""
    return NotFound(
        Message(
            f"The store holds no such version of {key}.",
            f"Kho lưu trữ không có phiên bản này của {key}.",
        ),
        code="object-not-found",
        key=key,
    )


def object_locked(key: str) -> Conflict:
    """Return the error for deleting what is locked or held."""
    return Conflict(
        Message(
            f"{key} is locked or under a legal hold and cannot be deleted before both have ended.",
            f"{key} đang bị khóa hoặc bị giữ theo yêu cầu pháp lý; chỉ có thể xóa khi cả hai đã kết thúc.",
        ),
        code="object-locked",
        key=key,
    )


def source_differs(key: str) -> IntegrityFailure:
    """Return the error for a source whose bytes are not those that were announced; nothing was stored."""
    return IntegrityFailure(
        Message(
            f"The bytes meant for {key} are not those received. Nothing was stored; send them again.",
            f"Nội dung dành cho {key} không khớp với nội dung đã nhận. Chưa có gì được lưu; hãy gửi lại.",
        ),
        code="source-differs",
        key=key,
    )


def stored_differs(key: str) -> IntegrityFailure:
    """Return the error for a key that holds other bytes than it should."""
    return IntegrityFailure(
        Message(
            f"The store holds other bytes under {key} than those recorded. Nothing was changed; call the operator.",
            f"Nội dung lưu tại {key} khác với nội dung đã ghi nhận. Không có gì bị thay đổi; hãy báo quản trị viên.",
        ),
        code=STORED_DIFFERS,
        key=key,
    )
