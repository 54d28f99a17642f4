"""Retention over HTTP: schedules, where records stand and why, events, and reports in three forms."""

from __future__ import annotations

import csv
import io
import xml.etree.ElementTree as ET
from collections.abc import Mapping
from typing import Any

import pytest

from archive_service.api.chart import MOST_BARS, Bar, Chart, chart_svg
from archive_service.model.findings import FindingCode
from archive_service.model.inspection import NotInspected
from archive_service.model.permissions import Role
from tests.api.problems import assert_problem, wrong_fields
from tests.api.service import METADATA, NAME, NUMBER, ApiCaller, Service, a_pdf, metadata, person
from tests.running import PROJECT

SCHEDULE = (PROJECT / "examples" / "retention" / "schedule.toml").read_bytes()
DOSSIER = str(METADATA["dossier_code"])
# Of this type the example schedule says: 10 years from the closing of the dossier, to the end of the year.
TYPE = "KQ.G15.000032"
CLOSED: Mapping[str, Any] = {
    "scope": "dossier",
    "target": DOSSIER,
    "trigger": "dossier-closed",
    "happened_on": "2016-11-01",
    "source": "Hệ thống một cửa",
}
UNKNOWN = "00000000-0000-7000-8000-000000000000"


@pytest.fixture
def manager(service: Service) -> ApiCaller:
    """Return the records manager of the central agency."""
    return service.caller(Role.RECORDS_MANAGER, office="BHXH")


def adopt(manager: ApiCaller, body: bytes = SCHEDULE, query: str = "") -> Any:
    return manager.ask("POST", f"/api/v1/retention/schedules{query}", data=body, content_type="application/toml")


@pytest.fixture
def kept(service: Service, depositor: ApiCaller, manager: ApiCaller) -> str:
    """Adopt the example schedule, deposit a record and close its dossier; return the record's id."""
    assert adopt(manager).status_code == 201
    record_id = str(
        depositor.deposit(said=metadata(result_type=TYPE, procedure=None, issued_on="2016-10-03")).get_json()["id"]
    )
    assert manager.post("/api/v1/retention/events", dict(CLOSED)).status_code == 201
    service.work_off()
    return record_id


def test_schedule_is_tried_adopted_once_listed_and_given_back_byte_for_byte(
    service: Service, manager: ApiCaller
) -> None:
    tried = adopt(manager, query="?dry_run=true")
    assert tried.status_code == 200
    assert tried.get_json() | {"number": None, "dry_run": True, "adopted_before": False} == tried.get_json()
    assert manager.get("/api/v1/retention/schedules").get_json() == {"schedules": [], "deciding": None, "run": None}

    first, again = adopt(manager), adopt(manager)
    assert (first.status_code, again.status_code) == (201, 201)
    assert first.get_json() == again.get_json()
    assert first.get_json()["examples"] == first.get_json()["classes"]
    assert adopt(manager, query="?dry_run=true").get_json()["adopted_before"] is True
    service.work_off()
    shown = manager.get("/api/v1/retention/schedules").get_json()
    assert [one["number"] for one in shown["schedules"]] == [shown["deciding"]]
    assert shown["run"]["ended_at"]
    file = manager.get(first.get_json()["links"]["file"])
    assert file.data == SCHEDULE
    assert file.content_type == "application/toml; charset=utf-8"


def test_each_problem_of_a_schedule_is_told_with_its_line(manager: ApiCaller) -> None:
    wrong = SCHEDULE.replace(b'period = "70 years"', b'period = "-70 years"').replace(b'"destroy"', b'"burn"', 1)
    lines = [f"line {wrong[: wrong.index(what)].count(chr(10).encode()) + 1}" for what in (b'"-70', b'"burn"')]
    for query in ("", "?dry_run=true"):
        problem = assert_problem(adopt(manager, wrong, query), 400, "invalid-input")
        assert wrong_fields(problem) == sorted(lines)
    assert manager.get("/api/v1/retention/schedules").get_json()["schedules"] == []


@pytest.mark.parametrize("body", [b"", b"\xff", b"[schedule", b"{}"])
def test_what_is_no_schedule_is_told(manager: ApiCaller, body: bytes) -> None:
    assert assert_problem(adopt(manager, body), 400, "invalid-input")["errors"]


def test_schedule_that_is_too_large_is_not_read(manager: ApiCaller) -> None:
    assert_problem(adopt(manager, b"#" * 524_289), 413, "too-large")
    assert_problem(adopt(manager, b"#" * 524_288), 400, "invalid-input")


@pytest.mark.parametrize("body", [b"x=" + b"[" * 100_000, b"x=" + b"1" * 5_000, b"a" + b".a" * 20_000 + b"=1"])
def test_what_would_cost_much_to_read_is_told_and_not_read_for_others(
    service: Service, manager: ApiCaller, body: bytes
) -> None:
    below = service.caller(Role.RECORDS_MANAGER)
    for query in ("", "?dry_run=true"):
        assert_problem(adopt(manager, body, query), 400, "invalid-input")
        assert_problem(adopt(below, body, query), 403, "office-not-above-all")
    assert len(assert_problem(adopt(manager, SCHEDULE + b"[[rule]]\n" * 2_001), 400, "invalid-input")["errors"]) == 100


def test_rules_name_what_the_archive_knows(manager: ApiCaller) -> None:
    wrong = SCHEDULE.replace(b'"KQ.G15.000031"', b'"KQ.G15.999999"')
    line = wrong[: wrong.index(b'class = "PENSION"')].count(b"\n")
    for query in ("", "?dry_run=true"):
        assert wrong_fields(assert_problem(adopt(manager, wrong, query), 400, "invalid-input")) == [f"line {line}"]


def test_a_version_has_one_file_and_an_office_above_all_adopts_it(service: Service, manager: ApiCaller) -> None:
    adopt(manager)
    assert_problem(adopt(manager, SCHEDULE + b"\n"), 409, "schedule-version-taken")
    below = service.caller(Role.RECORDS_MANAGER)
    for query in ("", "?dry_run=true"):
        assert_problem(adopt(below, query=query), 403, "office-not-above-all")


def test_mistyped_dry_run_does_nothing(manager: ApiCaller) -> None:
    for query, field in (("?dryrun=true", "dryrun"), ("?dry_run=perhaps", "dry_run")):
        assert wrong_fields(assert_problem(adopt(manager, query=query), 400, "invalid-input")) == [field]
    assert manager.get("/api/v1/retention/schedules").get_json()["schedules"] == []


@pytest.mark.parametrize(("number", "code"), [("7", "not-found"), ("x", "not-found"), (str(2**70), "not-found")])
def test_schedule_that_is_not_there_is_not_found(manager: ApiCaller, number: str, code: str) -> None:
    assert_problem(manager.get(f"/api/v1/retention/schedules/{number}"), 404, code)


def test_record_says_where_it_stands_and_why_in_both_languages(manager: ApiCaller, kept: str) -> None:
    said = manager.get(f"/api/v1/retention/records/{kept}").get_json()
    assert (said["state"], said["standing"]) == ("running", "running")
    assert (said["trigger_on"], said["kept_until"], said["due_on"]) == ("2016-11-01", "2026-12-31", "2027-01-01")
    assert said["class"]["code"] == "06"
    assert said["class"]["title"] == {"en": "10 years", "vi": "10 năm"}
    assert said["class"]["example"] is True
    assert said["schedule"] == {"id": "example", "version": "2026.1"}
    assert [reason["code"] for reason in said["reasons"]] == ["assigned", "counted", "due-from"]
    assert all(reason["en"] and reason["vi"] for reason in said["reasons"])
    assert said["locked_until"] == "2026-12-31T17:00:00Z"
    assert said["written"]["due_on"] == "2027-01-01"
    assert said["holds"] == []


def test_record_that_waits_for_a_decision_has_no_retention(
    service: Service, depositor: ApiCaller, manager: ApiCaller, kept: str
) -> None:
    service.pdf.inspections[a_pdf("odd")] = NotInspected(FindingCode.CHECK_FAILED)
    odd = depositor.deposit(a_pdf("odd"), key="odd").get_json()
    problem = assert_problem(manager.get(f"/api/v1/retention/records/{odd['id']}"), 409, "no-retention")
    assert problem["state"] == "quarantined"


@pytest.mark.parametrize(("record_id", "status"), [(UNKNOWN, 404), ("x", 400)])
def test_record_that_is_not_there_is_told(manager: ApiCaller, record_id: str, status: int) -> None:
    code = {404: "not-found", 400: "invalid-input"}[status]
    assert_problem(manager.get(f"/api/v1/retention/records/{record_id}"), status, code)


def test_list_comes_by_day_due_in_pages_and_by_filters(
    service: Service, depositor: ApiCaller, manager: ApiCaller, kept: str
) -> None:
    for number in range(4):
        said = metadata(result_type=TYPE, procedure=None, dossier_code=None, subject=person(f"012345678{number}"))
        depositor.deposit(a_pdf(str(number)), said, key=str(number))
    service.work_off()
    seen, cursor = [], ""
    while True:
        page = manager.get(f"/api/v1/retention/records?limit=2{cursor}").get_json()
        seen += page["records"]
        if page["next_cursor"] is None:
            break
        cursor = f"&cursor={page['next_cursor']}"
    assert [row["due_on"] for row in seen] == ["2027-01-01", None, None, None, None]
    assert len({row["record_id"] for row in seen}) == 5
    assert seen[0]["record_id"] == kept
    assert NAME not in str(seen)
    for query, count in (
        ("state=running", 1),
        ("state=waiting&state=running", 5),
        ("class=06&action=destroy", 5),
        ("class=05", 0),
        ("held=true", 0),
        ("held=false", 5),
        ("due_from=2027-01-01&due_to=2027-01-01", 1),
        ("due_to=2026-12-31", 0),
    ):
        assert len(manager.get(f"/api/v1/retention/records?{query}").get_json()["records"]) == count, query
    service.clock.forward(days=60)
    (due,) = manager.get("/api/v1/retention/records?state=due").get_json()["records"]
    assert (due["record_id"], due["state"]) == (kept, "due")


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("state=old", "state.0"),
        ("action=burn", "action"),
        ("held=perhaps", "held"),
        ("due_from=2026-02-30", "due_from"),
        ("limit=0", "limit"),
        ("limit=501", "limit"),
        ("stat=due", "stat"),
    ],
)
def test_filter_that_is_none_is_named(manager: ApiCaller, query: str, field: str) -> None:
    problem = assert_problem(manager.get(f"/api/v1/retention/records?{query}"), 400, "invalid-input")
    assert wrong_fields(problem) == [field]


@pytest.mark.parametrize("cursor", ["x", "%FF", "W10", "e30", "bnVsbA", "A" * 5000])
def test_cursor_that_is_none_is_told(manager: ApiCaller, cursor: str) -> None:
    assert_problem(manager.get(f"/api/v1/retention/records?cursor={cursor}"), 400, "cursor-not-valid")
    assert_problem(manager.get(f"/api/v1/holds?cursor={cursor}"), 400, "cursor-not-valid")


def test_cursor_of_other_filters_is_refused(
    service: Service, depositor: ApiCaller, manager: ApiCaller, kept: str
) -> None:
    depositor.deposit(a_pdf("2"), metadata(subject=person("9876543210")), key="2")
    service.work_off()
    cursor = manager.get("/api/v1/retention/records?limit=1").get_json()["next_cursor"]
    answer = manager.get(f"/api/v1/retention/records?limit=1&state=due&cursor={cursor}")
    assert_problem(answer, 400, "cursor-not-valid")


def test_event_is_tried_told_once_listed_and_withdrawn(service: Service, manager: ApiCaller, kept: str) -> None:
    later = {**CLOSED, "happened_on": "2020-05-05"}
    tried = manager.post("/api/v1/retention/events?dry_run=true", later)
    assert tried.status_code == 200
    assert tried.get_json()["bears_on"]["records"] == 1
    assert (tried.get_json()["id"], tried.get_json()["stands"]) == (None, None)
    told, again = manager.post("/api/v1/retention/events", later), manager.post("/api/v1/retention/events", later)
    assert told.get_json() == again.get_json()
    assert told.get_json()["trigger_words"] == {"en": "the closing of the dossier", "vi": "ngày kết thúc hồ sơ"}
    place = f"/api/v1/retention/events/{told.get_json()['id']}/withdrawal"
    tried = manager.post(f"{place}?dry_run=true", {"reason": "nhầm"})
    assert (tried.get_json()["withdrawn"]["reason"], tried.get_json()["dry_run"]) == ("nhầm", True)
    assert manager.post(place, {"reason": "nhầm"}).get_json()["withdrawn"]["reason"] == "nhầm"
    assert_problem(manager.post(place, {"reason": "nhầm"}), 409, "already-withdrawn")
    listed = manager.get(f"/api/v1/retention/events?scope=dossier&target={DOSSIER}").get_json()["events"]
    # Both were told in one moment of this test's clock.
    assert {(one["happened_on"], one["withdrawn"] is not None) for one in listed} == {
        ("2016-11-01", False),
        ("2020-05-05", True),
    }


def test_event_of_a_subject_is_told_by_one_of_its_numbers(manager: ApiCaller, kept: str) -> None:
    identifier = {"scheme": "social-insurance", "number": NUMBER}
    body = {**CLOSED, "scope": "subject", "target": None, "identifier": identifier, "trigger": "subject-died"}
    told = manager.post("/api/v1/retention/events", body)
    assert told.status_code == 201, told.text
    assert NUMBER not in told.text
    query = f"scope=subject&scheme=social-insurance&number={NUMBER}"
    (listed,) = manager.get(f"/api/v1/retention/events?{query}").get_json()["events"]
    assert listed == told.get_json()


@pytest.mark.parametrize(
    ("changed", "fields"),
    [
        ({"scope": "country"}, ["scope"]),
        ({"scope": "subject"}, ["identifier", "target"]),
        ({"target": None}, ["target"]),
        ({"target": ""}, ["target"]),
        ({"identifier": {"scheme": "social-insurance", "number": NUMBER}}, ["identifier"]),
        (
            {"scope": "subject", "target": None, "identifier": {"scheme": "citizen", "number": "1"}},
            ["identifier.number"],
        ),
        ({"happened_on": "2026-02-30"}, ["happened_on"]),
        ({"happened_on": None}, ["happened_on"]),
        ({"source": " "}, ["source"]),
        ({"source": "a\u0000b"}, ["source"]),
        ({"trigger": 7}, ["trigger"]),
        ({"when": "today"}, ["when"]),
    ],
)
def test_wrong_field_of_an_event_is_named(manager: ApiCaller, changed: dict[str, Any], fields: list[str]) -> None:
    problem = assert_problem(manager.post("/api/v1/retention/events", {**CLOSED, **changed}), 400, "invalid-input")
    assert wrong_fields(problem) == fields


@pytest.mark.parametrize(
    ("changed", "status", "code"),
    [
        ({"trigger": "received"}, 400, "invalid-input"),
        ({"trigger": "no such thing"}, 400, "invalid-input"),
        ({"happened_on": "1900-01-01"}, 400, "invalid-input"),
        ({"happened_on": "9999-12-31"}, 400, "invalid-input"),
        ({"target": "42"}, 400, "invalid-input"),
        ({"scope": "record", "target": "42"}, 400, "invalid-input"),
        ({"scope": "record", "target": UNKNOWN}, 404, "not-found"),
    ],
)
def test_event_that_cannot_be_is_refused_also_as_a_trial(
    manager: ApiCaller, changed: dict[str, Any], status: int, code: str
) -> None:
    for query in ("", "?dry_run=true"):
        assert_problem(manager.post(f"/api/v1/retention/events{query}", {**CLOSED, **changed}), status, code)


@pytest.mark.parametrize(
    ("query", "fields"),
    [
        ("", ["scope"]),
        ("scope=dossier", ["target"]),
        ("scope=subject&target=x", ["number", "scheme", "target"]),
        ("scope=subject&scheme=citizen", ["number"]),
        ("scope=record&target=x&scheme=citizen", ["scheme"]),
        ("scope=subject&scheme=citizen&number=1", ["number"]),
    ],
)
def test_events_are_asked_for_by_what_names_the_scope(manager: ApiCaller, query: str, fields: list[str]) -> None:
    problem = assert_problem(manager.get(f"/api/v1/retention/events?{query}"), 400, "invalid-input")
    assert wrong_fields(problem) == fields


@pytest.mark.parametrize("event_id", [UNKNOWN, "x"])
def test_event_that_is_not_there_is_not_found(manager: ApiCaller, event_id: str) -> None:
    place = f"/api/v1/retention/events/{event_id}/withdrawal"
    assert_problem(manager.post(place, {"reason": "nhầm"}), 404, "not-found")


def test_body_that_is_not_json_is_told(manager: ApiCaller) -> None:
    answer = manager.ask("POST", "/api/v1/retention/events", data=b"{", content_type="application/json")
    assert_problem(answer, 400, "not-json")


REPORTS = ("due", "forecast", "held", "reviews")


@pytest.fixture
def reported(service: Service, manager: ApiCaller, kept: str) -> str:
    """Hold the record by somebody whose name tries a spreadsheet and a browser; its review is overdue."""
    body = {
        "scope": "record",
        "target": kept,
        "owner": '=HYPERLINK("http://x")<script>alert(1)</script>',
        "reason": "khiếu nại",
        "legal_reference": "Số 12/TTr",
        "review_on": "2026-11-24",
    }
    assert manager.post("/api/v1/holds", body).status_code == 201
    service.work_off()
    service.clock.forward(days=3)
    return kept


@pytest.mark.parametrize("name", REPORTS)
def test_report_says_the_same_in_each_form_and_names_no_subject(manager: ApiCaller, reported: str, name: str) -> None:
    as_json = manager.get(f"/api/v1/retention/reports/{name}").get_json()
    assert as_json["report"] == name
    assert len(as_json["rows"]) == 1
    assert as_json["title"]["en"] != as_json["title"]["vi"]
    assert set(as_json["rows"][0]) == {column["name"] for column in as_json["columns"]}

    as_csv = manager.get(f"/api/v1/retention/reports/{name}?format=csv")
    assert as_csv.content_type == "text/csv; charset=utf-8"
    assert as_csv.data.startswith(b"\xef\xbb\xbf")
    titles, row = csv.reader(io.StringIO(as_csv.data.decode("utf-8-sig")))
    assert titles == [f"{column['vi']} / {column['en']}" for column in as_json["columns"]]
    assert not any(cell.startswith("=") for cell in row)

    as_svg = manager.get(f"/api/v1/retention/reports/{name}?format=svg")
    assert as_svg.content_type.startswith("image/svg+xml")
    assert "default-src 'none'" in as_svg.headers["Content-Security-Policy"]
    texts = [one.text for one in ET.fromstring(as_svg.data).iter("{http://www.w3.org/2000/svg}text")]
    assert as_json["title"]["vi"] in texts
    assert b"<script" not in as_svg.data
    for answer in (str(as_json), as_csv.text, as_svg.text):
        assert NAME not in answer
        assert NUMBER not in answer


def test_reports_count_records_bytes_and_holds(manager: ApiCaller, reported: str) -> None:
    def row(name: str) -> dict[str, Any]:
        (found,) = manager.get(f"/api/v1/retention/reports/{name}").get_json()["rows"]
        return dict(found)

    size = len(a_pdf())
    due = row("due")
    assert (due["month"], due["class"], due["class_vi"], due["state"]) == ("2027-01", "06", "10 năm", "running")
    assert (due["records"], due["size_bytes"], due["held_records"]) == (1, size, 1)
    forecast = row("forecast")
    # What is held does not go: it is still kept after its year.
    assert (forecast["year"], forecast["size_bytes"], forecast["remaining_bytes"]) == (2027, size, size)
    held = row("held")
    assert (held["scope"], held["holds"], held["records"], held["size_bytes"]) == ("record", 1, 1, size)
    review = row("reviews")
    assert (review["review_on"], review["days_overdue"]) == ("2026-11-24", 2)


@pytest.mark.parametrize("name", REPORTS)
def test_report_of_nothing_is_a_report(manager: ApiCaller, name: str) -> None:
    assert manager.get(f"/api/v1/retention/reports/{name}").get_json()["rows"] == []
    assert len(manager.get(f"/api/v1/retention/reports/{name}?format=csv").text.splitlines()) == 1
    assert "Nothing to show" in manager.get(f"/api/v1/retention/reports/{name}?format=svg").text


@pytest.mark.parametrize(("name", "status"), [("due?format=pdf", 400), ("none", 404)])
def test_report_that_is_none_is_told(manager: ApiCaller, name: str, status: int) -> None:
    code = {400: "invalid-input", 404: "not-found"}[status]
    assert_problem(manager.get(f"/api/v1/retention/reports/{name}"), status, code)


def test_chart_draws_so_many_bars_and_tells_of_the_rest() -> None:
    bars = tuple(Bar(f"\x00{number}", (("06", number), ("05", 1))) for number in range(MOST_BARS + 3))
    drawn = chart_svg(Chart("Tiêu đề", "Title", bars, str, has_legend=True))
    root = ET.fromstring(drawn)
    assert len(root.findall("{http://www.w3.org/2000/svg}g")) == MOST_BARS
    assert "3 more" in drawn.decode()
