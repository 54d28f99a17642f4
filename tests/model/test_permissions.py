"""Who may do what, written out: a change of the table is a change here, seen by a person."""

from __future__ import annotations

from itertools import product

import pytest

from archive_service.errors import NotAllowed
from archive_service.model.permissions import PERMITTED, READABLE_LEVELS, Action, Caller, Role, require
from archive_service.model.record import AccessLevel
from tests.results import DA_NANG

# One column a role, in this order; x: permitted.
ROLES = (
    Role.DEPOSITOR,
    Role.INTAKE_OFFICER,
    Role.ARCHIVIST,
    Role.RECORDS_MANAGER,
    Role.AUDITOR,
    Role.MANAGER,
    Role.OPERATOR,
)
TABLE = """
                      dep  int  arc  rec  aud  man  ope
deposit                x    x    .    .    .    .    .
read-record            x    x    x    x    x    x    .
read-content           .    x    x    x    x    .    .
read-events            .    .    .    x    x    .    .
search                 .    x    x    x    x    x    .
verify                 x    x    x    x    x    .    .
read-quarantine        .    x    x    x    x    .    .
decide-quarantine      .    .    x    x    .    .    .
read-findings          .    x    x    x    x    x    .
resolve-finding        .    x    x    x    .    .    .
correct                .    .    x    x    .    .    .
merge-subjects         .    .    x    x    .    .    .
read-retention         .    .    x    x    x    x    .
tell-event             x    .    x    x    .    .    .
adopt-schedule         .    .    .    x    .    .    .
read-holds             .    .    .    x    x    x    .
place-hold             .    .    .    x    .    .    .
read-disposals         .    .    x    x    x    x    .
propose-disposal       .    .    .    x    .    .    .
vote-disposal          .    .    x    x    .    x    .
approve-disposal       .    .    .    x    .    x    .
follow-log             .    .    .    .    x    .    .
cosign-log             .    .    .    .    x    .    .
read-metrics           .    .    .    .    .    .    x
read-documentation     x    x    x    x    x    x    x
administer             .    .    .    .    .    .    x
"""
LEVELS = """
                      dep  int  arc  rec  aud  man  ope
open                   x    x    x    x    x    x    .
conditional            x    x    x    x    x    x    .
secret                 .    .    .    x    x    .    .
"""


def rows(table: str) -> dict[str, dict[Role, bool]]:
    lines = [line.split() for line in table.strip().splitlines()[1:]]
    return {name: {role: cell == "x" for role, cell in zip(ROLES, cells, strict=True)} for name, *cells in lines}


def caller(*roles: Role) -> Caller:
    return Caller("key:a", DA_NANG, frozenset({DA_NANG}), frozenset(roles))


@pytest.mark.parametrize(("role", "action"), list(product(Role, Action)))
def test_a_role_may_do_what_the_table_says_and_nothing_else(role: Role, action: Action) -> None:
    may = rows(TABLE)[action][role]
    assert (action in PERMITTED[role]) is may
    if may:
        require(caller(role), action)
    else:
        with pytest.raises(NotAllowed) as told:
            require(caller(role), action)
        assert told.value.details == {"action": str(action)}


@pytest.mark.parametrize(("role", "level"), list(product(Role, AccessLevel)))
def test_a_role_reads_the_levels_that_the_table_says(role: Role, level: AccessLevel) -> None:
    assert (level in READABLE_LEVELS[role]) is rows(LEVELS)[level][role]
    assert (level in caller(role).readable_levels) is rows(LEVELS)[level][role]


def test_the_tables_name_every_role_action_and_level() -> None:
    assert set(ROLES) == set(Role) == set(PERMITTED) == set(READABLE_LEVELS)
    assert set(rows(TABLE)) == set(Action)
    assert set(rows(LEVELS)) == set(AccessLevel)


@pytest.mark.parametrize("action", Action)
def test_who_has_no_role_may_do_nothing(action: Action) -> None:
    with pytest.raises(NotAllowed):
        require(caller(), action)
    assert caller().readable_levels == frozenset()


def test_several_roles_permit_what_any_of_them_does() -> None:
    both = caller(Role.DEPOSITOR, Role.AUDITOR)
    assert both.may(Action.DEPOSIT)
    assert both.may(Action.READ_EVENTS)
    assert not both.may(Action.CORRECT)
