"""What our search adds to Elasticsearch: a page of hits through it ÷ the very same query sent raw."""

from __future__ import annotations

import json
import os
import random
import time
from collections.abc import Iterator
from uuid import uuid4

import urllib3
from elasticsearch import Elasticsearch

from archive_service.model.query import SearchFilters, SearchQuery, Sort, parse_query
from archive_service.search.driver import PageRequest
from archive_service.search.elastic import ElasticIndex
from archive_service.search.elastic_query import search_body
from archive_service.search.plan import plan
from bench.corpus import documents, result
from bench.figures import Figure, Target, figure, in_turn, percentile

# Few enough to be put in a minute; among more of them the server has more to do, and our share is smaller.
DOCUMENTS = 20_000


def elastic(*, quick: bool) -> Iterator[Figure]:
    """Milliseconds of names as three words, ranked and newest first; needs ``ARCHIVE_TEST_ELASTICSEARCH_URL``."""
    url = os.environ.get("ARCHIVE_TEST_ELASTICSEARCH_URL")
    if not url:
        return
    count, asked, rounds = (300, 20, 1) if quick else (DOCUMENTS, 150, 5)
    client = Elasticsearch(url)
    alias = f"bench-{uuid4().hex[:8]}"
    index = ElasticIndex(client, alias)
    try:
        index.put(documents(count))
        draw = random.Random(2)
        texts = [result(draw.randrange(count)).name for _ in range(asked)]
        for sort in (Sort.RELEVANCE, Sort.NEWEST):
            queries = [SearchQuery(parse_query(text), SearchFilters(None), sort) for text in texts]
            raw = _Raw(url, alias, queries)
            ours, bare = in_turn(rounds, lambda queries=queries: _ours(index, queries), raw.median)  # type: ignore[misc]
            unit = f"ms, p50 of names at {count:,}"
            yield figure(f"Elasticsearch, {sort} ÷ raw", (ours, bare), unit, Target(1.25, at_least=False))
    finally:
        for name in client.indices.get(index=f"{alias}-*"):
            client.indices.delete(index=name)
        client.close()


class _Raw:
    """The same queries as bytes on one connection, their answers read and parsed, nothing else."""

    def __init__(self, url: str, alias: str, queries: list[SearchQuery]) -> None:
        self._pool = urllib3.PoolManager(maxsize=1)
        self._url = f"{url}/{alias}/_search?allow_partial_search_results=false&preference=search-1"
        self._bodies = [
            json.dumps(search_body(PageRequest(plan(one), one.sort, one.size, ()), None)).encode() for one in queries
        ]

    def median(self) -> float:
        """Return the median milliseconds of one query."""
        return percentile([self._ask(body) for body in self._bodies], 0.5)

    def _ask(self, body: bytes) -> float:
        began = time.perf_counter()
        answer = self._pool.request("POST", self._url, body=body, headers={"Content-Type": "application/json"})
        json.loads(answer.data)["hits"]["hits"]
        return (time.perf_counter() - began) * 1000


def _ours(index: ElasticIndex, queries: list[SearchQuery]) -> float:
    taken = []
    for query in queries:
        began = time.perf_counter()
        index.search(query)
        taken.append((time.perf_counter() - began) * 1000)
    return percentile(taken, 0.5)
