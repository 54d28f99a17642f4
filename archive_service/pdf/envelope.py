"""What the outermost bytes of a file tell, without any parser: is it a PDF, where does it begin and end.

It must never hold the file in memory. Rules: ISO 32000-2 §7.5.2 (header), §7.5.5 (trailer), §7.5.6
(incremental updates); like readers in use, a header is looked for in the first 1,024 bytes.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass

_HEADER_WITHIN_BYTES = 1024
_BLOCK_BYTES = 1 << 20
# Room for a signature's value with its certificates, and for revocation data behind it.
_SIGNED_WITHIN_BYTES = 256 * 1024
_END = b"%%EOF"
_WHITE_SPACE = b"\0\t\n\f\r "
# Words that stand in the body of a PDF: after the last end they show that another part had begun.
_BODY = re.compile(rb"\d\s+\d+\s+obj\b|\bend(?:stream|obj)\b|\bstartxref\b")
# A linearised file's first part ends with this; it is no revision (ISO 32000-2 Annex F.3.3).
_FIRST_PART = re.compile(rb"startxref\s+0\s+%%EOF\Z")


@dataclass(frozen=True, slots=True)
class Envelope:
    """A file's outermost bytes.

    ``header_at`` is None without a header. ``goes_on`` tells that the body of another part follows the last
    end: the file was cut off there. ``revision_ends`` are the positions after every earlier end at which
    the file could have been complete, oldest first.
    """

    size_bytes: int
    header_at: int | None
    has_end: bool
    goes_on: bool
    bytes_after_end: int
    revision_ends: tuple[int, ...]


def read_envelope(document: int) -> Envelope:
    """Return what the outermost bytes of the open descriptor tell; its position does not change."""
    size = os.fstat(document).st_size
    header = os.pread(document, _HEADER_WITHIN_BYTES + len(b"%PDF-"), 0).find(b"%PDF-")
    ends = tuple(_positions_of_ends(document, size))
    if header < 0 or not ends:
        return Envelope(size, None if header < 0 else header, bool(ends), False, 0, ())
    after, goes_on = _look_at_tail(document, ends[-1], size)
    revisions = tuple(end for end in ends[:-1] if not _ends_first_part(document, end))
    return Envelope(size, header, True, goes_on, after, revisions)


def hints_at_signature(document: int) -> bool:
    """Whether the last bytes of the open descriptor hold the key that every signature has (ISO 32000-2 §12.8.1).

    A signature is added at the end of a file. This only guesses, at the price of one read: neither answer says that
    there is a signature or that there is none.
    """
    size = os.fstat(document).st_size
    start = max(0, size - _SIGNED_WITHIN_BYTES)
    return b"/ByteRange" in os.pread(document, size - start, start)


def _positions_of_ends(document: int, size: int) -> Iterator[int]:
    """Yield the position after each %%EOF, in order."""
    at, carried = 0, b""
    while at < size:
        block = os.pread(document, min(_BLOCK_BYTES, size - at), at)
        if not block:
            return
        window = carried + block
        start = window.find(_END)
        while start >= 0:
            yield at - len(carried) + start + len(_END)
            start = window.find(_END, start + len(_END))
        at += len(block)
        carried = window[-(len(_END) - 1) :]


def _look_at_tail(document: int, end: int, size: int) -> tuple[int, bool]:
    """Return how many bytes follow the end, white space aside, and whether they go on with a PDF's body."""
    at, carried, only_white, goes_on = end, b"", True, False
    while at < size and not goes_on:
        block = os.pread(document, min(_BLOCK_BYTES, size - at), at)
        if not block:
            break
        only_white = only_white and not block.strip(_WHITE_SPACE)
        goes_on = _BODY.search(carried + block) is not None
        at += len(block)
        carried = block[-32:]
    return (0 if only_white else size - end), goes_on


def _ends_first_part(document: int, end: int) -> bool:
    start = max(0, end - 32)
    return _FIRST_PART.search(os.pread(document, end - start, start)) is not None
