"""The search index on a cluster: Elasticsearch 8.19 or 9, through an alias that names the index in use.

Works with the core of any distribution. Never read for truth; a missing or foreign index is built anew from
the register. What the cluster could not answer whole is Unavailable, never a shorter answer.
"""

from __future__ import annotations

import contextlib
import re
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from elastic_transport import TransportError
from elasticsearch import ApiError, BadRequestError, Elasticsearch, NotFoundError, helpers

from archive_service.errors import InvalidInput, Message, Misconfigured, Unavailable, unavailable
from archive_service.model.identifiers import RecordId
from archive_service.model.query import IndexDocument, SearchPage, SearchQuery
from archive_service.search import driver
from archive_service.search.document import index_fields
from archive_service.search.driver import FoundHit, FoundPage, PageRequest
from archive_service.search.elastic_mapping import MADE_FOR, MAPPINGS, settings, settings_in_use, to_source
from archive_service.search.elastic_query import day_of, is_ranked, score_body, search_body

# One request carries so many documents or bytes, whichever is reached first: far below the cluster's limit of
# 100 MB, and large enough that the request itself costs nothing.
_BULK_DOCUMENTS = 500
_BULK_BYTES = 10_000_000
_BULK_RETRIES = 3
_BULK_BACKOFF_SECONDS = 0.5

# A search that takes longer has failed for whoever waits; writing and switching may wait for a busy cluster.
_SEARCH_SECONDS = 20
_WRITE_SECONDS = 120
# A write to an index that no node holds would wait a minute for one: it is rather tried again, its reason seen.
_NODE_WAIT = "10s"

# The cluster gives no more hits at once by default (index.max_result_window).
_IDS_AT_ONCE = 10_000
_IDS_KEPT_ALIVE = "2m"

_BUILD_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9-]{0,99}")
_FIRST = "first"
# A second index name for each build name: a build may carry the name of the index in use.
_OTHER = "_other"
_NOT_PERMITTED = (401, 403)


@dataclass(frozen=True, slots=True)
class IndexShape:
    """How the index lies on the cluster.

    One shard holds what the archive needs up to tens of millions of short documents; copies (``replicas``)
    are what keeps searching alive when a node is lost, and need a second node.
    """

    shards: int = 1
    replicas: int = 0


class ElasticIndex:
    """The ``SearchIndex`` on a cluster. Methods may be called from several threads at once."""

    engine_name = "elasticsearch"

    def __init__(self, client: Elasticsearch, alias: str, shape: IndexShape | None = None) -> None:
        """``client`` is used as it is; nothing is asked of the cluster before the first call."""
        self._client = client
        self._alias = alias
        self._shape = shape or IndexShape()
        self._fits = False

    def put(self, documents: Iterable[IndexDocument]) -> None:
        """Add or replace documents in batches, seen by searches on return; see ``SearchIndex.put``."""
        with self._translated():
            # Looked at each time: whatever took the index's place would take the documents too, and hide them.
            self._fits = False
            self._require_fitting()
            sources = (to_source(index_fields(document)) for document in documents)
            actions = ({"_op_type": "index", "_id": source["record"], **source} for source in sources)
            if _bulk(self._client, self._alias, actions, require_alias=True):
                self._refresh()

    def remove(self, record_ids: Iterable[RecordId]) -> None:
        """Remove documents; see ``SearchIndex.remove``."""
        with self._translated():
            self._require_fitting()
            actions = ({"_op_type": "delete", "_id": record_id} for record_id in record_ids)
            if _bulk(self._client, self._alias, actions, require_alias=True):
                self._refresh()

    def search(self, query: SearchQuery) -> SearchPage:
        """Return one page of hits; see ``SearchIndex.search``."""
        return driver.run(query, self)

    def page(self, request: PageRequest) -> FoundPage:
        """Return one page of one plan, for the driver."""
        with self._translated():
            self._require_fitting()
            answer = self._ask(request, search_body(request, self._score_now(request)))
        hits = [_found(hit, request) for hit in answer["hits"]["hits"]]
        return FoundPage(
            hits=tuple(hits[: request.size]),
            more=len(hits) > request.size,
            total=answer["hits"]["total"]["value"],
            facets={
                facet: {
                    str(bucket["key"]): bucket["doc_count"] for bucket in answer["aggregations"][facet.value]["buckets"]
                }
                for facet in request.facets
            },
        )

    def count(self) -> int:
        """Return how many documents the index in use holds."""
        with self._translated():
            self._require_fitting()
            return int(self._client.count(index=self._alias)["count"])

    def record_ids(self) -> Iterator[RecordId]:
        """Yield every id in id order, from one unchanging view of the index."""
        with self._translated():
            self._require_fitting()
            view = self._client.open_point_in_time(index=self._alias, keep_alive=_IDS_KEPT_ALIVE)["id"]
            try:
                yield from self._ids(view)
            finally:
                self._client.close_point_in_time(id=view)

    def build(self, name: str) -> ElasticBuild:
        """Begin or resume a build; see ``SearchIndex.build``."""
        if not _BUILD_NAME.fullmatch(name):
            raise InvalidInput(
                Message(
                    "The name of an index build has letters, digits and hyphens only.",
                    "Tên của lần dựng chỉ mục chỉ gồm chữ cái, chữ số và dấu gạch nối.",
                )
            )
        with self._translated():
            index = f"{self._alias}-{name.lower()}"
            if index == self._index_in_use():
                index += _OTHER
            if self._made_for(index) not in (MADE_FOR, None):
                self._client.indices.delete(index=index)
            self._create(index)
        return ElasticBuild(self._client, self._alias, index, self._shape)

    def check_ready(self) -> None:
        """Return when the cluster can be searched with this version's fields; raise Unavailable otherwise."""
        with self._translated():
            self._fits = False
            self._require_fitting()
            health = self._client.cluster.health(index=self._alias)
            if health["status"] == "red":
                raise unavailable("index")

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def _ask(self, request: PageRequest, body: dict[str, Any]) -> dict[str, Any]:
        # The pages of one search come from one copy of the index: copies count removed documents differently,
        # and score by that. Different searches spread over all copies.
        copy = zlib.crc32(repr(request.plan).encode())
        answer = self._client.search(
            index=self._alias, body=body, preference=f"search-{copy}", allow_partial_search_results=False
        )
        return dict(answer)

    def _score_now(self, request: PageRequest) -> float | None:
        """Return the score that the last hit of the page before has now; where it is gone, the score of then.

        Every batch changes how rare each word is, and with it every score a little: a page that began at the
        score of then would leave out or repeat whatever moved across it.
        """
        after = request.after
        if after is None or not is_ranked(request):
            return None
        hits = self._ask(request, score_body(request, after.record_id))["hits"]["hits"]
        return float(hits[0]["_score"]) if hits else (after.sort_value or 0.0)

    def _ids(self, view: str) -> Iterator[RecordId]:
        after: list[str] | None = None
        while True:
            hits = self._client.search(
                pit={"id": view, "keep_alive": _IDS_KEPT_ALIVE},
                sort=[{"record": "asc"}],
                size=_IDS_AT_ONCE,
                search_after=after,
                source=False,
                stored_fields="_none_",
                track_total_hits=False,
            )["hits"]["hits"]
            for hit in hits:
                yield RecordId(hit["sort"][0])
            if len(hits) < _IDS_AT_ONCE:
                return
            after = [hits[-1]["sort"][0]]

    def _refresh(self) -> None:
        self._client.indices.refresh(index=self._alias)

    @contextlib.contextmanager
    def _translated(self) -> Iterator[None]:
        """Translate errors; after each, look anew at what index there is: it may have been wiped."""
        try:
            with _translated():
                yield
        except Unavailable:
            self._fits = False
            raise

    def _require_fitting(self) -> None:
        """Make an index where there is none; raise Unavailable where there is one of another version."""
        if self._fits:
            return
        index = self._index_in_use()
        if index is None:
            index = f"{self._alias}-{_FIRST}"
            self._create(index)
            _put_in_use(self._client, self._alias, index, self._shape)
        if self._made_for(index) != MADE_FOR:
            raise _made_for_another_version()
        self._fits = True

    def _index_in_use(self) -> str | None:
        try:
            return next(iter(self._client.indices.get_alias(name=self._alias)), None)
        except NotFoundError:
            return None

    def _made_for(self, index: str) -> str | None:
        """Return what an index was made for: empty where it does not say, None where it is not there."""
        try:
            mapping = self._client.indices.get_mapping(index=index)[index]["mappings"]
        except NotFoundError:
            return None
        return str(mapping.get("_meta", {}).get("made_for", ""))

    def _create(self, index: str) -> None:
        """Create an index unless it is there already, made by another process or an earlier, killed build."""
        try:
            self._client.indices.create(index=index, mappings=MAPPINGS, settings=settings(self._shape.shards))
        except BadRequestError as refused:
            if refused.error != "resource_already_exists_exception":
                raise


class ElasticBuild:
    """A new index beside the one in use; see ``IndexBuild``. Several processes may add to one build."""

    def __init__(self, client: Elasticsearch, alias: str, index: str, shape: IndexShape) -> None:
        self._client = client
        self._alias = alias
        self._index = index
        self._shape = shape

    def add(self, documents: Iterable[IndexDocument]) -> int:
        """Put documents into the new index, streamed and durable batch by batch; return how many."""
        sources = (to_source(index_fields(document)) for document in documents)
        actions = ({"_op_type": "index", "_id": source["record"], **source} for source in sources)
        with _translated():
            return _bulk(self._client, self._index, actions)

    def commit(self) -> None:
        """Make what was added durable, and counted."""
        with _translated():
            self._client.indices.refresh(index=self._index)

    def switch(self) -> None:
        """Put the new index in use and drop the old one, in one step of the cluster."""
        with _translated():
            self._client.indices.refresh(index=self._index)
            _put_in_use(self._client, self._alias, self._index, self._shape)

    def abandon(self) -> None:
        """Drop the new index."""
        with _translated():
            self._client.indices.delete(index=self._index, ignore_unavailable=True)


def _put_in_use(client: Elasticsearch, alias: str, index: str, shape: IndexShape) -> None:
    client.indices.put_settings(index=index, settings=settings_in_use(shape.replicas))
    try:
        old = [name for name in client.indices.get_alias(name=alias) if name != index]
    except NotFoundError:
        old = []
    actions: list[dict[str, Any]] = [{"add": {"index": index, "alias": alias, "is_write_index": True}}]
    actions += [{"remove_index": {"index": name}} for name in old]
    client.indices.update_aliases(actions=actions)


def _bulk(client: Elasticsearch, index: str, actions: Iterable[dict[str, Any]], *, require_alias: bool = False) -> int:
    """Send the actions in batches; return how many were done. What was not there to delete is passed over."""
    done = 0
    for succeeded, outcome in helpers.streaming_bulk(
        client.options(request_timeout=_WRITE_SECONDS),
        actions,
        index=index,
        timeout=_NODE_WAIT,
        require_alias=require_alias,
        chunk_size=_BULK_DOCUMENTS,
        max_chunk_bytes=_BULK_BYTES,
        max_retries=_BULK_RETRIES,
        initial_backoff=_BULK_BACKOFF_SECONDS,
        raise_on_error=False,
    ):
        if not succeeded and outcome.get("delete", {}).get("result") != "not_found":
            raise unavailable("index")
        done += 1
    return done


def _found(hit: dict[str, Any], request: PageRequest) -> FoundHit:
    *sorted_by, record_id = hit["sort"]
    if is_ranked(request):
        score = float(sorted_by[0])
        return FoundHit(record_id, score, score)
    return FoundHit(record_id, 0.0, day_of(int(sorted_by[0])) if sorted_by else None)


def _made_for_another_version() -> Unavailable:
    return Unavailable(
        Message(
            "The search index was made by another version. Build it anew with `archive-service reindex`.",
            "Chỉ mục tìm kiếm do phiên bản khác tạo ra. Hãy dựng lại bằng lệnh `archive-service reindex`.",
        ),
        component="index",
    )


@contextlib.contextmanager
def _translated() -> Iterator[None]:
    """Turn what the client raises into Unavailable; refused rights are the operator's to mend."""
    try:
        yield
    except ApiError as refused:
        if refused.status_code in _NOT_PERMITTED:
            raise Misconfigured(
                Message(
                    "The search cluster refuses the user or key of the configured URL.",
                    "Cụm tìm kiếm từ chối tài khoản hoặc khóa trong URL đã cấu hình.",
                )
            ) from refused
        raise unavailable("index") from refused
    except TransportError as failed:
        raise unavailable("index") from failed
