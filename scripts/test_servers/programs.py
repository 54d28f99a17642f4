"""Programs that tests run beside the servers: a PDF/A validator, and a security device made of software.

Fetched by the ordinary clients of their registries, pinned: veraPDF's libraries by the SHA-256 of each, in a lock file;
SoftHSM is the distribution's own.
"""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from test_servers.fetch import fetch_java
from test_servers.machine import Commands, Unobtainable

VERAPDF_VERSION = "1.28.2"
VERAPDF_LOCK = Path(__file__).resolve().parent.parent / "locks" / "verapdf.lock"

_POM = f"""<project xmlns="http://maven.apache.org/POM/4.0.0">
<modelVersion>4.0.0</modelVersion><groupId>test</groupId><artifactId>test</artifactId><version>1</version>
<dependencies><dependency>
<groupId>org.verapdf.apps</groupId><artifactId>greenfield-apps</artifactId><version>{VERAPDF_VERSION}</version>
</dependency></dependencies></project>
"""


@dataclass(frozen=True)
class Program:
    """A program by its name; ``fetch`` returns what ARCHIVE_TEST_<NAME> is to say."""

    name: str
    fetch: Callable[[Path, Commands], str]

    @property
    def variable(self) -> str:
        """The variable that tells a command where it is; with _MISSING, why there is none."""
        return f"ARCHIVE_TEST_{self.name.upper()}"


def fetch_verapdf(cache: Path, commands: Commands) -> str:
    """Return the folder of veraPDF's libraries, downloaded now if the cache lacks it; Java is there then.

    Raises:
        Unobtainable: no Java or Maven can be had, the download fails, or a library is not the one expected.
    """
    fetch_java(commands)
    target = cache / f"verapdf-{VERAPDF_VERSION}"
    if target.exists():
        return str(target)
    if shutil.which("mvn") is None:
        commands.apt_install("maven", "openjdk-17-jre-headless")
    workshop, partial = cache / "verapdf-maven", cache / f"verapdf-{VERAPDF_VERSION}.partial"
    shutil.rmtree(partial, ignore_errors=True)
    workshop.mkdir(exist_ok=True)
    (workshop / "pom.xml").write_text(_POM)
    copy = ["dependency:copy-dependencies", f"-DoutputDirectory={partial}", f"-Dmaven.repo.local={workshop}/kept"]
    commands.run(["mvn", "--batch-mode", "--quiet", "--file", workshop / "pom.xml", *copy])
    _require_as_locked(partial)
    partial.rename(target)
    shutil.rmtree(workshop, ignore_errors=True)
    return str(target)


def _require_as_locked(folder: Path) -> None:
    lines = (line.split() for line in VERAPDF_LOCK.read_text().splitlines())
    wanted = {name: digest for digest, name in lines}
    found = {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in folder.iterdir()}
    if found != wanted:
        names = sorted(name for name in wanted.keys() | found.keys() if wanted.get(name) != found.get(name))
        raise Unobtainable(f"veraPDF's libraries are not those expected: {', '.join(names)}")


def fetch_softhsm(_: Path, commands: Commands) -> str:
    """Return SoftHSM's driver library, installed now if it is not there.

    Raises:
        Unobtainable: it cannot be installed.
    """
    for _try in range(2):
        found = next(iter(sorted(Path("/usr/lib").glob("**/libsofthsm2.so"))), None)
        if found is not None and shutil.which("softhsm2-util") is not None:
            return str(found)
        commands.apt_install("softhsm2")
    raise Unobtainable("no SoftHSM")


PROGRAMS = (Program("verapdf", fetch_verapdf), Program("softhsm", fetch_softhsm))
