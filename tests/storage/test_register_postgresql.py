"""The register on a real PostgreSQL: the whole contract, and what only a server can do."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from archive_service.storage.register.register import SqlRegister
from archive_service.storage.register.schema import upgrade_schema
from tests.contracts.register import RegisterContract
from tests.fakes.randomness import CountedRandomness


@pytest.fixture
def register(postgresql_url: str) -> Iterator[SqlRegister]:
    """Give a new register in a database of its own."""
    register = SqlRegister(postgresql_url, CountedRandomness())
    upgrade_schema(register.engine)
    yield register
    register.close()


class TestPostgresqlRegister(RegisterContract):
    """The contract."""
