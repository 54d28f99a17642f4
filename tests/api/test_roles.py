"""Every endpoint, by every role: allowed or 403; without a key 401; a foreign office's record is 404 everywhere."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from werkzeug.test import TestResponse

from archive_service.lifecycle.log.seal import seal_log
from archive_service.model.findings import FindingCode
from archive_service.model.inspection import NotInspected
from archive_service.model.permissions import Role
from tests.api.problems import assert_problem
from tests.api.service import METADATA, NUMBER, ApiCaller, Service, a_pdf, metadata, open_service, person
from tests.fakes.witness import cosigned
from tests.running import PROJECT

_EVERYONE = frozenset(Role)
_READERS = frozenset({Role.INTAKE_OFFICER, Role.ARCHIVIST, Role.RECORDS_MANAGER, Role.AUDITOR})
_AUDITOR = frozenset({Role.AUDITOR})
_DECIDERS = frozenset({Role.ARCHIVIST, Role.RECORDS_MANAGER})
_HOLD_READERS = frozenset({Role.RECORDS_MANAGER, Role.AUDITOR, Role.MANAGER})
_PLANNERS = _HOLD_READERS | {Role.ARCHIVIST}
_TELLERS = frozenset({Role.DEPOSITOR, Role.ARCHIVIST, Role.RECORDS_MANAGER})
_KEEPERS = frozenset({Role.RECORDS_MANAGER})

OPEN = {"/health/live", "/health/ready", "/api/v1/log/checkpoint"}


@dataclass(frozen=True, slots=True)
class World:
    """A service with a stored record, a quarantined one with a finding, and two subjects."""

    service: Service
    stored: str
    quarantined: str
    finding: int
    etag: str


Ask = Callable[[ApiCaller, World], TestResponse]


@dataclass(frozen=True, slots=True)
class Endpoint:
    """An endpoint, who may use it, and a request to it that is right."""

    rule: str
    method: str
    roles: frozenset[Role]
    ask: Ask


def _get(path: str) -> Ask:
    def ask(caller: ApiCaller, world: World) -> TestResponse:
        return caller.get(path.format(stored=world.stored, quarantined=world.quarantined))

    return ask


def _post(path: str, body: dict[str, Any]) -> Ask:
    def ask(caller: ApiCaller, world: World) -> TestResponse:
        place = path.format(stored=world.stored, quarantined=world.quarantined, finding=world.finding)
        return caller.post(place, body, {"If-Match": world.etag})

    return ask


def _cosign(caller: ApiCaller, _: World) -> TestResponse:
    note = cosigned(caller.get("/api/v1/log/checkpoint").data)
    return caller.ask("POST", "/api/v1/log/cosignatures", data=note, content_type="text/plain")


def _adopt(caller: ApiCaller, _: World) -> TestResponse:
    schedule = (PROJECT / "examples" / "retention" / "schedule.toml").read_bytes()
    answer = caller.ask("POST", "/api/v1/retention/schedules", data=schedule, content_type="application/toml")
    if answer.status_code == 403 and answer.get_json()["code"] == "office-not-above-all":
        # The right is there; the callers of this table belong to a province.
        answer.status_code = 409
    return answer


def _propose(caller: ApiCaller, _: World) -> TestResponse:
    # Nobody of this table is in a council: whoever may propose is told so.
    answer = caller.post("/api/v1/disposals", {"title": "x", "action": "destroy", "council": ["nobody"]})
    if answer.status_code == 400 and answer.get_json()["code"] == "unknown-member":
        answer.status_code = 409
    return answer


_WHY = {"reason": "Đã kiểm tra"}
_MERGE = {
    "kept": {"scheme": "social-insurance", "number": NUMBER},
    "merged": {"scheme": "social-insurance", "number": "9876543210"},
    **_WHY,
}
_ADDED = {
    "known": {"scheme": "social-insurance", "number": NUMBER},
    "added": {"scheme": "citizen", "number": "079061001234"},
    **_WHY,
}
_RECORD = "/api/v1/records/<record_id>"
_SCHEDULES, _EVENTS = "/api/v1/retention/schedules", "/api/v1/retention/events"
_NONE = "00000000-0000-7000-8000-000000000000"
_DISPOSAL, _NO_DISPOSAL = "/api/v1/disposals/<uuid:disposal_id>", f"/api/v1/disposals/{_NONE}"
_RECEIVED = {"receiver": "Lưu trữ lịch sử", "reference": "07/BB", "received_on": "2026-11-20", "text": "đủ"}
_HAPPENED = {
    "scope": "dossier",
    "target": "000.00.00.H41-210301-0042",
    "trigger": "dossier-closed",
    "happened_on": "2026-11-01",
    "source": "Một cửa",
}
_HELD = {
    "scope": "dossier",
    "target": "000.00.00.H41-210301-0042",
    "owner": "Thanh tra",
    "legal_reference": "Số 12/TTr",
    "review_on": "2027-05-01",
    **_WHY,
}

TABLE = (
    Endpoint(
        "/api/v1/records",
        "POST",
        frozenset({Role.DEPOSITOR, Role.INTAKE_OFFICER}),
        lambda caller, _: caller.deposit(a_pdf("new"), key="new"),
    ),
    Endpoint(_RECORD, "GET", _READERS | {Role.DEPOSITOR, Role.MANAGER}, _get("/api/v1/records/{stored}")),
    Endpoint(f"{_RECORD}/content", "GET", _READERS, _get("/api/v1/records/{stored}/content")),
    Endpoint(f"{_RECORD}/text", "GET", _READERS, _get("/api/v1/records/{stored}/text")),
    Endpoint(
        f"{_RECORD}/events",
        "GET",
        frozenset({Role.AUDITOR, Role.RECORDS_MANAGER}),
        _get("/api/v1/records/{stored}/events"),
    ),
    Endpoint(
        f"{_RECORD}/evidence-record",
        "GET",
        _READERS | {Role.DEPOSITOR, Role.MANAGER},
        _get("/api/v1/records/{stored}/evidence-record"),
    ),
    # A package holds the original and its events' payloads: who acted, and the reasons that people wrote.
    Endpoint(
        f"{_RECORD}/evidence",
        "GET",
        frozenset({Role.AUDITOR, Role.RECORDS_MANAGER}),
        _get("/api/v1/records/{stored}/evidence"),
    ),
    Endpoint(
        f"{_RECORD}/versions",
        "GET",
        _READERS | {Role.DEPOSITOR, Role.MANAGER},
        _get("/api/v1/records/{stored}/versions"),
    ),
    Endpoint(
        f"{_RECORD}/signatures",
        "GET",
        _READERS | {Role.DEPOSITOR, Role.MANAGER},
        _get("/api/v1/records/{stored}/signatures"),
    ),
    Endpoint(
        f"{_RECORD}/renditions",
        "GET",
        _READERS | {Role.DEPOSITOR, Role.MANAGER},
        _get("/api/v1/records/{stored}/renditions"),
    ),
    Endpoint(f"{_RECORD}/renditions/sealed", "GET", _READERS, _get("/api/v1/records/{stored}/renditions/sealed")),
    Endpoint(
        f"{_RECORD}/corrections",
        "POST",
        _DECIDERS,
        _post("/api/v1/records/{stored}/corrections", {**_WHY, "metadata": dict(METADATA)}),
    ),
    Endpoint(f"{_RECORD}/release", "POST", _DECIDERS, _post("/api/v1/records/{quarantined}/release", _WHY)),
    Endpoint(f"{_RECORD}/rejection", "POST", _DECIDERS, _post("/api/v1/records/{quarantined}/rejection", _WHY)),
    Endpoint(f"{_RECORD}/rereading", "POST", _DECIDERS, _post("/api/v1/records/{stored}/rereading", {})),
    Endpoint("/api/v1/subjects/identifiers", "POST", _DECIDERS, _post("/api/v1/subjects/identifiers", _ADDED)),
    Endpoint("/api/v1/quarantine", "GET", _READERS, _get("/api/v1/quarantine")),
    Endpoint("/api/v1/findings", "GET", _READERS | {Role.MANAGER}, _get("/api/v1/findings")),
    Endpoint(
        "/api/v1/findings/<int(max=9223372036854775807):finding_id>/resolution",
        "POST",
        _DECIDERS | {Role.INTAKE_OFFICER},
        _post("/api/v1/findings/{finding}/resolution", {"resolution": "Đã xem"}),
    ),
    Endpoint("/api/v1/search", "GET", _READERS | {Role.MANAGER}, _get("/api/v1/search?q=luong")),
    Endpoint(
        "/api/v1/subjects/<scheme>/<number>",
        "GET",
        _READERS | {Role.MANAGER},
        _get(f"/api/v1/subjects/social-insurance/{NUMBER}"),
    ),
    Endpoint("/api/v1/subjects/merges", "POST", _DECIDERS, _post("/api/v1/subjects/merges", _MERGE)),
    Endpoint(
        "/api/v1/subjects/merges/<int(max=9223372036854775807):merge_id>/undoing",
        "POST",
        _DECIDERS,
        _post("/api/v1/subjects/merges/1/undoing", _WHY),
    ),
    Endpoint(
        "/api/v1/verifications",
        "POST",
        _READERS | {Role.DEPOSITOR},
        _post("/api/v1/verifications", {"sha256": "0" * 64}),
    ),
    Endpoint(_SCHEDULES, "GET", _PLANNERS, _get("/api/v1/retention/schedules")),
    Endpoint(_SCHEDULES, "POST", _KEEPERS, _adopt),
    Endpoint(
        f"{_SCHEDULES}/<int(max=9223372036854775807):number>",
        "GET",
        _PLANNERS,
        _get("/api/v1/retention/schedules/1"),
    ),
    Endpoint("/api/v1/retention/records", "GET", _PLANNERS, _get("/api/v1/retention/records")),
    Endpoint("/api/v1/retention/records/<record_id>", "GET", _PLANNERS, _get("/api/v1/retention/records/{stored}")),
    Endpoint(
        _EVENTS, "GET", _PLANNERS, _get("/api/v1/retention/events?scope=dossier&target=000.00.00.H41-210301-0042")
    ),
    Endpoint(_EVENTS, "POST", _TELLERS, _post("/api/v1/retention/events", _HAPPENED)),
    Endpoint(
        f"{_EVENTS}/<uuid:event_id>/withdrawal",
        "POST",
        _TELLERS,
        _post(f"/api/v1/retention/events/{_NONE}/withdrawal", _WHY),
    ),
    Endpoint("/api/v1/retention/reports/due", "GET", _PLANNERS, _get("/api/v1/retention/reports/due")),
    Endpoint("/api/v1/retention/reports/forecast", "GET", _PLANNERS, _get("/api/v1/retention/reports/forecast")),
    Endpoint("/api/v1/retention/reports/held", "GET", _HOLD_READERS, _get("/api/v1/retention/reports/held")),
    Endpoint("/api/v1/retention/reports/reviews", "GET", _HOLD_READERS, _get("/api/v1/retention/reports/reviews")),
    Endpoint("/api/v1/holds", "GET", _HOLD_READERS, _get("/api/v1/holds")),
    Endpoint("/api/v1/holds", "POST", _KEEPERS, _post("/api/v1/holds", _HELD)),
    Endpoint("/api/v1/holds/<uuid:hold_id>", "GET", _HOLD_READERS, _get(f"/api/v1/holds/{_NONE}")),
    Endpoint("/api/v1/holds/<uuid:hold_id>/lifting", "POST", _KEEPERS, _post(f"/api/v1/holds/{_NONE}/lifting", _WHY)),
    Endpoint(
        "/api/v1/holds/<uuid:hold_id>/review",
        "POST",
        _KEEPERS,
        _post(f"/api/v1/holds/{_NONE}/review", {**_WHY, "review_on": "2027-05-01"}),
    ),
    Endpoint("/api/v1/retention/reports/disposals", "GET", _PLANNERS, _get("/api/v1/retention/reports/disposals")),
    Endpoint("/api/v1/disposals", "GET", _PLANNERS, _get("/api/v1/disposals")),
    Endpoint("/api/v1/disposals", "POST", _KEEPERS, _propose),
    Endpoint(_DISPOSAL, "GET", _PLANNERS, _get(_NO_DISPOSAL)),
    Endpoint(f"{_DISPOSAL}/records", "GET", _PLANNERS, _get(f"{_NO_DISPOSAL}/records")),
    # By whom it was proposed or is voted on: the step asks who that is.
    Endpoint(
        f"{_DISPOSAL}/exceptions", "POST", _PLANNERS, _post(f"{_NO_DISPOSAL}/exceptions", {"record_id": _NONE, **_WHY})
    ),
    Endpoint(
        f"{_DISPOSAL}/votes",
        "POST",
        _DECIDERS | {Role.MANAGER},
        _post(f"{_NO_DISPOSAL}/votes", {"vote": "agree"}),
    ),
    Endpoint(f"{_DISPOSAL}/approval", "POST", _KEEPERS | {Role.MANAGER}, _post(f"{_NO_DISPOSAL}/approval", {})),
    Endpoint(
        f"{_DISPOSAL}/records/<record_id>/package",
        "GET",
        _KEEPERS,
        _get(f"{_NO_DISPOSAL}/records/{_NONE}/package"),
    ),
    Endpoint(f"{_DISPOSAL}/receipt", "POST", _KEEPERS, _post(f"{_NO_DISPOSAL}/receipt", _RECEIVED)),
    Endpoint(f"{_DISPOSAL}/certificate", "GET", _PLANNERS, _get(f"{_NO_DISPOSAL}/certificate")),
    # As of a record: it names who acted and holds the reasons that people wrote.
    Endpoint(f"{_DISPOSAL}/evidence", "GET", _KEEPERS | _AUDITOR, _get(f"{_NO_DISPOSAL}/evidence")),
    Endpoint("/api/v1/log/tile/<path:address>", "GET", _AUDITOR, _get("/api/v1/log/tile/0/000.p/1")),
    Endpoint("/api/v1/log/consistency", "GET", _AUDITOR, _get("/api/v1/log/consistency?from=1&to=2")),
    Endpoint("/api/v1/log/keys", "GET", _AUDITOR, _get("/api/v1/log/keys")),
    Endpoint("/api/v1/log/cosignatures", "POST", _AUDITOR, _cosign),
    Endpoint(
        f"{_RECORD}/receipt", "GET", _READERS | {Role.DEPOSITOR, Role.MANAGER}, _get("/api/v1/records/{stored}/receipt")
    ),
    Endpoint(
        f"{_RECORD}/proof", "GET", _READERS | {Role.DEPOSITOR, Role.MANAGER}, _get("/api/v1/records/{stored}/proof")
    ),
    Endpoint("/api/v1/openapi.json", "GET", _EVERYONE, _get("/api/v1/openapi.json")),
    Endpoint("/api/v1/docs", "GET", _EVERYONE, _get("/api/v1/docs")),
    Endpoint("/api/v1/docs/<name>", "GET", _EVERYONE, _get("/api/v1/docs/start.js")),
    Endpoint("/metrics", "GET", frozenset({Role.OPERATOR}), _get("/metrics")),
)


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """Fill a service once: whoever is not allowed changes nothing, and what the allowed change is no matter here."""
    with open_service(tmp_path_factory.mktemp("roles")) as service:
        depositor = service.caller(Role.DEPOSITOR)
        stored = depositor.deposit()
        depositor.deposit(a_pdf("two"), metadata(subject=person("9876543210")), key="key-2")
        service.pdf.inspections[a_pdf("acts")] = NotInspected(FindingCode.CHECK_FAILED)
        body = depositor.deposit(a_pdf("acts"), key="key-3").get_json()
        seal_log(service.archive)
        yield World(service, stored.get_json()["id"], body["id"], body["findings"][0]["id"], stored.headers["ETag"])


def _rows() -> Iterator[Any]:
    for endpoint in TABLE:
        for role in Role:
            yield pytest.param(endpoint, role, id=f"{endpoint.method} {endpoint.rule} {role}")


@pytest.mark.parametrize(("endpoint", "role"), list(_rows()))
def test_role_may_do_what_the_table_says_and_nothing_else(world: World, endpoint: Endpoint, role: Role) -> None:
    answer = endpoint.ask(world.service.caller(role), world)
    if role in endpoint.roles:
        # Allowed: done, or no longer possible because an earlier row did it.
        assert answer.status_code in {200, 201, 202, 404, 409, 412}, answer.text
    else:
        assert_problem(answer, 403, "not-allowed")


@pytest.mark.parametrize("endpoint", TABLE, ids=lambda e: f"{e.method} {e.rule}")
def test_without_a_key_nothing_is_answered(world: World, endpoint: Endpoint) -> None:
    answer = endpoint.ask(world.service.nobody(), world)
    assert_problem(answer, 401, "not-authenticated")
    assert "Bearer" in answer.headers["WWW-Authenticate"]
    assert "Basic" in answer.headers["WWW-Authenticate"]


@pytest.mark.parametrize("token", ["x", "archive_", "archive_0_x", "Ư" * 5, "archive_" + "0" * 16 + "_" + "A" * 43])
def test_wrong_key_is_refused(world: World, token: str) -> None:
    answer = world.service.nobody().get(
        "/api/v1/quarantine", headers={"Authorization": f"Bearer {token}".encode().decode("latin-1")}
    )
    assert_problem(answer, 401, "not-authenticated")


def test_key_may_be_the_password_of_basic_authentication(world: World) -> None:
    token = world.service.token(Role.AUDITOR)
    answer = world.service.nobody().get("/api/v1/docs", auth=("anyone", token))
    assert answer.status_code == 200


def test_addresses_that_are_none_need_a_key_too(world: World) -> None:
    assert_problem(world.service.nobody().get("/api/v1/nothing"), 401, "not-authenticated")
    assert_problem(world.service.caller(Role.AUDITOR).get("/api/v1/nothing"), 404, "not-found")
    assert_problem(world.service.caller(Role.AUDITOR).post("/api/v1/search"), 405, "method-not-allowed")


@pytest.mark.parametrize("path", ["/health/live", "/health/ready"])
def test_health_needs_no_key(world: World, path: str) -> None:
    assert world.service.nobody().get(path).status_code == 200


def test_table_names_every_endpoint(world: World) -> None:
    served = {
        (str(rule), method)
        for rule in world.service.app.url_map.iter_rules()
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
        if str(rule) not in OPEN
    }
    assert served == {(endpoint.rule, endpoint.method) for endpoint in TABLE}


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/api/v1/records/{stored}"),
        ("GET", "/api/v1/records/{stored}/content"),
        ("GET", "/api/v1/records/{stored}/text"),
        ("GET", "/api/v1/records/{stored}/events"),
        ("GET", "/api/v1/records/{stored}/versions"),
        ("GET", "/api/v1/records/{stored}/signatures"),
        ("GET", "/api/v1/records/{stored}/evidence"),
        ("GET", "/api/v1/records/{stored}/evidence-record"),
        ("GET", "/api/v1/records/{stored}/receipt"),
        ("GET", "/api/v1/records/{stored}/proof"),
        ("GET", "/api/v1/records/{stored}/renditions"),
        ("GET", "/api/v1/records/{stored}/renditions/sealed"),
        ("POST", "/api/v1/records/{stored}/corrections"),
        ("POST", "/api/v1/records/{quarantined}/release"),
        ("POST", "/api/v1/records/{quarantined}/rejection"),
        ("POST", "/api/v1/records/{stored}/rereading"),
        ("POST", "/api/v1/findings/{finding}/resolution"),
        ("POST", "/api/v1/subjects/identifiers"),
        ("GET", "/api/v1/retention/records/{stored}"),
        ("GET", "/api/v1/retention/events?scope=record&target={stored}"),
        ("GET", f"/api/v1/retention/events?scope=subject&scheme=social-insurance&number={NUMBER}"),
        ("POST", "/api/v1/retention/events"),
        ("POST", "/api/v1/holds"),
        ("GET", f"/api/v1/subjects/social-insurance/{NUMBER}"),
        ("POST", "/api/v1/subjects/merges"),
        ("POST", "/api/v1/subjects/merges/1/undoing"),
    ],
)
def test_record_of_a_foreign_office_is_not_there(foreign: World, foreigner: ApiCaller, method: str, path: str) -> None:
    bodies = {
        "corrections": {**_WHY, "metadata": metadata(office="BHXH-01-05")},
        "resolution": {"resolution": "Đã xem"},
        "merges": _MERGE,
        "identifiers": _ADDED,
        "events": {**_HAPPENED, "scope": "record", "target": foreign.stored},
        "holds": {**_HELD, "scope": "record", "target": foreign.stored},
    }
    body = bodies.get(path.rsplit("/", 1)[-1], _WHY)
    place = path.format(stored=foreign.stored, quarantined=foreign.quarantined, finding=foreign.finding)
    answer = foreigner.get(place) if method == "GET" else foreigner.post(place, body, {"If-Match": foreign.etag})
    assert_problem(answer, 404, "not-found")
    assert foreign.stored not in answer.text.replace(place, "")


def test_lists_of_a_foreign_office_are_empty(foreign: World, foreigner: ApiCaller) -> None:
    assert foreigner.get("/api/v1/quarantine").get_json() == {"records": [], "next": None}
    assert foreigner.get("/api/v1/findings").get_json() == {"findings": [], "next": None}
    assert foreigner.get("/api/v1/search?q=").get_json()["hits"] == []
    assert foreigner.get("/api/v1/retention/records").get_json()["records"] == []
    assert foreigner.get("/api/v1/retention/reports/forecast").get_json()["rows"] == []
    assert foreigner.get("/api/v1/holds?lifted=true").get_json() == {"holds": [], "next_cursor": None}


def test_verification_of_a_foreign_office_names_nothing(foreign: World, foreigner: ApiCaller) -> None:
    held = foreign.service.caller(Role.AUDITOR).get(f"/api/v1/records/{foreign.stored}").get_json()["content"]
    answer = foreigner.post("/api/v1/verifications", {"sha256": held["sha256"]}).get_json()
    assert answer["verdict"] == "not-held"
    assert answer["records"] == []


def test_same_bytes_in_a_foreign_office_do_not_block(foreign: World, foreigner: ApiCaller) -> None:
    answer = foreigner.deposit(said=metadata(office="BHXH-01-05"))
    assert answer.status_code == 201
    assert foreign.stored not in answer.text


@pytest.fixture
def foreign(service: Service) -> World:
    """Fill a service with what an office of another province must not see."""
    depositor = service.caller(Role.DEPOSITOR)
    stored = depositor.deposit()
    service.pdf.inspections[a_pdf("acts")] = NotInspected(FindingCode.CHECK_FAILED)
    body = depositor.deposit(a_pdf("acts"), metadata(subject=person("9876543210")), key="key-3").get_json()
    service.work_off()
    merged = service.caller(Role.ARCHIVIST).post("/api/v1/subjects/merges", _MERGE)
    assert merged.status_code == 201, merged.text
    return World(service, stored.get_json()["id"], body["id"], body["findings"][0]["id"], stored.headers["ETag"])


@pytest.fixture
def foreigner(stranger: ApiCaller) -> ApiCaller:
    """Return a caller with every role, of another province."""
    return stranger
