"""The fake store keeps the contract that the real ones keep."""

from __future__ import annotations

import datetime as dt

import pytest

from archive_service.errors import Unavailable
from archive_service.storage.digests import digest_of
from tests.contracts.object_store import BYTES, ObjectStoreContract, SystemClock, in_seconds
from tests.fakes.memory_store import MemoryStore


class TestMemoryStore(ObjectStoreContract):
    """The contract, and being down."""

    @pytest.fixture
    def store(self, clock: SystemClock) -> MemoryStore:
        """Give a new fake."""
        return MemoryStore(clock)

    def wait_until(self, instant: dt.datetime | None, clock: SystemClock) -> None:
        """Move the clock: this store looks at no other."""
        assert instant is not None
        clock.forward_to(instant)

    def test_a_store_that_is_down_is_unavailable(self, store: MemoryStore) -> None:
        store.down = True
        with pytest.raises(Unavailable):
            store.put("records/x/original", BYTES, digest_of(BYTES), in_seconds(5))
        with pytest.raises(Unavailable):
            store.check_ready()
