"""The index on a real cluster: the whole contract, and what only a cluster has."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest
from elasticsearch import BadRequestError, Elasticsearch

from archive_service.errors import Unavailable
from archive_service.model.ports import SearchIndex
from archive_service.search.elastic import ElasticIndex
from archive_service.search.index_url import open_index
from tests.contracts.search_documents import plain_document
from tests.contracts.search_index import SearchIndexContract, ask, ids, walk


class TestElasticIndex(SearchIndexContract):
    @pytest.fixture
    def index(self, elasticsearch_url: str, fresh_index_prefix: str) -> Iterator[SearchIndex]:
        index = open_index(elasticsearch_url, name=fresh_index_prefix)
        assert isinstance(index, ElasticIndex)
        yield index
        index.close()


class TestCluster:
    @pytest.fixture
    def client(self, elasticsearch_url: str) -> Iterator[Elasticsearch]:
        with Elasticsearch(elasticsearch_url) as client:
            yield client

    def opened(self, url: str, name: str) -> ElasticIndex:
        index = open_index(url, name=name)
        assert isinstance(index, ElasticIndex)
        return index

    def test_cluster_that_does_not_answer_is_unavailable(self) -> None:
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            index = self.opened(f"http://127.0.0.1:{taken.getsockname()[1]}", "records")
            for use in (
                index.check_ready,
                index.count,
                lambda: index.put([plain_document(1)]),
                lambda: index.remove(ids(1)),
                lambda: index.search(ask("hưu")),
                lambda: list(index.record_ids()),
                lambda: index.build("b-1"),
            ):
                with pytest.raises(Unavailable):
                    use()
            index.close()

    def test_node_that_is_gone_costs_no_search_when_the_url_names_another(
        self, elasticsearch_url: str, fresh_index_prefix: str
    ) -> None:
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            gone = f"127.0.0.1:{taken.getsockname()[1]}"
            index = self.opened(f"http://{gone},{elasticsearch_url.removeprefix('http://')}", fresh_index_prefix)
            index.put([plain_document(1, text="lương hưu")])
            for _ in range(5):
                assert [hit.record_id for hit in index.search(ask("lương hưu")).hits] == ids(1)
            index.close()

    @pytest.mark.parametrize("meta", [{}, {"made_for": "archive-service 0"}])
    def test_foreign_mapping_asks_for_reindex_which_mends_it(
        self, client: Elasticsearch, elasticsearch_url: str, fresh_index_prefix: str, meta: dict[str, str]
    ) -> None:
        foreign = f"{fresh_index_prefix}-foreign"
        client.indices.create(index=foreign, mappings={"_meta": meta}, aliases={fresh_index_prefix: {}})
        index = self.opened(elasticsearch_url, fresh_index_prefix)
        for use in (index.check_ready, lambda: index.put([plain_document(1)]), lambda: index.search(ask("x"))):
            with pytest.raises(Unavailable) as refused:
                use()
            assert "reindex" in refused.value.message.en
        build = index.build("B-1")
        build.add([plain_document(1)])
        build.switch()
        index.check_ready()
        assert index.count() == 1
        assert list(client.indices.get(index=f"{fresh_index_prefix}*")) == [f"{fresh_index_prefix}-b-1"]
        index.close()

    def test_wiped_index_is_made_again_and_nothing_is_created_by_accident(
        self, client: Elasticsearch, elasticsearch_url: str, fresh_index_prefix: str
    ) -> None:
        index = self.opened(elasticsearch_url, fresh_index_prefix)
        index.put([plain_document(1)])
        client.indices.delete(index=f"{fresh_index_prefix}-first")
        index.put([plain_document(2)])
        assert list(index.record_ids()) == ids(2)
        [made] = client.indices.get(index=f"{fresh_index_prefix}*").values()
        assert list(made["aliases"]) == [fresh_index_prefix]
        assert made["mappings"]["dynamic"] == "strict"
        index.close()

    def test_other_process_sees_a_switch_at_once(self, elasticsearch_url: str, fresh_index_prefix: str) -> None:
        index = self.opened(elasticsearch_url, fresh_index_prefix)
        other = self.opened(elasticsearch_url, fresh_index_prefix)
        index.put([plain_document(1)])
        assert other.count() == 1
        build = index.build("b-1")
        build.add(plain_document(number) for number in (2, 3))
        build.switch()
        assert list(other.record_ids()) == ids(2, 3)
        index.close()
        other.close()

    def test_index_keeps_no_text_and_takes_no_unknown_field(
        self, client: Elasticsearch, elasticsearch_url: str, fresh_index_prefix: str
    ) -> None:
        index = self.opened(elasticsearch_url, fresh_index_prefix)
        index.put([plain_document(1, text="bí mật")])
        assert "_source" not in client.get(index=fresh_index_prefix, id=ids(1)[0])
        with pytest.raises(BadRequestError):
            client.index(index=fresh_index_prefix, document={"unknown": 1})
        index.close()

    def test_shape_comes_from_the_url(
        self, client: Elasticsearch, elasticsearch_url: str, fresh_index_prefix: str
    ) -> None:
        index = self.opened(f"{elasticsearch_url}?shards=2&replicas=1", fresh_index_prefix)
        index.put(plain_document(number, text="lương hưu") for number in range(50))
        made = client.indices.get_settings(index=fresh_index_prefix)[f"{fresh_index_prefix}-first"]["settings"]
        assert (made["index"]["number_of_shards"], made["index"]["number_of_replicas"]) == ("2", "1")
        assert sorted(walk(index, ask("lương hưu", size=7))) == ids(*range(50))
        index.close()
