"""Who may do what: the roles × actions table, deny by default.

A step asks ``require`` before anything else. The office always comes from the caller's identity; the request never
names it. A record outside the caller's offices or access levels does not exist for that caller (NotFound).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from archive_service.errors import Message, NotAllowed
from archive_service.model.identifiers import OfficeCode
from archive_service.model.record import AccessLevel


class Role(StrEnum):
    """What a key may be issued for."""

    DEPOSITOR = "depositor"
    INTAKE_OFFICER = "intake-officer"
    ARCHIVIST = "archivist"
    RECORDS_MANAGER = "records-manager"
    AUDITOR = "auditor"
    MANAGER = "manager"
    OPERATOR = "operator"


class Action(StrEnum):
    """What can be done through any entrance."""

    DEPOSIT = "deposit"
    READ_RECORD = "read-record"
    READ_CONTENT = "read-content"
    READ_EVENTS = "read-events"
    SEARCH = "search"
    VERIFY = "verify"
    READ_QUARANTINE = "read-quarantine"
    DECIDE_QUARANTINE = "decide-quarantine"
    READ_FINDINGS = "read-findings"
    RESOLVE_FINDING = "resolve-finding"
    CORRECT = "correct"
    MERGE_SUBJECTS = "merge-subjects"
    READ_RETENTION = "read-retention"
    TELL_EVENT = "tell-event"
    ADOPT_SCHEDULE = "adopt-schedule"
    READ_HOLDS = "read-holds"
    PLACE_HOLD = "place-hold"
    READ_DISPOSALS = "read-disposals"
    PROPOSE_DISPOSAL = "propose-disposal"
    VOTE_DISPOSAL = "vote-disposal"
    APPROVE_DISPOSAL = "approve-disposal"
    FOLLOW_LOG = "follow-log"
    COSIGN_LOG = "cosign-log"
    READ_METRICS = "read-metrics"
    READ_DOCUMENTATION = "read-documentation"
    ADMINISTER = "administer"


_A = Action
_EVERYONE = frozenset({_A.READ_DOCUMENTATION})
_READER = _EVERYONE | {_A.READ_RECORD, _A.READ_CONTENT, _A.SEARCH, _A.VERIFY}

# One row a role. What is not in a row is denied.
PERMITTED: Mapping[Role, frozenset[Action]] = {
    # the one-stop-shop system: hands over, and later reads the state of what it may see
    Role.DEPOSITOR: _EVERYONE | {_A.DEPOSIT, _A.READ_RECORD, _A.VERIFY, _A.TELL_EVENT},
    # scans, sends, sees what failed and why
    Role.INTAKE_OFFICER: _READER | {_A.DEPOSIT, _A.READ_QUARANTINE, _A.READ_FINDINGS, _A.RESOLVE_FINDING},
    # finds results and keeps their description right
    Role.ARCHIVIST: _READER
    | {
        _A.READ_QUARANTINE,
        _A.DECIDE_QUARANTINE,
        _A.READ_FINDINGS,
        _A.RESOLVE_FINDING,
        _A.CORRECT,
        _A.MERGE_SUBJECTS,
        _A.READ_RETENTION,
        _A.TELL_EVENT,
        _A.READ_DISPOSALS,
        _A.VOTE_DISPOSAL,
    },
    # rules over what is kept, and for how long
    Role.RECORDS_MANAGER: _READER
    | {
        _A.READ_EVENTS,
        _A.READ_QUARANTINE,
        _A.DECIDE_QUARANTINE,
        _A.READ_FINDINGS,
        _A.RESOLVE_FINDING,
        _A.CORRECT,
        _A.MERGE_SUBJECTS,
        _A.READ_RETENTION,
        _A.TELL_EVENT,
        _A.ADOPT_SCHEDULE,
        _A.READ_HOLDS,
        _A.PLACE_HOLD,
        _A.READ_DISPOSALS,
        _A.PROPOSE_DISPOSAL,
        _A.VOTE_DISPOSAL,
        _A.APPROVE_DISPOSAL,
    },
    # looks at everything, changes nothing; follows the log, and says as a witness that it only grows
    Role.AUDITOR: _READER
    | {
        _A.READ_EVENTS,
        _A.READ_QUARANTINE,
        _A.READ_FINDINGS,
        _A.READ_RETENTION,
        _A.READ_HOLDS,
        _A.READ_DISPOSALS,
        _A.FOLLOW_LOG,
        _A.COSIGN_LOG,
    },
    # sees the overview, not the documents; a member of councils, and approves what they agreed to
    Role.MANAGER: _EVERYONE
    | {
        _A.SEARCH,
        _A.READ_RECORD,
        _A.READ_FINDINGS,
        _A.READ_RETENTION,
        _A.READ_HOLDS,
        _A.READ_DISPOSALS,
        _A.VOTE_DISPOSAL,
        _A.APPROVE_DISPOSAL,
    },
    # runs the service, reads no documents
    Role.OPERATOR: _EVERYONE | {_A.READ_METRICS, _A.ADMINISTER},
}

# The access levels that each role may read.
READABLE_LEVELS: Mapping[Role, frozenset[AccessLevel]] = {
    Role.DEPOSITOR: frozenset({AccessLevel.OPEN, AccessLevel.CONDITIONAL}),
    Role.INTAKE_OFFICER: frozenset({AccessLevel.OPEN, AccessLevel.CONDITIONAL}),
    Role.ARCHIVIST: frozenset({AccessLevel.OPEN, AccessLevel.CONDITIONAL}),
    Role.RECORDS_MANAGER: frozenset(AccessLevel),
    Role.AUDITOR: frozenset(AccessLevel),
    Role.MANAGER: frozenset({AccessLevel.OPEN, AccessLevel.CONDITIONAL}),
    Role.OPERATOR: frozenset(),
}


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks, as the entrance established it. ``offices`` is the caller's office with everything under it.

    ``id`` is the key; ``account`` whose key it is, None where the key is an account of its own.
    """

    id: str
    office: OfficeCode
    offices: frozenset[OfficeCode]
    roles: frozenset[Role]
    account: str | None = None

    @property
    def person(self) -> str:
        """Who that is where two must be different people: one account is one person, whatever keys it has."""
        return self.id if self.account is None else f"account:{self.account}"

    @property
    def readable_levels(self) -> frozenset[AccessLevel]:
        """The access levels that any of the caller's roles may read."""
        return frozenset(level for role in self.roles for level in READABLE_LEVELS[role])

    def may(self, action: Action) -> bool:
        """Whether any of the caller's roles permits the action."""
        return any(action in PERMITTED[role] for role in self.roles)


def require(caller: Caller, action: Action) -> None:
    """Raise NotAllowed unless one of the caller's roles permits the action."""
    if not caller.may(action):
        raise NotAllowed(
            Message(
                f"Your key does not permit this action ({action}). Ask the operator for a key with the right role.",
                f"Khoá truy cập không có quyền thực hiện thao tác này ({action}). "
                "Hãy đề nghị quản trị viên cấp khoá phù hợp.",
            ),
            action=str(action),
        )
