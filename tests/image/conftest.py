"""What the tests know of the image: only `scripts/test-image` has one, and without it none of them is collected."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

collect_ignore_glob = [] if "ARCHIVE_TEST_IMAGE" in os.environ else ["test_*.py"]


@dataclass(frozen=True, slots=True)
class Image:
    """The built image: its unpacked files, its configuration, and how buildah runs a command in it."""

    root: Path
    config: dict[str, Any]
    run: list[str]
    container: str

    def in_container(self, *words: str, options: tuple[str, ...] = ()) -> list[str]:
        """Return the command that runs WORDS in a container of the image."""
        return [*self.run, *options, self.container, "--", *words]


@pytest.fixture(scope="session")
def image() -> Image:
    """Return the image that is to be tested."""
    site = json.loads(Path(os.environ["ARCHIVE_TEST_IMAGE"]).read_text(encoding="utf-8"))
    return Image(Path(site["root"]), site["config"], site["run"], site["container"])
