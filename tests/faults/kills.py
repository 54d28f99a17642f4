"""What is killed at every step, each a story that ends with what is wrong then: nothing, if the archive holds."""

from __future__ import annotations

import csv
import os
import signal
import subprocess
from collections.abc import Sequence
from itertools import islice
from pathlib import Path

import httpx
import pytest

from archive_service.model.record import SearchState
from examples.results import ExampleResult, write_results
from tests.faults.place import Place, results
from tests.faults.points import DEPOSIT_CALLS, REINDEX_CALLS, WORK_CALLS, points_of
from tests.faults.proxy import Fault, FaultProxy, proxy_to
from tests.running import command, environment

ROWS = 3


def kill_deposits(place: Place, seed: int, parts: tuple[str, ...] = ("",)) -> list[str]:
    """Kill the service at every call of a deposit, of those parts of the archive, and send each request again."""
    points = [point for point in points_of(DEPOSIT_CALLS) if point.startswith(parts)]
    deposits = list(islice(results(seed), len(points)))
    for point, result in zip(points, deposits, strict=True):
        with place.running("--no-worker", ARCHIVE_KILL_AT=point) as service, place.client(service) as http:
            with pytest.raises(httpx.TransportError):
                place.deposit(http, result)
            assert result.name not in place.answered, point
    _deposit_all_again(place, deposits)
    return place.problems()


def _deposit_all_again(place: Place, deposits: Sequence[ExampleResult]) -> None:
    with place.running() as service, place.client(service) as http:
        first = [place.deposit_surely(http, result) for result in deposits]
        second = [place.deposit_surely(http, result) for result in deposits]
        assert [a.json()["id"] for a in first] == [a.json()["id"] for a in second]
        assert {a.headers.get("Idempotent-Replay") for a in second} == {"true"}
        place.wait_until_searchable()


def kill_workers(place: Place, seed: int) -> list[str]:
    """Kill a worker at every call of its work; each time a record waits for it, which stays kept and served."""
    points = points_of(WORK_CALLS)
    with place.running("--no-worker") as service, place.client(service) as http:
        for point, result in zip(points, islice(results(seed), len(points)), strict=True):
            place.deposit_surely(http, result)
            place.run_until_killed(point, "worker")
            shown = http.get(f"/records/{place.answered[result.name]}").json()
            assert shown["state"] == "stored"
            assert shown["search_state"] != str(SearchState.PARKED)
            assert http.get(f"/records/{shown['id']}/content").status_code == 200
    with place.running():
        place.wait_until_searchable()
    return place.problems()


def kill_rebuilds(place: Place, seed: int) -> list[str]:
    """Kill a rebuild of the index at every call, beside a service that goes on finding; then let one end."""
    with place.running() as service, place.client(service) as http:
        for result in islice(results(seed), 3):
            place.deposit_surely(http, result)
        place.wait_until_searchable()
        for number, point in enumerate(points_of(REINDEX_CALLS)):
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
        self._process: subprocess.Popen[bytes] | None = None

    def kill(self) -> None:
        """Kill the running command; called from the proxy, in the middle of a row."""
        assert self._process is not None
        os.kill(self._process.pid, signal.SIGKILL)
        self._process.wait()

    def run(self) -> int:
        """Run the command to its end, whichever that is."""
        manifest = str(self._folder / "manifest.csv")
        settings = {"ARCHIVE_URL": f"http://{self._proxy.host}", "ARCHIVE_API_KEY": self._place.key}
        with (self._place.folder / "client.log").open("ab") as log:
            self._process = subprocess.Popen(
                command("deposit-folder", str(self._folder), "--manifest", manifest, "--parallel", "1"),
                env=environment(settings),
                stdout=log,
                stderr=log,
            )
            return self._process.wait(60)

    def rows(self) -> list[dict[str, str]]:
        """Return the result file's last word on each row."""
        with (self._folder / "manifest.results.csv").open(encoding="utf-8-sig", newline="") as file:
            return list(csv.DictReader(file))


def kill_folder_deposits(place: Place, seed: int) -> list[str]:
    """Kill ``deposit-folder`` at every step of every row, and run it again each time."""
    folder = place.folder / f"folder-{seed}"
    write_results(folder, islice(results(seed), ROWS))
    with place.running() as service, proxy_to(f"127.0.0.1:{service.port}") as proxy:
        clerk = Clerk(folder, place, proxy)
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
        place.answered.update({row["key"]: row["record_id"] for row in rows})
        place.wait_until_searchable()
    return place.problems()
