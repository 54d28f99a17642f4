"""Comparing register and store: what one holds and the other does not, and whether bytes are those recorded.

Both are streamed in id order and joined; nothing is held whole. What looks wrong is looked at again before it is told,
because both go on changing meanwhile. Could-not-read is never told as damage. Removes only what a deposit that
nobody answered for left behind, and only when asked.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from enum import StrEnum
from functools import partial
from itertools import groupby, islice

from archive_service.errors import ArchiveError, Conflict, NotFound, Unavailable
from archive_service.lifecycle.marks import Tombstones, digest_in_store, tombstones
from archive_service.model.archive import Archive
from archive_service.model.events import Event, EventType
from archive_service.model.identifiers import RecordId
from archive_service.model.jobs import JobKind
from archive_service.model.objects import (
    RECORDS,
    metadata_object,
    record_of,
    record_prefix,
    rendition_prefix,
    state_prefix,
)
from archive_service.model.record import ContentDigest, ObjectVersion, Record, RecordState
from archive_service.model.units import RecordSelection, RegisterUnit, Reservation

# Who an audit is done by, in the log.
_ACTOR = "operator"

_PAGE = 500
_AT_ONCE = 64
_READERS = 8

# What an audit began to remove: its claim is gone already, so this is what tells it from what nobody knows.
_REMOVING = "removing-"

# Findings are counted without end and listed up to this many, so that memory stays bounded.
LISTED = 1000


class AuditOutcome(StrEnum):
    """What was found about one record. Its name is part of the report's form."""

    INTACT = "intact"  # everything is there; with verification: the bytes are those recorded
    MISSING = "missing"  # the register knows the object, the store does not have it: an alarm
    MISMATCH = "mismatch"  # the store has other bytes than those recorded: an alarm
    LOST = "lost"  # a deposit was answered for and its record is not in the register: an alarm
    UNREADABLE = "unreadable"  # could not be told: the store did not answer
    UNFINISHED = "unfinished"  # left by a deposit that was never answered; harmless
    REMOVED = "removed"  # was unfinished, and is gone now
    UNKNOWN = "unknown"  # objects of which the register has never heard: was it restored from an older backup?
    UNEXPECTED = "unexpected"  # more objects or versions under a record than this service wrote
    DISPOSED_PRESENT = "disposed-present"  # was disposed of and is still, or again, in the store or the register


ALARMS = frozenset({AuditOutcome.MISSING, AuditOutcome.MISMATCH, AuditOutcome.LOST})


@dataclass(frozen=True, slots=True)
class AuditFinding:
    """One record about which there is something to tell; ``key`` names the object where it is one."""

    outcome: AuditOutcome
    record_id: RecordId
    explanation: str
    key: str | None = None


@dataclass(frozen=True, slots=True)
class AuditReport:
    """What an audit found: how many of each outcome, and the findings but for those that are intact."""

    counts: dict[AuditOutcome, int]
    listed: tuple[AuditFinding, ...]
    verified: bool

    @property
    def alarm(self) -> bool:
        """Whether something that was answered for is not there, or not as it was."""
        return any(outcome in ALARMS for outcome in self.counts)


@dataclass(frozen=True, slots=True)
class AuditRequest:
    """What to do: read every byte, and remove what killed deposits left."""

    verify: bool = False
    remove_orphans: bool = False


Report = Callable[[int], None]


def audit(archive: Archive, request: AuditRequest, report: Report) -> AuditReport:
    """Compare register and store, record by record in id order, and tell what differs.

    ``report`` is told how many records were passed. Raises Unavailable when either cannot be listed at all.
    """
    counts: dict[AuditOutcome, int] = {}
    listed: list[AuditFinding] = []
    passed = 0
    with ThreadPoolExecutor(_READERS) as pool:
        pairs = _joined(archive)
        while batch := list(islice(pairs, _AT_ONCE)):
            for found in pool.map(partial(_examine, archive, request), batch):
                counts[found.outcome] = counts.get(found.outcome, 0) + 1
                if found.outcome is not AuditOutcome.INTACT and len(listed) < LISTED:
                    listed.append(found)
            passed += len(batch)
            report(passed)
    return AuditReport(counts, tuple(listed), request.verify)


def replay_tombstones(archive: Archive) -> int:
    """Let every record that has a tombstone be disposed of in the register too; return how many changed.

    A register restored from an older backup does not know of later disposals; this makes it. Idempotent.
    """
    changed = 0
    gone = tombstones(archive.store)
    while page := list(islice(gone, _PAGE)):
        changed += archive.register.write(partial(_dispose_again, archive, page))
    return changed


def _dispose_again(archive: Archive, record_ids: list[RecordId], unit: RegisterUnit) -> int:
    now = archive.clock.now()
    there = [one for one in unit.records.get_many(record_ids).values() if one.state is not RecordState.DISPOSED]
    for record in there:
        unit.records.set_state(record.id, RecordState.DISPOSED, now)
        unit.texts.erase(record.id)
        unit.jobs.add(JobKind.INDEX, record.id, now)
        unit.log.append(Event(EventType.DISPOSAL_REPLAYED, _ACTOR, now, record.id))
    return len(there)


@dataclass(frozen=True, slots=True)
class _Pair:
    """What register and store have under one id; either may have nothing."""

    record_id: RecordId
    record: Record | None
    objects: tuple[ObjectVersion, ...]
    tombstone: bool = False


def _joined(archive: Archive) -> Iterator[_Pair]:
    """Yield every id that either side has, in order: a merge of two sorted streams."""
    records, groups = _records(archive), _groups(archive)
    gone = Tombstones(archive.store)
    record, group = next(records, None), next(groups, None)
    while record is not None or group is not None:
        lowest = min(side for side in (record and record.id, group and group.record_id) if side)
        own = record if record is not None and record.id == lowest else None
        objects = group.objects if group is not None and group.record_id == lowest else ()
        yield _Pair(lowest, own, objects, lowest in gone)
        if own is not None:
            record = next(records, None)
        if objects:
            group = next(groups, None)


def _records(archive: Archive) -> Iterator[Record]:
    selection = RecordSelection(None, limit=_PAGE)
    while page := archive.register.read(partial(_page, selection)):
        yield from page
        selection = dataclasses.replace(selection, after=page[-1].id)


def _page(selection: RecordSelection, unit: RegisterUnit) -> list[Record]:
    return unit.records.select(selection)


def _groups(archive: Archive) -> Iterator[_Pair]:
    for record_id, listed in groupby(archive.store.list_under(RECORDS), key=lambda one: record_of(one.key)):
        yield _Pair(record_id, None, tuple(listed))


def _examine(archive: Archive, request: AuditRequest, pair: _Pair) -> AuditFinding:
    """Judge one id; what is not intact is looked at again from both sides before it is told."""
    try:
        found = _judge(archive, request, pair)
        if found.outcome is AuditOutcome.INTACT:
            return found
        found = _judge(archive, request, _look_again(archive, pair))
        if found.outcome is AuditOutcome.UNFINISHED and request.remove_orphans:
            return _remove(archive, found)
    except Unavailable as silent:
        return AuditFinding(AuditOutcome.UNREADABLE, pair.record_id, silent.message.en)
    except ArchiveError as failed:  # one record that cannot be judged must not end the audit of the others
        return AuditFinding(AuditOutcome.UNREADABLE, pair.record_id, failed.message.en)
    return found


def _look_again(archive: Archive, pair: _Pair) -> _Pair:
    objects = tuple(archive.store.list_under(record_prefix(pair.record_id)))
    record = archive.register.read(lambda unit: unit.records.get(pair.record_id))
    return _Pair(pair.record_id, record, objects, pair.tombstone)


def _judge(archive: Archive, request: AuditRequest, pair: _Pair) -> AuditFinding:
    if pair.tombstone or (pair.record is not None and pair.record.state is RecordState.DISPOSED):
        return _judge_disposed(pair)
    if pair.record is None:
        return _judge_orphan(archive, pair)
    return _judge_record(archive, request, pair.record, pair.objects)


def _judge_disposed(pair: _Pair) -> AuditFinding:
    in_register = pair.record is not None and pair.record.state is not RecordState.DISPOSED
    if not pair.objects and not in_register:
        return AuditFinding(AuditOutcome.INTACT, pair.record_id, "disposed of")
    where = "the store" if pair.objects else "the register"
    return AuditFinding(AuditOutcome.DISPOSED_PRESENT, pair.record_id, f"was disposed of and is still in {where}")


def _judge_orphan(archive: Archive, pair: _Pair) -> AuditFinding:
    """Objects without a record: whose they are is known by the claim to the id."""
    record_id = pair.record_id
    if not pair.objects:
        return AuditFinding(AuditOutcome.INTACT, record_id, "gone meanwhile")
    claim, removing = archive.register.read(
        lambda unit: (_claim_to(unit, record_id), unit.progress.get(f"{_REMOVING}{record_id}"))
    )
    if claim is not None and claim.answered:
        return AuditFinding(AuditOutcome.LOST, record_id, "was answered for and is not in the register")
    if claim is None and removing is None:
        return AuditFinding(AuditOutcome.UNKNOWN, record_id, "the register has never heard of these objects")
    live = claim is not None and claim.lease_until > archive.clock.now()
    explanation = "a deposit is under way" if live else "a deposit was cut off before it was answered"
    return AuditFinding(AuditOutcome.UNFINISHED, record_id, explanation)


def _judge_record(
    archive: Archive, request: AuditRequest, record: Record, objects: tuple[ObjectVersion, ...]
) -> AuditFinding:
    there = {(one.key, one.version): one.stored.size_bytes for one in objects}
    wanted, rendered = _wanted(archive, record)
    for key, version, digest in wanted:
        size_bytes = there.pop((key, version), None)
        if size_bytes is None:
            return AuditFinding(AuditOutcome.MISSING, record.id, "the store does not have it", key)
        if size_bytes != digest.size_bytes:
            return AuditFinding(AuditOutcome.MISMATCH, record.id, "its size is not the one recorded", key)
        if request.verify:
            damage = _compared(archive, record.id, (key, version, digest))
            if damage is not None:
                return damage
    expected = [state_prefix(record.id)]
    if not rendered:
        # A rendition that is in the store first and in the register next: nobody is served it before.
        expected.append(rendition_prefix(record.id))
    strange = [key for key, _ in there if not key.startswith(tuple(expected))]
    if strange and archive.register.read(lambda unit: unit.records.claimed_metadata(record.id)) is None:
        return AuditFinding(AuditOutcome.UNEXPECTED, record.id, "this service did not write it", strange[0])
    return AuditFinding(AuditOutcome.INTACT, record.id, "")


_Wanted = tuple[str, str, ContentDigest]


def _wanted(archive: Archive, record: Record) -> tuple[list[_Wanted], bool]:
    """Return key, version and digest of everything the register knows under the record; whether renditions too."""
    versions, renditions = archive.register.read(
        lambda unit: (unit.records.metadata_versions(record.id), unit.renditions.of_record(record.id))
    )
    described = [(one.object_version, metadata_object(one, record.content, record.page_count)) for one in versions]
    wanted = [
        (record.original.key, record.original.version, record.original.stored),
        *((small.key, version, small.digest) for version, small in described),
        *((one.object.key, one.object.version, one.content) for one in renditions),
    ]
    return wanted, bool(renditions)


def _compared(archive: Archive, record_id: RecordId, wanted: _Wanted) -> AuditFinding | None:
    key, version, digest = wanted
    try:
        found = digest_in_store(archive.store, key, version)
    except NotFound:
        return AuditFinding(AuditOutcome.MISSING, record_id, "it vanished between listing and reading", key)
    if found != digest:
        return AuditFinding(AuditOutcome.MISMATCH, record_id, "its bytes are not those recorded", key)
    return None


def _remove(archive: Archive, found: AuditFinding) -> AuditFinding:
    """Free the claim first, so that no retry goes on with what is being removed; then delete what is unlocked."""
    record_id, now = found.record_id, archive.clock.now()
    objects = list(archive.store.list_under(record_prefix(record_id)))
    for stored in objects:
        locked_until = archive.store.lock_of(stored.key, stored.version)
        if locked_until is not None and locked_until > now:
            explanation = f"{found.explanation}; locked until {locked_until.isoformat()}"
            return dataclasses.replace(found, explanation=explanation, key=stored.key)
    if not archive.register.write(partial(_free, archive, record_id)):
        return found
    for stored in objects:
        try:
            archive.store.delete(stored.key, stored.version)
        except Conflict:
            return dataclasses.replace(found, explanation=f"{found.explanation}; still locked or held", key=stored.key)

    def note(unit: RegisterUnit) -> None:
        unit.progress.clear(f"{_REMOVING}{record_id}")
        unit.log.append(Event(EventType.UNFINISHED_REMOVED, _ACTOR, now, record_id))

    archive.register.write(note)
    return dataclasses.replace(found, outcome=AuditOutcome.REMOVED, explanation="removed")


def _claim_to(unit: RegisterUnit, record_id: RecordId) -> Reservation | None:
    return next(iter(unit.reservations.of_records([record_id])), None)


def _free(archive: Archive, record_id: RecordId, unit: RegisterUnit) -> bool:
    claim = _claim_to(unit, record_id)
    if claim is not None:
        claim = unit.reservations.find(claim.caller, claim.key)
    if claim is None:
        return unit.progress.get(f"{_REMOVING}{record_id}") is not None
    if claim.answered or claim.lease_until > archive.clock.now() or claim.record_id != record_id:
        return False
    unit.reservations.release(claim.caller, claim.key)
    unit.progress.put(f"{_REMOVING}{record_id}", "")
    return True
