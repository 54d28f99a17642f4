"""Rows of time-stamped batches and of the tokens that authorities owe or gave them."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, and_, func, insert, select, update

from archive_service.model.timestamps import AuthorityState, TimestampBatch, TimestampToken
from archive_service.storage.register import tables as t
from archive_service.storage.register.rows import lock_name, upsert

_B = t.timestamp_batches.c
_T = t.timestamp_tokens.c
# Groups of a batch may be megabytes: they are read only where they are looked into.
_WITHOUT_GROUPS = [column for column in _B if column.name != "groups"]


class SqlTimestamps:
    """Implements ``Timestamps`` inside one transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def take_turn(self) -> None:
        """Take the lock of batches until the transaction ends."""
        lock_name(self._connection, "timestamp-batches")

    def newest(self) -> TimestampBatch | None:
        """Return the batch that reaches furthest."""
        query = select(*_WITHOUT_GROUPS).order_by(_B.end_entry.desc(), _B.id.desc()).limit(1)
        row = self._connection.execute(query).one_or_none()
        return None if row is None else _batch(row)

    def add(self, batch: TimestampBatch, authorities: Sequence[str], due_at: dt.datetime) -> int:
        """Write a batch and what is owed to it."""
        made = self._connection.execute(
            insert(t.timestamp_batches).values(**_columns(batch)).returning(_B.id)
        ).scalar_one()
        owed = [{"batch_id": made, "authority": name, "attempts": 0, "due_at": due_at} for name in authorities]
        if owed:
            self._connection.execute(insert(t.timestamp_tokens), owed)
        return int(made)

    def last_made_at(self) -> dt.datetime | None:
        """Return when the last batch was made."""
        last: dt.datetime | None = self._connection.execute(select(func.max(_B.made_at))).scalar_one()
        return last

    def get(self, batch_id: int, *, groups: bool = True) -> TimestampBatch | None:
        """Return one batch."""
        columns = list(_B) if groups else _WITHOUT_GROUPS
        row = self._connection.execute(select(*columns).where(_B.id == batch_id)).one_or_none()
        return None if row is None else _batch(row)

    def containing(self, entry: int) -> TimestampBatch | None:
        """Return the batch of a log entry: the first that ends after it, if it began by then."""
        query = select(t.timestamp_batches).where(_B.end_entry > entry).order_by(_B.end_entry, _B.id).limit(1)
        row = self._connection.execute(query).one_or_none()
        return None if row is None or row.first_entry > entry else _batch(row)

    def ranges(self, after: int, limit: int) -> list[TimestampBatch]:
        """Return batches that hold log entries."""
        query = select(*_WITHOUT_GROUPS).where(_B.id > after, _B.end_entry > _B.first_entry).order_by(_B.id)
        return [_batch(row) for row in self._connection.execute(query.limit(limit))]

    def numbers(self, after: int, limit: int) -> list[int]:
        """Return the numbers of batches."""
        query = select(_B.id).where(_B.id > after).order_by(_B.id).limit(limit)
        return list(self._connection.execute(query).scalars())

    def hash_tree_renewals(self, batch_id: int) -> list[TimestampBatch]:
        """Return the renewals of a batch's hash tree: what they renew is said first in their canonical JSON."""
        query = select(*_WITHOUT_GROUPS).where(_B.renews.like(f'{{"hash_tree_of":{batch_id},%')).order_by(_B.id)
        return [_batch(row) for row in self._connection.execute(query)]

    def tokens(self, batch_id: int) -> list[TimestampToken]:
        """Return all tokens of a batch."""
        query = select(t.timestamp_tokens).where(_T.batch_id == batch_id).order_by(_T.authority)
        return [_token(row) for row in self._connection.execute(query)]

    def any_owed(self, authorities: Sequence[str], now: dt.datetime) -> bool:
        """Whether there is a token to ask for."""
        query = select(_T.batch_id).where(*_is_due(authorities, now)).limit(1)
        return self._connection.execute(query).first() is not None

    def claim_owed(
        self, authorities: Sequence[str], now: dt.datetime, lease_until: dt.datetime
    ) -> TimestampToken | None:
        """Take an owed token; rows that another worker is taking are passed over."""
        row = self._connection.execute(
            select(t.timestamp_tokens)
            .where(*_is_due(authorities, now))
            .order_by(_T.attempts, _T.batch_id, _T.authority)
            .limit(1)
            .with_for_update(skip_locked=True)
        ).one_or_none()
        if row is None:
            return None
        owed = select(func.max(_T.attempts)).where(_T.authority == row.authority, _T.token.is_(None))
        attempts = self._connection.execute(owed).scalar_one() + 1
        self._change(row.batch_id, row.authority, attempts=attempts, due_at=lease_until)
        return _token(row, attempts=attempts)

    def stamped(
        self, batch_id: int, authority: str, token: bytes, stamped_at: dt.datetime, expires_at: dt.datetime
    ) -> bool:
        """Write a token where there is none."""
        done = self._connection.execute(
            update(t.timestamp_tokens)
            .where(_T.batch_id == batch_id, _T.authority == authority, _T.token.is_(None))
            .values(token=token, stamped_at=stamped_at, expires_at=expires_at, problem=None)
        )
        if done.rowcount:
            self._let_owed_be_due(authority, stamped_at)
        return done.rowcount > 0

    def stamped_since(self, instant: dt.datetime) -> list[TimestampToken]:
        """Return tokens that were given later."""
        query = select(t.timestamp_tokens).where(_T.token.is_not(None), _T.stamped_at > instant)
        return [_token(row) for row in self._connection.execute(query.order_by(_T.batch_id, _T.authority))]

    def restore(self, batch: TimestampBatch, tokens: Sequence[TimestampToken]) -> bool:
        """Write what is not there of a batch and its tokens."""
        there = self.get(batch.id, groups=False)
        if there is not None and there.root != batch.root:
            return False
        if there is None:
            self._connection.execute(insert(t.timestamp_batches).values(**_columns(batch), id=batch.id))
            self._number_on()
        known = {token.authority: token.token for token in self.tokens(batch.id)}
        lacking = [token for token in tokens if known.get(token.authority) is None]
        for token in lacking:
            upsert(self._connection, t.timestamp_tokens, asdict(token))
        return there is None or bool(lacking)

    def _number_on(self) -> None:
        """Let numbers go on after the highest; SQLite does by itself."""
        if self._connection.dialect.name == "postgresql":
            sequence = func.pg_get_serial_sequence("timestamp_batches", "id")
            self._connection.execute(select(func.setval(sequence, select(func.max(_B.id)).scalar_subquery())))

    def failed(self, batch_id: int, authority: str, problem: str, due_at: dt.datetime) -> None:
        """Keep the reason, unless another worker had the token meanwhile."""
        self._connection.execute(
            update(t.timestamp_tokens)
            .where(_T.batch_id == batch_id, _T.authority == authority, _T.token.is_(None))
            .values(problem=problem, due_at=due_at)
        )
        self._connection.execute(
            update(t.timestamp_tokens)
            .where(_T.authority == authority, _T.token.is_(None), _T.due_at < due_at)
            .values(due_at=due_at)
        )

    def expiring(self, before: dt.datetime) -> list[TimestampToken]:
        """Return tokens to be renewed."""
        query = select(t.timestamp_tokens).where(_T.expires_at < before, _T.renewed_by.is_(None))
        return [_token(row) for row in self._connection.execute(query.order_by(_T.batch_id, _T.authority))]

    def latest_expiry(self) -> dt.datetime | None:
        """Return the latest end of a certificate."""
        latest: dt.datetime | None = self._connection.execute(select(func.max(_T.expires_at))).scalar_one()
        return latest

    def set_renewed(self, batch_id: int, authority: str, by: int) -> None:
        """Keep which batch renewed a token first."""
        self._connection.execute(
            update(t.timestamp_tokens)
            .where(_T.batch_id == batch_id, _T.authority == authority, _T.renewed_by.is_(None))
            .values(renewed_by=by)
        )

    def states(self) -> list[AuthorityState]:
        """Return sums for each authority, and its newest problem."""
        query = select(
            _T.authority,
            func.count(_T.stamped_at).label("stamped"),
            (func.count() - func.count(_T.stamped_at)).label("owed"),
            func.max(_T.stamped_at).label("last_stamped_at"),
            func.max(_T.expires_at).label("expires_at"),
        ).group_by(_T.authority)
        return [self._state(row) for row in self._connection.execute(query.order_by(_T.authority))]

    def _state(self, row: Row[Any]) -> AuthorityState:
        oldest = self._connection.execute(
            select(_B.made_at, _T.problem)
            .join(t.timestamp_tokens, _T.batch_id == _B.id)
            .where(_T.authority == row.authority, _T.token.is_(None))
            .order_by(_B.id)
            .limit(1)
        ).one_or_none()
        return AuthorityState(
            authority=row.authority,
            stamped=row.stamped,
            owed=row.owed,
            oldest_owed_at=None if oldest is None else oldest.made_at,
            last_stamped_at=row.last_stamped_at,
            expires_at=row.expires_at,
            problem=None if oldest is None else oldest.problem,
        )

    def _let_owed_be_due(self, authority: str, at: dt.datetime) -> None:
        self._connection.execute(
            update(t.timestamp_tokens)
            .where(_T.authority == authority, _T.token.is_(None), _T.due_at > at)
            .values(due_at=at)
        )

    def _change(self, batch_id: int, authority: str, **values: Any) -> None:
        self._connection.execute(
            update(t.timestamp_tokens).where(and_(_T.batch_id == batch_id, _T.authority == authority)).values(**values)
        )


def _columns(batch: TimestampBatch) -> dict[str, Any]:
    """Return a batch's columns but its number."""
    return {name: value for name, value in asdict(batch).items() if name != "id"}


def _is_due(authorities: Sequence[str], now: dt.datetime) -> tuple[ColumnElement[bool], ...]:
    return (_T.token.is_(None), _T.due_at <= now, _T.authority.in_(authorities))


def _batch(row: Row[Any]) -> TimestampBatch:
    values = row._mapping
    return TimestampBatch(
        first_entry=row.first_entry,
        end_entry=row.end_entry,
        checkpoint_size=row.checkpoint_size,
        algorithm=row.algorithm,
        root=row.root,
        groups=values.get("groups", b""),
        made_at=row.made_at,
        renews=row.renews,
        id=row.id,
    )


def _token(row: Row[Any], attempts: int | None = None) -> TimestampToken:
    return TimestampToken(
        batch_id=row.batch_id,
        authority=row.authority,
        token=row.token,
        stamped_at=row.stamped_at,
        expires_at=row.expires_at,
        renewed_by=row.renewed_by,
        problem=row.problem,
        attempts=row.attempts if attempts is None else attempts,
        due_at=row.due_at,
    )
