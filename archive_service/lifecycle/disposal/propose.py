"""Proposing for disposal (*Xem xét huỷ*): the records of an office that are due, and the council that votes on them.

A list holds as many as a council can look through; what is due besides waits for the next one. It is written down in
pages under a draft that nobody sees, and opened in the last transaction; one that was cut off is forgotten. From then
on records are only taken out of it. Nothing is disposed of here.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial

from archive_service.errors import Conflict, FieldProblem, InvalidInput, Message, unavailable
from archive_service.lifecycle.disposal.proposed import (
    LOCK_WORTH_WAITING,
    PROPOSING,
    pages_of,
    require_text,
    rules_answered,
)
from archive_service.lifecycle.retention.judge import Judge
from archive_service.lifecycle.visible import may_see
from archive_service.model.archive import Archive
from archive_service.model.disposals import Amount, Disposal, DisposalItem, ItemState, ListDigest
from archive_service.model.events import Event, EventType, Json
from archive_service.model.identifiers import OfficeCode, RecordId, time_ordered_uuid
from archive_service.model.permissions import Action, Caller, require
from archive_service.model.record import Record
from archive_service.model.units import RegisterUnit
from archive_service.model.units.disposals import ItemSelection
from archive_service.model.units.retention import StandingSelection
from retention.calendar import day_of
from retention.decide import Decision, RetentionState
from retention.disposal import SMALLEST_COUNCIL, NotPermitted, RefusalCode
from retention.disposal import propose as propose_by_rule
from retention.schedule import Action as DisposalAction

_PAGE = 500

# Records in one proposal. A council cannot look through more, and a disposal's evidence package, which has up to four
# files for each, holds 65,535 (a ZIP without extensions).
MOST_RECORDS = 10_000

# A draft is written down in minutes, at most; what is older was cut off.
_DRAFT_LASTS = dt.timedelta(hours=1)

# What can be carried out. A class that asks for a review asks for people, who may then give it another action.
_PROPOSABLE = frozenset({DisposalAction.DESTROY, DisposalAction.TRANSFER})


@dataclass(frozen=True, slots=True)
class Selection:
    """Which due records are meant: those of the action, of one class where it is named, due by a day."""

    action: DisposalAction
    class_code: str | None = None
    due_to: dt.date | None = None


@dataclass(frozen=True, slots=True)
class ProposalRequest:
    """The command. ``council`` names persons as ``Caller.person`` does, or by their account alone."""

    caller: Caller
    title: str
    selection: Selection
    council: frozenset[str]


@dataclass(frozen=True, slots=True)
class Estimate:
    """What a proposal would list, by class.

    Left out are ``proposed_elsewhere``, which another proposal has; ``still_locked``, which the store locks for longer
    than a proposal should wait for, the first of them until ``proposable_from``; and ``left_over``: about how much is
    due beyond ``MOST_RECORDS``, later than what is listed. Of that nothing else is told: it is counted, not judged.
    """

    by_class: Mapping[str, Amount] = field(default_factory=dict)
    proposed_elsewhere: int = 0
    left_over: int = 0
    still_locked: int = 0
    proposable_from: dt.date | None = None

    @property
    def total(self) -> Amount:
        """How much it is altogether."""
        amounts = self.by_class.values()
        return Amount(sum(one.records for one in amounts), sum(one.size_bytes for one in amounts))


@dataclass(frozen=True, slots=True)
class Proposed:
    """A proposal that was opened; ``left_over`` is about how much is due besides, for the next one."""

    disposal: Disposal
    left_over: int


def estimate(archive: Archive, caller: Caller, selection: Selection) -> Estimate:
    """Return what would be listed at this moment; nothing is written. Raises NotAllowed, InvalidInput, Unavailable."""
    require(caller, Action.PROPOSE_DISPOSAL)
    _require_proposable(selection)

    def look(_room: int, after: _Cursor | None) -> _Page:
        return archive.register.read(partial(_look, archive, caller, selection, after))

    return _gather(archive, caller, selection, look)


def preview(archive: Archive, request: ProposalRequest) -> Estimate:
    """Return what proposing would list, and write nothing. Raises as ``propose`` but for ``nothing-due``."""
    require(request.caller, Action.PROPOSE_DISPOSAL)
    _require_proposable(request.selection)
    archive.register.read(partial(_new, archive, request))
    return estimate(archive, request.caller, request.selection)


def propose(archive: Archive, request: ProposalRequest) -> Proposed:
    """Propose the due records of the caller's offices to a council, those due earliest, ``MOST_RECORDS`` at most.

    Each record is judged by today's schedule, events and holds; one that stands in another proposal is left out, and
    one that the store locks for long.
    Raises NotAllowed, ``proposed-it`` for a proposer in the council; InvalidInput for unknown members, too few of
    them, a title without words, or an action that is not carried out; Conflict ``nothing-due``; Unavailable: nothing
    was proposed.
    """
    caller, selection = request.caller, request.selection
    require(caller, Action.PROPOSE_DISPOSAL)
    _require_proposable(selection)
    draft = archive.register.write(partial(_draft, archive, request))

    def write(room: int, after: _Cursor | None) -> _Page:
        return archive.register.write(partial(_list, archive, request, draft, room, after))

    found = _gather(archive, caller, selection, write)
    if not found.total.records:
        raise _nothing_due(found)
    digest = ListDigest()
    for items in pages_of(archive, ItemSelection(draft.id)):
        digest.add(items)
    opened = archive.register.write(partial(_open, archive, caller, draft, digest.hexdigest()))
    return Proposed(opened, found.left_over)


def _nothing_due(found: Estimate) -> Conflict:
    en = ["Nothing that is due and not proposed already fits. Nothing was proposed."]
    vi = ["Không có tài liệu nào đến hạn và chưa được đề nghị. Chưa có đề nghị nào được lập."]
    if found.proposed_elsewhere:
        en.append(f"Records in other proposals: {found.proposed_elsewhere:,}.")
        vi.append(f"Số tài liệu đã nằm trong đề nghị khác: {found.proposed_elsewhere:,}.")
    day = found.proposable_from
    if day is not None:
        en.append(
            f"Records that the store locks for over 30 days: {found.still_locked:,}; "
            f"the first can be proposed from {day:%d/%m/%Y}."
        )
        vi.append(
            f"Số tài liệu còn bị kho khoá quá 30 ngày: {found.still_locked:,}; có thể đề nghị từ ngày {day:%d/%m/%Y}."
        )
    return Conflict(
        Message(" ".join(en), " ".join(vi)),
        code="nothing-due",
        proposed_elsewhere=found.proposed_elsewhere,
        still_locked=found.still_locked,
        proposable_from=None if day is None else day.isoformat(),
    )


def _require_proposable(selection: Selection) -> None:
    if selection.action not in _PROPOSABLE:
        raise InvalidInput(
            Message(
                "Only destruction and transfer are proposed; what is to be reviewed is given another class first.",
                "Chỉ đề nghị tiêu huỷ hoặc giao nộp; tài liệu cần xem xét phải được xếp lại nhóm trước.",
            ),
            code="action-not-proposable",
        )


def _draft(archive: Archive, request: ProposalRequest, unit: RegisterUnit) -> Disposal:
    unit.progress.serialise(PROPOSING)
    unit.disposals.drop_drafts(archive.clock.now() - _DRAFT_LASTS)
    draft = _new(archive, request, unit)
    unit.disposals.add_draft(draft)
    return draft


def _new(archive: Archive, request: ProposalRequest, unit: RegisterUnit) -> Disposal:
    """Return the proposal as it would begin. Raises NotAllowed, InvalidInput."""
    now, caller = archive.clock.now(), request.caller
    council = _council(unit, request, now)
    disposal_id = time_ordered_uuid(now, archive.randomness.token(10))
    with rules_answered():
        _propose_by_rule(archive, disposal_id, caller, council)
    return Disposal(
        id=disposal_id,
        action=request.selection.action,
        title=require_text(request.title, "title"),
        office=caller.office,
        council=council,
        proposed_by=caller.person,
        proposed_at=now,
    )


def _propose_by_rule(archive: Archive, disposal_id: str, caller: Caller, council: frozenset[str]) -> None:
    """Raise NotPermitted, or InvalidInput that says how many members are needed."""
    size = max(archive.rules.council_size, SMALLEST_COUNCIL)
    try:
        propose_by_rule(disposal_id, caller.person, council, size)
    except NotPermitted as refused:
        if refused.code is not RefusalCode.COUNCIL_TOO_SMALL:
            raise
        few = Message(
            f"The council has {len(council)} members; {size} are needed, without the proposer.",
            f"Hội đồng có {len(council)} thành viên; cần ít nhất {size}, không kể người đề nghị.",
        )
        raise InvalidInput(few, code=str(refused.code)) from refused


def _council(unit: RegisterUnit, request: ProposalRequest, now: dt.datetime) -> frozenset[str]:
    """Return the persons named. Raises InvalidInput for each who has no key to vote on this office's proposals."""
    able = _able_to_vote(unit, request.caller.office, now) | {request.caller.person}
    named = {name: name if name in able else f"account:{name}" for name in request.council}
    unknown = tuple(
        FieldProblem(
            "council",
            Message(
                f"{name} has no valid key that may vote on proposals of {request.caller.office}.",
                f"{name} không có khoá hợp lệ để biểu quyết đề nghị của {request.caller.office}.",
            ),
        )
        for name, person in sorted(named.items())
        if person not in able
    )
    if unknown:
        raise InvalidInput(
            Message(
                "Some members of the council are not known. Each is named by the account of a valid key, "
                "which an operator makes: archive-service api-key create --account.",
                "Có thành viên hội đồng không tồn tại. Mỗi thành viên được nêu bằng tài khoản của một khoá hợp lệ, "
                "do người vận hành tạo: archive-service api-key create --account.",
            ),
            problems=unknown,
            code="unknown-member",
        )
    return frozenset(named.values())


def _able_to_vote(unit: RegisterUnit, office: OfficeCode, now: dt.datetime) -> set[str]:
    """Return the persons who may vote on what this office proposes."""
    able: set[str] = set()
    for key in unit.api_keys.list():
        if key.revoked_at is None and key.expires_at > now:
            offices = unit.reference.subtree(key.office)
            holder = Caller(f"key:{key.id}", key.office, offices, key.roles, account=key.account)
            if office in offices and holder.may(Action.VOTE_DISPOSAL):
                able.add(holder.person)
    return able


_Cursor = tuple[dt.date | None, RecordId]


@dataclass(frozen=True, slots=True)
class _Due:
    """A record that may be proposed: its class, and since when."""

    record: Record
    class_code: str
    due_on: dt.date


@dataclass(frozen=True, slots=True)
class _Page:
    """Some records that stood as due, as far as they may be proposed, and where the next ones begin, if there are any.

    ``unlocking``: when the first lock ends of those that the store locks for long.
    """

    due: tuple[_Due, ...]
    proposed_elsewhere: int
    still_locked: int
    unlocking: dt.datetime | None
    last: _Cursor | None


def _gather(
    archive: Archive, caller: Caller, selection: Selection, look: Callable[[int, _Cursor | None], _Page]
) -> Estimate:
    """Go through what is due page by page, until a proposal is full; what comes after that is counted by the register.

    ``look`` is given the room there is and where the page begins.
    """
    by_class: dict[str, Amount] = {}
    elsewhere = left_over = still_locked = 0
    unlocking: list[dt.datetime] = []
    room, after, more = MOST_RECORDS, None, True
    while room and more:
        page = look(room, after)
        for due in page.due[:room]:
            before = by_class.get(due.class_code, Amount())
            size_bytes = before.size_bytes + due.record.content.size_bytes
            by_class[due.class_code] = Amount(before.records + 1, size_bytes)
        left_over += len(page.due[room:])
        room -= len(page.due[:room])
        elsewhere += page.proposed_elsewhere
        still_locked += page.still_locked
        unlocking += [] if page.unlocking is None else [page.unlocking]
        after, more = page.last, page.last is not None
    if more:
        rest = _standings(caller, selection, day_of(archive.clock.now()), after)
        left_over += archive.register.read(lambda unit: unit.standings.count(rest))
    first = None if not unlocking else _whole_day(min(unlocking) - LOCK_WORTH_WAITING)
    return Estimate(by_class, elsewhere, left_over, still_locked, first)


def _whole_day(instant: dt.datetime) -> dt.date:
    """Return the first day at no moment of which the instant is still to come."""
    return day_of(instant + dt.timedelta(days=1, microseconds=-1))


def _look(archive: Archive, caller: Caller, selection: Selection, after: _Cursor | None, unit: RegisterUnit) -> _Page:
    """Return the next records that are due, judged anew."""
    today = day_of(archive.clock.now())
    standing = unit.standings.select(_standings(caller, selection, today, after))
    records = [record for record, _ in standing if may_see(caller, record)]
    elsewhere = unit.disposals.proposed([record.id for record in records])
    decisions = Judge.of(unit, today).decisions(unit, records)
    due = tuple(_due(selection, records, decisions))
    last = (standing[-1][1].due_on, standing[-1][0].id) if len(standing) == _PAGE else None
    free = [one for one in due if one.record.id not in elsewhere]
    # A rolling lock outlives a trigger that was told late, and a hold that was lifted.
    worth_waiting = archive.clock.now() + LOCK_WORTH_WAITING
    soon = tuple(one for one in free if (one.record.original.locked_until or worth_waiting) <= worth_waiting)
    ends = (one.record.original.locked_until for one in free)
    unlocking = min((end for end in ends if end is not None and end > worth_waiting), default=None)
    return _Page(soon, len(due) - len(free), len(free) - len(soon), unlocking, last)


def _standings(caller: Caller, selection: Selection, today: dt.date, after: _Cursor | None) -> StandingSelection:
    return StandingSelection(
        offices=caller.offices,
        today=today,
        states=frozenset({RetentionState.DUE}),
        held=False,
        class_code=selection.class_code,
        action=selection.action,
        due_to=selection.due_to,
        after=after,
        limit=_PAGE,
    )


def _due(selection: Selection, records: list[Record], decisions: Mapping[RecordId, Decision]) -> Iterator[_Due]:
    for record in records:
        decision = decisions[record.id]
        retention_class = decision.retention_class
        if decision.state is not RetentionState.DUE or decision.due_on is None or retention_class is None:
            continue
        of_class = selection.class_code in (None, retention_class.code)
        in_time = selection.due_to is None or decision.due_on <= selection.due_to
        if retention_class.action is selection.action and of_class and in_time:
            yield _Due(record, retention_class.code, decision.due_on)


def _list(
    archive: Archive,
    request: ProposalRequest,
    draft: Disposal,
    room: int,
    after: _Cursor | None,
    unit: RegisterUnit,
) -> _Page:
    """Write the next records down, as far as there is room; return them all."""
    unit.progress.serialise(PROPOSING)
    page = _look(archive, request.caller, request.selection, after, unit)
    now = archive.clock.now()
    unit.disposals.add_items(
        [
            DisposalItem(
                disposal_id=draft.id,
                record_id=one.record.id,
                state=ItemState.LISTED,
                size_bytes=one.record.content.size_bytes,
                sha256=one.record.content.sha256,
                changed_at=now,
                class_code=one.class_code,
                due_on=one.due_on,
            )
            for one in page.due[:room]
        ]
    )
    return page


def _open(archive: Archive, caller: Caller, draft: Disposal, list_sha256: str, unit: RegisterUnit) -> Disposal:
    opened = unit.disposals.open(draft.id)
    if opened is None:
        # It took so long that another proposal took it for cut off.
        raise unavailable("register")
    values: dict[str, Json] = {
        "disposal": opened.id,
        "action": str(opened.action),
        "title": opened.title,
        "office": opened.office,
        "proposed_by": opened.proposed_by,
        "council": sorted(opened.council),
        "records": unit.disposals.tally(opened.id).of(),
        "list_sha256": list_sha256,
    }
    unit.log.append(Event(EventType.DISPOSAL_PROPOSED, caller.id, archive.clock.now(), None, values))
    return opened
