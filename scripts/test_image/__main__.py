"""The command of `scripts/test-image`.

It leaves nothing behind but the base in the cache, and says why when the image cannot be built here.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from types import FrameType

from test_image.build import IMAGE, PROJECT, Builder, fetch_base, open_builder
from test_servers.fetch import cache_folder
from test_servers.machine import Commands, Unobtainable

DESCRIPTION = """\
Builds the image from the Dockerfile, starts it, and runs tests/image and the journey of a record against it.

Needs root and Debian's package client. Where it cannot run it says so and exits 0; with CI=true, 1.
The base image's archive stays in $ARCHIVE_TEST_CACHE, as the downloads of scripts/test-servers do; remove
debian-*.tar there for a newer one.
"""

JOURNEY = "tests/journeys/test_life_of_a_record.py"
EMBEDDED = "sqlite and folder"

# Where tests/ finds what is to be tested (tests/running.py, tests/image/conftest.py).
COMMAND, USER, SITE = "ARCHIVE_TEST_COMMAND", "ARCHIVE_TEST_USER", "ARCHIVE_TEST_IMAGE"


def main(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(
        prog="scripts/test-image", description=DESCRIPTION, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.parse_args(arguments)
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _interrupt)
    folder = Path(tempfile.mkdtemp(prefix="archive-test-image-"))
    folder.chmod(0o711)
    try:
        _require_rights()
        return _test(folder)
    except Unobtainable as reason:
        is_ci = os.environ.get("CI") == "true"
        _say(f"{'failed' if is_ci else 'skipped'}: {reason}")
        return 1 if is_ci else 0
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _test(folder: Path) -> int:
    """Build, mount, and run the tests; return pytest's exit code."""
    commands = Commands()
    commands.apt_install("buildah", "debootstrap", "ca-certificates")
    builder = open_builder(folder / "images", commands)
    cache = cache_folder()
    cache.mkdir(parents=True, exist_ok=True)
    begun = time.monotonic()
    base = fetch_base(cache, commands)
    _say(f"base: there after {time.monotonic() - begun:.0f} s")
    try:
        builder.import_base(base)
        builder.build()
        container = builder.run("from", "--pull-never", IMAGE)
        root = Path(builder.run("mount", container))
        size = sum(path.lstat().st_blocks * 512 for path in root.rglob("*"))
        _say(f"image: {size / 1e6:.0f} MB, built after {time.monotonic() - begun:.0f} s")
        return _run_tests(folder, _describe(folder, builder, container, root))
    finally:
        builder.clear()


def _describe(folder: Path, builder: Builder, container: str, root: Path) -> Path:
    """Write down what the tests need to know of the image, and return the file."""
    tests = folder / "tests"
    tests.mkdir(mode=0o711)
    site = folder / "site.json"
    described = {
        "root": str(root),
        "folder": str(tests),
        "readable": [str(PROJECT / "examples")],
        "config": builder.config(),
        "run": builder.command("run", "--isolation", "chroot", "--network", "host"),
        "container": container,
    }
    site.write_text(json.dumps(described), encoding="utf-8")
    return site


def _run_tests(folder: Path, site: Path) -> int:
    described = json.loads(site.read_text(encoding="utf-8"))
    enter = Path(__file__).with_name("enter.py")
    environment = {
        **os.environ,
        SITE: str(site),
        COMMAND: f"{sys.executable} {enter} {site}",
        USER: described["config"]["User"].partition(":")[0],
    }
    chosen = ["tests/image", JOURNEY, "-k", f"image or ({EMBEDDED})", f"--basetemp={folder / 'tests' / 'run'}"]
    tests = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", *chosen]
    return subprocess.run(tests, cwd=PROJECT, env=environment, check=False).returncode


def _require_rights() -> None:
    """Raise Unobtainable unless this process may mount."""
    if os.geteuid() != 0:
        raise Unobtainable("building and entering the image needs root")
    if subprocess.run(["unshare", "--mount", "true"], capture_output=True, check=False).returncode != 0:
        raise Unobtainable("this machine lets nobody mount (unshare --mount)")


def _interrupt(number: int, _frame: FrameType | None) -> None:
    raise SystemExit(128 + number)


def _say(message: str) -> None:
    print(f"[test-image] {message}", file=sys.stderr, flush=True)


sys.exit(main(sys.argv[1:]))
