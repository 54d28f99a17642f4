"""A time-stamp authority of a test's own: the service's local one, in a folder of the test."""

from __future__ import annotations

from pathlib import Path

from archive_service.errors import unavailable
from archive_service.trust.local_authority import LocalAuthority
from archive_verify.timestamp import Token
from tests.fakes.clock import MovableClock
from tests.fakes.randomness import CountedRandomness


class OwnAuthority:
    """Stamps, unless it is ``down``."""

    def __init__(self, folder: Path, clock: MovableClock) -> None:
        self._authority = LocalAuthority(folder, clock, CountedRandomness("stamp"))
        self.down = False

    def stamp(self, imprint: bytes, algorithm: str) -> Token:
        if self.down:
            raise unavailable("time-stamp authority")
        return self._authority.stamp(imprint, algorithm)
