"""The drill as an operator runs it: back up, lose, restore, rebuild, audit; what each command says and ends with."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from archive_service.cli.main import main
from archive_service.cli.output import ExitCode
from archive_service.lifecycle.audit.pace import Pace
from archive_service.lifecycle.rebuild_register import LOSSES
from tests.fakes.clock import Seconds
from tests.recovery.places import History, Urls, live, open_place

Run = Callable[..., Result]


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Give the data folder that the commands work on."""
    return tmp_path / "data"


@pytest.fixture
def run(data: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Run a command on the archive in the data folder."""
    monkeypatch.setenv("ARCHIVE_DATA_DIR", str(data))
    for name in ("ARCHIVE_REGISTER_URL", "ARCHIVE_STORE_URL", "ARCHIVE_INDEX_URL", "ARCHIVE_BACKUP_URL"):
        monkeypatch.delenv(name, raising=False)

    def invoke(*arguments: object) -> Result:
        result = CliRunner().invoke(main, [str(argument) for argument in arguments])
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        return result

    return invoke


@pytest.fixture
def history(data: Path, tmp_path: Path) -> History:
    """Let the archive in the data folder live."""
    data.mkdir()
    urls = Urls(f"sqlite:///{data / 'register.sqlite'}", f"file:{data / 'objects'}")
    with open_place(urls, tmp_path / "elsewhere") as place:
        return live(place)


def as_json(result: Result) -> Any:
    """Return what a command printed for machines, which is all that it printed."""
    return json.loads(result.stdout)


def original(data: Path, record_id: str) -> Path:
    [file] = (data / "objects").rglob(f"{record_id}/original")
    file.chmod(0o600)
    return file


def test_the_drill_from_backup_to_a_searchable_archive(
    run: Run, data: Path, tmp_path: Path, history: History, monkeypatch: pytest.MonkeyPatch
) -> None:
    backups = tmp_path / "backups"
    made = as_json(run("backup", backups, "--json"))
    assert (made["rows"]["records"], made["copied"], made["damaged"], made["missing"]) == (7, 21, [], [])
    assert as_json(run("backup", backups, "--json"))["copied"] == 0
    shutil.rmtree(data)
    monkeypatch.setenv("ARCHIVE_BACKUP_URL", f"file:{backups}")
    back = as_json(run("restore", "--json"))
    assert (back["rows"]["records"], back["objects"], back["records_disposed_of"]) == (7, 21, 0)
    assert as_json(run("reindex", "--json"))["documents"] == 7
    audited = as_json(run("audit", "--verify", "--json"))
    assert (audited["alarm"], audited["verified"], audited["findings"]) == (False, True, [])
    assert audited["counts"] == {"intact": 7}
    again = run("restore", "--json")
    assert again.exit_code == ExitCode.USAGE
    assert as_json(again)["problem"]["code"] == "register-not-empty"


def test_a_lost_register_is_rebuilt_and_what_cannot_come_back_is_told(run: Run, data: Path, history: History) -> None:
    for file in data.glob("register.sqlite*"):
        file.unlink()
    result = run("rebuild-register", "--verify", "--json")
    assert result.exit_code == 0
    told = as_json(result)
    assert (told["records"], told["quarantined"], told["rejected"], told["problems"]) == (7, 1, 1, 0)
    assert len(told["cannot_come_back"]) == len(LOSSES)
    assert as_json(run("audit", "--json"))["counts"]["intact"] == 7
    again = run("rebuild-register", "--json")
    assert again.exit_code == ExitCode.CONFLICT
    assert as_json(again)["problem"]["code"] == "register-not-empty"


def test_people_read_the_same_in_words(run: Run, data: Path, tmp_path: Path, history: History) -> None:
    assert "is whole: 7 records, 21 objects" in run("backup", tmp_path / "backups").stdout
    assert "intact" in run("audit").stdout
    for file in data.glob("register.sqlite*"):
        file.unlink()
    said = run("rebuild-register").stdout
    assert "7 records" in said
    assert "Originals were not read" in said
    assert all(loss.what.split(",")[0] in said for loss in LOSSES)
    shutil.rmtree(data)
    assert "archive-service reindex" in run("restore", tmp_path / "backups").stdout


def test_an_audit_reads_as_slowly_as_it_is_told_to(
    run: Run, data: Path, history: History, monkeypatch: pytest.MonkeyPatch
) -> None:
    sizes = [file.stat().st_size for file in (data / "objects").rglob("original")]
    time = Seconds()
    monkeypatch.setattr("archive_service.cli.audit.Pace", partial(Pace, now=time.now, wait=time.wait))
    assert not as_json(run("audit", "--verify", "--json"))["alarm"]
    assert time.now() == 0
    assert not as_json(run("audit", "--rate", "0.001", "--json"))["alarm"]
    assert time.now() == 0, "sizes alone are compared"
    assert not as_json(run("audit", "--verify", "--rate", "0.001", "--json"))["alarm"]
    assert time.now() >= (sum(sizes) - max(sizes)) / 1000


@pytest.mark.parametrize("rate", ["0", "-1", "fast", "nan"])
def test_a_rate_that_is_none_is_a_usage_error(run: Run, rate: str) -> None:
    assert run("audit", "--rate", rate).exit_code == ExitCode.USAGE


@pytest.mark.parametrize("damage", ["missing", "mismatch"])
def test_damage_is_exit_code_7_for_audit_and_backup(
    run: Run, data: Path, tmp_path: Path, history: History, damage: str
) -> None:
    file = original(data, history.plain.id)
    if damage == "missing":
        file.unlink()
    else:
        content = file.read_bytes()
        file.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    audited = run("audit", "--verify", "--json")
    assert audited.exit_code == ExitCode.INTEGRITY
    counts = as_json(audited)["counts"]
    assert (counts[damage], counts["intact"]) == (1, 6)
    assert as_json(audited)["findings"][0]["record_id"] == history.plain.id
    made = run("backup", tmp_path / "backups", "--json")
    assert made.exit_code == ExitCode.INTEGRITY
    assert as_json(made)["missing" if damage == "missing" else "damaged"] == [f"records/{history.plain.id}/original"]
    assert as_json(made)["objects"] == 22  # the audit's report and its printed form among them
    assert history.plain.id in run("audit", "--verify").stdout


def test_a_rebuild_that_finds_wrong_bytes_is_exit_code_7(run: Run, data: Path, history: History) -> None:
    file = original(data, history.plain.id)
    file.write_bytes(file.read_bytes()[::-1])
    for register in data.glob("register.sqlite*"):
        register.unlink()
    result = run("rebuild-register", "--verify")
    assert result.exit_code == ExitCode.INTEGRITY
    assert "mismatch" in result.stdout
    assert "is what its description says" not in result.stdout


def test_a_place_without_a_backup_is_exit_code_3(run: Run, tmp_path: Path) -> None:
    assert run("restore", tmp_path / "nothing").exit_code == ExitCode.NOT_FOUND
