"""Where an object lies on disk: folders that stay small, in an order that is the order of the keys.

Pure names, no file is touched here. The second part of a key (the record's id) is led by three folders of its
first 4 + 2 + 2 characters. A record's id is a UUID version 7 (RFC 9562 §5.7), whose first 8 characters count
periods of 65.5 seconds: a folder holds the records of one such period, the folders above it at most 256
each, the topmost one gains seven a year. Time order is also what backups and tapes like. Sharding by the
random end of the id would spread as well, but then listing in key order would have to merge every folder there is.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

# Stands for the end of a part in the name of a leading folder, and marks every name that is not part of a
# key: no key contains it (store_answers.require_key).
MARK = "~"
_CUTS = ((0, 4), (4, 6), (6, 8))
_LED = 8


def folders_of(key: str) -> tuple[str, ...]:
    """Return the folders, and last the file name, under which a key lies.

    >>> folders_of("records/0193a4c1-7b1c-7000-8000-000000000001/original")
    ('records', '0193', 'a4', 'c1', '0193a4c1-7b1c-7000-8000-000000000001', 'original')
    >>> folders_of("canary/ab")
    ('canary', 'ab~~', '~~', '~~', 'ab')
    """
    parts = key.split("/")
    if len(parts) == 1:
        return (key,)
    led = parts[1][:_LED].ljust(_LED, MARK)
    return (parts[0], *(led[start:end] for start, end in _CUTS), *parts[1:])


def key_of(folders: tuple[str, ...]) -> str:
    """Return the key that lies under these folders: the inverse of ``folders_of``.

    >>> key_of(folders_of("canary/ab"))
    'canary/ab'
    """
    return "/".join(folders[:1] + folders[1 + len(_CUTS) :])


class Visit(NamedTuple):
    """An entry of a folder, in its turn.

    ``ends``: of the keys with this second part only the one that ends with it, or only those that go on behind it.
    """

    order: str
    name: str
    is_folder: bool
    ends: bool | None


def visits(folders: tuple[str, ...], entries: Iterable[tuple[str, bool]], ends: bool | None = None) -> list[Visit]:
    """Return the entries (name, whether it is a folder) of a folder so that walking them gives the order of the keys.

    A leading folder of a short second part is visited twice, because keys that go on behind the part follow others: a
    folder's name goes on with ``/`` in the key, which sorts after ``-`` and ``.``.

    >>> [visit.name for visit in visits(("x", "a", "b", "c"), [("a", True), ("a-1", False), ("a.b", False)])]
    ['a-1', 'a.b', 'a']
    >>> [(visit.name, visit.ends) for visit in visits(("x",), [("a~~~", True), ("a.~~", True)])]
    [('a~~~', True), ('a.~~', True), ('a.~~', False), ('a~~~', False)]
    """
    leads = 0 < len(folders) <= len(_CUTS)
    found = []
    for name, is_folder in entries:
        if leads and MARK in name:
            turns = (True, False) if ends is None else (ends,)
            found += [Visit(name.rstrip(MARK) if turn else _before(name), name, is_folder, turn) for turn in turns]
        elif leads or ends is None or is_folder is not ends:
            found.append(Visit(_before(name) if is_folder else name, name, is_folder, None))
    return sorted(found)


def _before(name: str) -> str:
    """Return by what to sort a folder among the entries beside it."""
    return f"{name.replace(MARK, '/')}/"


def may_hold(folders: tuple[str, ...], prefix: str) -> bool:
    """Whether a folder at this place may hold keys that start with ``prefix``; False saves walking it.

    >>> may_hold(("records", "0193", "a4"), "records/0193a4c1-")
    True
    >>> may_hold(("records", "0194"), "records/0193a4c1-")
    False
    >>> may_hold(("canary", "ab~~"), "canary/ab/x"), may_hold(("canary", "ab~~"), "canary/abc")
    (True, False)
    """
    known = _known_of(folders)
    shorter = min(len(known), len(prefix))
    return known[:shorter] == prefix[:shorter]


def may_follow(folders: tuple[str, ...], key: str) -> bool:
    """Whether a folder at this place may hold keys that come after ``key``; False saves walking it.

    >>> may_follow(("records", "0193", "a4"), "records/0193a4c1-"), may_follow(("records", "0193"), "records/0194")
    (True, False)
    """
    known = _known_of(folders)
    return known > key or key.startswith(known)


def _known_of(folders: tuple[str, ...]) -> str:
    """Return what every key under this folder begins with."""
    leading = "".join(folders[1 : 1 + len(_CUTS)])
    if len(folders) > 1 + len(_CUTS):
        return f"{key_of(folders)}/"
    if MARK in leading:
        return f"{folders[0]}/{leading.rstrip(MARK)}/"
    return f"{folders[0]}/{leading}"
