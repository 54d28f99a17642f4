"""A register that is down, or was restored from an older copy: what is answered, and what is not lost by it."""

from __future__ import annotations

import sqlite3
from itertools import islice
from pathlib import Path

import pytest
import sqlalchemy as sa

from tests.faults.place import Place, results
from tests.running import wait_for
from tests.storage.relay import relay_to


def test_register_that_is_down_is_unavailable_and_everything_goes_on_when_it_is_back(on_servers: Place) -> None:
    url = sa.make_url(on_servers.settings["ARCHIVE_REGISTER_URL"])
    held, refused = islice(results(seed=9), 2)
    with relay_to(f"{url.host}:{url.port}") as relay:
        _, _, port = relay.host.partition(":")
        through = url.set(host="127.0.0.1", port=int(port)).render_as_string(hide_password=False)
        service = on_servers.service(ARCHIVE_REGISTER_URL=through)
        service.start()
        with on_servers.client(service) as http:
            record = on_servers.deposit_surely(http, held).json()["id"]
    try:
        with on_servers.client(service) as http:
            for answer in (on_servers.deposit(http, refused), http.get(f"/records/{record}/content")):
                assert (answer.status_code, answer.json()["code"]) == (503, "unavailable"), answer.text
                assert answer.json()["component"] == "register"
                assert int(answer.headers["Retry-After"]) > 0
            assert http.get(f"{service.url}/health/live").status_code == 200
            assert http.get(f"{service.url}/health/ready").status_code == 503
            with relay_to(f"{url.host}:{url.port}", port=int(port)):
                wait_for("the service takes deposits", lambda: http.get(f"{service.url}/health/ready").is_success)
                on_servers.deposit_surely(http, refused)
                assert http.get(f"/records/{record}/content").content == held.pdf
                on_servers.wait_until_searchable()
                service.stop()
    finally:
        service.kill()
    assert on_servers.problems() == []


def copy_register(place: Place, to: Path) -> None:
    """Copy the register as it is, while the service runs."""
    with sqlite3.connect(place.register_file) as live, sqlite3.connect(to) as copy:
        live.backup(copy)


def put_back(place: Place, copy: Path) -> None:
    """Let the copy be the register."""
    for file in place.register_file.parent.glob("register.sqlite*"):
        file.unlink()
    place.register_file.write_bytes(copy.read_bytes())


def test_register_restored_from_an_older_copy_says_what_it_lacks_and_takes_it_again(
    embedded: Place, tmp_path: Path
) -> None:
    before, after = islice(results(seed=10), 2)
    with embedded.running() as service, embedded.client(service) as http:
        embedded.deposit_surely(http, before)
        copy_register(embedded, tmp_path / "copy")
        lost = embedded.deposit_surely(http, after).json()["id"]
        embedded.wait_until_searchable()
    put_back(embedded, tmp_path / "copy")
    # A checkpoint may have been published since the copy: without its entries nothing would be written.
    assert embedded.service().run("log", "catch-up", "--json").code == 0
    with embedded.running() as service, embedded.client(service) as http:
        assert http.get(f"/records/{lost}").status_code == 404
        told = service.run("doctor", "--json")
        failed = {check["name"] for check in told.json["checks"] if check["result"] == "failed"}
        assert failed == {"records in the store", "records in the index"}
        # Found in the index, and shown to nobody: only the register says what there is.
        found = http.get("/search", params={"q": after.metadata["subject"]["name"]}).json()
        assert lost not in [hit["id"] for hit in found["hits"]]
        embedded.answered.pop(after.name)
        again = embedded.deposit_surely(http, after)
        assert "Idempotent-Replay" not in again.headers
        assert http.get(f"/records/{again.json()['id']}/content").content == after.pdf
        embedded.wait_until_searchable()
        assert service.run("reindex", "--json").code == 0
        # What changed while the index was made anew is put in once more by the worker.
        embedded.wait_until_searchable()
    # What the older copy does not know stays in the store, locked, as an object of no record, until it is adopted.
    assert embedded.problems() == [
        f"object records/{lost}/{name} belongs to no record" for name in ("metadata/1", "original")
    ]


def test_register_restored_behind_the_published_log_writes_nothing_until_it_has_caught_up(
    embedded: Place, tmp_path: Path
) -> None:
    before, after = islice(results(seed=11), 2)
    with embedded.running() as service, embedded.client(service) as http:
        embedded.deposit_surely(http, before)
        copy_register(embedded, tmp_path / "copy")
        lost = embedded.deposit_surely(http, after).json()["id"]
        embedded.wait_until_searchable()
        assert service.run("log", "seal", "--json").code == 0
    put_back(embedded, tmp_path / "copy")
    host = embedded.service()
    assert host.run("api-key", "list", "--json").code == 0
    assert host.run("log", "seal", "--json").code == 7
    told = host.run("doctor", "--json")
    assert "register" in {check["name"] for check in told.json["checks"] if check["result"] == "failed"}
    caught_up = host.run("log", "catch-up", "--json")
    assert caught_up.json["after"] > caught_up.json["before"]
    assert host.run("rebuild-register", "--adopt", "--json").code == 0
    with embedded.running() as service, embedded.client(service) as http:
        assert http.get(f"/records/{lost}/content").content == after.pdf
        assert service.run("log", "seal", "--json").json["size"] > caught_up.json["after"]


pytestmark = pytest.mark.timeout(200)
