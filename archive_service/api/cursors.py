"""Where one page of a list ended and the next begins: opaque to callers, bound to the list and its filters.

A cursor carries no secret and no right: filters and the caller's own offices come with every request.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Sequence

from archive_service.errors import InvalidInput, Message

# Enough to tell lists apart that somebody mixed up; nobody gains anything by two that are alike.
_FINGERPRINT_CHARACTERS = 12


def given_cursor(of: object, position: Sequence[str | None]) -> str:
    """Return the cursor of a position, in the list and with the filters that ``of`` says.

    >>> read_cursor("holds", given_cursor("holds", ["1", None]), 2)
    ['1', None]
    """
    text = json.dumps([_fingerprint(of), *position], separators=(",", ":"))
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def read_cursor(of: object, cursor: str, parts: int) -> list[str | None]:
    """Return the ``parts`` of the position. Raises InvalidInput ``cursor-not-valid`` for what is not of this list."""
    try:
        padded = cursor + "=" * (-len(cursor) % 4)
        made_for, *position = json.loads(base64.b64decode(padded.encode("ascii"), altchars=b"-_", validate=True))
    except (ValueError, TypeError, RecursionError) as unreadable:
        raise not_of_this_list() from unreadable
    if made_for != _fingerprint(of):
        raise not_of_this_list()
    read: list[str | None] = [part for part in position if part is None or isinstance(part, str)]
    if len(read) != parts:
        raise not_of_this_list()
    return read


def not_of_this_list() -> InvalidInput:
    """Return the error for a cursor that is none, or of another list."""
    return InvalidInput(
        Message(
            "The cursor does not belong to this list. Ask for it without a cursor.",
            "Con trỏ trang không thuộc về danh sách này. Hãy yêu cầu lại từ đầu, không kèm con trỏ.",
        ),
        code="cursor-not-valid",
    )


def _fingerprint(of: object) -> str:
    return hashlib.sha256(repr(of).encode()).hexdigest()[:_FINGERPRINT_CHARACTERS]
