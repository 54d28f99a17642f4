"""The register on SQLite: the whole contract, and what only a file can do."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from archive_service.storage.register.register import SqlRegister
from archive_service.storage.register.schema import upgrade_schema
from tests.contracts.register import RegisterContract
from tests.fakes.randomness import CountedRandomness


@pytest.fixture
def register(tmp_path: Path) -> Iterator[SqlRegister]:
    """Give a new register in a file."""
    register = SqlRegister(f"sqlite:///{tmp_path / 'register.sqlite'}", CountedRandomness())
    upgrade_schema(register.engine)
    yield register
    register.close()


class TestSqliteRegister(RegisterContract):
    """The contract."""
