"""The entrance for people at a terminal: `archive-service …`."""

from archive_service.cli.main import main

__all__ = ["main"]
