"""Makes the image: a Debian base by debootstrap, kept in the cache, and the Dockerfile built on it by buildah.

Images and containers live in a folder of this run's own, never in the machine's image storage.
"""

from __future__ import annotations

import json
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from test_servers.machine import Commands, Unobtainable

PROJECT = Path(__file__).resolve().parents[2]

SUITE = "bookworm"
"""The Debian release that the Dockerfile names as its base."""

IMAGE = "localhost/archive-service:test"
BASE = "localhost/debian-base:test"

# Certificates that this machine trusts beyond Debian's own; the build downloads through the same proxy, if any.
LOCAL_CERTIFICATES = Path("/usr/local/share/ca-certificates")


@dataclass(frozen=True)
class Builder:
    """buildah, with its images and containers in one folder."""

    commands: Commands
    folder: Path
    driver: str

    def command(self, *words: str | Path) -> list[str]:
        """Return how buildah is called on this folder."""
        return _buildah(self.folder, self.driver, *words)

    def run(self, *words: str | Path) -> str:
        """Run buildah and return what it printed.

        Raises:
            Unobtainable: it failed; the reason ends with its last lines.
        """
        return self.commands.run(self.command(*words)).strip()

    def import_base(self, archive: Path) -> None:
        """Make the base image of a file system archive, with what this machine trusts."""
        container = self.run("from", "scratch")
        self.run("add", "--quiet", container, archive, "/")
        if LOCAL_CERTIFICATES.is_dir():
            root = Path(self.run("mount", container))
            shutil.copytree(LOCAL_CERTIFICATES, root / LOCAL_CERTIFICATES.relative_to("/"), dirs_exist_ok=True)
            self.run("umount", container)
        self.run("commit", "--quiet", "--rm", container, BASE)

    def build(self) -> None:
        """Build the project's Dockerfile on that base."""
        how = ["--isolation", "chroot", "--pull-never", "--network", "host", "--build-arg", f"BASE={BASE}"]
        self.run("bud", *how, "--tag", IMAGE, PROJECT)

    def config(self) -> dict[str, Any]:
        """Return the image's configuration, as the image specification of the OCI names its parts."""
        config: dict[str, Any] = json.loads(self.run("inspect", "--type", "image", IMAGE))["OCIv1"]["config"]
        return config

    def clear(self) -> None:
        """Remove every container and image of this folder."""
        self.run("rm", "--all")
        self.run("rmi", "--all", "--force")


def open_builder(folder: Path, commands: Commands) -> Builder:
    """Return a builder on a new folder, with layers that share their files where the file system below lets them."""
    try:
        commands.run(_buildah(folder, "overlay", "info"))
    except Unobtainable:
        return Builder(commands, folder / "copies", "vfs")
    return Builder(commands, folder, "overlay")


def _buildah(folder: Path, driver: str, *words: str | Path) -> list[str]:
    places = ["--root", folder / "storage", "--runroot", folder / "run", "--storage-driver", driver]
    return [str(word) for word in ("buildah", *places, *words)]


def fetch_base(cache: Path, commands: Commands) -> Path:
    """Return the archive of a minimal Debian, made now if the cache lacks it.

    Raises:
        Unobtainable: it cannot be downloaded or unpacked here.
    """
    target = cache / f"debian-{SUITE}-minbase.tar"
    if target.exists():
        return target
    partial = target.with_suffix(".partial")
    with tempfile.TemporaryDirectory(prefix="archive-image-base-") as folder:
        root = Path(folder) / "root"
        commands.run(["debootstrap", "--variant=minbase", SUITE, root])
        commands.run(["chroot", root, "apt-get", "clean"])
        commands.run(["tar", "--create", "--numeric-owner", f"--directory={root}", f"--file={partial}", "."])
    partial.rename(target)
    return target
