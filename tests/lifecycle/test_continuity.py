"""A register that is older than what was published refuses writes, until it is brought up to it or a new log begins."""

from __future__ import annotations

import dataclasses
import datetime as dt
import shutil
import threading
from concurrent.futures import ThreadPoolExecutor, wait
from pathlib import Path
from typing import Any

import pytest

from archive_service.errors import IntegrityFailure, Misconfigured, Unavailable
from archive_service.lifecycle.diagnose import check_components
from archive_service.lifecycle.log import catch_up as step
from archive_service.lifecycle.log import continuity
from archive_service.lifecycle.log.catch_up import CaughtUp, catch_up
from archive_service.lifecycle.log.continuity import LOOK_AGAIN, LOOK_SOON, ContinuousRegister, LogParts
from archive_service.lifecycle.log.published import newest_published
from archive_service.lifecycle.log.rotate_keys import retire_keys
from archive_service.lifecycle.log.seal import seal_log
from archive_service.model.archive import Archive
from archive_service.model.events import Event, EventType
from archive_service.model.ports import LogSigning, ProofResult
from archive_verify.merkle import leaf_hash, root_of
from tests.archives import TestArchive
from tests.fakes.faults import Killed
from tests.fakes.log_signer import ORIGIN, signer


def guarded(ours: TestArchive, *generations: int, origin: str = ORIGIN) -> Archive:
    """Return the archive as a process of its own opens it."""
    signing = signer(*generations, origin=origin)
    parts = LogParts(ours.archive.register, ours.archive.store, signing, ours.clock)
    return _replaced(ours.archive, ContinuousRegister(parts), signing)


def _replaced(archive: Archive, register: ContinuousRegister, signing: LogSigning) -> Archive:
    return dataclasses.replace(archive, register=register, signer=signing)


def enter(archive: Archive, count: int = 1) -> None:
    now = archive.clock.now()
    archive.register.write(lambda unit: unit.log.append(*[Event(EventType.SEARCHED, "key:a", now)] * count))


def entries(archive: Archive) -> list[bytes]:
    return archive.register.read(lambda unit: unit.log.entry_bytes(0, 100_000))


class Backup:
    """A copy of the register's file, put back in its place."""

    def __init__(self, ours: TestArchive) -> None:
        self._ours = ours
        self._copy = ours.folder / "backup.sqlite"
        ours.register.disconnect()
        with ours.register.engine.connect() as connection:
            connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
        shutil.copy(ours.folder / "register.sqlite", self._copy)

    def restore(self) -> None:
        self._ours.register.disconnect()
        for name in ("register.sqlite-wal", "register.sqlite-shm"):
            Path(self._ours.folder / name).unlink(missing_ok=True)
        shutil.copy(self._copy, self._ours.folder / "register.sqlite")
        self._ours.register.disconnect()


def test_a_log_begins_with_its_name_and_keys(ours: TestArchive) -> None:
    enter(guarded(ours))
    enter(guarded(ours))
    [begun] = ours.events(EventType.LOG_BEGUN)
    assert begun.values == {
        "origin": ORIGIN,
        "added": [key.text for key in signer().verifier_keys],
        "follows": None,
    }
    assert ours.events(EventType.LOG_KEY_ROTATED) == []


def test_a_key_added_beside_a_known_one_is_a_rotation_in_the_log(ours: TestArchive) -> None:
    enter(guarded(ours))
    enter(guarded(ours, 1, 2))
    [rotated] = ours.events(EventType.LOG_KEY_ROTATED)
    assert rotated.values["added"] == [key.text for key in signer(2).verifier_keys]
    enter(guarded(ours, 2))
    assert len(ours.events(EventType.LOG_KEY_ROTATED)) == 1


def test_keys_that_the_log_has_never_heard_of_write_and_sign_nothing(ours: TestArchive) -> None:
    enter(guarded(ours))
    before = entries(ours.archive)
    with pytest.raises(Misconfigured) as refused:
        enter(guarded(ours, 2))
    assert refused.value.code == "log-key-unknown"
    assert entries(ours.archive) == before


def test_a_register_behind_the_published_checkpoint_refuses_writes_and_doctor_says_so(ours: TestArchive) -> None:
    enter(guarded(ours), 5)
    backup = Backup(ours)
    enter(ours.archive, 5)
    seal_log(ours.archive)
    backup.restore()
    later = guarded(ours)
    for _ in range(2):
        with pytest.raises(IntegrityFailure) as refused:
            enter(later)
        assert refused.value.code == "register-rolled-back"
    assert "catch-up" in refused.value.message.en
    with pytest.raises(IntegrityFailure, match="older than what the archive has published"):
        seal_log(ours.archive)
    [told] = check_components(later, ["register"])
    assert told.result is ProofResult.FAILED
    assert "older than what the archive has published" in told.explanation
    assert entries(later)


def test_catching_up_gives_back_every_published_entry_and_the_log_goes_on(ours: TestArchive) -> None:
    enter(guarded(ours), 5)
    backup = Backup(ours)
    for count in (3, 300, 20):
        enter(ours.archive, count)
        seal_log(ours.archive)
    published = entries(ours.archive)
    enter(ours.archive, 7)  # in no checkpoint: these are lost
    backup.restore()
    done = catch_up(ours.archive)
    assert (done.after, newest_published(ours.store, ORIGIN, 0)) == (len(published), len(published))
    later = guarded(ours)
    enter(later, 2)
    assert entries(later)[: len(published)] == published
    assert [one.event for one in later.register.read(lambda u: u.log.entries(done.before, 3))] == [None] * 3
    assert ours.events(EventType.LOG_CAUGHT_UP)[0].values == {"from": done.before, "to": done.after}
    made = seal_log(later)
    assert made is not None
    assert made.root == root_of(leaf_hash(entry) for entry in entries(later))
    assert catch_up(ours.archive).after == len(entries(later))


@pytest.mark.parametrize("from_nothing", [False, True])
def test_keys_that_were_changed_in_the_gap_are_known_again_after_catching_up(
    ours: TestArchive, from_nothing: bool
) -> None:
    if from_nothing:
        backup = Backup(ours)  # with the reference data's entry alone
    enter(guarded(ours), 5)
    seal_log(ours.archive)
    if not from_nothing:
        backup = Backup(ours)
    rotated = guarded(ours, 1, 2)
    enter(rotated)
    seal_log(rotated)
    retired = guarded(ours, 2)
    retire_keys(retired)
    seal_log(retired)
    known = ours.register.read(lambda unit: unit.tree.all_keys())
    told = ours.events(EventType.LOG_BEGUN, EventType.LOG_KEY_ROTATED)
    backup.restore()
    catch_up(_replaced(ours.archive, ours.archive.register, signer(2)))  # type: ignore[arg-type]
    assert ours.register.read(lambda unit: unit.tree.all_keys()) == known
    assert ours.events(EventType.LOG_BEGUN, EventType.LOG_KEY_ROTATED) == told
    enter(guarded(ours, 2))
    with pytest.raises(Misconfigured):
        enter(guarded(ours, 1))
    assert ours.events(EventType.LOG_BEGUN, EventType.LOG_KEY_ROTATED) == told


def test_another_word_on_keys_than_the_entry_commits_to_is_not_taken(ours: TestArchive) -> None:
    backup = Backup(ours)
    enter(guarded(ours))
    seal_log(ours.archive)
    [key] = [one.key for one in ours.store.list_under("log/") if "/keys/" in one.key]
    ours.store.tamper(key, ours.content_of(key).replace(b"archive.test", b"another.test"))
    backup.restore()
    before = entries(ours.archive)
    with pytest.raises(IntegrityFailure):
        catch_up(ours.archive)
    assert entries(ours.archive) == before


def test_a_register_that_wrote_on_after_a_restore_is_not_joined_to_the_published_log(ours: TestArchive) -> None:
    enter(guarded(ours), 5)
    backup = Backup(ours)
    enter(ours.archive, 5)
    seal_log(ours.archive)
    backup.restore()
    enter(ours.archive, 2)  # past the guard
    before = entries(ours.archive)
    with pytest.raises(IntegrityFailure) as refused:
        catch_up(ours.archive)
    assert refused.value.code == "log-cannot-catch-up"
    assert entries(ours.archive) == before


def test_a_published_log_of_other_keys_is_not_taken(ours: TestArchive) -> None:
    enter(guarded(ours), 5)
    backup = Backup(ours)
    enter(ours.archive, 5)
    seal_log(guarded(ours, 1, 2))
    backup.restore()
    with pytest.raises(IntegrityFailure):
        catch_up(_replaced(ours.archive, ours.archive.register, signer(3)))  # type: ignore[arg-type]


def test_a_log_begun_under_another_name_says_what_it_follows(ours: TestArchive) -> None:
    enter(guarded(ours), 5)
    made = seal_log(ours.archive)
    assert made is not None
    backup = Backup(ours)
    enter(ours.archive, 5)
    seal_log(ours.archive)
    backup.restore()
    anew = guarded(ours, 4, origin="archive.test/log-2")
    enter(anew)
    begun = ours.events(EventType.LOG_BEGUN)[-1]
    assert begun.values["follows"] == {"origin": ORIGIN, "size": made.size, "root": made.root.hex()}
    sealed = seal_log(anew)
    assert sealed is not None
    assert sealed.note.startswith("archive.test/log-2\n")
    assert newest_published(ours.store, "archive.test/log-2", 0) == sealed.size


def test_each_process_looks_once_a_minute_and_not_at_every_write(ours: TestArchive) -> None:
    archive = guarded(ours)
    enter(archive)
    listed = ours.faults.calls.count("store.list_under")
    for _ in range(10):
        enter(archive)
    assert ours.faults.calls.count("store.list_under") == listed
    ours.clock.forward(LOOK_AGAIN)
    enter(archive)
    assert ours.faults.calls.count("store.list_under") == listed + 1


def put_back_while_running(ours: TestArchive, running: Archive) -> list[bytes]:
    """Let the process have written, and published, what its register then has no more; return what the register has."""
    enter(running, 5)
    backup = Backup(ours)
    enter(running)
    seal_log(ours.archive)
    backup.restore()
    return entries(ours.archive)


def test_a_register_put_back_under_a_running_process_gets_not_one_entry_more(ours: TestArchive) -> None:
    running = guarded(ours)
    before = put_back_while_running(ours, running)
    for _ in range(3):
        with pytest.raises(IntegrityFailure) as refused:
            enter(running)
        assert refused.value.code == "register-rolled-back"
    assert entries(ours.archive) == before


def test_of_many_writers_at_the_same_time_none_gets_through_to_a_register_put_back(ours: TestArchive) -> None:
    running = guarded(ours)
    before = put_back_while_running(ours, running)
    with ThreadPoolExecutor(8) as pool:
        written = [pool.submit(enter, running) for _ in range(40)]
    assert {type(one.exception()) for one in written} == {IntegrityFailure}
    assert entries(ours.archive) == before


def test_nothing_is_written_to_a_register_put_back_while_the_store_cannot_be_asked(ours: TestArchive) -> None:
    running = guarded(ours)
    before = put_back_while_running(ours, running)
    ours.faults.down.add("store")
    with pytest.raises(Unavailable):
        enter(running)
    ours.faults.heal()
    ours.clock.forward(LOOK_SOON)
    with pytest.raises(IntegrityFailure):
        enter(running)
    assert entries(ours.archive) == before


def test_once_caught_up_a_running_process_writes_on(ours: TestArchive) -> None:
    running = guarded(ours)
    put_back_while_running(ours, running)
    with pytest.raises(IntegrityFailure):
        enter(running)
    catch_up(ours.archive)
    before = entries(ours.archive)
    ours.clock.forward(LOOK_SOON)
    enter(running)
    assert entries(ours.archive)[:-1] == before


def test_a_register_put_back_to_what_was_published_goes_on_after_one_more_question(ours: TestArchive) -> None:
    running = guarded(ours)
    enter(running, 5)
    seal_log(ours.archive)
    backup = Backup(ours)
    enter(running, 7)  # in no checkpoint: these are lost
    backup.restore()
    before, asked = entries(ours.archive), ours.faults.calls.count("store.list_under")
    for _ in range(3):
        enter(running)
    assert ours.faults.calls.count("store.list_under") == asked + 1
    assert entries(ours.archive)[:-3] == before


def slow_store(monkeypatch: pytest.MonkeyPatch) -> tuple[threading.Event, threading.Event]:
    """Let the store be asked and answer when it is told to: return what is set at the question, and what to set."""
    asked, answer = threading.Event(), threading.Event()

    def slow(*about: Any) -> int | None:
        asked.set()
        assert answer.wait(20)
        return newest_published(*about)

    monkeypatch.setattr(continuity, "newest_published", slow)
    return asked, answer


def test_nobody_writes_while_the_first_answer_is_awaited(ours: TestArchive, monkeypatch: pytest.MonkeyPatch) -> None:
    enter(guarded(ours), 5)
    backup = Backup(ours)
    enter(ours.archive, 5)
    seal_log(ours.archive)
    backup.restore()
    later, before = guarded(ours), entries(ours.archive)
    asked, answer = slow_store(monkeypatch)
    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(enter, later)
        assert asked.wait(20)
        second = pool.submit(enter, later)
        assert wait([second], timeout=0.3).done == set()
        answer.set()
        for writing in (first, second):
            with pytest.raises(IntegrityFailure):
                writing.result(20)
    assert entries(ours.archive) == before


def test_later_the_others_go_on_while_one_asks_again(ours: TestArchive, monkeypatch: pytest.MonkeyPatch) -> None:
    archive = guarded(ours)
    enter(archive)
    ours.clock.forward(LOOK_AGAIN)
    asked, answer = slow_store(monkeypatch)
    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(enter, archive)
        assert asked.wait(20)
        enter(archive)
        assert not first.done()
        answer.set()
        first.result(20)


def test_what_could_not_be_told_at_first_is_refused_and_later_the_last_answer_stands(ours: TestArchive) -> None:
    archive = guarded(ours)
    ours.faults.down.add("store")
    with pytest.raises(Unavailable):
        enter(archive)
    ours.faults.heal()
    ours.clock.forward(LOOK_SOON)
    enter(archive)
    ours.faults.down.add("store")
    ours.clock.forward(LOOK_AGAIN + dt.timedelta(hours=5))
    enter(archive)


def test_a_store_that_is_down_is_not_told_of_the_register(ours: TestArchive) -> None:
    ours.faults.down.add("store")
    [told] = check_components(guarded(ours), ["register"])
    assert told.result is ProofResult.PASSED


def test_an_empty_register_gets_the_whole_published_log(ours: TestArchive, monkeypatch: pytest.MonkeyPatch) -> None:
    backup = Backup(ours)  # with the reference data's entry alone
    enter(guarded(ours), 5)
    monkeypatch.setattr(step, "_AT_ONCE", 100)
    for count in (300, 20):
        enter(ours.archive, count)
        seal_log(ours.archive)
    published = entries(ours.archive)
    backup.restore()
    assert catch_up(ours.archive) == CaughtUp(1, len(published))
    assert entries(ours.archive)[:-1] == published
    later = guarded(ours)
    enter(later)
    made = seal_log(later)
    assert made is not None
    assert made.root == root_of(leaf_hash(entry) for entry in entries(later))


def test_catching_up_that_was_cut_off_goes_on(ours: TestArchive, monkeypatch: pytest.MonkeyPatch) -> None:
    enter(guarded(ours), 5)
    backup = Backup(ours)
    enter(ours.archive, 300)
    seal_log(ours.archive)
    published = entries(ours.archive)
    monkeypatch.setattr(step, "_AT_ONCE", 50)
    for call in range(1, 60):
        backup.restore()
        ours.faults.heal()
        ours.faults.kill_at, ours.faults.after = call, call % 2 == 0
        try:
            catch_up(ours.archive)
        except Killed:
            ours.faults.heal()
            catch_up(ours.archive)
        ours.faults.heal()
        assert entries(ours.archive)[: len(published)] == published
        enter(guarded(ours))
        ours.clock.forward(LOOK_AGAIN)


def test_a_bundle_that_was_changed_in_the_store_is_not_taken(ours: TestArchive) -> None:
    enter(guarded(ours), 5)
    backup = Backup(ours)
    enter(ours.archive, 30)
    seal_log(ours.archive)
    backup.restore()
    before = entries(ours.archive)
    key = next(one.key for one in ours.store.list_under("log/") if "/entries/" in one.key)
    kept = ours.store._kept[key]
    head, _, tail = kept.content.rpartition(b"searched")
    ours.store._kept[key] = dataclasses.replace(kept, content=head + b"rejected" + tail)
    with pytest.raises(IntegrityFailure) as refused:
        catch_up(ours.archive)
    assert refused.value.code == "log-cannot-catch-up"
    assert entries(ours.archive) == before
