"""Commands about the log, on a real register and store in a folder."""

from __future__ import annotations

import json
import stat
from pathlib import Path

import pytest

from archive_service.bootstrap import open_archive
from archive_service.cli.output import ExitCode
from archive_service.errors import Misconfigured
from archive_service.evidence.signer import generate_log_keys
from archive_service.lifecycle.log.published import newest_published
from archive_service.settings import load_settings
from archive_verify.notes import SignatureType, parse_verifier_key
from tests.cli.test_host_commands import REFERENCE, Run, as_json, loaded, run

__all__ = ["loaded", "run"]


def key_file() -> Path:
    return load_settings().log_keys


def known_keys() -> dict[str, bool]:
    """Return every key that the register knows, and whether it still signs."""
    with open_archive(load_settings(), guarded=False) as archive:
        return {one.verifier_key: one.retired_at is None for one in archive.register.read(lambda u: u.tree.all_keys())}


def test_the_key_file_is_made_at_the_first_start_for_its_owner_alone(loaded: Run) -> None:
    assert stat.S_IMODE(key_file().stat().st_mode) == 0o600
    shown = [parse_verifier_key(one) for one in as_json(loaded("log", "key", "show", "--json"))["verifier_keys"]]
    assert [key.type for key in shown] == [SignatureType.ED25519, SignatureType.COSIGNATURE_MLDSA44]
    assert {key.name for key in shown} == {"archive.local/log"}
    assert set(known_keys()) == {key.text for key in shown}


def test_private_keys_are_never_shown(loaded: Run) -> None:
    secret = "".join(key_file().read_text().split("\n")[1:2])
    for words in (("key", "show"), ("key", "rotate"), ("seal",), ("key", "retire")):
        result = loaded("log", *words)
        assert result.exit_code == 0
        assert secret not in result.output
        assert "PRIVATE" not in result.output


def test_keys_change_with_an_overlap_and_each_change_is_in_the_log(loaded: Run) -> None:
    old = as_json(loaded("log", "key", "show", "--json"))["verifier_keys"]
    rotated = loaded("log", "key", "rotate", "--json")
    assert "Restart the service and every worker" in rotated.stderr
    both = json.loads(rotated.stdout)["verifier_keys"]
    assert both[:2] == old
    assert known_keys() == dict.fromkeys(both, True)
    assert loaded("log", "key", "rotate").exit_code == ExitCode.CONFLICT
    assert set(as_json(loaded("log", "key", "retire", "--json"))["retired"]) == set(old)
    assert as_json(loaded("log", "key", "show", "--json"))["verifier_keys"] == both[2:]
    assert known_keys() == {key: key not in old for key in both}
    assert loaded("log", "seal").exit_code == 0
    assert stat.S_IMODE(key_file().stat().st_mode) == 0o600


def test_a_lost_key_file_is_told_and_a_new_one_is_taken_only_when_said_so(loaded: Run) -> None:
    old = as_json(loaded("log", "key", "show", "--json"))["verifier_keys"]
    key_file().unlink()
    refused = loaded("load-reference", REFERENCE)
    assert refused.exit_code == ExitCode.USAGE
    assert "key file" in refused.stderr
    new = as_json(loaded("log", "key", "rotate", "--lost", "--json"))["verifier_keys"]
    assert known_keys() == {**dict.fromkeys(old, False), **dict.fromkeys(new, True)}
    assert loaded("load-reference", REFERENCE).exit_code == 0


def test_a_key_file_that_is_named_is_never_made_by_itself(
    run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("ARCHIVE_LOG_KEY_FILE", str(tmp_path / "named.pem"))
    with pytest.raises(Misconfigured) as refused, open_archive(load_settings()):
        pass
    assert refused.value.code == "log-key-file-missing"
    assert run("log", "key", "new", tmp_path / "named.pem").exit_code == 0
    made = (tmp_path / "named.pem").read_bytes()
    assert run("log", "key", "new", tmp_path / "named.pem").exit_code == ExitCode.CONFLICT
    assert (tmp_path / "named.pem").read_bytes() == made
    with open_archive(load_settings()):
        pass


def test_the_log_is_sealed_now_when_asked(loaded: Run) -> None:
    size = as_json(loaded("log", "seal", "--json"))["size"]
    assert size > 0
    with open_archive(load_settings()) as archive:
        assert newest_published(archive.store, "archive.local/log", 0) == size


def test_a_register_that_lacks_nothing_catches_up_with_nothing(loaded: Run) -> None:
    loaded("log", "seal")
    done = as_json(loaded("log", "catch-up", "--json"))
    assert done["before"] == done["after"]
    assert "lacks no published entry" in loaded("log", "catch-up").stdout


def test_a_register_behind_the_published_log_is_told_by_every_command_and_doctor_and_mended(loaded: Run) -> None:
    loaded("log", "seal")
    register = load_settings().data_dir / "register.sqlite"
    backup = register.read_bytes()
    loaded("load-reference", REFERENCE)
    loaded("log", "seal")
    for name in ("register.sqlite", "register.sqlite-wal", "register.sqlite-shm"):
        (register.parent / name).unlink(missing_ok=True)
    register.write_bytes(backup)
    refused = loaded("load-reference", REFERENCE)
    assert refused.exit_code == ExitCode.INTEGRITY
    assert "archive-service log catch-up" in refused.stderr
    checks = {one["name"]: one for one in as_json(loaded("doctor", "--json"))["checks"]}
    assert checks["register"]["result"] == "failed"
    assert "older than what the archive has published" in checks["register"]["explanation"]
    done = as_json(loaded("log", "catch-up", "--json"))
    assert done["after"] > done["before"]
    assert loaded("load-reference", REFERENCE).exit_code == 0


def test_keys_in_a_folder_of_secrets_are_changed_there(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    old, new = generate_log_keys().pem().decode(), generate_log_keys().pem().decode()
    shown = []
    for keys, command in ((old, "show"), (old + new, "rotate"), (old + new, "rotate"), (new, "retire"), (new, "show")):
        monkeypatch.setenv("ARCHIVE_LOG_KEY", keys)
        result = run("log", "key", command, "--json")
        assert result.exit_code == 0, result.stderr
        assert run("load-reference", REFERENCE).exit_code == 0
        shown.append(as_json(result).get("verifier_keys", []))
    assert [len(keys) for keys in shown] == [2, 4, 4, 0, 2]
    assert known_keys() == {key: key in shown[-1] for key in shown[1]}
    assert not key_file().exists()
