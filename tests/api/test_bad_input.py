"""Requests that are wrong: each gets its own clear answer in both languages, keeps nothing, and leaves the key free."""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Iterator
from typing import Any

import pytest

from archive_service.api.upload import FRAMING_BYTES
from tests.api.problems import assert_problem, wrong_fields
from tests.api.service import METADATA, OTHER_OFFICE, ApiCaller, Part, Service, a_pdf, metadata, multipart, person

FILE = Part("file", a_pdf(), "application/pdf", "a.pdf")
SAID = Part("metadata", json.dumps(METADATA).encode(), "application/json")
UNKNOWN_RECORD = "0177eb15-a400-7000-8000-000000000000"


@pytest.fixture(autouse=True)
def nothing_is_kept(service: Service, depositor: ApiCaller) -> Iterator[None]:
    """After each of these requests nothing is there, and a right one with the same key is taken."""
    yield
    assert service.count_records() == 0
    assert service.staged_files() == []
    assert list(service.store.list_under("records/")) == []
    assert depositor.deposit().status_code == 201


@pytest.mark.parametrize(
    ("field", "said"),
    [
        ("office", {"office": None}),
        ("office", {"office": 7}),
        ("office", {"office": "  "}),
        ("office", {"office": "BHXH-99"}),
        ("result_type", {"result_type": "KQ.G15.999999"}),
        ("procedure", {"procedure": "9.999999"}),
        ("subject", {"subject": "Nguyễn Văn Đức"}),
        ("subject.kind", {"subject": {**person("0123456789"), "kind": "robot"}}),
        ("subject.name", {"subject": {**person("0123456789"), "name": ""}}),
        ("subject.name", {"subject": {**person("0123456789"), "name": "a\u0000b"}}),
        ("subject.name", {"subject": {**person("0123456789"), "name": "a\ud800"}}),
        ("subject.birth_date", {"subject": {**person("0123456789"), "birth_date": "1961-02-30"}}),
        ("subject.birth_date", {"subject": {**person("0123456789"), "birth_date": "02/05/1961"}}),
        ("subject.identifiers", {"subject": {**person("0123456789"), "identifiers": []}}),
        ("subject.identifiers.0.number", {"subject": person("123")}),
        ("subject.identifiers.0.number", {"subject": person("012345678a")}),
        (
            "subject.identifiers.0.scheme",
            {"subject": {**person("0"), "identifiers": [{"scheme": "passport", "number": "B1"}]}},
        ),
        ("dossier_code", {"dossier_code": "000.00.00.H41-210230-0042"}),
        ("dossier_code", {"dossier_code": "42"}),
        ("issued_on", {"issued_on": "2021-13-01"}),
        ("issued_on", {"issued_on": 20210301}),
        ("summary", {"summary": "x" * 2001}),
        ("trust", {"trust": "guessed"}),
        ("channel", {"channel": "pigeon"}),
        ("access_level", {"access_level": "top-secret"}),
        ("language", {"language": "Vietnamese!"}),
        ("relations", {"relations": {"kind": "replaces"}}),
        ("relations.0.kind", {"relations": [{"kind": "eats", "record_id": UNKNOWN_RECORD}]}),
        ("relations.0.record_id", {"relations": [{"kind": "replaces", "record_id": "42"}]}),
        ("relations.0.record_id", {"relations": [{"kind": "replaces", "record_id": UNKNOWN_RECORD}]}),
        ("sumary", {"sumary": "a mistyped name"}),
        ("subject.nickname", {"subject": {**person("0123456789"), "nickname": "Đức"}}),
        ("odd?name", {"odd\ud800name": 1}),
    ],
)
def test_wrong_field_is_named_with_a_sentence_in_both_languages(
    depositor: ApiCaller, field: str, said: dict[str, Any]
) -> None:
    problem = assert_problem(depositor.deposit(said=metadata(**said)), 400, "invalid-input")
    assert wrong_fields(problem) == [field]


@pytest.mark.parametrize("field", ["office", "result_type", "subject", "trust", "channel"])
def test_missing_field_is_named(depositor: ApiCaller, field: str) -> None:
    said = {name: value for name, value in METADATA.items() if name != field}
    assert wrong_fields(assert_problem(depositor.deposit(said=said), 400, "invalid-input")) == [field]


def test_every_wrong_field_is_named_at_once(depositor: ApiCaller) -> None:
    said = metadata(office="BHXH-99", result_type="?", procedure="?")
    problem = assert_problem(depositor.deposit(said=said), 400, "invalid-input")
    assert wrong_fields(problem) == ["office", "procedure", "result_type"]


def test_office_of_others_is_not_allowed(depositor: ApiCaller) -> None:
    assert_problem(depositor.deposit(said=metadata(office=OTHER_OFFICE)), 403, "office-not-yours")


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"{", "not-json"),
        (b"\xff\xfe", "not-json"),
        (b"", "not-json"),
        (b"[" * 16_000, "not-json"),
        (b'{"office": ' + b"9" * 5_000 + b"}", "not-json"),
        (b"[]", "invalid-input"),
        (b"null", "invalid-input"),
    ],
)
def test_metadata_that_is_no_json_object_is_told(depositor: ApiCaller, content: bytes, code: str) -> None:
    answer = depositor.send([Part("metadata", content, "application/json"), FILE])
    assert_problem(answer, 400, code)


@pytest.mark.parametrize("parts", [[FILE], [SAID]])
def test_missing_part_is_told(depositor: ApiCaller, parts: list[Part]) -> None:
    assert_problem(depositor.send(parts), 400, "part-missing")


def test_body_without_parts_is_refused(depositor: ApiCaller) -> None:
    answer = depositor.send([])
    assert answer.status_code == 400
    assert answer.get_json()["code"] in {"incomplete-body", "part-missing"}


@pytest.mark.parametrize("parts", [[SAID, FILE, FILE], [SAID, SAID, FILE]])
def test_part_that_comes_twice_is_refused(depositor: ApiCaller, parts: list[Part]) -> None:
    assert_problem(depositor.send(parts), 400, "part-twice")


def test_part_that_nobody_asked_for_is_refused(depositor: ApiCaller) -> None:
    assert_problem(depositor.send([SAID, FILE, Part("metdata", b"{}")]), 400, "part-unknown")


def test_file_of_another_media_type_is_refused(depositor: ApiCaller) -> None:
    answer = depositor.send([SAID, Part("file", a_pdf(), "image/jpeg", "a.jpg")])
    assert_problem(answer, 415, "unsupported-media-type")


@pytest.mark.parametrize(
    "content_type",
    ["application/pdf", "application/json", "multipart/mixed; boundary=x", "multipart/form-data", ""],
)
def test_body_that_is_not_multipart_is_refused(depositor: ApiCaller, content_type: str) -> None:
    answer = depositor.ask(
        "POST", "/api/v1/records", data=a_pdf(), content_type=content_type, headers={"Idempotency-Key": "key-1"}
    )
    assert_problem(answer, 415, "unsupported-media-type")


def test_boundary_that_no_body_can_have_is_refused(depositor: ApiCaller) -> None:
    body, content_type = multipart([SAID, FILE], "b" * 5_000)
    answer = depositor.ask(
        "POST", "/api/v1/records", data=body, content_type=content_type, headers={"Idempotency-Key": "key-1"}
    )
    assert_problem(answer, 400, "incomplete-body")


@pytest.mark.parametrize("share", [0.1, 0.5, 0.95])
def test_body_that_ends_early_is_refused(depositor: ApiCaller, share: float) -> None:
    body, content_type = multipart([SAID, FILE])
    answer = depositor.ask(
        "POST",
        "/api/v1/records",
        data=body[: int(len(body) * share)],
        content_type=content_type,
        headers={"Idempotency-Key": "key-1"},
    )
    assert_problem(answer, 400, "incomplete-body")


@pytest.mark.parametrize("key", [None, "", "x" * 201, "có dấu", "two words"])
def test_missing_or_odd_idempotency_key_is_told(depositor: ApiCaller, key: str | None) -> None:
    headers = {"Idempotency-Key": key.encode().decode("latin-1")} if key is not None else {}
    assert_problem(depositor.deposit(key=None, headers=headers), 428, "precondition-required")


def test_wrong_digest_is_refused(depositor: ApiCaller) -> None:
    answer = depositor.deposit(headers={"X-Content-SHA256": hashlib.sha256(b"another").hexdigest()})
    assert_problem(answer, 400, "digest-mismatch")


@pytest.mark.parametrize("digest", ["", "abc", "g" * 64])
def test_digest_that_is_none_is_told(depositor: ApiCaller, digest: str) -> None:
    assert_problem(depositor.deposit(headers={"X-Content-SHA256": digest}), 400, "digest-mistyped")


def test_file_over_the_limit_is_refused(service: Service, depositor: ApiCaller) -> None:
    content = b"%PDF-" + b"x" * service.archive.rules.max_file_bytes
    problem = assert_problem(depositor.deposit(content), 413, "too-large")
    assert problem["limit_bytes"] == service.archive.rules.max_file_bytes


def test_metadata_over_the_limit_are_refused(depositor: ApiCaller) -> None:
    problem = assert_problem(depositor.send([Part("metadata", b" " * 20_000), FILE]), 413, "too-large")
    assert problem["limit_bytes"] == 16_384


def test_body_that_says_it_is_over_the_limit_is_not_read(service: Service, depositor: ApiCaller) -> None:
    limit = service.archive.rules.max_file_bytes + 16_384 + FRAMING_BYTES
    answer = depositor.ask(
        "POST",
        "/api/v1/records",
        input_stream=UnreadableBody(),
        content_type="multipart/form-data; boundary=x",
        headers={"Idempotency-Key": "key-1"},
        environ_overrides={"CONTENT_LENGTH": str(limit + 1)},
    )
    assert assert_problem(answer, 413, "too-large")["limit_bytes"] == limit


class UnreadableBody(io.BytesIO):
    """A body that nobody may look at."""

    def read(self, size: int | None = -1, /) -> bytes:
        raise AssertionError(f"{size} bytes were read of a body that nobody may look at")


def test_caller_without_the_right_is_refused_before_the_body_is_read(auditor: ApiCaller) -> None:
    answer = auditor.ask(
        "POST",
        "/api/v1/records",
        input_stream=UnreadableBody(),
        content_type="multipart/form-data; boundary=x",
        headers={"Idempotency-Key": "key-1"},
        environ_overrides={"CONTENT_LENGTH": "1000"},
    )
    assert_problem(answer, 403, "not-allowed")
