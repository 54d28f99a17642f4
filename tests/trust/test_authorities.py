"""What an operator may write into ARCHIVE_TIMESTAMP_AUTHORITIES."""

from __future__ import annotations

from pathlib import Path

import pytest

from archive_service.errors import Misconfigured
from archive_service.trust.authorities import AuthoritySettings, open_authorities
from archive_service.trust.local_authority import LocalAuthority
from archive_service.trust.timestamp_authority import HttpTimestampAuthority
from tests.fakes.clock import MovableClock
from tests.fakes.randomness import CountedRandomness


@pytest.fixture
def roots(tmp_path: Path) -> Path:
    made = LocalAuthority(tmp_path / "made", MovableClock(), CountedRandomness())
    assert made.roots
    folder = tmp_path / "roots"
    folder.mkdir()
    (folder / "national.pem").write_bytes((tmp_path / "made" / "root.pem").read_bytes() * 2)
    (folder / "broken.pem").write_text("no certificate")
    return folder


def opened(roots: Path, named: str) -> tuple[object, ...]:
    settings = AuthoritySettings(named, roots, roots.parent / "local", 20)
    return open_authorities(settings, MovableClock(), CountedRandomness())


def test_without_any_named_there_is_the_local_test_authority(roots: Path) -> None:
    [local] = opened(roots, " ")
    assert isinstance(local, LocalAuthority)
    assert local.is_test
    assert not (roots.parent / "local").exists(), "it is made when it is first asked"


def test_none_is_no_authority(roots: Path) -> None:
    assert opened(roots, "none") == ()


def test_named_authority_has_its_roots_and_keeps_its_password_to_itself(roots: Path) -> None:
    one, local = opened(roots, "national=https://user:geheim@tsa.example:8443/tsr?x=1, local")
    assert isinstance(one, HttpTimestampAuthority)
    assert (one.name, one.url, one.credentials) == ("national", "https://tsa.example:8443/tsr?x=1", "user:geheim")
    assert (len(one.roots), one.is_test) == (2, False)
    assert "geheim" not in repr(one)
    assert isinstance(local, LocalAuthority)


@pytest.mark.parametrize(
    "named",
    [
        "national",
        "National=http://tsa.example",
        "national=ftp://tsa.example",
        "national=http:///x",
        "local=http://tsa.example",
        "none,local",
        "national=http://a.example,national=http://b.example",
    ],
)
def test_what_cannot_be_read_is_told(roots: Path, named: str) -> None:
    with pytest.raises(Misconfigured, match="ARCHIVE_TIMESTAMP_AUTHORITIES"):
        opened(roots, named)


@pytest.mark.parametrize("named", ["missing=http://tsa.example", "broken=http://tsa.example"])
def test_authority_without_readable_roots_is_told(roots: Path, named: str) -> None:
    with pytest.raises(Misconfigured, match="ARCHIVE_TIMESTAMP_ROOTS_DIR"):
        opened(roots, named)


def test_missing_folder_of_roots_is_told(tmp_path: Path) -> None:
    settings = AuthoritySettings("one=http://tsa.example", None, tmp_path / "local", 20)
    with pytest.raises(Misconfigured, match="ARCHIVE_TIMESTAMP_ROOTS_DIR"):
        open_authorities(settings, MovableClock(), CountedRandomness())
