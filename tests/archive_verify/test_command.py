"""The command: its exit status, its reports, and that a folder with nothing of the service is enough to run it."""

from __future__ import annotations

import ast
import json
import os
import shutil
import subprocess
import sys
import sysconfig
import tomllib
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

import archive_verify
from archive_verify.__main__ import main
from archive_verify.package import Package
from archive_verify.report import as_text
from archive_verify.steps import STEPS
from archive_verify.trust import read_keys, read_roots, read_statements
from archive_verify.verdicts import Findings
from tests.packages import Life, SmallArchive, package_bytes, plain_pdf, repacked, revocation_list
from tests.running import PROJECT

FOLDER = Path(archive_verify.__file__).parent


@pytest.fixture(scope="session")
def files(archive: SmallArchive, package: bytes, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give a folder with a package and an auditor's own trust in files."""
    return put_down(tmp_path_factory.mktemp("auditor") / "files", archive, package)


def put_down(folder: Path, archive: SmallArchive, package: bytes) -> Path:
    """Return the folder, made, with the package and what an auditor trusts who knows everybody."""
    folder.mkdir()
    (folder / "package.zip").write_bytes(package)
    (folder / "log.vkey").write_text("".join(f"{key.text}\n" for key in archive.signer.verifier_keys))
    (folder / "witness.vkey").write_text(f"{archive.witness.verifier_key.text}\n")
    (folder / "tsa.cer").write_bytes(archive.authority.roots[0])
    (folder / "agency.pem").write_bytes(archive.agency.certificate.public_bytes(Encoding.PEM))
    return folder


def trusting(files: Path) -> list[str]:
    options = ("--log-key", "log.vkey"), ("--witness-key", "witness.vkey"), ("--tsa-root", "tsa.cer")
    pairs = [*options, ("--agency-root", "agency.pem")]
    return [part for option, name in pairs for part in (option, str(files / name))]


def test_all_ten_pass_is_0(files: Path, archive: SmallArchive, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(files / "package.zip"), *trusting(files)], archive.trust().now) == 0
    out = capsys.readouterr().out
    assert out.count("PASS") == 11
    assert "\x1b" not in out


def test_any_failure_is_1(files: Path, package: bytes, tmp_path: Path) -> None:
    (tmp_path / "changed.zip").write_bytes(repacked(package, {"data/original.pdf": plain_pdf()}))
    assert main([str(tmp_path / "changed.zip"), *trusting(files)]) == 1


def test_what_could_not_be_told_is_2(files: Path) -> None:
    assert main([str(files / "package.zip")]) == 2


def test_a_failure_weighs_more_than_what_could_not_be_told(package: bytes, tmp_path: Path) -> None:
    (tmp_path / "changed.zip").write_bytes(package + b"\0")
    assert main([str(tmp_path / "changed.zip")]) == 1


@pytest.mark.parametrize("content", [b"", b"not a package", b"PK\x05\x06" + bytes(18)])
def test_a_file_that_is_no_package_is_1(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "package.zip").write_bytes(content)
    assert main([str(tmp_path / "package.zip")]) == 1


@pytest.mark.parametrize(
    "arguments", [[], ["--bogus"], ["nowhere.zip"], ["x", "--log-key", "nowhere"], ["x", "--lang", "fr"]]
)
def test_a_wrong_call_is_64(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as left:
        main(arguments)
    assert left.value.code == 64
    assert "archive-verify" in capsys.readouterr().err


@pytest.mark.parametrize(
    "option",
    ["--log-key", "--witness-key", "--tsa-root", "--agency-root", "--revocation", "--seen", "--consistency"],
)
@pytest.mark.parametrize("content", [b"", b"rubbish", b"-----BEGIN CERTIFICATE-----\nrubbish\n", b"\xff\xfe"])
def test_trust_that_cannot_be_read_is_64_and_not_passed_over(
    files: Path, tmp_path: Path, option: str, content: bytes
) -> None:
    (tmp_path / "trust").write_bytes(content)
    with pytest.raises(SystemExit) as left:
        main([str(files / "package.zip"), option, str(tmp_path / "trust")])
    assert left.value.code == 64


def test_json_says_the_same_in_both_languages(files: Path, life: Life, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(files / "package.zip"), "--json"]) == 2
    report = json.loads(capsys.readouterr().out)
    assert report["record"] == life.record
    assert report["verdict"] == "UNKNOWN"
    assert [step["number"] for step in report["steps"]] == list(range(1, 11))
    assert [step["name"] for step in report["steps"]] == [step.name for step in STEPS]
    assert all(step["sentence"]["en"] and step["sentence"]["vi"] for step in report["steps"])


def test_report_in_vietnamese(files: Path, archive: SmallArchive, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(files / "package.zip"), "--lang", "vi", *trusting(files)], archive.trust().now) == 0
    assert "cả mười bước đều đúng" in capsys.readouterr().out


def test_a_reader_that_stops_reading_gets_the_exit_status_and_no_fault(files: Path) -> None:
    command = [sys.executable, "-m", "archive_verify", str(files / "package.zip")]
    with subprocess.Popen(command, cwd=PROJECT, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as checking:
        assert checking.stdout is not None
        checking.stdout.close()
        assert checking.stderr is not None
        assert checking.stderr.read() == b""
        assert checking.wait() == 2


def test_what_a_package_says_does_not_steer_the_terminal() -> None:
    findings = Findings(refused=["\x1b[2J\r\nall PASS\u202e"])
    text = as_text(Package(b""), [(STEPS[0], findings)], "en", colour=False)
    assert not any(letter in text for letter in "\x1b\r\u202e")


def test_keys_and_roots_may_be_several_in_a_file(files: Path, archive: SmallArchive, tmp_path: Path) -> None:
    pem = [x509.load_der_x509_certificate(one).public_bytes(Encoding.PEM) for one in archive.authority.roots]
    (tmp_path / "two.pem").write_bytes(pem[0] + archive.agency.certificate.public_bytes(Encoding.PEM))
    assert read_roots(tmp_path / "two.pem") == (archive.authority.roots[0], archive.agency.der)
    assert read_keys(files / "log.vkey") == archive.signer.verifier_keys
    (tmp_path / "noted.vkey").write_text("# của hệ thống lưu trữ\n" + (files / "log.vkey").read_text())
    assert read_keys(tmp_path / "noted.vkey") == archive.signer.verifier_keys


def test_revocation_lists_are_read_from_either_form(archive: SmallArchive, tmp_path: Path) -> None:
    der = revocation_list(archive.agency, archive.clock.now())
    (tmp_path / "list.crl").write_bytes(der)
    (tmp_path / "list.pem").write_bytes(x509.load_der_x509_crl(der).public_bytes(Encoding.PEM))
    assert read_statements(tmp_path / "list.crl") == read_statements(tmp_path / "list.pem") == (der,)


# Alone


def test_an_auditor_who_installs_the_checker_alone_gets_the_commands_that_the_documents_name() -> None:
    """With the service or without it, they are the same."""
    alone, whole = (
        tomllib.loads(path.read_text())["project"]["scripts"]
        for path in (FOLDER / "pyproject.toml", PROJECT / "pyproject.toml")
    )
    assert alone == {name: entry for name, entry in whole.items() if name != "archive-service"}


def test_checker_imports_nothing_but_the_standard_library_cryptography_and_asn1crypto() -> None:
    allowed = {*sys.stdlib_module_names, "archive_verify", "asn1crypto", "cryptography"}
    for path in FOLDER.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            assert {name.partition(".")[0] for name in names} <= allowed, path.name


def test_checker_opens_no_connection_and_starts_no_program() -> None:
    """The witness does, and is a command of its own that no module of the checker imports."""
    for path in {*FOLDER.glob("*.py")} - {FOLDER / "witness.py"}:
        forbidden = ("socket", "urllib", "http", "subprocess", "archive_verify.witness")
        assert not any(f"import {name}" in path.read_text() for name in forbidden), path.name
        assert "from archive_verify.witness" not in path.read_text(), path.name


def test_copied_folder_is_enough(files: Path, tmp_path: Path) -> None:
    """Neither the project nor what links to it can be imported: only the copy, and the installed libraries."""
    shutil.copytree(FOLDER, tmp_path / "archive_verify", ignore=shutil.ignore_patterns("__pycache__"))
    alone = (
        "import runpy, sys; sys.path += sys.argv[1:3]; del sys.argv[1:3]\n"
        "try: import archive_service\n"
        "except ImportError: pass\n"
        "else: raise SystemExit('the service can be imported')\n"
        "runpy.run_module('archive_verify', run_name='__main__')"
    )
    # Without site (-S) no .pth file is read, so that the project itself is not on the path.
    command = [sys.executable, "-I", "-S", "-c", alone, str(tmp_path), sysconfig.get_path("platlib")]
    told = subprocess.run(
        [*command, str(files / "package.zip"), "--json"], capture_output=True, text=True, check=False, cwd=tmp_path
    )
    assert (told.returncode, told.stderr) == (2, "")
    assert [step["verdict"] for step in json.loads(told.stdout)["steps"]].count("PASS") == 7


def test_checker_in_the_package_is_the_checker(archive: SmallArchive, life: Life) -> None:
    package = Package(package_bytes(archive.parts(life, with_checker=True)))
    for path in [*FOLDER.glob("*.py"), FOLDER / "pyproject.toml", FOLDER / "README.md"]:
        assert package.content(f"data/checker/archive_verify/{path.name}") == path.read_bytes()


def test_command_is_installed(files: Path) -> None:
    program = Path(sysconfig.get_path("scripts")) / "archive-verify"
    if not os.access(program, os.X_OK):
        pytest.skip("archive-verify is not installed in this environment; run scripts/install --test")
    told = subprocess.run([program, files / "package.zip"], capture_output=True, check=False)
    assert told.returncode == 2
