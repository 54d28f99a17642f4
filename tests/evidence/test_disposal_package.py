"""Making the package of a disposal: the same bytes each time, and checkable by hand as its README says."""

from __future__ import annotations

import io
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from archive_service.errors import IntegrityFailure
from archive_service.evidence.package import lay_out_disposal
from archive_verify.package import Package
from tests.disposals import ALSO_GONE, GONE, Disposing
from tests.evidence.test_package import by_hand, commands_of, needs_openssl, unpacked
from tests.packages import SmallArchive, package_bytes


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> Disposing:
    return Disposing(SmallArchive(tmp_path_factory.mktemp("archive"))).whole()


@pytest.fixture(scope="module")
def package(told: Disposing) -> bytes:
    return package_bytes(told.parts())


def indexes(told: Disposing) -> list[int]:
    """Return the entries as a shell lists their files: by name."""
    return sorted((index for index, _ in told.events), key=str)


def all_ok(told: Disposing) -> list[str]:
    return [
        "OK files",
        "OK certified data/certificate.json",
        "OK certified data/certificate.pdf",
        *(f"OK payload data/entries/{n}" for n in indexes(told)),
        "OK list",
        f"OK disposed of {GONE}",
        f"OK disposed of {ALSO_GONE}",
        *(f"OK in the log data/entries/{n}" for n in indexes(told)),
        "OK signed data/checkpoint.txt",
        "OK council",
        "OK approval",
        "OK stamped by local",
        "OK signature data/certificate.pdf",
    ]


def test_same_parts_give_the_same_bytes(told: Disposing) -> None:
    parts = told.parts()
    streamed = replace(parts, certificate=lambda: io.BytesIO(told.certificate))
    assert package_bytes(parts) == package_bytes(parts) == package_bytes(streamed)


def test_payload_names_are_the_fixed_ones(told: Disposing, package: bytes) -> None:
    named = {name for name in Package(package).names("data/") if "/trust/" not in name}
    entries = {f"data/entries/{n}.{suffix}" for n in indexes(told) for suffix in ("entry", "payload", "proof", "salt")}
    assert named == entries | {
        "data/README.txt",
        "data/certificate.json",
        "data/certificate.pdf",
        "data/checkpoint.txt",
        "data/evidence/local.ers",
        "data/tokens/local-1.tst",
    }


def test_the_checker_comes_with_it_unless_it_is_left_out(told: Disposing) -> None:
    package = Package(package_bytes(told.parts(with_checker=True)))
    assert "data/checker/archive_verify/disposal_steps.py" in package


def test_evidence_that_is_no_evidence_record_is_an_alarm(told: Disposing) -> None:
    with pytest.raises(IntegrityFailure):
        lay_out_disposal(told.parts(evidence={"local": b"no record"}))


@needs_openssl
def test_every_check_of_the_readme_holds_by_hand(told: Disposing, package: bytes, tmp_path: Path) -> None:
    assert by_hand(unpacked(package, tmp_path)) == all_ok(told)


@needs_openssl
def test_no_line_of_the_readme_is_a_command_by_mistake(package: bytes, tmp_path: Path) -> None:
    folder = unpacked(package, tmp_path)
    done = subprocess.run(["sh"], input=commands_of(folder), cwd=folder, capture_output=True, text=True, check=True)
    assert done.stderr == ""


@needs_openssl
def test_without_a_paper_the_rest_holds_by_hand(tmp_path: Path) -> None:
    told = Disposing(SmallArchive(tmp_path / "archive"))
    told.propose()
    told.decide()
    told.carry_out()
    told.certify(paper=None)
    held = [line for line in all_ok(told) if not line.endswith("certificate.pdf")]
    assert by_hand(unpacked(package_bytes(told.parts()), tmp_path / "package")) == held


@needs_openssl
@pytest.mark.parametrize(
    ("part", "old", "new", "lost"),
    [
        (
            "certificate.json",
            b"BHXH-20",
            b"BHXH-70",
            {"OK files", "OK certified data/certificate.json", "OK stamped by local"},
        ),
        (
            "certificate.json",
            GONE.encode(),
            GONE[:-1].encode() + b"7",
            {
                "OK files",
                "OK certified data/certificate.json",
                "OK list",
                f"OK disposed of {GONE}",
                "OK stamped by local",
            },
        ),
        (
            "certificate.pdf",
            b"%PDF-1",
            b"%PDF-2",
            {
                "OK files",
                "OK certified data/certificate.pdf",
                "OK stamped by local",
                "OK signature data/certificate.pdf",
            },
        ),
    ],
)
def test_each_check_of_the_readme_fails_when_its_part_was_changed(
    told: Disposing, package: bytes, tmp_path: Path, part: str, old: bytes, new: bytes, lost: set[str]
) -> None:
    folder = unpacked(package, tmp_path)
    content = (folder / "data" / part).read_bytes()
    (folder / "data" / part).write_bytes(content.replace(old, new, 1))
    assert set(all_ok(told)) - set(by_hand(folder)) == lost


@needs_openssl
def test_decision_that_breaks_the_rules_is_seen_by_hand(tmp_path: Path) -> None:
    told = Disposing(SmallArchive(tmp_path / "archive"))
    told.propose()
    told.decide(approver="account:an")
    told.vote("account:stranger")
    told.carry_out()
    told.certify()
    found = by_hand(unpacked(package_bytes(told.parts()), tmp_path / "package"))
    assert set(all_ok(told)) - set(found) == {"OK council", "OK approval"}
