"""The archive that is lost and brought back in each test, on every column of real parts."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.recovery.places import COLUMNS, Place, fresh_urls, open_place


@pytest.fixture(params=COLUMNS)
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Place]:
    """Give an empty archive on a fresh register and store."""
    urls = fresh_urls(request.param, tmp_path / "first", request)
    with open_place(urls, tmp_path / "first") as opened:
        yield opened
