"""Stamped batches outlive the register: evidence records made after a loss are those made before, byte for byte."""

from __future__ import annotations

import dataclasses
import datetime as dt
import json

import pytest

from archive_service.errors import Unavailable
from archive_service.evidence.kept_batch import read_kept_batch
from archive_service.lifecycle.timestamps.keep import RestoredTimestamps, keep_timestamps, restore_timestamps
from archive_service.lifecycle.timestamps.renew_hash_trees import renew_hash_trees
from archive_service.lifecycle.timestamps.stamp import stamp
from archive_service.lifecycle.timestamps.stamped import evidence_record_of
from archive_service.model.archive import Archive
from archive_service.model.objects import TIMESTAMPS
from archive_service.model.record import Record
from archive_service.model.timestamps import TimestampBatch
from archive_service.trust.local_authority import LocalAuthority
from tests.archives import TestArchive
from tests.fakes.randomness import CountedRandomness
from tests.results import digest

HOUR = dt.timedelta(hours=1)
DAY = dt.timedelta(days=1)


@pytest.fixture
def archive(ours: TestArchive) -> Archive:
    return dataclasses.replace(
        ours.archive, authorities=(LocalAuthority(ours.folder / "tsa", ours.clock, CountedRandomness()),)
    )


def lose_batches(ours: TestArchive) -> None:
    """Drop what the register has of batches, past its guards; its log was caught up."""
    with ours.register.engine.connect().execution_options(archive_writes=True) as connection, connection.begin():
        for (guard,) in connection.exec_driver_sql("SELECT name FROM sqlite_master WHERE type = 'trigger'").all():
            connection.exec_driver_sql(f"DROP TRIGGER {guard}")
        for table in ("timestamp_batches", "timestamp_tokens"):
            connection.exec_driver_sql(f"DELETE FROM {table}")


def evidence(ours: TestArchive, *records: Record) -> list[bytes]:
    return [ours.register.read(lambda unit, r=r: evidence_record_of(unit, r.id)) for r in records]  # type: ignore[misc]


def rows(ours: TestArchive) -> list[tuple[TimestampBatch | None, list[tuple[str, bytes | None, int | None]]]]:
    return ours.register.read(
        lambda unit: [
            (
                unit.timestamps.get(number),
                [(t.authority, t.token, t.renewed_by) for t in unit.timestamps.tokens(number)],
            )
            for number in range(1, 6)
        ]
    )


def test_what_was_stamped_and_renewed_comes_back_as_it_was(ours: TestArchive, archive: Archive) -> None:
    first = ours.stored(1)
    stamp(archive)
    # Past half of its certificate's life the authority signs with a new one, which renews what the first one signed.
    ours.clock.forward(1_010 * DAY)
    second = ours.stored(2)
    stamp(archive)
    ours.clock.forward(HOUR)
    stamp(archive)
    assert renew_hash_trees(archive) == 2
    stamp(archive)
    assert keep_timestamps(archive) == ()
    before, kept = evidence(ours, first, second), rows(ours)
    lose_batches(ours)
    restored = restore_timestamps(archive)
    assert restored == RestoredTimestamps(sum(batch is not None for batch, _ in kept), ())
    assert restored.batches >= 4
    assert any(renewed_by for _, tokens in kept for _, _, renewed_by in tokens)
    assert evidence(ours, first, second) == before
    assert rows(ours) == kept
    assert restore_timestamps(archive) == RestoredTimestamps(0, ())


def test_each_token_is_kept_once_it_is_given_and_again_does_nothing(ours: TestArchive, archive: Archive) -> None:
    ours.stored(1)
    assert keep_timestamps(archive) == ()
    assert ours.objects(TIMESTAMPS) == []
    stamp(archive)
    assert keep_timestamps(archive) == ()
    before = ours.objects(TIMESTAMPS)
    assert [key.split("/", 3)[3] for key in before] == ["batch", "groups", "tokens/local"]
    assert keep_timestamps(archive) == ()
    assert ours.objects(TIMESTAMPS) == before
    [locked, *_] = list(ours.store.list_under(TIMESTAMPS))
    lock = ours.store.lock_of(locked.key, locked.version)
    assert lock is not None
    assert lock >= ours.clock.now() + DAY * archive.rules.checkpoint_lock_days


def test_while_the_store_is_down_nothing_is_passed_over(ours: TestArchive, archive: Archive) -> None:
    ours.stored(1)
    stamp(archive)
    ours.faults.down.add("store")
    with pytest.raises(Unavailable):
        keep_timestamps(archive)
    ours.faults.heal()
    ours.clock.forward(DAY)
    assert keep_timestamps(archive) == ()
    assert len(ours.objects(TIMESTAMPS)) == 3


@pytest.mark.parametrize("name", ["batch", "groups", "tokens/local"])
def test_what_does_not_lead_to_the_token_never_comes_back(ours: TestArchive, archive: Archive, name: str) -> None:
    ours.stored(1)
    stamp(archive)
    keep_timestamps(archive)
    [key] = [key for key in ours.objects(TIMESTAMPS) if key.endswith(f"/{name}")]
    content = bytearray(ours.content_of(key))
    if name == "batch":
        content = bytearray(json.dumps(json.loads(content) | {"root": "00" * 32}).encode())
    else:
        content[len(content) // 2] ^= 1
    ours.store.tamper(key, bytes(content))
    lose_batches(ours)
    restored = restore_timestamps(archive)
    assert (restored.batches, len(restored.problems)) == (0, 1)
    assert ours.register.read(lambda unit: unit.timestamps.newest()) is None


def test_something_else_in_its_place_is_told(ours: TestArchive, archive: Archive) -> None:
    ours.stored(1)
    stamp(archive)
    keep_timestamps(archive)
    [key] = [key for key in ours.objects(TIMESTAMPS) if key.endswith("/groups")]
    ours.store.tamper(key, b"groups/1\n")
    assert digest(ours.content_of(key)) == digest(b"groups/1\n")
    assert keep_timestamps(archive) == (key,)


@pytest.mark.parametrize("bodies", [{}, {"batch": b"[]", "groups": b""}, {"batch": b"\xff", "groups": b"groups/1\n"}])
def test_what_is_no_batch_is_refused(bodies: dict[str, bytes]) -> None:
    with pytest.raises(Exception, match="does not say what it should"):
        read_kept_batch("timestamps/x/y/", bodies)
