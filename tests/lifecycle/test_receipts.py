"""A record's deposit is found in one way: it is the first entry of its life, or the log does not tell of it."""

from __future__ import annotations

import pytest

from archive_service.errors import NotFound
from archive_service.lifecycle.evidence.receipts import deposit_entry, find_receipt, first_entry, require_receipt
from archive_service.model.events import Event, EventType
from archive_service.model.units import RegisterUnit
from tests.archives import TestArchive
from tests.results import record_id


def event(ours: TestArchive, kind: EventType) -> Event:
    return Event(kind, "operator", ours.clock.now(), record_id(1))


def test_the_deposit_is_the_first_entry_whatever_came_later(ours: TestArchive) -> None:
    record = ours.stored(1)
    index = ours.register.read(lambda unit: unit.log.size()) - 1
    for _ in range(3):
        ours.register.write(lambda unit: unit.log.append(event(ours, EventType.RECORD_READ)))
    found = ours.register.read(lambda unit: deposit_entry(unit, record.id))
    assert found is not None
    assert found.index == index
    receipt = ours.register.read(lambda unit: find_receipt(unit, record.id))
    assert receipt is not None
    assert (receipt.index, receipt.entry) == (found.index, found.entry)


def test_a_record_made_anew_without_its_log_has_no_deposit_and_no_receipt_and_is_told_what_to_ask_for(
    ours: TestArchive,
) -> None:
    ours.register.write(lambda unit: unit.log.append(event(ours, EventType.REBUILT)))

    def look(unit: RegisterUnit) -> None:
        first = first_entry(unit, record_id(1))
        assert first is not None
        assert first.event is not None
        assert first.event.type is EventType.REBUILT
        assert deposit_entry(unit, record_id(1)) is None
        with pytest.raises(NotFound, match="Ask for its proof") as refused:
            require_receipt(unit, record_id(1))
        assert "Hãy yêu cầu" in refused.value.message.vi

    ours.register.read(look)
