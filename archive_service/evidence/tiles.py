"""Addresses of tiles and bundles of entries, as a monitor asks for them (C2SP tlog-tiles)."""

from __future__ import annotations

import re
import struct
from collections.abc import Iterable
from dataclasses import dataclass

from archive_service.evidence.tree import TILE_WIDTH
from archive_verify.errors import Malformed

# The most bytes of one entry in a bundle: its length is written in two bytes.
MAX_ENTRY_BYTES = 0xFFFF

_MAX_LEVEL = 63
_ADDRESS = re.compile(
    r"(?P<level>entries|0|[1-9][0-9]?)/(?P<number>(?:x[0-9]{3}/)*[0-9]{3})(?:\.p/(?P<width>[1-9][0-9]{0,2}))?", re.ASCII
)


@dataclass(frozen=True, slots=True)
class TileAddress:
    """Which tile is meant: its level (None for the entries themselves), number, and how many of its 256 places."""

    level: int | None
    number: int
    width: int = TILE_WIDTH

    @property
    def path(self) -> str:
        """The address after ``tile/``.

        >>> TileAddress(0, 1234067).path, TileAddress(None, 5, 17).path
        ('0/x001/x234/067', 'entries/005.p/17')
        """
        digits = str(self.number)
        digits = digits.zfill(-(-len(digits) // 3) * 3)
        groups = [digits[at : at + 3] for at in range(0, len(digits), 3)]
        place = "/".join([*(f"x{group}" for group in groups[:-1]), groups[-1]])
        part = "" if self.width == TILE_WIDTH else f".p/{self.width}"
        return f"{'entries' if self.level is None else self.level}/{place}{part}"


def parse_tile_address(text: str) -> TileAddress:
    """Return the tile that an address names, in its one right form. Raises Malformed."""
    match = _ADDRESS.fullmatch(text)
    if match is None:
        raise Malformed("This is no address of a tile.")
    address = TileAddress(
        None if match["level"] == "entries" else int(match["level"]),
        int(match["number"].replace("x", "").replace("/", "")),
        int(match["width"] or TILE_WIDTH),
    )
    if (address.level or 0) > _MAX_LEVEL or address.path != text:
        raise Malformed("This is no address of a tile.")
    return address


def entry_bundle(entries: Iterable[bytes]) -> bytes:
    r"""Return the entries one after another, each behind its length in two bytes, big-endian.

    >>> entry_bundle([b"a", b""])
    b'\x00\x01a\x00\x00'
    """
    return b"".join(struct.pack(">H", len(entry)) + entry for entry in entries)


def parse_entry_bundle(data: bytes) -> list[bytes]:
    """Return the entries of a bundle. Raises Malformed for one that ends in the middle of an entry."""
    entries, at = [], 0
    while at < len(data):
        if at + 2 > len(data):
            raise Malformed("The bundle ends in the middle of an entry.")
        (length,) = struct.unpack_from(">H", data, at)
        entry = data[at + 2 : at + 2 + length]
        if len(entry) != length:
            raise Malformed("The bundle ends in the middle of an entry.")
        entries.append(entry)
        at += 2 + length
    return entries
