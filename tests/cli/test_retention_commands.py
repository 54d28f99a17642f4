"""retention and hold as a user runs them, against the real service; check and diff without it."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from archive_service.cli.main import main
from archive_service.cli.output import ExitCode
from archive_service.model.permissions import Role
from tests.api.service import METADATA, NAME, NUMBER, Service, a_pdf, metadata, person
from tests.cli.live import served
from tests.running import PROJECT

Run = Callable[..., Result]
FILE = PROJECT / "examples" / "retention" / "schedule.toml"
DOSSIER = str(METADATA["dossier_code"])
TYPE = "KQ.G15.000032"
UNKNOWN = "00000000-0000-7000-8000-000000000000"
CLOSED = ("retention", "tell", "--dossier", DOSSIER, "--trigger", "dossier-closed", "--source", "Một cửa")
PLACE = ("hold", "place", "--owner", "Thanh tra", "--reason", "khiếu nại", "--legal-reference", "Số 12/TTr")
REVIEW = ("--review-on", "01/05/2027")


@pytest.fixture
def live(tmp_path: Path) -> Iterator[tuple[Service, str]]:
    """Serve the real API."""
    with served(tmp_path) as running:
        yield running


@pytest.fixture
def run(live: tuple[Service, str], monkeypatch: pytest.MonkeyPatch) -> Run:
    """Run a command as the records manager of the central agency does."""
    service, url = live
    monkeypatch.setenv("ARCHIVE_URL", url)
    monkeypatch.setenv("ARCHIVE_API_KEY", service.token(Role.RECORDS_MANAGER, office="BHXH"))
    monkeypatch.setenv("COLUMNS", "140")
    return _run


def _run(*arguments: object) -> Result:
    result = CliRunner().invoke(main, [str(argument) for argument in arguments])
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result


def done(result: Result) -> str:
    assert result.exit_code == ExitCode.OK, result.output
    return result.stdout


def as_json(result: Result) -> Any:
    return json.loads(done(result))


@pytest.fixture
def kept(live: tuple[Service, str], run: Run) -> str:
    """Adopt the example schedule, deposit a record, close its dossier; return the record's id."""
    service, _ = live
    said = metadata(result_type=TYPE, procedure=None, issued_on="2016-10-03")
    deposited = service.caller(Role.DEPOSITOR).deposit(said=said)
    done(run("retention", "adopt", FILE))
    done(run(*CLOSED, "--on", "01/11/2016"))
    service.work_off()
    return str(deposited.get_json()["id"])


@pytest.fixture
def bad(tmp_path: Path) -> Path:
    """Write a schedule with two problems."""
    file = tmp_path / "bad.toml"
    text = FILE.read_text(encoding="utf-8")
    file.write_text(
        text.replace('period = "70 years"', 'period = "-7 years"').replace('class = "PENSION"', 'class = "X"'), "utf-8"
    )
    return file


def test_check_needs_no_archive_and_says_what_is_wrong_on_which_line(bad: Path) -> None:
    good = _run("retention", "check", FILE)
    assert "8 classes, 3 rules, decides from 01/01/2026" in done(good)
    assert "no law stands behind them" in good.stderr
    assert as_json(_run("retention", "check", FILE, "--json"))["ok"] is True

    wrong = _run("retention", "check", bad)
    assert wrong.exit_code == ExitCode.FAILED
    lines = bad.read_text(encoding="utf-8").splitlines()
    for what in ('"-7 years"', 'class = "X"'):
        (number,) = [count for count, line in enumerate(lines, 1) if what in line]
        assert f"{bad}:{number}: " in wrong.stderr
    assert "không phải thời hạn hợp lệ" in wrong.stderr
    told = json.loads(_run("retention", "check", bad, "--json").stdout)
    assert told["ok"] is False
    assert all(one["line"] and one["en"] and one["vi"] for one in told["problems"])
    assert _run("retention", "check", bad.parent / "none.toml").exit_code == ExitCode.USAGE


def test_adopt_is_tried_done_and_refused_with_each_line(run: Run, bad: Path) -> None:
    assert "Would adopt schedule example 2026.1" in done(run("retention", "adopt", FILE, "--dry-run"))
    assert "No schedule was adopted" in done(run("retention", "schedules"))
    assert "Adopted under number 1" in done(run("retention", "adopt", FILE))
    assert "Adopted already under number 1" in done(run("retention", "adopt", FILE, "--dry-run"))
    assert "● decides today" in done(run("retention", "schedules"))
    assert run("retention", "schedules", "--file", "1").stdout_bytes == FILE.read_bytes()
    assert as_json(run("retention", "schedules", "--json"))["deciding"] == 1
    assert as_json(run("retention", "schedules", "--file", "1", "--json"))["file"] == FILE.read_text("utf-8")
    assert run("retention", "schedules", "--file", "7").exit_code == ExitCode.NOT_FOUND
    refused = run("retention", "adopt", bad)
    assert refused.exit_code == ExitCode.FAILED
    assert "- line 26: " in refused.stderr


def test_adopting_an_earlier_file_says_which_one_decides_and_how_to_go_back(run: Run, tmp_path: Path) -> None:
    second, third = tmp_path / "second.toml", tmp_path / "third.toml"
    text = FILE.read_text("utf-8")
    second.write_text(text.replace('"2026.1"', '"2026.2"'), "utf-8")
    third.write_text(text.replace('"2026.1"', '"2099.1"').replace("2026-01-01", "2099-01-01"), "utf-8")
    first = as_json(run("retention", "adopt", FILE, "--json"))
    assert (first["number"], first["adopted_before"], first["deciding"]) == (1, False, 1)
    assert "Adopted already under number 1" in done(run("retention", "adopt", FILE))
    assert "Adopted under number 2" in done(run("retention", "adopt", second))
    for options in ((), ("--dry-run",)):
        said = done(run("retention", "adopt", FILE, *options))
        assert (
            "Schedule example 2026.1 was adopted already under number 1; number 2 decides today; to go back, give it "
            "a new version and first day."
        ) in said
        assert "số thứ tự 1; hôm nay áp dụng số 2; muốn áp dụng lại, hãy đặt phiên bản và ngày bắt đầu mới." in said
        again = as_json(run("retention", "adopt", FILE, "--json", *options))
        assert (again["number"], again["adopted_before"], again["deciding"]) == (1, True, 2)
    assert "Adopted under number 3" in done(run("retention", "adopt", third))
    to_come = done(run("retention", "adopt", third))
    assert "under number 3; number 2 decides today; its own first day is 01/01/2099." in to_come
    assert "to go back" not in to_come


def test_show_says_why_in_both_languages(run: Run, kept: str) -> None:
    shown = done(run("retention", "show", kept))
    for words in (
        "running / đang trong thời hạn",
        "06  10 years / 10 năm",
        "an example: no law stands behind it",
        "01/01/2027",
        "31/12/2026 ",
        "The closing of the dossier was 01/11/2016",
        "Ngày kết thúc hồ sơ: 01/11/2016",
    ):
        assert words in shown, words
    assert as_json(run("retention", "show", kept, "--json"))["due_on"] == "2027-01-01"
    assert run("retention", "show", UNKNOWN).exit_code == ExitCode.NOT_FOUND
    assert run("retention", "show", "../../holds").exit_code != ExitCode.OK


def test_show_before_any_schedule_says_that_none_is_in_force(live: tuple[Service, str], run: Run) -> None:
    deposited = live[0].caller(Role.DEPOSITOR).deposit(said=metadata(result_type=TYPE, procedure=None))

    shown = done(run("retention", "show", deposited.get_json()["id"]))

    assert "none in force / chưa có bảng thời hạn nào có hiệu lực" in shown
    assert "none 0" not in shown


def test_list_filters_and_walks_every_page(live: tuple[Service, str], run: Run, kept: str) -> None:
    service, _ = live
    for number in range(3):
        said = metadata(result_type=TYPE, procedure=None, dossier_code=None, subject=person(f"012345678{number}"))
        service.caller(Role.DEPOSITOR).deposit(a_pdf(str(number)), said, key=str(number))
    service.work_off()
    lines = done(run("retention", "list", "--all", "--limit", "2", "--json")).splitlines()
    assert len({json.loads(line)["record_id"] for line in lines}) == 4
    first = as_json(run("retention", "list", "--limit", "2", "--json"))
    assert f"--cursor {first['next_cursor']}" in done(run("retention", "list", "--limit", "2"))
    second = as_json(run("retention", "list", "--limit", "2", "--cursor", first["next_cursor"], "--json"))
    assert len(second["records"]) == 2
    shown = done(
        run("retention", "list", "--state", "running", "--class", "06", "--due-to", "01/01/2027", "--not-held")
    )
    assert kept in shown
    assert NAME not in shown
    assert "No record stands so" in done(run("retention", "list", "--held"))
    assert run("retention", "list", "--state", "old").exit_code == ExitCode.USAGE


def test_tell_is_tried_done_listed_and_withdrawn(run: Run, kept: str) -> None:
    tried = done(run(*CLOSED, "--on", "05/05/2020", "--dry-run"))
    assert "bears on  1 record" in tried
    assert "nothing was done" in tried
    told = as_json(run(*CLOSED, "--on", "05/05/2020", "--json"))
    assert "It is there already" in done(run(*CLOSED, "--on", "05/05/2020", "--dry-run"))
    withdraw = ("retention", "withdraw", told["id"], "--reason", "nhầm ngày")
    assert "nhầm ngày" in done(run(*withdraw, "--dry-run"))
    assert "nhầm ngày" not in done(run("retention", "events", "--dossier", DOSSIER))
    assert "nhầm ngày" in done(run(*withdraw))
    assert "nhầm ngày" in done(run("retention", "events", "--dossier", DOSSIER))
    assert run(*withdraw).exit_code == ExitCode.CONFLICT
    died = ("--subject", "social-insurance", NUMBER)
    options = ("--trigger", "subject-died", "--on", "2026-10-12", "--source", "giấy chứng tử")
    assert NUMBER not in done(run("retention", "tell", *died, *options))
    assert "subject-died" in done(run("retention", "events", *died))
    assert "told nothing" in done(run("retention", "events", "--record", kept))


@pytest.mark.parametrize(
    ("target", "code"),
    [
        ((), ExitCode.USAGE),
        (("--record", UNKNOWN, "--dossier", DOSSIER), ExitCode.USAGE),
        (("--record", UNKNOWN), ExitCode.NOT_FOUND),
        (("--dossier", "42"), ExitCode.FAILED),
        (("--subject", "passport", "1"), ExitCode.USAGE),
        (("--subject", "citizen", "1"), ExitCode.FAILED),
    ],
)
def test_target_that_is_none_is_told(run: Run, target: tuple[str, ...], code: ExitCode) -> None:
    options = ("--trigger", "last-payment", "--on", "2026-10-12", "--source", "x")
    assert run("retention", "tell", *target, *options).exit_code == code
    assert run(*PLACE, *REVIEW, *target).exit_code == code


def test_hold_is_tried_placed_listed_reviewed_and_lifted(live: tuple[Service, str], run: Run, kept: str) -> None:
    service, _ = live
    tried = done(run(*PLACE, *REVIEW, "--record", kept, "--dry-run"))
    assert "would stand" in tried
    assert f"1 record, {len(a_pdf())} B" in tried
    assert "No hold stands" in done(run("hold", "list"))
    hold = as_json(run(*PLACE, *REVIEW, "--record", kept, "--json"))["id"]
    service.work_off()
    assert "held / đang bị giữ" in done(run("retention", "show", kept))
    assert hold in done(run("hold", "list"))
    assert "stands / đang có hiệu lực" in done(run("hold", "show", hold))
    review = ("hold", "review", hold, "--review-on", "2027-09-01", "--reason", "còn tiếp")
    assert "01/09/2027" in done(run(*review, "--dry-run"))
    assert "01/05/2027" in done(run("hold", "show", hold))
    assert "01/09/2027" in done(run(*review))
    lift = ("hold", "lift", hold, "--reason", "kết thúc")
    assert "would be lifted" in done(run(*lift, "--dry-run"))
    assert "lifted / đã dỡ bỏ" in done(run(*lift))
    assert run(*lift).exit_code == ExitCode.CONFLICT
    assert "No hold stands" in done(run("hold", "list"))
    assert hold in done(run("hold", "list", "--lifted", "--all", "--json"))
    assert run("hold", "show", UNKNOWN).exit_code == ExitCode.NOT_FOUND


def test_hold_on_a_condition_says_what_it_states(run: Run, kept: str) -> None:
    condition = ("--result-type", TYPE, "--in-office", "BHXH-79", "--access-level", "conditional")
    days = ("--issued-from", "2021-01-01", "--issued-to", "31/12/2021")
    placed = done(run(*PLACE, *REVIEW, *condition, *days))
    for words in (TYPE, "BHXH-79", "conditional", "01/01/2021", "31/12/2021"):
        assert words in placed
    assert run(*PLACE, *REVIEW, *condition, "--office", "BHXH-79").exit_code == ExitCode.USAGE
    assert run(*PLACE, *REVIEW, "--result-type", "?").exit_code == ExitCode.FAILED
    assert "office BHXH-79" in done(run(*PLACE, *REVIEW, "--office", "BHXH-79"))


@pytest.mark.parametrize("name", ["due", "forecast", "held", "reviews"])
def test_report_is_a_table_a_chart_a_file(
    live: tuple[Service, str], run: Run, kept: str, name: str, tmp_path: Path
) -> None:
    service, _ = live
    done(run(*PLACE, "--review-on", "24/11/2026", "--record", kept))
    service.work_off()
    service.clock.forward(days=3)
    report = as_json(run("retention", "report", name, "--json"))
    table = done(run("retention", "report", name))
    chart = done(run("retention", "report", name, "--format", "chart"))
    for shown in (table, chart):
        assert report["title"]["vi"] in shown
        assert NAME not in shown
    assert "█" in chart
    assert report["bars"][0]["label"][:10] in chart
    target = tmp_path / f"{name}.csv"
    done(run("retention", "report", name, "--format", "csv", "-o", target))
    with target.open(encoding="utf-8-sig", newline="") as file:
        assert len(list(csv.reader(file))) == 1 + len(report["rows"])
    assert run("retention", "report", name, "--format", "csv", "-o", target).exit_code == ExitCode.CONFLICT
    done(run("retention", "report", name, "--format", "svg", "-o", target, "--force"))
    assert target.read_bytes().startswith(b"<?xml")
    assert run("retention", "report", name, "-o", target).exit_code == ExitCode.USAGE


def test_report_of_nothing_says_so(run: Run) -> None:
    for form in ("table", "chart"):
        assert "Nothing to show" in done(run("retention", "report", "due", "--format", form))


@pytest.mark.parametrize(
    "words",
    [("retention", "schedules"), (*PLACE, *REVIEW, "--dossier", DOSSIER), ("retention", "report", "held")],
)
def test_without_the_right_it_is_not_allowed(
    live: tuple[Service, str], run: Run, monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...]
) -> None:
    service, _ = live
    monkeypatch.setenv("ARCHIVE_API_KEY", service.token(Role.DEPOSITOR))
    assert run(*words).exit_code == ExitCode.NOT_ALLOWED


@pytest.fixture
def host(live: tuple[Service, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let commands of the host open the same register."""
    monkeypatch.setenv("ARCHIVE_REGISTER_URL", f"sqlite:///{tmp_path / 'register.sqlite'}")
    monkeypatch.setenv("ARCHIVE_DATA_DIR", str(tmp_path / "data"))


@pytest.mark.usefixtures("host")
def test_diff_says_what_would_move_and_which_way(run: Run, kept: str, bad: Path, tmp_path: Path) -> None:
    new, moved = tmp_path / "new.toml", tmp_path / "moved.csv"
    text = FILE.read_text(encoding="utf-8").replace('"2026.1"', '"2027.1"')
    new.write_text(text.replace('period = "10 years"', 'period = "5 years"'), encoding="utf-8")
    shown = done(run("retention", "diff", "--from-current", new, "--csv", moved))
    assert "example 2026.1 → example 2027.1" in shown
    assert "1 records compared, 1 would move" in shown
    assert "1 could be let go EARLIER" in shown
    assert "01/01/2022" in shown
    with moved.open(encoding="utf-8-sig", newline="") as file:
        titles, row = csv.reader(file)
    assert titles[0] == "Mã tài liệu / Record"
    assert row == [kept, "06", "06", "running", "due", "2027-01-01", "2022-01-01", "x", ""]
    assert run("retention", "diff", "--from-current", new, "--csv", moved).exit_code == ExitCode.CONFLICT

    back = as_json(run("retention", "diff", new, FILE, "--json"))
    assert (back["compared"], back["moved"], back["earlier"]) == (1, 1, 0)
    assert back["summary"][0]["from"] == {"class": "06", "standing": "due"}
    assert "0 would move" in done(run("retention", "diff", FILE, FILE))
    refused = run("retention", "diff", "--from-current", bad)
    assert refused.exit_code == ExitCode.FAILED
    assert "bad.toml" in refused.stderr
    assert run("retention", "diff", new).exit_code == ExitCode.USAGE
    assert run("retention", "diff", "--from-current", FILE, new).exit_code == ExitCode.USAGE


@pytest.mark.usefixtures("host")
def test_diff_from_no_schedule_at_all(live: tuple[Service, str], run: Run) -> None:
    service, _ = live
    service.caller(Role.DEPOSITOR).deposit(said=metadata(result_type=TYPE, procedure=None))
    told = as_json(run("retention", "diff", "--from-current", FILE, "--json"))
    assert told["old"] == {"id": "none", "version": "0"}
    assert [(one["from"], one["to"]) for one in told["summary"]] == [
        ({"class": "-", "standing": "unassigned"}, {"class": "06", "standing": "waiting"})
    ]
