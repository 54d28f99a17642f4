"""Starts the archive's commands from a process that has everything imported: a start costs milliseconds, not seconds.

The command is the same, in a process of its own, and is killed like any other.
"""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Mapping
from multiprocessing.process import BaseProcess
from pathlib import Path

from tests.running import environment

_START = multiprocessing.get_context("forkserver")
_START.set_forkserver_preload(
    [
        "alembic.command",
        "archive_service.cli.deposit_folder",
        "archive_service.cli.host",
        "archive_service.cli.serve",
        "archive_service.storage.register.register",
        "archive_service.search.embedded",
        "sqlalchemy.dialects.sqlite",
        "tests.faults.warm",
    ]
)


def start(arguments: tuple[str, ...], settings: Mapping[str, str], log: Path) -> BaseProcess:
    """Start ``archive-service ARGUMENTS``; what it prints goes to the end of the log file."""
    process = _START.Process(target=_run, args=(arguments, dict(settings), log), daemon=True)
    process.start()
    return process


def _run(arguments: tuple[str, ...], settings: Mapping[str, str], log: Path) -> None:
    from archive_service.cli import main

    with log.open("ab") as written:
        os.dup2(written.fileno(), 1)
        os.dup2(written.fileno(), 2)
    own = environment(settings)
    os.environ.clear()
    os.environ.update(own)
    main(list(arguments), prog_name="archive-service")
