"""Where one page of hits ended and the next begins: opaque to callers, bound to the query it came from.

A cursor carries no secret and no right: filters come with every query. It is only ever read after its shape
and its query's fingerprint were checked.
"""

from __future__ import annotations

import base64
import hashlib
import json
from dataclasses import dataclass

from archive_service.errors import InvalidInput, Message
from archive_service.model.identifiers import parse_record_id
from archive_service.model.query import SearchQuery
from archive_service.search.document import SCHEMA_VERSION

_FINGERPRINT_CHARACTERS = 22
# Days, scores and positions stay far below; a larger number was made up, and engines choke on it.
_LARGEST = 2**31


@dataclass(frozen=True, slots=True)
class Cursor:
    """The last hit of a page: its sort value and id, and the kind of search.

    ``position``: how many hits lie before the next page. ``sort_value`` is a score or a day, None for a
    record without a date. ``forgiving``: the pages are those of the search that forgives one wrong letter a
    word. ``tiered``: they are those of a search that found too much to score (``embedded_paging``).
    """

    sort_value: float | None
    record_id: str
    position: int
    forgiving: bool = False
    tiered: bool = False


def encode(cursor: Cursor, query: SearchQuery, engine: str) -> str:
    """Return ``cursor`` as the text that is given out."""
    body = [
        fingerprint(query, engine),
        cursor.sort_value,
        cursor.record_id,
        cursor.position,
        cursor.forgiving,
        cursor.tiered,
    ]
    return base64.urlsafe_b64encode(json.dumps(body, separators=(",", ":")).encode()).decode().rstrip("=")


def decode(query: SearchQuery, engine: str) -> Cursor | None:
    """Return the cursor of ``query``, None for a first page.

    Raises InvalidInput when it is none, or came from another query, sort, engine or version.
    """
    if query.cursor is None:
        return None
    try:
        padded = query.cursor + "=" * (-len(query.cursor) % 4)
        body = json.loads(base64.b64decode(padded.encode("ascii"), altchars=b"-_", validate=True))
        made_for, sort_value, record_id, position, forgiving, tiered = body
        cursor = Cursor(
            _number(sort_value), parse_record_id(_text(record_id)), _count(position), bool(forgiving), bool(tiered)
        )
    except (ValueError, TypeError, RecursionError, InvalidInput) as unreadable:
        raise _refused() from unreadable
    if made_for != fingerprint(query, engine):
        raise _refused()
    return cursor


def fingerprint(query: SearchQuery, engine: str) -> str:
    """Return what two queries share exactly when a cursor of one may be used with the other.

    Page size and facets may change from page to page.
    """
    filters = query.filters
    parts: list[object] = [
        SCHEMA_VERSION,
        engine,
        query.sort.value,
        [[clause.words, clause.excluded, clause.code] for clause in query.parsed.clauses],
        None if filters.offices is None else sorted(filters.offices),
        *(
            sorted(values)
            for values in (
                filters.access_levels,
                filters.result_types,
                filters.subjects,
                filters.trusts,
                filters.states,
            )
        ),
        filters.dossier_code,
        *(str(day) for day in (filters.issued_from, filters.issued_to, filters.stored_from, filters.stored_to)),
    ]
    digest = hashlib.sha256(json.dumps(parts).encode()).digest()
    return base64.urlsafe_b64encode(digest).decode()[:_FINGERPRINT_CHARACTERS]


def _number(value: object) -> float | None:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) <= _LARGEST:
        raise TypeError("not a number that a cursor holds")
    return value


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError("not a text")
    return value


def _count(value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= _LARGEST:
        raise TypeError("not a count that a cursor holds")
    return value


def _refused() -> InvalidInput:
    return InvalidInput(
        Message(
            "The cursor does not belong to this search. Repeat it without a cursor.",
            "Con trỏ trang không thuộc về lần tìm kiếm này. Hãy tìm lại từ đầu, không kèm con trỏ.",
        ),
        code="cursor-not-valid",
    )
