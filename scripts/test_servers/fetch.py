"""Fetches each server once into the cache, by the ordinary clients of its package registry.

What is fetched is pinned: Go modules by version (and Go's checksum database), the search engine by its
SHA-256, the Go compiler by the hashes of its lock file; PostgreSQL is the distribution's own.
It never builds or downloads what the cache already holds.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import sys
import threading
from pathlib import Path

from test_servers.machine import Commands, Unobtainable

GO_MINIMUM = (1, 25)
"""The oldest Go that builds both object stores."""

JAVA_MINIMUM = 17
"""The oldest Java that the search engine starts on."""

POSTGRESQL_MINIMUM = 15

ELASTICSEARCH_VERSION = "8.19.21"
ELASTICSEARCH_SHA256 = "215d5f3dbf0609a149f6218a9e47b6ae2df34ebbff3c5754e35f15a5e5393c8a"

GO_LOCK = Path(__file__).resolve().parent.parent / "locks" / "go.lock"


def cache_folder() -> Path:
    """Return where downloads stay: $ARCHIVE_TEST_CACHE, or a folder of the user's cache."""
    chosen = os.environ.get("ARCHIVE_TEST_CACHE")
    if chosen:
        return Path(chosen).resolve()
    cache = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(cache).resolve() / "archive-service" / "test-servers"


class GoPrograms:
    """Programs built from pinned Go modules, into the cache."""

    def __init__(self, cache: Path, commands: Commands) -> None:
        self._cache = cache
        self._commands = commands
        self._compiler: Path | None = None
        self._guard = threading.Lock()

    def fetch(self, package: str, version: str) -> Path:
        """Return the program's path, built now if the cache lacks it.

        Raises:
            Unobtainable: no Go can be had, or the build fails.
        """
        name = package.rsplit("/", 1)[-1]
        target = self._cache / f"{name}-{version}" / name
        if target.exists():
            return target
        compiler = self._require_compiler()
        built = self._installed_before(compiler, name, package, version)
        if built is None:
            built = self._build(compiler, name, f"{package}@{version}")
        target.parent.mkdir(parents=True, exist_ok=True)
        partial = target.with_suffix(".partial")
        shutil.copy2(built, partial)
        partial.rename(target)
        return target

    def forget_sources(self) -> None:
        """Remove what only the building needed, several times the size of the programs."""
        shutil.rmtree(self._cache / "go-build", ignore_errors=True)

    def _build(self, compiler: Path, name: str, module: str) -> Path:
        print(f"[test-servers] building {module} (minutes, once)", file=sys.stderr, flush=True)
        workshop = self._cache / "go-build"
        (workshop / "tmp").mkdir(parents=True, exist_ok=True)
        environment = {
            "GOPATH": str(workshop),
            "GOBIN": str(workshop / "bin"),
            "GOMODCACHE": str(workshop / "mod"),
            "GOCACHE": str(workshop / "cache"),
            "GOTMPDIR": str(workshop / "tmp"),
            "GOFLAGS": "-modcacherw -buildvcs=false",
            "GOTOOLCHAIN": "local",  # the compiler found is new enough: none is downloaded
            "CGO_ENABLED": "0",  # needs no C compiler
        }
        self._commands.run([compiler, "install", module], environment)
        return workshop / "bin" / name

    def _installed_before(self, compiler: Path, name: str, package: str, version: str) -> Path | None:
        """Return a program that the user installed with Go already, if it is of exactly this version."""
        folder = self._commands.run([compiler, "env", "GOPATH"]).strip()
        candidate = Path(folder) / "bin" / name
        if not candidate.exists():
            return None
        build = [line.split() for line in self._commands.run([compiler, "version", "-m", candidate]).splitlines()]
        module = next((line for line in build if line[:1] == ["mod"]), [])
        is_same = ["path", package] in build and module[2:3] == [version]
        return candidate if is_same else None

    def _require_compiler(self) -> Path:
        """Return a Go that is new enough: the machine's own, or one fetched into the cache."""
        with self._guard:
            if self._compiler is None:
                self._compiler = self._own_compiler() or self._fetch_compiler()
            return self._compiler

    def _own_compiler(self) -> Path | None:
        found = shutil.which("go")
        if found is None:
            return None
        version = re.match(r"go(\d+)\.(\d+)", self._commands.run([found, "env", "GOVERSION"]))
        if version is None or (int(version[1]), int(version[2])) < GO_MINIMUM:
            return None
        return Path(found)

    def _fetch_compiler(self) -> Path:
        print("[test-servers] fetching a Go compiler", file=sys.stderr, flush=True)
        home = self._cache / "go"
        compiler = home / "bin" / "go"
        if not compiler.exists():
            self._commands.apt_install("ca-certificates", "python3-venv")
            self._commands.run([sys.executable, "-m", "venv", "--clear", home])
            install = ["-m", "pip", "install", "--quiet", "--require-hashes", "--requirement"]
            certificates = Path("/etc/ssl/certs/ca-certificates.crt")
            trust = {} if "PIP_CERT" in os.environ or not certificates.exists() else {"PIP_CERT": str(certificates)}
            self._commands.run([home / "bin" / "python", *install, GO_LOCK], trust)
        return compiler


def fetch_elasticsearch(cache: Path, commands: Commands) -> Path:
    """Return the search engine's archive (ZIP), downloaded now if the cache lacks it.

    Raises:
        Unobtainable: no Maven can be had, the download fails, or its SHA-256 is not the expected one.
    """
    name = f"elasticsearch-{ELASTICSEARCH_VERSION}.zip"
    target = cache / name
    if target.exists():
        return target
    group = Path("org/elasticsearch/distribution/integ-test-zip/elasticsearch")
    downloaded = Path.home() / ".m2" / "repository" / group / ELASTICSEARCH_VERSION / name
    workshop = cache / "maven"
    if not downloaded.exists():
        print(f"[test-servers] fetching {name}", file=sys.stderr, flush=True)
        if shutil.which("mvn") is None:
            commands.apt_install("maven", "openjdk-17-jre-headless")
        artifact = f"org.elasticsearch.distribution.integ-test-zip:elasticsearch:{ELASTICSEARCH_VERSION}:zip"
        get = ["dependency:get", f"-Dartifact={artifact}", "-Dtransitive=false"]
        commands.run(["mvn", "--batch-mode", "--quiet", f"-Dmaven.repo.local={workshop}", *get])
        downloaded = workshop / group / ELASTICSEARCH_VERSION / name
    partial = target.with_suffix(".partial")
    shutil.copyfile(downloaded, partial)
    digest = _sha256(partial)
    if digest != ELASTICSEARCH_SHA256:
        partial.unlink()
        raise Unobtainable(f"{name} has SHA-256 {digest}, expected {ELASTICSEARCH_SHA256}")
    partial.rename(target)
    shutil.rmtree(workshop, ignore_errors=True)
    return target


def fetch_java(commands: Commands) -> Path:
    """Return the home of a Java that is new enough: the one on the PATH, or Debian's.

    Raises:
        Unobtainable: there is none, and none can be installed.
    """
    found = shutil.which("java")
    if found is None or _java_version(found, commands) < JAVA_MINIMUM:
        commands.apt_install("openjdk-17-jre-headless")
        found = next((str(java) for java in sorted(Path("/usr/lib/jvm").glob("java-17-openjdk-*/bin/java"))), None)
    if found is None:
        raise Unobtainable(f"no Java {JAVA_MINIMUM} or newer")
    return Path(found).resolve().parent.parent


def _java_version(java: str, commands: Commands) -> int:
    match = re.search(r"^openjdk (\d+)|^java (\d+)", commands.run([java, "--version"]), re.MULTILINE)
    return int(match[1] or match[2]) if match else 0


def fetch_postgresql(commands: Commands) -> Path:
    """Return the folder with `initdb` and `postgres`, of the newest version installed.

    Raises:
        Unobtainable: there is none, and none can be installed.
    """
    found = _postgresql_programs()
    if found is None:
        print("[test-servers] installing PostgreSQL", file=sys.stderr, flush=True)
        commands.apt_install("postgresql")
        found = _postgresql_programs()
    if found is None:
        raise Unobtainable(f"no PostgreSQL {POSTGRESQL_MINIMUM} or newer")
    return found


def _postgresql_programs() -> Path | None:
    installed = {
        int(initdb.parent.parent.name): initdb.parent
        for initdb in Path("/usr/lib/postgresql").glob("*/bin/initdb")
        if initdb.parent.parent.name.isdigit()
    }
    newest = max(installed, default=0)
    if newest >= POSTGRESQL_MINIMUM:
        return installed[newest]
    on_path = shutil.which("initdb")
    return Path(on_path).resolve().parent if on_path else None


def _sha256(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as stream:
        while block := stream.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()
