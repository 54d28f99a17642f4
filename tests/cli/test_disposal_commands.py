"""disposal as the people who decide run it, each with a key of its own, against the real service."""

from __future__ import annotations

import csv
import hashlib
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from rich.console import Console

from archive_service.cli.display_disposals import disposal_page, disposal_records_table
from archive_service.cli.main import main
from archive_service.cli.output import ExitCode
from archive_service.lifecycle.log.seal import seal_log
from archive_service.model.permissions import Role
from archive_verify.package import Package
from retention.schedule import Action
from tests.api.disposing import TITLE, People
from tests.api.service import NAME, Service, a_pdf
from tests.cli.live import served
from tests.disposing import COUNCIL

Run = Callable[..., Result]
MEMBERS = tuple(word for name in COUNCIL for word in ("--member", name))
PROPOSE = ("propose", "--title", TITLE, *MEMBERS)
RECEIPT = ("--receiver", "Lưu trữ lịch sử", "--reference", "07/BB", "--received-on", "08/12/2026", "--text", "đủ")
UNKNOWN = "00000000-0000-7000-8000-000000000000"


@pytest.fixture
def live(tmp_path: Path) -> Iterator[tuple[Service, str]]:
    """Serve the real API."""
    with served(tmp_path) as running:
        yield running


@pytest.fixture
def run(live: tuple[Service, str], monkeypatch: pytest.MonkeyPatch) -> Run:
    """Run a disposal command as an account does: hong proposes, lan, minh and tuan vote, duc approves, chi audits."""
    service, url = live
    roles = {"hong": Role.RECORDS_MANAGER, "duc": Role.MANAGER, "chi": Role.AUDITOR}
    monkeypatch.setenv("ARCHIVE_URL", url)
    monkeypatch.setenv("COLUMNS", "150")

    def run(account: str, *arguments: object, group: str = "disposal") -> Result:
        key = service.token(roles.get(account, Role.ARCHIVIST), account=account)
        words = [group, *(str(one) for one in arguments)]
        result = CliRunner().invoke(main, words, env={"ARCHIVE_API_KEY": key})
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        return result

    return run


@pytest.fixture
def people(live: tuple[Service, str]) -> People:
    """Give the service with its schedule in force and a council."""
    people = People(live[0])
    people.prepare()
    return people


@pytest.fixture
def handing(live: tuple[Service, str]) -> People:
    """Give the service with a schedule that hands records over."""
    people = People(live[0], Action.TRANSFER)
    people.prepare()
    return people


def done(result: Result) -> str:
    assert result.exit_code == ExitCode.OK, result.output
    return result.stdout


def as_json(result: Result) -> Any:
    return json.loads(done(result))


def test_propose_is_tried_and_done_and_show_says_who_is_next(run: Run, people: People) -> None:
    people.due(3)
    tried = done(run("hong", *PROPOSE, "--action", "destroy", "--dry-run"))
    for words in ("would be proposed", TITLE, "06 ", "in all", "nothing was done", "lan, minh, tuan"):
        assert words in tried, words
    assert "There is no proposal" in done(run("hong", "list"))
    nothing = done(run("hong", *PROPOSE, "--action", "destroy", "--due-to", "01/03/2026", "--dry-run"))
    assert "Nothing that is due" in nothing
    refused = run("hong", *PROPOSE, "--action", "destroy", "--class", "05")
    assert (refused.exit_code, "Không có tài liệu nào đến hạn" in refused.stderr) == (ExitCode.CONFLICT, True)

    proposed = as_json(run("hong", *PROPOSE, "--action", "destroy", "--class", "06", "--json"))
    shown = done(run("chi", "show", proposed["id"]))
    for words in (
        proposed["id"],
        "open, its council votes / hội đồng đang biểu quyết",
        "by hong",
        "has not voted / chưa biểu quyết",
        "To vote / cần biểu quyết: lan, minh, tuan",
        f"archive-service disposal vote {proposed['id']} agree",
        "in all / tổng cộng",
    ):
        assert words in shown, words
    assert NAME not in shown
    listed = done(run("chi", "list", "--state", "open"))
    assert proposed["id"] in listed
    assert TITLE in listed
    assert "3 proposed already" in done(run("hong", *PROPOSE, "--action", "destroy", "--dry-run"))


def test_council_and_approver_decide_each_tried_first(run: Run, people: People) -> None:
    first, _ = people.due(2)
    disposal = people.propose()["id"]
    exception = ("except", disposal, first, "--reason", "còn khiếu nại")
    assert "nothing was done" in done(run("lan", *exception, "--dry-run"))
    assert "taken out / được loại ra" in done(run("lan", *exception))
    assert run("lan", *exception).exit_code == ExitCode.CONFLICT
    rows = done(run("lan", "records", disposal))
    assert "còn khiếu nại (lan)" in rows
    assert "1234/QĐ-BHXH" in rows
    assert NAME not in rows

    for name in COUNCIL:
        tried = done(run(name, "vote", disposal, "agree", "--reason", "hết giá trị", "--dry-run"))
        assert ("hết giá trị" in tried, "nothing was done" in tried) == (True, True)
        shown = done(run(name, "vote", disposal, "agree", "--reason", "hết giá trị"))
    assert "agrees / đồng ý" in shown
    assert "neither proposed it nor is in its council" in shown
    assert run("lan", "vote", disposal, "agree").exit_code == ExitCode.CONFLICT
    assert run("hong", "approve", disposal).exit_code == ExitCode.NOT_ALLOWED
    assert "approved / đã phê duyệt" in done(run("duc", "approve", disposal, "--dry-run"))
    assert "agreed to by its council" in done(run("duc", "show", disposal))
    assert "The workers carry it out, 1 to go" in done(run("duc", "approve", disposal))


def test_a_refusal_needs_a_reason_and_ends_it(run: Run, people: People) -> None:
    people.due(1)
    disposal = people.propose()["id"]
    assert run("lan", "vote", disposal, "refuse").exit_code == ExitCode.FAILED
    assert run("lan", "vote", disposal, "perhaps").exit_code == ExitCode.USAGE
    shown = done(run("lan", "vote", disposal, "refuse", "--reason", "còn cần dùng"))
    for words in ("rejected / hội đồng không đồng ý", "refuses / không đồng ý", "còn cần dùng", "Nothing goes"):
        assert words in shown, words


def test_certificate_paper_and_evidence_are_fetched_whole(
    live: tuple[Service, str], run: Run, people: People, tmp_path: Path
) -> None:
    people.due(2)
    disposal = people.approve()
    target = tmp_path / "c.json"
    early = run("chi", "certificate", disposal, "-o", target)
    assert (early.exit_code, target.exists()) == (ExitCode.CONFLICT, False)
    live[0].dispose()
    shown = done(run("chi", "show", disposal))
    for words in (
        "done / đã hoàn thành",
        "gone / đã huỷ, giao nộp",
        f"certificate {disposal} --pdf",
        "certificate  SHA",
    ):
        assert words in shown, words
    told = as_json(run("chi", "certificate", disposal, "-o", target, "--json"))
    assert hashlib.sha256(target.read_bytes()).hexdigest() == told["sha256"]
    assert told["sha256"] in shown
    assert run("chi", "certificate", disposal, "-o", target).exit_code == ExitCode.CONFLICT
    assert "bytes" in done(run("chi", "certificate", disposal, "--pdf", "-o", target, "--force"))
    package = tmp_path / "e.zip"
    assert "archive-verify" in done(run("chi", "evidence", disposal, "-o", package))
    assert Package(package.read_bytes()).problems == []
    assert run("lan", "evidence", disposal, "-o", tmp_path / "x.zip").exit_code == ExitCode.NOT_ALLOWED
    assert not (tmp_path / "x.zip").exists()
    assert sorted(one.name for one in tmp_path.glob("*.*") if one.suffix in {".zip", ".json"}) == ["c.json", "e.zip"]

    scan = tmp_path / "scan.pdf"
    scan.write_bytes(a_pdf("due 0"))
    verified = run("chi", scan, group="verify")
    assert verified.exit_code == ExitCode.NOT_FOUND
    assert "was destroyed on 08/12/2026" in verified.stdout
    assert f"disposal show {disposal}" in verified.stdout
    record = done(run("chi", "records", disposal, "--state", "disposed", "--all", "--json")).splitlines()[0]
    gone = run("chi", json.loads(record)["record_id"], group="show")
    assert (gone.exit_code, disposal in gone.stderr) == (ExitCode.NOT_FOUND, True)


def test_export_brings_every_package_once_and_the_receipt_lets_them_go(
    live: tuple[Service, str], run: Run, handing: People, tmp_path: Path
) -> None:
    service, folder = live[0], tmp_path / "giao-nop"
    ids = handing.due(3)
    disposal = handing.approve()
    early = run("hong", "export", disposal, folder)
    assert early.exit_code == ExitCode.CONFLICT
    assert "3 are missing: do the same again later" in early.stderr
    assert "3 to go" in done(run("hong", "show", disposal))
    assert run("hong", "receipt", disposal, *RECEIPT).exit_code == ExitCode.CONFLICT
    seal_log(service.archive)
    told = as_json(run("hong", "export", disposal, folder, "--json"))
    assert [one["record_id"] for one in told["packages"]] == sorted(ids)
    assert all(one["fetched"] for one in told["packages"])
    for line in (folder / "SHA256SUMS").read_text().splitlines():
        sha256, name = line.split("  ")
        assert hashlib.sha256((folder / name).read_bytes()).hexdigest() == sha256

    damaged, lost, kept = (folder / f"{one}.zip" for one in sorted(ids))
    damaged.write_bytes(b"torn")
    lost.unlink()
    before = kept.stat().st_mtime_ns
    assert "2 fetched now" in done(run("hong", "export", disposal, folder))
    assert Package(damaged.read_bytes()).problems == []
    assert (lost.exists(), kept.stat().st_mtime_ns) == (True, before)
    assert {one.name for one in folder.iterdir()} == {"SHA256SUMS", *(f"{one}.zip" for one in ids)}

    assert "every package was given out" in done(run("hong", "show", disposal))
    assert "nothing was done" in done(run("hong", "receipt", disposal, *RECEIPT, "--dry-run"))
    assert "08/12/2026 by Lưu trữ lịch sử, 07/BB" in done(run("hong", "receipt", disposal, *RECEIPT))
    sums = (folder / "SHA256SUMS").read_bytes()
    assert run("hong", "export", disposal, folder).exit_code == ExitCode.CONFLICT
    assert (folder / "SHA256SUMS").read_bytes() == sums
    service.dispose()
    assert "done / đã hoàn thành" in done(run("hong", "show", disposal))


def test_report_is_a_table_a_chart_a_file(run: Run, people: People, tmp_path: Path) -> None:
    assert "Nothing to show" in done(run("chi", "report"))
    people.due(2)
    people.done()
    table = done(run("chi", "report"))
    for words in ("2026-12", "đã tiêu huỷ / destroyed", "in all / tổng cộng: 1 proposals done", "2 records let go"):
        assert words in table, words
    assert "█" in done(run("chi", "report", "--format", "chart"))
    assert done(run("chi", "report", "disposals", group="retention")) == table
    target = tmp_path / "disposals.csv"
    done(run("chi", "report", "--format", "csv", "-o", target))
    with target.open(encoding="utf-8-sig", newline="") as file:
        assert len(list(csv.reader(file))) == 2
    assert run("chi", "report", "--format", "csv", "-o", target).exit_code == ExitCode.CONFLICT


def test_lists_walk_every_page(run: Run, people: People) -> None:
    ids = people.due(3)
    disposal = people.propose()["id"]
    lines = done(run("lan", "records", disposal, "--all", "--limit", "2", "--json")).splitlines()
    assert [json.loads(line)["record_id"] for line in lines] == sorted(ids)
    first = as_json(run("lan", "records", disposal, "--limit", "2", "--json"))
    assert f"--cursor {first['next_cursor']}" in done(run("lan", "records", disposal, "--limit", "2"))
    assert "No record stands so" in done(run("lan", "records", disposal, "--state", "kept"))
    assert [json.loads(line)["id"] for line in done(run("lan", "list", "--all", "--json")).splitlines()] == [disposal]


@pytest.mark.parametrize(
    "words",
    [
        ("show", UNKNOWN),
        ("records", UNKNOWN),
        ("except", UNKNOWN, UNKNOWN, "--reason", "x"),
        ("vote", UNKNOWN, "agree"),
        ("certificate", UNKNOWN),
        ("certificate", "../holds"),
        ("export", UNKNOWN, "packages"),
        ("receipt", UNKNOWN, *RECEIPT[:4], "--received-on", "01/11/2026", "--text", "x"),
        ("evidence", UNKNOWN),
        ("approve", UNKNOWN),
    ],
)
def test_what_is_not_there_is_not_found_and_no_file_is_made(
    run: Run, people: People, words: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = tmp_path / "here"
    place.mkdir()
    monkeypatch.chdir(place)
    assert run("hong", *words).exit_code == ExitCode.NOT_FOUND
    assert [one for one in place.rglob("*") if one.is_file()] == []


def test_the_end_of_the_stores_lock_and_holds_are_shown() -> None:
    amounts = {state: {"records": 0, "size_bytes": 0} for state in ("excepted", "begun", "disposed", "kept")}
    amounts |= {state: {"records": 2, "size_bytes": 9} for state in ("listed", "total")}
    said = dict.fromkeys(("receipt", "ended_at", "certificate", "paper", "proposed_by", "approved_by"), "")
    said |= {"id": UNKNOWN, "title": TITLE, "office": "H41", "proposed_at": "", "approved_at": ""}
    approved = said | {"state": "approved", "action": "destroy", "council": [], "votes": [], "records": amounts}
    console = Console(width=200)
    with console.capture() as captured:
        console.print(disposal_page(approved | {"locked_until": "2026-12-08T17:00:00Z"}))
    shown = captured.get()
    assert "Locked by the store until 09/12/2026; carried out after that." in shown
    assert "Nothing is to be done" not in shown
    row = dict.fromkeys(("kept_because", "reason", "class", "document_code"))
    row |= {"record_id": UNKNOWN, "state": "listed", "due_on": "2026-03-02", "size_bytes": 9}
    with console.capture() as captured:
        console.print(disposal_records_table([row | {"held": True, "locked_until": "2026-12-08T17:00:00Z"}]))
    shown = captured.get()
    assert "held / đang bị giữ" in shown
    assert "lock ends / hết khoá: 09/12/2026" in shown
