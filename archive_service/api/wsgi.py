"""What an HTTP server calls to get the application: settings from the environment, everything opened."""

from __future__ import annotations

import atexit
import multiprocessing
import os
import signal
import time
from contextlib import ExitStack

from flask import Flask

from archive_service.api.app import create_app
from archive_service.bootstrap import open_archive
from archive_service.logs import configure_logs
from archive_service.orphans import follow_parent
from archive_service.settings import load_settings

# Requests in flight get this long to end after the serving process was killed.
_GRACE_SECONDS = 5.0


def _end() -> None:
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(_GRACE_SECONDS)
    os._exit(1)


def build() -> Flask:
    """Return the application over the archive that the settings name; closed when the process ends."""
    # Its own word for its parent: one that was killed by now has been replaced in the system's.
    parent = multiprocessing.parent_process()
    follow_parent(os.getppid() if parent is None or parent.pid is None else parent.pid, _end)
    settings = load_settings()
    configure_logs(settings.log_level, settings.log_format)
    stack = ExitStack()
    atexit.register(stack.close)
    archive = stack.enter_context(open_archive(settings, pdf_processes=settings.checker_processes or None))
    return create_app(archive, max_metadata_bytes=settings.max_metadata_bytes, web_threads=settings.web_threads)
