"""The folder store keeps the contract, and its own promises about disks, kills and folders."""

from __future__ import annotations

import datetime as dt
import errno
import os
import signal
import stat
import subprocess
import sys
import textwrap
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from archive_service.errors import Conflict, IntegrityFailure, Unavailable
from archive_service.model.ports import NewObject, ProofResult
from archive_service.storage.digests import digest_of
from archive_service.storage.local_folders import folders_of, key_of, may_hold, visits
from archive_service.storage.local_store import LocalStore
from tests.contracts.object_store import (
    BYTES,
    MIB,
    OTHER_BYTES,
    StreamingObjectStoreContract,
    SystemClock,
    in_seconds,
    read_all,
)

KEY = "records/0193a4c1-7b1c-7000-8000-000000000001/original"

PARTS = st.from_regex(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,11}", fullmatch=True)
KEYS = st.lists(PARTS, min_size=1, max_size=4).map("/".join)


class TestLocalStore(StreamingObjectStoreContract):
    """The contract, run on a folder."""

    @pytest.fixture
    def store(self, tmp_path: Path, clock: SystemClock) -> LocalStore:
        """Give a store in a new folder."""
        return LocalStore(tmp_path / "objects", clock)

    def wait_until(self, instant: dt.datetime | None, clock: SystemClock) -> None:
        """Move the clock: this store looks at no other."""
        assert instant is not None
        clock.forward_to(instant)

    def test_a_folder_says_that_it_does_not_enforce_locks(self, store: LocalStore) -> None:
        assert store.enforces_locks is False
        [trial] = store.prove_lock(SystemClock().now())
        assert trial.result is ProofResult.INDETERMINATE

    def test_a_file_that_was_handed_over_becomes_the_object_without_a_copy(
        self, tmp_path: Path, clock: SystemClock
    ) -> None:
        staging = tmp_path / "staging"
        staging.mkdir()
        source = staging / "a.upload"
        source.write_bytes(BYTES)
        store = LocalStore(tmp_path / "objects", clock, handed_over=staging)
        stored = store.put(KEY, source, digest_of(BYTES), in_seconds(5))
        file = tmp_path / "objects/records/0193/a4/c1/0193a4c1-7b1c-7000-8000-000000000001/original"
        assert file.samefile(source)
        source.unlink()
        assert read_all(store, KEY, stored.version) == BYTES
        assert stat.S_IMODE(file.stat().st_mode) == 0o440

    def test_a_handed_over_file_whose_bytes_on_disk_are_others_is_refused(
        self, tmp_path: Path, clock: SystemClock
    ) -> None:
        source = tmp_path / "a.upload"
        source.write_bytes(OTHER_BYTES)
        store = LocalStore(tmp_path / "objects", clock, handed_over=tmp_path)
        with pytest.raises(IntegrityFailure):
            store.put(KEY, source, digest_of(BYTES), in_seconds(5))
        assert list(store.list_under("")) == []

    def test_a_handed_over_file_that_cannot_be_linked_is_copied(
        self, tmp_path: Path, clock: SystemClock, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        source, link = tmp_path / "a.upload", os.link
        source.write_bytes(BYTES)

        def across(src: Path, *args: Any, **named: Any) -> None:
            if src == source:
                raise OSError(errno.EXDEV, os.strerror(errno.EXDEV))
            link(src, *args, **named)

        monkeypatch.setattr(os, "link", across)
        store = LocalStore(tmp_path / "objects", clock, handed_over=tmp_path)
        for name in ("original", "second"):
            stored = store.put(KEY.replace("original", name), source, digest_of(BYTES), in_seconds(5))
            assert read_all(store, stored.key, stored.version) == BYTES
        assert source.stat().st_nlink == 1

    def test_a_file_from_elsewhere_is_copied(self, tmp_path: Path, clock: SystemClock) -> None:
        source = tmp_path / "a.pdf"
        source.write_bytes(BYTES)
        store = LocalStore(tmp_path / "objects", clock, handed_over=tmp_path / "staging")
        stored = store.put(KEY, source, digest_of(BYTES), in_seconds(5))
        source.write_bytes(b"other")
        assert read_all(store, KEY, stored.version) == BYTES

    def test_an_object_is_a_read_only_file_in_a_folder_by_time(self, store: LocalStore, tmp_path: Path) -> None:
        store.put(KEY, BYTES, digest_of(BYTES), in_seconds(5))
        file = tmp_path / "objects/records/0193/a4/c1/0193a4c1-7b1c-7000-8000-000000000001/original"
        assert file.read_bytes() == BYTES
        assert stat.S_IMODE(file.stat().st_mode) == 0o440
        assert file.stat().st_nlink == 1

    def test_locks_and_holds_outlive_the_process(self, store: LocalStore, tmp_path: Path, clock: SystemClock) -> None:
        put = store.put(KEY, BYTES, digest_of(BYTES), in_seconds(1))
        store.set_hold(KEY, put.version, held=True)
        again = LocalStore(tmp_path / "objects", clock)
        assert again.lock_of(KEY, put.version) == put.locked_until
        self.wait_until(put.locked_until, clock)
        with pytest.raises(Conflict):
            again.delete(KEY, put.version)

    def test_objects_put_together_are_locked_and_held_each_by_itself(self, store: LocalStore, tmp_path: Path) -> None:
        keys, until = (KEY, KEY.replace("original", "metadata/1")), in_seconds(60)
        original, metadata = store.put_all([NewObject(key, BYTES, digest_of(BYTES)) for key in keys], until)
        store.set_hold(original.key, original.version, held=True)
        later = store.extend_lock(metadata.key, metadata.version, in_seconds(600))
        guards = [store.protection_of(one.key, one.version) for one in (original, metadata)]
        assert [(one.locked_until, one.held) for one in guards] == [(until, True), (later, False)]

    def test_a_guard_of_nothing_that_a_lifted_hold_left_is_replaced(self, store: LocalStore, tmp_path: Path) -> None:
        guard = (tmp_path / "objects").joinpath(*folders_of(f"{KEY}~lock"))
        guard.parent.mkdir(parents=True)
        guard.write_text('{"locked_until": null, "held": false}')
        put = store.put(KEY, BYTES, digest_of(BYTES), in_seconds(60))
        assert store.lock_of(KEY, put.version) == put.locked_until is not None

    def test_deleting_leaves_no_empty_folders(self, store: LocalStore, tmp_path: Path, clock: SystemClock) -> None:
        put = store.put(KEY, BYTES, digest_of(BYTES), in_seconds(0))
        self.wait_until(put.locked_until, clock)
        store.delete(KEY, put.version)
        assert [path.name for path in (tmp_path / "objects").rglob("*")] == ["~incoming"]

    def test_a_damaged_guard_is_an_alarm_and_never_a_missing_lock(self, store: LocalStore, tmp_path: Path) -> None:
        put = store.put(KEY, BYTES, digest_of(BYTES), in_seconds(0))
        [guard] = (tmp_path / "objects").rglob("*~lock")
        guard.chmod(0o640)
        guard.write_text("{")
        for attempt in (store.delete, store.lock_of):
            with pytest.raises(IntegrityFailure):
                attempt(KEY, put.version)
        assert read_all(store, KEY, put.version) == BYTES

    def test_deleting_deletes_what_was_set_aside_of_the_object_too_and_of_no_other(
        self, store: LocalStore, tmp_path: Path
    ) -> None:
        for key in (KEY, f"{KEY}-other"):
            store.put(key, BYTES, digest_of(BYTES), in_seconds(0))
            [file] = (tmp_path / "objects").rglob(key.rpartition("/")[2])
            file.chmod(0o640)
            file.write_bytes(b"damaged")
            put = store.replace_damaged(key, BYTES, digest_of(BYTES), in_seconds(0))
        aside = tmp_path / "objects/~damaged"
        assert len(list(aside.iterdir())) == 2
        time.sleep(1.1)
        store.delete(KEY, put.version)
        assert [path.read_bytes() for path in aside.iterdir()] == [b"damaged"]
        store.delete(f"{KEY}-other", put.version)
        assert list(aside.iterdir()) == []

    def test_leftovers_of_killed_processes_are_swept_and_young_files_are_not(self, tmp_path: Path) -> None:
        incoming = tmp_path / "objects/~incoming"
        incoming.mkdir(parents=True)
        for name, age_seconds in (("old", 4000), ("young", 60)):
            (incoming / name).write_bytes(b"half")
            then = time.time() - age_seconds
            os.utime(incoming / name, (then, then))
        LocalStore(tmp_path / "objects", SystemClock())
        assert [path.name for path in incoming.iterdir()] == ["young"]

    def test_a_source_that_cannot_be_read_is_unavailable(self, store: LocalStore, tmp_path: Path) -> None:
        with pytest.raises(Unavailable):
            store.put(KEY, tmp_path / "missing", digest_of(BYTES), in_seconds(5))

    def test_a_full_disk_is_unavailable_and_leaves_nothing(self, store: LocalStore, tmp_path: Path) -> None:
        # A limit on file size fails a write as a full disk does, in a process of its own.
        code = """
            import resource, signal, sys
            from pathlib import Path
            from archive_service.errors import Unavailable
            from archive_service.storage.digests import digest_of
            from archive_service.storage.local_store import LocalStore
            from tests.contracts.object_store import SystemClock, in_seconds
            signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
            store = LocalStore(Path(sys.argv[1]), SystemClock())
            resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
            content = bytes(200_000)
            try:
                store.put("records/x/original", content, digest_of(content), in_seconds(5))
            except Unavailable as answer:
                print(answer.component)
        """
        assert _python(code, str(tmp_path / "objects")) == "store\n"
        assert [path.name for path in (tmp_path / "objects").rglob("*")] == ["~incoming"]

    def test_a_kill_in_the_middle_of_a_put_leaves_nothing_or_the_whole(self, store: LocalStore, tmp_path: Path) -> None:
        source = tmp_path / "source"
        source.write_bytes(os.urandom(4 * MIB))
        code = """
            import itertools, sys
            from pathlib import Path
            from archive_service.model.ports import NewObject
            from archive_service.storage.digests import digest_of
            from archive_service.storage.local_store import LocalStore
            from tests.contracts.object_store import SystemClock, in_seconds
            store, source = LocalStore(Path(sys.argv[1]), SystemClock()), Path(sys.argv[2])
            digest = digest_of(source)
            for number in itertools.count():
                record = f"records/{sys.argv[3]}-{number}"
                keys = f"{record}/original", f"{record}/metadata/1"
                store.put_all([NewObject(key, source, digest) for key in keys], in_seconds(60))
                print("one was put", flush=True)
        """
        digest = digest_of(source)
        for number in range(6):
            command = [sys.executable, "-c", textwrap.dedent(code)]
            with subprocess.Popen(
                [*command, str(tmp_path / "objects"), str(source), f"kill{number}"], stdout=subprocess.PIPE
            ) as process:
                assert process.stdout is not None
                process.stdout.readline()
                time.sleep(0.05 + 0.017 * number)
                process.send_signal(signal.SIGKILL)
        listed = list(store.list_under("records/"))
        assert listed
        for version in listed:
            assert digest_of(read_all(store, version.key, version.version)) == digest
            assert store.lock_of(version.key, version.version) is not None


@given(KEYS)
def test_a_key_is_recovered_from_its_folders(key: str) -> None:
    assert key_of(folders_of(key)) == key


@given(st.lists(KEYS, max_size=8, unique=True))
@example(["0.00/0", "0.00/0."])
@example(["0.00/0/x", "0.00/0.", "0.00/0-/1", "0.00/01"])
def test_walking_the_folders_gives_the_visits_the_keys(keys: list[str]) -> None:
    # No file system has a file and a folder of one name.
    kept = [key for key in keys if not any(other.startswith(f"{key}/") for other in keys)]
    files = {folders_of(key) for key in kept}

    def walk(folders: tuple[str, ...], ends: bool | None) -> Iterator[str]:
        depth = len(folders)
        inside = {file[depth : depth + 2] for file in files if file[:depth] == folders}
        for visit in visits(folders, {(names[0], len(names) == 2) for names in inside}, ends):
            place = (*folders, visit.name)
            if visit.is_folder:
                yield from walk(place, visit.ends)
            else:
                yield key_of(place)

    assert list(walk((), None)) == sorted(kept)


@given(KEYS, st.data())
def test_no_folder_that_leads_to_a_key_is_passed_over(key: str, data: st.DataObject) -> None:
    prefix = key[: data.draw(st.integers(0, len(key)))]
    folders = folders_of(key)
    assert all(may_hold(folders[:depth], prefix) for depth in range(1, len(folders)))


def _python(code: str, *arguments: str) -> str:
    return subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code), *arguments],
        check=True,
        capture_output=True,
        text=True,
        timeout=60,
    ).stdout
