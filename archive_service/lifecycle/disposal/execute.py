"""Disposing of one record, as a piece of follow-up work: killed at any point, the next run goes on from what is there.

Nothing is deleted before the clocks agree, the store locks nothing under the record, and one transaction has judged it
by today's holds, events and schedule: placing a hold takes turns with it. Then what it says of others' retention is
kept, the tombstone is put, everything under the record is deleted, what proves it last, and the register forgets it.
From the tombstone on no restore and no rebuild brings it back; that it is gone without a certificate never lasts
(``finish``).
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, replace
from functools import partial

from archive_service.errors import Conflict, Message, NotFound, Unavailable, unavailable
from archive_service.lifecycle.disposal.erase import forget, tell_of_others, told_of_others
from archive_service.lifecycle.disposal.proposed import LOCK_WORTH_WAITING
from archive_service.lifecycle.marks import keep_small
from archive_service.lifecycle.retention.asking import HOLDS_AND_DISPOSALS
from archive_service.lifecycle.retention.judge import Judge
from archive_service.lifecycle.retention.kept import keep_rule
from archive_service.model.archive import Archive
from archive_service.model.disposals import Disposal, DisposalItem, ItemState
from archive_service.model.events import DISPOSALS, Event, EventType, Json
from archive_service.model.identifiers import RecordId
from archive_service.model.jobs import JobKind
from archive_service.model.objects import (
    Tombstone,
    evidence_prefix,
    record_prefix,
    tombstone_key,
    tombstone_object,
)
from archive_service.model.record import Record, RecordState, require_transition
from archive_service.model.retention import ToldEvent
from archive_service.model.retention_objects import event_object
from archive_service.model.units import RegisterUnit
from retention.calendar import clocks_agree, day_of
from retention.decide import Decision
from retention.disposal import Obstacle, obstacle
from retention.locks import quarantine_lock_until

# Who follow-up work is done by, in the log.
_WORKER = "worker"

# Each round of deleting can only be undone by something that was put meanwhile, by a step that had begun before.
_ROUNDS = 10

_CLOCKS_RETRY_SECONDS = 60


@dataclass(frozen=True, slots=True)
class Waiting:
    """Why a record cannot go yet, and from when it is worth trying again."""

    problem: str
    until: dt.datetime


def execute(archive: Archive, record_id: RecordId) -> Waiting | None:
    """Dispose of the record if an approved proposal lists it and nothing forbids it at this moment.

    Returns None when nothing is left to be done: it is gone, or it is kept and the proposal says why; or until when the
    store locks something of it for some days more. What was left behind of a record that is gone already is removed.

    Raises Unavailable, ``clocks-disagree`` while this host's clock and the store's differ too much; Conflict when the
    store refuses to delete something by a hold or long lock that came behind our back: the record is not served any
    more, and the next run goes on.
    """
    task = archive.register.read(lambda unit: unit.disposals.to_execute(record_id))
    if task is None:
        return _remove_remains(archive, record_id)
    disposal, item = task
    if not disposal.may_be_executed:
        return None
    now = _agreed_time(archive)
    if item.state is ItemState.LISTED:
        guarded = _guarded(archive, record_id, now)
        if isinstance(guarded, Waiting):
            return guarded
        begun = archive.register.write(partial(_begin, archive, disposal, record_id, guarded, now))
        if begun is None:
            return None
        item = begun
    for event in archive.register.read(partial(_told_of_others, record_id)):
        keep_rule(archive, event_object(event, ()))
    _keep_tombstone(archive, item)
    if (waiting := _delete_everything(archive, record_id, now)) is not None:
        return waiting
    archive.register.write(partial(_end, archive, item))
    # A step that had begun before may have put something meanwhile.
    return _delete_everything(archive, record_id, now)


def _agreed_time(archive: Archive) -> dt.datetime:
    """Return the earlier of this host's time and the store's. Raises Unavailable when they differ too much."""
    ours, theirs = archive.clock.now(), archive.store.now()
    if not clocks_agree(ours, theirs, archive.rules.store_clock_bound):
        raise Unavailable(
            Message(
                "The clocks of this host and of the object store disagree: nothing is disposed of until they agree. "
                "Set both by the same time source.",
                "Đồng hồ của máy chủ và của kho đối tượng lệch nhau: tạm dừng huỷ tài liệu cho đến khi khớp. "
                "Hãy đồng bộ cả hai với cùng nguồn thời gian.",
            ),
            component="store",
            retry_after_seconds=_CLOCKS_RETRY_SECONDS,
            code="clocks-disagree",
        )
    return min(ours, theirs)


def _guarded(archive: Archive, record_id: RecordId, now: dt.datetime) -> Obstacle | Waiting | None:
    """Return what in the store forbids to delete anything under the record, None when nothing does."""
    latest: dt.datetime | None = None
    for listed in archive.store.list_under(record_prefix(record_id)):
        try:
            found = archive.store.protection_of(listed.key, listed.version)
        except NotFound:
            continue
        if found.held:
            return Obstacle("held-in-store", "The store holds it.", "Kho lưu trữ đang giữ tài liệu theo lệnh.")
        if found.locked_until is not None and found.locked_until > now:
            latest = found.locked_until if latest is None else max(latest, found.locked_until)
    if latest is None:
        return None
    if latest - now > LOCK_WORTH_WAITING:
        return obstacle_of_lock(latest)
    return Waiting("locked", latest)


def obstacle_of_lock(until: dt.datetime) -> Obstacle:
    """Return what keeps a record that the store locks for long."""
    day = day_of(until)
    return Obstacle(
        "locked",
        f"The store locks it until {day:%d/%m/%Y}.",
        f"Kho lưu trữ khoá tài liệu đến ngày {day:%d/%m/%Y}.",
    )


def _begin(
    archive: Archive,
    disposal: Disposal,
    record_id: RecordId,
    guarded: Obstacle | None,
    now: dt.datetime,
    unit: RegisterUnit,
) -> DisposalItem | None:
    """Judge the record again and let it go, or keep it and say why. Returns its place when it is to be deleted."""
    unit.progress.serialise(HOLDS_AND_DISPOSALS)
    item = unit.disposals.item(disposal.id, record_id, lock=True)
    if item is None or item.state is not ItemState.LISTED:
        return item if item is not None and item.state is ItemState.BEGUN else None
    record = unit.records.for_update(record_id)
    if record is not None and record.state is RecordState.DISPOSED and _is_told(unit, record_id):
        # A register that was restored has heard from the store that the record is gone.
        return _put(archive, unit, item, state=ItemState.BEGUN)
    decision = None
    if record is not None and record.state is RecordState.STORED:
        decision = Judge.of(unit, day_of(now)).decisions(unit, [record])[record_id]
        moved = record.metadata.office not in unit.reference.subtree(disposal.office)
        guarded = _OTHER_OFFICE if moved else guarded
    found = _obstacle(disposal, item, decision, now) or guarded
    if found is not None or record is None or decision is None:
        _put(archive, unit, item, state=ItemState.KEPT, obstacle=found)
        return None
    return _let_go(archive, unit, disposal, item, record, decision)


def _is_told(unit: RegisterUnit, record_id: RecordId) -> bool:
    return record_id in unit.log.of_kinds([record_id], DISPOSALS)


_NOT_STORED = Obstacle(
    "not-stored", "It is not a stored record at this moment.", "Tài liệu hiện không ở trạng thái «đã lưu»."
)
_OTHER_ACTION = Obstacle(
    "other-action",
    "Its schedule asks for another action by now.",
    "Bảng thời hạn hiện quy định hình thức xử lý khác.",
)


_OTHER_CLASS = Obstacle(
    "other-class",
    "It is of another class by now than the one that was decided on.",
    "Tài liệu hiện thuộc nhóm thời hạn khác với nhóm đã được quyết định.",
)
_OTHER_OFFICE = Obstacle(
    "other-office",
    "It belongs to another office by now, which was not asked.",
    "Tài liệu hiện thuộc cơ quan khác, chưa được hỏi ý kiến.",
)


def _obstacle(disposal: Disposal, item: DisposalItem, decision: Decision | None, now: dt.datetime) -> Obstacle | None:
    """Return what forbids it by state and retention; locks were asked of the store itself."""
    if decision is None:
        return _NOT_STORED
    found = obstacle(decision, day_of(now), None, now)
    if found is not None:
        return found
    retention_class = decision.retention_class
    if retention_class is None or retention_class.action is not disposal.action:
        return _OTHER_ACTION
    return _OTHER_CLASS if retention_class.code != item.class_code else None


def _let_go(
    archive: Archive,
    unit: RegisterUnit,
    disposal: Disposal,
    item: DisposalItem,
    record: Record,
    decision: Decision,
) -> DisposalItem:
    """From this transaction on the record is neither served nor found, and its deletion will be ended."""
    require_transition(record.state, RecordState.DISPOSED)
    now = archive.clock.now()
    tell_of_others(unit, record, now)
    unit.records.set_state(record.id, RecordState.DISPOSED, now)
    unit.jobs.add(JobKind.INDEX, record.id, now)
    retention_class = decision.retention_class
    class_code = retention_class.code if retention_class is not None else None
    values: dict[str, Json] = {
        "disposal": disposal.id,
        "action": str(disposal.action),
        "class": class_code,
        "due_on": decision.due_on.isoformat() if decision.due_on is not None else None,
        "sha256": record.content.sha256,
        "size_bytes": record.content.size_bytes,
        "schedule": decision.schedule.id,
        "version": decision.schedule.version,
        "proposed_by": disposal.proposed_by,
        "approved_by": disposal.approved_by,
    }
    unit.log.append(Event(EventType.DISPOSED, _WORKER, now, record.id, values))
    decided = replace(item, class_code=class_code, due_on=decision.due_on)
    return _put(archive, unit, decided, state=ItemState.BEGUN)


def _put(
    archive: Archive, unit: RegisterUnit, item: DisposalItem, *, state: ItemState, obstacle: Obstacle | None = None
) -> DisposalItem:
    changed = replace(item, state=state, obstacle=obstacle, changed_at=archive.clock.now())
    unit.disposals.put_item(changed)
    return changed


def _told_of_others(record_id: RecordId, unit: RegisterUnit) -> list[ToldEvent]:
    record = unit.records.get(record_id)
    return [] if record is None else told_of_others(unit, record)


def _keep_tombstone(archive: Archive, item: DisposalItem) -> None:
    """Put what keeps the record gone. One that is there says so already, whatever its words."""
    tombstone = Tombstone(item.record_id, item.changed_at, f"disposal {item.disposal_id}")
    until = quarantine_lock_until(archive.clock.now(), archive.rules.checkpoint_lock_days)
    keep_small(archive.store, tombstone_object(tombstone), until)


def _delete_everything(archive: Archive, record_id: RecordId, now: dt.datetime) -> Waiting | None:
    """Delete every version under the record, what proves it last, until a listing finds nothing.

    Returns until when it is worth waiting for the lock of something that was put meanwhile. Raises Conflict when the
    store refuses for another reason, Unavailable.
    """
    proofs = evidence_prefix(record_id)
    for _ in range(_ROUNDS):
        left = list(archive.store.list_under(record_prefix(record_id)))
        if not left:
            return None
        for one in sorted(left, key=lambda one: one.key.startswith(proofs)):
            try:
                archive.store.delete(one.key, one.version)
            except Conflict:
                guarded = _guarded(archive, record_id, now)
                if isinstance(guarded, Waiting):
                    return guarded
                raise
    raise unavailable("store")


def _end(archive: Archive, begun: DisposalItem, unit: RegisterUnit) -> None:
    """Forget the record, unless another run has."""
    item = unit.disposals.item(begun.disposal_id, begun.record_id, lock=True)
    if item is None or item.state is not ItemState.BEGUN:
        return
    record = unit.records.for_update(begun.record_id)
    if record is not None:
        forget(unit, record, archive.clock.now())
    _put(archive, unit, item, state=ItemState.DISPOSED)


def _remove_remains(archive: Archive, record_id: RecordId) -> Waiting | None:
    """Delete what lies under a record that is gone: put by a step that had begun before, or brought by a restore.

    Nothing is deleted of a record without a tombstone, nor of one that the register does not call disposed of.
    """
    record = archive.register.read(lambda unit: unit.records.get(record_id))
    if record is not None and record.state is not RecordState.DISPOSED:
        return None
    key = tombstone_key(record_id)
    if any(listed.key == key for listed in archive.store.list_under(key)):
        return _delete_everything(archive, record_id, _agreed_time(archive))
    return None
