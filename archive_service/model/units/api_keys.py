"""Keys of callers, and the port to their rows.

Every method takes part in the transaction it was reached through; none commits.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Protocol

from archive_service.model.identifiers import OfficeCode
from archive_service.model.permissions import Role


@dataclass(frozen=True, slots=True)
class ApiKey:
    """A machine's or person's key. Only a digest of the secret is kept.

    ``account`` is whose key it is: a person may have several keys and is one person under all of them. None: the key
    is the account.
    """

    id: str
    name: str
    office: OfficeCode
    roles: frozenset[Role]
    secret_sha256: str
    created_at: dt.datetime
    expires_at: dt.datetime
    revoked_at: dt.datetime | None = None
    account: str | None = None


class ApiKeys(Protocol):
    """Keys of callers."""

    def add(self, key: ApiKey) -> None:
        """Keep a new key."""
        ...

    def get(self, key_id: str) -> ApiKey | None:
        """Return a key, revoked and expired ones too."""
        ...

    def list(self) -> list[ApiKey]:
        """Return every key, in order of making."""
        ...

    def revoke(self, key_id: str, now: dt.datetime) -> None:
        """End a key's validity."""
        ...
