"""Payloads of the log that are gone, and the reasons that the log itself tells for it: a disposal, or a loss.

A reason may stand further on than what it explains, so that what is not explained is known at the end alone.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from functools import partial

from archive_service.evidence.entry import open_event, record_of_entry
from archive_service.model.archive import Archive
from archive_service.model.events import DISPOSALS, EventType, SealedEntry
from archive_service.model.identifiers import RecordId
from archive_service.model.record import RecordState
from archive_service.model.units import RegisterUnit

_CAUGHT_UP = EventType.LOG_CAUGHT_UP.encode()


class Ranges:
    """Indexes, kept as ranges; those that an event explains are taken out."""

    def __init__(self) -> None:
        self._ranges: list[tuple[int, int]] = []
        self._explained: list[tuple[int, int]] = []

    def add(self, index: int) -> None:
        """Add the next index, which is larger than all before."""
        if self._ranges and self._ranges[-1][1] == index:
            self._ranges[-1] = (self._ranges[-1][0], index + 1)
        else:
            self._ranges.append((index, index + 1))

    def explain(self, start: int, end: int) -> None:
        """Take note that there is a reason for [start, end)."""
        self._explained.append((start, end))

    def unexplained(self) -> Iterator[tuple[int, int]]:
        """Yield the ranges for which there is no reason: those not wholly within an explained one."""
        for start, end in self._ranges:
            if not any(first <= start and end <= last for first, last in self._explained):
                yield start, end

    def begun_anew(self) -> Ranges:
        """Return ranges without any index yet, with the reasons that are known of."""
        anew = Ranges()
        anew._explained += self._explained
        return anew


def caught_up(entry: SealedEntry) -> tuple[int, int] | None:
    """Return the entries whose payloads were lost before the register was brought up to the published log.

    None for an entry that tells of no such thing. That it commits to its payload was checked.
    """
    if _CAUGHT_UP not in entry.entry:
        return None
    values = open_event(entry.entry, entry.payload or b"").values
    return int(str(values["from"])), int(str(values["to"]))


def disposed(archive: Archive, page: Sequence[SealedEntry]) -> Collection[RecordId]:
    """Return of which records, whose payloads are gone, the log itself tells that they were disposed of."""
    asked = {record_id for one in page if one.payload is None and (record_id := record_in(one)) is not None}
    return archive.register.read(partial(_disposed_of, asked)) if asked else ()


def record_in(entry: SealedEntry) -> RecordId | None:
    """Return the record that the entry is about; None for an entry that is not one of ours, which is told elsewhere."""
    try:
        return record_of_entry(entry.entry)
    except (ValueError, KeyError, TypeError):
        return None


def _disposed_of(asked: Collection[RecordId], unit: RegisterUnit) -> Collection[RecordId]:
    told = unit.log.of_kinds(asked, DISPOSALS).keys()
    there = unit.records.get_many(sorted(told)).values()
    return told - {record.id for record in there if record.state is not RecordState.DISPOSED}
