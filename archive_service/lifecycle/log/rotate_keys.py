"""Changing the log's keys: a new generation signs beside the old one, later the old one stops. Each is an entry.

Whoever checks needs time to take the new key over, so both sign for as long as the operator lets them.
"""

from __future__ import annotations

import dataclasses

from archive_service.lifecycle.log.continuity import LogParts, require_continuity
from archive_service.model.archive import Archive
from archive_service.model.events import Event, EventType, Json
from archive_service.model.units import RegisterUnit
from archive_service.model.units.log import LogKey
from archive_verify.notes import parse_verifier_key

# Who changes keys, in the log.
_ACTOR = "operator"


def adopt_keys(archive: Archive) -> None:
    """Let the log hear of the keys in the key file: those it does not know are entered.

    ``archive`` is one whose register is not guarded. Raises what ``require_continuity`` raises.
    """
    require_continuity(LogParts(archive.register, archive.store, archive.signer, archive.clock))


def retire_keys(archive: Archive, *, lost: bool = False) -> list[LogKey]:
    """Say that every key of the log that is not in the key file signs no more; return them. Idempotent.

    With ``lost`` none may be left: the file was lost, and the one in its place is entered next.
    """
    now = archive.clock.now()
    at_hand = set(archive.signer.verifier_keys)

    def retire(unit: RegisterUnit) -> list[LogKey]:
        unit.tree.take_turn()
        ended = []
        for one in unit.tree.all_keys():
            key = parse_verifier_key(one.verifier_key)
            if key.name == archive.signer.origin and one.retired_at is None and key not in at_hand:
                ended.append(dataclasses.replace(one, retired_at=now))
        for one in ended:
            unit.tree.put_key(one)
        if ended:
            values: dict[str, Json] = {
                "origin": archive.signer.origin,
                "retired": [one.verifier_key for one in ended],
                "lost": lost,
            }
            unit.log.append(Event(EventType.LOG_KEY_ROTATED, _ACTOR, now, None, values))
        return ended

    return archive.register.write(retire)
