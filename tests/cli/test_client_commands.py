"""deposit, search, show, download and verify as a user runs them."""

from __future__ import annotations

import json
from pathlib import Path

import click
import pytest

from archive_service import errors
from archive_service.cli.deposit_folder import deposit_folder
from archive_service.cli.output import EXIT_CODES, ExitCode, exit_code_of
from archive_service.cli.records import deposit, download, search, show, verify
from tests.cli.conftest import Invoke
from tests.cli.fake_archive import KEY, FakeArchive

COMMANDS = (deposit, search, show, download, verify, deposit_folder)
Files = tuple[Path, Path]


@pytest.fixture
def record_id(invoke: Invoke, result_files: Files) -> str:
    """Deposit a result and return its record's id."""
    pdf, metadata = result_files
    done = invoke(deposit, pdf, "--metadata", metadata, "--json")
    assert done.exit_code == ExitCode.OK, done.output
    return str(json.loads(done.stdout)["id"])


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: str(command.name))
def test_help_shows_an_example_and_json(command: click.Command, invoke: Invoke) -> None:
    shown = invoke(command, "--help")
    assert shown.exit_code == ExitCode.OK
    assert f"archive-service {command.name} " in shown.output
    assert "--json" in shown.output
    assert KEY not in shown.output


def test_every_error_has_an_exit_code() -> None:
    def all_kinds(kind: type[errors.ArchiveError]) -> set[type[errors.ArchiveError]]:
        return {kind}.union(*(all_kinds(child) for child in kind.__subclasses__()))

    ours = {kind for kind in all_kinds(errors.ArchiveError) if kind.__module__ == errors.__name__}
    assert ours == set(EXIT_CODES)
    assert exit_code_of(errors.unavailable("store")) is ExitCode.UNAVAILABLE


def test_depositing_twice_stores_once_and_says_so(
    archive: FakeArchive, invoke: Invoke, result_files: Files, record_id: str
) -> None:
    pdf, metadata = result_files
    again = invoke(deposit, pdf, "--metadata", metadata)
    assert again.exit_code == ExitCode.OK
    assert record_id in again.output
    assert "nothing was stored twice" in again.output
    assert len(archive.records) == 1


def test_a_refusal_gives_its_reasons_in_both_languages(invoke: Invoke, result_files: Files) -> None:
    pdf, metadata = result_files
    pdf.write_bytes(b"encrypted")
    refused = invoke(deposit, pdf, "--metadata", metadata)
    assert refused.exit_code == ExitCode.FAILED
    assert "encrypted: It is encrypted. / Tệp bị mã hoá." in refused.stderr
    assert "Tiếng Việt cho rejected." in refused.stderr
    told = json.loads(invoke(deposit, pdf, "--metadata", metadata, "--json").stdout)
    assert told["problem"]["code"] == "rejected"


def test_already_held_is_a_conflict_that_names_the_record(invoke: Invoke, result_files: Files, record_id: str) -> None:
    pdf, metadata = result_files
    held = invoke(deposit, pdf, "--metadata", metadata, "--idempotency-key", "another")
    assert held.exit_code == ExitCode.CONFLICT
    assert f"record {record_id}, state stored" in held.stderr


@pytest.mark.parametrize("text", ["{", "[]", '"x"', "\x00"])
def test_metadata_that_is_no_object_is_refused_here(
    archive: FakeArchive, invoke: Invoke, result_files: Files, text: str
) -> None:
    pdf, metadata = result_files
    metadata.write_text(text, encoding="utf-8")
    assert invoke(deposit, pdf, "--metadata", metadata).exit_code == ExitCode.FAILED
    assert not archive.requests_seen


def test_without_a_key_nothing_is_sent(
    archive: FakeArchive, invoke: Invoke, result_files: Files, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("ARCHIVE_API_KEY")
    assert invoke(verify, result_files[0]).exit_code == ExitCode.USAGE
    assert not archive.requests_seen


def test_a_key_file_wins_over_the_environment_and_no_key_is_ever_printed(
    invoke: Invoke, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    key_file = tmp_path / "key"
    key_file.write_text("wrong-key\n", encoding="utf-8")
    told = invoke(search, "x", "--key-file", key_file)
    assert told.exit_code == ExitCode.NOT_ALLOWED
    assert "wrong-key" not in told.output
    key_file.write_text(f"{KEY}\n", encoding="utf-8")
    monkeypatch.setenv("ARCHIVE_API_KEY", "wrong")
    assert invoke(search, "x", "--key-file", key_file).exit_code == ExitCode.OK
    assert invoke(search, "x", "--key-file", key_file, "--key", "k").exit_code == ExitCode.USAGE


def test_a_service_that_is_down_is_exit_code_six(archive: FakeArchive, invoke: Invoke) -> None:
    archive.script.unavailable_answers = 99
    assert invoke(search, "x").exit_code == ExitCode.UNAVAILABLE
    assert invoke(search, "x", "--url", "http://127.0.0.1:9").exit_code == ExitCode.UNAVAILABLE


def test_search_sends_filters_by_the_apis_names(archive: FakeArchive, invoke: Invoke) -> None:
    found = invoke(
        search, "lương hưu", "--office", "BHXH-79", "--result-type", "A", "--result-type", "B",
        "--issued-from", "01/03/2021", "--scheme", "citizen", "--number", "079061001234",
    )  # fmt: skip
    assert found.exit_code == ExitCode.OK
    path = archive.requests_seen[-1][1]
    for part in ("office=BHXH-79", "result_type=A&result_type=B", "issued_from=2021-03-01", "scheme=citizen"):
        assert part in path
    assert invoke(search, "x", "--scheme", "citizen").exit_code == ExitCode.USAGE


def test_search_shows_hits_without_control_characters(invoke: Invoke, record_id: str) -> None:
    shown = invoke(search, "luong", "--facet", "year")
    assert record_id in shown.stdout
    assert "… [hưởng] lương hưu" in shown.stdout
    assert "\x1b[31m" not in shown.stdout
    assert "2021" in shown.stdout


def test_search_all_walks_every_page(archive: FakeArchive, invoke: Invoke, result_files: Files) -> None:
    pdf, metadata = result_files
    for number in range(5):
        pdf.write_bytes(b"%%PDF-1.7 %d" % number)
        assert invoke(deposit, pdf, "--metadata", metadata).exit_code == ExitCode.OK
    lines = invoke(search, "x", "--all", "--size", "2", "--json").stdout.splitlines()
    assert {json.loads(line)["id"] for line in lines} == set(archive.records)
    first = json.loads(invoke(search, "x", "--size", "2", "--json").stdout)
    assert first["next_cursor"] == "2"
    assert "--cursor 2" in invoke(search, "x", "--size", "2").stdout


def test_show_a_record_or_a_subject(invoke: Invoke, record_id: str) -> None:
    record = invoke(show, record_id)
    assert "Nguyễn Văn Đức" in record.stdout
    assert "01/03/2021" in record.stdout
    subject = invoke(show, "social-insurance", "0123 456 789")
    assert record_id in subject.stdout
    assert invoke(show, "0" * 36).exit_code == ExitCode.NOT_FOUND
    assert invoke(show, "citizen", "12").exit_code == ExitCode.FAILED
    assert invoke(show, "a", "b", "c").exit_code == ExitCode.USAGE


def test_download_brings_exactly_the_bytes(invoke: Invoke, record_id: str, tmp_path: Path) -> None:
    target = tmp_path / "out.pdf"
    done = invoke(download, record_id, "-o", target)
    assert done.exit_code == ExitCode.OK, done.output
    assert target.read_bytes() == b"%PDF-1.7 a result"
    assert [path.name for path in tmp_path.glob(".*")] == []
    assert invoke(download, record_id, "-o", target).exit_code == ExitCode.OK


def test_download_goes_on_after_a_broken_connection(
    archive: FakeArchive, invoke: Invoke, record_id: str, tmp_path: Path
) -> None:
    archive.script.broken_contents = 2
    done = invoke(download, record_id, "-o", tmp_path / "out.pdf")
    assert done.exit_code == ExitCode.OK, done.output
    ranges = [headers.get("Range") for _, path, headers in archive.requests_seen if path.endswith("/content")]
    assert ranges == [None, "bytes=8-", "bytes=12-"]


def test_download_goes_on_from_an_earlier_run_and_mends_a_damaged_part(
    archive: FakeArchive, invoke: Invoke, record_id: str, tmp_path: Path
) -> None:
    part, target = tmp_path / f".{record_id}.part", tmp_path / "out.pdf"
    part.write_bytes(b"%PDF")
    assert invoke(download, record_id, "-o", target).exit_code == ExitCode.OK
    assert archive.requests_seen[-1][2]["Range"] == "bytes=4-"
    part.write_bytes(b"?PDF-1.7 a result and more")
    target.unlink()
    assert invoke(download, record_id, "-o", target).exit_code == ExitCode.OK
    assert target.read_bytes() == b"%PDF-1.7 a result"


def test_wrong_bytes_never_get_the_name(archive: FakeArchive, invoke: Invoke, record_id: str, tmp_path: Path) -> None:
    archive.script.damaged_content = True
    target = tmp_path / "out.pdf"
    assert invoke(download, record_id, "-o", target).exit_code == ExitCode.INTEGRITY
    assert not target.exists()
    assert [path.name for path in tmp_path.glob(".*")] == []


def test_download_replaces_another_file_only_when_told(invoke: Invoke, record_id: str, tmp_path: Path) -> None:
    target = tmp_path / "out.pdf"
    target.write_bytes(b"something else")
    assert invoke(download, record_id, "-o", target).exit_code == ExitCode.CONFLICT
    assert target.read_bytes() == b"something else"
    assert invoke(download, record_id, "-o", target, "--force").exit_code == ExitCode.OK
    assert target.read_bytes() == b"%PDF-1.7 a result"


def test_download_into_a_folder_that_is_not_there_is_told(invoke: Invoke, record_id: str, tmp_path: Path) -> None:
    told = invoke(download, record_id, "-o", tmp_path / "none" / "out.pdf")
    assert told.exit_code == ExitCode.FAILED
    assert "Nothing can be written" in told.stderr


@pytest.mark.parametrize("options", [[], ["--upload"]])
def test_verify_tells_held_from_not_held(
    invoke: Invoke, record_id: str, result_files: Files, options: list[str]
) -> None:
    pdf, _ = result_files
    held = invoke(verify, pdf, *options)
    assert held.exit_code == ExitCode.OK, held.output
    assert record_id in held.stdout
    pdf.write_bytes(pdf.read_bytes() + b" ")
    foreign = invoke(verify, pdf, *options)
    assert foreign.exit_code == ExitCode.NOT_FOUND
    assert "NOT HELD" in foreign.stdout
