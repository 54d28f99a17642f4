"""The long drills of `scripts/fault-drill`: every step many times, and random kills of everything under load."""

from __future__ import annotations

import argparse
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType

import httpx

from examples.results import ExampleResult
from test_servers import servers as machine_servers
from test_servers.fetch import GoPrograms, cache_folder
from test_servers.machine import Commands
from tests import servers
from tests.faults.kills import ROWS, kill_deposits, kill_folder_deposits, kill_indexers, kill_readers, kill_rebuilds
from tests.faults.place import QUICK, Place, results
from tests.faults.points import DEPOSIT_CALLS, ENRICH_CALLS, INDEX_CALLS, REINDEX_CALLS, points_of
from tests.running import RunningService, kill, wait_for

# What is killed, and at how many points each time.
STORIES: dict[str, tuple[Callable[[Place, int, int], list[str]], int]] = {
    "deposit": (kill_deposits, len(points_of(DEPOSIT_CALLS))),
    "enrichment": (kill_readers, len(points_of(ENRICH_CALLS))),
    "indexing": (kill_indexers, len(points_of(INDEX_CALLS))),
    "folder deposit": (kill_folder_deposits, 3 * ROWS - 1),
    "rebuild of the index": (kill_rebuilds, len(points_of(REINDEX_CALLS))),
}

# How often each step is killed before everything is compared, and the next ones begin in a place of their own.
TIMES_IN_ONE_PLACE = 10

# A cold Elasticsearch takes most of it.
READY_SECONDS = 180.0
DEPOSITORS = 4

# What was deposited while the index was down is tried again later and later, at most a quarter of an hour apart.
REST_SECONDS = 3600.0


def main(arguments: Sequence[str]) -> int:
    """Run one drill; return 1 when anything was lost, doubled or left over."""
    parser = argparse.ArgumentParser(prog="scripts/fault-drill", description=__doc__)
    parser.add_argument("drill", choices=("steps", "random"), nargs="?", default="steps")
    parser.add_argument("--times", type=int, default=100, help="steps: how often each step is killed")
    parser.add_argument("--kills", type=int, default=100, help="random: how many kills")
    parser.add_argument("--seed", type=int, default=1, help="random: which kills, in which order")
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory(prefix="archive-fault-drill-") as folder:
        # The servers run as a user of their own, and look into it.
        Path(folder).chmod(0o711)
        if options.drill == "steps":
            return drill_steps(Path(folder), options.times)
        return drill_random(Path(folder), options.kills, random.Random(options.seed))


def drill_steps(folder: Path, times: int) -> int:
    """Kill at every step of every story so many times; return 1 when anything was wrong."""
    killed: Counter[str] = Counter()
    problems: Counter[str] = Counter()
    for done in range(0, times, TIMES_IN_ONE_PLACE):
        for name, (story, points) in STORIES.items():
            place = Place({**QUICK, "ARCHIVE_DATA_DIR": str(folder / f"{done}-{name}" / "data")}, folder)
            place.prepare()
            portion = min(TIMES_IN_ONE_PLACE, times - done)
            began = time.monotonic()
            try:
                found = story(place, done, portion)
            except AssertionError as failed:  # told as it is, and the next story goes on
                found = [str(failed)]
            shutil.rmtree(folder / f"{done}-{name}")
            killed[name] += portion * points
            problems[name] += len(found)
            say(
                f"{name:<22} each step x {done + portion:<4} {killed[name]:>6} kills  {problems[name]:>3} problems "
                f"{time.monotonic() - began:7.1f} s"
            )
            for problem in found:
                say(f"      {problem}")
    return 1 if problems.total() else 0


@dataclass
class Killable:
    """A server that is killed and started again on the same data."""

    launch: machine_servers.Launch
    folder: Path
    log: Path
    _process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it and wait until it is ready."""
        owner = self.launch.run_as
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                [str(word) for word in self.launch.command],
                env={**os.environ, "HOME": str(self.folder), **self.launch.env},
                cwd=self.folder,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                user=owner.pw_uid if owner else None,
                group=owner.pw_gid if owner else None,
                extra_groups=[] if owner else None,
            )
        wait_for(f"{self.log.stem} is ready", self.launch.is_ready, READY_SECONDS)

    def kill(self) -> None:
        """End it and everything it started, at once."""
        if self._process is not None:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
            self._process = None


@contextmanager
def killable_servers(folder: Path) -> Iterator[dict[str, Killable]]:
    """Give PostgreSQL, MinIO and Elasticsearch of their own; they are gone at the end."""
    started: dict[str, Killable] = {}
    try:
        cache, commands = cache_folder(), Commands()
        place = machine_servers.Place(cache, folder, commands, GoPrograms(cache, commands), threading.Event())
        for server in machine_servers.SERVERS:
            if server.name in {"postgresql", "minio", "elasticsearch"}:
                server.fetch(place)
                started[server.name] = Killable(server.prepare(place), folder, folder / f"{server.name}.log")
        for one in started.values():
            one.start()
        yield started
    finally:
        for one in started.values():
            one.kill()


@dataclass
class Load:
    """Deposits without end from several sides, each repeated until it is answered."""

    place: Place
    service: RunningService
    stopping: threading.Event = field(default_factory=threading.Event)
    refused: Counter[str] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)
    _source: Iterator[ExampleResult] = field(default_factory=lambda: results(seed=100))
    # Drawing a page is not for several threads at once.
    _drawing: threading.Lock = field(default_factory=threading.Lock)

    def deposit(self) -> None:
        """Deposit one result after another."""
        while not self.stopping.wait(0.5):
            with self._drawing:
                result = next(self._source)
            self._until_answered(result)

    def _until_answered(self, result: ExampleResult) -> None:
        with self.place.client(self.service) as http:
            while True:
                try:
                    answer = self.place.deposit(http, result)
                except httpx.TransportError:
                    self.refused["no answer"] += 1
                else:
                    if answer.status_code == 201:
                        return
                    self.refused[str(answer.status_code)] += 1
                    if answer.status_code != 503:
                        self.wrong.append(f"{result.name}: {answer.status_code} {answer.text}")
                time.sleep(0.3)


def drill_random(folder: Path, kills: int, chance: random.Random) -> int:
    """Kill anything at any moment under load; then everything that was answered must be there, once."""
    with killable_servers(folder) as running:
        database = servers.fresh_database(running["postgresql"].launch.url)
        with database as register:
            place = Place(
                {
                    **QUICK,
                    "ARCHIVE_DATA_DIR": str(folder / "data"),
                    "ARCHIVE_REGISTER_URL": register,
                    "ARCHIVE_STORE_URL": f"{running['minio'].launch.url}/{servers.unique_name('bucket')}",
                    "ARCHIVE_INDEX_URL": running["elasticsearch"].launch.url,
                    "ARCHIVE_INDEX_NAME": servers.unique_name("index"),
                },
                folder,
            )
            place.prepare()
            with place.running() as service:
                return report(kill_at_random(place, service, running, Victims(kills, chance)))


@dataclass(frozen=True, slots=True)
class Victims:
    """How many are killed, and by which throw of the dice."""

    kills: int
    chance: random.Random


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a random drill did and found."""

    killed: Counter[str]
    answered: int
    refused: Counter[str]
    problems: list[str]
    seconds: float


def kill_at_random(place: Place, service: RunningService, running: dict[str, Killable], victims: Victims) -> Outcome:
    """Kill, start again, and compare when everything has come to rest."""
    began = time.monotonic()
    load = Load(place, service)
    sides = [threading.Thread(target=load.deposit, daemon=True) for _ in range(DEPOSITORS)]
    for side in sides:
        side.start()
    try:
        killed = kill_some(service, running, victims, load)
    finally:
        load.stopping.set()
    for side in sides:
        side.join()
    place.wait_until_searchable(REST_SECONDS)
    problems = [*load.wrong, *place.problems()]
    return Outcome(killed, len(place.answered), load.refused, problems, time.monotonic() - began)


def kill_some(service: RunningService, running: dict[str, Killable], victims: Victims, load: Load) -> Counter[str]:
    """Kill one after another, and start servers again; return what was killed how often."""
    killed: Counter[str] = Counter()
    for number in range(victims.kills):
        time.sleep(victims.chance.uniform(0.5, 3.0))
        name = victims.chance.choice(["web", "worker", *running])
        say(f"{number + 1:>4}  {name:<14} {len(load.place.answered)} answered")
        killed[name] += 1
        if name in running:
            running[name].kill()
            time.sleep(victims.chance.uniform(0.0, 3.0))
            running[name].start()
        else:
            for pid in processes_of(service, name):
                kill(pid)
    return killed


def processes_of(service: RunningService, name: str) -> list[int]:
    """Return the service's web processes, or its worker."""
    if name == "worker":
        return service.processes("archive_service worker")
    return [pid for pid in service.serving() if pid != service.pid]


def report(outcome: Outcome) -> int:
    """Print the outcome as a table."""
    say("")
    for name, count in sorted(outcome.killed.items()):
        say(f"killed {name:<16} {count:>6}")
    say(f"deposits answered       {outcome.answered:>6}")
    for code, count in sorted(outcome.refused.items()):
        say(f"sent again after {code:<12} {count:>0}")
    say(f"lost, doubled, left over {len(outcome.problems):>5}")
    for problem in outcome.problems:
        say(f"  {problem}")
    say(f"seconds                 {outcome.seconds:>6.0f}")
    return 1 if outcome.problems else 0


def say(line: str) -> None:
    """Tell the person who waits."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def _end(_number: int, _frame: FrameType | None) -> None:
    """Told to end: what was started is ended on the way out."""
    raise SystemExit(143)


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, _end)
    sys.exit(main(sys.argv[1:]))
