"""On which line of a TOML file a table or a field stands: the standard library's reader does not tell.

It understands what a schedule is made of, tables and arrays of tables with plain keys, each beginning its line; where
it cannot find a field it gives the line of its table. It is asked only for files that the reader has taken.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

_HEADER = re.compile(r"\s*\[\[?\s*([A-Za-z0-9_-]+)\s*\]\]?\s*(?:#.*)?")
_KEY = re.compile(r"\s*([A-Za-z0-9_-]+)\s*(?:=|\.)")
_LONG_STRING = re.compile(r"\"\"\"|'''")


@dataclass(slots=True)
class Lines:
    """Where things stand, counted from 1."""

    _headers: dict[str, list[int]] = field(default_factory=dict)
    _keys: dict[tuple[str, int, str], int] = field(default_factory=dict)

    def of(self, table: str, number: int = 0, key: str | None = None) -> int | None:
        """Return the line of a field of the n-th table of that name, else of the table, else None."""
        if key is not None and (table, number, key) in self._keys:
            return self._keys[table, number, key]
        headers = self._headers.get(table, [])
        if number < len(headers):
            return headers[number]
        return self._keys.get(("", 0, table))


def read_lines(text: str) -> Lines:
    """Return where the tables and fields of a TOML text stand."""
    lines = Lines()
    table, number, closing = "", 0, None
    for count, line in enumerate(text.split("\n"), 1):
        if closing is not None:
            closing = None if closing in line else closing
            continue
        if header := _HEADER.fullmatch(line.rstrip("\r")):
            table = header[1]
            places = lines._headers.setdefault(table, [])
            number = len(places)
            places.append(count)
        elif key := _KEY.match(line):
            lines._keys.setdefault((table, number, key[1]), count)
            opened = _LONG_STRING.findall(line)
            closing = opened[-1] if len(opened) % 2 else None
    return lines
