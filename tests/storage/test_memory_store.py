"""The fake store keeps the contract that the real ones keep."""

from __future__ import annotations

import pytest

from archive_service.errors import Unavailable
from archive_service.storage.digests import digest_of
from tests.contracts.object_store import BYTES, ObjectStoreContract, SystemClock, in_seconds
from tests.fakes.memory_store import MemoryStore


class TestMemoryStore(ObjectStoreContract):
    """The contract, and being down."""

    @pytest.fixture
    def store(self) -> MemoryStore:
        """Give a new fake."""
        return MemoryStore(SystemClock())

    def test_a_store_that_is_down_is_unavailable(self, store: MemoryStore) -> None:
        store.down = True
        with pytest.raises(Unavailable):
            store.put("records/x/original", BYTES, digest_of(BYTES), in_seconds(5))
        with pytest.raises(Unavailable):
            store.check_ready()
