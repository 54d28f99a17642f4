"""What starts a period: each trigger with its name in a schedule and in words. A new one is one line of TRIGGERS.

A trigger is a date that is known or not. One that is not known yet starts nothing: the record waits for it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

EVENT_PREFIX = "event:"
"""Any other event, named by the schedule and told by whoever knows of it, as ``event:pension-ended``."""

_EVENT = re.compile(r"event:[a-z0-9]+(?:-[a-z0-9]+)*")
_LONGEST_EVENT = 64


@dataclass(frozen=True, slots=True)
class Words:
    """How something is called, in English and Vietnamese."""

    en: str
    vi: str


TRIGGERS: Mapping[str, Words] = {
    "document-date": Words("the date of the document", "ngày ban hành văn bản"),
    "received": Words("the day on which the archive received it", "ngày lưu trữ tiếp nhận"),
    "dossier-closed": Words("the closing of the dossier", "ngày kết thúc hồ sơ"),
    "last-payment": Words("the last payment", "lần chi trả cuối cùng"),
    "subject-died": Words("the subject's death", "ngày chủ thể qua đời"),
    "insurance-ended": Words("the end of the insurance", "ngày chấm dứt tham gia bảo hiểm"),
    "replaced": Words("its replacement by another record", "ngày bị thay thế bởi tài liệu khác"),
    "superseded": Words("the day on which it ceased to apply", "ngày hết hiệu lực áp dụng"),
}


def is_trigger(name: str) -> bool:
    """Whether a schedule may name it: one of TRIGGERS, or an event of its own.

    >>> is_trigger("dossier-closed"), is_trigger("event:pension-ended"), is_trigger("event:")
    (True, True, False)
    """
    return name in TRIGGERS or (len(name) <= _LONGEST_EVENT and _EVENT.fullmatch(name) is not None)


def words_of(name: str) -> Words:
    """Return how a trigger is called for a person.

    >>> words_of("event:pension-ended").en
    'the event “pension-ended”'
    """
    known = TRIGGERS.get(name)
    if known is not None:
        return known
    event = name.removeprefix(EVENT_PREFIX)
    return Words(f"the event “{event}”", f"sự kiện “{event}”")
