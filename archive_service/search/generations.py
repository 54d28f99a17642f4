"""The embedded index's folder: generations side by side, and a pointer to the one in use.

``<folder>/current`` names a generation, ``<folder>/<generation>/`` holds it, and ``made-for`` in it tells the
schema it was made for. The pointer is replaced by one rename, so that a reader sees the old generation or the
new one and nothing between. Knows nothing of what a generation holds.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

from archive_service.errors import InvalidInput, Message

_POINTER = "current"
_MADE_FOR = "made-for"
_IN_USE_ONCE = "in-use-since"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9-]{0,99}")
# A second folder name for each build name: a build may carry the name of the generation in use.
_OTHER = ".other"

# A generation's name and the inode of its folder.
Identity = tuple[str, int]


class Generations:
    """The generations under one folder. Every method may be called by several processes at once."""

    def __init__(self, folder: Path, made_for: str) -> None:
        self._folder = folder
        self._made_for = made_for

    def current(self) -> str | None:
        """Return the name of the generation in use, None where there is none yet."""
        try:
            return (self._folder / _POINTER).read_text(encoding="ascii").strip() or None
        except FileNotFoundError:
            return None

    def path(self, generation: str) -> Path:
        """Return the folder of a generation."""
        return self._folder / generation

    def identity(self, generation: str) -> Identity:
        """Return what changes when the folder of a generation was removed and made again under its name."""
        return generation, self.path(generation).stat().st_ino

    def fits(self, generation: str) -> bool:
        """Return whether the generation was made for this schema."""
        try:
            return (self.path(generation) / _MADE_FOR).read_text(encoding="ascii") == self._made_for
        except FileNotFoundError:
            return False

    def for_build(self, name: str) -> str:
        """Return the generation in which a build of ``name`` goes on or begins, its folder made.

        What an earlier build of another schema, or one that was in use before, left under that name is
        removed. Raises InvalidInput for a name that is not of letters, digits and hyphens.
        """
        if not _NAME.fullmatch(name):
            raise InvalidInput(
                Message(
                    "The name of an index build has letters, digits and hyphens only.",
                    "Tên của lần dựng chỉ mục chỉ gồm chữ cái, chữ số và dấu gạch nối.",
                )
            )
        with self._exclusively():
            generation = name + _OTHER if self.current() == name else name
            path = self.path(generation)
            if path.exists() and ((path / _IN_USE_ONCE).exists() or not self.fits(generation)):
                shutil.rmtree(path)
            self._make(path)
        return generation

    def first(self) -> str:
        """Return the generation in use, an empty one made where there is none."""
        with self._exclusively():
            generation = self.current()
            if generation is None:
                generation = "first"
                shutil.rmtree(self.path(generation), ignore_errors=True)
                self._make(self.path(generation))
                self._point_at(generation)
            return generation

    def switch(self, generation: str) -> None:
        """Put ``generation`` in use and remove the one that was; a kill leaves one of them in use."""
        with self._exclusively():
            old = self.current()
            self._point_at(generation)
            if old is not None and old != generation:
                shutil.rmtree(self.path(old), ignore_errors=True)

    def drop(self, generation: str) -> None:
        """Remove a generation that is not in use."""
        with self._exclusively():
            if self.current() != generation:
                shutil.rmtree(self.path(generation), ignore_errors=True)

    def _make(self, path: Path) -> None:
        path.mkdir(parents=True, exist_ok=True)
        _write_durably(path / _MADE_FOR, self._made_for)

    def _point_at(self, generation: str) -> None:
        _write_durably(self.path(generation) / _IN_USE_ONCE, "")
        _write_durably(self._folder / _POINTER, generation)

    @contextlib.contextmanager
    def _exclusively(self) -> Iterator[None]:
        self._folder.mkdir(parents=True, exist_ok=True)
        with (self._folder / "lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield


def _write_durably(path: Path, text: str) -> None:
    """Replace a file by one rename; it holds the old text or the new one, also after a power cut."""
    temporary = path.with_name(f"{path.name}.{os.getpid()}.new")
    with temporary.open("w", encoding="ascii") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
