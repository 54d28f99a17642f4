"""deposit-folder: rows are checked, deposited once, reported one by one, and a run that was killed goes on."""

from __future__ import annotations

import csv
import json
import os
import signal
import subprocess
import sys
import time
import unicodedata
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import Result

from archive_service.cli.deposit_folder import deposit_folder
from archive_service.cli.output import ExitCode
from archive_service.cli.row_results import ResultsFile, RowOutcome, RowResult
from archive_service.errors import Conflict
from tests.cli.conftest import Invoke
from tests.cli.fake_archive import KEY, FakeArchive

HEAD = "file,office,result_type,subject_name,birth_date,social_insurance,citizen,issued_on,trust,channel,#note"
ROW = "{n}.pdf,BHXH-79-01,KQ.G15.000031,Nguyễn Văn Đức,02/05/1961,{n:010d},,01/03/2021,digitised,direct,x"
RunFolder = Callable[..., Result]


def write_folder(folder: Path, count: int) -> Path:
    """Write that many files and their manifest."""
    for number in range(count):
        (folder / f"{number}.pdf").write_bytes(b"%%PDF-1.7 %d" % number)
    return write_manifest(folder, [ROW.format(n=number) for number in range(count)])


def write_manifest(folder: Path, rows: list[str], encoding: str = "utf-8", head: str = HEAD) -> Path:
    """Write a manifest of those lines."""
    path = folder / "manifest.csv"
    path.write_text("\n".join([head, *rows]) + "\n", encoding=encoding)
    return path


def read_results(folder: Path) -> list[dict[str, str]]:
    """Return the lines of the result file."""
    path = folder / "manifest.results.csv"
    with path.open(encoding="utf-8-sig", newline="") as file:
        first = file.readline()
        names = first.strip().replace(";", ",").split(",")
        return list(csv.DictReader(file, names, delimiter=";" if ";" in first else ","))


@pytest.fixture
def run(invoke: Invoke, tmp_path: Path) -> RunFolder:
    """Run the command on the test's folder."""

    def run_folder(*options: object) -> Result:
        return invoke(deposit_folder, tmp_path, "--manifest", tmp_path / "manifest.csv", *options)

    return run_folder


def test_every_row_is_deposited_and_reported(archive: FakeArchive, run: RunFolder, tmp_path: Path) -> None:
    write_folder(tmp_path, 5)
    done = run("--parallel", 3)
    assert done.exit_code == ExitCode.OK, done.output
    assert "5 rows: 5 deposited" in done.output
    results = read_results(tmp_path)
    assert [row["row"] for row in results] == ["2", "3", "4", "5", "6"]
    assert {row["record_id"] for row in results} == set(archive.records)
    kept = next(iter(archive.records.values()))["metadata"]
    assert kept["issued_on"] == "2021-03-01"
    assert kept["subject"]["birth_date"] == "1961-05-02"
    assert kept["subject"]["kind"] == "person"


def test_running_again_sends_nothing(archive: FakeArchive, run: RunFolder, tmp_path: Path) -> None:
    write_folder(tmp_path, 3)
    run()
    before = (tmp_path / "manifest.results.csv").read_bytes()
    again = run()
    assert again.exit_code == ExitCode.OK
    assert "3 done before" in again.output
    assert archive.deposits_seen == 3
    assert (tmp_path / "manifest.results.csv").read_bytes() == before


def test_a_row_or_file_that_changed_is_sent_again(archive: FakeArchive, run: RunFolder, tmp_path: Path) -> None:
    write_folder(tmp_path, 3)
    run()
    (tmp_path / "1.pdf").write_bytes(b"%PDF-1.7 another scan")
    assert run().exit_code == ExitCode.OK
    assert archive.deposits_seen == 4
    assert len(archive.records) == 4


def test_rows_that_moved_keep_their_results(archive: FakeArchive, run: RunFolder, tmp_path: Path) -> None:
    write_folder(tmp_path, 3)
    run()
    write_manifest(tmp_path, [ROW.format(n=number) for number in (2, 0, 1)])
    assert "3 done before" in run().output
    assert [row["file"] for row in read_results(tmp_path)] == ["2.pdf", "0.pdf", "1.pdf"]


def test_one_bad_row_never_stops_the_others(archive: FakeArchive, run: RunFolder, tmp_path: Path) -> None:
    write_folder(tmp_path, 4)
    (tmp_path / "1.pdf").write_bytes(b"encrypted")
    (tmp_path / "2.pdf").unlink()
    done = run()
    assert done.exit_code == ExitCode.FAILED
    assert "4 rows: 2 deposited, 1 invalid, 1 refused" in done.output
    refused, missing = read_results(tmp_path)[1:3]
    assert (refused["outcome"], refused["code"]) == ("refused", "rejected")
    assert "[encrypted] Tệp bị mã hoá." in refused["message_vi"]
    assert (missing["outcome"], missing["record_id"]) == ("invalid", "")
    assert "There is no such file" in missing["message_en"]
    (tmp_path / "1.pdf").write_bytes(b"%PDF-1.7 decrypted")
    (tmp_path / "2.pdf").write_bytes(b"%PDF-1.7 found")
    assert run().exit_code == ExitCode.OK
    assert archive.deposits_seen == 3 + 2


def test_bytes_held_already_are_told_apart_from_deposited(run: RunFolder, tmp_path: Path) -> None:
    write_folder(tmp_path, 1)
    run()
    (tmp_path / "manifest.results.csv").unlink()
    write_manifest(tmp_path, [ROW.format(n=0).replace("direct", "post")])
    assert run().exit_code == ExitCode.OK
    (row,) = read_results(tmp_path)
    assert (row["outcome"], row["code"], row["state"]) == ("already-held", "already-held", "stored")


def test_the_same_row_twice_is_one_record(archive: FakeArchive, run: RunFolder, tmp_path: Path) -> None:
    write_folder(tmp_path, 1)
    write_manifest(tmp_path, [ROW.format(n=0)] * 2)
    assert run("--parallel", 1).exit_code == ExitCode.OK
    assert len(archive.records) == 1
    assert len(read_results(tmp_path)) == 2


def test_dry_run_names_everything_that_is_wrong_and_sends_nothing(
    archive: FakeArchive, run: RunFolder, tmp_path: Path
) -> None:
    write_folder(tmp_path, 2)
    wrong = "1.pdf,BHXH-79-01,,Nguyễn Văn Đức,31/02/1961,12345,x,2021-03-01,paper,direct,"
    write_manifest(tmp_path, [ROW.format(n=0), wrong, ROW.format(n=7)])
    done = run("--dry-run", "--json")
    assert done.exit_code == ExitCode.FAILED
    told = json.loads(done.stdout)
    assert (told["rows"], told["sound"]) == (3, 1)
    fields = [{error["field"] for error in problem["errors"]} for problem in told["problems"]]
    assert fields == [{"result_type", "birth_date", "social_insurance", "citizen", "trust"}, {"file"}]
    assert "leading zeros" in done.stdout
    assert not archive.requests_seen
    assert not (tmp_path / "manifest.results.csv").exists()


def test_dry_run_needs_no_key(run: RunFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ARCHIVE_API_KEY")
    write_folder(tmp_path, 1)
    assert run("--dry-run").exit_code == ExitCode.OK
    assert run().exit_code == ExitCode.USAGE


@pytest.mark.parametrize("delimiter", [",", ";"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig"])
def test_spreadsheets_ways_of_writing_csv_are_read(
    archive: FakeArchive, run: RunFolder, tmp_path: Path, delimiter: str, encoding: str
) -> None:
    write_folder(tmp_path, 1)
    row = ROW.format(n=0).replace("0000000000", '"=""0000000000"""')
    lines = [line.replace(",", delimiter) for line in (HEAD, row, "," * HEAD.count(","))]
    (tmp_path / "manifest.csv").write_bytes("\r\n".join(lines).encode(encoding))
    done = run()
    assert done.exit_code == ExitCode.OK, done.output
    (record,) = archive.records.values()
    assert record["metadata"]["subject"]["identifiers"][0]["number"] == "0000000000"
    assert delimiter in (tmp_path / "manifest.results.csv").read_text(encoding="utf-8").splitlines()[0]


@pytest.mark.parametrize(
    ("head", "field"),
    [
        (HEAD.replace("office", "ofice"), "ofice"),
        (HEAD.replace("file,", ""), "file"),
        (HEAD.replace("citizen", "trust"), "trust"),
        (HEAD.replace("social_insurance", "#a").replace("citizen", "#b"), "identifiers"),
    ],
)
def test_columns_that_are_not_right_stop_the_run_before_it_begins(
    archive: FakeArchive, run: RunFolder, tmp_path: Path, head: str, field: str
) -> None:
    write_manifest(tmp_path, [ROW.format(n=0)], head=head)
    told = run()
    assert told.exit_code == ExitCode.FAILED
    assert f"  - {field}: " in told.stderr
    assert not archive.requests_seen


def test_a_manifest_in_another_encoding_is_told(run: RunFolder, tmp_path: Path) -> None:
    write_manifest(tmp_path, [ROW.format(n=0)], encoding="utf-16")
    assert "CSV UTF-8" in run().stderr


@pytest.mark.parametrize("name", ["../out.pdf", "/etc/hostname", "link.pdf", "sub/../../out.pdf", "..\\out.pdf"])
def test_no_file_outside_the_folder_is_ever_read(
    archive: FakeArchive, invoke: Invoke, tmp_path: Path, name: str
) -> None:
    folder = tmp_path / "folder"
    (folder / "sub").mkdir(parents=True)
    (tmp_path / "out.pdf").write_bytes(b"%PDF-1.7 secret")
    (folder / "link.pdf").symlink_to(tmp_path / "out.pdf")
    write_manifest(folder, [ROW.format(n=0).replace("0.pdf", name, 1)])
    assert invoke(deposit_folder, folder, "--manifest", folder / "manifest.csv").exit_code == ExitCode.FAILED
    assert archive.deposits_seen == 0
    assert "outside" in read_results(folder)[0]["message_en"]


def test_names_with_marks_stored_apart_and_windows_separators_are_found(
    archive: FakeArchive, run: RunFolder, tmp_path: Path
) -> None:
    path = tmp_path / unicodedata.normalize("NFD", "quý/quyết định.pdf")
    path.parent.mkdir()
    path.write_bytes(b"%PDF-1.7 1")
    write_manifest(tmp_path, [ROW.format(n=0).replace("0.pdf", "quý\\quyết định.pdf", 1)])
    done = run()
    assert done.exit_code == ExitCode.OK, done.output
    assert len(archive.records) == 1


def test_a_service_that_goes_down_stops_the_run_and_the_next_goes_on(
    archive: FakeArchive, run: RunFolder, tmp_path: Path
) -> None:
    write_folder(tmp_path, 6)
    archive.script.unavailable_answers = 10_000
    down = run("--parallel", 2)
    assert down.exit_code == ExitCode.UNAVAILABLE
    assert "Run the same command again" in down.output
    assert "6 not sent" in down.output
    assert len(archive.requests_seen) <= 4 * 3
    archive.script.unavailable_answers = 0
    assert run().exit_code == ExitCode.OK
    assert len(archive.records) == 6


def test_a_wrong_key_stops_the_run(archive: FakeArchive, run: RunFolder, tmp_path: Path) -> None:
    write_folder(tmp_path, 50)
    assert run("--key", "wrong", "--parallel", 1).exit_code == ExitCode.NOT_ALLOWED
    assert len(archive.requests_seen) <= 2


def test_a_lost_answer_never_doubles_a_row(archive: FakeArchive, run: RunFolder, tmp_path: Path) -> None:
    write_folder(tmp_path, 4)
    archive.script.lost_answers = 2
    assert run("--parallel", 1).exit_code == ExitCode.OK
    assert len(archive.records) == 4


def test_a_run_killed_in_the_middle_is_gone_on_with_and_every_row_is_there_once(
    archive: FakeArchive, run: RunFolder, tmp_path: Path
) -> None:
    count = 40
    write_folder(tmp_path, count)
    archive.script.slow_seconds = 0.02
    command = [sys.executable, "-c", "from archive_service.cli.deposit_folder import deposit_folder as d; d()"]
    options = [str(tmp_path), "--manifest", str(tmp_path / "manifest.csv"), "--parallel", "4"]
    environment = os.environ | {"ARCHIVE_URL": archive.url, "ARCHIVE_API_KEY": KEY}
    process = subprocess.Popen([*command, *options], env=environment, stdout=subprocess.DEVNULL)
    deadline = time.monotonic() + 60
    while archive.deposits_seen < count // 3 and time.monotonic() < deadline:
        time.sleep(0.005)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert 0 < len(archive.records) < count
    archive.script.slow_seconds = 0.0
    seen_before = archive.deposits_seen

    assert run().exit_code == ExitCode.OK
    kept = Counter(record["who"] for record in archive.records.values())
    assert len(kept) == count
    assert set(kept.values()) == {1}
    assert len(archive.answered) == count
    results = read_results(tmp_path)
    assert [int(row["row"]) for row in results] == list(range(2, count + 2))
    assert {row["record_id"] for row in results} == set(archive.records)
    # What the killed run had written down was not sent again.
    assert archive.deposits_seen - seen_before < count


@pytest.mark.parametrize("torn", [b"3,1.pdf,depo", b"3,1.pdf,deposited,id,stored,,,,key\r"])
def test_a_torn_last_line_is_dropped(tmp_path: Path, torn: bytes) -> None:
    path = tmp_path / "r.csv"
    with ResultsFile(path, ",") as results:
        results.add(RowResult(2, "0.pdf", RowOutcome.DEPOSITED, key="k"))
    whole = path.read_bytes()
    path.write_bytes(whole + torn)
    with ResultsFile(path, ",") as results:
        assert results.done_before("k")
        assert not results.done_before("key")
    assert path.read_bytes() == whole


@pytest.mark.parametrize("content", ["file,office\n", "some text without an end", "row,file\n1,2\n"])
def test_another_file_is_never_written_over(run: RunFolder, tmp_path: Path, content: str) -> None:
    write_folder(tmp_path, 1)
    other = tmp_path / "other.csv"
    other.write_text(content, encoding="utf-8")
    told = run("--results", other)
    assert told.exit_code == ExitCode.FAILED
    assert other.read_text(encoding="utf-8") == content


def test_two_runs_never_write_one_result_file(tmp_path: Path) -> None:
    with ResultsFile(tmp_path / "r.csv", ","), pytest.raises(Conflict):
        ResultsFile(tmp_path / "r.csv", ",")


def test_results_that_cannot_be_written_are_told_before_anything_is_sent(
    archive: FakeArchive, run: RunFolder, tmp_path: Path
) -> None:
    write_folder(tmp_path, 1)
    told = run("--results", tmp_path / "no-such-folder" / "r.csv")
    assert told.exit_code == ExitCode.FAILED
    assert "--results" in told.stderr
    assert not archive.requests_seen


def test_quarantined_rows_are_counted(run: RunFolder, tmp_path: Path) -> None:
    write_folder(tmp_path, 2)
    (tmp_path / "1.pdf").write_bytes(b"%PDF-1.7 JavaScript")
    done = run()
    assert done.exit_code == ExitCode.OK
    assert "1 of them wait in quarantine" in done.output
    assert json.loads(run("--json").stdout)["done_before"] == 2
