"""Making packages: the same bytes each time, streamed, and checkable by hand as their README says."""

from __future__ import annotations

import io
import shutil
import subprocess
import zipfile
from dataclasses import replace
from pathlib import Path

import pytest

from archive_service.errors import IntegrityFailure, InvalidInput
from archive_service.evidence.package import EvidencePackage, TrustParts, lay_out
from archive_verify.package import Package
from tests.packages import Life, SmallArchive, package_bytes, signature_report, signed_pdf


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> SmallArchive:
    return SmallArchive(tmp_path_factory.mktemp("archive"))


@pytest.fixture(scope="module")
def life(archive: SmallArchive) -> Life:
    original = signed_pdf(archive.agency)
    return archive.life(original, report=signature_report(original))


def test_same_parts_give_the_same_bytes(archive: SmallArchive, life: Life) -> None:
    parts = archive.parts(life)
    assert package_bytes(parts) == package_bytes(parts)


def test_order_of_parts_changes_nothing(archive: SmallArchive, life: Life) -> None:
    parts = archive.parts(life, certificates=[archive.agency.der, *archive.authority.roots])
    turned = replace(parts, certificates=parts.certificates[::-1], metadata=parts.metadata[::-1])
    assert package_bytes(parts) == package_bytes(turned)


def test_length_is_known_before_the_first_byte(archive: SmallArchive, life: Life) -> None:
    planned = lay_out(archive.parts(life))
    assert planned.size_bytes == len(b"".join(planned.blocks()))


def test_original_is_streamed_in_bounded_blocks(archive: SmallArchive, life: Life) -> None:
    class Counted(io.BytesIO):
        largest = 0

        def read(self, size: int | None = -1, /) -> bytes:
            assert size is not None
            assert size > 0
            return super().read(size)

    large = bytes(5 * 2**20)
    planned = EvidencePackage("bag", {"data/original.pdf": lambda: Counted(large)})
    assert max(map(len, planned.blocks())) <= 2**20
    assert Package(b"".join(planned.blocks())).content("data/original.pdf") == large


def test_source_that_changed_after_it_was_laid_out_is_an_alarm() -> None:
    versions = iter([b"first", b"other"])
    planned = EvidencePackage("bag", {"data/original.pdf": lambda: io.BytesIO(next(versions))})
    with pytest.raises(IntegrityFailure):
        list(planned.blocks())


@pytest.mark.parametrize("name", ["data/../x", "data/a b", "data/é", "/data/a", "data//a"])
def test_name_that_the_form_does_not_permit_is_refused(name: str) -> None:
    with pytest.raises(InvalidInput):
        EvidencePackage("bag", {name: b""})


def test_evidence_that_is_no_evidence_record_is_an_alarm(archive: SmallArchive, life: Life) -> None:
    with pytest.raises(IntegrityFailure):
        lay_out(archive.parts(life, evidence={"local": b"no record"}))


def test_payload_names_are_the_fixed_ones(archive: SmallArchive, life: Life) -> None:
    package = Package(package_bytes(archive.parts(life, certificates=[archive.agency.der])))
    named = {name for name in package.names("data/") if "/trust/" not in name and "/certificates/" not in name}
    entries = {f"data/entries/{n}.{suffix}" for n, _ in life.events for suffix in ("entry", "payload", "proof", "salt")}
    assert named == entries | {
        "data/README.txt",
        "data/checkpoint.txt",
        "data/evidence/local.ers",
        "data/metadata/1.json",
        "data/metadata/1.salt",
        "data/metadata/2.json",
        "data/metadata/2.salt",
        "data/original.pdf",
        "data/receipt.txt",
        "data/signatures/report.json",
        "data/tokens/local-1.tst",
    }


# By hand


def commands_of(folder: Path) -> str:
    lines = (folder / "data" / "README.txt").read_text().splitlines()
    return "\n".join(line for line in lines if line.startswith("    "))


def unpacked(package: bytes, into: Path) -> Path:
    with zipfile.ZipFile(io.BytesIO(package)) as opened:
        opened.extractall(into)
    return next(into.iterdir())


def by_hand(folder: Path) -> list[str]:
    """Return the lines that begin with OK when the README's commands are given to a shell."""
    told = subprocess.run(["sh"], input=commands_of(folder), cwd=folder, capture_output=True, text=True, check=False)
    return [line for line in told.stdout.splitlines() if line.startswith("OK")]


ALL_OK = [
    "OK files",
    "OK original",
    "OK sealed",
    *(f"OK payload data/entries/{n}" for n in (1, 3, 4, 6)),
    *(f"OK metadata data/metadata/{n}" for n in (1, 2)),
    *(f"OK in the log data/entries/{n}" for n in (1, 3, 4, 6)),
    "OK signed data/checkpoint.txt",
    "OK signed data/receipt.txt",
    "OK receipt",
    "OK stamped by local",
    "OK signature data/original.pdf",
    "OK signature data/renditions/sealed.pdf",
]

needs_openssl = pytest.mark.skipif(
    any(shutil.which(program) is None for program in ("openssl", "basenc", "sha256sum", "awk")),
    reason="openssl or coreutils are missing",
)


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """Give a package of a signed record with a sealed rendition."""
    archive = SmallArchive(tmp_path_factory.mktemp("sealing"))
    original = signed_pdf(archive.agency)
    return package_bytes(
        archive.seal(archive.life(original, report=signature_report(original)), signed_pdf(archive.agency))
    )


@needs_openssl
def test_every_check_of_the_readme_holds_by_hand(package: bytes, tmp_path: Path) -> None:
    assert by_hand(unpacked(package, tmp_path)) == ALL_OK


@needs_openssl
def test_no_line_of_the_readme_is_a_command_by_mistake(package: bytes, tmp_path: Path) -> None:
    folder = unpacked(package, tmp_path)
    told = subprocess.run(["sh"], input=commands_of(folder), cwd=folder, capture_output=True, text=True, check=True)
    assert told.stderr == ""


@needs_openssl
@pytest.mark.parametrize(
    ("name", "lost"),
    [
        ("data/original.pdf", {"OK files", "OK original", "OK stamped by local", "OK signature data/original.pdf"}),
        ("data/renditions/sealed.pdf", {"OK files", "OK sealed", "OK signature data/renditions/sealed.pdf"}),
        ("data/entries/3.payload", {"OK files", "OK payload data/entries/3"}),
        ("data/entries/3.entry", {"OK files", "OK in the log data/entries/3"}),
        ("data/metadata/2.json", {"OK files", "OK metadata data/metadata/2"}),
        ("data/receipt.txt", {"OK files", "OK signed data/receipt.txt"}),
    ],
)
def test_each_check_of_the_readme_fails_when_its_part_was_changed(
    package: bytes, tmp_path: Path, name: str, lost: set[str]
) -> None:
    folder = unpacked(package, tmp_path)
    part = folder / name
    changed = bytearray(part.read_bytes())
    changed[len(changed) * 3 // 5 if name.endswith("payload") else 20] ^= 1
    part.write_bytes(changed)
    assert set(ALL_OK) - set(by_hand(folder)) == lost


@needs_openssl
@pytest.mark.parametrize("name", ["data/original.pdf", "data/renditions/sealed.pdf"])
def test_bytes_behind_a_signature_are_seen_by_hand(package: bytes, tmp_path: Path, name: str) -> None:
    folder = unpacked(package, tmp_path)
    with (folder / name).open("ab") as file:
        file.write(b"% more")
    assert f"OK signature {name}" in set(ALL_OK) - set(by_hand(folder))


@needs_openssl
@pytest.mark.parametrize("size", range(1, 10))
def test_inclusion_by_hand_works_at_every_place_of_a_small_log(tmp_path: Path, size: int) -> None:
    archive = SmallArchive(tmp_path / "archive")
    life = archive.life(b"%PDF-1.7\n")
    for _ in range(size):
        archive.log.add(b"another entry")
    told = by_hand(unpacked(package_bytes(archive.parts(life)), tmp_path / "package"))
    assert [line for line in told if "in the log" in line] == [f"OK in the log data/entries/{n}" for n in (1, 3, 4)]


@needs_openssl
def test_keys_of_somebody_else_sign_nothing_by_hand(archive: SmallArchive, life: Life, tmp_path: Path) -> None:
    stranger = SmallArchive(tmp_path / "stranger")
    trust = TrustParts([key.text for key in stranger.signer.verifier_keys], stranger.authority.roots, [])
    told = by_hand(unpacked(package_bytes(archive.parts(life, trust=trust)), tmp_path / "package"))
    assert [line for line in told if line.startswith(("OK sign", "OK stamped"))] == []
    assert "OK original" in told
