"""An index that was wiped, is red, or is not ours: deposits go on, and a rebuild brings back everything."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import httpx
import pytest

from archive_service.search.elastic_mapping import MAPPINGS, settings
from examples.results import ExampleResult
from tests.faults.place import QUICK, Place, results
from tests.running import RunningService, wait_for

Break = Callable[[httpx.Client, str], None]


@pytest.fixture(scope="module")
def alias(elasticsearch_url: str) -> Iterator[str]:
    """Give the name of an index for this module, deleted afterwards with everything built beside it."""
    from tests import servers

    with servers.fresh_index_prefix(elasticsearch_url) as prefix:
        yield prefix


@pytest.fixture(scope="module")
def place(elasticsearch_url: str, alias: str, tmp_path_factory: pytest.TempPathFactory) -> Place:
    """Return a place whose index is on Elasticsearch."""
    folder = tmp_path_factory.mktemp("searched")
    index = {"ARCHIVE_INDEX_URL": elasticsearch_url, "ARCHIVE_INDEX_NAME": alias}
    made = Place({**QUICK, **index, "ARCHIVE_DATA_DIR": str(folder / "data")}, folder)
    made.prepare()
    return made


@pytest.fixture(scope="module")
def service(place: Place) -> Iterator[RunningService]:
    """Run the service for the whole module."""
    with place.running() as running:
        yield running


@pytest.fixture(scope="module")
def documents() -> Iterator[ExampleResult]:
    """Return results, each given once."""
    return results(seed=11)


def wipe(elastic: httpx.Client, alias: str) -> None:
    """Delete the index in use."""
    for index in elastic.get(f"/_alias/{alias}").json():
        elastic.delete(f"/{index}").raise_for_status()


def put_in_place(elastic: httpx.Client, alias: str, body: dict[str, Any]) -> None:
    """Put another index in the place of the one in use."""
    wipe(elastic, alias)
    made = {**body, "aliases": {alias: {"is_write_index": True}}}
    elastic.put(f"/{alias}-foreign", params={"wait_for_active_shards": 0}, json=made).raise_for_status()


def make_red(elastic: httpx.Client, alias: str) -> None:
    """Put an index there that no node may hold."""
    nowhere = {**settings(1), "index.routing.allocation.require._name": "nowhere"}
    put_in_place(elastic, alias, {"mappings": MAPPINGS, "settings": nowhere})


def make_foreign(elastic: httpx.Client, alias: str) -> None:
    """Put an index of somebody else there."""
    put_in_place(elastic, alias, {"mappings": {"properties": {"title": {"type": "text"}}}})


@pytest.mark.parametrize("break_index", [make_red, make_foreign])
def test_broken_index_is_told_deposits_go_on_and_a_rebuild_brings_everything_back(
    place: Place,
    service: RunningService,
    documents: Iterator[ExampleResult],
    elasticsearch_url: str,
    alias: str,
    break_index: Break,
) -> None:
    with place.client(service) as http, httpx.Client(base_url=elasticsearch_url, timeout=60) as elastic:
        for result in islice(documents, 2):
            place.deposit_surely(http, result)
        place.wait_until_searchable()
        break_index(elastic, alias)
        record = place.deposit_surely(http, next(documents)).json()["id"]
        answer = http.get("/search", params={"q": "bảo hiểm"})
        assert (answer.status_code, answer.json()["component"]) == (503, "index"), answer.text
        assert int(answer.headers["Retry-After"]) > 0
        assert ("reindex" in answer.json()["detail"]) == (break_index is make_foreign)
        ready = http.get(f"{service.url}/health/ready")
        assert (ready.status_code, ready.json()["components"]["index"]) == (200, "not ready")
        wait_for("the reason is shown", lambda: http.get(f"/records/{record}").json()["search_problem"])
        rebuild(place, service)


def test_wiped_index_is_noticed_and_filled_again_by_itself(
    place: Place, service: RunningService, documents: Iterator[ExampleResult], elasticsearch_url: str, alias: str
) -> None:
    with place.client(service) as http, httpx.Client(base_url=elasticsearch_url, timeout=60) as elastic:
        place.deposit_surely(http, next(documents))
        place.wait_until_searchable()
        wipe(elastic, alias)
        # An empty one takes its place as soon as somebody asks, so that new records can be found at once.
        answer = http.get("/search", params={"q": "bảo hiểm"})
        assert answer.status_code in (200, 503), answer.text
        place.deposit_surely(http, next(documents))
        filled_by_itself(place, service)


def test_embedded_index_that_is_gone_is_noticed_and_filled_again_by_itself(embedded: Place) -> None:
    with embedded.running() as service, embedded.client(service) as http:
        for result in islice(results(seed=12), 2):
            embedded.deposit_surely(http, result)
        embedded.wait_until_searchable()
        shutil.rmtree(Path(embedded.settings["ARCHIVE_DATA_DIR"]) / "index")
        embedded.deposit_surely(http, next(results(seed=14)))
        filled_by_itself(embedded, service)


def test_embedded_index_that_is_foreign_is_told_and_a_rebuild_brings_everything_back(embedded: Place) -> None:
    folder = Path(embedded.settings["ARCHIVE_DATA_DIR"]) / "index"
    with embedded.running() as service, embedded.client(service) as http:
        for result in islice(results(seed=13), 2):
            embedded.deposit_surely(http, result)
        embedded.wait_until_searchable()
        for mark in folder.glob("*/made-for"):
            mark.write_text("another version")
        service.kill()
        service.start()
        answer = http.get("/search", params={"q": "bảo hiểm"})
        assert (answer.status_code, answer.json()["component"]) == (503, "index"), answer.text
        assert "reindex" in answer.json()["detail"]
        embedded.deposit_surely(http, next(results(seed=15)))
        told_by_doctor(service)
        rebuild(embedded, service)


def filled_by_itself(place: Place, service: RunningService) -> None:
    """The worker compares when it starts, and every minute: the test starts it again, so as not to wait."""
    service.kill()
    service.start()
    with place.archive() as archive:
        wait_for("every record is in the index", lambda: archive.index.count() == len(place.answered))
    place.wait_until_searchable()
    assert "the index has lost records" in service.log
    assert place.problems() == []


def told_by_doctor(service: RunningService) -> None:
    """The doctor sees that the index holds less than the register says."""
    told = service.run("doctor", "--json")
    by_name = {check["name"]: check["result"] for check in told.json["checks"]}
    assert "failed" in (by_name["index"], by_name["records in the index"]), by_name


def rebuild(place: Place, service: RunningService) -> None:
    """Build the index anew: every record is in it, once."""
    done = service.run("reindex", "--json")
    assert done.code == 0, done.err
    place.wait_until_searchable()
    assert place.problems() == []
