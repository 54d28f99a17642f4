"""An auditor beside the archive: with nothing of it but the checker, and with keys and roots of his own."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.running import PROJECT

_NAME = "witness.example"

# Runs a program of the checker from a folder of its own: without site (-S) no installed project is on the path.
_ALONE = (
    "import sys, runpy; sys.path[:0] = sys.argv[1:3]; module = sys.argv[3]; del sys.argv[1:4]\n"
    "try: import archive_service\n"
    "except ImportError: pass\n"
    "else: raise SystemExit('the service can be imported')\n"
    "runpy.run_module(module, run_name='__main__')"
)


@dataclass(frozen=True, slots=True)
class Auditor:
    """His folder: a copy of the checker, and the key he witnesses with."""

    folder: Path

    @classmethod
    def with_a_key(cls, folder: Path) -> Auditor:
        """Give him the checker, and let him make his key."""
        shutil.copytree(PROJECT / "archive_verify", folder / "archive_verify")
        auditor = cls(folder)
        made = auditor._run("archive_verify.witness", "key", "--name", _NAME, "--key", str(folder / "key.pem"))
        assert made.returncode == 0, made.stderr
        auditor.verifier_key_file.write_text(made.stdout, encoding="ascii")
        return auditor

    @property
    def verifier_key_file(self) -> Path:
        """What others check his cosignatures with."""
        return self.folder / "witness.vkey"

    def cosign(self, url: str, api_key: str, log_keys: Path) -> None:
        """See the log as it is now, and sign that."""
        done = self._run(
            *("archive_verify.witness", "cosign", "--name", _NAME, "--key", str(self.folder / "key.pem")),
            *("--url", url, "--log-key", str(log_keys), "--state", str(self.folder / "state")),
            environment={"ARCHIVE_API_KEY": api_key},
        )
        assert done.returncode == 0, done.stderr

    def verdicts(self, package: Path, *trust: str) -> list[str]:
        """Return the verdicts of the ten steps."""
        told = self._run("archive_verify", str(package), *trust, "--json")
        report: dict[str, Any] = json.loads(told.stdout)
        found = [step["verdict"] for step in report["steps"]]
        assert told.returncode == (1 if "FAIL" in found else 2 if "UNKNOWN" in found else 0)
        return found

    def _run(
        self, module: str, *arguments: str, environment: Mapping[str, str] | None = None
    ) -> subprocess.CompletedProcess[str]:
        libraries = sysconfig.get_path("platlib")
        command = [sys.executable, "-I", "-S", "-c", _ALONE, str(self.folder), libraries, module, *arguments]
        return subprocess.run(
            command, capture_output=True, text=True, check=False, cwd=self.folder, env=dict(environment or {})
        )
