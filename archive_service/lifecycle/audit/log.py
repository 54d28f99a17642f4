"""Recomputing the whole log from its entries: their order, what each commits to, and every tree that was signed.

The trees are those that the register names and the newest one in the locked store, which the register cannot change.
Streamed, and bounded in memory whatever the log's size and state. What looks wrong is read again before it is told: an
entry by its page, a tree from the last one on that was as signed, since any entry after that may have been misread.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
from collections import defaultdict
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial

from archive_service.errors import ArchiveError, Unavailable
from archive_service.evidence.entry import commitment_holds
from archive_service.lifecycle.audit.commitments import contradictions
from archive_service.lifecycle.audit.payloads import Ranges, caught_up, disposed, record_in
from archive_service.lifecycle.audit.published_log import is_signed
from archive_service.lifecycle.log.published import newest_published, read_published
from archive_service.model.archive import Archive
from archive_service.model.audits import AuditFinding, AuditOutcome
from archive_service.model.events import SealedEntry
from archive_service.model.identifiers import RecordId
from archive_service.model.units import RegisterUnit
from archive_verify.errors import Refused
from archive_verify.log_history import require_in_time_order
from archive_verify.merkle import GrowingTree, leaf_hash

_AT_ONCE = 2000

# A register that reads differently this often in a row is told as unreadable: it proves nothing about the log.
_LOOKS = 5


@dataclass(slots=True)
class _Passed:
    """The entries passed so far: their tree, and the latest time that they state."""

    tree: GrowingTree = field(default_factory=GrowingTree)
    latest: dt.datetime | None = None

    def copy(self) -> _Passed:
        return _Passed(self.tree.copy(), self.latest)

    def take(self, entry: bytes) -> str | None:
        """Take the next entry; return what is wrong with the time that it states, None for nothing."""
        self.tree.add(leaf_hash(entry))
        try:
            self.latest = require_in_time_order([entry], since=self.latest)
        except Refused as backdated:
            return str(backdated)
        return None


@dataclass(slots=True)
class _Look:
    """What one look saw. ``wrong`` are findings, each with what it is about; ``certain`` is the last tree as signed."""

    passed: _Passed
    end: int
    certain: _Passed | None = None
    wrong: list[tuple[str, AuditFinding]] = field(default_factory=list)
    without_payload: list[int] = field(default_factory=list)
    explained: list[tuple[int, int]] = field(default_factory=list)

    @property
    def size(self) -> int:
        return self.passed.tree.size

    @property
    def doubts(self) -> frozenset[str]:
        """What is wrong with what, but for how."""
        return frozenset(about for about, _ in self.wrong)

    @property
    def findings(self) -> list[AuditFinding]:
        return [finding for _, finding in self.wrong]

    def doubt(self, about: str, explanation: str) -> None:
        self.wrong.append((about, _broken(explanation)))

    def note_payloads(self, ranges: Ranges) -> None:
        """Add the payloads that are gone, and the reasons that were told for some."""
        for index in self.without_payload:
            ranges.add(index)
        for start, end in self.explained:
            ranges.explain(start, end)


class LogExamination:
    """One pass over the log. ``size`` and ``root`` are those of the entries passed so far."""

    def __init__(self, archive: Archive, report: Callable[[int], None]) -> None:
        self._archive = archive
        self._report = report
        self._passed = _Passed()
        # Up to here the tree was as signed, or was read again: what is doubted later was misread behind this.
        self._certain = _Passed()
        self._without_payload = Ranges()
        self._locked = 0

    @property
    def size(self) -> int:
        """How many entries were passed."""
        return self._passed.tree.size

    @property
    def root(self) -> bytes:
        """The root of the tree over them."""
        return self._passed.tree.root()

    def findings(self) -> Iterator[AuditFinding]:
        """Pass over the log up to its present size and yield what is wrong with it. Raises Unavailable."""
        size = self._archive.register.read(_size)
        self._locked = newest_published(self._archive.store, self._archive.signer.origin, 0) or 0
        while self.size < size:
            end = min(self.size + _AT_ONCE, size)
            look = _settled(partial(self._look, end), partial(self._look_again, self.size, end))
            self._keep(look)
            yield from look.findings
            if self.size < look.end:
                return
            if look.end < end:
                break
            self._report(self.size)
        yield from _settled(self._look_beyond, self._look_beyond).findings
        yield from self._unexplained()

    def _keep(self, look: _Look) -> None:
        """Go on from what a look saw that nothing is to be asked about any more."""
        self._passed = look.passed
        look.note_payloads(self._without_payload)
        if look.wrong:
            self._certain = look.passed.copy()
        elif look.certain is not None:
            self._certain = look.certain

    def _look(self, end: int) -> _Look:
        return self._look_from(self._passed.copy(), end)

    def _look_again(self, start: int, end: int) -> _Look:
        """Read everything anew that the page may be doubted for: the size, and all that is not certain before it."""
        passed = self._certain.copy()
        while passed.tree.size < start:
            at, most = passed.tree.size, min(_AT_ONCE, start - passed.tree.size)
            entries = self._archive.register.read(partial(_entries, at, most))
            for entry in entries:
                passed.take(entry)
            self._report(passed.tree.size)
            if len(entries) < most:
                break
        return self._look_from(passed, min(end, self._archive.register.read(_size)))

    def _look_from(self, passed: _Passed, end: int) -> _Look:
        """Look at the next entries up to ``end``, or up to one that is not there."""
        look = _Look(passed, end)
        page, signed = self._archive.register.read(partial(_page, look.size, end))
        if look.size < self._locked <= end:
            self._add_locked(look, signed)
        look.wrong += ((str(one.record_id), one) for one in contradictions(self._archive, page))
        gone = disposed(self._archive, page)
        for entry in page:
            if entry.index != look.size:
                missing = f"entry {look.size}"
                look.doubt(missing, f"{missing} is not there: the next one has the number {entry.index}")
                return look
            if backdated := passed.take(entry.entry):
                look.doubt(f"entry {entry.index}", f"entry {entry.index}: {backdated}")
            _commitment(look, entry, gone)
            if look.size in signed:
                _compare(look, signed[look.size])
        if look.size < end:
            look.doubt(f"entry {look.size}", f"{end - look.size} entries from number {look.size} on are not there")
        return look

    def _add_locked(self, look: _Look, signed: dict[int, set[bytes]]) -> None:
        """Let the newest checkpoint in the store be one of the trees that were signed.

        It stands for every entry before it: whoever rewrites the register cannot rewrite what is locked.
        """
        root, problem = self._locked_root(self._locked)
        if problem:
            look.doubt("checkpoint", problem)
        else:
            signed[self._locked].add(root)

    def _locked_root(self, size: int) -> tuple[bytes, str | None]:
        """Return the root of the checkpoint of that size in the store, and what is wrong with it."""
        try:
            note, checkpoint = read_published(self._archive.store, self._archive.signer.origin, size)
            if not is_signed(self._archive, note):
                return b"", f"the checkpoint of {size} entries in the store is not signed by a key of the log"
        except Unavailable:
            raise
        except (ArchiveError, Refused) as wrong:
            return b"", f"the newest checkpoint in the store cannot be read: {wrong}"
        return checkpoint.root, None

    def _look_beyond(self) -> _Look:
        """Look for trees that were signed of more entries than there are; the log may have grown meanwhile."""
        look = _Look(self._passed, self.size)
        locked = newest_published(self._archive.store, self._archive.signer.origin, self.size)
        size, signed = self._archive.register.read(_beyond)
        if locked is not None and locked > size:
            _, problem = self._locked_root(locked)
            if problem:
                look.doubt("checkpoint", problem)
            else:
                signed.add(locked)
        for larger in sorted(signed):
            explanation = f"a tree of {larger} entries was signed and the log does not reach so far"
            look.doubt(f"tree {larger}", explanation)
        return look

    def _unexplained(self) -> Iterator[AuditFinding]:
        """Yield payloads that are gone without a reason: nothing can be proven of these events any more."""
        again = self._without_payload.begun_anew()
        for start, end in self._without_payload.unexplained():
            yield from self._payloads_again(start, end, again)
        for start, end in again.unexplained():
            said = f"entry {start}" if end == start + 1 else f"entries {start} to {end - 1}"
            explanation = f"what {said} commits to is not there, and neither a disposal nor a loss was recorded"
            yield AuditFinding(AuditOutcome.PAYLOAD_MISSING, None, explanation)

    def _payloads_again(self, start: int, end: int, again: Ranges) -> Iterator[AuditFinding]:
        """Read the payloads of [start, end) again, note those that are missing, and yield what is wrong with others."""
        for at in range(start, end, _AT_ONCE):
            page, _ = self._archive.register.read(partial(_page, at, min(at + _AT_ONCE, end)))
            gone = disposed(self._archive, page)
            look = _Look(self._passed, end)
            for entry in page:
                _commitment(look, entry, gone)
            yield from look.findings
            look.note_payloads(again)
            self._report(self.size)


def _settled(look: Callable[[], _Look], again: Callable[[], _Look]) -> _Look:
    """Look until everything that looks wrong did so the time before, and return that look."""
    seen, before = look(), frozenset[str]()
    for _ in range(_LOOKS):
        if seen.doubts <= before:
            return seen
        before, seen = seen.doubts, again()
    explanation = f"the log up to entry {seen.end} was read differently each time"
    unreadable = AuditFinding(AuditOutcome.UNREADABLE, None, explanation)
    return dataclasses.replace(seen, wrong=[("", unreadable)])


def _commitment(look: _Look, entry: SealedEntry, gone: Collection[RecordId]) -> None:
    """Doubt a payload that is not the one committed to; note one that is missing: a reason may stand further on.

    Those of records that are ``gone``, disposed of, are not missed.
    """
    if entry.payload is None and record_in(entry) in gone:
        return
    if entry.payload is None or entry.salt is None:
        look.without_payload.append(entry.index)
        return
    about = f"entry {entry.index}"
    try:
        holds = commitment_holds(entry.entry, entry.payload, entry.salt)
    except (ValueError, KeyError, TypeError):
        look.doubt(about, f"{about} is not one that this service wrote")
        return
    if not holds:
        look.doubt(about, f"{about} commits to another payload than the one kept")
    elif (reason := caught_up(entry)) is not None:
        look.explained.append(reason)


def _compare(look: _Look, roots: set[bytes]) -> None:
    """Hold the tree against what was signed of this size."""
    if roots == {look.passed.tree.root()}:
        look.certain = look.passed.copy()
    else:
        explanation = f"the first {look.size} entries are not those whose tree was signed"
        look.doubt(f"tree {look.size}", explanation)


def _size(unit: RegisterUnit) -> int:
    return unit.log.size()


def _entries(start: int, limit: int, unit: RegisterUnit) -> list[bytes]:
    return unit.log.entry_bytes(start, limit)


def _page(start: int, end: int, unit: RegisterUnit) -> tuple[Sequence[SealedEntry], dict[int, set[bytes]]]:
    """Return the entries from ``start`` up to ``end``, and the roots that were signed of them, by size."""
    signed: dict[int, set[bytes]] = defaultdict(set)
    if start < end:
        for size, root in unit.tree.signed_roots(start, end - start):
            if size <= end:
                signed[size].add(root)
    return unit.log.sealed(start, end - start), signed


def _beyond(unit: RegisterUnit) -> tuple[int, set[int]]:
    """Return the log's size, and the size of the first tree that was signed of more entries."""
    size = unit.log.size()
    return size, {larger for larger, _ in unit.tree.signed_roots(size, 1)}


def _broken(explanation: str) -> AuditFinding:
    return AuditFinding(AuditOutcome.LOG_BROKEN, None, explanation)
