"""What an operator sees of time-stamps, and the renewal of hash trees by command."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from archive_service.bootstrap import open_archive
from archive_service.cli.main import main
from archive_service.errors import Misconfigured
from archive_service.lifecycle.timestamps.stamp import stamp
from archive_service.settings import load_settings
from tests.running import PROJECT


@pytest.fixture(autouse=True)
def loaded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ARCHIVE_DATA_DIR", str(tmp_path / "data"))
    run("load-reference", str(PROJECT / "examples" / "reference"))


def run(*arguments: str) -> str:
    result = CliRunner().invoke(main, arguments, catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.stdout


def test_status_names_the_local_authority_as_not_trusted() -> None:
    assert "TEST – NOT TRUSTED" in run("timestamp", "status")
    [row] = json.loads(run("timestamp", "status", "--json"))["authorities"]
    assert (row["authority"], row["is_test"], row["stamped"], row["owed"]) == ("local", True, 0, 0)


def test_status_tells_what_was_given_and_until_when_it_lasts() -> None:
    with open_archive(load_settings()) as archive:
        assert stamp(archive).failures == ()
    [row] = json.loads(run("timestamp", "status", "--json"))["authorities"]
    assert (row["stamped"], row["owed"], row["problem"]) == (1, 0, None)
    assert row["last_stamped_at"] < row["expires_at"]
    assert "given 1" in run("timestamp", "status")


def test_renew_tells_how_many_batches_it_made() -> None:
    assert json.loads(run("timestamp", "renew", "--json")) == {"batches": 0}


def test_status_without_authorities_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ARCHIVE_TIMESTAMP_AUTHORITIES", "none")
    assert "No authority" in run("timestamp", "status")


def test_doctor_says_what_the_default_time_stamps_are_worth() -> None:
    checks = json.loads(run("doctor", "--json"))["checks"]
    [found] = [one for one in checks if one["name"] == "time-stamps of local"]
    assert found["result"] == "indeterminate"
    assert "NOT TRUSTED" in found["explanation"]


def test_wrong_setting_is_told_without_its_password(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ARCHIVE_TIMESTAMP_AUTHORITIES", "one=https://user:geheim@tsa.example")
    with pytest.raises(Misconfigured, match=r"one\.pem") as told, open_archive(load_settings()):
        pass
    assert "geheim" not in str(told.value)
