"""How commands of the archive's host open it: by the service's own settings, its register brought to this version."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from archive_service.bootstrap import open_archive, upgrade_register
from archive_service.model.archive import Archive
from archive_service.settings import Settings, load_settings


def upgraded_settings() -> Settings:
    """Return the settings, once the register they name has this version's schema. Raises Misconfigured, Unavailable."""
    settings = load_settings()
    upgrade_register(settings)
    return settings


@contextmanager
def opened_archive() -> Iterator[Archive]:
    """Open the archive of the settings. Raises Misconfigured, Unavailable."""
    with open_archive(upgraded_settings()) as archive:
        yield archive
