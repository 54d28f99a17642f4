"""Recomputing the whole log from its entries: its order, what each commits to, and every tree that was signed.

Streamed, and bounded in memory whatever the log's size.
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from itertools import islice

from archive_service.evidence.entry import commitment_holds
from archive_service.model.archive import Archive
from archive_service.model.audits import AuditFinding, AuditOutcome
from archive_service.model.events import EventType, SealedEntry
from archive_service.model.identifiers import RecordId
from archive_service.model.units import RegisterUnit
from archive_verify.errors import Refused
from archive_verify.log_history import require_in_time_order
from archive_verify.merkle import EMPTY_ROOT, leaf_hash, node_hash

_AT_ONCE = 2000

# As canonical JSON has it: only an entry that holds this is read any further.
_DEPOSITED = f'"type":"{EventType.DEPOSITED}"'.encode()


@dataclass(frozen=True, slots=True)
class LogCheck:
    """The log as it was recomputed: its size, its root in hexadecimal, and what is wrong with it."""

    size: int
    root: str
    findings: tuple[AuditFinding, ...]


def check_log(archive: Archive, report: Callable[[int], None]) -> LogCheck:
    """Recompute the log up to its present size. ``report`` is told how many entries were passed. Raises Unavailable."""
    size = archive.register.read(lambda unit: unit.log.size())
    signed = _signed(archive)
    due = next(signed, None)
    tree, findings, latest = _Growing(), list[AuditFinding](), None
    for entry in _with_records(archive, _entries(archive, size), findings):
        if entry.index != tree.size:
            findings.append(_broken(f"entry {tree.size} is not there: the next one has the number {entry.index}"))
            break
        tree.add(leaf_hash(entry.entry))
        findings += _commitment(entry)
        latest = _in_time_order(entry, latest, findings)
        if due is not None and due[0] == tree.size:
            if due[1] != tree.root():
                findings.append(_broken(f"the first {tree.size} entries are not those whose tree was signed"))
            due = next(signed, None)
        if tree.size % _AT_ONCE == 0:
            report(tree.size)
    if tree.size < size:
        findings.append(_broken(f"{size - tree.size} entries at the end are not there"))
    if due is not None and due[0] > size:
        findings.append(_broken(f"a tree of {due[0]} entries was signed and the log does not reach so far"))
    return LogCheck(tree.size, tree.root().hex(), tuple(findings))


def _with_records(
    archive: Archive, entries: Iterator[SealedEntry], findings: list[AuditFinding]
) -> Iterator[SealedEntry]:
    """Yield the entries on; where one tells of a deposit, the register must still have that record in some state."""
    while page := list(islice(entries, _AT_ONCE)):
        deposited = [record for one in page if (record := _deposited(one.entry)) is not None]
        known = archive.register.read(partial(_known, deposited))
        for record_id in deposited:
            if record_id not in known:
                explanation = "the log tells of its deposit, and the register does not have it"
                findings.append(AuditFinding(AuditOutcome.LOST, record_id, explanation))
        yield from page


def _deposited(entry: bytes) -> RecordId | None:
    """Return the record whose deposit the entry tells of; None for another event, and for what is no entry."""
    if _DEPOSITED not in entry:
        return None
    try:
        return RecordId(json.loads(entry)["record"])
    except (ValueError, KeyError, TypeError):
        return None


def _known(record_ids: list[RecordId], unit: RegisterUnit) -> set[RecordId]:
    return set(unit.records.get_many(record_ids))


def _signed(archive: Archive) -> Iterator[tuple[int, bytes]]:
    """Yield size and root of every tree that was signed, smallest first."""
    after = 0
    while page := archive.register.read(partial(_roots, after)):
        yield from page
        after = page[-1][0]


def _roots(after: int, unit: RegisterUnit) -> list[tuple[int, bytes]]:
    return unit.tree.signed_roots(after, _AT_ONCE)


def _entries(archive: Archive, size: int) -> Iterator[SealedEntry]:
    start = 0
    while start < size:
        page = archive.register.read(partial(_page, start, min(_AT_ONCE, size - start)))
        if not page:
            return
        yield from page
        start = page[-1].index + 1


def _page(start: int, limit: int, unit: RegisterUnit) -> list[SealedEntry]:
    return unit.log.sealed(start, limit)


def _commitment(entry: SealedEntry) -> list[AuditFinding]:
    """Return what is wrong with the payload; one that was erased is nothing wrong."""
    if entry.payload is None or entry.salt is None:
        return []
    try:
        holds = commitment_holds(entry.entry, entry.payload, entry.salt)
    except (ValueError, KeyError, TypeError):
        return [_broken(f"entry {entry.index} is not one that this service wrote")]
    return [] if holds else [_broken(f"entry {entry.index} commits to another payload than the one kept")]


def _in_time_order(entry: SealedEntry, latest: dt.datetime | None, findings: list[AuditFinding]) -> dt.datetime | None:
    """Return the latest time stated so far; an entry that states a much earlier one was put in later than it says."""
    try:
        return require_in_time_order([entry.entry], since=latest)
    except Refused as backdated:
        findings.append(_broken(f"entry {entry.index}: {backdated}"))
        return latest


def _broken(explanation: str) -> AuditFinding:
    return AuditFinding(AuditOutcome.LOG_BROKEN, None, explanation)


class _Growing:
    """The tree of the entries so far: one node for each perfect subtree (RFC 6962 §2.1)."""

    def __init__(self) -> None:
        self.size = 0
        self._nodes: list[bytes] = []

    def add(self, leaf: bytes) -> None:
        """Take the next leaf hash."""
        node, rest = leaf, self.size
        while rest & 1:
            node, rest = node_hash(self._nodes.pop(), node), rest >> 1
        self._nodes.append(node)
        self.size += 1

    def root(self) -> bytes:
        """Return the root over all leaves so far."""
        if not self._nodes:
            return EMPTY_ROOT
        root = self._nodes[-1]
        for left in reversed(self._nodes[:-1]):
            root = node_hash(left, root)
        return root
