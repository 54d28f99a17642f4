"""Settings: each one documented, read from the environment or from files, a wrong one named without its value."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from pydantic import ValidationError

from archive_service.errors import Misconfigured
from archive_service.settings import Settings, load_settings
from tests.running import PROJECT


@pytest.fixture(autouse=True)
def empty_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave no setting of whoever runs the tests."""
    for name in (*(f"ARCHIVE_{field}".upper() for field in Settings.model_fields), "ARCHIVE_SECRETS_DIR"):
        monkeypatch.delenv(name, raising=False)


@pytest.mark.parametrize("name", list(Settings.model_fields))
def test_every_setting_says_what_it_is(name: str) -> None:
    assert Settings.model_fields[name].description


def test_operations_document_lists_every_setting_and_no_other() -> None:
    text = (PROJECT / "docs" / "operations.md").read_text(encoding="utf-8")
    listed = set(re.findall(r"^\| `(ARCHIVE_[A-Z_]+)` \|", text, re.MULTILINE))
    assert listed == {f"ARCHIVE_{name}".upper() for name in Settings.model_fields}


def test_defaults_are_the_embedded_service_in_one_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("ARCHIVE_DATA_DIR", str(tmp_path))
    settings = load_settings()
    assert settings.register == f"sqlite:///{tmp_path}/register.sqlite"
    assert settings.store == f"file:{tmp_path}/objects"
    assert settings.index == f"embedded:{tmp_path}/index"
    assert settings.staging == tmp_path / "staging"


def test_settings_cannot_be_changed() -> None:
    with pytest.raises(ValidationError):
        load_settings().listen_port = 1  # type: ignore[misc]  # what must not work


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("ARCHIVE_LISTEN_PORT", "geheim"),
        ("ARCHIVE_LISTEN_PORT", "70000"),
        ("ARCHIVE_MAX_FILE_BYTES", "-1"),
        ("ARCHIVE_LOCK_MODE", "geheim"),
        ("ARCHIVE_LOG_LEVEL", "geheim"),
        ("ARCHIVE_QUARANTINE_LOCK_DAYS", "0"),
    ],
)
def test_wrong_setting_is_named_without_its_value(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(Misconfigured) as raised:
        load_settings()
    assert name in raised.value.message.en
    assert name in raised.value.message.vi
    assert value not in raised.value.message.en


def test_a_setting_beyond_its_bound_is_told_the_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ARCHIVE_WEB_THREADS", "257")
    monkeypatch.setenv("ARCHIVE_QUARANTINE_LOCK_DAYS", "0")
    with pytest.raises(Misconfigured) as raised:
        load_settings()
    assert "ARCHIVE_WEB_THREADS (at most 256), ARCHIVE_QUARANTINE_LOCK_DAYS (at least 1)" in raised.value.message.en
    assert "ARCHIVE_WEB_THREADS (tối đa 256)" in raised.value.message.vi


def test_every_wrong_setting_is_named_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ARCHIVE_LISTEN_PORT", "x")
    monkeypatch.setenv("ARCHIVE_OCR_DPI", "x")
    with pytest.raises(Misconfigured, match=r"ARCHIVE_LISTEN_PORT.*ARCHIVE_OCR_DPI"):
        load_settings()


def test_secret_may_stand_in_a_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "archive_store_url").write_text("s3+http://key:geheim@host/bucket\n")
    monkeypatch.setenv("ARCHIVE_SECRETS_DIR", str(tmp_path))
    assert load_settings().store == "s3+http://key:geheim@host/bucket"


def test_secrets_are_never_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("REGISTER", "STORE", "INDEX"):
        monkeypatch.setenv(f"ARCHIVE_{name}_URL", "x://key:geheim@host/place")
    settings = load_settings()
    for shown in (repr(settings), str(settings), str(settings.model_dump()), settings.model_dump_json()):
        assert "geheim" not in shown


def test_folder_of_secrets_that_is_not_there_is_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("ARCHIVE_SECRETS_DIR", str(tmp_path / "nowhere"))
    with pytest.raises(Misconfigured, match="ARCHIVE_SECRETS_DIR"):
        load_settings()
