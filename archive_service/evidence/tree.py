"""The log's tree over tiles of hashes: appended to and proven from, whatever its size, by reading a few tiles.

A tile is a row of at most 256 hashes of one level: level 0 holds leaf hashes, each hash of a level above is the root
of a full tile below (C2SP tlog-tiles). So appending touches the right edge alone, and a proof in a log of a million
entries reads three tiles. Proofs are those of RFC 6962 §2.1.1 and §2.1.2.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from archive_service.errors import IntegrityFailure, Message
from archive_verify.merkle import EMPTY_ROOT, HASH_BYTES, node_hash

# Eight levels of the tree in each tile.
TILE_HEIGHT = 8
TILE_WIDTH = 1 << TILE_HEIGHT
TILE_BYTES = TILE_WIDTH * HASH_BYTES

# A tile is known by its level and its number within the level.
TileId = tuple[int, int]


class HashTiles(Protocol):
    """Where tiles are kept."""

    def hashes(self, level: int, tile: int) -> bytes:
        """Return the hashes of the tile so far, one after another; nothing for a tile that is not there."""
        ...


class Tree:
    """The tree of the first ``size`` entries. Every tile is read once; the tiles may have grown further since."""

    def __init__(self, tiles: HashTiles, size: int) -> None:
        self._tiles = tiles
        self._size = size
        self._read: dict[TileId, list[list[bytes]]] = {}

    def root(self) -> bytes:
        """Return the root hash. Raises IntegrityFailure when the tiles do not reach so far; so do all methods."""
        return self._range(0, self._size) if self._size else EMPTY_ROOT

    def inclusion_proof(self, index: int) -> list[bytes]:
        """Return the proof of the entry at ``index``, from its sibling up (PATH of RFC 6962 §2.1.1)."""
        if not 0 <= index < self._size:
            raise ValueError(f"entry {index} of a tree of {self._size}")
        start, end, path = 0, self._size, list[bytes]()
        while end - start > 1:
            middle = _split(start, end)
            if index < middle:
                path.append(self._range(middle, end))
                end = middle
            else:
                path.append(self._range(start, middle))
                start = middle
        return path[::-1]

    def consistency_proof(self, earlier: int) -> list[bytes]:
        """Return the proof that this tree extends that of the first ``earlier`` entries (PROOF of RFC 6962 §2.1.2)."""
        if not 0 < earlier <= self._size:
            raise ValueError(f"tree of {earlier} within one of {self._size}")
        start, end, path = 0, self._size, list[bytes]()
        while end != earlier:
            middle = _split(start, end)
            if earlier <= middle:
                path.append(self._range(middle, end))
                end = middle
            else:
                path.append(self._range(start, middle))
                start = middle
        if start:
            path.append(self._range(start, end))
        return path[::-1]

    def _range(self, start: int, end: int) -> bytes:
        """Return the root over entries [start, end); ``start`` is a multiple of the power of two above its length."""
        nodes = []
        while start < end:
            height = (end - start).bit_length() - 1
            nodes.append(self._node(height, start >> height))
            start += 1 << height
        root = nodes.pop()
        while nodes:
            root = node_hash(nodes.pop(), root)
        return root

    def _node(self, height: int, index: int) -> bytes:
        """Return the root of the perfect subtree of that height: it lies within one tile."""
        level, above = divmod(height, TILE_HEIGHT)
        tile, offset = divmod(index << above, TILE_WIDTH)
        if (level, tile) not in self._read:
            self._read[level, tile] = _pyramid(self._tiles.hashes(level, tile))
        rows = self._read[level, tile]
        if above >= len(rows) or offset >> above >= len(rows[above]):
            raise _tiles_missing(level, tile)
        return rows[above][offset >> above]


def append(tiles: HashTiles, size: int, leaves: Sequence[bytes]) -> dict[TileId, bytes]:
    """Return the tiles, with all their hashes, that change when leaf hashes are appended to the tree of ``size``.

    Raises IntegrityFailure when the tiles do not reach so far.
    """
    changed: dict[TileId, bytes] = {}
    level, first, added = 0, size, b"".join(leaves)
    while added:
        tile, width = divmod(first, TILE_WIDTH)
        there = tiles.hashes(level, tile)[: width * HASH_BYTES] if width else b""
        if len(there) != width * HASH_BYTES:
            raise _tiles_missing(level, tile)
        row, complete = there + added, []
        for number, begin in enumerate(range(0, len(row), TILE_BYTES), tile):
            hashes = row[begin : begin + TILE_BYTES]
            changed[level, number] = hashes
            if len(hashes) == TILE_BYTES:
                complete.append(_pyramid(hashes)[-1][0])
        level, first, added = level + 1, first >> TILE_HEIGHT, b"".join(complete)
    return changed


def _split(start: int, end: int) -> int:
    """Return where RFC 6962 divides the entries [start, end): after the largest power of two below their number."""
    return start + (1 << (end - start - 1).bit_length() - 1)


def _pyramid(hashes: bytes) -> list[list[bytes]]:
    """Return the hashes of a tile, and above them row by row the roots of every perfect subtree that they complete."""
    rows = [[hashes[at : at + HASH_BYTES] for at in range(0, len(hashes), HASH_BYTES)]]
    while len(rows[-1]) > 1:
        row = rows[-1]
        rows.append([node_hash(row[at], row[at + 1]) for at in range(0, len(row) - 1, 2)])
    return rows


def _tiles_missing(level: int, tile: int) -> IntegrityFailure:
    return IntegrityFailure(
        Message(
            f"Tile {tile} of level {level} of the log's tree is missing or too short. Tell the operator: the tree is "
            "made anew from the entries.",
            f"Mảnh {tile} tầng {level} của cây nhật ký bị thiếu hoặc quá ngắn. Hãy báo quản trị viên: "
            "cây được dựng lại từ các mục nhật ký.",
        ),
        code="log-tiles-incomplete",
    )
