"""veraPDF, the reference validator of PDF/A, asked about files."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Sequence
from pathlib import Path

from tests.servers import program_place


def failures(files: Sequence[Path]) -> dict[str, list[str]]:
    """Return the rules of PDF/A-2b that each file breaks, by file name; a file that conforms breaks none.

    Skips the test where there is no veraPDF, fails it in CI.
    """
    libraries = program_place("verapdf", os.environ)
    command = ["java", "-cp", f"{libraries}/*", "org.verapdf.apps.GreenfieldCliWrapper"]
    arguments = ["--flavour", "2b", "--format", "text", "--verbose", *map(str, files)]
    told = subprocess.run([*command, *arguments], capture_output=True, text=True, timeout=110, check=False).stdout
    found: dict[str, list[str]] = {}
    for line in told.splitlines():
        verdict, _, rest = line.strip().partition(" ")
        if verdict in ("PASS", "FAIL") and rest.startswith("/"):
            current = found.setdefault(Path(rest.removesuffix(" 2b")).name, [])
        elif verdict == "FAIL":
            current.append(rest)
    assert set(found) == {file.name for file in files}, told
    return found
