"""Verifying: exactly these bytes, in the caller's offices, or none."""

from __future__ import annotations

import pytest

from archive_service.errors import InvalidInput
from archive_service.lifecycle.prove import verify_bytes
from archive_service.model.events import EventType
from archive_service.model.permissions import Role
from archive_service.model.record import RecordState
from tests.archives import TestArchive
from tests.results import HA_NOI, digest, insurance, pdf, person


def test_the_records_of_the_callers_offices_that_hold_the_bytes_are_named(ours: TestArchive) -> None:
    one = ours.deposit(pdf()).record
    two = ours.deposit(pdf(), "key-2", subject=person(insurance("9876543210"))).record
    ours.deposit(pdf(), "key-3", ours.caller(Role.DEPOSITOR, office=HA_NOI), office=HA_NOI)
    found = verify_bytes(ours.archive, ours.depositor, f" {digest(pdf()).sha256.upper()}\n")
    assert found.held
    assert {record.id for record in found.records} == {one.id, two.id}
    assert {event.record_id for event in ours.events(EventType.VERIFIED)} == {one.id, two.id}


def test_one_other_byte_is_held_by_none_and_the_question_is_logged(ours: TestArchive) -> None:
    ours.deposit(pdf())
    sha256 = digest(pdf() + b" ").sha256
    assert not verify_bytes(ours.archive, ours.depositor, sha256).held
    [event] = ours.events(EventType.VERIFIED)
    assert (event.record_id, event.values) == (None, {"sha256": sha256, "held": False})


def test_what_was_let_go_is_not_held(ours: TestArchive) -> None:
    record = ours.deposit(pdf()).record
    ours.register.write(lambda u: u.records.set_state(record.id, RecordState.REJECTED, ours.clock.now()))
    assert not verify_bytes(ours.archive, ours.depositor, record.content.sha256).held


@pytest.mark.parametrize("text", ["", "abc", "g" * 64, "a" * 63, "a" * 128])
def test_what_is_no_digest_is_told(ours: TestArchive, text: str) -> None:
    with pytest.raises(InvalidInput):
        verify_bytes(ours.archive, ours.depositor, text)
