"""The embedded index: the whole contract, and what only a folder has."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from archive_service.search.embedded import EmbeddedIndex
from tests.contracts.search_index import SearchIndexContract


class TestEmbeddedIndex(SearchIndexContract):
    @pytest.fixture
    def index(self, tmp_path: Path) -> Iterator[EmbeddedIndex]:
        index = EmbeddedIndex(tmp_path / "index")
        yield index
        index.close()
