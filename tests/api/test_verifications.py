"""Verification over HTTP: by digest and by file."""

from __future__ import annotations

import hashlib
from typing import Any

import pytest

from tests.api.problems import assert_problem, wrong_fields
from tests.api.service import ApiCaller, Part, Service, a_pdf, multipart

PLACE = "/api/v1/verifications"


def send(caller: ApiCaller, *parts: Part) -> Any:
    body, content_type = multipart(parts)
    return caller.ask("POST", PLACE, data=body, content_type=content_type)


def test_digest_of_a_held_record_names_it(archivist: ApiCaller, record: dict[str, Any]) -> None:
    answer = archivist.post(PLACE, {"sha256": record["content"]["sha256"].upper()})
    body = answer.get_json()
    assert answer.status_code == 200
    assert body["verdict"] == "held"
    assert body["sha256"] == record["content"]["sha256"]
    (held,) = body["records"]
    assert (held["id"], held["state"], held["stored_at"]) == (record["id"], "stored", record["stored_at"])


def test_file_that_is_held_names_the_record(service: Service, archivist: ApiCaller, record: dict[str, Any]) -> None:
    body = send(archivist, Part("file", a_pdf(), "application/pdf", "a.pdf")).get_json()
    assert body["verdict"] == "held"
    assert [one["id"] for one in body["records"]] == [record["id"]]
    assert service.staged_files() == []


def test_changed_file_is_not_held(archivist: ApiCaller, record: dict[str, Any]) -> None:
    tampered = a_pdf().replace(b"one", b"onf")
    body = send(archivist, Part("file", tampered, "application/pdf", "a.pdf")).get_json()
    sha256 = hashlib.sha256(tampered).hexdigest()
    assert body == {"verdict": "not-held", "sha256": sha256, "records": [], "disposed": []}


@pytest.mark.parametrize(
    ("body", "field"), [({}, "sha256"), ({"sha256": None}, "sha256"), ({"sha256": 7}, "sha256"), ({"md5": "x"}, "md5")]
)
def test_missing_digest_is_told(archivist: ApiCaller, body: dict[str, Any], field: str) -> None:
    assert field in wrong_fields(assert_problem(archivist.post(PLACE, body), 400, "invalid-input"))


@pytest.mark.parametrize("digest", ["", "x" * 64, "0" * 63, "0" * 128])
def test_digest_that_is_none_is_told(archivist: ApiCaller, digest: str) -> None:
    assert_problem(archivist.post(PLACE, {"sha256": digest}), 400, "invalid-input")


@pytest.mark.parametrize("content", [b"", b"{", b"\xff", b"[" * 100_000, b"[]", b"7"])
def test_body_that_is_no_json_object_is_told(archivist: ApiCaller, content: bytes) -> None:
    answer = archivist.ask("POST", PLACE, data=content, content_type="application/json")
    assert_problem(answer, 400, "invalid-input")


def test_form_without_a_file_is_told(archivist: ApiCaller) -> None:
    assert_problem(send(archivist), 400, "part-missing")
    assert_problem(send(archivist, Part("fil", b"x")), 400, "part-unknown")


def test_file_over_the_limit_is_refused(service: Service, archivist: ApiCaller) -> None:
    large = Part("file", b"x" * (service.archive.rules.max_file_bytes + 1), "application/pdf", "a.pdf")
    assert_problem(send(archivist, large), 413, "too-large")
    assert service.staged_files() == []


def test_question_is_an_event_whatever_the_answer(service: Service, archivist: ApiCaller) -> None:
    before = service.archive.register.read(lambda unit: unit.log.size())
    archivist.post(PLACE, {"sha256": "0" * 64})
    assert service.archive.register.read(lambda unit: unit.log.size()) == before + 1
