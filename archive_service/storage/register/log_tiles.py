"""Rows of the log's tree: tiles of hashes, checkpoints with their cosignatures, and the keys that signed them."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection, Row, exists, func, insert, select, update

from archive_service.model.units.log import LogKey, SignedCheckpoint
from archive_service.storage.register import tables as t
from archive_service.storage.register.rows import lock_name, upsert

_TILE_WIDTH = 256
_HASH_BYTES = 32

_T = t.log_tiles.c
_C = t.log_checkpoints.c
_S = t.log_cosignatures.c
_K = t.log_keys.c


class SqlLogTree:
    """Implements ``LogTree`` inside one transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def take_turn(self) -> None:
        """Keep others from changing the tree."""
        lock_name(self._connection, "log-tree")

    def integrated(self) -> int:
        """Return how many hashes of leaves there are: full tiles, and what the last one holds."""
        query = select(_T.tile, _T.hashes).where(_T.level == 0).order_by(_T.tile.desc()).limit(1)
        last = self._connection.execute(query).one_or_none()
        return last.tile * _TILE_WIDTH + len(last.hashes) // _HASH_BYTES if last is not None else 0

    def hashes(self, level: int, tile: int) -> bytes:
        """Return a tile's hashes."""
        query = select(_T.hashes).where(_T.level == level, _T.tile == tile)
        return self._connection.execute(query).scalar_one_or_none() or b""

    def put(self, tiles: Mapping[tuple[int, int], bytes]) -> None:
        """Write tiles."""
        for (level, tile), hashes in tiles.items():
            upsert(self._connection, t.log_tiles, {"level": level, "tile": tile, "hashes": hashes})

    def add_checkpoint(self, checkpoint: SignedCheckpoint) -> None:
        """Write a checkpoint."""
        self._connection.execute(
            insert(t.log_checkpoints),
            {
                "size": checkpoint.size,
                "root": checkpoint.root,
                "note": checkpoint.note,
                "made_at": checkpoint.made_at,
                "published_at": checkpoint.published_at,
            },
        )

    def newest(self, *, published: bool = False, cosigned: bool = False) -> SignedCheckpoint | None:
        """Return the largest checkpoint of those asked for."""
        query = select(t.log_checkpoints).order_by(_C.size.desc()).limit(1)
        if published:
            query = query.where(_C.published_at.is_not(None))
        if cosigned:
            query = query.where(exists().where(_S.size == _C.size))
        found = self._connection.execute(query).one_or_none()
        return _checkpoint(found) if found is not None else None

    def checkpoint(self, size: int) -> SignedCheckpoint | None:
        """Return the checkpoint of that size."""
        found = self._connection.execute(select(t.log_checkpoints).where(_C.size == size)).one_or_none()
        return _checkpoint(found) if found is not None else None

    def before(self, size: int) -> SignedCheckpoint | None:
        """Return the last checkpoint before one of that size."""
        query = select(t.log_checkpoints).where(_C.size < size).order_by(_C.size.desc()).limit(1)
        found = self._connection.execute(query).one_or_none()
        return _checkpoint(found) if found is not None else None

    def signed_roots(self, after: int, limit: int) -> list[tuple[int, bytes]]:
        """Return size and root of checkpoints larger than ``after``, smallest first."""
        query = select(_C.size, _C.root).where(_C.size > after).order_by(_C.size).limit(limit)
        return [(row.size, row.root) for row in self._connection.execute(query)]

    def unpublished(self, limit: int) -> list[SignedCheckpoint]:
        """Return checkpoints that are not in the store, smallest first."""
        query = select(t.log_checkpoints).where(_C.published_at.is_(None)).order_by(_C.size).limit(limit)
        return [_checkpoint(row) for row in self._connection.execute(query)]

    def mark_published(self, size: int, now: dt.datetime) -> None:
        """Say that a checkpoint is in the store, where nobody has said so."""
        waiting = update(t.log_checkpoints).where(_C.size == size, _C.published_at.is_(None))
        self._connection.execute(waiting.values(published_at=now))

    def add_cosignature(self, size: int, key_name: str, line: str, now: dt.datetime) -> None:
        """Keep a witness's line."""
        upsert(
            self._connection,
            t.log_cosignatures,
            {"size": size, "key_name": key_name, "line": line, "received_at": now},
        )

    def cosignatures(self, size: int) -> list[str]:
        """Return the witnesses' lines on a checkpoint."""
        query = select(_S.line).where(_S.size == size).order_by(_S.key_name)
        return list(self._connection.execute(query).scalars())

    def last_cosigned(self) -> dict[str, int]:
        """Return the largest size of each name."""
        query = select(_S.key_name, func.max(_S.size).label("largest")).group_by(_S.key_name)
        return {row.key_name: row.largest for row in self._connection.execute(query)}

    def all_keys(self) -> list[LogKey]:
        """Return every key, oldest first."""
        query = select(t.log_keys).order_by(_K.added_at, _K.verifier_key)
        return [LogKey(row.verifier_key, row.added_at, row.retired_at) for row in self._connection.execute(query)]

    def put_key(self, key: LogKey) -> None:
        """Write a key."""
        upsert(
            self._connection,
            t.log_keys,
            {"verifier_key": key.verifier_key, "added_at": key.added_at, "retired_at": key.retired_at},
        )


def _checkpoint(row: Row[Any]) -> SignedCheckpoint:
    return SignedCheckpoint(row.size, row.root, row.note, row.made_at, row.published_at)
