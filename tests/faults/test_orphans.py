"""A service that is killed while it starts leaves nothing behind that would hold its port or its files."""

from __future__ import annotations

from pathlib import Path

from tests.faults.place import QUICK
from tests.running import RunningService, kill, wait_for


def test_web_process_that_is_still_starting_does_not_outlive_the_killed_service(tmp_path: Path) -> None:
    settings = {**QUICK, "ARCHIVE_DATA_DIR": str(tmp_path / "data")}
    service = RunningService(settings, tmp_path / "serve.log", options=("--no-worker",))
    service.start(wait=False)
    try:
        wait_for("the web process begins", lambda: "listens on" in service.log and len(service.processes()) > 1)
        kill(service.pid)
        wait_for("every process has ended by itself", lambda: not service.processes(), 20)
    finally:
        service.kill()
