"""The same documents and queries give the same hits in the same order class on both engines."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from archive_service.model.ports import SearchIndex
from archive_service.model.query import Facet, Hit, SearchQuery, Sort, parse_query
from archive_service.search.embedded import EmbeddedIndex
from archive_service.search.embedded_paging import Limits
from archive_service.search.index_url import open_index
from tests.contracts.search_index import EVERYWHERE, documents_and_queries
from tests.servers import fresh_index_prefix

DOCUMENTS, QUERIES = documents_and_queries()


@pytest.fixture(scope="module")
def engines(
    elasticsearch_url: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[SearchIndex, SearchIndex]]:
    embedded = EmbeddedIndex(Path(tmp_path_factory.mktemp("index")))
    embedded.put(DOCUMENTS)
    with fresh_index_prefix(elasticsearch_url) as prefix:
        cluster = open_index(elasticsearch_url, name=prefix)
        cluster.put(DOCUMENTS)
        yield embedded, cluster
    embedded.close()


def order_classes(hits: tuple[Hit, ...]) -> dict[str, int]:
    """Return the class of each hit: the whole part of its score, as the weights of the plan are made."""
    return {hit.record_id: int(hit.score) for hit in hits}


@pytest.fixture(scope="module")
def tiered(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SearchIndex]:
    index = EmbeddedIndex(Path(tmp_path_factory.mktemp("tiered")), Limits(scored=0))
    index.put(DOCUMENTS)
    yield index
    index.close()


@pytest.mark.parametrize("typed", QUERIES)
def test_what_is_not_scored_is_in_the_same_order_class(
    engines: tuple[SearchIndex, SearchIndex], tiered: SearchIndex, typed: str
) -> None:
    query = SearchQuery(parse_query(typed), EVERYWHERE, size=300)
    scored, unscored = engines[0].search(query), tiered.search(query)
    assert order_classes(scored.hits) == order_classes(unscored.hits)
    assert scored.total == unscored.total
    classes = list(order_classes(unscored.hits).values())
    assert classes == sorted(classes, reverse=True)


@pytest.mark.parametrize("typed", QUERIES)
def test_same_hits_in_the_same_order_class(engines: tuple[SearchIndex, SearchIndex], typed: str) -> None:
    query = SearchQuery(parse_query(typed), EVERYWHERE, size=300, facets=tuple(Facet))
    embedded, cluster = (engine.search(query) for engine in engines)
    assert embedded.total == cluster.total == len(embedded.hits)
    assert order_classes(embedded.hits) == order_classes(cluster.hits)
    for page in (embedded, cluster):
        classes = list(order_classes(page.hits).values())
        assert classes == sorted(classes, reverse=True)
    assert embedded.facets == cluster.facets


@pytest.mark.parametrize("typed", QUERIES)
@pytest.mark.parametrize("sort", [Sort.NEWEST, Sort.OLDEST])
def test_same_order_by_date(engines: tuple[SearchIndex, SearchIndex], typed: str, sort: Sort) -> None:
    query = SearchQuery(parse_query(typed), EVERYWHERE, sort, size=300)
    embedded, cluster = (engine.search(query) for engine in engines)
    assert [hit.record_id for hit in embedded.hits] == [hit.record_id for hit in cluster.hits]


def test_queries_are_worth_comparing() -> None:
    assert len(QUERIES) == 60
    assert len(DOCUMENTS) == 300
