"""What the log costs: entries, checkpoints, a proof made and checked, the whole log recomputed."""

from __future__ import annotations

import dataclasses
import datetime as dt
import os
import random
import statistics
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar, cast

from sqlalchemy import insert, update

from archive_service.bootstrap import SystemClock, SystemRandomness
from archive_service.evidence.entry import seal_event
from archive_service.evidence.signer import LogSigner, generate_log_keys
from archive_service.evidence.tree import Tree
from archive_service.lifecycle.log.seal import seal_log
from archive_service.model.archive import Archive
from archive_service.model.events import Event, EventType, LoggedEvent
from archive_service.model.ports import NewObject, ObjectStore, PdfReader, Register, SearchIndex, Staging
from archive_service.model.record import ContentDigest, ObjectVersion
from archive_service.model.units import RegisterUnit
from archive_service.model.units.log import SignedCheckpoint
from archive_service.storage.register import tables as t
from archive_service.storage.register.register import SqlRegister
from archive_service.storage.register.schema import upgrade_schema
from archive_verify.merkle import leaf_hash, root_of
from archive_verify.proof import LogProof, parse_proof, require_logged
from bench.accept import CLIENTS, SIZE_BYTES, deposit_rate
from bench.deposits import prepare
from bench.figures import Figure, Target, figure, in_turn, percentile
from bench.growth import deposits, open_register_alone
from bench.machine import Meter
from bench.service import Service, running, work_folder
from tests.servers import fresh_database

T = TypeVar("T")

ORIGIN = "bench.example/log"
FEW, MANY = 10_000, 1_000_000
_THREADS = 16


class _Nowhere:
    """A store that takes no time and has nothing."""

    def put(self, key: str, source: Path | bytes, digest: ContentDigest, lock_until: dt.datetime) -> ObjectVersion:
        """Claim to hold the object."""
        return ObjectVersion(key, "1", digest, lock_until)

    def put_all(self, objects: Sequence[NewObject], lock_until: dt.datetime) -> tuple[ObjectVersion, ...]:
        """Claim to hold the objects."""
        return tuple(self.put(one.key, one.source, one.digest, lock_until) for one in objects)

    def list_under(self, prefix: str, *, after: str = "") -> Iterator[ObjectVersion]:
        """Have nothing."""
        return iter(())


class _Unlogged:
    """A register whose units log nothing: what depositing would cost without the log."""

    def __init__(self, register: Register) -> None:
        self._register = register

    def write(self, work: Callable[[RegisterUnit], T]) -> T:
        """Write, but for the log."""

        def without(unit: RegisterUnit) -> T:
            cast("Any", unit).log = _NoLog()
            return work(unit)

        return self._register.write(without)

    def read(self, work: Callable[[RegisterUnit], T]) -> T:
        """Read, with nothing in the log."""

        def without(unit: RegisterUnit) -> T:
            cast("Any", unit).log = _NoLog()
            return work(unit)

        return self._register.read(without)


class _NoLog:
    def append(self, *events: Event) -> list[LoggedEvent]:
        """Forget them. What is returned makes no receipt, and has nobody look in the log for one."""
        return [LoggedEvent(0, b"", None)] * len(events)

    def flush(self) -> None:
        """Have nothing to write."""

    def of_record(self, _record_id: str, _after: int, _limit: int) -> list[Any]:
        """Have nothing."""
        return []


def log(*, quick: bool) -> Iterator[Figure]:
    """Every figure of the log; on PostgreSQL too where the environment names one."""
    few, many = (500, 5_000) if quick else (FEW, MANY)
    with _urls(quick) as urls:
        for name, url in urls.items():
            yield from _appended(name, url, 400 if quick else 8_000)
        for name, url in urls.items():
            yield from _share(name, url, 32 if quick else 200, 1 if quick else 31)
    with work_folder() as folder:
        yield from _grown(folder, few, many)


@contextmanager
def _urls(quick: bool) -> Iterator[dict[str, str]]:
    server = os.environ.get("ARCHIVE_TEST_POSTGRESQL_URL")
    with work_folder() as folder:
        urls = {"SQLite": f"sqlite:///{folder / 'register.sqlite'}"}
        if server is None or quick:
            yield urls
            return
        with fresh_database(server) as url:
            yield urls | {"PostgreSQL": url}


def _appended(name: str, url: str, total: int) -> Iterator[Figure]:
    """Entries while the log is sealed all the time ÷ while it is not."""
    archive = dataclasses.replace(open_register_alone(url), store=cast("ObjectStore", _Nowhere()))
    portion = total // 8

    def with_tree() -> float:
        seconds = portion / _entries(archive, portion)
        return portion / (seconds + _sealing_seconds(archive))

    def without_tree() -> float:
        rate = _entries(archive, portion)
        seal_log(archive)  # not counted here, nor left to be counted by the other
        return rate

    entries = in_turn(8, with_tree, without_tree)
    note = f"{portion:,} by {_THREADS} threads, then sealed: about a second's entries, where a minute's is usual"
    yield figure(f"entries with the tree ÷ without, {name}", (entries[0], entries[1]), "entries/s", Target(0.90), note)
    cast("SqlRegister", archive.register).close()


def _share(name: str, url: str, total: int, rounds: int) -> Iterator[Figure]:
    """What the log adds to a deposit ÷ a whole deposit, which the real service receives, checks, keeps and registers.

    By the clock, with many at the same time: it counts what commits wait for and what a database server does. What else
    runs on the machine lengthens the whole more than the part, so that the note has the CPU time of both, too.
    """
    archive = dataclasses.replace(open_register_alone(url), store=cast("ObjectStore", _Nowhere()))
    unlogged = dataclasses.replace(archive, register=cast("Register", _Unlogged(archive.register)))
    prepare(SIZE_BYTES)
    with _service(url) as service:
        logged_cpu, bare_cpu, whole_cpu = (Meter(pids) for pids in (_own, _own, service.pids))
        whole_total = total // 4
        deposit_rate(service, CLIENTS * 2)
        logged, bare, whole = in_turn(
            rounds,
            lambda: logged_cpu.of(lambda: _deposit_and_seal(archive, total), total),
            lambda: bare_cpu.of(lambda: 1000 / deposits(unlogged, total), total),
            lambda: whole_cpu.of(lambda: 1000 / deposit_rate(service, whole_total), whole_total),
        )
    cast("SqlRegister", archive.register).close()
    cpu = f"{logged_cpu.median_ms - bare_cpu.median_ms:.2f} of {whole_cpu.median_ms:.1f} ms"
    note = f"register's part {logged:.2f} ms, without log {bare:.2f}; CPU of the archive's processes {cpu}"
    pair, limit = (logged - bare, whole), Target(0.10, at_least=False)
    yield figure(f"the log's share of a deposit, {name}", pair, "ms a 1 MB deposit, 16 at a time", limit, note)


def _deposit_and_seal(archive: Archive, total: int) -> float:
    """Deposit so many, seal the log, and return the milliseconds that each of them took of both."""
    return 1000 / deposits(archive, total) + 1000 * _sealing_seconds(archive) / total


def _own() -> list[int]:
    return [os.getpid()]


@contextmanager
def _service(like: str) -> Iterator[Service]:
    """Run the real service, its register of the same kind as the one at that URL."""
    if like.startswith("sqlite"):
        with running() as service:
            yield service
    else:
        with fresh_database(like) as url, running(settings={"ARCHIVE_REGISTER_URL": url}) as service:
            yield service


def _entries(archive: Archive, total: int) -> float:
    """Append entries, one a transaction, by several threads; return how many a second."""
    event = Event(EventType.SEARCHED, "bench", archive.clock.now())

    def run() -> None:
        for _ in range(total // _THREADS):
            archive.register.write(lambda unit: unit.log.append(event))

    threads = [threading.Thread(target=run) for _ in range(_THREADS)]
    began = time.monotonic()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return total // _THREADS * _THREADS / (time.monotonic() - began)


def _grown(folder: Path, few: int, many: int) -> Iterator[Figure]:
    """A checkpoint on a small log and a large one; proofs and the recomputation of the large one."""
    small, large = (_filled(folder / f"{size}.sqlite", size) for size in (few, many))
    pairs = in_turn(31, lambda: _checkpoint_seconds(large), lambda: _checkpoint_seconds(small))
    yield figure(
        f"checkpoint at {many:,} ÷ at {few:,}",
        (pairs[0] * 1000, pairs[1] * 1000),
        "ms of CPU time",
        Target(1.5, at_least=False),
        "100 new entries, signed by Ed25519 and ML-DSA-44; a store that takes no time",
    )
    yield from _proofs(large, many)
    yield from _recomputed(large, many)
    for archive in (small, large):
        cast("SqlRegister", archive.register).close()


def _filled(path: Path, size: int) -> Archive:
    """Return an archive whose log has that many entries, all in a checkpoint."""
    register = SqlRegister(f"sqlite:///{path}", SystemRandomness())
    upgrade_schema(register.engine)
    sample = seal_event(Event(EventType.SEARCHED, "bench", SystemClock().now()), bytes(32)).entry
    at = sample.index(b'"sha256":"') + len(b'"sha256":"')
    with register.engine.connect().execution_options(archive_writes=True) as connection, connection.begin():
        for start in range(0, size, 10_000):
            rows = [
                {"index": n, "record_id": None, "entry": sample[:at] + b"%064x" % n + sample[at + 64 :]}
                for n in range(start, min(size, start + 10_000))
            ]
            connection.execute(insert(t.log_entries), rows)
        connection.execute(update(t.log_head).values(size=size))
    archive = Archive(
        register=register,
        store=cast("ObjectStore", _Nowhere()),
        index=cast("SearchIndex", None),
        pdf=cast("PdfReader", None),
        staging=cast("Staging", None),
        clock=SystemClock(),
        randomness=SystemRandomness(),
        signer=LogSigner(ORIGIN, [generate_log_keys()]),
    )
    seal_log(archive)
    return archive


def _sealing_seconds(archive: Archive) -> float:
    began = time.monotonic()
    seal_log(archive)
    return time.monotonic() - began


def _checkpoint_seconds(archive: Archive) -> float:
    events = [Event(EventType.SEARCHED, "bench", archive.clock.now())] * 100
    archive.register.write(lambda unit: unit.log.append(*events))
    # Of all threads: the register's writer is one of its own.
    began = time.process_time()
    seal_log(archive)
    return time.process_time() - began


def _proofs(archive: Archive, size: int) -> Iterator[Figure]:
    chosen = random.Random(0)
    made, checked = _Times(), _Times()
    for _ in range(500):
        index = chosen.randrange(size)
        with made.one():
            data, entry = archive.register.read(lambda unit, index=index: _proof(unit, index))  # type: ignore[misc]
        with checked.one():
            require_logged(entry, parse_proof(data), archive.signer.verifier_keys)
    limit = Target(5.0, at_least=False)
    for name, taken in (("made", made), ("checked", checked)):
        note = f"on the clock; p99 of its CPU time {percentile(taken.cpu, 0.99):.2f} ms; with both signatures"
        yield figure(f"proof {name} at {size:,}: median", (statistics.median(taken.clock), 1.0), "ms", limit, note)


class _Times:
    """Milliseconds that something took, by the clock and of CPU time: the machine may be busy with other things."""

    def __init__(self) -> None:
        self.clock: list[float] = []
        self.cpu: list[float] = []

    @contextmanager
    def one(self) -> Iterator[None]:
        """Take the time of what is done within."""
        clock, cpu = time.perf_counter(), time.thread_time()
        yield
        self.cpu.append((time.thread_time() - cpu) * 1000)
        self.clock.append((time.perf_counter() - clock) * 1000)


def _proof(unit: RegisterUnit, index: int) -> tuple[bytes, bytes]:
    newest = cast("SignedCheckpoint", unit.tree.newest(published=True))
    hashes = Tree(unit.tree, newest.size).inclusion_proof(index)
    [entry] = unit.log.entry_bytes(index, 1)
    return LogProof(index, tuple(hashes), newest.note.encode()).data, entry


def _recomputed(archive: Archive, size: int) -> Iterator[Figure]:
    """Recompute the root from every entry, in one thread."""

    def stored() -> Iterator[bytes]:
        for start in range(0, size, 10_000):
            yield from archive.register.read(
                lambda unit, start=start: unit.log.entry_bytes(start, min(10_000, size - start))  # type: ignore[misc]
            )

    began = time.monotonic()
    root = root_of(map(leaf_hash, stored()))
    with_reading = time.monotonic() - began
    entries = list(stored())
    began = time.monotonic()
    again = root_of(map(leaf_hash, entries))
    hashing = time.monotonic() - began
    if root != again or root != archive.register.read(lambda unit: Tree(unit.tree, size).root()):
        raise RuntimeError("the recomputed root is not the tree's")
    limit = Target(300_000)
    yield figure("log recomputed: entries/s", (size / hashing, 1.0), "entries/s", limit, "one core, entries in memory")
    yield figure(
        "log recomputed from the register: entries/s", (size / with_reading, 1.0), "entries/s", None, "one core, SQLite"
    )
