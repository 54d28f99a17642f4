"""Convincing somebody who does not trust the archive, with nothing of the archive but the package and the checker."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path
from typing import Any

from tests.evidence.test_package import by_hand, unpacked
from tests.journeys.conftest import Desk
from tests.running import PROJECT, wait_for

# A checkpoint is due every two seconds here; a time-stamp every minute.
_STAMPED_SECONDS = 150

# Runs the checker from a folder of its own: without site (-S) no installed project is on the path.
_ALONE = (
    "import sys, runpy; sys.path[:0] = sys.argv[1:3]; del sys.argv[1:3]\n"
    "try: import archive_service\n"
    "except ImportError: pass\n"
    "else: raise SystemExit('the service can be imported')\n"
    "runpy.run_module('archive_verify', run_name='__main__')"
)


def evidence_convinces_who_trusts_nobody_here(desk: Desk, record_id: str, signatures: str = "PASS") -> None:
    """Export the record's package and check it as an auditor would, rightly, wrongly, and by hand.

    ``signatures`` is what step 10 comes to for somebody who trusts the agencies that the archive trusts.
    """
    wait_for("the record is time-stamped", lambda: is_stamped(desk, record_id), _STAMPED_SECONDS)
    package = desk.folder / "evidence.zip"
    done = desk.service.run(
        *("evidence", "export", record_id, "-o", str(package), "--json"), settings=desk.client_settings()
    )
    assert done.code == 0, done.err
    content = package.read_bytes()
    folder = unpacked(content, desk.folder / "unpacked")
    own = ["--log-key", str(folder / "data/trust/log.vkey")]
    for kind in ("tsa", "agency"):
        own += [word for root in (folder / "data/trust" / kind).glob("*") for word in (f"--{kind}-root", str(root))]
    assert verdicts(desk, package, *own) == ["PASS"] * 5 + ["UNKNOWN"] + ["PASS"] * 3 + [signatures]
    told = verdicts(desk, package)
    assert (told[5], told[8]) == ("UNKNOWN", "UNKNOWN"), "without roots of his own nobody is convinced"
    lines = by_hand(folder)
    assert "OK original" in lines
    assert any(line.startswith("OK in the log") for line in lines)
    if (folder / "data/renditions/sealed.pdf").exists():
        assert {"OK sealed", "OK signature data/renditions/sealed.pdf"} <= set(lines)
    changed = desk.folder / "changed.zip"
    middle = content.index(b"%PDF-") + 100
    changed.write_bytes(content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :])
    refused = verdicts(desk, changed, *own)
    assert (refused[0], refused[1]) == ("FAIL", "FAIL")


def is_stamped(desk: Desk, record_id: str) -> bool:
    return desk.http.get(f"/records/{record_id}/evidence-record").status_code == 200


def verdicts(desk: Desk, package: Path, *trust: str) -> list[str]:
    """Return the verdicts of the ten steps, told by a copy of the checker that has nothing of the service beside it."""
    alone = desk.folder / "auditor"
    if not alone.exists():
        shutil.copytree(PROJECT / "archive_verify", alone / "archive_verify")
    command = [sys.executable, "-I", "-S", "-c", _ALONE, str(alone), sysconfig.get_path("platlib")]
    told = subprocess.run(
        [*command, str(package), *trust, "--json"], capture_output=True, text=True, check=False, cwd=alone
    )
    report: dict[str, Any] = json.loads(told.stdout)
    found = [step["verdict"] for step in report["steps"]]
    assert told.returncode == (1 if "FAIL" in found else 2 if "UNKNOWN" in found else 0)
    return found
