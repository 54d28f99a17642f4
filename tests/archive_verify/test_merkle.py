"""The published proof vectors, and laws that hold for every tree."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from archive_verify.errors import Refused
from archive_verify.merkle import (
    EMPTY_ROOT,
    leaf_hash,
    node_hash,
    require_consistency,
    require_inclusion,
    require_subtree_consistency,
    require_subtree_inclusion,
    root_of,
)
from tests.conftest import SHARED_DATA

MERKLE = SHARED_DATA / "merkle"


def vectors(kind: str) -> list[Any]:
    files = sorted((MERKLE / kind).rglob("*.json"))
    if not files:
        return [pytest.param({}, marks=pytest.mark.skip("the proof vectors are not in ../shared/data/merkle"))]
    return [pytest.param(json.loads(file.read_text()), id=str(file.relative_to(MERKLE / kind))) for file in files]


def decoded(vector: dict[str, Any], name: str) -> bytes:
    return base64.b64decode(vector[name] or "")


def path(vector: dict[str, Any]) -> list[bytes]:
    return [base64.b64decode(node) for node in vector["proof"] or []]


def require_as_said(vector: dict[str, Any], check: Callable[[], None]) -> None:
    if vector["wantErr"]:
        with pytest.raises(Refused):
            check()
    else:
        check()


@pytest.mark.parametrize("vector", vectors("inclusion"))
def test_inclusion_vectors(vector: dict[str, Any]) -> None:
    leaf, root = decoded(vector, "leafHash"), decoded(vector, "root")
    require_as_said(vector, lambda: require_inclusion(vector["leafIdx"], vector["treeSize"], leaf, path(vector), root))


@pytest.mark.parametrize("vector", vectors("subtreeinclusion"))
def test_subtree_inclusion_vectors(vector: dict[str, Any]) -> None:
    leaf, root, subtree = decoded(vector, "leafHash"), decoded(vector, "root"), (vector["start"], vector["end"])
    require_as_said(vector, lambda: require_subtree_inclusion(vector["leafIdx"], subtree, leaf, path(vector), root))


@pytest.mark.parametrize("vector", vectors("consistency"))
def test_consistency_vectors(vector: dict[str, Any]) -> None:
    sizes, roots = (vector["size1"], vector["size2"]), (decoded(vector, "root1"), decoded(vector, "root2"))
    require_as_said(vector, lambda: require_consistency(*sizes, path(vector), *roots))


@pytest.mark.parametrize("vector", vectors("subtreeconsistency"))
def test_subtree_consistency_vectors(vector: dict[str, Any]) -> None:
    ends, roots = (vector["start"], vector["end"], vector["size"]), (decoded(vector, "root1"), decoded(vector, "root2"))
    require_as_said(vector, lambda: require_subtree_consistency(*ends, path(vector), *roots))


def root(leaves: Sequence[bytes]) -> bytes:
    """The definition of RFC 6962 §2.1, word for word."""
    if len(leaves) < 2:
        return leaves[0] if leaves else EMPTY_ROOT
    k = 1 << (len(leaves) - 1).bit_length() - 1
    return node_hash(root(leaves[:k]), root(leaves[k:]))


def inclusion(index: int, leaves: Sequence[bytes]) -> list[bytes]:
    """PATH of RFC 6962 §2.1.1, word for word."""
    if len(leaves) < 2:
        return []
    k = 1 << (len(leaves) - 1).bit_length() - 1
    if index < k:
        return [*inclusion(index, leaves[:k]), root(leaves[k:])]
    return [*inclusion(index - k, leaves[k:]), root(leaves[:k])]


def consistency(size: int, leaves: Sequence[bytes], *, whole: bool = True) -> list[bytes]:
    """SUBPROOF of RFC 6962 §2.1.2, word for word."""
    if size == len(leaves):
        return [] if whole else [root(leaves)]
    k = 1 << (len(leaves) - 1).bit_length() - 1
    if size <= k:
        return [*consistency(size, leaves[:k], whole=whole), root(leaves[k:])]
    return [*consistency(size - k, leaves[k:], whole=False), root(leaves[:k])]


LEAVES = [leaf_hash(number.to_bytes(2)) for number in range(70)]
sizes = st.integers(1, len(LEAVES))


@given(st.integers(0, len(LEAVES)))
def test_root_is_that_of_the_definition(size: int) -> None:
    assert root_of(iter(LEAVES[:size])) == root(LEAVES[:size])


@given(st.data())
def test_every_entry_has_a_proof_that_no_changed_byte_leaves_standing(data: st.DataObject) -> None:
    size = data.draw(sizes)
    index = data.draw(st.integers(0, size - 1))
    leaves = LEAVES[:size]
    proof = inclusion(index, leaves)
    require_inclusion(index, size, leaves[index], proof, root(leaves))
    for changed in (*_changed(data, proof), proof[:-1] if proof else [EMPTY_ROOT], [*proof, EMPTY_ROOT]):
        with pytest.raises(Refused):
            require_inclusion(index, size, leaves[index], changed, root(leaves))


@given(st.data())
def test_proof_of_one_entry_is_none_of_another(data: st.DataObject) -> None:
    size = data.draw(st.integers(2, len(LEAVES)))
    index, other = data.draw(st.lists(st.integers(0, size - 1), min_size=2, max_size=2, unique=True))
    leaves = LEAVES[:size]
    for place, leaf in ((other, leaves[index]), (index, leaves[other]), (other, leaves[other])):
        with pytest.raises(Refused):
            require_inclusion(place, size, leaf, inclusion(index, leaves), root(leaves))


@given(st.data())
def test_a_longer_tree_is_proven_and_no_changed_byte_leaves_the_proof_standing(data: st.DataObject) -> None:
    size2 = data.draw(sizes)
    size1 = data.draw(st.integers(1, size2))
    proof = consistency(size1, LEAVES[:size2])
    roots = root(LEAVES[:size1]), root(LEAVES[:size2])
    require_consistency(size1, size2, proof, *roots)
    for changed in (*_changed(data, proof), proof[:-1] if proof else [EMPTY_ROOT], [*proof, EMPTY_ROOT]):
        with pytest.raises(Refused):
            require_consistency(size1, size2, changed, *roots)


@given(st.data())
def test_a_forked_tree_is_never_consistent(data: st.DataObject) -> None:
    size2 = data.draw(sizes)
    size1 = data.draw(st.integers(1, size2))
    rewritten = data.draw(st.integers(0, size1 - 1))
    fork = [*LEAVES[:rewritten], leaf_hash(b"rewritten"), *LEAVES[rewritten + 1 : size2]]
    with pytest.raises(Refused):
        require_consistency(size1, size2, consistency(size1, fork), root(LEAVES[:size1]), root(fork))


def _changed(data: st.DataObject, proof: list[bytes]) -> list[list[bytes]]:
    if not proof:
        return []
    which = data.draw(st.integers(0, len(proof) - 1))
    place = data.draw(st.integers(0, 31))
    flip = data.draw(st.integers(1, 255))
    node = bytearray(proof[which])
    node[place] ^= flip
    return [[*proof[:which], bytes(node), *proof[which + 1 :]]]


def test_a_hash_of_another_length_is_refused() -> None:
    joined = LEAVES[0] + LEAVES[1]
    with pytest.raises(Refused, match="32 bytes"):
        require_inclusion(0, 2, LEAVES[0], [joined], root(LEAVES[:2]))
