"""What is killed at every step, each a story that ends with what is wrong then: nothing, if the archive holds."""

from __future__ import annotations

import csv
import signal
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from multiprocessing.connection import wait
from multiprocessing.process import BaseProcess
from pathlib import Path

import httpx

from archive_service.api.identity import REMEMBERED_SECONDS
from archive_service.model.identifiers import RecordId
from archive_service.model.jobs import JobKind
from archive_service.model.record import SearchState
from examples.results import ExampleResult, write_results
from tests.faults import warm
from tests.faults.place import COMMAND_SECONDS, Place, results, trapped
from tests.faults.points import DEPOSIT_CALLS, ENRICH_CALLS, INDEX_CALLS, OF_A_NEWCOMER, REINDEX_CALLS, points_of
from tests.faults.proxy import Fault, FaultProxy, proxy_to

ROWS = 3

# How often each step is killed with every change; `scripts/fault-drill` kills it a hundred times.
TIMES = 3

# How many deposits wait at each call when the service is killed: for more, a process may not have threads enough.
AT_ONE_KILL = 7


def kill_deposits(place: Place, seed: int, times: int, parts: tuple[str, ...] = ("",)) -> list[str]:
    """Kill the service while deposits wait at every call, of those parts of the archive; send each request again.

    At each call so many wait at the same time as ``times`` says, but no more than ``AT_ONE_KILL``.
    """
    points = [point for point in points_of(DEPOSIT_CALLS) if point.startswith(parts)]
    source = results(seed)
    cut_off: list[ExampleResult] = []
    for done in range(0, times, AT_ONE_KILL):
        armed = [point for point in points for _ in range(min(AT_ONE_KILL, times - done))]
        deposits = list(islice(source, len(armed)))
        _kill_deposits_at(place, list(zip(armed, deposits, strict=True)))
        cut_off += deposits
    _deposit_all_again(place, cut_off)
    return place.problems()


def _kill_deposits_at(place: Place, deposits: Sequence[tuple[str, ExampleResult]]) -> None:
    traps = place.traps()
    with (
        place.running("--no-worker", **trapped(traps, len(deposits))) as service,
        place.client(service) as http,
        ThreadPoolExecutor(len(deposits)) as clients,
    ):
        sent = []
        for point, result in deposits:
            if point in OF_A_NEWCOMER:
                time.sleep(REMEMBERED_SECONDS)
            traps.arm(point)
            sent.append(clients.submit(_is_without_answer, place, http, result))
            traps.wait_until_held()
        service.kill()
        assert all(one.result() for one in sent), "a deposit was answered that waits for its end"


def _is_without_answer(place: Place, http: httpx.Client, result: ExampleResult) -> bool:
    try:
        place.deposit(http, result)
    except httpx.TransportError:
        return True
    return False


def _deposit_all_again(place: Place, deposits: Sequence[ExampleResult]) -> None:
    with place.running() as service, place.client(service) as http:
        first = [place.deposit_surely(http, result) for result in deposits]
        second = [place.deposit_surely(http, result) for result in deposits]
        assert [a.json()["id"] for a in first] == [a.json()["id"] for a in second]
        assert {a.headers.get("Idempotent-Replay") for a in second} == {"true"}
        place.wait_until_searchable()


def kill_readers(place: Place, seed: int, times: int) -> list[str]:
    """Kill a worker while it waits at every call of reading a record's words; the records stay kept and served."""
    source = results(seed)
    with place.running("--no-worker") as service, place.client(service) as http:
        for done in range(0, times, AT_ONE_KILL):
            points = points_of(ENRICH_CALLS) * min(AT_ONE_KILL, times - done)
            deposits = list(islice(source, len(points)))
            for result in deposits:
                place.deposit_surely(http, result)
            _kill_reader_at(place, points)
            for result in deposits:
                _assert_served(http, place.answered[result.name])
    return _problems_after_rest(place)


def _kill_reader_at(place: Place, points: Sequence[str]) -> None:
    """There is a record for every thread, so that each finds work at once and its calls come in order."""
    traps = place.traps()
    for point in points:
        traps.arm(point, thread="text")
    worker = place.start_trapped(traps, len(points), "worker")
    try:
        traps.wait_until_held()
    finally:
        worker.kill()
        worker.join()


def kill_indexers(place: Place, seed: int, times: int) -> list[str]:
    """Kill a worker at every call of putting a record into the index; the record stays kept, served and found once."""
    points = points_of(INDEX_CALLS)
    with place.running() as service, place.client(service) as http:
        answers = [place.deposit_surely(http, result) for result in islice(results(seed), len(points))]
        records = [RecordId(answer.json()["id"]) for answer in answers]
        place.wait_until_searchable()
    with place.running("--no-worker") as service, place.client(service) as http, place.archive() as archive:
        # A record for each point: what a killed worker had claimed is not given to another for some seconds.
        for point, record in list(zip(points, records, strict=True)) * times:
            archive.register.write(lambda unit: unit.jobs.add(JobKind.INDEX, record, archive.clock.now()))  # noqa: B023
            place.run_until_killed(point, "worker")
            _assert_served(http, record)
    return _problems_after_rest(place)


def _assert_served(http: httpx.Client, record_id: str) -> None:
    shown = http.get(f"/records/{record_id}").json()
    assert shown["state"] == "stored"
    assert shown["search_state"] != str(SearchState.PARKED)
    assert http.get(f"/records/{record_id}/content").status_code == 200


def _problems_after_rest(place: Place) -> list[str]:
    with place.running():
        place.wait_until_searchable()
    return place.problems()


def kill_rebuilds(place: Place, seed: int, times: int) -> list[str]:
    """Kill a rebuild of the index at every call, beside a service that goes on finding; then let one end."""
    with place.running() as service, place.client(service) as http:
        for result in islice(results(seed), 3):
            place.deposit_surely(http, result)
        place.wait_until_searchable()
        for number, point in enumerate(points_of(REINDEX_CALLS) * times):
            # Each begins a rebuild of its own: one that goes on with another makes fewer calls.
            place.run_until_killed(point, "reindex", "--name", f"killed-{seed}-{number}")
            found = http.get("/search", params={"q": "bảo hiểm"})
            assert found.status_code == 200, f"{point}: {found.text}"
        done = service.run("reindex", "--json")
        assert done.code == 0, done.err
        assert done.json["documents"] == len(place.answered)
        place.wait_until_searchable()
    return place.problems()


class Clerk:
    """Runs ``deposit-folder`` on a folder, through a proxy that sees each of its requests."""

    def __init__(self, folder: Path, place: Place, proxy: FaultProxy) -> None:
        self._folder, self._place, self._proxy = folder, place, proxy
        self._process: BaseProcess | None = None

    def kill(self) -> None:
        """Kill the running command; called from the proxy, in the middle of a row."""
        assert self._process is not None
        self._process.kill()
        # Waited for and not joined: only one may learn how it ended, and that is who runs it.
        wait([self._process.sentinel], COMMAND_SECONDS)

    def run(self) -> int | None:
        """Run the command to its end, whichever that is."""
        manifest = str(self._folder / "manifest.csv")
        settings = {"ARCHIVE_URL": f"http://{self._proxy.host}", "ARCHIVE_API_KEY": self._place.key}
        arguments = ("deposit-folder", str(self._folder), "--manifest", manifest, "--parallel", "1")
        self._process = warm.start(arguments, settings, self._place.folder / "client.log")
        self._process.join(COMMAND_SECONDS)
        return self._process.exitcode

    def remember(self, rows: Sequence[Mapping[str, str]]) -> None:
        """Note what was answered for: from now on it must never be lost."""
        self._place.answered.update({row["key"]: row["record_id"] for row in rows})

    def rows(self) -> list[dict[str, str]]:
        """Return the result file's last word on each row."""
        with (self._folder / "manifest.results.csv").open(encoding="utf-8-sig", newline="") as file:
            return list(csv.DictReader(file))


def kill_folder_deposits(place: Place, seed: int, times: int) -> list[str]:
    """Kill ``deposit-folder`` at every step of every row, and run it again each time."""
    with place.running() as service, proxy_to(f"127.0.0.1:{service.port}") as proxy:
        source = results(seed)
        for number in range(times):
            folder = place.folder / f"folder-{seed}-{number}"
            write_results(folder, islice(source, ROWS))
            _kill_at_every_row(Clerk(folder, place, proxy), proxy)
        place.wait_until_searchable()
    return place.problems()


def _kill_at_every_row(clerk: Clerk, proxy: FaultProxy) -> None:
    for row in range(ROWS):
        # The row is on its way; it is kept and its answer never arrives; its answer is there, and not the next.
        steps = [(Fault(on_arrival=clerk.kill), 0), (Fault(on_answer=clerk.kill), 0)]
        steps += [(Fault(on_arrival=clerk.kill), 1)] if row + 1 < ROWS else []
        for fault, passed_over in steps:
            proxy.heal()
            proxy.plan("POST", "/records", fault, passed_over=passed_over)
            assert clerk.run() == -signal.SIGKILL
    proxy.heal()
    assert clerk.run() == 0
    rows = clerk.rows()
    assert [row["outcome"] for row in rows] == ["deposited"] * ROWS
    clerk.remember(rows)
