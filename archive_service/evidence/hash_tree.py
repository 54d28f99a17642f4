"""The hash tree of a batch (RFC 4998 §4.2): one time-stamp over all of it, a short path for each of its groups.

A group is what belongs together: documents and the log entry that commits to them, or one thing that stands alone (a
checkpoint, an older token). The groups' hashes are kept, so that the path of one can be made after others were disposed
of.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import IntEnum

from archive_verify.algorithms import digest
from archive_verify.evidence_record import node_of

# The first bytes of kept groups, so that a later form can be told apart.
_HEADER = b"groups/1\n"


class GroupKind(IntEnum):
    """What a group's hashes are of; the numbers are part of the kept form."""

    RECORD = 1  # a record's original, or a disposal's certificate and paper, with the entry
    CHECKPOINT = 2
    TOKEN = 3
    REVOCATION = 4
    ENTRY = 5


# Calling the enum for each of a hundred thousand groups would take longer than hashing them.
_KINDS = {int(kind): kind for kind in GroupKind}


@dataclass(frozen=True, slots=True)
class Group:
    """The hashes of a data object group, sorted; ``label`` says which one of its kind it is (1 to 255 bytes)."""

    kind: GroupKind
    label: str
    hashes: tuple[bytes, ...]


def make_group(kind: GroupKind, label: str, hashes: Sequence[bytes]) -> Group:
    """Return a group; raises ValueError for one that cannot be kept."""
    if not 1 <= len(label.encode()) <= 255 or not 1 <= len(hashes) <= 255:
        raise ValueError("a group has a label and hashes, at most 255 of each")
    return Group(kind, label, tuple(sorted(hashes)))


class HashTree:
    """A binary tree over groups in their order; a node without a sibling goes up as it is."""

    def __init__(self, algorithm: str, groups: Sequence[Group]) -> None:
        """Build the tree. Raises ValueError for no groups, Refused for a hash function that is not permitted."""
        if not groups:
            raise ValueError("a hash tree has at least one group")
        digest(algorithm)
        self._groups = groups
        self._levels = [[node_of(algorithm, group.hashes) for group in groups]]
        hashed = getattr(hashlib, algorithm)
        while len(below := self._levels[-1]) > 1:
            pairs = zip(below[::2], below[1::2], strict=False)
            above = [hashed(left + right if left < right else right + left).digest() for left, right in pairs]
            if len(below) % 2:
                above.append(below[-1])
            self._levels.append(above)

    @property
    def root(self) -> bytes:
        """What is stamped."""
        return self._levels[-1][0]

    def reduced(self, position: int) -> list[list[bytes]]:
        """Return the reduced hash tree of the group at that position: hash lists from the group up (RFC 4998 §4.2).

        No list for a single hash that is the whole tree. The hash of a group of one stands beside its sibling, because
        RFC 4998 leaves open whether a hash that is alone in a list is hashed again.
        """
        lists = [list(self._groups[position].hashes)]
        for level in self._levels[:-1]:
            sibling = position ^ 1
            if sibling < len(level):
                lists.append([level[sibling]])
            position //= 2
        if len(lists[0]) > 1:
            return lists
        return [sorted([*lists[0], *lists[1]]), *lists[2:]] if len(lists) > 1 else []


def encode_groups(groups: Sequence[Group]) -> bytes:
    """Return the groups as they are kept: for each its kind, label and hashes, lengths before them."""
    parts = [_HEADER]
    for group in groups:
        label = group.label.encode()
        parts.append(bytes((group.kind, len(label), len(group.hashes))))
        parts.append(label)
        parts.extend(group.hashes)
    return b"".join(parts)


def decode_groups(kept: bytes, algorithm: str) -> list[Group]:
    """Return the groups that ``encode_groups`` kept. Raises ValueError for anything else."""
    if not kept.startswith(_HEADER):
        raise ValueError("kept groups of an unknown form")
    try:
        return list(_groups(kept, len(digest(algorithm))))
    except KeyError as unknown:
        raise ValueError("kept groups of an unknown kind") from unknown


def _groups(kept: bytes, size: int) -> Iterator[Group]:
    at, end = len(_HEADER), len(kept)
    while at < end:
        kind, label_size, count = kept[at : at + 3]
        hashes_at = at + 3 + label_size
        at = hashes_at + count * size
        if at > end:
            raise ValueError("kept groups that end early")
        label = kept[hashes_at - label_size : hashes_at].decode()
        yield Group(_KINDS[kind], label, tuple(kept[i : i + size] for i in range(hashes_at, at, size)))
