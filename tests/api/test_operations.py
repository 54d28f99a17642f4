"""For operators: health, figures, the description of the API, and logs without personal data."""

from __future__ import annotations

import contextlib
import io
import json
import re
import time
from typing import Any

import pytest
import structlog

from archive_service.api import problems
from archive_service.api.identity import REMEMBERED_SECONDS
from archive_service.errors import ArchiveError, unavailable
from archive_service.lifecycle.keys import revoke_key
from archive_service.lifecycle.log.seal import seal_log
from archive_service.logs import configure_logs
from archive_service.model.permissions import Role
from tests.api.problems import assert_problem
from tests.api.service import NAME, NUMBER, ApiCaller, Service


def test_live_process_says_so_whatever_is_down(service: Service) -> None:
    service.register.down = service.index.down = service.store.down = True
    answer = service.nobody().get("/health/live")
    assert (answer.status_code, answer.get_json()) == (200, {"status": "ok"})


def test_ready_service_names_each_component(service: Service) -> None:
    answer = service.nobody().get("/health/ready")
    assert answer.status_code == 200
    assert answer.get_json() == {
        "status": "ok",
        "components": {"register": "ok", "store": "ok", "index": "ok", "pdf": "ok"},
    }


@pytest.mark.parametrize("component", ["register", "store"])
def test_service_that_cannot_take_deposits_is_not_ready(service: Service, component: str) -> None:
    getattr(service, component).down = True
    answer = service.nobody().get("/health/ready")
    assert answer.status_code == 503
    assert answer.get_json()["status"] == "not ready"
    assert answer.get_json()["components"][component] == "not ready"


def test_index_that_is_down_is_shown_and_deposits_are_taken(service: Service) -> None:
    service.index.down = True
    answer = service.nobody().get("/health/ready")
    assert answer.status_code == 200
    assert answer.get_json()["components"]["index"] == "not ready"


def figures(service: Service) -> str:
    answer = service.caller(Role.OPERATOR).get("/metrics")
    assert answer.status_code == 200
    assert answer.content_type.startswith("text/plain")
    return answer.text


def test_metrics_count_requests_by_pattern_and_follow_up_work(service: Service, depositor: ApiCaller) -> None:
    place = depositor.deposit().headers["Location"]
    depositor.get(place)
    text = figures(service)
    assert 'archive_http_requests_total{method="POST",route="/api/v1/records",status="201"} 1.0' in text
    assert 'route="/api/v1/records/<record_id>",status="200"' in text
    assert 'archive_jobs{kind="enrich",state="waiting"} 1.0' in text
    assert "archive_register_up 1.0" in text
    service.work_off()
    assert 'archive_jobs{kind="enrich",state="waiting"} 0.0' in figures(service)


def test_metrics_tell_how_far_the_log_is_published(service: Service, depositor: ApiCaller) -> None:
    depositor.deposit()
    service.clock.forward(minutes=5)
    waiting = figures(service)
    assert "archive_log_published_entries 0.0" in waiting
    assert "archive_log_oldest_unpublished_seconds 300.0" in waiting
    made = seal_log(service.archive)
    assert made is not None
    assert f"archive_log_published_entries {float(made.size)}" in figures(service)
    assert "archive_log_oldest_unpublished_seconds 0.0" in figures(service)


def test_metrics_carry_no_personal_data(service: Service, archivist: ApiCaller, record: dict[str, Any]) -> None:
    archivist.get("/api/v1/search", query_string={"q": NAME})
    archivist.get(f"/api/v1/subjects/social-insurance/{NUMBER}")
    archivist.ask("NGUYEN", f"/{NUMBER}")
    text = figures(service)
    for secret in (NAME, "Nguyễn", NUMBER, record["id"], "NGUYEN"):
        assert secret not in text


def test_metrics_of_a_register_that_is_down_say_so(service: Service) -> None:
    operator = service.caller(Role.OPERATOR)
    operator.get("/metrics")  # the key is remembered for a moment
    service.register.down = True
    assert "archive_register_up 0.0" in operator.get("/metrics").text


# Blueprints whose endpoints the description is for.
SUBJECTS = {
    "records",
    "renditions",
    "search",
    "review",
    "retention",
    "retention-reports",
    "holds",
    "disposals",
    "verifications",
    "evidence",
    "log",
}


def test_description_is_openapi_and_lists_every_route(service: Service) -> None:
    described = service.caller(Role.AUDITOR).get("/api/v1/openapi.json").get_json()
    assert described["openapi"] == "3.1.0"
    served = {
        (method.lower(), re.sub(r"<(?:[^:>]+:)?([^>]+)>", r"{\1}", str(rule)))
        for rule in service.app.url_map.iter_rules()
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
        if rule.endpoint.partition(".")[0] in SUBJECTS
    }
    listed = {(method, path) for path, row in described["paths"].items() for method in row if method != "parameters"}
    assert listed == served
    for path, row in described["paths"].items():
        for method in set(row) - {"parameters"}:
            assert row[method]["summary"], (method, path)
            assert set(row[method]["responses"]) & {"200", "201", "202"}, (method, path)
    deposit = described["paths"]["/api/v1/records"]["post"]
    assert deposit["requestBody"]["content"].keys() == {"multipart/form-data"}
    assert {one["name"] for one in deposit["parameters"]} == {"Idempotency-Key", "X-Content-SHA256"}
    assert described["components"]["schemas"]["Metadata"]["required"]


def test_every_reference_in_the_description_leads_somewhere(service: Service) -> None:
    described = service.caller(Role.AUDITOR).get("/api/v1/openapi.json").get_json()
    for reference in _references(described):
        place: Any = described
        for step in reference.removeprefix("#/").split("/"):
            assert step in place, reference
            place = place[step]


def _references(value: Any) -> list[str]:
    if isinstance(value, dict):
        own = [value["$ref"]] if isinstance(value.get("$ref"), str) else []
        return own + [reference for inner in value.values() for reference in _references(inner)]
    if isinstance(value, list):
        return [reference for inner in value for reference in _references(inner)]
    return []


def test_page_to_browse_the_api_loads_nothing_from_elsewhere(service: Service) -> None:
    reader = service.caller(Role.DEPOSITOR)
    page = reader.get("/api/v1/docs")
    assert page.content_type.startswith("text/html")
    assert (
        "http" not in page.text.replace('<meta charset="utf-8">', "").replace("https://", "http://").split("<body>")[1]
    )
    assert "default-src 'self'" in page.headers["Content-Security-Policy"]
    for name in ("swagger-ui.css", "index.css", "swagger-ui-bundle.js", "favicon-32x32.png", "start.js"):
        assert reader.get(f"/api/v1/docs/{name}").status_code == 200, name
    assert_problem(reader.get("/api/v1/docs/index.html"), 404, "not-found")
    assert reader.get("/api/v1/docs/..%2f..%2fsetup.py").status_code == 404


def test_every_error_has_its_status() -> None:
    assert set(problems.STATUS) == set(_every_error(ArchiveError)) - {ArchiveError}


def _every_error(kind: type[ArchiveError]) -> list[type[ArchiveError]]:
    """Return the class and those under it, of the service itself: a client's error is no answer of the service."""
    under = [inner for child in kind.__subclasses__() for inner in _every_error(child)]
    return [one for one in (kind, *under) if one.__module__ == "archive_service.errors"]


@pytest.fixture
def log_lines() -> Any:
    """Catch what is logged, as it is written in production."""
    before = structlog.get_config()
    caught = io.StringIO()
    with contextlib.redirect_stderr(caught):
        configure_logs("debug", "json")
        yield caught
    structlog.configure(**before)


def test_logs_carry_no_names_numbers_or_words(
    log_lines: io.StringIO, service: Service, depositor: ApiCaller, archivist: ApiCaller
) -> None:
    place = depositor.deposit().headers["Location"]
    service.work_off()
    archivist.get(
        "/api/v1/search", query_string={"q": f"{NAME} {NUMBER}", "number": NUMBER, "scheme": "social-insurance"}
    )
    archivist.get(f"/api/v1/subjects/social-insurance/{NUMBER}")
    archivist.get(place, headers={"X-Request-ID": "desk-7"})
    depositor.deposit(said={"office": NAME}, key="2")
    archivist.get("/api/v1/subjects/citizen/" + NAME)
    lines = [json.loads(line) for line in log_lines.getvalue().splitlines()]
    assert len(lines) >= 6
    last = [line for line in lines if line.get("request_id") == "desk-7"][-1]
    assert last["route"] == "/api/v1/records/<record_id>"
    assert (last["method"], last["status"]) == ("GET", 200)
    assert last["caller"].startswith("key:")
    for secret in (NAME, "Nguyễn", "Đức", NUMBER, "lương hưu", service.token(Role.ARCHIVIST).rpartition("_")[2]):
        assert secret not in log_lines.getvalue()


def test_fault_of_ours_is_answered_without_its_words_and_logged_with_the_request_id(
    log_lines: io.StringIO, service: Service, archivist: ApiCaller, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: Any, **__: Any) -> Any:
        raise RuntimeError("inner words")

    monkeypatch.setattr(service.index, "search", fail)
    answer = archivist.get("/api/v1/search?q=x", headers={"X-Request-ID": "odd-1"})
    problem = assert_problem(answer, 500, "internal-error")
    assert problem["request_id"] == "odd-1"
    assert "inner words" not in answer.text
    (line,) = [line for line in map(json.loads, log_lines.getvalue().splitlines()) if line.get("level") == "error"]
    assert line["request_id"] == "odd-1"
    assert "inner words" in line["exception"]


def test_answers_are_not_kept_by_anything_between(
    service: Service, archivist: ApiCaller, record: dict[str, Any]
) -> None:
    assert archivist.get(record["links"]["self"]).headers["Cache-Control"] == "no-store"
    assert "no-store" in archivist.get(record["links"]["content"]).headers["Cache-Control"]


def test_revoked_key_is_refused_within_seconds(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    caller = service.caller(Role.AUDITOR)
    assert caller.get("/api/v1/docs").status_code == 200
    revoke_key(service.archive, service.token(Role.AUDITOR).split("_")[1])
    moment = time.monotonic() + REMEMBERED_SECONDS
    monkeypatch.setattr(time, "monotonic", lambda: moment)
    assert_problem(caller.get("/api/v1/docs"), 401, "not-authenticated")


def test_expired_key_is_refused(service: Service) -> None:
    caller = service.caller(Role.AUDITOR)
    service.clock.forward(days=366)
    assert_problem(caller.get("/api/v1/docs"), 401, "not-authenticated")


def test_down_register_refuses_no_key_but_says_try_again(service: Service) -> None:
    caller = service.caller(Role.AUDITOR)
    service.register.down = True
    assert_problem(caller.get("/api/v1/docs"), 503, unavailable("register").code)
