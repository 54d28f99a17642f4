"""What a log entry commits to, as it lies beside its record: exact, proven by the entry, and its form for ever."""

from __future__ import annotations

import dataclasses
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from archive_service.errors import IntegrityFailure
from archive_service.evidence.entry import seal_event
from archive_service.evidence.kept_entry import kept_entry_object, read_kept_entry
from archive_service.model.events import Event, EventType, SealedEntry
from archive_service.model.objects import evidence_prefix
from tests.results import NOW, record_id

ONE, ORIGIN = record_id(1), "archive.test/log"


def sealed(actor: str = "key:a", reason: str = "đã xem") -> SealedEntry:
    made = seal_event(Event(EventType.RELEASED, actor, NOW, ONE, {"reason": reason}), bytes(range(32)))
    return SealedEntry(7, made.entry, made.payload, made.salt)


@given(st.text(), st.text())
def test_it_is_read_back_byte_for_byte(actor: str, reason: str) -> None:
    entry = sealed(actor, reason)
    made = kept_entry_object(ONE, ORIGIN, entry)
    assert made.key.startswith(evidence_prefix(ONE))
    assert read_kept_entry(made.key, made.body) == entry


def test_these_are_the_names_for_ever() -> None:
    made = kept_entry_object(ONE, ORIGIN, sealed())
    assert set(json.loads(made.body)) == {"format", "record_id", "origin", "index", "entry", "payload", "salt"}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("payload", '{"actor":"key:a","values":{"reason":"khác"}}'),
        ("salt", "00" * 32),
        ("salt", "x"),
        ("index", 8),
        ("record_id", record_id(2)),
        ("origin", "archive.other/log"),
        ("entry", "{}"),
        ("entry", None),
    ],
)
def test_what_the_entry_does_not_commit_to_is_refused(name: str, value: object) -> None:
    made = kept_entry_object(ONE, ORIGIN, sealed())
    body = json.dumps(json.loads(made.body) | {name: value}).encode()
    with pytest.raises(IntegrityFailure):
        read_kept_entry(made.key, body)


@pytest.mark.parametrize("body", [b"", b"[]", b"null", b"\xff", b"[" * 100_000])
def test_what_is_no_such_object_is_refused(body: bytes) -> None:
    with pytest.raises(IntegrityFailure):
        read_kept_entry(kept_entry_object(ONE, ORIGIN, sealed()).key, body)


def test_an_erased_payload_is_never_written_as_if_it_were_there() -> None:
    with pytest.raises(ValueError, match="no payload"):
        kept_entry_object(ONE, ORIGIN, dataclasses.replace(sealed(), payload=None, salt=None))
