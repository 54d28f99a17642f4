"""What lies in the store under a record: its keys, and bytes from which it can be rebuilt."""

from __future__ import annotations

import dataclasses
import datetime as dt
import hashlib
import json

import pytest

from archive_service.errors import IntegrityFailure
from archive_service.model.objects import (
    metadata_key,
    metadata_object,
    original_key,
    read_metadata_object,
    record_of,
    record_prefix,
)
from tests.results import digest, first_version, pdf, record, record_id

VERSION = first_version(record())
CONTENT = digest(pdf())


def test_everything_of_a_record_lies_under_its_prefix_and_nothing_of_another_does() -> None:
    one, other = record_id(1), record_id(11)
    for key in (original_key(one), metadata_key(one, 1), metadata_key(one, 12)):
        assert key.startswith(record_prefix(one))
        assert not key.startswith(record_prefix(other))
        assert record_of(key) == one


def test_the_same_version_is_always_the_same_bytes_whatever_the_zone_of_its_instant() -> None:
    zone = dt.timezone(dt.timedelta(hours=7))
    moved = dataclasses.replace(VERSION, recorded_at=VERSION.recorded_at.astimezone(zone))
    assert metadata_object(VERSION, CONTENT, 3) == metadata_object(moved, CONTENT, 3)
    assert metadata_object(VERSION, CONTENT, 3) != metadata_object(VERSION, CONTENT, 4)


def test_the_digest_is_that_of_the_bytes() -> None:
    made = metadata_object(VERSION, CONTENT, 3)
    assert made.key == metadata_key(VERSION.record_id, 1)
    assert made.digest == digest(made.body)
    assert hashlib.sha256(made.body).hexdigest() == made.digest.sha256


def test_a_version_is_read_back_as_it_was_put() -> None:
    made = metadata_object(VERSION, CONTENT, 3)
    read = read_metadata_object(made.key, made.body, "v9")
    assert read.version == dataclasses.replace(VERSION, object_version="v9")
    assert (read.content, read.page_count) == (CONTENT, 3)


def test_these_are_the_names_for_ever() -> None:
    values = json.loads(metadata_object(VERSION, CONTENT, 3).body)
    assert set(values) >= {
        "format",
        "record_id",
        "version",
        "metadata",
        "salt",
        "actor",
        "reason",
        "recorded_at",
        "content",
        "page_count",
    }
    assert values["format"] == 1
    assert set(values["content"]) == {"size_bytes", "sha256", "sha512"}


@pytest.mark.parametrize("body", [b"", b"null", b"[]", b"{}", b"\xff", b'{"record_id": 1}', b"\x00" * 40])
def test_bytes_that_are_no_version_are_an_alarm(body: bytes) -> None:
    with pytest.raises(IntegrityFailure):
        read_metadata_object(metadata_key(record_id(1), 1), body, "v1")


def test_a_version_under_another_key_is_an_alarm() -> None:
    made = metadata_object(VERSION, CONTENT, 3)
    for key in (metadata_key(VERSION.record_id, 2), metadata_key(record_id(2), 1)):
        with pytest.raises(IntegrityFailure):
            read_metadata_object(key, made.body, "v1")
