"""Rows of disposals: proposals, their records, votes."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, Row, delete, exists, func, insert, select, update

from archive_service.model.disposals import (
    STANDING,
    Amount,
    CastVote,
    Disposal,
    DisposalItem,
    ItemState,
    Receipt,
    Tally,
)
from archive_service.model.identifiers import OfficeCode, RecordId
from archive_service.model.jobs import JobKind
from archive_service.model.units.disposals import DisposalSelection, ItemSelection
from archive_service.storage.register import tables as t
from retention.disposal import Obstacle, ProposalState, Vote
from retention.schedule import Action

_D = t.disposals.c
_I = t.disposal_items.c
_V = t.disposal_votes.c

# What stands in the state of a proposal that is still being written down.
_DRAFT = "draft"
_STANDING = sorted(str(state) for state in STANDING)
_ENDED = sorted((str(ProposalState.REJECTED), str(ProposalState.DONE)))


class SqlDisposals:
    """Implements ``Disposals`` inside one transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def add_draft(self, draft: Disposal) -> None:
        """Write the proposal as a draft."""
        self._connection.execute(
            insert(t.disposals),
            {
                "id": draft.id,
                "action": str(draft.action),
                "title": draft.title,
                "office": draft.office,
                "council": json.dumps(sorted(draft.council)),
                "proposed_by": draft.proposed_by,
                "proposed_at": draft.proposed_at,
                "state": _DRAFT,
            },
        )

    def add_items(self, items: Sequence[DisposalItem]) -> None:
        """Write the records in one call of the driver."""
        rows = [
            {
                "disposal_id": item.disposal_id,
                "record_id": item.record_id,
                "size_bytes": item.size_bytes,
                "sha256": item.sha256,
                **_changeable(item),
            }
            for item in items
        ]
        if rows:
            self._connection.execute(insert(t.disposal_items), rows)

    def open(self, disposal_id: str) -> Disposal | None:
        """Let the draft be open."""
        opened = self._connection.execute(
            update(t.disposals)
            .where(_D.id == disposal_id, _D.state == _DRAFT)
            .values(state=str(ProposalState.OPEN))
            .returning(_D.id)
        )
        return self.get(disposal_id) if opened.first() is not None else None

    def drop_drafts(self, begun_before: dt.datetime) -> None:
        """Delete old drafts with their records."""
        old = select(_D.id).where(_D.state == _DRAFT, _D.proposed_at <= begun_before)
        ids = list(self._connection.execute(old).scalars())
        if ids:
            self._connection.execute(delete(t.disposal_items).where(_I.disposal_id.in_(ids)))
            self._connection.execute(delete(t.disposals).where(_D.id.in_(ids)))

    def get(self, disposal_id: str, *, lock: bool = False) -> Disposal | None:
        """Return the proposal, its row locked when asked."""
        query = select(t.disposals).where(_D.id == disposal_id, _D.state != _DRAFT)
        row = self._connection.execute(query.with_for_update() if lock else query).one_or_none()
        return None if row is None else self._disposals([row])[0]

    def select(self, selection: DisposalSelection) -> list[Disposal]:
        """Return one page in order of id."""
        query = select(t.disposals).where(_D.id > selection.after).order_by(_D.id).limit(selection.limit)
        if selection.states is None:
            query = query.where(_D.state != _DRAFT)
        else:
            query = query.where(_D.state.in_(sorted(selection.states)))
        if selection.offices is not None:
            query = query.where(_D.office.in_(sorted(selection.offices)))
        return self._disposals(self._connection.execute(query).all())

    def put(self, disposal: Disposal) -> None:
        """Write what changes of a proposal."""
        receipt = disposal.receipt
        said = None if receipt is None else _receipt_values(receipt)
        self._connection.execute(
            update(t.disposals)
            .where(_D.id == disposal.id)
            .values(
                approved_by=disposal.approved_by,
                approved_at=disposal.approved_at,
                receipt=None if said is None else json.dumps(said, ensure_ascii=False),
                state=str(disposal.state),
                ended_at=disposal.ended_at,
                certificate_sha256=disposal.certificate_sha256,
            )
        )

    def add_vote(self, disposal_id: str, vote: CastVote) -> None:
        """Write a vote; a second one of the same member is refused by the table."""
        self._connection.execute(
            insert(t.disposal_votes),
            {
                "disposal_id": disposal_id,
                "member": vote.member,
                "vote": str(vote.vote),
                "reason": vote.reason,
                "voted_at": vote.voted_at,
            },
        )

    def items(self, selection: ItemSelection) -> list[DisposalItem]:
        """Return one page in order of record id."""
        query = (
            select(t.disposal_items)
            .where(_I.disposal_id == selection.disposal_id, _I.record_id > selection.after)
            .order_by(_I.record_id)
            .limit(selection.limit)
        )
        if selection.states is not None:
            query = query.where(_I.state.in_(sorted(selection.states)))
        return [_item(row) for row in self._connection.execute(query)]

    def item(self, disposal_id: str, record_id: RecordId, *, lock: bool = False) -> DisposalItem | None:
        """Return one record, its row locked when asked."""
        query = select(t.disposal_items).where(_I.disposal_id == disposal_id, _I.record_id == record_id)
        row = self._connection.execute(query.with_for_update() if lock else query).one_or_none()
        return None if row is None else _item(row)

    def put_item(self, item: DisposalItem) -> None:
        """Write what became of a record."""
        self._connection.execute(
            update(t.disposal_items)
            .where(_I.disposal_id == item.disposal_id, _I.record_id == item.record_id)
            .values(**_changeable(item))
        )

    def tally(self, disposal_id: str) -> Tally:
        """Return how many are in which state; the database counts."""
        query = (
            select(_I.state, func.count().label("records"), func.sum(_I.size_bytes).label("size_bytes"))
            .where(_I.disposal_id == disposal_id)
            .group_by(_I.state)
        )
        rows = self._connection.execute(query)
        return Tally({ItemState(row.state): Amount(int(row.records), int(row.size_bytes)) for row in rows})

    def begun_before(self, instant: dt.datetime) -> int:
        """Count those that are begun since then; only approved proposals have any."""
        query = (
            select(func.count())
            .select_from(t.disposal_items.join(t.disposals, _D.id == _I.disposal_id))
            .where(
                _D.state == str(ProposalState.APPROVED),
                _I.state == str(ItemState.BEGUN),
                _I.changed_at <= instant,
            )
        )
        return int(self._connection.execute(query).scalar_one())

    def not_exported(self, disposal_id: str) -> int:
        """Return how many listed ones have no package."""
        query = select(func.count()).where(
            _I.disposal_id == disposal_id, _I.state == str(ItemState.LISTED), _I.package_sha256.is_(None)
        )
        return int(self._connection.execute(query).scalar_one())

    def proposed(self, record_ids: Sequence[RecordId]) -> set[RecordId]:
        """Return those that stand in a proposal or draft that has not ended."""
        if not record_ids:
            return set()
        query = (
            select(_I.record_id)
            .join(t.disposals, _D.id == _I.disposal_id)
            .where(_I.record_id.in_(record_ids), _I.state.in_(_STANDING), _D.state.not_in(_ENDED))
        )
        return {RecordId(found) for found in self._connection.execute(query).scalars()}

    def to_execute(self, record_id: RecordId) -> tuple[Disposal, DisposalItem] | None:
        """Return the record's place in an approved proposal."""
        query = (
            select(t.disposal_items)
            .join(t.disposals, _D.id == _I.disposal_id)
            .where(_I.record_id == record_id, _I.state.in_(_STANDING), _D.state == str(ProposalState.APPROVED))
        )
        row = self._connection.execute(query).first()
        disposal = None if row is None else self.get(row.disposal_id)
        return None if row is None or disposal is None else (disposal, _item(row))

    def awaits_index(self, disposal_id: str) -> bool:
        """Whether work on the index is asked for, for any record that is gone."""
        jobs = t.jobs.c
        query = (
            select(_I.record_id)
            .where(
                _I.disposal_id == disposal_id,
                _I.state == str(ItemState.DISPOSED),
                exists().where(jobs.kind == str(JobKind.INDEX), jobs.record_id == _I.record_id),
            )
            .limit(1)
        )
        return self._connection.execute(query).first() is not None

    def _disposals(self, rows: Sequence[Row[Any]]) -> list[Disposal]:
        """Return the proposals of the rows, with what their councils said, in the order in which it was said."""
        votes: dict[str, list[CastVote]] = {row.id: [] for row in rows}
        query = select(t.disposal_votes).where(_V.disposal_id.in_(list(votes))).order_by(_V.voted_at, _V.member)
        for one in self._connection.execute(query) if votes else ():
            votes[one.disposal_id].append(CastVote(one.member, Vote(one.vote), one.reason, one.voted_at))
        return [_disposal(row, tuple(votes[row.id])) for row in rows]


def _disposal(row: Row[Any], votes: tuple[CastVote, ...]) -> Disposal:
    return Disposal(
        id=row.id,
        action=Action(row.action),
        title=row.title,
        office=OfficeCode(row.office),
        council=frozenset(json.loads(row.council)),
        proposed_by=row.proposed_by,
        proposed_at=row.proposed_at,
        votes=votes,
        approved_by=row.approved_by,
        approved_at=row.approved_at,
        receipt=None if row.receipt is None else _receipt(json.loads(row.receipt)),
        ended_at=row.ended_at,
        certificate_sha256=row.certificate_sha256,
    )


def _receipt_values(receipt: Receipt) -> dict[str, str]:
    return {
        "receiver": receipt.receiver,
        "reference": receipt.reference,
        "received_on": receipt.received_on.isoformat(),
        "text": receipt.text,
    }


def _receipt(said: dict[str, str]) -> Receipt:
    received_on = dt.date.fromisoformat(said["received_on"])
    return Receipt(said["receiver"], said["reference"], received_on, said["text"])


def _changeable(item: DisposalItem) -> dict[str, Any]:
    """Return what changes of a record's place. What kept it is JSON where a person's reason is plain text."""
    reason = item.reason
    if item.obstacle is not None:
        said = {"code": item.obstacle.code, "en": item.obstacle.en, "vi": item.obstacle.vi}
        reason = json.dumps(said, ensure_ascii=False)
    return {
        "state": str(item.state),
        "class_code": item.class_code,
        "due_on": item.due_on,
        "reason": reason,
        "actor": item.actor,
        "changed_at": item.changed_at,
        "package_sha256": item.package_sha256,
    }


def _item(row: Row[Any]) -> DisposalItem:
    state = ItemState(row.state)
    kept = state is ItemState.KEPT and row.reason is not None
    return DisposalItem(
        disposal_id=row.disposal_id,
        record_id=RecordId(row.record_id),
        state=state,
        size_bytes=row.size_bytes,
        sha256=row.sha256,
        changed_at=row.changed_at,
        class_code=row.class_code,
        due_on=row.due_on,
        reason=None if kept else row.reason,
        actor=row.actor,
        obstacle=Obstacle(**json.loads(row.reason)) if kept else None,
        package_sha256=row.package_sha256,
    )
