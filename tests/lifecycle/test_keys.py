"""Keys: shown once, kept as a digest, the same answer to every wrong one."""

from __future__ import annotations

import dataclasses
import datetime as dt

import pytest

from archive_service.errors import InvalidInput, NotAuthenticated, NotFound
from archive_service.lifecycle.keys import KeyRequest, NewKey, authenticate, create_key, list_keys, revoke_key
from archive_service.model.events import EventType
from archive_service.model.identifiers import OfficeCode
from archive_service.model.permissions import Role
from tests.archives import TestArchive
from tests.results import DA_NANG, HAI_CHAU, HOI_AN, QUANG_NAM

REQUEST = KeyRequest("một cửa", DA_NANG, frozenset({Role.DEPOSITOR, Role.AUDITOR}), dt.timedelta(days=90))


@pytest.fixture
def new(ours: TestArchive) -> NewKey:
    """Give a valid key of Đà Nẵng."""
    return create_key(ours.archive, REQUEST)


def test_a_key_says_who_its_caller_is_with_its_offices_as_they_stand(ours: TestArchive, new: NewKey) -> None:
    caller = authenticate(ours.archive, new.token)
    assert caller.id == f"key:{new.key.id}"
    assert (caller.office, caller.roles) == (DA_NANG, REQUEST.roles)
    assert caller.offices == {DA_NANG, HAI_CHAU, QUANG_NAM, HOI_AN}


def test_the_secret_is_kept_nowhere(ours: TestArchive, new: NewKey) -> None:
    secret = new.token.split("_", 2)[2]
    assert len(secret) == 43
    ours.register.disconnect()
    kept = b"".join(file.read_bytes() for file in ours.folder.iterdir() if file.is_file())
    assert new.key.id.encode() in kept
    assert secret.encode() not in kept
    assert list_keys(ours.archive) == (new.key,)
    [event] = ours.events(EventType.API_KEY_CREATED)
    assert event.values == {"key": new.key.id, "office": DA_NANG, "roles": ["auditor", "depositor"], "account": None}


def test_an_expired_key_is_refused_from_its_last_instant_on(ours: TestArchive, new: NewKey) -> None:
    ours.clock.forward(dt.timedelta(days=90) - dt.timedelta(microseconds=1))
    authenticate(ours.archive, new.token)
    ours.clock.forward(dt.timedelta(microseconds=1))
    with pytest.raises(NotAuthenticated):
        authenticate(ours.archive, new.token)


def test_a_revoked_key_is_refused_at_once(ours: TestArchive, new: NewKey) -> None:
    other = create_key(ours.archive, REQUEST)
    revoke_key(ours.archive, new.key.id)
    with pytest.raises(NotAuthenticated):
        authenticate(ours.archive, new.token)
    authenticate(ours.archive, other.token)
    assert len(ours.events(EventType.API_KEY_REVOKED)) == 1
    with pytest.raises(NotFound):
        revoke_key(ours.archive, "none")


@pytest.mark.parametrize("change", ["last letter", "first letter", "id", "case", "prefix", "cut", "longer", "blank"])
def test_a_key_changed_anywhere_is_refused(ours: TestArchive, new: NewKey, change: str) -> None:
    prefix, key_id, secret = new.token.split("_", 2)
    tokens = {
        "last letter": new.token[:-1] + ("A" if new.token[-1] != "A" else "E"),
        "first letter": f"{prefix}_{key_id}_{'A' if secret[0] != 'A' else 'B'}{secret[1:]}",
        "id": f"{prefix}_{'0' * 16}_{secret}",
        "case": f"{prefix}_{key_id}_{secret.swapcase()}",
        "prefix": f"archiv_{key_id}_{secret}",
        "cut": new.token[:-1],
        "longer": new.token + "A",
        "blank": new.token + "\n",
    }
    with pytest.raises(NotAuthenticated):
        authenticate(ours.archive, tokens[change])


@pytest.mark.parametrize(
    "token",
    ["", "_", "__", "archive", "archive__", "archive_\x00_\x00", "a" * 100_000, "archive_0_\ud800", "ＡＲＣ_đ_ế"],
)
def test_garbage_is_refused_and_nothing_else_happens(ours: TestArchive, token: str) -> None:
    with pytest.raises(NotAuthenticated):
        authenticate(ours.archive, token)


@pytest.mark.parametrize(
    "wrong",
    [{"roles": frozenset()}, {"valid_for": dt.timedelta()}, {"office": OfficeCode("BHXH-99")}],
    ids=["no-role", "no-time", "no-office"],
)
def test_a_key_needs_a_role_some_time_and_a_known_office(ours: TestArchive, wrong: dict[str, object]) -> None:
    with pytest.raises(InvalidInput):
        create_key(ours.archive, dataclasses.replace(REQUEST, **wrong))  # type: ignore[arg-type]
    assert list_keys(ours.archive) == ()
