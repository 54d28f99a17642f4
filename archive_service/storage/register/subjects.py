"""Rows of subjects, their identifiers and merges."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, Row, bindparam, delete, insert, or_, select, update

from archive_service.errors import Message, NotFound
from archive_service.model.identifiers import Identifier, IdentifierScheme, SubjectId
from archive_service.model.subject import DatedIdentifier, Subject, SubjectClaim, SubjectKind, SubjectMerge
from archive_service.storage.register import tables as t
from archive_service.storage.register.rows import lock_name, upsert

_S = t.subjects.c
_I = t.subject_identifiers.c
_M = t.subject_merges.c
# Made once: building a statement anew takes longer than running it.
_GET = select(t.subjects).where(_S.id == bindparam("subject"))
_IDENTIFIERS = select(t.subject_identifiers).where(_I.subject_id == bindparam("subject")).order_by(_I.scheme, _I.number)
_MERGED = select(_S.id).where(_S.merged_into == bindparam("subject")).order_by(_S.id)
_HOLDER = (
    select(_I.subject_id)
    .where(_I.scheme == bindparam("scheme"), _I.number == bindparam("number"))
    .order_by(_I.subject_id)
    .limit(1)
)
_ADD = insert(t.subjects)
_ADD_IDENTIFIERS = insert(t.subject_identifiers)


class SqlSubjects:
    """Implements ``Subjects`` inside one transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def serialise_claims_of(self, identifiers: Sequence[Identifier]) -> None:
        """Take a lock on each identifier until the transaction ends, always in the same order."""
        for identifier in sorted(set(identifiers)):
            lock_name(self._connection, f"identifier:{identifier}")

    def serialise_merges(self) -> None:
        """Take the one lock of all merges until the transaction ends."""
        lock_name(self._connection, "merges")

    def get(self, subject_id: SubjectId) -> Subject | None:
        """Return the subject as registered."""
        named = {"subject": subject_id}
        row = self._connection.execute(_GET, named).one_or_none()
        if row is None:
            return None
        identifiers = self._connection.execute(_IDENTIFIERS, named)
        merged = self._connection.execute(_MERGED, named)
        return Subject(
            id=SubjectId(row.id),
            kind=SubjectKind(row.kind),
            name=row.name,
            birth_date=row.birth_date,
            identifiers=tuple(
                DatedIdentifier(Identifier(IdentifierScheme(i.scheme), i.number), i.valid_from, i.valid_to)
                for i in identifiers
            ),
            merged_into=SubjectId(row.merged_into) if row.merged_into else None,
            merged_from=tuple(SubjectId(m.id) for m in merged),
        )

    def by_identifier(self, identifier: Identifier) -> Subject | None:
        """Return the standing subject of the identifier; the longest registered one where several have had it."""
        found = self.holder(identifier)
        return self.standing(found) if found is not None else None

    def holder(self, identifier: Identifier) -> SubjectId | None:
        """Return the subject of the identifier itself; the longest registered one where several have had it."""
        named = {"scheme": str(identifier.scheme), "number": identifier.number}
        found = self._connection.execute(_HOLDER, named).scalar_one_or_none()
        return SubjectId(found) if found is not None else None

    def standing(self, subject_id: SubjectId) -> Subject:
        """Return the subject at the end of the chain of merges."""
        subject = self.get(subject_id)
        if subject is None:
            raise NotFound(Message("There is no such subject.", "Không có chủ thể này."))
        return subject if subject.merged_into is None else self.standing(subject.merged_into)

    def family(self, subject_id: SubjectId) -> list[Subject]:
        """Return the standing subject and all merged into it."""
        members = [self.standing(subject_id)]
        for member in members:  # grows while it is walked: those merged into a merged one belong too
            members.extend(self.standing_or_merged(child) for child in member.merged_from)
        return members

    def families(self, subject_ids: Sequence[SubjectId]) -> dict[SubjectId, tuple[SubjectId, ...]]:
        """Return the families of many subjects, with one query for each step of the longest chain of merges."""
        above: dict[str, str | None] = {}
        asked = {str(one) for one in subject_ids}
        while asked:
            rows = self._connection.execute(select(_S.id, _S.merged_into).where(_S.id.in_(sorted(asked))))
            above |= {row.id: row.merged_into for row in rows}
            asked = {into for into in above.values() if into is not None} - above.keys()
        asked = {one for one, into in above.items() if into is None}
        while asked:
            rows = self._connection.execute(select(_S.id, _S.merged_into).where(_S.merged_into.in_(sorted(asked))))
            under = {row.id: row.merged_into for row in rows}
            above |= under
            asked = set(under)
        members: dict[str, list[SubjectId]] = {}
        for one in above:
            members.setdefault(_top(above, one), []).append(SubjectId(one))
        return {one: tuple(members[_top(above, one)]) for one in subject_ids if one in above}

    def standing_or_merged(self, subject_id: SubjectId) -> Subject:
        """Return a subject that is known to exist."""
        subject = self.get(subject_id)
        if subject is None:
            raise NotFound(Message("There is no such subject.", "Không có chủ thể này."))
        return subject

    def add(self, subject_id: SubjectId, claim: SubjectClaim) -> Subject:
        """Register a subject and its identifiers."""
        self._connection.execute(
            _ADD,
            {
                "id": subject_id,
                "kind": str(claim.kind),
                "name": claim.name,
                "birth_date": claim.birth_date,
                "merged_into": None,
            },
        )
        identifiers = sorted(set(claim.identifiers))
        # A subject that is new has none of them yet, and nothing was merged.
        if identifiers:
            self._connection.execute(
                _ADD_IDENTIFIERS, [_identifier_row(subject_id, DatedIdentifier(i)) for i in identifiers]
            )
        dated = tuple(DatedIdentifier(identifier) for identifier in identifiers)
        return Subject(subject_id, claim.kind, claim.name, claim.birth_date, dated, None, ())

    def erase(self, subject_id: SubjectId) -> None:
        """Empty the row and delete the numbers; merges go on naming the id."""
        of = t.subject_identifiers.c.subject_id == subject_id
        self._connection.execute(delete(t.subject_identifiers).where(of))
        self._connection.execute(update(t.subjects).where(_S.id == subject_id).values(name="", birth_date=None))

    def add_identifier(self, subject_id: SubjectId, identifier: DatedIdentifier) -> None:
        """Give the subject an identifier, or other days for one it has."""
        upsert(self._connection, t.subject_identifiers, _identifier_row(subject_id, identifier))

    def add_merge(self, kept: SubjectId, merged: SubjectId, reason: str, actor: str, now: dt.datetime) -> SubjectMerge:
        """Let one subject stand for another."""
        self._connection.execute(update(t.subjects).where(_S.id == merged).values(merged_into=kept))
        result = self._connection.execute(
            insert(t.subject_merges).returning(_M.id),
            {"kept": kept, "merged": merged, "reason": reason, "actor": actor, "merged_at": now},
        )
        return SubjectMerge(int(result.scalar_one()), kept, merged, reason, actor, now)

    def get_merge(self, merge_id: int) -> SubjectMerge | None:
        """Return one merge."""
        row = self._connection.execute(select(t.subject_merges).where(_M.id == merge_id)).one_or_none()
        return _merge(row) if row is not None else None

    def undo_merge(self, merge_id: int, reason: str, actor: str, now: dt.datetime) -> SubjectMerge:
        """Let the merged subject stand for itself again."""
        merge = self.get_merge(merge_id)
        if merge is None:
            raise NotFound(Message("There is no such merge.", "Không có lần hợp nhất này."))
        self._connection.execute(
            update(t.subject_merges)
            .where(_M.id == merge_id)
            .values(unmerged_at=now, unmerged_by=actor, unmerge_reason=reason)
        )
        self._connection.execute(
            update(t.subjects).where(_S.id == merge.merged, _S.merged_into == merge.kept).values(merged_into=None)
        )
        undone = self.get_merge(merge_id)
        return undone if undone is not None else merge

    def merges_of(self, subject_id: SubjectId) -> list[SubjectMerge]:
        """Return every merge the subject took part in, oldest first."""
        rows = self._connection.execute(
            select(t.subject_merges).where(or_(_M.kept == subject_id, _M.merged == subject_id)).order_by(_M.id)
        )
        return [_merge(row) for row in rows]


def _top(above: Mapping[str, str | None], one: str) -> str:
    """Return the subject that stands for this one, of those that are known."""
    into = above.get(one)
    return one if into is None else _top(above, into)


def _identifier_row(subject_id: SubjectId, identifier: DatedIdentifier) -> dict[str, Any]:
    return {
        "scheme": str(identifier.identifier.scheme),
        "number": identifier.identifier.number,
        "subject_id": subject_id,
        "valid_from": identifier.valid_from,
        "valid_to": identifier.valid_to,
    }


def _merge(row: Row[Any]) -> SubjectMerge:
    return SubjectMerge(
        id=row.id,
        kept=SubjectId(row.kept),
        merged=SubjectId(row.merged),
        reason=row.reason,
        actor=row.actor,
        merged_at=row.merged_at,
        unmerged_at=row.unmerged_at,
        unmerged_by=row.unmerged_by,
        unmerge_reason=row.unmerge_reason,
    )
