"""The Merkle tree of a log and the proofs it gives (RFC 6962 §2.1, verified as RFC 9162 §2.1.3.2 and §2.1.4.2 say).

A proof is a sequence of 32-byte hashes. Every ``require_…`` returns nothing when the proof holds and raises Refused
with the reason when it does not. Subtrees are those of draft-ietf-plants-merkle-tree-certs §4: a range whose start is a
multiple of the smallest power of two that is not below its length.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterable, Sequence

from archive_verify.errors import Refused

HASH_BYTES = 32

# The root of a tree without entries (RFC 6962 §2.1).
EMPTY_ROOT = hashlib.sha256(b"").digest()

_sha256 = hashlib.sha256


def leaf_hash(entry: bytes) -> bytes:
    """Return the hash of an entry as a leaf.

    >>> leaf_hash(b"").hex()[:16]
    '6e340b9cffb37a98'
    """
    return _sha256(b"\x00" + entry).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """Return the hash of a node over its two children."""
    return _sha256(b"\x01" + left + right).digest()


class GrowingTree:
    """A tree that entries are added to; memory is bounded by its height."""

    def __init__(self) -> None:
        self.size = 0
        # The roots of the perfect subtrees from the left, each smaller than the one before.
        self._nodes: list[bytes] = []

    def add(self, leaf: bytes) -> None:
        """Take the next leaf hash."""
        node, rest = leaf, self.size
        while rest & 1:
            node, rest = _sha256(b"\x01" + self._nodes.pop() + node).digest(), rest >> 1
        self._nodes.append(node)
        self.size += 1

    def copy(self) -> GrowingTree:
        """Return another tree of the same leaves, which grows by itself."""
        other = GrowingTree()
        other.size, other._nodes = self.size, self._nodes.copy()
        return other

    def root(self) -> bytes:
        """Return the root over all leaves so far."""
        if not self._nodes:
            return EMPTY_ROOT
        root = self._nodes[-1]
        for left in reversed(self._nodes[:-1]):
            root = node_hash(left, root)
        return root


def root_of(leaves: Iterable[bytes]) -> bytes:
    """Return the root of the tree over these leaf hashes, in order; memory is bounded by the tree's height.

    >>> root_of([]) == EMPTY_ROOT
    True
    """
    tree = GrowingTree()
    for leaf in leaves:
        tree.add(leaf)
    return tree.root()


def require_inclusion(index: int, size: int, leaf: bytes, proof: Sequence[bytes], root: bytes) -> None:
    """Raise Refused unless ``leaf`` is the leaf hash at ``index`` (from 0) of the tree of that size and root."""
    if not 0 <= index < size:
        raise Refused(f"Entry {index} cannot be in a tree of {size} entries.")
    _require_hashes([leaf, *proof])
    here, last, node = index, size - 1, leaf
    for sibling in proof:
        if last == 0:
            raise Refused("The inclusion proof is longer than the tree is high.")
        if here & 1 or here == last:
            node = node_hash(sibling, node)
            while here and not here & 1:
                # Nodes without a right sibling are carried up as they are.
                here, last = here >> 1, last >> 1
        else:
            node = node_hash(node, sibling)
        here, last = here >> 1, last >> 1
    if last != 0:
        raise Refused("The inclusion proof is shorter than the tree is high.")
    if not hmac.compare_digest(node, root):
        raise Refused(f"The inclusion proof of entry {index} does not lead to the root of the tree of {size} entries.")


def require_consistency(size1: int, size2: int, proof: Sequence[bytes], root1: bytes, root2: bytes) -> None:
    """Raise Refused unless the tree of ``size2`` leaves begins with all of the tree of ``size1`` leaves.

    A tree without entries proves nothing about a later one, so ``size1`` of 0 is refused.
    """
    if size1 < 1:
        raise Refused("A tree without entries says nothing about a later one.")
    require_subtree_consistency(0, size1, size2, proof, root1, root2)


def require_subtree_inclusion(
    index: int, subtree: tuple[int, int], leaf: bytes, proof: Sequence[bytes], root: bytes
) -> None:
    """Raise Refused unless ``leaf`` is entry ``index``, within the subtree [start, end) that has ``root``."""
    start, end = subtree
    _require_subtree(start, end)
    require_inclusion(index - start, end - start, leaf, proof, root)


def require_subtree_consistency(
    start: int, end: int, size: int, proof: Sequence[bytes], root1: bytes, root2: bytes
) -> None:
    """Raise Refused unless the subtree [start, end) with ``root1`` is part of the tree with ``root2``.

    Source: draft-ietf-plants-merkle-tree-certs §4.4.3; with start 0 it is RFC 9162 §2.1.4.2.
    """
    _require_subtree(start, end)
    if end > size:
        raise Refused(f"A tree of {size} entries does not reach entry {end - 1}.")
    _require_hashes(proof)
    if start == end:
        if proof or not hmac.compare_digest(root1, EMPTY_ROOT):
            raise Refused("A subtree without entries has another root or proof than none.")
        return
    if _climb(start, end - 1, size - 1, list(proof), root1) != (root1, root2):
        raise Refused(f"The tree of {size} entries does not contain the entries before {end} as they were.")


def _climb(first: int, last: int, top: int, path: list[bytes], subtree: bytes) -> tuple[bytes, bytes]:
    """Return the roots of the subtree and of the tree that the proof leads to; raise Refused when it ends elsewhere.

    ``first`` and ``last`` are the ends of the subtree at the level looked at, ``top`` the last node of the tree there.
    """
    whole = last == top
    while first != last and (whole or last & 1):
        first, last, top = first >> 1, last >> 1, top >> 1
    if first != last and not path:
        raise Refused("The consistency proof is shorter than the tree is high.")
    # A subtree that is a node of the tree is where the way up begins; else the proof names its rightmost such part.
    inner = outer = subtree if first == last else path.pop(0)
    for node in path:
        if top == 0:
            raise Refused("The consistency proof is longer than the tree is high.")
        if last & 1 or last == top:
            inner = node_hash(node, inner) if first < last else inner
            outer = node_hash(node, outer)
            while not last & 1:
                first, last, top = first >> 1, last >> 1, top >> 1
        else:
            outer = node_hash(outer, node)
        first, last, top = first >> 1, last >> 1, top >> 1
    if top != 0:
        raise Refused("The consistency proof is shorter than the tree is high.")
    return inner, outer


def _require_subtree(start: int, end: int) -> None:
    length = end - start
    if start < 0 or length < 0 or (length and start % (1 << (length - 1).bit_length())):
        raise Refused(f"Entries {start} to {end} are no subtree.")


def _require_hashes(proof: Sequence[bytes]) -> None:
    if any(len(node) != HASH_BYTES for node in proof):
        raise Refused(f"A hash does not have {HASH_BYTES} bytes.")
