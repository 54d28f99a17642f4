"""Keys of callers: made once, shown once, kept as a digest, checked at every request.

A key reads ``archive_<id>_<secret>``. The secret has 256 unpredictable bits, so a plain SHA-256 is enough: there is
nothing to guess that a slow digest would make slower.
"""

from __future__ import annotations

import base64
import datetime as dt
import hashlib
import hmac
import re
from dataclasses import dataclass

from archive_service.errors import InvalidInput, Message, NotAuthenticated, NotFound
from archive_service.model.archive import Archive
from archive_service.model.events import Event, EventType, Json
from archive_service.model.identifiers import OfficeCode
from archive_service.model.permissions import Caller, Role
from archive_service.model.units import RegisterUnit
from archive_service.model.units.api_keys import ApiKey

_PREFIX = "archive"
_ID_BYTES = 8
_SECRET_BYTES = 32
_TOKEN = re.compile(rf"{_PREFIX}_([0-9a-f]{{{_ID_BYTES * 2}}})_([A-Za-z0-9_-]{{43}})")

# A name by which the agency knows a person, as it stands in votes and certificates.
_ACCOUNT = re.compile(r"[a-z0-9._-]{1,56}")

# Who administration on the host is done by, in the log.
OPERATOR = "operator"


@dataclass(frozen=True, slots=True)
class NewKey:
    """A key that was just made. ``token`` is shown this once and never again."""

    key: ApiKey
    token: str


@dataclass(frozen=True, slots=True)
class KeyRequest:
    """For whom a key is made. ``account``: the person whose key it is, where that person may have several."""

    name: str
    office: OfficeCode
    roles: frozenset[Role]
    valid_for: dt.timedelta
    account: str | None = None


def create_key(archive: Archive, request: KeyRequest) -> NewKey:
    """Make a key for an office and roles. Only administration on the host calls this.

    Raises InvalidInput for an unknown office, no role, or a validity that is not in the future.
    """
    if request.account is not None and not _ACCOUNT.fullmatch(request.account):
        raise InvalidInput(
            Message(
                "An account is 1 to 56 small letters a to z, digits, dots, hyphens or underscores: "
                "one spelling for one person.",
                "Tên tài khoản gồm 1 đến 56 chữ thường không dấu, chữ số, dấu chấm, gạch nối hoặc gạch dưới: "
                "mỗi người một cách viết.",
            )
        )
    if not request.roles or request.valid_for <= dt.timedelta():
        raise InvalidInput(
            Message("A key needs a role and some time to be valid.", "Khoá cần có vai trò và thời hạn hiệu lực.")
        )
    now = archive.clock.now()
    secret = base64.urlsafe_b64encode(archive.randomness.token(_SECRET_BYTES)).decode().rstrip("=")
    key = ApiKey(
        id=archive.randomness.token(_ID_BYTES).hex(),
        name=request.name,
        office=request.office,
        roles=request.roles,
        secret_sha256=hashlib.sha256(secret.encode()).hexdigest(),
        created_at=now,
        expires_at=now + request.valid_for,
        account=request.account,
    )

    def keep(unit: RegisterUnit) -> None:
        if unit.reference.office(key.office) is None:
            raise InvalidInput(
                Message(
                    f"Unknown office {key.office}. Load reference data first: archive-service load-reference",
                    f"Không có cơ quan {key.office}. Hãy nạp dữ liệu tham chiếu trước: archive-service load-reference",
                )
            )
        unit.api_keys.add(key)
        roles = sorted(str(role) for role in key.roles)
        values: dict[str, Json] = {"key": key.id, "office": key.office, "roles": roles, "account": key.account}
        unit.log.append(Event(EventType.API_KEY_CREATED, OPERATOR, now, None, values))

    archive.register.write(keep)
    return NewKey(key, f"{_PREFIX}_{key.id}_{secret}")


def revoke_key(archive: Archive, key_id: str) -> None:
    """End a key's validity at once. Raises NotFound."""

    def end(unit: RegisterUnit) -> None:
        if unit.api_keys.get(key_id) is None:
            raise NotFound(Message("There is no such key.", "Không có khoá này."))
        now = archive.clock.now()
        unit.api_keys.revoke(key_id, now)
        unit.log.append(Event(EventType.API_KEY_REVOKED, OPERATOR, now, None, {"key": key_id}))

    archive.register.write(end)


def list_keys(archive: Archive) -> tuple[ApiKey, ...]:
    """Return every key, without its secret."""
    return tuple(archive.register.read(lambda unit: unit.api_keys.list()))


def authenticate(archive: Archive, token: str) -> Caller:
    """Return who a key belongs to, with its office's subtree as it stands now.

    Raises NotAuthenticated, the same for unknown, wrong, expired and revoked keys; Unavailable.
    """
    # What has another form is never looked up: a database need not take every character.
    parts = _TOKEN.fullmatch(token)

    def look(unit: RegisterUnit) -> Caller | None:
        key = unit.api_keys.get(parts[1]) if parts else None
        given = hashlib.sha256(parts[2].encode() if parts else b"").hexdigest()
        if key is None or not hmac.compare_digest(key.secret_sha256, given):
            return None
        if key.revoked_at is not None or key.expires_at <= archive.clock.now():
            return None
        offices = unit.reference.subtree(key.office)
        return Caller(f"key:{key.id}", key.office, offices, key.roles, account=key.account)

    caller = archive.register.read(look)
    if caller is None:
        raise NotAuthenticated(
            Message(
                "The key is unknown, expired or revoked. Ask the operator for a valid one.",
                "Khoá truy cập không tồn tại, đã hết hạn hoặc bị thu hồi. Hãy đề nghị quản trị viên cấp khoá hợp lệ.",
            )
        )
    return caller
