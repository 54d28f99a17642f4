"""The package's form: read by any ZIP and BagIt program, and no byte of it can be another one."""

from __future__ import annotations

import io
import subprocess
import zipfile
from collections.abc import Callable
from pathlib import Path

import bagit
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from archive_service.evidence.package import EvidencePackage
from archive_verify.bag import bag_problems
from archive_verify.errors import Malformed
from archive_verify.package import Digests, Member, Package, digests_of, directory, local_header

FILES = {"data/a.txt": b"a", "data/b/c.txt": b"", "data/d.bin": bytes(range(256))}


def made(files: dict[str, bytes] = FILES, folder: str = "bag") -> bytes:
    return b"".join(EvidencePackage(folder, dict(files)).blocks())


def problems(data: bytes) -> list[str]:
    package = Package(data)
    return package.problems + bag_problems(package)


def zipped(names: list[str], content: bytes = b"x", before: Callable[[str], bytes] = lambda _: b"") -> bytes:
    """Return a ZIP of members in the given order, in the package's form otherwise."""
    members, out = [], io.BytesIO()
    for name in names:
        out.write(before(name) + local_header(name, digests_of([content])))
        members.append(Member(name, digests_of([content]), out.tell()))
        out.write(content)
    return out.getvalue() + directory(members)


def test_package_that_was_made_has_no_problem() -> None:
    assert problems(made()) == []


def test_contents_come_out_as_they_went_in() -> None:
    package = Package(made())
    assert {name: package.content(name) for name in package.names("data/")} == FILES
    assert package.folder == "bag"


def test_any_zip_program_reads_it_and_finds_no_fault() -> None:
    with zipfile.ZipFile(io.BytesIO(made())) as opened:
        assert opened.testzip() is None
        assert opened.read("bag/data/d.bin") == FILES["data/d.bin"]
        assert {info.compress_type for info in opened.infolist()} == {zipfile.ZIP_STORED}
        assert {info.date_time for info in opened.infolist()} == {(1980, 1, 1, 0, 0, 0)}
        assert {info.external_attr >> 16 for info in opened.infolist()} == {0o100644}


def test_a_zip_library_that_stores_the_same_way_makes_the_same_contents_but_is_told_apart() -> None:
    other = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(made())) as ours, zipfile.ZipFile(other, "w") as theirs:
        for info in ours.infolist():
            theirs.writestr(info.filename, ours.read(info))
    assert Package(other.getvalue()).content("data/a.txt") == b"a"
    assert Package(other.getvalue()).problems


def test_manifests_are_what_sha256sum_and_sha512sum_read(tmp_path: Path) -> None:
    with zipfile.ZipFile(io.BytesIO(made())) as opened:
        opened.extractall(tmp_path)
    for program, name in (
        ("sha256sum", "manifest-sha256.txt"),
        ("sha512sum", "manifest-sha512.txt"),
        ("sha256sum", "tagmanifest-sha256.txt"),
    ):
        subprocess.run([program, "--check", "--strict", "--quiet", name], cwd=tmp_path / "bag", check=True)


@pytest.mark.parametrize("changed", ["data/original.pdf", "manifest-sha512.txt", "bag-info.txt"])
def test_the_reference_program_for_bags_finds_it_valid_and_a_changed_file_not(
    package: bytes, tmp_path: Path, changed: str
) -> None:
    with zipfile.ZipFile(io.BytesIO(package)) as opened:
        opened.extractall(tmp_path)
    [folder] = tmp_path.iterdir()
    bag = bagit.Bag(str(folder))
    bag.validate()
    assert (bag.version_info, sorted(bag.algorithms)) == ((1, 0), ["sha256", "sha512"])
    assert set(bag.payload_files()) == set(Package(package).names("data/"))
    content = bytearray((folder / changed).read_bytes())
    content[-2] ^= 1
    (folder / changed).write_bytes(content)
    with pytest.raises(bagit.BagError):
        bagit.Bag(str(folder)).validate()


def test_bag_info_states_bytes_and_files_of_the_payload() -> None:
    assert Package(made()).content("bag-info.txt") == b"External-Identifier: bag\nPayload-Oxum: 257.3\n"


@pytest.mark.parametrize("mask", [1, 0x80, 0xFF])
def test_no_byte_can_be_another_one(mask: int) -> None:
    whole = bytearray(made())
    for place in range(len(whole)):
        whole[place] ^= mask
        assert problems(bytes(whole)), f"byte {place} goes unseen"
        whole[place] ^= mask


@given(st.data())
def test_no_byte_can_be_missing_or_too_much(data: st.DataObject) -> None:
    whole = made()
    place = data.draw(st.integers(0, len(whole)))
    extra = data.draw(st.binary(min_size=1, max_size=40))
    assert problems(whole[:place] + extra + whole[place:])
    assert problems(whole[:place] + whole[place + len(extra) :]) or place == len(whole)


@given(st.binary(max_size=400))
@example(b"")
@example(b"PK\x03\x04")
@example(b"PK\x03\x04" + b"\xff" * 26)
@example(b"PK\x05\x06" + bytes(18))
def test_anything_else_is_a_problem_and_not_an_error(data: bytes) -> None:
    assert problems(data)


def test_members_out_of_order_are_a_problem() -> None:
    assert problems(zipped(["bag/data/b", "bag/data/a"]))


def test_a_name_that_stands_twice_is_a_problem() -> None:
    assert any("twice" in one for one in Package(zipped(["bag/data/a", "bag/data/a"])).problems)


@pytest.mark.parametrize("name", ["/data/a", "bag/../a", "bag//a", "bag/.a", "bag/a b", "bag\\a", "a", "bag/a/"])
def test_a_name_that_could_lead_elsewhere_is_a_problem(name: str) -> None:
    assert Package(zipped([name])).problems


def test_two_folders_are_a_problem() -> None:
    assert Package(zipped(["bag/data/a", "other/data/a"])).problems


def test_bytes_between_members_are_a_problem() -> None:
    assert Package(zipped(["bag/data/a", "bag/data/b"], before=lambda name: b"?" * name.endswith("b"))).problems


def test_a_missing_member_cannot_be_read() -> None:
    with pytest.raises(Malformed, match="missing"):
        Package(made()).content("data/nothing")


@pytest.mark.parametrize("name", ["manifest-sha512.txt", "tagmanifest-sha256.txt", "bagit.txt", "bag-info.txt"])
def test_a_bag_without_one_of_its_tag_files_is_a_problem(name: str) -> None:
    files = {name: bytes(Package(made()).content(name)) for name in Package(made()).names()}
    del files[name]
    whole = zipped_files(files)
    assert Package(whole).problems == []
    assert bag_problems(Package(whole)) == [f"{name} is missing."]


def test_a_further_tag_file_is_a_problem() -> None:
    files = {name: bytes(Package(made()).content(name)) for name in Package(made()).names()}
    whole = zipped_files({**files, "fetch.txt": b"https://example.org/a - data/a.txt\n"})
    assert "fetch.txt is no part of the bag." in bag_problems(Package(whole))


def test_digests_are_those_of_the_blocks_together() -> None:
    assert digests_of([b"ab", b"", b"c"]) == digests_of([b"abc"])
    assert digests_of([]) == Digests(0, 0, *(digests_of([b""]).sha256, digests_of([b""]).sha512))


def zipped_files(files: dict[str, bytes]) -> bytes:
    members, out = [], io.BytesIO()
    for name in sorted(files):
        out.write(local_header(f"bag/{name}", digests_of([files[name]])))
        members.append(Member(f"bag/{name}", digests_of([files[name]]), out.tell()))
        out.write(files[name])
    return out.getvalue() + directory(members)
