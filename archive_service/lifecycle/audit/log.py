"""Recomputing the whole log from its entries: their order, what each commits to, and every tree that was signed.

The trees are those that the register names and the newest one in the locked store, which the register cannot change.
Streamed, and bounded in memory whatever the log's size and state.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Collection, Iterator, Sequence
from functools import partial
from itertools import islice

from archive_service.errors import ArchiveError, Unavailable
from archive_service.evidence.entry import commitment_holds, open_event, record_of_entry
from archive_service.lifecycle.audit.commitments import contradictions
from archive_service.lifecycle.log.published import newest_published, read_published
from archive_service.model.archive import Archive
from archive_service.model.audits import AuditFinding, AuditOutcome
from archive_service.model.events import DISPOSALS, EventType, SealedEntry
from archive_service.model.identifiers import RecordId
from archive_service.model.record import RecordState
from archive_service.model.units import RegisterUnit
from archive_verify.errors import Refused
from archive_verify.log_history import require_in_time_order
from archive_verify.merkle import GrowingTree, leaf_hash
from archive_verify.notes import parse_verifier_key, verified_signatures

_AT_ONCE = 2000


class LogExamination:
    """One pass over the log. ``size`` and ``root`` are those of the entries passed so far."""

    def __init__(self, archive: Archive, report: Callable[[int], None]) -> None:
        self._archive = archive
        self._report = report
        self._tree = GrowingTree()
        self._latest: dt.datetime | None = None
        self._without_payload = _Ranges()

    @property
    def size(self) -> int:
        """How many entries were passed."""
        return self._tree.size

    @property
    def root(self) -> bytes:
        """The root of the tree over them."""
        return self._tree.root()

    def findings(self) -> Iterator[AuditFinding]:
        """Pass over the log up to its present size and yield what is wrong with it. Raises Unavailable."""
        size = self._archive.register.read(lambda unit: unit.log.size())
        signed = _signed(self._archive)
        due = next(signed, None)
        locked, problem = _locked_checkpoint(self._archive)
        yield from problem
        entries = _entries(self._archive, size)
        while page := list(islice(entries, _AT_ONCE)):
            yield from contradictions(self._archive, page)
            disposed = _disposed(self._archive, page)
            for entry in page:
                if entry.index != self.size:
                    yield _broken(f"entry {self.size} is not there: the next one has the number {entry.index}")
                    return
                yield from self._pass(entry, disposed)
                for stated in (due, locked):
                    if stated is not None and stated[0] == self.size and stated[1] != self.root:
                        yield _broken(f"the first {self.size} entries are not those whose tree was signed")
                if due is not None and due[0] == self.size:
                    due = next(signed, None)
            self._report(self.size)
        if self.size < size:
            yield _broken(f"{size - self.size} entries at the end are not there")
        for stated in (due, locked):
            if stated is not None and stated[0] > size:
                yield _broken(f"a tree of {stated[0]} entries was signed and the log does not reach so far")
        yield from self._unexplained()

    def _pass(self, entry: SealedEntry, disposed: Collection[RecordId]) -> Iterator[AuditFinding]:
        self._tree.add(leaf_hash(entry.entry))
        if entry.payload is not None or _record_of(entry) not in disposed:
            yield from self._commitment(entry)
        try:
            self._latest = require_in_time_order([entry.entry], since=self._latest)
        except Refused as backdated:
            yield _broken(f"entry {entry.index}: {backdated}")

    def _commitment(self, entry: SealedEntry) -> Iterator[AuditFinding]:
        """Yield what is wrong with the payload, and note one that is missing: there may be a reason further on."""
        if entry.payload is None or entry.salt is None:
            self._without_payload.add(entry.index)
            return
        try:
            holds = commitment_holds(entry.entry, entry.payload, entry.salt)
        except (ValueError, KeyError, TypeError):
            yield _broken(f"entry {entry.index} is not one that this service wrote")
            return
        if not holds:
            yield _broken(f"entry {entry.index} commits to another payload than the one kept")
        elif (EventType.LOG_CAUGHT_UP.encode()) in entry.entry:
            self._without_payload.explain(*_caught_up(entry))

    def _unexplained(self) -> Iterator[AuditFinding]:
        """Yield payloads that are gone without a reason: nothing can be proven of these events any more."""
        for start, end in self._without_payload.unexplained():
            said = f"entry {start}" if end == start + 1 else f"entries {start} to {end - 1}"
            explanation = f"what {said} commits to is not there, and neither a disposal nor a loss was recorded"
            yield AuditFinding(AuditOutcome.PAYLOAD_MISSING, None, explanation)


def _disposed(archive: Archive, page: Sequence[SealedEntry]) -> Collection[RecordId]:
    """Return of which records, whose payloads are gone, the log itself tells that they were disposed of."""
    asked = {record_id for one in page if one.payload is None and (record_id := _record_of(one)) is not None}
    return archive.register.read(partial(_disposed_of, asked)) if asked else ()


def _disposed_of(asked: Collection[RecordId], unit: RegisterUnit) -> Collection[RecordId]:
    told = unit.log.of_kinds(asked, DISPOSALS).keys()
    there = unit.records.get_many(sorted(told)).values()
    return told - {record.id for record in there if record.state is not RecordState.DISPOSED}


def _record_of(entry: SealedEntry) -> RecordId | None:
    try:
        return record_of_entry(entry.entry)
    except (ValueError, KeyError, TypeError):
        return None  # it is not one of ours: that is told elsewhere


class _Ranges:
    """Indexes, kept as ranges; those that an event explains are taken out."""

    def __init__(self) -> None:
        self._ranges: list[tuple[int, int]] = []
        self._explained: list[tuple[int, int]] = []

    def add(self, index: int) -> None:
        """Add the next index, which is larger than all before."""
        if self._ranges and self._ranges[-1][1] == index:
            self._ranges[-1] = (self._ranges[-1][0], index + 1)
        else:
            self._ranges.append((index, index + 1))

    def explain(self, start: int, end: int) -> None:
        """Take note that there is a reason for [start, end)."""
        self._explained.append((start, end))

    def unexplained(self) -> Iterator[tuple[int, int]]:
        """Yield the ranges for which there is no reason: those not wholly within an explained one."""
        for start, end in self._ranges:
            if not any(first <= start and end <= last for first, last in self._explained):
                yield start, end


def _caught_up(entry: SealedEntry) -> tuple[int, int]:
    """Return the entries whose payloads were lost before the register was brought up to the published log."""
    values = open_event(entry.entry, entry.payload or b"").values
    return int(str(values["from"])), int(str(values["to"]))


def _locked_checkpoint(archive: Archive) -> tuple[tuple[int, bytes] | None, list[AuditFinding]]:
    """Return size and root of the newest checkpoint in the locked store, and what is wrong with it.

    It stands for every entry before it: whoever rewrites the register cannot rewrite what is locked.
    """
    origin = archive.signer.origin
    try:
        size = newest_published(archive.store, origin, 0)
        if size is None:
            return None, []
        note, checkpoint = read_published(archive.store, origin, size)
        stored = archive.register.read(lambda unit: unit.tree.all_keys())
        keys = [*(parse_verifier_key(one.verifier_key) for one in stored), *archive.signer.verifier_keys]
        if not verified_signatures(note, keys):
            return None, [_broken(f"the checkpoint of {size} entries in the store is not signed by a key of the log")]
    except Unavailable:
        raise
    except (ArchiveError, Refused) as wrong:
        return None, [_broken(f"the newest checkpoint in the store cannot be read: {wrong}")]
    return (checkpoint.size, checkpoint.root), []


def _entries(archive: Archive, size: int) -> Iterator[SealedEntry]:
    start = 0
    while start < size:
        page = archive.register.read(partial(_page, start, min(_AT_ONCE, size - start)))
        if not page:
            return
        yield from page
        start = page[-1].index + 1


def _page(start: int, limit: int, unit: RegisterUnit) -> Sequence[SealedEntry]:
    return unit.log.sealed(start, limit)


def _signed(archive: Archive) -> Iterator[tuple[int, bytes]]:
    """Yield size and root of every tree that the register names as signed, smallest first."""
    after = 0
    while page := archive.register.read(partial(_roots, after)):
        yield from page
        after = page[-1][0]


def _roots(after: int, unit: RegisterUnit) -> list[tuple[int, bytes]]:
    return unit.tree.signed_roots(after, _AT_ONCE)


def _broken(explanation: str) -> AuditFinding:
    return AuditFinding(AuditOutcome.LOG_BROKEN, None, explanation)
