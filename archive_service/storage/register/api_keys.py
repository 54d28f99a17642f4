"""Rows of API keys, and of long runs' progress."""

from __future__ import annotations

import builtins
import datetime as dt
import json
from typing import Any

from sqlalchemy import Connection, Row, delete, insert, select, update

from archive_service.model.identifiers import OfficeCode
from archive_service.model.permissions import Role
from archive_service.model.units.api_keys import ApiKey
from archive_service.storage.register import tables as t
from archive_service.storage.register.rows import lock_name, upsert

_C = t.api_keys.c


class SqlApiKeys:
    """Implements ``ApiKeys`` inside one transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def add(self, key: ApiKey) -> None:
        """Keep a new key."""
        self._connection.execute(
            insert(t.api_keys),
            {
                "id": key.id,
                "name": key.name,
                "account": key.account,
                "office": key.office,
                "roles": json.dumps(sorted(str(role) for role in key.roles)),
                "secret_sha256": key.secret_sha256,
                "created_at": key.created_at,
                "expires_at": key.expires_at,
                "revoked_at": key.revoked_at,
            },
        )

    def get(self, key_id: str) -> ApiKey | None:
        """Return a key."""
        row = self._connection.execute(select(t.api_keys).where(_C.id == key_id)).one_or_none()
        return _key(row) if row is not None else None

    def list(self) -> builtins.list[ApiKey]:
        """Return every key in order of making."""
        query = select(t.api_keys).order_by(_C.created_at, _C.id)
        return [_key(row) for row in self._connection.execute(query)]

    def revoke(self, key_id: str, now: dt.datetime) -> None:
        """End the key's validity, once."""
        self._connection.execute(
            update(t.api_keys).where(_C.id == key_id, _C.revoked_at.is_(None)).values(revoked_at=now)
        )


class SqlProgress:
    """Implements ``Progress`` inside one transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def get(self, name: str) -> str | None:
        """Return what was saved."""
        query = select(t.progress.c.value).where(t.progress.c.name == name)
        found = self._connection.execute(query).scalar_one_or_none()
        return str(found) if found is not None else None

    def put(self, name: str, value: str) -> None:
        """Save where a run stands."""
        upsert(self._connection, t.progress, {"name": name, "value": value})

    def serialise(self, name: str) -> None:
        """Take the lock of the name until the transaction ends."""
        lock_name(self._connection, f"progress-{name}")

    def clear(self, name: str) -> None:
        """Forget the run."""
        self._connection.execute(delete(t.progress).where(t.progress.c.name == name))


def _key(row: Row[Any]) -> ApiKey:
    return ApiKey(
        id=row.id,
        name=row.name,
        office=OfficeCode(row.office),
        roles=frozenset(Role(role) for role in json.loads(row.roles)),
        secret_sha256=row.secret_sha256,
        created_at=row.created_at,
        expires_at=row.expires_at,
        revoked_at=row.revoked_at,
        account=row.account,
    )
