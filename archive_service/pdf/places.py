"""Where recognised words stand on their page: so that a text layer can be laid over the scan without reading it again.

A place is a word's lower edge, from its first letter to its last, and its height, as parts of the page as it is shown:
so it holds at every resolution and for words that lie askew. Packed, it takes ten bytes.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Iterable
from dataclasses import dataclass

_PACKED = struct.Struct(">5H")
PLACE_BYTES = _PACKED.size
_WHOLE = 65_535


@dataclass(frozen=True, slots=True)
class Place:
    """A word's lower edge from (x, y) to (end_x, end_y), from the page's upper left corner, and its height.

    In parts of the page: x of its width; y and height of its height.
    """

    x: float
    y: float
    end_x: float
    end_y: float
    height: float


@dataclass(frozen=True, slots=True)
class Line:
    """A word's lower edge and height in the pixels of an image, from its upper left corner."""

    x: float
    y: float
    end_x: float
    end_y: float
    height: float


def turned_back(line: Line, degrees: float, turned: tuple[int, int], upright: tuple[int, int]) -> Line:
    """Return where the line of a turned image is in the image before it was turned; sizes are width and height.

    The image was turned counter-clockwise about its centre and nothing was cut off.

    >>> turned_back(Line(10, 60, 10, 20, 5), 90, (100, 200), (200, 100))
    Line(x=140.0, y=10.0, end_x=180.0, end_y=10.0, height=5)
    """
    cosine, sine = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))

    def back(x: float, y: float) -> tuple[float, float]:
        across, down = x - turned[0] / 2, y - turned[1] / 2
        return (
            round(across * cosine - down * sine + upright[0] / 2, 3),
            round(across * sine + down * cosine + upright[1] / 2, 3),
        )

    return Line(*back(line.x, line.y), *back(line.end_x, line.end_y), line.height)


def placed(line: Line, size: tuple[int, int]) -> Place:
    """Return the line's place on the page that the whole image of that width and height shows."""
    width, height = size
    return Place(line.x / width, line.y / height, line.end_x / width, line.end_y / height, line.height / height)


def pack(places: Iterable[Place]) -> bytes:
    """Return the places as bytes; what lies beyond the page's edge is put on the edge."""
    return b"".join(
        _PACKED.pack(*(min(_WHOLE, max(0, round(part * _WHOLE))) for part in (p.x, p.y, p.end_x, p.end_y, p.height)))
        for p in places
    )


def unpack(packed: bytes) -> tuple[Place, ...]:
    """Return the places. Raises ValueError when the bytes are no whole number of places.

    >>> unpack(pack([Place(0, 1, 0.2, 1, 0.6)]))
    (Place(x=0.0, y=1.0, end_x=0.2, end_y=1.0, height=0.6),)
    """
    if len(packed) % PLACE_BYTES:
        raise ValueError("not a whole number of places")
    return tuple(Place(*(part / _WHOLE for part in parts)) for parts in _PACKED.iter_unpack(packed))
