"""Bringing back, into a register that was made anew, what the log's entries about disposals commit to.

Records that went stay gone by their tombstones. With this their certificates can be proven again.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from itertools import islice

from archive_service.lifecycle.marks import read_evidence
from archive_service.model.archive import Archive
from archive_service.model.events import SealedEntry
from archive_service.model.objects import DISPOSALS, is_disposal_evidence
from archive_service.model.units import RegisterUnit

_AT_ONCE = 500


@dataclass(frozen=True, slots=True)
class RestoredDisposals:
    """How many entries have what they commit to again, and what is wrong with others."""

    payloads: int
    problems: tuple[str, ...]


def restore_disposals(archive: Archive) -> RestoredDisposals:
    """Give every entry about a disposal that is in the log without payload what the store keeps of it.

    Idempotent. Raises Unavailable.
    """
    payloads, problems = 0, list[str]()
    kept = (one for one in archive.store.list_under(DISPOSALS) if is_disposal_evidence(one.key))
    while batch := list(islice(kept, _AT_ONCE)):
        found, wrong = read_evidence(archive.store, batch)
        problems += [one.message.en for one in wrong]
        payloads += archive.register.write(partial(_bring, found))
    return RestoredDisposals(payloads, tuple(problems))


def _bring(found: Sequence[SealedEntry], unit: RegisterUnit) -> int:
    return sum(map(unit.log.restore_payload, found))
