"""Holds over HTTP: tried, placed, listed, looked at, lifted."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from archive_service.model.permissions import Role
from tests.api.problems import assert_problem, wrong_fields
from tests.api.service import METADATA, NUMBER, OTHER_OFFICE, PROVINCE, ApiCaller, Service, a_pdf

DOSSIER = str(METADATA["dossier_code"])
UNKNOWN = "00000000-0000-7000-8000-000000000000"
ORDER: Mapping[str, Any] = {
    "scope": "dossier",
    "target": DOSSIER,
    "owner": "Thanh tra Chính phủ",
    "reason": "khiếu nại",
    "legal_reference": "Số 12/TTr",
    "review_on": "2027-05-01",
}
WHY = {"reason": "kết thúc thanh tra"}
IDENTIFIER = {"scheme": "social-insurance", "number": NUMBER}


@pytest.fixture
def manager(service: Service) -> ApiCaller:
    """Return the records manager of the province."""
    return service.caller(Role.RECORDS_MANAGER)


def order(**changes: Any) -> dict[str, Any]:
    return {**ORDER, **changes}


def placed(manager: ApiCaller, **changes: Any) -> dict[str, Any]:
    answer = manager.post("/api/v1/holds", order(**changes))
    assert answer.status_code == 201, answer.text
    body: dict[str, Any] = answer.get_json()
    return body


@pytest.mark.parametrize(
    "said",
    [
        {"scope": "record"},
        {"scope": "dossier"},
        {"scope": "office", "target": PROVINCE},
        {"scope": "subject", "target": None, "identifier": IDENTIFIER},
        {"scope": "condition", "target": None, "condition": {"result_types": ["KQ.G15.000031"]}},
        {"scope": "condition", "target": None, "condition": {"issued_from": "2021-01-01", "issued_to": "2021-12-31"}},
    ],
    ids=lambda said: str(said["scope"]),
)
def test_hold_is_tried_placed_once_and_holds(
    service: Service, manager: ApiCaller, record: dict[str, Any], said: dict[str, Any]
) -> None:
    wanted = order(**({"target": record["id"]} if said == {"scope": "record"} else {}), **said)
    tried = manager.post("/api/v1/holds?dry_run=true", wanted)
    assert tried.status_code == 200, tried.text
    assert tried.get_json()["covers"] == {"records": 1, "size_bytes": len(a_pdf())}
    assert tried.get_json()["id"] is None
    assert manager.get("/api/v1/holds").get_json() == {"holds": [], "next_cursor": None}

    first, again = manager.post("/api/v1/holds", wanted), manager.post("/api/v1/holds", wanted)
    assert (first.status_code, again.status_code) == (201, 201)
    assert first.get_json() == again.get_json()
    assert NUMBER not in first.text
    assert manager.post("/api/v1/holds?dry_run=true", wanted).get_json()["stands"] == first.get_json()["id"]
    service.work_off()
    shown = manager.get(f"/api/v1/retention/records/{record['id']}").get_json()
    assert shown["state"] == "held"
    assert [one["id"] for one in shown["holds"]] == [first.get_json()["id"]]
    assert manager.get(f"/api/v1/holds/{first.get_json()['id']}").get_json() == first.get_json()


def test_hold_is_reviewed_and_lifted_once_and_each_can_be_tried(manager: ApiCaller) -> None:
    hold = placed(manager)
    place = f"/api/v1/holds/{hold['id']}"
    review = {"review_on": "2027-09-01", "reason": "vụ việc còn tiếp"}
    assert manager.post(f"{place}/review?dry_run=true", review).get_json()["review_on"] == "2027-09-01"
    assert manager.post(f"{place}/lifting?dry_run=true", WHY).get_json()["lifted"]["reason"] == WHY["reason"]
    assert manager.get(place).get_json() == hold

    assert manager.post(f"{place}/review", review).get_json()["review_on"] == "2027-09-01"
    lifted = manager.post(f"{place}/lifting", WHY).get_json()
    assert lifted["lifted"]["reason"] == WHY["reason"]
    for query in ("", "?dry_run=true"):
        assert_problem(manager.post(f"{place}/lifting{query}", WHY), 409, "already-lifted")
        assert_problem(manager.post(f"{place}/review{query}", review), 409, "already-lifted")
    assert manager.get("/api/v1/holds").get_json()["holds"] == []
    assert manager.get("/api/v1/holds?lifted=true").get_json()["holds"] == [lifted]


def test_holds_come_in_pages(service: Service, manager: ApiCaller) -> None:
    ids = []
    for number in range(5):
        ids.append(placed(manager, reason=f"vụ {number}")["id"])
        service.clock.forward(seconds=1)
    seen, cursor = [], ""
    for _ in range(3):
        page = manager.get(f"/api/v1/holds?limit=2{cursor}").get_json()
        seen += [one["id"] for one in page["holds"]]
        cursor = f"&cursor={page['next_cursor']}"
    assert seen == ids
    assert page["next_cursor"] is None


@pytest.mark.parametrize(
    ("changed", "fields"),
    [
        ({"scope": "country"}, ["scope"]),
        ({"scope": "subject"}, ["identifier", "target"]),
        ({"scope": "condition"}, ["condition", "target"]),
        ({"scope": "condition", "target": None}, ["condition"]),
        ({"identifier": IDENTIFIER}, ["identifier"]),
        ({"condition": {}}, ["condition"]),
        ({"target": None}, ["target"]),
        ({"scope": "condition", "target": None, "condition": {"colour": "red"}}, ["condition.colour"]),
        (
            {"scope": "condition", "target": None, "condition": {"access_levels": ["top"]}},
            ["condition.access_levels.0"],
        ),
        ({"scope": "condition", "target": None, "condition": {"issued_to": "1"}}, ["condition.issued_to"]),
        ({"scope": "condition", "target": None, "condition": {"result_types": ["?"]}}, ["condition.result_types"]),
        (
            {
                "scope": "condition",
                "target": None,
                "condition": {"issued_from": "2021-02-01", "issued_to": "2021-01-01"},
            },
            ["condition.issued_to"],
        ),
        ({"owner": ""}, ["owner"]),
        ({"reason": None}, ["reason"]),
        ({"legal_reference": " "}, ["legal_reference"]),
        ({"review_on": "never"}, ["review_on"]),
        ({"until": "2027-01-01"}, ["until"]),
    ],
)
def test_wrong_field_of_a_hold_is_named(manager: ApiCaller, changed: dict[str, Any], fields: list[str]) -> None:
    for query in ("", "?dry_run=true"):
        problem = assert_problem(manager.post(f"/api/v1/holds{query}", order(**changed)), 400, "invalid-input")
        assert wrong_fields(problem) == fields
    assert manager.get("/api/v1/holds?lifted=true").get_json()["holds"] == []


@pytest.mark.parametrize(
    ("changed", "status", "code"),
    [
        ({"review_on": "2026-11-23"}, 400, "invalid-input"),
        ({"review_on": "2099-01-01"}, 400, "invalid-input"),
        ({"target": "42"}, 400, "invalid-input"),
        ({"scope": "record", "target": "42"}, 400, "invalid-input"),
        ({"scope": "record", "target": UNKNOWN}, 404, "not-found"),
        ({"scope": "office", "target": OTHER_OFFICE}, 404, "not-found"),
        ({"scope": "office", "target": "BHXH"}, 404, "not-found"),
        ({"scope": "subject", "target": None, "identifier": IDENTIFIER}, 404, "not-found"),
        ({"scope": "condition", "target": None, "condition": {"offices": [OTHER_OFFICE]}}, 404, "not-found"),
        ({"scope": "condition", "target": None, "condition": {"result_types": []}}, 400, "invalid-input"),
    ],
)
def test_hold_that_cannot_be_is_refused_also_as_a_trial(
    manager: ApiCaller, changed: dict[str, Any], status: int, code: str
) -> None:
    for query in ("", "?dry_run=true"):
        assert_problem(manager.post(f"/api/v1/holds{query}", order(**changed)), status, code)


@pytest.mark.parametrize("hold_id", [UNKNOWN, "x", "%00"])
def test_hold_that_is_not_there_is_not_found(manager: ApiCaller, hold_id: str) -> None:
    assert_problem(manager.get(f"/api/v1/holds/{hold_id}"), 404, "not-found")
    assert_problem(manager.post(f"/api/v1/holds/{hold_id}/lifting", WHY), 404, "not-found")
    review = {"review_on": "2027-09-01", **WHY}
    assert_problem(manager.post(f"/api/v1/holds/{hold_id}/review", review), 404, "not-found")


def test_hold_of_a_foreign_office_is_not_there(service: Service, manager: ApiCaller, stranger: ApiCaller) -> None:
    place = f"/api/v1/holds/{placed(manager)['id']}"
    assert_problem(stranger.get(place), 404, "not-found")
    assert_problem(stranger.post(f"{place}/lifting", WHY), 404, "not-found")
    # One above sees and may lift it.
    above = service.caller(Role.RECORDS_MANAGER, office="BHXH")
    assert above.post(f"{place}/lifting", WHY).status_code == 200


@pytest.mark.parametrize("said", [{}, {"reason": ""}, {"reason": 7}])
def test_lifting_needs_a_reason(manager: ApiCaller, said: dict[str, Any]) -> None:
    answer = manager.post(f"/api/v1/holds/{placed(manager)['id']}/lifting", said)
    assert wrong_fields(assert_problem(answer, 400, "invalid-input")) == ["reason"]


@pytest.mark.parametrize("query", ["lifted=perhaps", "limit=0", "office=x"])
def test_list_that_is_none_is_told(manager: ApiCaller, query: str) -> None:
    assert_problem(manager.get(f"/api/v1/holds?{query}"), 400, "invalid-input")
