"""The tree over tiles gives the roots and proofs of RFC 6962, however it was appended to."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from archive_service.errors import IntegrityFailure
from archive_service.evidence.tree import TILE_BYTES, TILE_WIDTH, TileId, Tree, append
from archive_verify.merkle import leaf_hash, require_consistency, require_inclusion, root_of


class MemoryTiles:
    """Tiles in a dictionary; counts what is read."""

    def __init__(self) -> None:
        self.kept: dict[TileId, bytes] = {}
        self.read = 0

    def hashes(self, level: int, tile: int) -> bytes:
        self.read += 1
        return self.kept.get((level, tile), b"")


def leaf(number: int) -> bytes:
    return leaf_hash(number.to_bytes(4))


def grown(steps: Sequence[int]) -> MemoryTiles:
    """Return the tiles of a tree appended to in these steps."""
    tiles, size = MemoryTiles(), 0
    for step in steps:
        tiles.kept.update(append(tiles, size, [leaf(n) for n in range(size, size + step)]))
        size += step
    return tiles


BIG = 66_000  # two levels of full tiles, and the beginning of a third
LEAVES = [leaf(number) for number in range(BIG)]
TILES = grown([BIG])


@settings(max_examples=60, deadline=None)
@given(st.lists(st.integers(0, 700), min_size=1, max_size=8))
def test_tiles_do_not_depend_on_the_steps_in_which_the_tree_grew(steps: list[int]) -> None:
    size = sum(steps)
    tiles = grown(steps)
    assert tiles.kept == grown([size]).kept
    assert Tree(tiles, size).root() == root_of(LEAVES[:size])


def test_tiles_are_those_of_the_specification() -> None:
    tiles = grown([70_000])
    widths = {(level, tile): len(hashes) // 32 for (level, tile), hashes in tiles.kept.items()}
    assert sum(level == 0 for level, _ in widths) == 274
    assert widths[0, 272] == 256
    assert widths[0, 273] == 112
    assert (widths[1, 0], widths[1, 1], widths[2, 0]) == (256, 17, 1)
    assert grown([256]).kept[1, 0] == root_of(LEAVES[:256])


@settings(max_examples=150, deadline=None)
@given(st.integers(1, BIG), st.data())
def test_every_entry_is_proven_in_every_earlier_tree(size: int, data: st.DataObject) -> None:
    index = data.draw(st.integers(0, size - 1))
    tree = Tree(TILES, size)
    require_inclusion(index, size, LEAVES[index], tree.inclusion_proof(index), tree.root())


@settings(max_examples=150, deadline=None)
@given(st.integers(1, BIG), st.data())
def test_every_tree_is_proven_to_extend_every_earlier_one(size: int, data: st.DataObject) -> None:
    earlier = data.draw(st.integers(1, size))
    roots = Tree(TILES, earlier).root(), Tree(TILES, size).root()
    require_consistency(earlier, size, Tree(TILES, size).consistency_proof(earlier), *roots)


def test_root_is_that_over_all_leaves() -> None:
    for size in (0, 1, 2, 255, 256, 257, 65_535, 65_536, 65_537, BIG):
        assert Tree(TILES, size).root() == root_of(LEAVES[:size])


def test_a_proof_reads_as_many_tiles_as_the_tree_has_levels_of_tiles_and_no_more() -> None:
    TILES.read = 0
    Tree(TILES, BIG).inclusion_proof(40_000)
    assert TILES.read <= 2 * 3


def test_appending_reads_and_changes_the_right_edge_alone() -> None:
    tiles = grown([BIG])
    tiles.read = 0
    changed = append(tiles, BIG, [leaf(BIG)])
    assert tiles.read == 1
    assert list(changed) == [(0, BIG // TILE_WIDTH)]
    assert changed[0, BIG // TILE_WIDTH][:-32] == tiles.kept[0, BIG // TILE_WIDTH]


def test_tiles_that_do_not_reach_so_far_are_an_integrity_failure() -> None:
    tiles = grown([1000])
    with pytest.raises(IntegrityFailure, match="Tile 3 of level 0"):
        Tree(tiles, 1001).root()
    with pytest.raises(IntegrityFailure):
        append(tiles, 1001, [leaf(0)])
    assert len(tiles.kept[0, 0]) == TILE_BYTES


def test_what_is_not_in_the_tree_has_no_proof() -> None:
    for index in (-1, 10):
        with pytest.raises(ValueError, match="of a tree of 10"):
            Tree(TILES, 10).inclusion_proof(index)
    for earlier in (0, 11):
        with pytest.raises(ValueError, match="within one of 10"):
            Tree(TILES, 10).consistency_proof(earlier)
