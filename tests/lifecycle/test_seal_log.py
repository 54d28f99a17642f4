"""Sealing the log: every entry becomes a leaf, what is signed extends what was signed, and the store keeps it."""

from __future__ import annotations

import dataclasses
import datetime as dt
from concurrent.futures import ThreadPoolExecutor

import pytest

from archive_service.errors import IntegrityFailure, Unavailable
from archive_service.evidence.tree import Tree
from archive_service.lifecycle.log import seal as step
from archive_service.lifecycle.log.published import (
    newest_published,
    publish_entries,
    published_entries,
    read_published,
)
from archive_service.lifecycle.log.seal import log_waits, seal_log
from archive_service.model.events import Event, EventType
from archive_service.model.units.log import SignedCheckpoint
from archive_verify.checkpoint import Checkpoint, parse_checkpoint
from archive_verify.merkle import leaf_hash, root_of
from archive_verify.notes import parse_note, signers
from tests.archives import TestArchive
from tests.fakes.faults import Killed
from tests.fakes.log_signer import ORIGIN, signer
from tests.results import NOW


def enter(ours: TestArchive, count: int, start: int = 0) -> None:
    events = [Event(EventType.SEARCHED, "key:a", NOW, None, {"n": n}) for n in range(start, start + count)]
    ours.register.write(lambda unit: unit.log.append(*events))


def all_entries(ours: TestArchive) -> list[bytes]:
    return ours.register.read(lambda unit: unit.log.entry_bytes(0, 1_000_000))


def sealed(ours: TestArchive) -> SignedCheckpoint:
    made = seal_log(ours.archive)
    assert made is not None
    return made


def test_a_checkpoint_is_the_tree_over_all_entries_and_is_in_the_store(ours: TestArchive) -> None:
    enter(ours, 700)
    made = sealed(ours)
    entries = all_entries(ours)
    assert made.size == len(entries)
    assert made.root == root_of(leaf_hash(entry) for entry in entries)
    note, checkpoint = read_published(ours.store, ORIGIN, made.size)
    assert note.data.decode() == made.note
    assert checkpoint.root == made.root
    assert signers(note, signer().verifier_keys) == signer().verifier_keys
    assert list(published_entries(ours.store, ORIGIN, 0)) == entries


def test_nothing_new_is_nothing_signed(ours: TestArchive) -> None:
    first = sealed(ours)
    assert not log_waits(ours.archive)
    ours.clock.forward(dt.timedelta(hours=1))
    assert seal_log(ours.archive) == ours.register.read(lambda unit: unit.tree.newest())
    assert ours.register.read(lambda unit: unit.tree.newest(published=True)).size == first.size  # type: ignore[union-attr]
    enter(ours, 1)
    assert log_waits(ours.archive)
    assert sealed(ours).size == first.size + 1


def test_trees_do_not_depend_on_when_they_were_sealed(ours: TestArchive, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(step, "BATCH_ENTRIES", 100)
    for count in (1, 99, 256, 300, 5):
        enter(ours, count)
        made = sealed(ours)
        assert made.root == root_of(leaf_hash(entry) for entry in all_entries(ours))
    assert list(published_entries(ours.store, ORIGIN, 0)) == all_entries(ours)
    assert list(published_entries(ours.store, ORIGIN, 300)) == all_entries(ours)[300:]


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("call", range(1, 20))
def test_killed_at_any_call_the_next_run_goes_on(ours: TestArchive, call: int, after: bool) -> None:
    enter(ours, 300)
    sealed(ours)
    enter(ours, 300)
    ours.faults.heal()
    ours.faults.kill_at, ours.faults.after = call, after
    try:
        seal_log(ours.archive)
    except Killed:
        ours.faults.heal()
        seal_log(ours.archive)
    ours.faults.heal()
    newest = ours.register.read(lambda unit: unit.tree.newest(published=True))
    assert newest is not None
    assert newest.size == len(all_entries(ours))
    assert newest_published(ours.store, ORIGIN, 0) == newest.size
    assert list(published_entries(ours.store, ORIGIN, 0)) == all_entries(ours)


def test_workers_that_seal_at_the_same_time_make_one_line_of_checkpoints(ours: TestArchive) -> None:
    def seal_and_enter(number: int) -> None:
        enter(ours, 37, number)
        seal_log(ours.archive)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(seal_and_enter, range(16)))
    made = sealed(ours)
    assert made.root == root_of(leaf_hash(entry) for entry in all_entries(ours))
    for checkpoint in ours.store.list_under("log/"):
        if "/checkpoints/" in checkpoint.key:
            text = parse_checkpoint(parse_note(ours.content_of(checkpoint.key)).text)
            assert Tree(_Tiles(ours), text.size).root() == text.root


class _Tiles:
    def __init__(self, ours: TestArchive) -> None:
        self._world = ours

    def hashes(self, level: int, tile: int) -> bytes:
        return self._world.register.read(lambda unit: unit.tree.hashes(level, tile))


def test_while_the_store_is_down_the_log_is_signed_and_published_later(ours: TestArchive) -> None:
    sealed(ours)
    enter(ours, 1)
    ours.faults.down.add("store")
    with pytest.raises(Unavailable):
        seal_log(ours.archive)
    assert log_waits(ours.archive)
    ours.faults.heal()
    made = sealed(ours)
    assert not log_waits(ours.archive)
    assert newest_published(ours.store, ORIGIN, 0) == made.size


def test_an_entry_that_was_removed_is_an_alarm_and_nothing_is_signed(ours: TestArchive) -> None:
    enter(ours, 10)
    ours.change_as_owner('DELETE FROM log_entries WHERE "index" = 4')
    with pytest.raises(IntegrityFailure) as alarm:
        seal_log(ours.archive)
    assert alarm.value.code == "log-contradicts-checkpoint"
    assert newest_published(ours.store, ORIGIN, 0) is None


def test_a_forked_tree_is_an_alarm_and_is_never_signed(ours: TestArchive) -> None:
    enter(ours, 10)
    first = sealed(ours)
    ours.register.write(lambda unit: unit.tree.put({(0, 0): bytes(32) + unit.tree.hashes(0, 0)[32:]}))
    enter(ours, 10)
    with pytest.raises(IntegrityFailure) as alarm:
        seal_log(ours.archive)
    assert alarm.value.code == "log-contradicts-checkpoint"
    assert newest_published(ours.store, ORIGIN, 0) == first.size


def test_a_checkpoint_rolled_back_with_its_tree_is_an_alarm_by_the_one_in_the_store(ours: TestArchive) -> None:
    enter(ours, 10)
    first = sealed(ours)
    ours.change_as_owner(
        "DELETE FROM log_checkpoints",
        "DELETE FROM log_tiles",
        "UPDATE log_entries SET entry = CAST('rewritten' AS BLOB) WHERE \"index\" = 3",
    )
    with pytest.raises(IntegrityFailure) as alarm:
        seal_log(ours.archive)
    assert alarm.value.code == "log-contradicts-checkpoint"
    assert newest_published(ours.store, ORIGIN, 0) == first.size


def test_a_register_put_back_to_just_before_a_checkpoint_takes_it_from_the_store(ours: TestArchive) -> None:
    enter(ours, 10)
    first = sealed(ours)
    ours.change_as_owner("DELETE FROM log_checkpoints", "DELETE FROM log_tiles")
    again = sealed(ours)
    assert (again.size, again.root, again.note) == (first.size, first.root, first.note)
    enter(ours, 10)
    sealed(ours)
    assert not log_waits(ours.archive)
    assert list(published_entries(ours.store, ORIGIN, 0)) == all_entries(ours)


def test_entries_that_were_put_for_a_checkpoint_that_never_came_are_in_nobody_s_way(ours: TestArchive) -> None:
    """Killed between entries and checkpoint, then the register put back: other entries take their places."""
    enter(ours, 10)
    sealed(ours)
    enter(ours, 5)
    size = len(all_entries(ours))
    never = Checkpoint(ORIGIN, size, root_of(leaf_hash(entry) for entry in all_entries(ours)))
    later = ours.clock.now() + dt.timedelta(days=1)
    publish_entries(ours.store, never, size - 5, all_entries(ours)[-5:], later)
    ours.change_as_owner(
        f'DELETE FROM log_entries WHERE "index" >= {size - 5}',
        f'DELETE FROM log_payloads WHERE "index" >= {size - 5}',
        f"UPDATE log_head SET size = {size - 5}",
    )
    enter(ours, 7, 1000)
    sealed(ours)
    assert not log_waits(ours.archive)
    assert list(published_entries(ours.store, ORIGIN, 0)) == all_entries(ours)
    assert list(published_entries(ours.store, ORIGIN, size - 5)) == all_entries(ours)[size - 5 :]


def test_a_log_begun_under_another_name_has_all_its_entries_in_the_store(ours: TestArchive) -> None:
    enter(ours, 10)
    sealed(ours)
    enter(ours, 5)
    anew = dataclasses.replace(ours.archive, signer=signer(4, origin="archive.test/log-2"))
    made = seal_log(anew)
    enter(ours, 5)
    seal_log(anew)
    assert made is not None
    assert list(published_entries(ours.store, ORIGIN, 0)) == all_entries(ours)[: made.size - 5]
    assert list(published_entries(ours.store, "archive.test/log-2", 0)) == all_entries(ours)
