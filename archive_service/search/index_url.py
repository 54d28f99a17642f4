"""Which search index a URL names.

Schemes: ``embedded:FOLDER``, ``http:`` and ``https:`` (Elasticsearch). Messages never carry the URL, because
it may hold a password or key.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, unquote, urlsplit

from archive_service.errors import Message, Misconfigured
from archive_service.model.ports import SearchIndex
from archive_service.search.embedded import EmbeddedIndex

if TYPE_CHECKING:
    from elastic_transport import NodeConfig

_SCHEMES = ("http", "https")
_DEFAULT_PORT = 9200
_OPTIONS = frozenset({"api_key", "ca_certs", "shards", "replicas"})

# A search that takes longer has failed for whoever waits for it.
_REQUEST_SECONDS = 20


def open_index(url: str, *, name: str) -> SearchIndex:
    """Return the index at ``url``; nothing is opened or asked before its first use.

    Args:
        url: ``embedded:FOLDER``, or ``http(s)://[USER:PASSWORD@]HOST[:PORT][,HOST[:PORT]…]`` with the options
            ``api_key``, ``ca_certs`` (file), ``shards`` and ``replicas`` (of indices made from now on) after
            ``?``.
        name: the alias of the index on Elasticsearch; an embedded one is named by its folder.

    Raises:
        Misconfigured: the scheme is unknown, or a part of the URL is missing or wrong.

    >>> type(open_index("embedded:/srv/archive/index", name="records")).__name__
    'EmbeddedIndex'
    """
    scheme, _, rest = url.partition(":")
    if scheme == "embedded" and rest:
        return EmbeddedIndex(Path(rest))
    if scheme in _SCHEMES:
        return _cluster(url, name)
    raise _wrong()


def _cluster(url: str, name: str) -> SearchIndex:
    """Return the index on the cluster that ``url`` names; only here is the client's library loaded."""
    from elasticsearch import Elasticsearch

    from archive_service.search.elastic import ElasticIndex, IndexShape

    try:
        parts = urlsplit(url)
        options = dict(parse_qsl(parts.query, strict_parsing=True)) if parts.query else {}
        shape = IndexShape(int(options.get("shards", "1")), int(options.get("replicas", "0")))
        ca_certs = options.get("ca_certs")
        if ca_certs is not None and not Path(ca_certs).is_file():
            raise _wrong()
        credentials, _, hosts = parts.netloc.rpartition("@")
        nodes = [_node(parts.scheme, host, ca_certs) for host in hosts.split(",")]
        user, _, password = credentials.partition(":")
        if options.keys() - _OPTIONS or shape.shards < 1 or shape.replicas < 0:
            raise _wrong()
        client = Elasticsearch(
            nodes,
            api_key=options.get("api_key"),
            basic_auth=(unquote(user), unquote(password)) if credentials else None,
            request_timeout=_REQUEST_SECONDS,
            retry_on_timeout=False,
            meta_header=False,
        )
    except (ValueError, OSError) as wrong:
        raise _wrong() from wrong
    return ElasticIndex(client, name, shape)


def _node(scheme: str, host: str, ca_certs: str | None) -> NodeConfig:
    """Return how one node is reached, on Elasticsearch's port where none is given."""
    from elastic_transport import NodeConfig

    parts = urlsplit(f"{scheme}://{host}")
    if not parts.hostname:
        raise _wrong()
    return NodeConfig(scheme, parts.hostname, parts.port or _DEFAULT_PORT, ca_certs=ca_certs)


def _wrong() -> Misconfigured:
    return Misconfigured(
        Message(
            "ARCHIVE_INDEX_URL must be embedded:FOLDER, or http(s)://[USER:PASSWORD@]HOST[:PORT] with the "
            "options api_key, ca_certs, shards and replicas.",
            "ARCHIVE_INDEX_URL phải có dạng embedded:THƯMỤC, hoặc "
            "http(s)://[USER:PASSWORD@]HOST[:PORT] với các tùy chọn api_key, ca_certs, shards và replicas.",
        )
    )
