"""Who may let records go: a proposal, a council that votes, and another person who approves.

Persons are known by their account, never by a name: one account under two names is one person. Nothing here deletes; it
says whether the decision has been taken as it must be.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum

from retention.decide import Decision, RetentionState


class ProposalState(StrEnum):
    """Where a proposal stands."""

    OPEN = "open"  # exceptions may be taken out; the council votes
    CARRIED = "carried"  # the council agreed; a person other than the proposer must approve
    REJECTED = "rejected"
    APPROVED = "approved"  # may be carried out, each record judged again at that moment
    DONE = "done"


class Vote(StrEnum):
    """What a member of the council says."""

    AGREE = "agree"
    REFUSE = "refuse"


class RefusalCode(StrEnum):
    """Why a person may not do that."""

    NOT_OPEN = "not-open"
    NOT_CARRIED = "not-carried"
    NOT_A_MEMBER = "not-a-member"
    VOTED_ALREADY = "voted-already"
    PROPOSED_IT = "proposed-it"
    VOTED_ON_IT = "voted-on-it"
    APPROVED_ALREADY = "approved-already"
    COUNCIL_TOO_SMALL = "council-too-small"


class NotPermitted(Exception):
    """The step may not be taken; ``code`` says why."""

    def __init__(self, code: RefusalCode) -> None:
        super().__init__(str(code))
        self.code = code


SMALLEST_COUNCIL = 1


@dataclass(frozen=True, slots=True)
class Proposal:
    """A list of records proposed for disposal, and what people have said of it so far.

    ``council`` are the accounts that vote; ``votes`` what they said. ``approved_by`` is the account that approved.
    """

    id: str
    proposed_by: str
    council: frozenset[str]
    votes: Mapping[str, Vote]
    approved_by: str | None = None
    done: bool = False

    @property
    def state(self) -> ProposalState:
        """Return where it stands: one refusal rejects, every member must agree."""
        if self.done:
            return ProposalState.DONE
        if Vote.REFUSE in self.votes.values():
            return ProposalState.REJECTED
        if set(self.votes) != self.council:
            return ProposalState.OPEN
        return ProposalState.APPROVED if self.approved_by is not None else ProposalState.CARRIED


def propose(proposal_id: str, proposed_by: str, council: frozenset[str], size: int) -> Proposal:
    """Return a new proposal. Raises NotPermitted unless the council, without the proposer, has ``size`` members."""
    if proposed_by in council:
        raise NotPermitted(RefusalCode.PROPOSED_IT)
    if len(council) < max(size, SMALLEST_COUNCIL):
        raise NotPermitted(RefusalCode.COUNCIL_TOO_SMALL)
    return Proposal(proposal_id, proposed_by, council, {})


def cast(proposal: Proposal, member: str, vote: Vote) -> Proposal:
    """Return the proposal with a member's vote, cast once, by a member, while it is open. Raises NotPermitted."""
    if proposal.state is not ProposalState.OPEN:
        raise NotPermitted(RefusalCode.NOT_OPEN)
    if member not in proposal.council:
        raise NotPermitted(RefusalCode.NOT_A_MEMBER)
    if member in proposal.votes:
        raise NotPermitted(RefusalCode.VOTED_ALREADY)
    return replace(proposal, votes={**proposal.votes, member: vote})


def approve(proposal: Proposal, approver: str) -> Proposal:
    """Return the proposal approved. Raises NotPermitted: once, when carried, by neither the proposer nor a member."""
    if proposal.approved_by is not None:
        raise NotPermitted(RefusalCode.APPROVED_ALREADY)
    if proposal.state is not ProposalState.CARRIED:
        raise NotPermitted(RefusalCode.NOT_CARRIED)
    if approver == proposal.proposed_by:
        raise NotPermitted(RefusalCode.PROPOSED_IT)
    if approver in proposal.council:
        raise NotPermitted(RefusalCode.VOTED_ON_IT)
    return replace(proposal, approved_by=approver)


@dataclass(frozen=True, slots=True)
class Obstacle:
    """Why a record is not let go at this moment, in English and Vietnamese."""

    code: str
    en: str
    vi: str


def obstacle(decision: Decision, today: dt.date, locked_until: dt.datetime | None, now: dt.datetime) -> Obstacle | None:
    """Return what forbids to let a record go at this very moment, None when nothing does.

    Asked again immediately before each record is deleted: a hold may have come since, and the lock is the store's.
    """
    if decision.holds:
        return Obstacle("held", "A hold has been placed on it.", "Tài liệu đang bị giữ theo lệnh.")
    if decision.standing is not RetentionState.DUE or decision.due_on is None or today < decision.due_on:
        return Obstacle("not-due", "It is not due on this day.", "Tài liệu chưa đến hạn vào ngày này.")
    if locked_until is not None and locked_until > now:
        return Obstacle("locked", "The store still locks it.", "Kho lưu trữ vẫn đang khoá tài liệu.")
    return None
