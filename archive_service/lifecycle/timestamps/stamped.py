"""Evidence records (RFC 4998) of records and certificates, made of the batches and time-stamps in the register.

Not a step itself: they are given out one by one, and in evidence packages. It also says up to when everything that was
stamped lies in the store too.
"""

from __future__ import annotations

import datetime as dt

from archive_service.errors import Message, NotFound
from archive_service.evidence.entry import parse_instant
from archive_service.evidence.evidence_record import make_evidence_record
from archive_service.evidence.lines import NotInBatch, RecordStamps, line_of
from archive_service.lifecycle.evidence.receipts import deposit_entry
from archive_service.model.identifiers import RecordId
from archive_service.model.units import RegisterUnit

# Up to when a run has kept everything that was stamped, in the register.
KEPT_UP_TO = "keep-timestamps"

# Tokens state the authority's time, which is within five minutes of ours, and are written when they come: what was
# stamped a little before the last run is looked at again.
_LOOK_BACK = dt.timedelta(hours=1)


def kept_before(unit: RegisterUnit) -> dt.datetime | None:
    """Return the instant up to which every time-stamp that states an earlier one is kept, None before the first run."""
    last = unit.progress.get(KEPT_UP_TO)
    return parse_instant(last) - _LOOK_BACK if last is not None else None


def evidence_record_of(unit: RegisterUnit, record_id: RecordId, authority: str | None = None) -> bytes:
    """Return the DER of the record's evidence record under an authority, by default the first that stamped it.

    It is about two objects: the original's bytes and the bytes of the log entry of its deposit.
    Raises NotFound ``not-stamped-yet`` while no batch holds the record or the token is still owed.
    """
    deposited = deposit_entry(unit, record_id)
    if deposited is None:
        raise _not_stamped()
    return evidence_record_of_entry(unit, deposited.index, authority)


def authorities_of(unit: RegisterUnit, record_id: RecordId) -> list[str]:
    """Return who has stamped the record's batch, by name."""
    deposited = deposit_entry(unit, record_id)
    return [] if deposited is None else authorities_of_entry(unit, deposited.index)


def authorities_of_entry(unit: RegisterUnit, entry: int) -> list[str]:
    """Return who has stamped the batch of the log entry of that index, by name."""
    batch = unit.timestamps.containing(entry)
    return [] if batch is None else _stamped_by(unit, batch.id)


def evidence_record_of_entry(unit: RegisterUnit, entry: int, authority: str | None = None) -> bytes:
    """Return the DER of the evidence record over the documents that an entry commits to, and the entry's own bytes.

    ``entry`` is the index of the entry in the log. As ``evidence_record_of`` otherwise.
    """
    batch = unit.timestamps.containing(entry)
    if batch is None:
        raise _not_stamped()
    stamped = _stamped_by(unit, batch.id)
    if authority is None and not stamped:
        raise _not_stamped()
    try:
        line = line_of(unit.timestamps, batch.id, authority or stamped[0])
        return make_evidence_record(RecordStamps(unit.timestamps).chains(line, entry))
    except NotInBatch as missing:
        raise _not_stamped() from missing


def _stamped_by(unit: RegisterUnit, batch_id: int) -> list[str]:
    return [one.authority for one in unit.timestamps.tokens(batch_id) if one.token is not None]


def _not_stamped() -> NotFound:
    return NotFound(
        Message(
            "There is no time-stamp of that authority for the record yet. Ask again after the next batch, or see "
            "archive-service timestamp status.",
            "Tài liệu chưa có dấu thời gian của cơ quan này. Hãy thử lại sau đợt cấp dấu tiếp theo, hoặc xem "
            "archive-service timestamp status.",
        ),
        code="not-stamped-yet",
    )
