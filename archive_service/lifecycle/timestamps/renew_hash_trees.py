"""Renewing the hash trees of batches with another hash function, before the old one is broken (RFC 4998 §5.3).

Nothing is read from the store: both digests of every document were taken when it came.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Final

from archive_service.evidence.canonical import canonical_json
from archive_service.evidence.evidence_record import renewed_leaf
from archive_service.evidence.hash_tree import Group, GroupKind, HashTree, encode_groups, make_group
from archive_service.evidence.leaves import commits_to_documents, object_digests
from archive_service.evidence.lines import Line, RecordStamps, line_of, renewed_label
from archive_service.model.archive import Archive
from archive_service.model.timestamps import TimestampBatch
from archive_service.model.units import RegisterUnit

# The one other hash function by which every document is known.
STRONGER: Final = "sha512"

_BATCHES_AT_A_TIME = 100
_ENTRIES_AT_A_TIME = 2_000


def renew_hash_trees(archive: Archive, progress: Callable[[int], None] = lambda _: None) -> int:
    """Make a SHA-512 batch over each batch that has none yet; the workers then ask for its tokens.

    Return how many were made; ``progress`` is told after each. Lines that still wait for their first token are left
    for the next run. Idempotent, may be stopped and run again. A record whose payload was erased is not renewed: there
    is nothing left that its evidence could prove. Raises Unavailable.
    """
    made, after = 0, 0
    while page := archive.register.read(lambda unit, after=after: unit.timestamps.ranges(after, _BATCHES_AT_A_TIME)):  # type: ignore[misc]
        for batch in page:
            made += _renew(archive, batch)
            progress(made)
        after = page[-1].id
    return made


def _renew(archive: Archive, old: TimestampBatch) -> int:
    """Renew one batch, for the authorities that it owes nothing and that are not renewed yet; return 1 or 0."""
    now = archive.clock.now()
    names = [one.name for one in archive.authorities]
    lines = archive.register.read(lambda unit: _lines(unit, old.id))
    if not lines or not names:
        return 0
    groups = archive.register.read(lambda unit: _groups(unit, old, lines))
    if not groups:
        return 0
    batch = TimestampBatch(
        first_entry=0,
        end_entry=0,
        checkpoint_size=0,
        algorithm=STRONGER,
        root=HashTree(STRONGER, groups).root,
        groups=encode_groups(groups),
        made_at=now,
        renews=canonical_json({"hash_tree_of": old.id, "lines": lines}).decode(),
    )

    def keep(unit: RegisterUnit) -> int:
        unit.timestamps.take_turn()
        if not lines.keys() <= _unrenewed(unit, old.id):
            return 0
        unit.timestamps.add(batch, names, now)
        return 1

    return archive.register.write(keep)


def _lines(unit: RegisterUnit, batch_id: int) -> Mapping[str, Line]:
    return {authority: line_of(unit.timestamps, batch_id, authority) for authority in _unrenewed(unit, batch_id)}


def _unrenewed(unit: RegisterUnit, batch_id: int) -> set[str]:
    """Return the authorities that stamped the batch and whose lines no batch renews with the stronger function."""
    stamped = {one.authority for one in unit.timestamps.tokens(batch_id) if one.token is not None}
    for renewal in unit.timestamps.hash_tree_renewals(batch_id):
        if renewal.algorithm == STRONGER:
            stamped -= json.loads(renewal.renews or "{}")["lines"].keys()
    return stamped


def _groups(unit: RegisterUnit, batch: TimestampBatch, lines: Mapping[str, Line]) -> list[Group]:
    """Return a group for each entry with its documents and each line: leaves that bind digests to chains."""
    stamps = RecordStamps(unit.timestamps)
    groups = []
    for start in range(batch.first_entry, batch.end_entry, _ENTRIES_AT_A_TIME):
        for logged in unit.log.entries(start, min(_ENTRIES_AT_A_TIME, batch.end_entry - start)):
            # Of an erased payload there is nothing left that the evidence could prove.
            proves = commits_to_documents(logged.entry) and logged.event is not None
            digests = object_digests(logged, STRONGER) if proves else []
            for authority, line in lines.items() if digests else ():
                chains = stamps.chains(line, logged.index)
                leaves = [renewed_leaf(STRONGER, one, chains) for one in digests]
                groups.append(make_group(GroupKind.RECORD, renewed_label(logged.index, authority), leaves))
    return groups
