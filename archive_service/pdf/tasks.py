"""Everything a sandboxed process can be asked for, and what is loaded before the first one.

It must never be imported by the archive's own processes: the libraries that read PDF live in the sandbox
only.
"""

from __future__ import annotations

from collections.abc import Mapping

from archive_service.pdf.inspect import inspect
from archive_service.pdf.sandbox_server import Task

TASKS: Mapping[str, Task] = {"inspect": inspect}


def preload(options: Mapping[str, object]) -> None:
    """Load what every process inherits. The libraries are loaded by importing this module."""
