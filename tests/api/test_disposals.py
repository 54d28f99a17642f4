"""Disposals over HTTP: the whole way through several persons' keys, and every refusal in both languages."""

from __future__ import annotations

import base64
import csv
import hashlib
import io
import json
from typing import Any

import pytest

from archive_service.lifecycle.disposal import propose as propose_module
from archive_service.lifecycle.log.seal import seal_log
from archive_service.model.permissions import Role
from archive_verify.package import Package
from retention.schedule import Action
from tests.api.disposing import PLACE, TITLE, People
from tests.api.problems import assert_problem, wrong_fields
from tests.api.service import NAME, NUMBER, OTHER_OFFICE, ApiCaller, Service, a_pdf
from tests.disposing import CODE, COUNCIL, schedule

NONE = "00000000-0000-7000-8000-000000000000"
SIZE = len(a_pdf("due 0"))
AGREE, WHY = {"vote": "agree"}, {"reason": "còn khiếu nại"}
RECEIPT = {"receiver": "Lưu trữ lịch sử", "reference": "07/BB", "received_on": "2026-12-08", "text": "đủ, nguyên vẹn"}


@pytest.fixture
def people(service: Service) -> People:
    """Give the service with its schedule in force and a council."""
    people = People(service)
    people.prepare()
    return people


@pytest.fixture
def handing(service: Service) -> People:
    """Give the service with a schedule that hands records over."""
    people = People(service, Action.TRANSFER)
    people.prepare()
    return people


def got(caller: ApiCaller, path: str) -> Any:
    answer = caller.get(f"{PLACE}{path}")
    assert answer.status_code == 200, answer.text
    return answer.get_json()


def posted(caller: ApiCaller, path: str, body: Any = None) -> Any:
    answer = caller.post(f"{PLACE}{path}", body)
    assert answer.status_code in {200, 201}, answer.text
    return answer.get_json()


def counts(records: int) -> dict[str, int]:
    return {"records": records, "size_bytes": records * SIZE}


def test_destruction_from_proposal_to_certificate(service: Service, people: People) -> None:
    first, *others = people.due(3)
    tried = posted(people.proposer, "?dry_run=true", people.body())
    assert tried["estimate"] == {
        "by_class": [{"class": CODE, **counts(3)}],
        **counts(3),
        "left_over": 0,
        "proposed_elsewhere": 0,
        "still_locked": 0,
        "proposable_from": None,
    }
    assert (tried["dry_run"], tried["id"]) == (True, None)
    assert got(people.proposer, "") == {"disposals": [], "next_cursor": None}

    proposed = people.propose()
    disposal = proposed["id"]
    assert (proposed["state"], proposed["left_over"], proposed["proposed_by"]) == ("open", 0, "account:hong")
    assert proposed["council"] == ["account:lan", "account:minh", "account:tuan"]
    assert proposed["records"]["listed"] == proposed["records"]["total"] == counts(3)

    exception = {"record_id": first, **WHY}
    assert posted(people.member(), f"/{disposal}/exceptions?dry_run=true", exception)["state"] == "excepted"
    assert got(people.member(), f"/{disposal}")["records"]["excepted"] == counts(0)
    taken = posted(people.member(), f"/{disposal}/exceptions", exception)
    assert (taken["state"], taken["reason"], taken["by"]) == ("excepted", WHY["reason"], "account:lan")

    for name in COUNCIL:
        said = {"vote": "agree", "reason": f"đồng ý, {name}"}
        before = got(people.approver, f"/{disposal}")
        tried = posted(people.member(name), f"/{disposal}/votes?dry_run=true", said)
        assert len(tried["votes"]) == 1 + len(before["votes"])
        assert got(people.approver, f"/{disposal}") == before
        voted = posted(people.member(name), f"/{disposal}/votes", said)
    assert voted["state"] == "carried"
    assert [one["reason"] for one in voted["votes"]] == [f"đồng ý, {name}" for name in COUNCIL]
    assert posted(people.approver, f"/{disposal}/approval?dry_run=true")["state"] == "approved"
    assert got(people.approver, f"/{disposal}")["state"] == "carried"
    assert posted(people.approver, f"/{disposal}/approval")["approved_by"] == "account:duc"

    service.dispose()
    assert got(people.member(), f"/{disposal}")["records"]["excepted"] == counts(1)
    gone = got(people.member(), f"/{disposal}/records?state=disposed")["records"]
    assert [one["record_id"] for one in gone] == sorted(others)


def test_certificate_paper_and_package_are_given_byte_for_byte(service: Service, people: People) -> None:
    people.due(2)
    disposal = people.done()
    auditor = service.caller(Role.AUDITOR)
    done = got(auditor, f"/{disposal}")
    assert (done["state"], done["records"]["disposed"]) == ("done", counts(2))
    certificate = auditor.get(f"{PLACE}/{disposal}/certificate")
    assert certificate.content_type == "application/json"
    assert hashlib.sha256(certificate.data).hexdigest() == done["certificate"]["sha256"]
    assert int(certificate.headers["Content-Length"]) == len(certificate.data) == done["certificate"]["size_bytes"]
    assert json.loads(certificate.data)["disposal"] == disposal
    paper = auditor.get(f"{PLACE}/{disposal}/certificate?format=pdf")
    assert paper.content_type == "application/pdf"
    assert paper.headers["ETag"] == f'"{done["paper"]["sha256"]}"'
    assert hashlib.sha256(paper.data).hexdigest() == done["paper"]["sha256"]
    package = auditor.get(f"{PLACE}/{disposal}/evidence")
    assert Package(package.data).problems == []
    assert done["links"]["certificate"] == f"{PLACE}/{disposal}/certificate"

    listed = got(auditor, f"/{disposal}/records?state=disposed")["records"]
    assert all(one["document_code"] is None for one in listed)
    assert NAME not in json.dumps(done) + json.dumps(listed)


def test_a_record_that_went_is_told_as_gone_with_its_certificate(service: Service, people: People) -> None:
    [record] = people.due(1)
    etag = people.member().get(f"/api/v1/records/{record}").headers["ETag"]
    disposal = people.done()
    auditor = service.caller(Role.AUDITOR)
    tails = ("", "/content", "/text", "/versions", "/renditions", "/renditions/sealed", "/signatures", "/evidence")
    for tail in (*tails, "/receipt", "/evidence-record"):
        problem = assert_problem(auditor.get(f"/api/v1/records/{record}{tail}"), 410, "disposed")
        assert (problem["record_id"], problem["disposed_on"], problem["action"]) == (record, "2026-12-08", "destroy")
        assert problem["disposal_id"] == disposal
        assert "08/12/2026" in problem["detail"]
        assert "08/12/2026" in problem["detail_vi"]
        assert auditor.get(problem["links"]["certificate"]).status_code == 200
        assert NAME not in json.dumps(problem, ensure_ascii=False)
    correction = {**WHY, "metadata": people.body()}
    answer = people.member().post(f"/api/v1/records/{record}/corrections", correction, {"If-Match": etag})
    assert answer.status_code == 400
    for path in ("rereading", "release"):
        assert_problem(people.member().post(f"/api/v1/records/{record}/{path}", WHY), 410, "disposed")
    assert_problem(auditor.get(f"/api/v1/retention/records/{record}"), 410, "disposed")
    events = auditor.get(f"/api/v1/records/{record}/events").get_json()["events"]
    assert [one["type"] for one in events if one["values"]] == ["disposed"]
    assert auditor.get(f"/api/v1/records/{record}/proof").status_code == 200
    stranger = service.caller(*Role, office=OTHER_OFFICE)
    assert_problem(stranger.get(f"/api/v1/records/{record}"), 404, "not-found")

    told = auditor.post("/api/v1/verifications", {"sha256": hashlib.sha256(a_pdf("due 0")).hexdigest()}).get_json()
    assert (told["verdict"], told["records"]) == ("not-held", [])
    [gone] = told["disposed"]
    assert (gone["record_id"], gone["disposed_on"], gone["disposal_id"]) == (record, "2026-12-08", disposal)
    assert auditor.get("/api/v1/search?q=luong").get_json()["hits"] == []
    assert_problem(auditor.get(f"/api/v1/subjects/social-insurance/{NUMBER}"), 404, "not-found")


def test_transfer_needs_every_package_and_a_receipt(service: Service, handing: People) -> None:
    first, second = handing.due(2)
    disposal = handing.approve()
    own, proposer = f"{PLACE}/{disposal}", handing.proposer
    seal_log(service.archive)
    assert got(proposer, f"/{disposal}")["not_exported"] == 2
    assert_problem(proposer.post(f"{own}/receipt", RECEIPT), 409, "not-exported")
    assert proposer.ask("HEAD", f"{own}/records/{first}/package").status_code == 405
    assert got(proposer, f"/{disposal}")["not_exported"] == 2
    for record in (first, second):
        answer = proposer.get(f"{own}/records/{record}/package")
        sha256 = hashlib.sha256(answer.data)
        assert answer.status_code == 200, answer.text
        assert answer.headers["ETag"] == f'"{sha256.hexdigest()}"'
        assert answer.headers["Repr-Digest"] == f"sha-256=:{base64.b64encode(sha256.digest()).decode()}:"
        assert int(answer.headers["Content-Length"]) == len(answer.data)
        assert Package(answer.data).problems == []
        rows = got(proposer, f"/{disposal}/records")["records"]
        assert sha256.hexdigest() in [one["package_sha256"] for one in rows]
        answer.close()
    assert service.staged_files() == []
    assert posted(proposer, f"/{disposal}/receipt?dry_run=true", RECEIPT)["receipt"] == RECEIPT
    assert got(proposer, f"/{disposal}")["receipt"] is None
    assert posted(proposer, f"/{disposal}/receipt", RECEIPT)["receipt"] == RECEIPT
    for query in ("", "?dry_run=true"):
        assert_problem(proposer.post(f"{own}/receipt{query}", RECEIPT), 409, "received-already")
    assert_problem(proposer.get(f"{own}/records/{first}/package"), 409, "received-already")
    service.dispose()
    problem = assert_problem(proposer.get(f"/api/v1/records/{first}"), 410, "disposed")
    assert (problem["action"], "handed over" in problem["detail"]) == ("transfer", True)
    assert json.loads(proposer.get(f"{own}/certificate").data)["receipt"] == RECEIPT


def test_package_is_refused_where_it_is_none(service: Service, handing: People) -> None:
    [record] = handing.due(1)
    proposer = handing.proposer
    open_one = f"{PLACE}/{handing.propose()['id']}"
    assert_problem(proposer.get(f"{open_one}/records/{record}/package"), 409, "not-approved")
    assert_problem(proposer.post(f"{open_one}/receipt", RECEIPT), 409, "not-approved")
    handing.member().post(f"{open_one}/votes", {"vote": "refuse", **WHY})
    approved = f"{PLACE}/{handing.approve()}"
    # The last event of the record is not in a published checkpoint yet.
    problem = assert_problem(proposer.get(f"{approved}/records/{record}/package"), 409, "not-yet-in-checkpoint")
    assert problem["retry_after_seconds"]
    assert_problem(proposer.get(f"{approved}/records/{NONE}/package"), 404, "not-found")
    assert_problem(proposer.get(f"{approved}/records/x/package"), 400, "invalid-input")
    future = {**RECEIPT, "received_on": "2027-01-01"}
    assert_problem(proposer.post(f"{approved}/receipt", future), 400, "invalid-input")
    assert service.staged_files() == []


def test_destruction_hands_nothing_over(people: People) -> None:
    [record] = people.due(1)
    own = f"{PLACE}/{people.approve()}"
    assert_problem(people.proposer.get(f"{own}/records/{record}/package"), 409, "not-a-transfer")
    assert_problem(people.proposer.post(f"{own}/receipt", RECEIPT), 409, "not-a-transfer")
    assert_problem(people.proposer.get(f"{own}/certificate"), 409, "not-done")
    assert_problem(people.proposer.get(f"{own}/certificate?format=pdf"), 409, "not-done")
    assert_problem(people.proposer.get(f"{own}/evidence"), 409, "not-done")


@pytest.mark.parametrize(
    ("changed", "status", "code"),
    [
        ({"council": [*COUNCIL, "hong"]}, 403, "proposed-it"),
        ({"council": ["account:hong", *COUNCIL]}, 403, "proposed-it"),
        ({"council": [*COUNCIL, "nobody"]}, 400, "unknown-member"),
        ({"council": list(COUNCIL[:2])}, 400, "council-too-small"),
        ({"council": ["lan", "account:lan", "minh"]}, 400, "council-too-small"),
        ({"action": "review"}, 400, "action-not-proposable"),
    ],
)
def test_proposal_that_cannot_be_is_refused_also_as_a_trial(
    people: People, changed: dict[str, Any], status: int, code: str
) -> None:
    people.due(1)
    for query in ("", "?dry_run=true"):
        assert_problem(people.proposer.post(f"{PLACE}{query}", people.body(**changed)), status, code)
    assert got(people.proposer, "")["disposals"] == []


@pytest.mark.parametrize(
    ("changed", "fields"),
    [
        ({"title": ""}, ["title"]),
        ({"title": None}, ["title"]),
        ({"action": "burn"}, ["action"]),
        ({"council": []}, ["council"]),
        ({"council": "lan"}, ["council"]),
        ({"due_to": "soon"}, ["due_to"]),
        ({"class": 6}, ["class"]),
        ({"colour": "red"}, ["colour"]),
    ],
)
def test_wrong_field_of_a_proposal_is_named(people: People, changed: dict[str, Any], fields: list[str]) -> None:
    problem = assert_problem(people.proposer.post(PLACE, people.body(**changed)), 400, "invalid-input")
    assert wrong_fields(problem) == fields


@pytest.mark.parametrize("changed", [{"class": "05"}, {"due_to": "2026-03-01"}, {"action": "transfer"}])
def test_nothing_due_is_told_and_a_trial_counts_none(people: People, changed: dict[str, Any]) -> None:
    people.due(1)
    problem = assert_problem(people.proposer.post(PLACE, people.body(**changed)), 409, "nothing-due")
    assert (problem["proposed_elsewhere"], problem["still_locked"], problem["proposable_from"]) == (0, 0, None)
    assert posted(people.proposer, "?dry_run=true", people.body(**changed))["estimate"]["records"] == 0


def test_what_does_not_fit_into_a_list_is_told(people: People, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(propose_module, "MOST_RECORDS", 2)
    people.due(3)
    tried = posted(people.proposer, "?dry_run=true", people.body())["estimate"]
    assert (tried["records"], tried["left_over"]) == (2, 1)
    proposed = people.propose()
    assert (proposed["records"]["total"], proposed["left_over"]) == (counts(2), 1)
    assert people.propose()["records"]["total"] == counts(1)


def test_a_person_is_an_account_whatever_keys_it_has(service: Service, people: People) -> None:
    people.due(1)
    own = f"{PLACE}/{people.propose()['id']}"
    second = service.caller(Role.MANAGER, account="lan")
    assert people.member("lan").post(f"{own}/votes", AGREE).status_code == 200
    for query in ("", "?dry_run=true"):
        assert_problem(second.post(f"{own}/votes{query}", AGREE), 409, "voted-already")
    for name in COUNCIL[1:]:
        people.member(name).post(f"{own}/votes", AGREE)
    for query in ("", "?dry_run=true"):
        assert_problem(second.post(f"{own}/approval{query}"), 403, "voted-on-it")
        other_key = service.caller(Role.MANAGER, account="hong")
        assert_problem(other_key.post(f"{own}/approval{query}"), 403, "proposed-it")
    assert people.approver.post(f"{own}/approval").status_code == 200
    assert_problem(people.approver.post(f"{own}/approval"), 409, "approved-already")


def test_votes_and_exceptions_that_cannot_be_are_refused(service: Service, people: People) -> None:
    [record] = people.due(1)
    own = f"{PLACE}/{people.propose()['id']}"
    exception = {"record_id": record, **WHY}
    for query in ("", "?dry_run=true"):
        assert_problem(people.approver.post(f"{own}/votes{query}", AGREE), 403, "not-a-member")
        assert_problem(people.approver.post(f"{own}/exceptions{query}", exception), 403, "not-a-member")
        assert_problem(people.member().post(f"{own}/votes{query}", {"vote": "refuse"}), 400, "invalid-input")
        assert_problem(people.approver.post(f"{own}/approval{query}"), 409, "not-carried")
        absent = {"record_id": NONE, **WHY}
        assert_problem(people.proposer.post(f"{own}/exceptions{query}", absent), 404, "not-found")
    assert got(people.member(), f"/{own.rsplit('/', 1)[1]}")["votes"] == []
    answer = people.member().post(f"{own}/votes", {"vote": "perhaps"})
    assert wrong_fields(assert_problem(answer, 400, "invalid-input")) == ["vote"]
    answer = people.member().post(f"{own}/exceptions", {"record_id": "x", "reason": ""})
    assert wrong_fields(assert_problem(answer, 400, "invalid-input")) == ["reason"]
    answer = people.member().post(f"{own}/exceptions", {"record_id": "x", "reason": "y"})
    assert wrong_fields(assert_problem(answer, 400, "invalid-input")) == ["record_id"]
    assert people.proposer.post(f"{own}/exceptions", exception).status_code == 200
    assert_problem(people.proposer.post(f"{own}/exceptions", exception), 409, "taken-out-already")

    refused = posted(people.member(), f"/{own.rsplit('/', 1)[1]}/votes", {"vote": "refuse", **WHY})
    assert (refused["state"], refused["votes"][0]["reason"]) == ("rejected", WHY["reason"])
    assert refused["ended_at"]
    for query in ("", "?dry_run=true"):
        assert_problem(people.member("minh").post(f"{own}/votes{query}", AGREE), 409, "not-open")
        assert_problem(people.proposer.post(f"{own}/exceptions{query}", exception), 409, "not-open")


@pytest.mark.parametrize("disposal", [NONE, "x", "%00"])
def test_proposal_that_is_not_there_is_not_found(people: People, disposal: str) -> None:
    own, caller = f"{PLACE}/{disposal}", people.proposer
    for tail in ("", "/records", "/certificate", "/evidence", f"/records/{NONE}/package"):
        assert_problem(caller.get(own + tail), 404, "not-found")
    assert_problem(caller.post(f"{own}/exceptions", {"record_id": NONE, **WHY}), 404, "not-found")
    assert_problem(caller.post(f"{own}/votes", AGREE), 404, "not-found")
    assert_problem(caller.post(f"{own}/approval"), 404, "not-found")
    assert_problem(caller.post(f"{own}/receipt", {**RECEIPT, "received_on": "2026-11-01"}), 404, "not-found")


def test_proposal_of_a_foreign_office_is_not_there(service: Service, people: People) -> None:
    [record] = people.due(1)
    disposal = people.done()
    stranger = service.caller(*Role, office=OTHER_OFFICE)
    for tail in ("", "/records", "/certificate", "/evidence"):
        assert_problem(stranger.get(f"{PLACE}/{disposal}{tail}"), 404, "not-found")
    assert_problem(stranger.post(f"{PLACE}/{disposal}/votes", AGREE), 404, "not-found")
    assert got(stranger, "")["disposals"] == []
    assert stranger.get("/api/v1/retention/reports/disposals").get_json()["rows"] == []
    assert record not in stranger.get(f"/api/v1/records/{record}").get_json()["detail"]


def test_lists_come_in_pages_and_by_state(service: Service, people: People) -> None:
    ids = people.due(3)
    refused = people.propose()["id"]
    people.member().post(f"{PLACE}/{refused}/votes", {"vote": "refuse", **WHY})
    service.clock.forward(seconds=1)
    second = people.propose()["id"]
    page = got(people.proposer, "?limit=1")
    assert [one["id"] for one in page["disposals"]] == [refused]
    page = got(people.proposer, f"?limit=1&cursor={page['next_cursor']}")
    assert ([one["id"] for one in page["disposals"]], page["next_cursor"]) == ([second], None)
    assert [one["id"] for one in got(people.proposer, "?state=open&state=carried")["disposals"]] == [second]

    first = got(people.proposer, f"/{second}/records?limit=2")
    rest = got(people.proposer, f"/{second}/records?limit=2&cursor={first['next_cursor']}")
    assert [one["record_id"] for one in first["records"] + rest["records"]] == sorted(ids)
    assert rest["next_cursor"] is None
    assert first["records"][0]["document_code"].endswith("/QĐ-BHXH")
    assert got(people.proposer, f"/{second}/records?state=kept")["records"] == []
    other = people.proposer.get(f"{PLACE}/{refused}/records?cursor={first['next_cursor']}")
    assert_problem(other, 400, "cursor-not-valid")
    for query in ("?state=old", "?limit=0", "?office=x"):
        assert_problem(people.proposer.get(f"{PLACE}{query}"), 400, "invalid-input")
        assert_problem(people.proposer.get(f"{PLACE}/{second}/records{query}"), 400, "invalid-input")
    assert_problem(people.proposer.get(f"{PLACE}/{second}/certificate?format=doc"), 400, "invalid-input")


def test_a_certificate_that_the_store_lost_or_changed_is_an_alarm(service: Service, people: People) -> None:
    people.due(1)
    disposal = people.done()
    key = f"disposals/{disposal}/certificate.json"
    service.store.tamper(key, b"{}")
    answer = people.proposer.get(f"{PLACE}/{disposal}/certificate")
    assert answer.status_code == 500
    assert answer.get_json()["code"] == "integrity-failure"


def test_report_counts_by_month_what_went_was_kept_and_left_out(service: Service, people: People) -> None:
    first, second, _ = people.due(3)
    own = f"{PLACE}/{people.propose()['id']}"
    people.proposer.post(f"{own}/exceptions", {"record_id": first, **WHY})
    for name in COUNCIL:
        people.member(name).post(f"{own}/votes", AGREE)
    hold = {
        "scope": "record",
        "target": second,
        "owner": "Thanh tra",
        "legal_reference": "Số 12/TTr",
        "review_on": "2027-05-01",
        **WHY,
    }
    people.approver.post(f"{own}/approval")
    assert people.proposer.post("/api/v1/holds", hold).status_code == 201
    service.dispose()
    [kept] = got(people.proposer, f"/{own.rsplit('/', 1)[1]}/records?state=kept")["records"]
    assert (kept["record_id"], kept["kept_because"]["code"]) == (second, "held")
    auditor = service.caller(Role.AUDITOR)
    told = auditor.get("/api/v1/retention/reports/disposals").get_json()
    row = {
        "month": "2026-12",
        "action": "destroy",
        "proposals": 1,
        "disposed_records": 1,
        "disposed_bytes": SIZE,
        "kept_records": 1,
        "kept_bytes": SIZE,
        "excepted_records": 1,
        "excepted_bytes": SIZE,
    }
    assert told["rows"] == [row]
    assert told["bars"] == [{"label": "12/2026 · đã tiêu huỷ", "parts": [{"series": "số tài liệu", "value": 1}]}]
    table = auditor.get("/api/v1/retention/reports/disposals?format=csv").data.decode("utf-8-sig")
    titles, values = csv.reader(io.StringIO(table))
    assert (titles[0], values[0]) == ("Tháng / Month", "2026-12")
    assert auditor.get("/api/v1/retention/reports/disposals?format=svg").text.startswith("<?xml")
    assert TITLE not in table


def test_what_became_due_otherwise_since_is_kept_and_says_why(service: Service, people: People) -> None:
    people.due(1)
    disposal = people.approve()
    central = service.caller(Role.RECORDS_MANAGER, office="BHXH")
    central.ask("POST", "/api/v1/retention/schedules", data=schedule(Action.TRANSFER, version="2"))
    service.dispose()
    [kept] = got(people.proposer, f"/{disposal}/records")["records"]
    assert (kept["state"], kept["kept_because"]["code"]) == ("kept", "other-action")
    assert kept["document_code"] == "1234/QĐ-BHXH"
