"""People decide over HTTP: quarantine and findings."""

from __future__ import annotations

from typing import Any

import pytest

from archive_service.model.findings import FindingCode
from archive_service.model.inspection import NotInspected
from archive_service.model.permissions import Role
from tests.api.problems import assert_problem, wrong_fields
from tests.api.service import ApiCaller, Service, a_pdf, metadata, person

WHY = {"reason": "Đã kiểm tra"}


@pytest.fixture
def quarantined(service: Service, depositor: ApiCaller) -> dict[str, Any]:
    """Deposit what the checks could not tell, and return the answer."""
    service.pdf.inspections[a_pdf("odd")] = NotInspected(FindingCode.CHECK_FAILED, {"reason": "crashed"})
    body: dict[str, Any] = depositor.deposit(a_pdf("odd"), key="odd").get_json()
    assert body["state"] == "quarantined"
    return body


def test_quarantine_lists_what_waits_with_its_findings(
    archivist: ApiCaller, record: dict[str, Any], quarantined: dict[str, Any]
) -> None:
    answer = archivist.get("/api/v1/quarantine").get_json()
    assert [one["id"] for one in answer["records"]] == [quarantined["id"]]
    assert [finding["code"] for finding in answer["records"][0]["findings"]] == ["check-failed"]
    assert answer["next"] is None


def test_quarantine_comes_in_pages(service: Service, depositor: ApiCaller, archivist: ApiCaller) -> None:
    service.pdf.facts = NotInspected(FindingCode.CHECK_FAILED)
    ids = []
    for number in range(3):
        ids.append(depositor.deposit(a_pdf(str(number)), key=str(number)).get_json()["id"])
        service.clock.forward(seconds=1)
    first = archivist.get("/api/v1/quarantine?limit=2").get_json()
    second = archivist.get(f"/api/v1/quarantine?limit=2&after={first['next']}").get_json()
    assert [one["id"] for one in (*first["records"], *second["records"])] == ids
    assert second["next"] is None


@pytest.mark.parametrize("query", ["after=x", "limit=0", "limit=501"])
def test_page_of_quarantine_that_is_none_is_told(archivist: ApiCaller, query: str) -> None:
    assert_problem(archivist.get(f"/api/v1/quarantine?{query}"), 400, "invalid-input")


def test_release_serves_the_record_and_makes_it_searchable(
    service: Service, archivist: ApiCaller, auditor: ApiCaller, quarantined: dict[str, Any]
) -> None:
    place = quarantined["links"]["self"]
    answer = archivist.post(f"{place}/release", WHY)
    assert answer.status_code == 200
    assert answer.get_json()["state"] == "stored"
    assert archivist.get(f"{place}/content").data == a_pdf("odd")
    service.work_off()
    assert archivist.get(place).get_json()["search_state"] == "searchable"
    events = auditor.get(f"{place}/events").get_json()["events"]
    (released,) = [event for event in events if event["type"] == "quarantine-released"]
    assert released["values"] == WHY


def test_rejection_serves_nothing_and_frees_the_bytes(
    archivist: ApiCaller, depositor: ApiCaller, quarantined: dict[str, Any]
) -> None:
    place = quarantined["links"]["self"]
    assert_problem(depositor.deposit(a_pdf("odd"), key="again"), 409, "already-held")
    answer = archivist.post(f"{place}/rejection", WHY)
    assert answer.status_code == 200
    assert answer.get_json()["state"] == "rejected"
    assert_problem(archivist.get(f"{place}/content"), 409, "not-served")
    assert archivist.get("/api/v1/quarantine").get_json()["records"] == []
    assert depositor.deposit(a_pdf("odd"), key="again").status_code == 201


@pytest.mark.parametrize("decision", ["release", "rejection"])
def test_decision_is_made_once(archivist: ApiCaller, quarantined: dict[str, Any], decision: str) -> None:
    place = f"{quarantined['links']['self']}/{decision}"
    assert archivist.post(place, WHY).status_code == 200
    problem = assert_problem(archivist.post(place, WHY), 409, "transition-not-permitted")
    assert problem["state"] in {"stored", "rejected"}


@pytest.mark.parametrize("decision", ["release", "rejection"])
@pytest.mark.parametrize("body", [{}, {"reason": ""}, {"reason": "  "}, {"reason": 7}, {"reason": "x" * 2001}])
def test_decision_needs_a_reason(
    archivist: ApiCaller, quarantined: dict[str, Any], decision: str, body: dict[str, Any]
) -> None:
    answer = archivist.post(f"{quarantined['links']['self']}/{decision}", body)
    assert wrong_fields(assert_problem(answer, 400, "invalid-input")) == ["reason"]


def test_stored_record_is_not_released(archivist: ApiCaller, record: dict[str, Any]) -> None:
    assert_problem(archivist.post(f"{record['links']['self']}/release", WHY), 409, "transition-not-permitted")


@pytest.fixture
def finding(depositor: ApiCaller) -> dict[str, Any]:
    """Deposit a result under a name that is not the one the archive has, and return the finding."""
    depositor.deposit()
    other = metadata(subject=person("0123456789", "Lê Thị Mai"))
    (found,) = depositor.deposit(a_pdf("2"), other, key="2").get_json()["findings"]
    assert found["code"] == "subject-name-differs"
    result: dict[str, Any] = found
    return result


def test_findings_wait_for_a_person_and_are_closed_with_words(
    archivist: ApiCaller, auditor: ApiCaller, finding: dict[str, Any]
) -> None:
    (listed,) = archivist.get("/api/v1/findings").get_json()["findings"]
    assert listed == finding
    assert listed["message"]["en"]
    assert listed["message"]["vi"]
    answer = archivist.post(f"/api/v1/findings/{finding['id']}/resolution", {"resolution": "Đã đổi tên theo CCCD"})
    assert answer.status_code == 200
    assert answer.get_json()["resolution"] == "Đã đổi tên theo CCCD"
    assert answer.get_json()["resolved_by"].startswith("key:")
    assert answer.get_json()["resolved_at"]
    assert archivist.get("/api/v1/findings").get_json() == {"findings": [], "next": None}
    events = auditor.get(f"/api/v1/records/{finding['record_id']}/events").get_json()["events"]
    assert "finding-resolved" in [event["type"] for event in events]


def test_finding_is_closed_once(archivist: ApiCaller, finding: dict[str, Any]) -> None:
    place = f"/api/v1/findings/{finding['id']}/resolution"
    assert archivist.post(place, {"resolution": "x"}).status_code == 200
    assert_problem(archivist.post(place, {"resolution": "x"}), 409, "already-resolved")


@pytest.mark.parametrize("body", [{}, {"resolution": " "}, {"resolution": None}])
def test_finding_is_not_closed_without_words(
    archivist: ApiCaller, finding: dict[str, Any], body: dict[str, Any]
) -> None:
    answer = archivist.post(f"/api/v1/findings/{finding['id']}/resolution", body)
    assert wrong_fields(assert_problem(answer, 400, "invalid-input")) == ["resolution"]


def test_finding_that_is_not_there_is_not_found(archivist: ApiCaller) -> None:
    assert_problem(archivist.post("/api/v1/findings/4711/resolution", {"resolution": "x"}), 404, "not-found")


def test_findings_come_in_pages(archivist: ApiCaller, depositor: ApiCaller) -> None:
    depositor.deposit()
    for number in range(3):
        said = metadata(subject=person("0123456789", f"Lê Thị Mai {number}"))
        assert depositor.deposit(a_pdf(str(number)), said, key=str(number)).status_code == 201
    first = archivist.get("/api/v1/findings?limit=2").get_json()
    second = archivist.get(f"/api/v1/findings?limit=2&after={first['next']}").get_json()
    numbers = [one["id"] for one in (*first["findings"], *second["findings"])]
    assert len(numbers) == 3
    assert numbers == sorted(numbers)
    assert second["next"] is None


def test_words_are_read_again_on_request(service: Service, archivist: ApiCaller, record: dict[str, Any]) -> None:
    answer = archivist.post(f"{record['links']['self']}/rereading")
    assert answer.status_code == 202
    service.work_off()
    events = service.caller(Role.AUDITOR).get(record["links"]["events"]).get_json()["events"]
    assert [event["type"] for event in events].count("text-read") == 2


def test_secret_findings_are_for_those_who_may_read_the_record(
    service: Service, depositor: ApiCaller, archivist: ApiCaller
) -> None:
    service.pdf.facts = NotInspected(FindingCode.CHECK_FAILED)
    depositor.deposit(said=metadata(access_level="secret"))
    assert archivist.get("/api/v1/findings").get_json()["findings"] == []
    assert archivist.get("/api/v1/quarantine").get_json()["records"] == []
    assert len(service.caller(Role.RECORDS_MANAGER).get("/api/v1/findings").get_json()["findings"]) == 1
