"""One small archive, a record's life in it, and a package of that record, for all tests of the checker."""

from __future__ import annotations

import pytest

from tests.packages import Life, SmallArchive, package_with_every_part, signature_report, signed_pdf


@pytest.fixture(scope="session")
def archive(tmp_path_factory: pytest.TempPathFactory) -> SmallArchive:
    return SmallArchive(tmp_path_factory.mktemp("archive"))


@pytest.fixture(scope="session")
def life(archive: SmallArchive) -> Life:
    signed = signed_pdf(archive.agency)
    return archive.life(signed, report=signature_report(signed))


@pytest.fixture(scope="session")
def package(archive: SmallArchive, life: Life) -> bytes:
    """Give a package with every kind of part, in which all ten steps pass."""
    return package_with_every_part(archive, life)
