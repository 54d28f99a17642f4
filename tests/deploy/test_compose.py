"""The compose files are of the form that the specification asks for, and confine what they start."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from click import Context

from archive_service import __version__
from archive_service.cli.main import main
from archive_service.evidence.signer import load_log_keys
from archive_service.settings import Settings
from archive_service.storage.store_url import address_of
from tests.running import PROJECT

FILES = [PROJECT / "compose.yaml", PROJECT / "deploy" / "compose" / "compose.yaml"]
SECRETS = PROJECT / "deploy" / "compose" / "make-secrets"
OWN_IMAGE = f"localhost/archive-service:{__version__}"

# Its start script writes into its own configuration folder.
WRITES_INTO_ITS_IMAGE = re.compile(r"elasticsearch(-\d)?")

each_file = pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.relative_to(PROJECT)))


def read(file: Path) -> dict[str, Any]:
    """Return the file with its anchors and merge keys resolved."""
    loaded: dict[str, Any] = yaml.safe_load(file.read_text(encoding="utf-8"))
    return loaded


def services(file: Path) -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = read(file)["services"]
    return found


def own(file: Path) -> dict[str, dict[str, Any]]:
    return {name: service for name, service in services(file).items() if service["image"] == OWN_IMAGE}


@each_file
def test_file_follows_the_compose_specification(file: Path) -> None:
    command = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.compose-spec", str(file)]
    checked = subprocess.run(command, capture_output=True, text=True, check=False)
    assert checked.returncode == 0, checked.stdout + checked.stderr


@each_file
def test_every_container_is_confined(file: Path) -> None:
    for name, service in services(file).items():
        assert service["cap_drop"] == ["ALL"], name
        assert "cap_add" not in service, name
        assert "privileged" not in service, name
        assert service["security_opt"] == ["no-new-privileges:true"], name
        assert service["read_only"] is not bool(WRITES_INTO_ITS_IMAGE.fullmatch(name)), name
        assert int(service["user"].partition(":")[0]) > 0, name
        assert service["pids_limit"] > 0, name


@each_file
def test_every_image_is_of_one_version(file: Path) -> None:
    for name, service in services(file).items():
        tag = service["image"].rpartition("/")[2].partition(":")[2]
        assert re.match(r"\d", tag), f"{name}: {service['image']}"
    assert {"service", "worker"} <= set(own(file))


@each_file
def test_every_container_that_answers_is_asked_whether_it_does(file: Path) -> None:
    for name, service in services(file).items():
        silent = name in {"worker", "upgrade"}
        assert service["healthcheck"] == {"disable": True} if silent else service["healthcheck"]["test"], name


@each_file
def test_only_the_service_is_reachable_and_only_on_loopback(file: Path) -> None:
    ports = {name: service["ports"] for name, service in services(file).items() if "ports" in service}
    assert list(ports) == ["service"]
    assert all(port.startswith("127.0.0.1:") for port in ports["service"])
    assert read(file)["networks"]["back"] == {"internal": True}
    assert all(service["networks"] == ["back"] for name, service in services(file).items() if name not in ports)


@each_file
def test_what_a_container_waits_for_can_come_true(file: Path) -> None:
    found = services(file)
    for name, service in found.items():
        for needed, how in service.get("depends_on", {}).items():
            if how["condition"] == "service_healthy":
                assert "test" in found[needed]["healthcheck"], f"{name} waits for {needed}"
            else:
                assert how["condition"] == "service_completed_successfully"
                assert found[needed]["restart"] == "on-failure"


@each_file
def test_every_volume_secret_and_mounted_file_is_declared_and_used(file: Path) -> None:
    whole = read(file)
    volumes, secrets = set(), set()
    for service in whole["services"].values():
        secrets |= set(service.get("secrets", []))
        for volume in service.get("volumes", []):
            source = volume.partition(":")[0] if isinstance(volume, str) else None
            if source and source.startswith("."):
                assert (file.parent / source).is_file()
            elif source:
                volumes.add(source)
    assert volumes == set(whole["volumes"])
    assert secrets == set(whole["secrets"])


@each_file
def test_every_setting_and_command_is_one_of_this_version(file: Path) -> None:
    known = {f"ARCHIVE_{name}".upper() for name in Settings.model_fields} | {"ARCHIVE_SECRETS_DIR"}
    for name, service in own(file).items():
        assert set(service["environment"]) <= known, name
        secret_settings = {secret.upper() for secret in service["secrets"]}
        assert secret_settings <= known - set(service["environment"]), name
        assert not {key for key in service["environment"] if key in {"ARCHIVE_REGISTER_URL", "ARCHIVE_STORE_URL"}}
        assert service["command"][0] in main.list_commands(Context(main)), name


@each_file
def test_no_password_stands_in_the_file(file: Path) -> None:
    for name, service in services(file).items():
        for key, value in service.get("environment", {}).items():
            assert "PASSWORD" not in key or key.endswith("_FILE"), name
            assert "@" not in value, name


@each_file
def test_made_up_secrets_are_all_that_the_file_names_and_stay_as_they_are(file: Path, tmp_path: Path) -> None:
    folder = tmp_path / "secrets"
    subprocess.run([SECRETS, folder], check=True)
    made = {path.name: path.read_text() for path in folder.iterdir()}
    subprocess.run([SECRETS, folder], check=True)
    assert {path.name: path.read_text() for path in folder.iterdir()} == made
    assert set(read(file)["secrets"]) <= set(made)
    assert all(made.values())
    assert folder.stat().st_mode & 0o777 == 0o700
    store = address_of(made["archive_store_url"])
    assert (store.host, store.access_key) == ("minio:9000", made["s3_access_key"])
    assert made["postgresql_password"] in made["archive_register_url"]
    assert len(load_log_keys(made["archive_log_key"].encode())) == 1


def test_minio_is_built_in_the_version_that_is_tested() -> None:
    tested = re.search(r'MINIO_VERSION = "(.+)"', (PROJECT / "scripts/test_servers/servers.py").read_text())
    assert tested is not None
    assert f"minio@{tested[1]}\n" in (PROJECT / "deploy/minio/Dockerfile").read_text()
    day = tested[1].split("-")[1][:8]
    assert all(services(file)["minio"]["image"].endswith(f":{day}") for file in FILES)


def test_elasticsearch_is_of_the_version_that_is_tested() -> None:
    tested = re.search(r'ELASTICSEARCH_VERSION = "(.+)"', (PROJECT / "scripts/test_servers/fetch.py").read_text())
    assert tested is not None
    searching = [one for file in FILES for name, one in services(file).items() if name.startswith("elasticsearch")]
    assert len(searching) == 4
    assert all(one["image"].endswith(f":{tested[1]}") for one in searching)
