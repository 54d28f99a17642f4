"""Whether the pages show now what they showed when they were signed: digests of everything a page is drawn from.

Runs in the sandboxed child. It must never decode a stream: raw bytes and dictionaries are what is compared, so that
the same digest means the same look. Objects are told apart by what they hold, never by their number.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

import pikepdf

from archive_service.model.signatures import StructureFault
from archive_service.pdf.window import first_bytes

# A page is drawn from some hundreds of objects; what has more is not compared but told as unreadable.
_MOST_OBJECTS = 200_000
_DEEPEST = 200
# Ways back up the tree, and what does not change the look of a page.
_PASSED_OVER = frozenset({"/Parent", "/P", "/Annots", "/StructParents", "/StructParent", "/LastModified", "/PieceInfo"})
_INHERITED = ("/Resources", "/MediaBox", "/CropBox", "/Rotate")
# What may hide or show content, or act, without a page being touched.
_OF_CATALOGUE = ("/OCProperties", "/OpenAction", "/AA", "/PageLabels")


class _Hash(Protocol):
    def update(self, data: bytes, /) -> None: ...


def page_faults(document: int, end: int, now: pikepdf.Pdf) -> Iterator[StructureFault]:
    """Yield how the pages differ from those of the file as it was up to ``end``.

    Raises what the library raises when that was no PDF of its own.
    """
    with pikepdf.open(first_bytes(document, end)) as signed:  # type: ignore[arg-type]  # reads like a file
        before, after = _look(signed), _look(now)
    if before.pages != after.pages:
        yield StructureFault.PAGES_CHANGED
    elif before.notes != after.notes:
        yield StructureFault.ANNOTATIONS_CHANGED


@dataclass(frozen=True, slots=True)
class _Look:
    """Digests of what all pages are drawn from, and of the notes and marks upon them."""

    pages: bytes
    notes: bytes


def _look(pdf: pikepdf.Pdf) -> _Look:
    seen: dict[tuple[int, int], int] = {}
    drawn, marks = hashlib.sha256(), hashlib.sha256()
    for page in pdf.pages:
        drawn.update(b"page ")
        _add(page.obj, drawn, seen, 0)
        for key in _INHERITED:
            drawn.update(key.encode())
            _add(_inherited(page.obj, key), drawn, seen, 0)
    for key in _OF_CATALOGUE:
        drawn.update(key.encode())
        _add(pdf.Root.get(key), drawn, seen, 0)
    for page in pdf.pages:
        marks.update(b"page ")
        for note in _notes(page):
            _add(note, marks, seen, 0)
    return _Look(drawn.digest(), marks.digest())


def _inherited(page: pikepdf.Object, key: str) -> pikepdf.Object | None:
    at: pikepdf.Object | None = page
    for _ in range(_DEEPEST):
        if not isinstance(at, pikepdf.Dictionary):
            return None
        if key in at:
            return at[key]
        at = at.get("/Parent")
    raise RecursionError(key)


def _notes(page: pikepdf.Page) -> Iterator[pikepdf.Object]:
    """Yield each annotation but form fields, which a signature may permit to be filled in."""
    listed = page.obj.get("/Annots")
    for note in listed.as_list() if isinstance(listed, pikepdf.Array) else ():
        if isinstance(note, pikepdf.Dictionary) and note.get("/Subtype") != pikepdf.Name.Widget:
            yield note


def _add(item: object, digest: _Hash, seen: dict[tuple[int, int], int], depth: int) -> None:
    """Add one object; one that was met before is told by when that was, so that circles end."""
    if depth > _DEEPEST or len(seen) > _MOST_OBJECTS:
        raise RecursionError("an object graph that is no page's")
    if isinstance(item, pikepdf.Object) and item.is_indirect:
        met = seen.get(item.objgen)
        if met is not None:
            digest.update(b"(again %d)" % met)
            return
        seen[item.objgen] = len(seen)
    if isinstance(item, pikepdf.Stream):
        digest.update(b"stream %d " % len(raw := memoryview(item.get_raw_stream_buffer())))
        digest.update(bytes(raw))
        _add_dictionary(item.stream_dict, digest, seen, depth)
    elif isinstance(item, pikepdf.Dictionary):
        _add_dictionary(item, digest, seen, depth)
    elif isinstance(item, pikepdf.Array):
        digest.update(b"[%d " % len(item))
        for one in item.as_list():
            _add(one, digest, seen, depth + 1)
    elif isinstance(item, pikepdf.Object):
        digest.update(item.unparse() + b" ")
    else:
        digest.update(repr(item).encode() + b" ")


def _add_dictionary(item: pikepdf.Object, digest: _Hash, seen: dict[tuple[int, int], int], depth: int) -> None:
    values = item.as_dict()
    digest.update(b"<<%d " % len([key for key in values if key not in _PASSED_OVER]))
    for key in sorted(values):
        if key not in _PASSED_OVER:
            digest.update(key.encode("utf-8", "surrogateescape") + b" ")
            _add(values[key], digest, seen, depth + 1)
