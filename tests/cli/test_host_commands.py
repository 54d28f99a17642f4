"""Commands of the archive's host, on a real register, store and index in a folder."""

from __future__ import annotations

import csv
import datetime as dt
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import click
import pytest
from click.testing import CliRunner, Result

from archive_service.bootstrap import open_archive
from archive_service.cli.main import main
from archive_service.errors import NotAuthenticated
from archive_service.lifecycle.keys import authenticate
from archive_service.model.identifiers import OfficeCode, RecordId
from archive_service.model.jobs import JobKind
from archive_service.settings import load_settings
from tests.running import PROJECT

Run = Callable[..., Result]
REFERENCE = PROJECT / "examples" / "reference"


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Run a command on an archive in a folder of its own."""
    monkeypatch.setenv("ARCHIVE_DATA_DIR", str(tmp_path / "data"))
    for name in ("ARCHIVE_REGISTER_URL", "ARCHIVE_STORE_URL", "ARCHIVE_INDEX_URL", "ARCHIVE_URL", "ARCHIVE_API_KEY"):
        monkeypatch.delenv(name, raising=False)

    def invoke(*arguments: object) -> Result:
        result = CliRunner().invoke(main, [str(argument) for argument in arguments])
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        return result

    return invoke


@pytest.fixture
def loaded(run: Run) -> Run:
    """Load the example reference data first."""
    assert run("load-reference", REFERENCE).exit_code == 0
    return run


def as_json(result: Result) -> Any:
    """Return what a command printed for machines, which is all that it printed."""
    return json.loads(result.stdout)


def every_command(group: click.Group, words: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    context = click.Context(group)
    for name in group.list_commands(context):
        found = group.get_command(context, name)
        if isinstance(found, click.Group):
            yield from every_command(found, (*words, name))
        else:
            yield (*words, name)


COMMANDS = list(every_command(main))


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_help_of_every_command_shows_it_in_use(run: Run, words: tuple[str, ...]) -> None:
    result = run(*words, "--help")
    assert result.exit_code == 0
    assert "Example" in result.stdout
    assert f"archive-service {' '.join(words)}" in result.stdout


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_every_command_that_answers_does_so_for_machines_too(run: Run, words: tuple[str, ...]) -> None:
    assert "--json" in run(*words, "--help").stdout


def test_help_names_every_command(run: Run) -> None:
    shown = run("--help").stdout
    for words in COMMANDS:
        assert words[0] in shown


def test_unknown_command_is_a_usage_error(run: Run) -> None:
    assert run("dispose-everything").exit_code == 2


def test_upgrade_may_be_run_again(run: Run) -> None:
    for _ in range(2):
        assert as_json(run("upgrade", "--json")) == {"upgraded": True}
    assert "schema" in run("upgrade").stdout


def test_reference_data_are_loaded_and_counted(run: Run) -> None:
    counts = as_json(run("load-reference", REFERENCE, "--json"))
    with (REFERENCE / "offices.csv").open(encoding="utf-8-sig") as file:
        assert counts["offices"] == len(list(csv.DictReader(file)))
    assert counts["result_types"] > 0
    assert counts["procedures"] > 0
    assert as_json(run("load-reference", REFERENCE, "--json")) == counts


@pytest.mark.parametrize(
    ("files", "said"),
    [
        ({}, "offices.csv"),
        ({"offices.csv": "code,name\n"}, None),
        ({"offices.csv": "code,name,parent\nA,Cơ quan,KHONG-CO\n"}, "offices.A"),
        ({"offices.csv": "code,name,parent\nA,Một,B\nB,Hai,A\n"}, "above itself"),
        ({"offices.csv": "code,name,valid_from\nA,Một,31/12/2020\n"}, "offices.csv"),
        ({"offices.csv": "code,name\n,Không mã\n"}, "offices.csv"),
        ({"procedures.toml": "[[procedures]\n"}, "procedures.toml"),
        ({"procedures.toml": '[[procedures]]\ncode = "1"\nname = "Một"\nresult_types = ["?"]\n'}, "procedures.1"),
    ],
)
def test_wrong_reference_files_are_told_and_nothing_is_loaded(
    run: Run, tmp_path: Path, files: dict[str, str], said: str | None
) -> None:
    run("upgrade")
    folder = tmp_path / "reference"
    folder.mkdir()
    for name, text in files.items():
        (folder / name).write_text(text, encoding="utf-8")
    result = run("load-reference", folder)
    if said is None:
        assert result.exit_code == 0
        return
    assert result.exit_code == 1
    assert said in result.stderr
    with open_archive(load_settings()) as archive:
        assert list(archive.register.read(lambda unit: unit.reference.offices())) == []


def test_reference_folder_that_is_not_there_is_a_usage_error(run: Run, tmp_path: Path) -> None:
    assert run("load-reference", tmp_path / "nowhere").exit_code == 2


def test_key_lives_from_its_making_to_its_revocation(loaded: Run) -> None:
    said = ("--name", "oss", "--office", "BHXH-79", "--role", "depositor", "--account", "lan")
    made = as_json(loaded("api-key", "create", *said, "--json"))
    (listed,) = as_json(loaded("api-key", "list", "--json"))["keys"]
    assert listed["id"] == made["id"]
    assert listed["state"] == "valid"
    assert listed["office"] == "BHXH-79"
    assert listed["roles"] == ["depositor"]
    assert listed["account"] == "lan"
    assert "oss  (lan)" in loaded("api-key", "list").stdout
    assert made["key"] not in loaded("api-key", "list").stdout
    with open_archive(load_settings()) as archive:
        assert OfficeCode("BHXH-79-01") in authenticate(archive, made["key"]).offices
    assert loaded("api-key", "revoke", made["id"]).exit_code == 0
    assert as_json(loaded("api-key", "list", "--json"))["keys"][0]["state"] == "revoked"
    with open_archive(load_settings()) as archive, pytest.raises(NotAuthenticated):
        authenticate(archive, made["key"])


def test_key_alone_goes_to_standard_output_so_that_it_can_be_piped(loaded: Run) -> None:
    result = loaded("api-key", "create", "--name", "oss", "--office", "BHXH", "--role", "auditor", "--days", "7")
    assert result.stdout.startswith("archive_")
    assert len(result.stdout.splitlines()) == 1
    week = dt.datetime.now(dt.UTC) + dt.timedelta(days=7)
    assert f"{week:%Y-%m-%d}" in result.stderr


@pytest.mark.parametrize(
    ("options", "code"),
    [
        (("--office", "BHXH-99", "--role", "auditor"), 1),
        (("--office", "BHXH"), 2),
        (("--office", "BHXH", "--role", "king"), 2),
        (("--office", "BHXH", "--role", "auditor", "--days", "0"), 2),
    ],
)
def test_key_that_cannot_be_made_is_told(loaded: Run, options: tuple[str, ...], code: int) -> None:
    assert loaded("api-key", "create", "--name", "x", *options).exit_code == code


def test_revoking_a_key_that_is_not_there_is_not_found(loaded: Run) -> None:
    result = loaded("api-key", "revoke", "0" * 16, "--json")
    assert result.exit_code == 3
    assert as_json(result)["problem"]["code"] == "not-found"


def test_reindex_of_an_empty_archive_makes_an_empty_index(loaded: Run) -> None:
    assert as_json(loaded("reindex", "--json"))["documents"] == 0


def test_reindex_of_one_office_needs_one_that_is_there(loaded: Run) -> None:
    assert loaded("reindex", "--office", "BHXH-99").exit_code == 3
    assert loaded("reindex", "--office", "BHXH-79", "--json").exit_code == 0


def test_doctor_is_content_with_a_new_archive(loaded: Run) -> None:
    report = as_json(loaded("doctor", "--json"))
    assert report["ok"] is True
    assert {check["name"] for check in report["checks"]} >= {"register", "store", "index", "pdf"}
    lines = loaded("doctor").stdout.splitlines()
    assert len(lines) == len(report["checks"])


@pytest.mark.parametrize(
    ("setting", "value", "component"),
    [
        ("ARCHIVE_INDEX_URL", "http://127.0.0.1:1", "index"),
        ("ARCHIVE_STORE_URL", "s3+http://key:geheim@127.0.0.1:1/bucket", "store"),
    ],
)
def test_doctor_fails_and_names_what_is_down(
    loaded: Run, monkeypatch: pytest.MonkeyPatch, setting: str, value: str, component: str
) -> None:
    monkeypatch.setenv(setting, value)
    result = loaded("doctor", "--json")
    assert result.exit_code == 1
    report = as_json(result)
    assert report["ok"] is False
    assert component in {check["name"] for check in report["checks"] if check["result"] == "failed"}
    assert "geheim" not in result.output


def test_doctor_without_a_register_says_so(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ARCHIVE_REGISTER_URL", "postgresql://archive:geheim@127.0.0.1:1/archive")
    result = run("doctor", "--json")
    assert result.exit_code == 1
    results = {check["name"]: check["result"] for check in as_json(result)["checks"]}
    assert results["register"] == "failed"
    assert results["store"] == results["pdf"] == "passed"
    assert "geheim" not in result.output


@pytest.mark.parametrize("words", [("upgrade",), ("load-reference", REFERENCE), ("api-key", "list"), ("reindex",)])
def test_command_that_needs_a_register_that_is_down_says_so(
    run: Run, monkeypatch: pytest.MonkeyPatch, words: tuple[object, ...]
) -> None:
    monkeypatch.setenv("ARCHIVE_REGISTER_URL", "postgresql://archive:geheim@127.0.0.1:1/archive")
    result = run(*words)
    assert result.exit_code == 6
    assert "register" in result.stderr
    assert "geheim" not in result.output


def test_jobs_of_a_new_archive_are_none(loaded: Run) -> None:
    assert as_json(loaded("jobs", "list", "--json")) == {"counts": {}, "parked": []}
    assert "no follow-up work" in loaded("jobs", "list").stdout


def test_parked_work_is_listed_with_its_reason_and_can_be_tried_again(loaded: Run) -> None:
    record_id = RecordId("0177eb15-a400-7000-8000-000000000000")
    with open_archive(load_settings()) as archive:
        now = archive.clock.now()
        archive.register.write(lambda unit: unit.jobs.add(JobKind.INDEX, record_id, now))
        (job,) = archive.register.write(
            lambda unit: unit.jobs.claim([JobKind.INDEX], 1, now, now + dt.timedelta(minutes=1))
        )
        archive.register.write(lambda unit: unit.jobs.park(job, "internal error"))
    (parked,) = as_json(loaded("jobs", "list", "--json"))["parked"]
    assert parked["record_id"] == record_id
    assert parked["problem"] == "internal error"
    assert "internal error" in loaded("jobs", "list").stdout
    report = loaded("doctor", "--json")
    assert report.exit_code == 1
    assert as_json(loaded("jobs", "retry", parked["id"], "--json")) == {"retried": parked["id"]}
    assert as_json(loaded("jobs", "list", "--json")) == {"counts": {"index/waiting": 1}, "parked": []}


def test_retrying_work_that_is_not_parked_is_not_found(loaded: Run) -> None:
    assert loaded("jobs", "retry", 4711).exit_code == 3
    assert loaded("jobs", "retry", 2**70).exit_code == 2
