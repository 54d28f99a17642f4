"""A store that is slow, refuses, loses answers or gives wrong bytes: never a false answer, never anything twice."""

from __future__ import annotations

import dataclasses
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest

from examples.results import ExampleResult
from tests import servers
from tests.faults.place import QUICK, Place, results
from tests.faults.proxy import Fault, FaultProxy, proxy_to
from tests.running import RunningService

ALWAYS = 1000


@pytest.fixture(scope="module")
def proxy(minio_url: str) -> Iterator[FaultProxy]:
    """Stand before MinIO."""
    with proxy_to(urlsplit(minio_url).netloc.rpartition("@")[2]) as standing:
        yield standing


@pytest.fixture(scope="module")
def place(proxy: FaultProxy, minio_url: str, tmp_path_factory: pytest.TempPathFactory) -> Place:
    """Return a place whose store is MinIO behind the proxy."""
    folder = tmp_path_factory.mktemp("proxied")
    store = minio_url.replace(proxy.target, proxy.host) + f"/{servers.unique_name('bucket')}"
    made = Place({**QUICK, "ARCHIVE_DATA_DIR": str(folder / "data"), "ARCHIVE_STORE_URL": store}, folder)
    made.prepare()
    return made


@pytest.fixture(scope="module")
def service(place: Place) -> Iterator[RunningService]:
    """Run the service for the whole module."""
    with place.running() as running:
        yield running


@pytest.fixture
def http(place: Place, service: RunningService, proxy: FaultProxy) -> Iterator[httpx.Client]:
    """Give a client; what was broken is mended afterwards, and everything must be sound then."""
    with place.client(service) as client:
        yield client
    proxy.heal()
    place.wait_until_searchable()
    assert place.problems() == []


@pytest.fixture(scope="module")
def documents() -> Iterator[ExampleResult]:
    """Return results, each given once."""
    return results(seed=6)


def assert_unavailable(answer: httpx.Response, component: str) -> None:
    """The request may be sent again, and the answer says when and why."""
    assert (answer.status_code, answer.json()["code"]) == (503, "unavailable"), answer.text
    assert answer.json()["component"] == component
    assert int(answer.headers["Retry-After"]) > 0


def assert_nothing_of_it(http: httpx.Client, result: ExampleResult) -> None:
    """Nothing of a deposit that was not answered is seen."""
    number = result.metadata["subject"]["identifiers"][0]["number"]
    document = f"{result.metadata['document_number']}/{result.metadata['document_notation']}"
    hits = http.get("/search", params={"q": number}).json()["hits"]
    assert document not in [hit.get("document_code") for hit in hits]


@pytest.mark.parametrize("part", ["/original", "/metadata/1"])
def test_store_that_refuses_is_unavailable_and_the_same_request_goes_through_later(
    http: httpx.Client, place: Place, proxy: FaultProxy, documents: Iterator[ExampleResult], part: str
) -> None:
    result = next(documents)
    proxy.plan("PUT", part, Fault(status=500), times=ALWAYS)
    assert_unavailable(place.deposit(http, result), "store")
    assert_nothing_of_it(http, result)
    proxy.heal()
    place.deposit_surely(http, result)


def test_one_refusal_is_overcome_without_the_client(
    http: httpx.Client, place: Place, proxy: FaultProxy, documents: Iterator[ExampleResult]
) -> None:
    proxy.plan("PUT", "/original", Fault(status=503))
    proxy.plan("PUT", "/metadata/1", Fault(status=500))
    place.deposit_surely(http, next(documents))


@pytest.mark.parametrize("times", [1, ALWAYS])
def test_put_whose_answer_is_lost_is_found_and_never_doubled(
    http: httpx.Client, place: Place, proxy: FaultProxy, documents: Iterator[ExampleResult], times: int
) -> None:
    result = next(documents)
    proxy.plan("PUT", "/original", Fault(loses_answer=True), times=times)
    if times == ALWAYS:
        assert_unavailable(place.deposit(http, result), "store")
        proxy.heal()
    place.deposit_surely(http, result)


@pytest.mark.parametrize("part", ["/original?versionId", "/metadata/1?versionId"])
def test_wrong_bytes_at_read_back_are_an_alarm_and_never_an_answer(
    http: httpx.Client, place: Place, proxy: FaultProxy, documents: Iterator[ExampleResult], part: str
) -> None:
    result = next(documents)
    proxy.plan("GET", part, Fault(changes_bytes=True), times=ALWAYS)
    answer = place.deposit(http, result)
    assert (answer.status_code, answer.json()["code"]) == (500, "stored-differs"), answer.text
    assert_nothing_of_it(http, result)
    proxy.heal()
    place.deposit_surely(http, result)


@pytest.mark.parametrize("padding_bytes", [0, 3_000_000])
def test_download_of_wrong_bytes_is_never_a_whole_answer_and_writes_no_file(
    http: httpx.Client,
    place: Place,
    proxy: FaultProxy,
    service: RunningService,
    documents: Iterator[ExampleResult],
    tmp_path: Path,
    padding_bytes: int,
) -> None:
    result = next(documents)
    result = dataclasses.replace(result, pdf=result.pdf + b"%" * padding_bytes)
    record = place.deposit_surely(http, result).json()["id"]
    place.wait_until_searchable()
    proxy.plan("GET", f"{record}/original", Fault(changes_bytes=True), times=ALWAYS)
    if padding_bytes:
        # The answer has begun before the last byte is read, so it breaks off.
        with pytest.raises(httpx.RemoteProtocolError):
            http.get(f"/records/{record}/content")
    else:
        answer = http.get(f"/records/{record}/content")
        assert (answer.status_code, answer.json()["code"]) == (500, "integrity-failure")
    assert '"integrity-failure"' in service.log
    target = tmp_path / "copy.pdf"
    client = {"ARCHIVE_URL": service.url, "ARCHIVE_API_KEY": place.key}
    fetched = service.run("download", record, "-o", str(target), settings=client)
    assert fetched.code != 0
    assert not target.exists()


def test_slow_store_delays_its_own_deposit_and_no_other(
    http: httpx.Client, place: Place, proxy: FaultProxy, documents: Iterator[ExampleResult]
) -> None:
    slow, quick = next(documents), next(documents)
    # Longer than the archive waits for one answer: it asks again, and finds what it put.
    proxy.plan("PUT", "/original", Fault(delay_seconds=32))
    waiting = threading.Thread(target=place.deposit, args=(http, slow))
    waiting.start()
    time.sleep(1)
    began = time.monotonic()
    place.deposit_surely(http, quick)
    assert time.monotonic() - began < 20
    waiting.join()
    assert slow.name in place.answered
