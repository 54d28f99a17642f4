"""A web process that dies again and again is started again and again; the service ends only when it is told to."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import httpx

from tests.faults.place import QUICK
from tests.running import kill, running_service, wait_for

# More often than the HTTP server by itself would put up with.
DEATHS = 3


def test_web_process_that_dies_again_and_again_is_started_again(tmp_path: Path) -> None:
    settings = {**QUICK, "ARCHIVE_DATA_DIR": str(tmp_path / "data")}

    def answers() -> bool:
        try:
            return httpx.get(f"{service.url}/health/live", timeout=5).is_success
        except httpx.HTTPError:
            return False

    with running_service(settings, tmp_path, "--no-worker") as service:
        for _ in range(DEATHS):
            for web in wait_for("a web process runs", lambda: set(service.processes()) - {service.pid}):
                kill(web)
            wait_for("the service answers again", answers, 30)
        os.kill(service.pid, signal.SIGTERM)
        assert service.wait() == 0
        assert service.processes() == []
