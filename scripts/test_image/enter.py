#!/usr/bin/env python3
"""Runs `archive-service ARGUMENTS` in an unpacked image, held as tightly as compose.yaml holds it.

The root file system is read-only, /tmp is the only other place to write beside the mounted folder, no capability is
left and none can be gained, and the user is the image's own. What is started takes the place of this process, so that
signals and exit codes are its own. Needs root, for the mounts; the machine's mounts are never changed.

    enter.py SITE ARGUMENTS     SITE: JSON file with `root`, `folder`, `readable` (folders) and `config` (of the image)
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

OWN_MOUNTS = "--own-mounts"


def main(arguments: list[str]) -> None:
    if arguments[0] != OWN_MOUNTS:
        own = ["unshare", "--mount", "--propagation", "private", sys.executable, __file__, OWN_MOUNTS, *arguments]
        os.execvp(own[0], own)
    site = json.loads(Path(arguments[1]).read_text(encoding="utf-8"))
    _mount(Path(site["root"]), Path(site["folder"]), [Path(folder) for folder in site["readable"]])
    _become(Path(site["root"]), site["config"], arguments[2:])


def _mount(root: Path, folder: Path, readable: list[Path]) -> None:
    """Put together what the process sees; everything vanishes with the last process that sees it."""
    _run("mount", "--bind", root, root)
    _run("mount", "-t", "tmpfs", "-o", "mode=1777,nosuid,nodev,noexec", "tmpfs", root / "tmp")
    _run("mount", "-t", "proc", "proc", root / "proc")
    _run("mount", "--rbind", "/dev", root / "dev")
    for path in (folder, *readable):
        inside = root / path.relative_to("/")
        inside.mkdir(parents=True, exist_ok=True)
        _run("mount", "--bind", path, inside)
    for path in readable:
        _run("mount", "-o", "remount,bind,ro", root / path.relative_to("/"))
    _run("mount", "-o", "remount,bind,ro", root)


def _become(root: Path, config: dict[str, Any], arguments: list[str]) -> None:
    """Become the image's entry point, with the image's environment and this one's ARCHIVE_ settings, and no right."""
    user, _, group = config["User"].partition(":")
    image = dict(setting.split("=", 1) for setting in config["Env"])
    own = {name: value for name, value in os.environ.items() if name.startswith("ARCHIVE_")}
    os.chroot(root)
    os.chdir(config["WorkingDir"])
    rights = [f"--reuid={user}", f"--regid={group}", "--clear-groups", "--no-new-privs"]
    rights += ["--bounding-set=-all", "--inh-caps=-all"]
    command = ["setpriv", *rights, *config["Entrypoint"], *arguments]
    os.execvpe(command[0], command, {**image, **own})


def _run(*words: str | Path) -> None:
    subprocess.run([str(word) for word in words], check=True)


if __name__ == "__main__":
    main(sys.argv[1:])
