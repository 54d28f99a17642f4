"""Retention: how many records a core decides on, and what deciding on a million registered ones again costs."""

from __future__ import annotations

import datetime as dt
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import cast

from archive_service.lifecycle.retention.asking import Run, latest_run
from archive_service.lifecycle.retention.decide_all import BATCH, decide_all
from archive_service.model.archive import Archive
from archive_service.storage.register.register import SqlRegister
from bench.figures import Figure, Target, figure
from bench.growth import databases, deposits, fill, open_register_alone
from bench.service import PROJECT, work_folder
from retention.decide import Facts, decide
from retention.holds import NO_HOLDS
from retention.schedule_file import read_schedule

ROWS, DECISIONS = 1_000_000, 500_000
_SCHEDULE = PROJECT / "examples" / "retention" / "schedule.toml"
_TODAY = dt.date(2026, 11, 26)
_KIB_A_MIB = 1024

# A run is killed once, after this share of the records.
_KILLED_AFTER = 0.4


def retaining(*, quick: bool) -> Iterator[Figure]:
    """Decisions a second on one core; memory, pace and resumption of a run over all registered records."""
    yield _deciding(20_000 if quick else DECISIONS)
    rows = 5_000 if quick else ROWS
    with work_folder() as folder:
        yield from _run_over_all("SQLite", f"sqlite:///{folder / 'register.sqlite'}", rows)
    server = os.environ.get("ARCHIVE_TEST_POSTGRESQL_URL")
    if server:
        with databases(server) as urls:
            yield from _run_over_all("PostgreSQL", urls[0], rows)


def _deciding(number: int) -> Figure:
    """Decide on records of a few kinds, offices and dates, as an archive has them."""
    schedule = read_schedule(_SCHEDULE.read_bytes())
    facts = [
        Facts(
            record_id=str(one),
            result_type=f"KQ.G15.0000{31 + one % 4}",
            office_path=(f"BHXH-{one % 63:02}-01", f"BHXH-{one % 63:02}", "BHXH-VN"),
            access_level=("open", "conditional", "secret")[one % 3],
            dates={"document-date": _TODAY - dt.timedelta(days=one % 4000), "dossier-closed": _TODAY},
            subject_ids=(f"s-{one}",),
        )
        for one in range(number)
    ]
    began = time.process_time()
    for one in facts:
        decide(one, schedule, NO_HOLDS, _TODAY)
    rate = number / (time.process_time() - began)
    return figure("decisions a second, one core", (rate, 1), "records/s", Target(100_000))


def _run_over_all(name: str, url: str, rows: int) -> Iterator[Figure]:
    """Fill a register, and decide on all of it in a process that is killed in the middle and begun again."""
    archive = open_register_alone(url)
    register = cast("SqlRegister", archive.register)
    deposits(archive, 1)
    fill(archive, rows)
    body, now = _SCHEDULE.read_bytes(), archive.clock.now()
    register.write(lambda unit: unit.schedules.add(body, "bench", now))
    began = time.monotonic()
    first = _Deciding(url)
    first.kill_after(int(rows * _KILLED_AFTER))
    stood = _stands(archive)
    second = _Deciding(url)
    peak = max(first.peak_mib, second.wait())
    took = time.monotonic() - began
    ended = _stands(archive)
    register.close()
    if ended.ended_at is None or ended.done != rows + 1 or ended.changed != rows + 1:
        raise RuntimeError(f"the run did not come to its end: {ended}")
    note = f"{rows:,} records, every one moves; killed at {stood.done:,} and begun again"
    yield figure(f"deciding on all again, peak memory, {name}", (peak, 1), "MiB", Target(300, at_least=False), note)
    yield figure(f"deciding on all again, {name}", (rows / took, 1), "records/s", None, note)
    done_twice = first.decided + second.decided - (rows + 1)
    yield figure(
        f"records decided on twice ÷ a batch, {name}", (done_twice, BATCH), "records", Target(1, at_least=False)
    )


def _stands(archive: Archive) -> Run:
    run = archive.register.read(latest_run)
    if run is None:
        raise RuntimeError("there is no run")
    return run


class _Deciding:
    """A process of its own that decides until nothing is left; it tells how far it is, line by line."""

    def __init__(self, url: str) -> None:
        self.decided, self.peak_mib = 0, 0.0
        self._process = subprocess.Popen(
            [sys.executable, "-m", "bench.retention", url], stdout=subprocess.PIPE, text=True, cwd=PROJECT
        )

    def kill_after(self, records: int) -> None:
        """Let it decide on that many, then kill it."""
        for _ in self._lines():
            if self.decided >= records:
                break
        self._process.kill()
        self._process.wait()

    def wait(self) -> float:
        """Let it come to its end and return its peak memory in MiB."""
        for _ in self._lines():
            pass
        if self._process.wait() != 0:
            raise RuntimeError("the run failed")
        return self.peak_mib

    def _lines(self) -> Iterator[None]:
        for line in self._process.stdout or ():
            decided, peak = line.split()
            self.decided, self.peak_mib = int(decided), float(peak)
            yield


def _decide(url: str) -> None:
    archive = open_register_alone(url)
    decided, before = 0, archive.register.read(latest_run)
    at = 0 if before is None else before.done
    while (run := decide_all(archive)) is not None:
        decided, at = decided + run.done - at, run.done
        print(decided, _peak_mib(), flush=True)  # noqa: T201  # to the process that waits
    cast("SqlRegister", archive.register).close()


def _peak_mib() -> float:
    status = Path("/proc/self/status").read_text(encoding="ascii")
    [line] = [one for one in status.splitlines() if one.startswith("VmHWM:")]
    return int(line.split()[1]) / _KIB_A_MIB


if __name__ == "__main__":
    _decide(sys.argv[1])
