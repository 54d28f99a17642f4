"""Depositing over HTTP: what is answered when all is well, when it is sent again, and when it is refused."""

from __future__ import annotations

import hashlib
import json

from archive_service.model.findings import FindingCode
from archive_service.model.inspection import NotInspected
from tests.api.problems import assert_problem
from tests.api.service import METADATA, ApiCaller, Part, Service, a_pdf, metadata, person


def test_deposit_answers_with_the_record_its_place_and_its_etag(depositor: ApiCaller) -> None:
    answer = depositor.deposit(a_pdf("x"))
    body = answer.get_json()
    assert answer.status_code == 201
    assert answer.headers["Location"] == f"/api/v1/records/{body['id']}" == body["links"]["self"]
    assert answer.headers["ETag"] == '"1-stored"'
    assert "Idempotent-Replay" not in answer.headers
    assert body["state"] == "stored"
    assert body["search_state"] == "waiting"
    assert body["page_count"] == 1
    assert body["received_at"] == body["stored_at"] == "2026-11-23T05:04:03Z"
    assert body["locked_until"] == "2026-12-07T05:04:03Z"
    assert body["findings"] == []
    assert body["content"] == {
        "size_bytes": len(a_pdf("x")),
        "sha256": hashlib.sha256(a_pdf("x")).hexdigest(),
        "sha512": hashlib.sha512(a_pdf("x")).hexdigest(),
    }
    assert set(body["links"]) == {"self", "content", "text", "events", "signatures", "renditions"}
    assert body["signatures"] is None


def test_metadata_comes_back_as_it_was_said(depositor: ApiCaller) -> None:
    said = depositor.deposit().get_json()["metadata"]
    assert {name: said[name] for name in METADATA} == METADATA
    assert said["access_level"] == "conditional"
    assert said["language"] == "vi"


def test_same_request_again_gets_the_same_answer_and_stores_nothing(service: Service, depositor: ApiCaller) -> None:
    first = depositor.deposit()
    service.clock.forward(hours=1)
    second = depositor.deposit()
    assert second.status_code == 201
    assert second.headers["Idempotent-Replay"] == "true"
    assert second.headers["Location"] == first.headers["Location"]
    assert second.get_json() == first.get_json()
    assert service.count_records() == 1
    assert len(list(service.store.list_under("records/"))) == 2


def test_same_key_with_another_file_is_refused(depositor: ApiCaller) -> None:
    depositor.deposit(a_pdf("one"))
    assert_problem(depositor.deposit(a_pdf("two")), 409, "key-reused")


def test_same_key_with_other_metadata_is_refused(depositor: ApiCaller) -> None:
    depositor.deposit()
    assert_problem(depositor.deposit(said=metadata(document_number="9")), 409, "key-reused")


def test_same_bytes_under_another_key_name_the_record_that_holds_them(depositor: ApiCaller) -> None:
    first = depositor.deposit().get_json()
    problem = assert_problem(depositor.deposit(key="key-2"), 409, "already-held")
    assert problem["record_id"] == first["id"]
    assert problem["state"] == "stored"


def test_same_bytes_for_another_subject_are_another_record(service: Service, depositor: ApiCaller) -> None:
    depositor.deposit()
    other = depositor.deposit(said=metadata(subject=person("9876543210")), key="key-2")
    assert other.status_code == 201
    assert service.count_records() == 2


def test_active_content_is_kept_in_quarantine_with_its_reasons(service: Service, depositor: ApiCaller) -> None:
    service.pdf.inspections[a_pdf("acts")] = NotInspected(FindingCode.CHECK_FAILED, {"reason": "crashed"})
    answer = depositor.deposit(a_pdf("acts"))
    assert answer.status_code == 201
    assert answer.headers["ETag"] == '"1-quarantined"'
    body = answer.get_json()
    assert body["state"] == "quarantined"
    (finding,) = body["findings"]
    assert finding["code"] == "check-failed"
    assert finding["outcome"] == "quarantine"
    assert finding["detail"] == {"reason": "crashed"}
    assert set(finding["message"]) == {"en", "vi"}


def test_refused_document_names_each_reason_and_frees_the_key(service: Service, depositor: ApiCaller) -> None:
    service.pdf.inspections[a_pdf("locked")] = NotInspected(FindingCode.ENCRYPTED)
    problem = assert_problem(depositor.deposit(a_pdf("locked")), 422, "rejected")
    (finding,) = problem["findings"]
    assert finding["code"] == "encrypted"
    assert "password" in finding["message"]["en"]
    assert "mật khẩu" in finding["message"]["vi"]
    assert service.count_records() == 0
    assert list(service.store.list_under("records/")) == []
    assert depositor.deposit(a_pdf("unlocked")).status_code == 201


def test_empty_file_is_refused(depositor: ApiCaller) -> None:
    problem = assert_problem(depositor.deposit(b""), 422, "rejected")
    assert [finding["code"] for finding in problem["findings"]] == ["empty"]


def test_file_that_is_no_pdf_is_refused(depositor: ApiCaller) -> None:
    problem = assert_problem(depositor.deposit(b"PK\x03\x04 a zip"), 422, "rejected")
    assert [finding["code"] for finding in problem["findings"]] == ["not-a-pdf"]


def test_truncated_file_is_refused(service: Service, depositor: ApiCaller) -> None:
    service.pdf.inspections[a_pdf("half")] = NotInspected(FindingCode.TRUNCATED)
    problem = assert_problem(depositor.deposit(a_pdf("half")), 422, "rejected")
    assert [finding["code"] for finding in problem["findings"]] == ["truncated"]


def test_parts_may_come_in_either_order(depositor: ApiCaller) -> None:
    parts = [
        Part("file", a_pdf(), "application/pdf", "a.pdf"),
        Part("metadata", json.dumps(METADATA).encode(), "application/json"),
    ]
    assert depositor.send(parts).status_code == 201


def test_stated_digest_that_fits_is_accepted_in_either_case(depositor: ApiCaller) -> None:
    digest = hashlib.sha256(a_pdf()).hexdigest().upper()
    assert depositor.deposit(headers={"X-Content-SHA256": digest}).status_code == 201


def test_relation_to_an_earlier_record_is_shown_on_both(archivist: ApiCaller, depositor: ApiCaller) -> None:
    earlier = depositor.deposit().get_json()["id"]
    relations = [{"kind": "replaces", "record_id": earlier}]
    later = depositor.deposit(a_pdf("later"), metadata(relations=relations), key="key-2").get_json()
    assert later["metadata"]["relations"] == relations
    shown = archivist.get(f"/api/v1/records/{earlier}").get_json()
    assert shown["related"] == [{"record_id": later["id"], "kind": "replaces"}]


def test_index_that_is_down_never_refuses_a_deposit(service: Service, depositor: ApiCaller) -> None:
    service.index.down = True
    answer = depositor.deposit()
    assert answer.status_code == 201
    assert answer.get_json()["search_state"] == "waiting"


def test_store_that_is_down_is_told_and_leaves_nothing_visible(service: Service, depositor: ApiCaller) -> None:
    service.store.down = True
    answer = depositor.deposit()
    problem = assert_problem(answer, 503, "unavailable")
    assert answer.headers["Retry-After"] == str(problem["retry_after_seconds"])
    assert problem["component"] == "store"
    assert service.count_records() == 0
    assert service.staged_files() == []
    service.store.down = False
    assert list(service.store.list_under("records/")) == []
    again = depositor.deposit()
    assert again.status_code == 201
    assert "Idempotent-Replay" not in again.headers


def test_register_that_is_down_is_told_and_leaves_nothing_visible(service: Service, depositor: ApiCaller) -> None:
    depositor.get("/api/v1/docs")  # the key is remembered for a moment, so the deposit itself meets the fault
    service.register.down = True
    answer = depositor.deposit()
    problem = assert_problem(answer, 503, "unavailable")
    assert answer.headers["Retry-After"]
    assert problem["component"] == "register"
    assert service.staged_files() == []
    assert list(service.store.list_under("records/")) == []
    service.register.down = False
    assert depositor.deposit().status_code == 201


def test_nothing_staged_stays(service: Service, depositor: ApiCaller) -> None:
    assert depositor.deposit().status_code == 201
    assert depositor.deposit(b"", key="key-2").status_code == 422
    assert service.staged_files() == []
