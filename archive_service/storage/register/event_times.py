"""Whose clock is off writes nothing into the log: the times that entries state hardly go back, and auditors check it.

One entry from a clock that was far ahead would make every later one look as if it had been put in afterwards, for
good. What is compared: the times that the last entries state, and the database's own clock where it has one.
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Sequence

from sqlalchemy import Connection, bindparam, select

from archive_service.errors import Message, Unavailable
from archive_service.evidence.entry import parse_instant
from archive_service.model.events import Event
from archive_service.storage.register import tables as t
from archive_verify.log_history import CLOCK_SKEW

# Half of what auditors grant: clocks may differ to both sides, and a transaction may wait before it commits.
TOLERANCE = CLOCK_SKEW / 2

# Entries looked back at where another process wrote the last one.
_LOOKED_BACK = 8

_E = t.log_entries.c
_LAST = select(_E.entry).where(_E.index >= bindparam("first"), _E.index < bindparam("head"))


class EventTimes:
    """What one process knows of the times that the log's last entries state.

    Asked and told only while the log's head is locked. Entries of this process need not be read again.
    """

    def __init__(self) -> None:
        self._known: tuple[int, dt.datetime | None] = (0, None)

    def require(
        self, connection: Connection, head: int, events: Sequence[Event], database_now: dt.datetime | None
    ) -> None:
        """Return when the events may follow the first ``head`` entries; they then count as written.

        Raises Unavailable for a time more than TOLERANCE before an entry's, or after the database's.
        """
        size, latest = self._known
        if size != head:
            latest = _latest(connection, head)
        earliest, last = min(one.at for one in events), max(one.at for one in events)
        if latest is not None and earliest < latest - TOLERANCE:
            raise _clock_off(earliest, f"an entry of {latest.isoformat(timespec='seconds')} is in the log")
        if database_now is not None and last > database_now + TOLERANCE:
            raise _clock_off(last, f"the database's clock shows {database_now.isoformat(timespec='seconds')}")
        self._known = (head + len(events), last if latest is None else max(latest, last))


def _latest(connection: Connection, head: int) -> dt.datetime | None:
    last = connection.execute(_LAST, {"first": head - _LOOKED_BACK, "head": head}).scalars()
    # All are written in one form, of which the greatest text is the latest time.
    latest = max((str(json.loads(entry)["at"]) for entry in last), default=None)
    return parse_instant(latest) if latest is not None else None


def _clock_off(at: dt.datetime, seen: str) -> Unavailable:
    shown = at.isoformat(timespec="seconds")
    return Unavailable(
        Message(
            f"This host's clock is off, or another's was: it shows {shown}, but {seen}. Nothing was written. Set the "
            "clocks right (archive-service doctor compares them), then send the same request again.",
            f"Đồng hồ của máy này hoặc máy khác bị sai: máy này là {shown}, không khớp với nhật ký hoặc cơ sở dữ liệu. "
            "Không có gì được ghi. Hãy chỉnh lại đồng hồ (archive-service doctor) rồi gửi lại yêu cầu.",
        ),
        component="clock",
        retry_after_seconds=60,
    )
