"""The line of time-stamps that protects one batch under one authority, and the evidence records along it.

A line is chains of steps; a step is one authority's token over one batch. It begins with the batch itself and goes on
through what renewed it: a later batch that holds the step's token as a leaf (RFC 4998 §5.2) lengthens the chain, one
made over all chains so far (§5.3) begins a new chain. ``TimestampBatch.renews`` is canonical JSON:
``{"tokens":["BATCH:AUTHORITY",…]}`` for the former, ``{"hash_tree_of":BATCH,"lines":{AUTHORITY:LINE,…}}`` for the
latter. The lines are kept as they were hashed, because tokens that came later must not change them.
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from archive_service.evidence.evidence_record import Stamp, stamp_der
from archive_service.evidence.hash_tree import GroupKind, HashTree, decode_groups
from archive_service.model.timestamps import TimestampBatch, Timestamps, TimestampToken

Step = tuple[int, str]
Line = tuple[tuple[Step, ...], ...]


class NotInBatch(Exception):
    """The batch has no such group, or nobody has stamped it yet."""


def token_label(step: Step) -> str:
    """Return the label of a token's group in the batch that renews it.

    >>> token_label((7, "local"))
    '7:local'
    """
    return f"{step[0]}:{step[1]}"


def renewed_label(entry: int, authority: str) -> str:
    """Return the label of a record's group in a batch that renews hash trees: each authority has a line of its own."""
    return f"{entry} {authority}"


def mark_renewed(timestamps: Timestamps, batch: TimestampBatch, ends: dt.datetime) -> None:
    """Say of the tokens in the batch that they are renewed, where the batch's own, which ends then, outlasts them."""
    for label in json.loads(batch.renews or "{}").get("tokens", []):
        batch_id, _, authority = label.partition(":")
        for token in timestamps.tokens(int(batch_id)):
            if token.authority == authority and token.expires_at is not None and token.expires_at < ends:
                timestamps.set_renewed(token.batch_id, authority, batch.id)


def line_of(timestamps: Timestamps, batch_id: int, authority: str) -> Line:
    """Return the line of a batch under an authority as it is now. Raises NotInBatch while it owes the first token."""
    if _token(timestamps, (batch_id, authority)) is None:
        raise NotInBatch
    chains: list[list[Step]] = [[(batch_id, authority)]]
    for renewal in timestamps.hash_tree_renewals(batch_id):
        kept = json.loads(renewal.renews or "{}")["lines"].get(authority)
        signer = _signer(timestamps, renewal.id, authority, None)
        if kept is not None and signer is not None:
            chains = [[(step[0], step[1]) for step in chain] for chain in kept]
            chains.append([(renewal.id, signer)])
    _follow(timestamps, chains[-1])
    return tuple(tuple(chain) for chain in chains)


def _follow(timestamps: Timestamps, chain: list[Step]) -> None:
    """Lengthen the chain by every renewal of its last token."""
    while (last := _token(timestamps, chain[-1])) is not None and last.renewed_by is not None:
        signer = _signer(timestamps, last.renewed_by, last.authority, last)
        if signer is None:
            return
        chain.append((last.renewed_by, signer))


def _signer(timestamps: Timestamps, batch_id: int, wanted: str, renewed: TimestampToken | None) -> str | None:
    """Return whose token over the batch goes on with a line: the same authority's, or else the one that lasts longest.

    One that does not last longer than what it renews renews nothing.
    """
    lasting = {
        one.authority: one.expires_at
        for one in timestamps.tokens(batch_id)
        if one.expires_at is not None
        and (renewed is None or renewed.expires_at is None or one.expires_at > renewed.expires_at)
    }
    if wanted in lasting:
        return wanted
    return max(lasting, key=lambda name: (lasting[name], name), default=None)


def _token(timestamps: Timestamps, step: Step) -> TimestampToken | None:
    found = (one for one in timestamps.tokens(step[0]) if one.authority == step[1] and one.token is not None)
    return next(found, None)


@dataclass(frozen=True, slots=True)
class _Tree:
    algorithm: str
    tree: HashTree
    places: dict[tuple[GroupKind, str], int]


@dataclass(slots=True)
class RecordStamps:
    """Makes the chains of records' evidence along lines; a batch's tree is built once for all of its records."""

    timestamps: Timestamps
    _trees: dict[int, _Tree] = field(default_factory=dict)
    _tokens: dict[Step, bytes] = field(default_factory=dict)
    _renewals: dict[tuple[Step, Step], bytes] = field(default_factory=dict)

    def chains(self, line: Line, entry: int) -> list[list[bytes]]:
        """Return the DER ArchiveTimeStamps, chain by chain, of the documents that log entry ``entry`` commits to.

        Raises NotInBatch.
        """
        authority = line[0][0][1]
        labels = (str(entry), *(renewed_label(entry, authority) for _ in line[1:]))
        return [
            [self._stamp(chain[0], GroupKind.RECORD, label), *self._renewed(chain)]
            for chain, label in zip(line, labels, strict=True)
        ]

    def _renewed(self, chain: Sequence[Step]) -> list[bytes]:
        for before, step in pairwise(chain):
            if (before, step) not in self._renewals:
                self._renewals[before, step] = self._stamp(step, GroupKind.TOKEN, token_label(before))
        return [self._renewals[steps] for steps in pairwise(chain)]

    def _stamp(self, step: Step, kind: GroupKind, label: str) -> bytes:
        batch = self._tree(step[0])
        place = batch.places.get((kind, label))
        if place is None:
            raise NotInBatch
        return stamp_der(Stamp(batch.algorithm, batch.tree.reduced(place), self._token(step)))

    def _tree(self, batch_id: int) -> _Tree:
        if batch_id not in self._trees:
            batch = self.timestamps.get(batch_id)
            if batch is None:
                raise NotInBatch
            groups = decode_groups(batch.groups, batch.algorithm)
            places = {(group.kind, group.label): place for place, group in enumerate(groups)}
            self._trees[batch_id] = _Tree(batch.algorithm, HashTree(batch.algorithm, groups), places)
        return self._trees[batch_id]

    def _token(self, step: Step) -> bytes:
        if step not in self._tokens:
            found = _token(self.timestamps, step)
            if found is None or found.token is None:
                raise NotInBatch
            self._tokens[step] = found.token
        return self._tokens[step]
