"""`deposit-folder` killed at every step of a row: run again, it ends with one record for each row."""

from __future__ import annotations

import csv
import os
import signal
import subprocess
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import pytest

from examples.results import write_results
from tests.faults.place import Place, results
from tests.faults.proxy import Fault, FaultProxy, proxy_to
from tests.running import RunningService, command, environment

ROWS = 3


@pytest.fixture(scope="module")
def service(embedded: Place) -> Iterator[RunningService]:
    """Run the service for the whole module."""
    with embedded.running() as running:
        yield running


class Clerk:
    """Runs the command on a folder, through a proxy that sees each of its requests."""

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
        settings = {"ARCHIVE_URL": f"http://{self._proxy.host}", "ARCHIVE_API_KEY": self._place.key}
        with (self._place.folder / "client.log").open("ab") as log:
            self._process = subprocess.Popen(
                command(
                    "deposit-folder",
                    str(self._folder),
                    "--manifest",
                    str(self._folder / "manifest.csv"),
                    "--parallel",
                    "1",
                ),
                env=environment(settings),
                stdout=log,
                stderr=log,
            )
            return self._process.wait(60)

    def rows(self) -> list[dict[str, str]]:
        """Return the result file's last word on each row."""
        with (self._folder / "manifest.results.csv").open(encoding="utf-8-sig", newline="") as file:
            return list(csv.DictReader(file))


def test_folder_deposit_killed_at_every_step_of_every_row_leaves_one_record_a_row(
    embedded: Place, service: RunningService, tmp_path: Path
) -> None:
    write_results(tmp_path, islice(results(seed=5), ROWS))
    with proxy_to(f"127.0.0.1:{service.port}") as proxy:
        clerk = Clerk(tmp_path, embedded, proxy)
        for _ in range(ROWS):
            # The row is on its way; the row is kept and its answer never arrives; its answer is the one before.
            for fault, passed_over in (
                (Fault(on_arrival=clerk.kill), 0),
                (Fault(on_answer=clerk.kill), 0),
                (Fault(on_arrival=clerk.kill), 1),
            ):
                proxy.heal()
                proxy.plan("POST", "/records", fault, passed_over=passed_over)
                assert clerk.run() in (-signal.SIGKILL, 0)
        proxy.heal()
        assert clerk.run() == 0
    rows = clerk.rows()
    assert [row["outcome"] for row in rows] == ["deposited"] * ROWS
    embedded.answered.update({row["key"]: row["record_id"] for row in rows})
    embedded.wait_until_searchable()
    assert embedded.problems() == []
