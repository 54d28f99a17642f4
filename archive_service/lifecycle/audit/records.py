"""Comparing register and store: what one holds and the other does not, and whether bytes are those recorded.

Both are streamed in id order and joined; nothing is held whole. What looks wrong is looked at again before it is told,
because both go on changing meanwhile. Could-not-read is never told as damage. Removes only what a deposit that
nobody answered for left behind, and only when asked.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from itertools import groupby, islice

from archive_service.errors import ArchiveError, Conflict, NotFound, Unavailable
from archive_service.lifecycle.audit.mend import Kept, damaged_versions, mend
from archive_service.lifecycle.disposal.erase import forget, tell_of_others
from archive_service.lifecycle.marks import Tombstones, digest_in_store, read_evidence, tombstones
from archive_service.model.archive import Archive
from archive_service.model.audits import ALARMS, AuditFinding, AuditOutcome, AuditScope
from archive_service.model.disposals import ItemState
from archive_service.model.events import Event, EventType
from archive_service.model.identifiers import RecordId
from archive_service.model.jobs import JobKind
from archive_service.model.objects import (
    RECORDS,
    evidence_prefix,
    metadata_key,
    metadata_object,
    record_of,
    record_prefix,
    rendition_prefix,
    state_prefix,
    tombstone_key,
)
from archive_service.model.record import ObjectVersion, Record, RecordState
from archive_service.model.units import RegisterUnit
from archive_service.model.units.records import RecordSelection
from archive_service.model.units.reservations import Reservation
from retention.calendar import day_of, end_of_day

# Who an audit is done by, in the log.
_ACTOR = "operator"

_DAY = dt.timedelta(days=1)

_PAGE = 500
_AT_ONCE = 64
_READERS = 8

# What an audit began to remove: its claim is gone already, so this is what tells it from what nobody knows.
_REMOVING = "removing-"


@dataclass(frozen=True, slots=True)
class Examination:
    """What to do with each record: read every byte, remove what killed deposits left, mend from the second store.

    What lies under a record that was disposed of is then removed by the workers.

    ``pace`` is told how many bytes were read and may wait.
    """

    scope: AuditScope = field(default_factory=AuditScope)
    verify: bool = False
    remove_orphans: bool = False
    repair: bool = False
    pace: Callable[[int], None] = field(default=lambda _read_bytes: None)


def examine(archive: Archive, wanted: Examination, after: RecordId | None = None) -> Iterator[list[AuditFinding]]:
    """Yield what is found about each record in id order, some at a time; with ``after`` those behind that id.

    Raises Unavailable when register or store cannot be listed at all.
    """
    pairs = _joined(archive, after) if wanted.scope.is_whole else _drawn(archive, wanted.scope, after)
    with ThreadPoolExecutor(_READERS) as pool:
        while batch := list(islice(pairs, _AT_ONCE)):
            yield list(pool.map(partial(_examine, archive, wanted), batch))


def replay_tombstones(archive: Archive) -> int:
    """Let every record that has a tombstone be disposed of in the register too; return how many changed.

    A register restored from an older backup does not know of later disposals; this makes it forget the records as the
    disposal did. What a store has of them is then deleted by the workers. Idempotent.
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
        tell_of_others(unit, record, now)
        unit.records.set_state(record.id, RecordState.DISPOSED, now)
        forget(unit, record, now)
        unit.jobs.add(JobKind.INDEX, record.id, now)
        # A store that was restored too may have brought back what lies under it.
        unit.jobs.add(JobKind.DISPOSE, record.id, now)
        unit.log.append(Event(EventType.DISPOSAL_REPLAYED, _ACTOR, now, record.id))
    return len(there)


@dataclass(frozen=True, slots=True)
class _Pair:
    """What register and store have under one id; either may have nothing."""

    record_id: RecordId
    record: Record | None
    objects: tuple[ObjectVersion, ...]
    tombstone: bool = False


def _joined(archive: Archive, after: RecordId | None) -> Iterator[_Pair]:
    """Yield every id that either side has, in order: a merge of two sorted streams."""
    records, groups = _records(archive, RecordSelection(None, after=after, limit=_PAGE)), _groups(archive, after)
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


def _drawn(archive: Archive, scope: AuditScope, after: RecordId | None) -> Iterator[_Pair]:
    """Yield the records of the scope, each with what the store has under it: few are asked for one by one."""
    gone = Tombstones(archive.store)
    for record in _records(archive, RecordSelection(scope.offices, after=after, limit=_PAGE)):
        received_on = day_of(record.received_at)
        early = scope.received_from is not None and received_on < scope.received_from
        late = scope.received_to is not None and received_on > scope.received_to
        if not early and not late and scope.draws(record.id):
            objects = tuple(archive.store.list_under(record_prefix(record.id)))
            yield _Pair(record.id, record, objects, record.id in gone)


def _records(archive: Archive, selection: RecordSelection) -> Iterator[Record]:
    while page := archive.register.read(partial(_page, selection)):
        yield from page
        selection = dataclasses.replace(selection, after=page[-1].id)


def _page(selection: RecordSelection, unit: RegisterUnit) -> list[Record]:
    return unit.records.select(selection)


def _groups(archive: Archive, after: RecordId | None) -> Iterator[_Pair]:
    # Every key under a record sorts before this one.
    begin = f"{RECORDS}{after}0" if after is not None else ""
    for record_id, listed in groupby(
        archive.store.list_under(RECORDS, after=begin), key=lambda one: record_of(one.key)
    ):
        yield _Pair(record_id, None, tuple(listed))


def _examine(archive: Archive, wanted: Examination, pair: _Pair) -> AuditFinding:
    """Judge one id; what is not intact is looked at again from both sides before it is told."""
    try:
        # Nothing is mended at the first look: what it sees may be in the midst of changing.
        found = _judge(archive, dataclasses.replace(wanted, repair=False), pair)
        if found.outcome is AuditOutcome.INTACT:
            return found
        pair = _look_again(archive, pair)
        found = _judge(archive, wanted, pair)
        if found.outcome is AuditOutcome.UNFINISHED and wanted.remove_orphans and pair.record is None:
            return _remove(archive, pair.record_id, found)
        if found.outcome is AuditOutcome.DISPOSED_PRESENT and wanted.remove_orphans:
            archive.register.write(lambda unit: unit.jobs.add(JobKind.DISPOSE, pair.record_id, archive.clock.now()))
    except Unavailable as silent:
        return AuditFinding(AuditOutcome.UNREADABLE, pair.record_id, silent.message.en)
    except ArchiveError as failed:  # one record that cannot be judged must not end the audit of the others
        return AuditFinding(AuditOutcome.UNREADABLE, pair.record_id, failed.message.en)
    return found


def _look_again(archive: Archive, pair: _Pair) -> _Pair:
    objects = tuple(archive.store.list_under(record_prefix(pair.record_id)))
    record = archive.register.read(lambda unit: unit.records.get(pair.record_id))
    key = tombstone_key(pair.record_id)
    tombstone = any(one.key == key for one in archive.store.list_under(key))
    return _Pair(pair.record_id, record, objects, tombstone)


def _judge(archive: Archive, wanted: Examination, pair: _Pair) -> AuditFinding:
    if pair.tombstone or (pair.record is not None and pair.record.state is RecordState.DISPOSED):
        return _judge_disposed(archive, pair)
    if pair.record is None:
        return _judge_orphan(archive, pair)
    return _judge_record(archive, wanted, pair.record, pair.objects)


def _judge_disposed(archive: Archive, pair: _Pair) -> AuditFinding:
    in_register = pair.record is not None and pair.record.state is not RecordState.DISPOSED
    if pair.tombstone and not pair.objects and not in_register:
        return AuditFinding(AuditOutcome.INTACT, pair.record_id, "disposed of")
    task = archive.register.read(lambda unit: unit.disposals.to_execute(pair.record_id))
    if task is not None and task[1].state is ItemState.BEGUN and not in_register:
        return AuditFinding(AuditOutcome.UNFINISHED, pair.record_id, "its disposal is under way")
    if not pair.tombstone:
        explanation = "the register calls it disposed of, and the store has no tombstone of it"
        return AuditFinding(AuditOutcome.LOST, pair.record_id, explanation)
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
    archive: Archive, wanted: Examination, record: Record, objects: tuple[ObjectVersion, ...]
) -> AuditFinding:
    there = {(one.key, one.version): one.stored.size_bytes for one in objects}
    repaired: AuditFinding | None = None
    everything = _kept_of(archive, record)
    for kept in everything:
        size_bytes = there.pop((kept.key, kept.version), None)
        damage = _damage(archive, wanted, record.id, kept, size_bytes)
        if damage is not None and damage.outcome in ALARMS and wanted.repair:
            damage = mend(archive, record.id, kept, damage)
        if damage is not None and damage.outcome is not AuditOutcome.REPAIRED:
            return damage
        repaired = damage or repaired
    if repaired is not None:
        return repaired
    # A rendition is in the store first and in the register next: nobody is served it before.
    proofs = evidence_prefix(record.id)
    expected = (state_prefix(record.id), rendition_prefix(record.id), proofs)
    strange = [one for one in there if not one[0].startswith(expected)]
    if strange and not _accounted_for(archive, record, strange):
        return AuditFinding(AuditOutcome.UNEXPECTED, record.id, "this service did not write it", strange[0][0])
    if wanted.verify:
        proof = _proof_damage(archive, wanted, record, [one for one in objects if one.key.startswith(proofs)])
        wrong = proof or _drift(archive, record, everything)
        if wrong is not None:
            return wrong
    return AuditFinding(AuditOutcome.INTACT, record.id, "")


def _damage(
    archive: Archive, wanted: Examination, record_id: RecordId, kept: Kept, size_bytes: int | None
) -> AuditFinding | None:
    """Return what is wrong with one object, None when nothing is."""
    if size_bytes is None:
        return AuditFinding(AuditOutcome.MISSING, record_id, "the store does not have it", kept.key)
    if size_bytes != kept.digest.size_bytes:
        return AuditFinding(AuditOutcome.MISMATCH, record_id, "its size is not the one recorded", kept.key)
    if not wanted.verify:
        return None
    wanted.pace(size_bytes)
    try:
        found = digest_in_store(archive.store, kept.key, kept.version)
    except NotFound:
        return AuditFinding(AuditOutcome.MISSING, record_id, "it vanished between listing and reading", kept.key)
    if found != kept.digest:
        return AuditFinding(AuditOutcome.MISMATCH, record_id, "its bytes are not those recorded", kept.key)
    return None


def _proof_damage(
    archive: Archive, wanted: Examination, record: Record, proofs: Sequence[ObjectVersion]
) -> AuditFinding | None:
    """Return what is wrong with what proves the record beside it, None when all of it is as the log has it.

    What is of an earlier log, which began anew since, proves itself and has no entry here to be compared with.
    """
    for one in proofs:
        wanted.pace(one.stored.size_bytes)
    of_this_log = evidence_prefix(record.id, archive.signer.origin)
    _, strange = read_evidence(archive.store, [one for one in proofs if not one.key.startswith(of_this_log)])
    entries, unreadable = read_evidence(archive.store, [one for one in proofs if one.key.startswith(of_this_log)])
    for wrong in (*strange, *unreadable):
        return AuditFinding(AuditOutcome.MISMATCH, record.id, wrong.message.en, str(wrong.details["key"]))
    in_log = archive.register.read(lambda unit: [unit.log.entry_bytes(one.index, 1) for one in entries])
    for kept, found in zip(entries, in_log, strict=True):
        if found != [kept.entry]:
            explanation = f"what is kept of entry {kept.index} is not what the log has"
            return AuditFinding(AuditOutcome.MISMATCH, record.id, explanation, f"{of_this_log}{kept.index}")
    return None


def _drift(archive: Archive, record: Record, kept: Sequence[Kept]) -> AuditFinding | None:
    """Return how the store's locks and holds differ from what is recorded for the record, None where they do not."""
    recorded = record.original.locked_until
    # What was turned away is let go: its lock ends by itself.
    if recorded is None or record.state is RecordState.REJECTED:
        return None
    standing = archive.register.read(lambda unit: unit.standings.get_many([record.id])).get(record.id)
    keeps_until = None if standing is None or standing.due_on is None else end_of_day(standing.due_on - _DAY)
    if keeps_until is not None and recorded < keeps_until:
        explanation = f"its retention lasts until {keeps_until.isoformat()}, it is locked until {recorded.isoformat()}"
        return AuditFinding(AuditOutcome.DRIFT, record.id, explanation)
    for one in kept:
        found = archive.store.protection_of(one.key, one.version)
        if found.locked_until is None or found.locked_until < recorded:
            until = "not at all" if found.locked_until is None else f"until {found.locked_until.isoformat()}"
            explanation = f"recorded as locked until {recorded.isoformat()}, the store locks it {until}"
            return AuditFinding(AuditOutcome.DRIFT, record.id, explanation, one.key)
        if archive.store.enforces_locks and found.mode != archive.rules.lock_mode:
            explanation = f"locked in mode {found.mode}, the archive's mode is {archive.rules.lock_mode}"
            return AuditFinding(AuditOutcome.DRIFT, record.id, explanation, one.key)
        if standing is not None and found.held != standing.held:
            explanation = "held by a hold that stands" if standing.held else "held by no hold that stands"
            explanation += ", and the store does not hold it" if standing.held else ", and the store holds it"
            return AuditFinding(AuditOutcome.DRIFT, record.id, explanation, one.key)
    return None


def _accounted_for(archive: Archive, record: Record, strange: Sequence[tuple[str, str]]) -> bool:
    """Whether each object that the register does not name belongs to a correction under way, or was mended over."""
    claimed = archive.register.read(lambda unit: unit.records.claimed_metadata(record.id))
    coming = None if claimed is None else metadata_key(record.id, claimed.version)
    others = [one for one in strange if one[0] != coming]
    return not others or set(others) <= damaged_versions(archive, record.id)


def _kept_of(archive: Archive, record: Record) -> list[Kept]:
    """Return everything that the register knows under the record."""
    versions, report, renditions = archive.register.read(
        lambda unit: (
            unit.records.metadata_versions(record.id),
            unit.signature_reports.get(record.id),
            unit.renditions.of_record(record.id),
        )
    )
    described = [(one, metadata_object(one, record.content, record.page_count)) for one in versions]
    stored = [one.object for one in renditions] + ([] if report is None else [report.stored])
    return [
        Kept(record.original.key, record.original.version, record.original.stored, partial(_name_original, record.id)),
        *(
            Kept(small.key, one.object_version, small.digest, partial(_name_metadata, record.id, one.version))
            for one, small in described
        ),
        *(Kept(one.key, one.version, one.stored, partial(_name_derived, record.id)) for one in stored),
    ]


def _name_original(record_id: RecordId, unit: RegisterUnit, put: ObjectVersion) -> None:
    unit.records.set_object_version(record_id, None, put)


def _name_metadata(record_id: RecordId, version: int, unit: RegisterUnit, put: ObjectVersion) -> None:
    unit.records.set_object_version(record_id, version, put)


def _name_derived(record_id: RecordId, unit: RegisterUnit, put: ObjectVersion) -> None:
    """Name a report of signatures, or a rendition: whichever has that key."""
    unit.signature_reports.set_object_version(record_id, put)
    unit.renditions.set_object_version(record_id, put)


def _remove(archive: Archive, record_id: RecordId, found: AuditFinding) -> AuditFinding:
    """Free the claim first, so that no retry goes on with what is being removed; then delete what is unlocked."""
    now = archive.clock.now()
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
