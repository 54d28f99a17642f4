"""What time-stamping costs: a batch of a hundred thousand records, and one record's evidence out of it."""

from __future__ import annotations

import dataclasses
import hashlib
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

from archive_service.bootstrap import SystemClock, SystemRandomness
from archive_service.evidence.evidence_record import make_evidence_record
from archive_service.evidence.lines import Line, RecordStamps, line_of
from archive_service.lifecycle.timestamps.stamp import ask_authorities, make_batches
from archive_service.model.archive import Archive
from archive_service.model.events import Event, EventType
from archive_service.model.identifiers import RecordId
from archive_service.storage.register.register import SqlRegister
from archive_service.storage.register.schema import upgrade_schema
from archive_service.trust.local_authority import LocalAuthority
from archive_verify.evidence_record import check_evidence_record
from bench.figures import Figure, Target, figure, in_turn
from bench.service import work_folder

RECORDS, PORTION = 100_000, 1_000


def stamping(*, quick: bool) -> Iterator[Figure]:
    """CPU microseconds a record of a batch, and CPU milliseconds to make and to check one evidence record."""
    count = 1_000 if quick else RECORDS
    with work_folder() as folder:
        archive = _archive(folder)
        _fill(archive, count)
        batch = _seconds(lambda: make_batches(archive))
        floor = _seconds(lambda: _bare_hashing(count))
        yield figure("batch: cost a record", (batch * 1e6 / count, 1.0), "CPU µs", _at_most(100), f"{count:,} records")
        yield figure(
            "batch ÷ bare hashing of its tree", (batch, floor), "CPU s", None, "reads the log, writes the batch"
        )
        given = _seconds(lambda: ask_authorities(archive))
        yield figure("local token: asked and checked twice", (given * 1e3, 1.0), "CPU ms", _at_most(100))
        yield from _evidence(archive, count, 3 if quick else 20)


def _evidence(archive: Archive, count: int, rounds: int) -> Iterator[Figure]:
    def cold(entry: int) -> bytes:
        return archive.register.read(
            lambda unit: make_evidence_record(
                RecordStamps(unit.timestamps).chains(line_of(unit.timestamps, 1, "local"), entry)
            )
        )

    def work(unit: Any) -> list[float]:
        stamps, line = RecordStamps(unit.timestamps), line_of(unit.timestamps, 1, "local")
        stamps.chains(line, 0)
        return [_seconds(partial(_make, stamps, line, number)) for number in range(1, rounds + 1)]

    (first,) = in_turn(1 if rounds < 5 else 3, lambda: _seconds(lambda: cold(count // 2)))
    yield figure(
        ".ers made, tree from kept hashes", (first * 1e3, 1.0), "CPU ms", _at_most(2_000), f"{count:,} records"
    )
    warm = sorted(archive.register.read(work))[rounds // 2]
    yield figure(".ers made, further one of a batch", (warm * 1e3, 1.0), "CPU ms", _at_most(5))
    der, entry = cold(7), archive.register.read(lambda unit: unit.log.entries(7, 1))[0].entry
    checked = [_seconds(lambda: check_evidence_record(der, [_original(7), entry])) for _ in range(rounds)]
    yield figure(
        ".ers checked", (sorted(checked)[rounds // 2] * 1e3, 1.0), "CPU ms", _at_most(20), f"{len(der):,} bytes"
    )


def _make(stamps: RecordStamps, line: Line, entry: int) -> bytes:
    return make_evidence_record(stamps.chains(line, entry))


def _archive(folder: Path) -> Archive:
    """Return an archive of nothing but a register and the local authority."""
    clock, randomness = SystemClock(), SystemRandomness()
    register = SqlRegister(f"sqlite:///{folder / 'register.sqlite'}", randomness)
    upgrade_schema(register.engine)
    nothing: Any = None
    bare = Archive(register, nothing, nothing, nothing, nothing, clock, randomness, nothing)
    return dataclasses.replace(bare, authorities=(LocalAuthority(folder / "authority", clock, randomness),))


def _fill(archive: Archive, count: int) -> None:
    """Log as many deposits."""
    now = archive.clock.now()
    for start in range(0, count, PORTION):
        events = [_deposit(number, now) for number in range(start, start + PORTION)]
        archive.register.write(lambda unit, events=events: unit.log.append(*events))  # type: ignore[misc]


def _deposit(number: int, now: Any) -> Event:
    content = _original(number)
    digests = {"sha256": hashlib.sha256(content).hexdigest(), "sha512": hashlib.sha512(content).hexdigest()}
    return Event(EventType.DEPOSITED, "bench", now, RecordId(f"00000000-0000-4000-8000-{number:012d}"), digests)


def _original(number: int) -> bytes:
    return b"original %d" % number


def _bare_hashing(count: int) -> None:
    """Hash what the tree of as many groups of two hashes: twice as many nodes."""
    pair = bytes(64)
    for _ in range(2 * count):
        hashlib.sha256(pair).digest()


def _seconds(work: Callable[[], object]) -> float:
    """Return the CPU seconds of this process: what else the machine does is left out."""
    began = time.process_time()
    work()
    return time.process_time() - began


def _at_most(value: float) -> Target:
    return Target(value, at_least=False)
