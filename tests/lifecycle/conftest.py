"""The archive that each test of a step begins with."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.archives import TestArchive, open_test_archive


@pytest.fixture
def ours(tmp_path: Path) -> Iterator[TestArchive]:
    """Give an archive of Đà Nẵng and its neighbours, empty but for its reference data."""
    with open_test_archive(tmp_path) as opened:
        yield opened
