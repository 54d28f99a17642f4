"""Disposals as the archive keeps them: what is proposed, who decided, and what became of each record.

The rules of who may decide are in ``retention.disposal``; these are the facts they are asked with. A list of records is
fixed when it is proposed, by a digest over ids and contents: afterwards records are only taken out of it.
"""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from archive_service.model.identifiers import OfficeCode, RecordId
from retention.disposal import Obstacle, Proposal, ProposalState, Vote
from retention.schedule import Action


class ItemState(StrEnum):
    """What became of one record of a proposal."""

    LISTED = "listed"  # proposed
    EXCEPTED = "excepted"  # taken out by a person before the council had agreed
    BEGUN = "begun"  # the record is not served any more and is being deleted
    DISPOSED = "disposed"  # gone
    KEPT = "kept"  # something forbade it at the last moment; it may be proposed again


# The states in which something is still to be done about a record.
STANDING = frozenset({ItemState.LISTED, ItemState.BEGUN})


@dataclass(frozen=True, slots=True)
class CastVote:
    """What a member of the council said, when, and why."""

    member: str
    vote: Vote
    reason: str
    voted_at: dt.datetime


@dataclass(frozen=True, slots=True)
class Receipt:
    """The word of whoever took records over: who, under which number of theirs, on which day, and what was said."""

    receiver: str
    reference: str
    received_on: dt.date
    text: str


@dataclass(frozen=True, slots=True)
class Disposal:
    """A proposal and what people have said of it so far. Persons are named as ``Caller.person`` names them."""

    id: str
    action: Action
    title: str
    office: OfficeCode
    council: frozenset[str]
    proposed_by: str
    proposed_at: dt.datetime
    votes: tuple[CastVote, ...] = ()
    approved_by: str | None = None
    approved_at: dt.datetime | None = None
    receipt: Receipt | None = None
    ended_at: dt.datetime | None = None
    certificate_sha256: str | None = None

    @property
    def proposal(self) -> Proposal:
        """What the rules are asked with."""
        votes = {one.member: one.vote for one in self.votes}
        done = self.certificate_sha256 is not None
        return Proposal(self.id, self.proposed_by, self.council, votes, self.approved_by, done)

    @property
    def state(self) -> ProposalState:
        """Where it stands."""
        return self.proposal.state

    @property
    def may_be_executed(self) -> bool:
        """Whether records may be let go by it: approved, and where they are handed over, received."""
        received = self.action is not Action.TRANSFER or self.receipt is not None
        return self.state is ProposalState.APPROVED and received


@dataclass(frozen=True, slots=True)
class DisposalItem:
    """One record of a proposal. ``sha256`` and ``size_bytes`` are those of its original.

    ``reason`` and ``actor``: why a person took it out, and who. ``obstacle``: what kept it. ``package_sha256``: the
    evidence package that was handed over. ``changed_at`` is when it came to its state.
    """

    disposal_id: str
    record_id: RecordId
    state: ItemState
    size_bytes: int
    sha256: str
    changed_at: dt.datetime
    class_code: str | None = None
    due_on: dt.date | None = None
    reason: str | None = None
    actor: str | None = None
    obstacle: Obstacle | None = None
    package_sha256: str | None = None


@dataclass(frozen=True, slots=True)
class Amount:
    """How many records, and how many bytes their originals have."""

    records: int = 0
    size_bytes: int = 0


@dataclass(frozen=True, slots=True)
class Tally:
    """What became of the records of a proposal, by state."""

    by_state: Mapping[ItemState, Amount] = field(default_factory=dict)

    def of(self, *states: ItemState) -> int:
        """Return how many records are in one of the states; without any, how many there are."""
        return sum(self.by_state[state].records for state in states or ItemState if state in self.by_state)

    @property
    def is_final(self) -> bool:
        """Whether nothing is left to be done about any record."""
        return not self.of(*STANDING)


class ListDigest:
    """The digest of a list of records: SHA-256 over a line ``id sha256`` for each, in the order of ids."""

    def __init__(self) -> None:
        self._state = hashlib.sha256()

    def add(self, items: Iterable[DisposalItem]) -> None:
        """Take the next records, whose ids come after all before."""
        for item in items:
            self._state.update(f"{item.record_id} {item.sha256}\n".encode())

    def hexdigest(self) -> str:
        """Return the digest of what was taken."""
        return self._state.hexdigest()
