"""The entry's format: these exact bytes, for ever."""

from __future__ import annotations

import datetime as dt
import hashlib
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from archive_service.evidence.entry import (
    SALT_BYTES,
    commitment_holds,
    format_instant,
    is_deposit,
    open_event,
    parse_instant,
    seal_event,
)
from archive_service.model.events import Event, EventType
from archive_service.model.identifiers import RecordId

EVENT = Event(
    EventType.DEPOSITED,
    "key:1f0c3a",
    dt.datetime(2026, 11, 23, 8, 30, 0, 120, tzinfo=dt.timezone(dt.timedelta(hours=7))),
    RecordId("0177eb15-a400-7000-8000-000000000000"),
    {"state": "stored", "size_bytes": 17, "findings": ["no-text"], "tên": "Nguyễn Đức", "pages": None},
)
SALT = bytes(range(32))
GOLDEN_PAYLOAD = (
    '{"actor":"key:1f0c3a","values":{"findings":["no-text"],"pages":null,"size_bytes":17,"state":"stored",'
    '"tên":"Nguyễn Đức"}}'
)
GOLDEN_ENTRY = (
    '{"at":"2026-11-23T01:30:00.000120Z","record":"0177eb15-a400-7000-8000-000000000000",'
    '"sha256":"d857e34c204aa3b060c37f0be03145d4d7e9b498f9caa1a01f9f1c85f6f05865",'
    '"sha512":"9334ea19ac0e590da4c3e3a5dc54be2d385eac38e098fe23b0579c22a7e2c9a2'
    '2dd291458cd230073a65658fc5ec05ee7edc2b357af5b89fb067c03d177aae5e",'
    '"type":"deposited","v":1}'
)


def test_the_bytes_of_an_entry_never_change() -> None:
    """Entries of the past are compared byte for byte: if this fails, the change breaks every log there is."""
    sealed = seal_event(EVENT, SALT)
    assert sealed.payload.decode() == GOLDEN_PAYLOAD
    assert sealed.entry.decode() == GOLDEN_ENTRY
    assert sealed.salt == SALT
    assert (
        hashlib.sha256(sealed.entry).hexdigest() == "cefab70006b8407e9080ec1e1609e766fa1f8698e3b7aa5e81a16276410dcdea"
    )


@pytest.mark.parametrize("kind", EventType)
def test_an_entry_is_a_deposit_s_by_its_type_alone(kind: EventType) -> None:
    event = Event(kind, '"type":"deposited"', EVENT.at, EVENT.record_id, {"type": "deposited"})
    assert is_deposit(seal_event(event, SALT).entry) is (kind is EventType.DEPOSITED)


def test_an_event_of_no_record_says_so() -> None:
    sealed = seal_event(Event(EventType.SEARCHED, "key:a", EVENT.at), SALT)
    assert json.loads(sealed.entry)["record"] is None
    assert sealed.payload == b'{"actor":"key:a","values":{}}'


def test_names_of_event_types_in_logs_there_are_never_change() -> None:
    assert {str(kind) for kind in EventType} >= {
        "deposited",
        "deposit-refused",
        "text-read",
        "text-failed",
        "quarantine-released",
        "quarantine-rejected",
        "finding-resolved",
        "metadata-corrected",
        "record-read",
        "content-read",
        "text-served",
        "events-read",
        "searched",
        "subject-read",
        "verified",
        "subjects-merged",
        "subjects-unmerged",
        "subject-identified",
        "reading-asked",
        "reference-loaded",
        "api-key-created",
        "api-key-revoked",
        "lock-extended",
    }


def test_what_was_sealed_is_opened_as_it_was() -> None:
    sealed = seal_event(EVENT, SALT)
    assert open_event(sealed.entry, sealed.payload) == EVENT


@given(st.binary(min_size=32, max_size=32), st.text(st.characters(exclude_categories=["Cs"]), max_size=20), st.data())
def test_any_one_byte_changed_breaks_the_commitment(salt: bytes, words: str, data: st.DataObject) -> None:
    sealed = seal_event(Event(EventType.SEARCHED, "key:a", EVENT.at, None, {"words": words}), salt)
    assert commitment_holds(sealed.entry, sealed.payload, sealed.salt)
    committed = bytearray(salt + sealed.payload)
    place = data.draw(st.integers(0, len(committed) - 1))
    committed[place] ^= data.draw(st.integers(1, 255))
    assert not commitment_holds(sealed.entry, bytes(committed[32:]), bytes(committed[:32]))


def test_both_digests_must_hold() -> None:
    sealed = seal_event(EVENT, SALT)
    for name in ("sha256", "sha512"):
        values = json.loads(sealed.entry)
        values[name] = values[name][::-1]
        assert not commitment_holds(json.dumps(values).encode(), sealed.payload, SALT)


def test_an_erased_payload_cannot_be_guessed_from_its_entry() -> None:
    assert seal_event(EVENT, SALT).entry != seal_event(EVENT, SALT[::-1]).entry


@pytest.mark.parametrize("size", [0, 16, SALT_BYTES - 1, SALT_BYTES + 1])
def test_a_salt_has_its_full_length(size: int) -> None:
    with pytest.raises(ValueError, match="32 bytes"):
        seal_event(EVENT, bytes(size))


@given(st.timedeltas(dt.timedelta(days=-36525), dt.timedelta(days=36525)))
def test_instants_come_back_to_the_microsecond(away: dt.timedelta) -> None:
    instant = EVENT.at + away
    assert parse_instant(format_instant(instant)) == instant
