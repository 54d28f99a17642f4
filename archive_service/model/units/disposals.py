"""The port to disposals: proposals, their records, and the votes on them.

Every method takes part in the transaction it was reached through; none commits.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from archive_service.model.disposals import CastVote, Disposal, DisposalItem, ItemState, Tally
from archive_service.model.identifiers import OfficeCode, RecordId
from retention.disposal import ProposalState


@dataclass(frozen=True, slots=True)
class DisposalSelection:
    """Which proposals a listing asks for, in order of id, which is that of time. None means no limit."""

    offices: frozenset[OfficeCode] | None = None
    states: frozenset[ProposalState] | None = None
    after: str = ""
    limit: int = 100


@dataclass(frozen=True, slots=True)
class ItemSelection:
    """Which records of a proposal a listing asks for, in order of id. None means no limit."""

    disposal_id: str
    states: frozenset[ItemState] | None = None
    after: str = ""
    limit: int = 500


class Disposals(Protocol):
    """Proposals for disposal. One that is still being written down is a draft: nobody sees it, and it ends by itself.

    A draft keeps its records from being proposed by another, as an open proposal does.
    """

    def add_draft(self, draft: Disposal) -> None:
        """Begin to write a proposal down; its id is new."""
        ...

    def add_items(self, items: Sequence[DisposalItem]) -> None:
        """Write records into a draft; they are in it once."""
        ...

    def open(self, disposal_id: str) -> Disposal | None:
        """Let a draft be seen and voted on from now on; None where there is no such draft."""
        ...

    def drop_drafts(self, begun_before: dt.datetime) -> None:
        """Forget drafts that nobody goes on with, and their records."""
        ...

    def get(self, disposal_id: str, *, lock: bool = False) -> Disposal | None:
        """Return a proposal that was opened; with ``lock`` nobody else changes it until the transaction ends."""
        ...

    def select(self, selection: DisposalSelection) -> list[Disposal]:
        """Return one page of proposals that were opened."""
        ...

    def put(self, disposal: Disposal) -> None:
        """Write approval, receipt, end and certificate of a proposal, and the state that follows."""
        ...

    def add_vote(self, disposal_id: str, vote: CastVote) -> None:
        """Write a member's vote, cast once."""
        ...

    def items(self, selection: ItemSelection) -> list[DisposalItem]:
        """Return one page of a proposal's records."""
        ...

    def item(self, disposal_id: str, record_id: RecordId, *, lock: bool = False) -> DisposalItem | None:
        """Return one record of a proposal; ``lock`` as in ``get``."""
        ...

    def put_item(self, item: DisposalItem) -> None:
        """Write what became of a record; digest and size stay as they were proposed."""
        ...

    def tally(self, disposal_id: str) -> Tally:
        """Return what became of a proposal's records."""
        ...

    def begun_before(self, instant: dt.datetime) -> int:
        """Return how many records of approved proposals began to be deleted by that instant, and are not gone."""
        ...

    def not_exported(self, disposal_id: str) -> int:
        """Return how many records are still listed whose package was not handed over."""
        ...

    def proposed(self, record_ids: Sequence[RecordId]) -> set[RecordId]:
        """Return those of the records that are listed or begun in a proposal that has not ended, or in a draft."""
        ...

    def to_execute(self, record_id: RecordId) -> tuple[Disposal, DisposalItem] | None:
        """Return the approved proposal in which the record is listed or begun, and its place there."""
        ...

    def awaits_index(self, disposal_id: str) -> bool:
        """Whether the index is still to be told of any record that was disposed of by the proposal."""
        ...
