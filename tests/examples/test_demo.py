"""The demo holds as a newcomer runs it, and it stops its service when something is not as it must be."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from examples import demo

ROOT = Path(__file__).resolve().parents[2]

pytestmark = pytest.mark.timeout(300)  # it starts a service, reads scans, and runs some thirty commands


def test_the_demo_holds_and_leaves_nothing_behind(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "examples.demo"],
        cwd=ROOT, env=os.environ | {"TMPDIR": str(tmp_path)}, capture_output=True, text=True, check=False, timeout=280,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert "expectations held" in done.stdout
    assert list(tmp_path.iterdir()) == []


def test_what_is_not_as_it_must_be_ends_the_demo_and_the_service(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    ports: list[int] = []

    def fail(running: demo.Demo) -> None:
        ports.append(running.port)
        running.run("verify", f"inbox/{running.results[0].name}.pdf", exit_code=0)

    monkeypatch.setattr(demo, "STEPS", (fail,))
    assert demo.show_everything(tmp_path) is False
    assert "✗ exit code 3 not 0" in capfd.readouterr().err
    with pytest.raises(ConnectionRefusedError), socket.create_connection(("127.0.0.1", ports[0]), timeout=2):
        pass
