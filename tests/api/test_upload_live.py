"""Uploads over real connections, against the running service: announced, cut off, chunked, abandoned."""

from __future__ import annotations

import json
import select
import socket
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import httpx
import pytest

from examples.results import Form, make_results
from tests.api.service import NAME, NUMBER, Part, multipart
from tests.running import PROJECT, RunningService, deposit_parts, running_service, wait_for

LIMIT_BYTES = 1_000_000
RESULT, ANOTHER = make_results(seed=3, count=2, forms=(Form.BORN_DIGITAL,))

pytestmark = pytest.mark.timeout(120)


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningService]:
    """Run the service with a small limit, with reference data."""
    folder = tmp_path_factory.mktemp("live")
    settings = {"ARCHIVE_DATA_DIR": str(folder / "data"), "ARCHIVE_MAX_FILE_BYTES": str(LIMIT_BYTES)}
    with running_service(settings, folder) as running:
        assert running.run("load-reference", str(PROJECT / "examples" / "reference")).code == 0
        yield running


@pytest.fixture(scope="module")
def key(service: RunningService) -> str:
    """Make a key that may do what these tests do."""
    return made_key(service, "live")


def made_key(service: RunningService, name: str) -> str:
    """Make a key of that name."""
    roles = ("--role", "depositor", "--role", "archivist")
    made = service.run("api-key", "create", "--name", name, "--office", "BHXH", *roles, "--json")
    token: str = made.json["key"]
    return token


def head(key: str, *lines: str) -> bytes:
    """Return the head of a deposit."""
    return "\r\n".join(
        [
            "POST /api/v1/records HTTP/1.1",
            "Host: archive",
            f"Authorization: Bearer {key}",
            "Idempotency-Key: live",
            *lines,
            "",
            "",
        ]
    ).encode()


def connect(service: RunningService) -> socket.socket:
    return socket.create_connection(("127.0.0.1", service.port), timeout=20)


def answer_of(connection: socket.socket) -> tuple[int, bytes]:
    """Return status and body of the answer that comes."""
    received = b""
    while b"\r\n\r\n" not in received:
        block = connection.recv(65536)
        assert block, f"the connection ended without an answer: {received!r}"
        received += block
    before, _, body = received.partition(b"\r\n\r\n")
    lines = before.decode().lower().split("\r\n")
    length = next(int(line.split(":")[1]) for line in lines if line.startswith("content-length"))
    while len(body) < length:
        body += connection.recv(65536)
    # What follows answers the bytes that were sent too many: they look like another request.
    return int(lines[0].split()[1]), body[:length]


def staged(service: RunningService) -> list[Path]:
    return list((Path(service.settings["ARCHIVE_DATA_DIR"]) / "staging").iterdir())


def test_body_that_is_announced_too_large_is_refused_without_being_sent(service: RunningService, key: str) -> None:
    with connect(service) as connection:
        connection.sendall(head(key, "Content-Type: multipart/form-data; boundary=x", "Content-Length: 900000000000"))
        status, body = answer_of(connection)
    assert status == 413
    assert json.loads(body)["code"] == "too-large"
    assert json.loads(body)["detail_vi"]


def test_body_without_a_length_is_cut_off_at_the_limit(service: RunningService, key: str) -> None:
    block = b"x" * 65536
    start, content_type = multipart([Part("file", b"%PDF-", "application/pdf", "a.pdf")])
    sent = 0
    with connect(service) as connection:
        connection.sendall(head(key, f"Content-Type: {content_type}", "Transfer-Encoding: chunked"))
        opening = start[: start.index(b"%PDF-")]
        connection.sendall(b"%x\r\n%s\r\n" % (len(opening), opening))
        try:
            while sent < 100 * LIMIT_BYTES:
                connection.sendall(b"%x\r\n%s\r\n" % (len(block), block))
                sent += len(block)
        except OSError:
            pass  # the service has answered and hung up, as it may
        assert sent < 50 * LIMIT_BYTES
    wait_for("nothing staged stays", lambda: not staged(service))
    assert httpx.get(f"{service.url}/health/live").status_code == 200


def test_body_without_a_length_within_the_limit_is_taken(service: RunningService, key: str) -> None:
    said = json.dumps({**RESULT.metadata, "document_number": "77"}).encode()
    body, content_type = multipart(
        [Part("metadata", said, "application/json"), Part("file", RESULT.pdf, "application/pdf", "a.pdf")]
    )

    def blocks() -> Iterator[bytes]:
        for at in range(0, len(body), 1000):
            yield body[at : at + 1000]

    headers = {"Authorization": f"Bearer {key}", "Idempotency-Key": "chunked", "Content-Type": content_type}
    answer = httpx.post(f"{service.url}/api/v1/records", content=blocks(), headers=headers, timeout=60)
    assert answer.status_code == 201, answer.text


def test_client_that_goes_in_mid_upload_leaves_nothing_and_its_key_is_free(service: RunningService, key: str) -> None:
    other = {**RESULT.metadata, "result_type": "KQ.G15.000032"}
    body, content_type = multipart(
        [
            Part("metadata", json.dumps(other).encode(), "application/json"),
            Part("file", RESULT.pdf, "application/pdf", "a.pdf"),
        ]
    )
    with connect(service) as connection:
        connection.sendall(head(key, f"Content-Type: {content_type}", f"Content-Length: {len(body)}"))
        connection.sendall(body[: len(body) // 2])
        wait_for("the upload has begun", lambda: staged(service))
    wait_for("nothing staged stays", lambda: not staged(service))
    headers = {"Authorization": f"Bearer {key}", "Idempotency-Key": "live"}
    answer = httpx.post(
        f"{service.url}/api/v1/records", files=deposit_parts(RESULT.pdf, other), headers=headers, timeout=60
    )
    assert answer.status_code == 201, answer.text
    assert "Idempotent-Replay" not in answer.headers


def test_body_shorter_than_announced_is_refused(service: RunningService, key: str) -> None:
    body, content_type = multipart([Part("file", RESULT.pdf, "application/pdf", "a.pdf")])
    with connect(service) as connection:
        connection.sendall(head(key, f"Content-Type: {content_type}", f"Content-Length: {len(body) + 10}"))
        connection.sendall(body)
        connection.shutdown(socket.SHUT_WR)
        assert connection.recv(65536).split(b" ")[1:2] in ([b"400"], [])
    wait_for("nothing staged stays", lambda: not staged(service))


def test_body_longer_than_announced_is_refused(service: RunningService, key: str) -> None:
    body, content_type = multipart([Part("file", RESULT.pdf, "application/pdf", "a.pdf")])
    with connect(service) as connection:
        connection.sendall(head(key, f"Content-Type: {content_type}", f"Content-Length: {len(body) - 10}"))
        connection.sendall(body)
        status, answer = answer_of(connection)
    assert status == 400
    assert json.loads(answer)["code"] == "incomplete-body"


def test_uploads_that_never_end_keep_neither_readers_nor_other_depositors_out(tmp_path: Path) -> None:
    settings = {"ARCHIVE_DATA_DIR": str(tmp_path / "data"), "ARCHIVE_WEB_THREADS": "4"}
    with running_service(settings, tmp_path) as small, ExitStack() as open_connections:
        assert small.run("load-reference", str(PROJECT / "examples" / "reference")).code == 0
        slow, other = (made_key(small, name) for name in ("slow", "other"))
        body, content_type = multipart([Part("file", RESULT.pdf, "application/pdf", "a.pdf")])
        dripping = [open_connections.enter_context(connect(small)) for _ in range(4)]
        for connection in dripping:
            connection.sendall(head(slow, f"Content-Type: {content_type}", f"Content-Length: {len(body)}"))
            connection.sendall(body[:2000])
        # Half of the threads are held; who comes after them is told to come back.
        refused = [connection for connection in dripping if has_answer(connection)]
        assert len(refused) == 2
        for connection in refused:
            status, answer = answer_of(connection)
            assert (status, json.loads(answer)["component"]) == (503, "uploads")
        headers = {"Authorization": f"Bearer {other}", "Idempotency-Key": "other"}
        parts = deposit_parts(RESULT.pdf, RESULT.metadata)
        kept = httpx.post(f"{small.url}/api/v1/records", files=parts, headers=headers, timeout=60)
        assert kept.status_code == 201, kept.text
        record = kept.json()["id"]
        assert httpx.get(f"{small.url}/api/v1/records/{record}", headers=headers, timeout=60).status_code == 200
        # A place is free again as soon as its client has gone.
        for connection in dripping:
            connection.close()
        again = {"Authorization": f"Bearer {slow}", "Idempotency-Key": "slow"}
        wait_for("the staged files are gone", lambda: not staged(small))
        parts = deposit_parts(ANOTHER.pdf, ANOTHER.metadata)
        assert httpx.post(f"{small.url}/api/v1/records", files=parts, headers=again, timeout=60).status_code == 201


def has_answer(connection: socket.socket) -> bool:
    """Whether an answer comes while the service has time enough to give one."""
    return bool(select.select([connection], [], [], 3)[0])


def test_log_of_a_live_service_carries_no_names_numbers_or_words(service: RunningService, key: str) -> None:
    headers = {"Authorization": f"Bearer {key}"}
    name = ANOTHER.metadata["subject"]["name"]
    numbers = [one["number"] for one in ANOTHER.metadata["subject"]["identifiers"]]
    with httpx.Client(base_url=f"{service.url}/api/v1", headers=headers, timeout=60) as client:
        files = deposit_parts(ANOTHER.pdf, ANOTHER.metadata)
        deposited = client.post("/records", files=files, headers={"Idempotency-Key": "log"})
        assert deposited.status_code == 201, deposited.text
        place = f"/records/{deposited.json()['id']}"
        wait_for("it is searchable", lambda: client.get(place).json()["search_state"] == "searchable")
        client.get("/search", params={"q": f"{NAME} {name} {NUMBER}"})
        client.get(f"/subjects/social-insurance/{numbers[0]}")
        client.post("/records", files=deposit_parts(b"no pdf", ANOTHER.metadata), headers={"Idempotency-Key": "no"})
    assert "/api/v1/records/<record_id>" in service.log
    for secret in (name, NAME, NUMBER, *numbers, ANOTHER.metadata["signer"], "Quyết định", key.rpartition("_")[2]):
        assert secret not in service.log
