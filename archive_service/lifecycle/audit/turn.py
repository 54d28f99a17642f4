"""One audit at a time: whoever runs one holds the turn, and renews it, so that a dead one's turn ends by itself."""

from __future__ import annotations

import datetime as dt
import json

from archive_service.errors import Conflict, Message
from archive_service.model.archive import Archive
from archive_service.model.units import RegisterUnit

_TURN = "audit-turn"

# The longest time between two renewals is that of reading a few of the largest files, paced.
_LASTS = dt.timedelta(minutes=15)
_RENEWED_AFTER = dt.timedelta(minutes=1)
_OWNER_BYTES = 8


class Turn:
    """The turn of one run. Taken at once, kept by ``keep``, given back by ``give_back``."""

    def __init__(self, archive: Archive) -> None:
        """Take the turn. Raises Conflict ``audit-running`` while another run holds it."""
        self._archive = archive
        self._owner = archive.randomness.token(_OWNER_BYTES).hex()
        self._kept_at = archive.clock.now()
        if not archive.register.write(self._take):
            raise Conflict(
                Message(
                    "Another audit is running. Wait for its end; one that was killed is over within 15 minutes.",
                    "Một lần kiểm tra khác đang chạy. Hãy chờ kết thúc; lần bị ngắt sẽ hết hiệu lực sau 15 phút.",
                ),
                code="audit-running",
            )

    def keep(self) -> None:
        """Renew the turn when that is due: called as often as one likes."""
        now = self._archive.clock.now()
        if now - self._kept_at >= _RENEWED_AFTER:
            self._kept_at = now
            self._archive.register.write(lambda unit: unit.progress.put(_TURN, self._written()))

    def give_back(self) -> None:
        """Let another run begin. One that has lost its turn to another leaves that alone."""

        def clear(unit: RegisterUnit) -> None:
            unit.progress.serialise(_TURN)
            if _owner(unit.progress.get(_TURN)) == self._owner:
                unit.progress.clear(_TURN)

        self._archive.register.write(clear)

    def _take(self, unit: RegisterUnit) -> bool:
        unit.progress.serialise(_TURN)
        held = unit.progress.get(_TURN)
        if held is not None and dt.datetime.fromisoformat(json.loads(held)["until"]) > self._archive.clock.now():
            return False
        unit.progress.put(_TURN, self._written())
        return True

    def _written(self) -> str:
        return json.dumps({"owner": self._owner, "until": (self._archive.clock.now() + _LASTS).isoformat()})


def _owner(held: str | None) -> str | None:
    return None if held is None else str(json.loads(held)["owner"])
