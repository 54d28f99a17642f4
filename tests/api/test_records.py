"""Reading a record over HTTP: the record, its bytes in whole and in part, its words, its history, its versions."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from archive_service.model.findings import FindingCode
from archive_service.model.inspection import NotInspected
from archive_service.model.permissions import Role
from tests.api.problems import assert_problem, wrong_fields
from tests.api.service import METADATA, OFFICE, ApiCaller, Service, a_pdf, metadata

UNKNOWN = "/api/v1/records/0177eb15-a400-7000-8000-000000000000"


def test_record_is_shown_with_all_that_is_known_of_it(archivist: ApiCaller, record: dict[str, Any]) -> None:
    answer = archivist.get(record["links"]["self"])
    shown = answer.get_json()
    assert answer.status_code == 200
    assert answer.headers["ETag"] == '"1-stored"'
    assert shown["search_state"] == "searchable"
    assert shown["search_problem"] is None
    assert shown["subject_id"]
    assert shown["metadata_version"] == 1
    assert shown["related"] == []
    assert shown["content"] == record["content"]


@pytest.mark.parametrize("tail", ["", "/content", "/text", "/versions"])
def test_record_that_is_not_there_is_not_found(archivist: ApiCaller, tail: str) -> None:
    assert_problem(archivist.get(UNKNOWN + tail), 404, "not-found")


@pytest.mark.parametrize("tail", ["", "/content", "/text", "/versions"])
def test_record_id_that_is_none_is_told(archivist: ApiCaller, tail: str) -> None:
    assert_problem(archivist.get("/api/v1/records/42" + tail), 400, "invalid-input")


def test_secret_record_is_not_there_for_those_who_may_not_read_it(service: Service, depositor: ApiCaller) -> None:
    place = depositor.deposit(said=metadata(access_level="secret")).headers["Location"]
    assert_problem(service.caller(Role.ARCHIVIST).get(place), 404, "not-found")
    assert_problem(service.caller(Role.INTAKE_OFFICER).get(f"{place}/content"), 404, "not-found")
    assert service.caller(Role.AUDITOR).get(place).status_code == 200


def test_content_is_the_bytes_that_were_deposited(archivist: ApiCaller, record: dict[str, Any]) -> None:
    answer = archivist.get(record["links"]["content"])
    digest = hashlib.sha256(a_pdf()).digest()
    assert answer.status_code == 200
    assert answer.data == a_pdf()
    assert answer.content_type == "application/pdf"
    assert answer.headers["Content-Length"] == str(len(a_pdf()))
    assert answer.headers["ETag"] == f'"{digest.hex()}"'
    assert answer.headers["Repr-Digest"] == f"sha-256=:{base64.b64encode(digest).decode()}:"
    assert answer.headers["Accept-Ranges"] == "bytes"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert "attachment" in answer.headers["Content-Disposition"]


SIZE = len(a_pdf())


@pytest.mark.parametrize(
    ("asked", "first", "last"),
    [
        ("bytes=0-3", 0, 3),
        ("bytes=0-0", 0, 0),
        ("bytes=5-9", 5, 9),
        (f"bytes={SIZE - 1}-", SIZE - 1, SIZE - 1),
        ("bytes=4-", 4, SIZE - 1),
        ("bytes=-4", SIZE - 4, SIZE - 1),
        ("bytes=-4000", 0, SIZE - 1),
        ("bytes=3-4000", 3, SIZE - 1),
    ],
)
def test_range_gives_that_part(archivist: ApiCaller, record: dict[str, Any], asked: str, first: int, last: int) -> None:
    answer = archivist.get(record["links"]["content"], headers={"Range": asked})
    assert answer.status_code == 206
    assert answer.headers["Content-Range"] == f"bytes {first}-{last}/{SIZE}"
    assert answer.headers["Content-Length"] == str(last - first + 1)
    assert answer.data == a_pdf()[first : last + 1]


@pytest.mark.parametrize("asked", [f"bytes={SIZE}-", "bytes=4000-", f"bytes={SIZE}-4000"])
def test_range_beyond_the_end_cannot_be_satisfied(archivist: ApiCaller, record: dict[str, Any], asked: str) -> None:
    answer = archivist.get(record["links"]["content"], headers={"Range": asked})
    assert answer.status_code == 416
    assert answer.headers["Content-Range"] == f"bytes */{SIZE}"
    assert answer.data == b""


@pytest.mark.parametrize(
    "asked", ["bytes=0-1,4-5", "lines=0-1", "bytes=5-2", "bytes=a-b", "bytes", "bytes=--1", "bytes=-0"]
)
def test_several_ranges_and_those_that_mean_nothing_give_the_whole(
    archivist: ApiCaller, record: dict[str, Any], asked: str
) -> None:
    answer = archivist.get(record["links"]["content"], headers={"Range": asked})
    assert answer.status_code == 200
    assert answer.data == a_pdf()


def test_range_holds_only_for_the_bytes_that_if_range_names(archivist: ApiCaller, record: dict[str, Any]) -> None:
    place = record["links"]["content"]
    own = f'"{record["content"]["sha256"]}"'
    assert archivist.get(place, headers={"Range": "bytes=0-3", "If-Range": own}).status_code == 206
    assert archivist.get(place, headers={"Range": "bytes=0-3", "If-Range": '"another"'}).status_code == 200
    assert archivist.get(place, headers={"Range": "bytes=0-3", "If-Range": f"W/{own}"}).status_code == 200


def test_head_tells_the_length_and_opens_nothing(
    service: Service, archivist: ApiCaller, record: dict[str, Any]
) -> None:
    service.store.down = True
    answer = archivist.ask("HEAD", record["links"]["content"])
    assert answer.status_code == 200
    assert answer.headers["Content-Length"] == str(SIZE)
    assert answer.data == b""


def test_connection_to_the_store_is_let_go_when_the_client_goes_before_the_first_byte(
    service: Service, archivist: ApiCaller, record: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    left: list[str] = []

    @contextmanager
    def read(*_: Any, **__: Any) -> Iterator[Iterator[bytes]]:
        yield iter([a_pdf()])
        left.append("left")

    monkeypatch.setattr(service.store, "read", read)
    answer = archivist.get(record["links"]["content"])
    assert left == []
    answer.close()
    assert left == ["left"]


def test_store_that_is_down_is_an_answer_and_not_a_torn_download(
    service: Service, archivist: ApiCaller, record: dict[str, Any]
) -> None:
    service.store.down = True
    answer = archivist.get(record["links"]["content"])
    assert_problem(answer, 503, "unavailable")
    assert answer.headers["Retry-After"]


def test_quarantined_record_is_shown_and_not_served(
    service: Service, depositor: ApiCaller, archivist: ApiCaller
) -> None:
    service.pdf.facts = NotInspected(FindingCode.CHECK_FAILED)
    place = depositor.deposit().headers["Location"]
    assert archivist.get(place).get_json()["state"] == "quarantined"
    for tail in ("/content", "/text"):
        problem = assert_problem(archivist.get(place + tail), 409, "not-served")
        assert problem["state"] == "quarantined"


def test_text_is_given_page_by_page(archivist: ApiCaller, record: dict[str, Any]) -> None:
    (page,) = archivist.get(record["links"]["text"]).get_json()["pages"]
    assert page["number"] == 1
    assert "lương hưu" in page["text"]
    assert page["source"] == "layer"
    assert page["confidence"] is None


def test_text_has_no_pages_before_it_was_read(archivist: ApiCaller, depositor: ApiCaller) -> None:
    place = depositor.deposit().headers["Location"]
    assert archivist.get(f"{place}/text").get_json() == {"pages": []}


def test_events_tell_everything_that_happened_reads_included(
    service: Service, archivist: ApiCaller, auditor: ApiCaller, record: dict[str, Any]
) -> None:
    archivist.get(record["links"]["self"])
    archivist.get(record["links"]["content"])
    archivist.get(record["links"]["text"])
    archivist.post("/api/v1/verifications", {"sha256": record["content"]["sha256"]})
    auditor.get(record["links"]["events"])
    answer = auditor.get(record["links"]["events"]).get_json()
    kinds = [event["type"] for event in answer["events"]]
    assert kinds == [
        "deposited",
        "text-read",
        "rendition-sealed",
        "retention-decided",
        "record-read",
        "content-read",
        "text-served",
        "verified",
        "events-read",
    ]
    assert answer["next"] is None
    first = answer["events"][0]
    assert first["at"] == "2026-11-23T05:04:03Z"
    assert first["actor"].startswith("key:")
    assert first["values"]["sha256"] == record["content"]["sha256"]
    assert first["values"]["signatures"] == 0
    indices = [event["index"] for event in answer["events"]]
    assert indices == sorted(indices)


def test_log_entries_carry_no_personal_data(auditor: ApiCaller, record: dict[str, Any]) -> None:
    events = auditor.get(record["links"]["events"]).get_json()["events"]
    for event in events:
        assert "Đức" not in event["entry"]
        assert "0123456789" not in event["entry"]


def test_events_come_in_pages(auditor: ApiCaller, record: dict[str, Any]) -> None:
    place = record["links"]["events"]
    first = auditor.get(f"{place}?limit=1").get_json()
    second = auditor.get(f"{place}?limit=1&after={first['next']}").get_json()
    assert [event["type"] for event in (*first["events"], *second["events"])] == ["deposited", "text-read"]


@pytest.mark.parametrize(
    "query", ["limit=0", "limit=501", "limit=x", "after=x", "after=-2", "after=99999999999999999999"]
)
def test_page_that_is_none_is_told(auditor: ApiCaller, record: dict[str, Any], query: str) -> None:
    problem = assert_problem(auditor.get(f"{record['links']['events']}?{query}"), 400, "invalid-input")
    assert wrong_fields(problem) == [query.split("=", maxsplit=1)[0]]


def correction(**changes: Any) -> dict[str, Any]:
    return {"reason": "Sai số văn bản", "metadata": metadata(**changes)}


def test_correction_gives_the_next_version_and_keeps_the_earlier(
    service: Service, archivist: ApiCaller, auditor: ApiCaller, record: dict[str, Any]
) -> None:
    place = record["links"]["self"]
    answer = archivist.post(
        f"{place}/corrections", correction(document_number="1235", summary="Điều chỉnh"), {"If-Match": '"1-stored"'}
    )
    assert answer.status_code == 200
    assert answer.headers["ETag"] == '"2-stored"'
    assert answer.get_json()["metadata"]["document_number"] == "1235"
    assert answer.get_json()["metadata_version"] == 2
    versions = archivist.get(f"{place}/versions").get_json()["versions"]
    assert [version["version"] for version in versions] == [1, 2]
    assert [version["metadata"]["document_number"] for version in versions] == ["1234", "1235"]
    assert [version["reason"] for version in versions] == ["deposit", "Sai số văn bản"]
    assert len(list(service.store.list_under(f"records/{record['id']}/metadata/"))) == 2
    (event,) = [
        event
        for event in auditor.get(record["links"]["events"]).get_json()["events"]
        if event["type"] == "metadata-corrected"
    ]
    assert event["values"]["changed"] == ["document_number", "summary"]
    service.work_off()
    assert archivist.get("/api/v1/search?q=1235/QĐ-BHXH").get_json()["total"] == 1


def test_correction_of_what_changed_meanwhile_is_refused(archivist: ApiCaller, record: dict[str, Any]) -> None:
    place = f"{record['links']['self']}/corrections"
    assert archivist.post(place, correction(document_number="1"), {"If-Match": '"1-stored"'}).status_code == 200
    again = archivist.post(place, correction(document_number="2"), {"If-Match": '"1-stored"'})
    assert_problem(again, 412, "precondition-failed")


def test_correction_must_name_what_it_corrects(archivist: ApiCaller, record: dict[str, Any]) -> None:
    answer = archivist.post(f"{record['links']['self']}/corrections", correction())
    assert_problem(answer, 428, "precondition-required")


@pytest.mark.parametrize(
    ("body", "fields"),
    [
        ({"metadata": dict(METADATA)}, ["reason"]),
        ({"reason": "", "metadata": dict(METADATA)}, ["reason"]),
        ({"reason": "x"}, ["metadata"]),
        ({"reason": "x", "metadata": metadata(issued_on="gestern")}, ["metadata.issued_on"]),
        ({"reason": "x", "metadata": metadata(trust=None), "more": 1}, ["metadata.trust", "more"]),
    ],
)
def test_wrong_correction_names_each_field(
    archivist: ApiCaller, record: dict[str, Any], body: dict[str, Any], fields: list[str]
) -> None:
    answer = archivist.post(f"{record['links']['self']}/corrections", body, {"If-Match": '"1-stored"'})
    assert wrong_fields(assert_problem(answer, 400, "invalid-input")) == fields


@pytest.mark.parametrize(
    "content", [b"{", b"\xff", b"[" * 100_000, b"", b"[]", b"7", b'{"reason": ' + b"9" * 5000 + b"}"]
)
def test_body_that_is_no_json_object_is_told(archivist: ApiCaller, record: dict[str, Any], content: bytes) -> None:
    answer = archivist.ask(
        "POST",
        f"{record['links']['self']}/corrections",
        data=content,
        content_type="application/json",
        headers={"If-Match": '"1-stored"'},
    )
    assert answer.status_code == 400, answer.text
    assert answer.get_json()["code"] in {"not-json", "invalid-input"}
    assert answer.get_json()["detail_vi"]


def test_body_over_a_mebibyte_is_refused(archivist: ApiCaller, record: dict[str, Any]) -> None:
    answer = archivist.post(f"{record['links']['self']}/corrections", {"reason": "x" * 1_100_000})
    assert_problem(answer, 413, "too-large")


def test_correction_to_an_office_of_others_is_not_allowed(archivist: ApiCaller, record: dict[str, Any]) -> None:
    answer = archivist.post(
        f"{record['links']['self']}/corrections", correction(office="BHXH-01"), {"If-Match": '"1-stored"'}
    )
    assert_problem(answer, 403, "office-not-yours")


def test_key_of_a_district_does_not_see_its_neighbour(service: Service, record: dict[str, Any]) -> None:
    assert service.caller(Role.ARCHIVIST, office=OFFICE).get(record["links"]["self"]).status_code == 200
    neighbour = service.caller(Role.ARCHIVIST, office="BHXH-79-07")
    assert_problem(neighbour.get(record["links"]["self"]), 404, "not-found")


def test_request_id_is_taken_over_or_made(archivist: ApiCaller, record: dict[str, Any]) -> None:
    given = archivist.get(record["links"]["self"], headers={"X-Request-ID": "desk-7-42"})
    assert given.headers["X-Request-ID"] == "desk-7-42"
    odd = archivist.get(record["links"]["self"], headers={"X-Request-ID": "a b;c"})
    assert odd.headers["X-Request-ID"] not in {"a b;c", ""}
    assert len(archivist.get(record["links"]["self"]).headers["X-Request-ID"]) == 32
