"""Which files lie in an operator's folders of trust, and whether any of them changed. Nothing is read here."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

# Forms in which authorities publish certificates and revocation lists; anything else there is no concern of ours.
_SUFFIXES = frozenset({".pem", ".crt", ".cer", ".der", ".crl"})


def files_in(folder: str | None) -> list[Path]:
    """Return the files of certificates and lists in the folder, in name order. Raises OSError."""
    if folder is None:
        return []
    return sorted(path for path in Path(folder).iterdir() if path.suffix.lower() in _SUFFIXES and path.is_file())


def trust_state(folders: Mapping[str, str | None]) -> tuple[tuple[str, int, int], ...]:
    """Return what changes whenever a file of the folders does: names, sizes and times.

    A folder that cannot be listed counts as empty here: reading it is what tells.
    """
    found = []
    for folder in folders.values():
        try:
            for path in files_in(folder):
                seen = path.stat()
                found.append((str(path), seen.st_size, seen.st_mtime_ns))
        except OSError:
            found.append((str(folder), -1, -1))
    return tuple(found)
