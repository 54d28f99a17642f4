"""Which index a URL names, and that a wrong one is told without its secrets."""

from __future__ import annotations

from pathlib import Path

import pytest

from archive_service.errors import Misconfigured
from archive_service.search.elastic import ElasticIndex
from archive_service.search.embedded import EmbeddedIndex
from archive_service.search.index_url import open_index


def test_embedded_url_names_a_folder_and_touches_nothing(tmp_path: Path) -> None:
    assert isinstance(open_index(f"embedded:{tmp_path / 'index'}", name="records"), EmbeddedIndex)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    "url",
    [
        "http://localhost",
        "http://user:p%40ss@localhost:9200",
        "http://user:word@a.example:9200,b.example:9201/?shards=2&replicas=1",
        "https://localhost:9200?api_key=abc",
    ],
)
def test_http_url_names_a_cluster_and_asks_it_nothing(url: str) -> None:
    index = open_index(url, name="records")
    assert isinstance(index, ElasticIndex)
    index.close()


@pytest.mark.parametrize(
    "url",
    [
        "",
        "embedded:",
        "file:/srv/secret-folder",
        "http://",
        "http://user:secret@",
        "http://user:secret@host:port",
        "http://user:secret@host?shards=0",
        "http://user:secret@host?replicas=-1",
        "http://user:secret@host?shards=many",
        "http://host?token=secret",
        "http://user:secret@host?api_key=secret",
        "https://host?ca_certs=/secret/missing.pem",
    ],
)
def test_wrong_url_is_misconfigured_and_never_repeated(url: str) -> None:
    with pytest.raises(Misconfigured) as refused:
        open_index(url, name="records")
    assert "secret" not in refused.value.message.en + refused.value.message.vi
    assert refused.value.message.vi
