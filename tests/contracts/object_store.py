"""The contract suite of ObjectStore: every store, and the fake, passes it.

A test class inherits from ObjectStoreContract and gives the fixture ``store``. Nothing here cleans up: what
is locked cannot be, and every test works under a prefix of its own.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import itertools
import time
import tracemalloc
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from archive_service.errors import Conflict, IntegrityFailure, InvalidInput, NotFound
from archive_service.model.ports import NewObject, ObjectStore
from archive_service.storage.digests import digest_of

MIB = 1024 * 1024
BYTES = b"%PDF-1.7 " + bytes(range(256)) * 40
OTHER_BYTES = b"%PDF-1.7 " + bytes(reversed(range(256))) * 40
# Longer than a store takes for a few requests, shorter than a person waits.
SHORT_SECONDS = 2


class SystemClock:
    """The real time, which a test may move forward for stores that lock by this clock."""

    def __init__(self) -> None:
        self._ahead = dt.timedelta()

    def now(self) -> dt.datetime:
        """Return the present instant."""
        return dt.datetime.now(dt.UTC) + self._ahead

    def forward_to(self, instant: dt.datetime) -> None:
        """Let that instant be the present one."""
        self._ahead = instant - dt.datetime.now(dt.UTC)


def in_seconds(seconds: float) -> dt.datetime:
    """Return the instant so many seconds from now, rounded up to whole ones as stores keep them."""
    return (dt.datetime.now(dt.UTC) + dt.timedelta(seconds=seconds + 1)).replace(microsecond=0)


def read_all(store: ObjectStore, key: str, version: str, start: int = 0, length: int | None = None) -> bytes:
    """Return what the store yields, having checked that no block is larger than promised."""
    with store.read(key, version, start=start, length=length) as blocks:
        taken = list(blocks)
    assert all(0 < len(block) <= MIB for block in taken)
    return b"".join(taken)


class ObjectStoreContract:
    """What every ObjectStore does."""

    @pytest.fixture
    def clock(self) -> SystemClock:
        """Give the clock that the store under test looks at, if it has none of its own."""
        return SystemClock()

    def wait_until(self, instant: dt.datetime | None, clock: SystemClock) -> None:
        """Return when that instant has passed for the store, which has a clock of its own on this machine."""
        assert instant is not None
        time.sleep(max(0.0, (instant - dt.datetime.now(dt.UTC)).total_seconds()) + 0.1)

    @pytest.fixture
    def store(self) -> ObjectStore:
        """Give the store under test; a subclass must."""
        raise NotImplementedError

    @pytest.fixture
    def prefix(self) -> str:
        """Give a prefix that no other test uses, in the form of a record's."""
        return f"records/{uuid.uuid4()}"

    def test_what_is_put_can_be_read_back_by_its_version(self, store: ObjectStore, prefix: str) -> None:
        until = in_seconds(60)
        put = store.put(f"{prefix}/original", BYTES, digest_of(BYTES), until)
        assert (put.key, put.stored, put.locked_until) == (f"{prefix}/original", digest_of(BYTES), until)
        assert read_all(store, put.key, put.version) == BYTES

    def test_a_file_is_put_as_bytes_are(self, store: ObjectStore, prefix: str, tmp_path: Path) -> None:
        file = tmp_path / "source"
        file.write_bytes(BYTES)
        put = store.put(f"{prefix}/original", file, digest_of(file), in_seconds(5))
        assert read_all(store, put.key, put.version) == BYTES
        assert file.read_bytes() == BYTES

    def test_an_empty_object_is_an_object(self, store: ObjectStore, prefix: str) -> None:
        put = store.put(f"{prefix}/original", b"", digest_of(b""), in_seconds(5))
        assert read_all(store, put.key, put.version) == b""

    def test_a_second_put_gives_the_same_answer(self, store: ObjectStore, prefix: str) -> None:
        until = in_seconds(60)
        first = store.put(f"{prefix}/original", BYTES, digest_of(BYTES), until)
        assert store.put(f"{prefix}/original", BYTES, digest_of(BYTES), until) == first
        assert [v.version for v in store.list_under(prefix)] == [first.version]

    def test_a_second_put_lengthens_the_lock_and_never_shortens_it(self, store: ObjectStore, prefix: str) -> None:
        early, late = in_seconds(30), in_seconds(90)
        store.put(f"{prefix}/original", BYTES, digest_of(BYTES), early)
        second = store.put(f"{prefix}/original", BYTES, digest_of(BYTES), late)
        assert second.locked_until == store.lock_of(second.key, second.version) == late
        assert store.put(f"{prefix}/original", BYTES, digest_of(BYTES), early) == second

    def test_a_lock_is_kept_in_whole_seconds_and_never_ends_too_early(self, store: ObjectStore, prefix: str) -> None:
        until = in_seconds(30) - dt.timedelta(microseconds=1)
        put = store.put(f"{prefix}/original", BYTES, digest_of(BYTES), until)
        assert put.locked_until == store.lock_of(put.key, put.version) == until + dt.timedelta(microseconds=1)

    def test_other_bytes_are_refused_and_the_first_stay(self, store: ObjectStore, prefix: str) -> None:
        first = store.put(f"{prefix}/original", BYTES, digest_of(BYTES), in_seconds(60))
        with pytest.raises(IntegrityFailure):
            store.put(f"{prefix}/original", OTHER_BYTES, digest_of(OTHER_BYTES), in_seconds(600))
        assert read_all(store, first.key, first.version) == BYTES
        assert store.lock_of(first.key, first.version) == first.locked_until
        assert len(list(store.list_under(prefix))) == 1

    def test_what_protects_an_object_is_told(self, store: ObjectStore, prefix: str) -> None:
        until = in_seconds(60)
        put = store.put(f"{prefix}/original", BYTES, digest_of(BYTES), until)
        told = store.protection_of(put.key, put.version)
        assert (told.locked_until, told.held) == (until, False)
        assert told.mode == ("governance" if store.enforces_locks else None)
        store.set_hold(put.key, put.version, True)
        assert store.protection_of(put.key, put.version).held
        store.set_hold(put.key, put.version, False)
        with pytest.raises(NotFound):
            store.protection_of(f"{prefix}/nothing", put.version)

    def test_a_repair_puts_the_right_bytes_over_others(self, store: ObjectStore, prefix: str) -> None:
        until = in_seconds(60)
        key = f"{prefix}/original"
        damaged = store.put(key, OTHER_BYTES, digest_of(OTHER_BYTES), in_seconds(5))
        mended = store.replace_damaged(key, BYTES, digest_of(BYTES), until)
        assert read_all(store, key, mended.version) == BYTES
        assert mended.locked_until == store.lock_of(key, mended.version) == until
        if damaged.version != mended.version:
            assert read_all(store, key, damaged.version) == OTHER_BYTES, "what was damaged is kept to look into"
        assert {one.version for one in store.list_under(prefix)} == {damaged.version, mended.version}

    def test_a_repair_of_what_is_missing_puts_it(self, store: ObjectStore, prefix: str) -> None:
        mended = store.replace_damaged(f"{prefix}/original", BYTES, digest_of(BYTES), in_seconds(5))
        assert read_all(store, mended.key, mended.version) == BYTES

    def test_a_repair_of_what_is_good_writes_nothing(self, store: ObjectStore, prefix: str) -> None:
        put = store.put(f"{prefix}/original", BYTES, digest_of(BYTES), in_seconds(5))
        again = store.replace_damaged(put.key, BYTES, digest_of(BYTES), in_seconds(60))
        assert again.version == put.version
        assert len(list(store.list_under(prefix))) == 1

    def test_a_repair_with_other_bytes_than_announced_is_refused(self, store: ObjectStore, prefix: str) -> None:
        put = store.put(f"{prefix}/original", BYTES, digest_of(BYTES), in_seconds(5))
        with pytest.raises(IntegrityFailure):
            store.replace_damaged(put.key, BYTES, digest_of(OTHER_BYTES), in_seconds(5))
        assert read_all(store, put.key, put.version) == BYTES

    @pytest.mark.parametrize("wrong", ["sha256", "sha512", "size_bytes"])
    def test_a_source_with_another_digest_is_refused_and_nothing_is_visible(
        self, store: ObjectStore, prefix: str, wrong: str
    ) -> None:
        announced = digest_of(BYTES)
        other = replace(digest_of(OTHER_BYTES), size_bytes=len(BYTES) + 1)
        announced = replace(announced, **{wrong: getattr(other, wrong)})
        with pytest.raises(IntegrityFailure):
            store.put(f"{prefix}/original", BYTES, announced, in_seconds(60))
        assert list(store.list_under(prefix)) == []

    def test_what_is_put_together_is_answered_in_its_order(
        self, store: ObjectStore, prefix: str, tmp_path: Path
    ) -> None:
        file = tmp_path / "source"
        file.write_bytes(BYTES)
        until = in_seconds(60)
        objects = (
            NewObject(f"{prefix}/original", file, digest_of(BYTES)),
            NewObject(f"{prefix}/metadata/1", OTHER_BYTES, digest_of(OTHER_BYTES)),
        )
        stored = store.put_all(objects, until)
        assert [(one.key, one.stored, one.locked_until) for one in stored] == [
            (new.key, new.digest, until) for new in objects
        ]
        assert [read_all(store, one.key, one.version) for one in stored] == [BYTES, OTHER_BYTES]
        assert [store.lock_of(one.key, one.version) for one in stored] == [until, until]

    def test_putting_together_again_takes_what_is_there_and_adds_what_is_not(
        self, store: ObjectStore, prefix: str
    ) -> None:
        original = NewObject(f"{prefix}/original", BYTES, digest_of(BYTES))
        metadata = NewObject(f"{prefix}/metadata/1", OTHER_BYTES, digest_of(OTHER_BYTES))
        first = store.put(original.key, original.source, original.digest, in_seconds(30))
        late = in_seconds(90)
        both = store.put_all((original, metadata), late)
        assert [one.version for one in both[:1]] == [first.version]
        assert store.put_all((original, metadata), in_seconds(30)) == both
        assert {store.lock_of(one.key, one.version) for one in both} == {late}

    def test_of_objects_put_together_a_wrong_one_is_refused(self, store: ObjectStore, prefix: str) -> None:
        right = NewObject(f"{prefix}/original", BYTES, digest_of(BYTES))
        wrong = NewObject(f"{prefix}/metadata/1", BYTES, digest_of(OTHER_BYTES))
        with pytest.raises(IntegrityFailure):
            store.put_all((right, wrong), in_seconds(60))
        assert wrong.key not in {version.key for version in store.list_under(prefix)}

    def test_racing_writers_of_several_objects_leave_one_version_of_each(self, store: ObjectStore, prefix: str) -> None:
        objects = tuple(NewObject(f"{prefix}/{name}", BYTES, digest_of(BYTES)) for name in ("original", "metadata/1"))
        until = in_seconds(60)
        with ThreadPoolExecutor(8) as pool:
            orders = [objects, objects[::-1]] * 4
            tries = [pool.submit(store.put_all, order, until) for order in orders]
            assert {frozenset(one.result()) for one in tries} == {frozenset(store.put_all(objects, until))}
        assert len(list(store.list_under(prefix))) == 2

    def test_racing_writers_leave_one_version(self, store: ObjectStore, prefix: str, tmp_path: Path) -> None:
        file = tmp_path / "source"
        file.write_bytes(BYTES * 60)
        digest, until = digest_of(file), in_seconds(60)
        with ThreadPoolExecutor(16) as pool:
            tries = [pool.submit(store.put, f"{prefix}/original", file, digest, until) for _ in range(16)]
            answers = {future.result() for future in tries}
        assert len(answers) == 1
        assert [v.version for v in store.list_under(prefix)] == [a.version for a in answers]

    def test_racing_writers_of_different_bytes_leave_one_winner(self, store: ObjectStore, prefix: str) -> None:
        sources = [BYTES + bytes([number]) for number in range(8)]

        def put(source: bytes) -> bytes | None:
            try:
                store.put(f"{prefix}/original", source, digest_of(source), in_seconds(60))
            except IntegrityFailure:
                return None
            return source

        with ThreadPoolExecutor(8) as pool:
            won = [source for source in pool.map(put, sources) if source is not None]
        [version] = store.list_under(prefix)
        assert won == [read_all(store, version.key, version.version)]

    @pytest.mark.parametrize(
        ("start", "length"),
        [(0, 1), (0, None), (100, 50), (100, None), (len(BYTES) - 1, None), (10, 10**6), (5, 0)],
    )
    def test_a_range_gives_exactly_its_bytes(
        self, store: ObjectStore, prefix: str, start: int, length: int | None
    ) -> None:
        put = store.put(f"{prefix}/original", BYTES, digest_of(BYTES), in_seconds(5))
        end = None if length is None else start + length
        assert read_all(store, put.key, put.version, start, length) == BYTES[start:end]

    def test_a_range_after_the_end_is_empty(self, store: ObjectStore, prefix: str) -> None:
        put = store.put(f"{prefix}/original", BYTES, digest_of(BYTES), in_seconds(5))
        assert read_all(store, put.key, put.version, len(BYTES)) == b""
        assert read_all(store, put.key, put.version, len(BYTES) + 5, 7) == b""

    def test_a_reader_that_stops_early_leaves_the_store_usable(self, store: ObjectStore, prefix: str) -> None:
        content = BYTES * 300
        put = store.put(f"{prefix}/original", content, digest_of(content), in_seconds(5))
        for _ in range(3):
            with store.read(put.key, put.version) as blocks:
                assert next(iter(blocks))[:9] == BYTES[:9]
        assert read_all(store, put.key, put.version, 0, 9) == BYTES[:9]

    def test_an_error_of_the_reader_is_its_own(self, store: ObjectStore, prefix: str) -> None:
        put = store.put(f"{prefix}/original", BYTES, digest_of(BYTES), in_seconds(5))
        with pytest.raises(BrokenPipeError), store.read(put.key, put.version):
            raise BrokenPipeError

    def test_what_is_unknown_is_not_found(self, store: ObjectStore, prefix: str) -> None:
        put = store.put(f"{prefix}/original", BYTES, digest_of(BYTES), in_seconds(5))
        unknown = str(uuid.uuid4())
        absent = [(f"{prefix}/other", put.version), (put.key, unknown), (f"{prefix}/x/y", unknown)]
        for key, version in absent:
            with pytest.raises(NotFound), store.read(key, version):
                pass
            with pytest.raises(NotFound), store.read(key, version, length=0):
                pass
            with pytest.raises(NotFound):
                store.lock_of(key, version)
            with pytest.raises(NotFound):
                store.extend_lock(key, version, in_seconds(60))
            with pytest.raises(NotFound):
                store.set_hold(key, version, held=True)

    def test_a_lock_is_there_from_the_first_instant_and_blocks_deleting(self, store: ObjectStore, prefix: str) -> None:
        put = store.put(f"{prefix}/original", BYTES, digest_of(BYTES), in_seconds(60))
        assert store.lock_of(put.key, put.version) == put.locked_until
        with pytest.raises(Conflict):
            store.delete(put.key, put.version)
        assert read_all(store, put.key, put.version) == BYTES

    def test_extending_lengthens_and_never_shortens(self, store: ObjectStore, prefix: str) -> None:
        put = store.put(f"{prefix}/original", BYTES, digest_of(BYTES), in_seconds(30))
        late = in_seconds(120)
        assert store.extend_lock(put.key, put.version, late) == late
        assert store.extend_lock(put.key, put.version, in_seconds(60)) == late
        assert store.lock_of(put.key, put.version) == late

    def test_racing_extensions_end_at_the_latest(self, store: ObjectStore, prefix: str) -> None:
        put = store.put(f"{prefix}/original", BYTES, digest_of(BYTES), in_seconds(30))
        wanted = [in_seconds(60 + 10 * number) for number in range(8)]
        with ThreadPoolExecutor(8) as pool:
            answers = list(pool.map(lambda until: store.extend_lock(put.key, put.version, until), wanted))
        assert all(answer >= until for answer, until in zip(answers, wanted, strict=True))
        assert store.lock_of(put.key, put.version) == max(wanted)

    def test_a_version_is_deleted_for_good_once_its_lock_has_ended(
        self, store: ObjectStore, prefix: str, clock: SystemClock
    ) -> None:
        put = store.put(f"{prefix}/original", BYTES, digest_of(BYTES), in_seconds(SHORT_SECONDS))
        self.wait_until(put.locked_until, clock)
        store.delete(put.key, put.version)
        store.delete(put.key, put.version)
        assert list(store.list_under(prefix)) == []
        with pytest.raises(NotFound), store.read(put.key, put.version):
            pass
        again = store.put(put.key, OTHER_BYTES, digest_of(OTHER_BYTES), in_seconds(60))
        assert read_all(store, again.key, again.version) == OTHER_BYTES

    def test_deleting_what_never_was_is_a_success(self, store: ObjectStore, prefix: str) -> None:
        put = store.put(f"{prefix}/original", BYTES, digest_of(BYTES), in_seconds(5))
        store.delete(f"{prefix}/never", put.version)
        store.delete(put.key, str(uuid.uuid4()))
        assert read_all(store, put.key, put.version) == BYTES

    def test_a_hold_blocks_deleting_until_it_is_lifted(
        self, store: ObjectStore, prefix: str, clock: SystemClock
    ) -> None:
        put = store.put(f"{prefix}/original", BYTES, digest_of(BYTES), in_seconds(SHORT_SECONDS))
        store.set_hold(put.key, put.version, held=True)
        store.set_hold(put.key, put.version, held=True)
        with pytest.raises(Conflict):
            store.delete(put.key, put.version)
        store.set_hold(put.key, put.version, held=False)
        store.set_hold(put.key, put.version, held=False)
        self.wait_until(put.locked_until, clock)
        store.delete(put.key, put.version)
        assert list(store.list_under(prefix)) == []

    def test_a_listing_is_in_key_order_and_knows_sizes(self, store: ObjectStore, prefix: str) -> None:
        names = ["original", "metadata/1", "metadata/10", "metadata/2", "metadata-1", "metadata.1", "a/b/c"]
        for name in names:
            content = name.encode()
            store.put(f"{prefix}/{name}", content, digest_of(content), in_seconds(5))
        listed = list(store.list_under(f"{prefix}/"))
        assert [v.key for v in listed] == sorted(f"{prefix}/{name}" for name in names)
        assert [v.stored.size_bytes for v in listed] == [len(v.key) - len(prefix) - 1 for v in listed]
        assert {(v.stored.sha256, v.stored.sha512) for v in listed} == {("", "")}
        assert [v.key for v in store.list_under(f"{prefix}/metadata/1")] == [
            f"{prefix}/metadata/1",
            f"{prefix}/metadata/10",
        ]
        assert list(store.list_under(f"{prefix}/zzz")) == []
        for place, name in enumerate(sorted(names)):
            later = [v.key for v in store.list_under(f"{prefix}/", after=f"{prefix}/{name}")]
            assert later == [v.key for v in listed[place + 1 :]]
        between = f"{prefix}/metadata/1-"
        assert [v.key for v in store.list_under(prefix, after=between)] == [v.key for v in listed if v.key > between]

    def test_a_long_listing_is_streamed_in_key_order(self, store: ObjectStore) -> None:
        # The ids of records follow time; three of them share a folder of the local store, the others do not.
        container = f"list{uuid.uuid4().hex[:8]}"
        keys = [f"{container}/{number // 3:08x}-{number:04d}-7000/original" for number in range(1100)]
        until = in_seconds(60)
        with ThreadPoolExecutor(16) as pool:
            list(pool.map(lambda key: store.put(key, b"x", digest_of(b"x"), until), keys))
        assert [v.key for v in store.list_under(f"{container}/")] == keys
        assert [v.key for v in itertools.islice(store.list_under(container), 3)] == keys[:3]

    def test_a_store_tells_what_its_own_clock_shows(self, store: ObjectStore) -> None:
        told = store.now()
        assert told.utcoffset() == dt.timedelta()
        assert abs(told - dt.datetime.now(dt.UTC)) < dt.timedelta(seconds=SHORT_SECONDS)

    def test_a_store_in_order_is_ready(self, store: ObjectStore) -> None:
        store.check_ready()
        store.check_ready()

    @pytest.mark.parametrize("key", ["", "/etc/passwd", "a/../b", "a//b", "records/~lock", "a/b\n", ".hid"])
    def test_a_key_that_not_every_store_can_hold_is_refused(self, store: ObjectStore, key: str) -> None:
        with pytest.raises(InvalidInput):
            store.put(key, BYTES, digest_of(BYTES), in_seconds(5))


class StreamingObjectStoreContract(ObjectStoreContract):
    """What every ObjectStore does that outlives its process."""

    def test_sixty_four_mebibytes_pass_through_little_memory(
        self, store: ObjectStore, prefix: str, tmp_path: Path
    ) -> None:
        file = tmp_path / "large"
        with file.open("wb") as out:
            out.writelines(_noise(64))
        digest = digest_of(file)
        tracemalloc.start()
        try:
            put = store.put(f"{prefix}/original", file, digest, in_seconds(5))
            hashed = hashlib.sha256()
            with store.read(put.key, put.version) as blocks:
                for block in blocks:
                    hashed.update(block)
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
        assert hashed.hexdigest() == digest.sha256
        assert peak < 8 * MIB


def _noise(mebibytes: int) -> Iterator[bytes]:
    """Yield blocks of 1 MiB that are all different."""
    for number in range(mebibytes):
        yield hashlib.shake_128(number.to_bytes(4, "big")).digest(MIB)
