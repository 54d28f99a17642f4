"""The HTTP client: what it sends, when it sends it again, and how it tells of problems."""

from __future__ import annotations

import socket
import threading
import tracemalloc
from pathlib import Path

import pytest

from archive_service.cli.client import (
    ApiProblem,
    ArchiveClient,
    Deposit,
    RetryPolicy,
    derived_key,
    file_sha256,
)
from archive_service.errors import InvalidInput, Misconfigured, Unavailable
from tests.cli.conftest import METADATA
from tests.cli.fake_archive import KEY, FakeArchive


def _deposit(path: Path, content: bytes = b"%PDF-1.7 one", key: str = "key-1") -> Deposit:
    path.write_bytes(content)
    return Deposit(path, file_sha256(path), METADATA, key)


def test_metadata_comes_before_the_file_and_the_files_name_stays_here(
    archive: FakeArchive, client: ArchiveClient, tmp_path: Path
) -> None:
    answer = client.deposit(_deposit(tmp_path / "nguyen-van-duc.pdf"))
    assert answer.record["state"] == "stored"
    assert not answer.is_replay
    assert archive.first_parts == ["metadata"]
    assert "nguyen" not in str(archive.requests_seen)


def test_a_lost_answer_is_asked_for_again_with_the_same_key_and_nothing_is_stored_twice(
    archive: FakeArchive, client: ArchiveClient, tmp_path: Path
) -> None:
    archive.script.lost_answers = 1
    answer = client.deposit(_deposit(tmp_path / "a.pdf"))
    assert answer.is_replay
    assert archive.deposits_seen == 2
    assert len(archive.records) == 1


def test_503_is_tried_again_after_what_the_service_asks_for(archive: FakeArchive, tmp_path: Path) -> None:
    archive.script.unavailable_answers, archive.script.retry_after = 2, "7"
    waits: list[float] = []
    with ArchiveClient(archive.url, KEY, sleep=waits.append) as client:
        client.deposit(_deposit(tmp_path / "a.pdf"))
    assert waits == [7.0, 7.0]


def test_tries_are_bounded_and_the_last_answer_is_told(archive: FakeArchive, client: ArchiveClient) -> None:
    archive.script.unavailable_answers = 99
    with pytest.raises(ApiProblem) as problem:
        client.record("any")
    assert (problem.value.status, problem.value.code) == (503, "unavailable")
    assert len(archive.requests_seen) == 4


def test_nobody_listening_is_unavailable_and_names_the_address() -> None:
    retry = RetryPolicy(attempts=2, first_wait_seconds=0.0)
    with (
        ArchiveClient("http://127.0.0.1:9", KEY, retry=retry) as client,
        pytest.raises(Unavailable, match=r"127\.0\.0\.1:9"),
    ):
        client.record("any")


def test_a_problem_carries_both_languages_and_all_its_rows(
    archive: FakeArchive, client: ArchiveClient, tmp_path: Path
) -> None:
    with pytest.raises(ApiProblem) as refused:
        client.deposit(_deposit(tmp_path / "a.pdf", b"encrypted"))
    problem = refused.value
    assert problem.message.en == "English for rejected."
    assert problem.message.vi == "Tiếng Việt cho rejected."
    assert problem.findings[0]["code"] == "encrypted"
    assert problem.request_id == "req-1"

    client.deposit(_deposit(tmp_path / "b.pdf"))
    with pytest.raises(ApiProblem) as held:
        client.deposit(_deposit(tmp_path / "b.pdf", key="another"))
    assert held.value.record_id in archive.records
    assert held.value.state == "stored"


def test_what_is_not_the_archive_is_not_taken_for_it(archive: FakeArchive, client: ArchiveClient) -> None:
    archive.script.answers_html = True
    with pytest.raises(ApiProblem, match="not the archive"):
        client.record("any")


def test_a_wrong_key_is_told_and_never_shown(archive: FakeArchive) -> None:
    with ArchiveClient(archive.url, "secret-wrong-key") as client, pytest.raises(ApiProblem) as problem:
        client.record("any")
    assert problem.value.status == 401
    assert "secret-wrong-key" not in repr(problem.value) + str(problem.value.document)


@pytest.mark.parametrize("url", ["", "archive", "ftp://host", "http://", "http://user:key@host"])
def test_an_address_that_is_none_is_refused_before_anything_is_sent(url: str) -> None:
    with pytest.raises(Misconfigured):
        ArchiveClient(url, KEY)


@pytest.mark.parametrize("key", ["", "khoá", "two words", "line\nbreak"])
def test_a_key_that_is_none_is_refused(key: str) -> None:
    with pytest.raises(Misconfigured):
        ArchiveClient("http://127.0.0.1:9", key)


def test_an_id_cannot_reach_another_path(archive: FakeArchive, client: ArchiveClient) -> None:
    with pytest.raises(ApiProblem):
        client.record("../health/live?x=1")
    assert archive.requests_seen[0][1] == "/api/v1/records/..%2Fhealth%2Flive%3Fx%3D1"


def test_a_file_is_never_held_whole(archive: FakeArchive, client: ArchiveClient, tmp_path: Path) -> None:
    path = tmp_path / "large.pdf"
    with path.open("wb") as file:
        file.truncate(64 * 1024 * 1024)
    archive.script.answers_html = True  # the fake would hold it; only the way there is measured
    digest = file_sha256(path)
    tracemalloc.start()
    with pytest.raises(ApiProblem):
        client.deposit(Deposit(path, digest, METADATA, "key"))
    ours = tracemalloc.take_snapshot().filter_traces([tracemalloc.Filter(True, "*httpx*")])
    tracemalloc.stop()
    assert sum(trace.size for trace in ours.traces) < 4 * 1024 * 1024


def test_the_derived_key_belongs_to_bytes_and_metadata() -> None:
    key = derived_key("aa", {"x": 1})
    assert key != derived_key("ab", {"x": 1})
    assert key != derived_key("aa", {"x": 2})
    assert key.isprintable()
    assert len(key) <= 200


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match=r"gone\.pdf"):
        file_sha256(tmp_path / "gone.pdf")


def test_what_is_done_once_is_sent_once_and_a_lost_answer_says_to_look_first() -> None:
    asked = []
    with socket.create_server(("127.0.0.1", 0)) as server:

        def hang_up() -> None:
            connection, _ = server.accept()
            asked.append(connection.recv(65536))
            connection.close()

        thread = threading.Thread(target=hang_up)
        thread.start()
        with (
            ArchiveClient(f"http://127.0.0.1:{server.getsockname()[1]}", KEY) as client,
            pytest.raises(Unavailable) as told,
        ):
            client.post_once("disposals", "1", "votes", body={"vote": "agree"})
        thread.join()
    assert told.value.code == "answer-lost"
    assert len(asked) == 1


def test_what_is_done_once_is_not_waited_for_where_nobody_listens() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    with ArchiveClient(f"http://127.0.0.1:{port}", KEY) as client, pytest.raises(Unavailable) as told:
        client.post_once("disposals", body={})
    assert told.value.code == "unavailable"
