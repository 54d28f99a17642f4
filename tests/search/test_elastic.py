"""The index on a real cluster: the whole contract, and what only a cluster has."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from archive_service.model.ports import SearchIndex
from archive_service.search.elastic import ElasticIndex
from archive_service.search.index_url import open_index
from tests.contracts.search_index import SearchIndexContract


class TestElasticIndex(SearchIndexContract):
    @pytest.fixture
    def index(self, elasticsearch_url: str, fresh_index_prefix: str) -> Iterator[SearchIndex]:
        index = open_index(elasticsearch_url, name=fresh_index_prefix)
        assert isinstance(index, ElasticIndex)
        yield index
        index.close()
