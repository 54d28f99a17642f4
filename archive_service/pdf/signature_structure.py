"""What the bytes around each signature tell, looked at without the signature library: the second opinion.

Runs in the sandboxed child. It must never judge the signature's value, and never take what the other parser says for
granted: it reads the raw bytes and qpdf's view of them. Rules: ISO 32000-2 §12.8.1 (byte ranges), §7.5.6 (updates).
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import pikepdf

from archive_service.model.signatures import StructureFault
from archive_service.pdf.active import dictionaries_in
from archive_service.pdf.opened import BROKEN_PART, Opened
from archive_service.pdf.page_digest import page_faults
from archive_service.pdf.signature_facts import full_name, signature_value

# A CMS signature with every certificate and revocation list in it; larger gaps are not looked through.
_LARGEST_GAP_BYTES = 16 * 1024 * 1024
_END = b"%%EOF"
_END_WITHIN_BYTES = 64
_LINE_ENDS = (b"", b"\n", b"\r", b"\r\n")
_HEX = frozenset(b"0123456789abcdefABCDEF")


@dataclass(frozen=True, slots=True)
class FoundSignature:
    """A signature as the file has it: its field, the four numbers of its byte range, and what is wrong there."""

    field: str
    byte_range: tuple[int, ...]
    faults: tuple[StructureFault, ...]


@dataclass(frozen=True, slots=True)
class _Range:
    """A byte range of the usual form: everything from the first byte to ``end`` but the gap."""

    gap_start: int
    gap_end: int
    end: int


def look_at_structure(file: Opened) -> tuple[FoundSignature, ...]:
    """Return every signature that stands in the file, listed by its form or not, with its faults.

    Raises NotReadable, or what the library raises for a file that it cannot read.
    """
    document, size, pdf = file.document, file.size_bytes, file.pdf
    values = list(_signatures(pdf))
    ranges = [_usual_range(value, size) for _, value in values]
    found = []
    for place, (field, value) in enumerate(values):
        own = ranges[place]
        faults = set(_faults_of_value(document, value, own))
        if own is not None:
            faults.update(_faults_of_range(document, own, size))
            if any(_overlap(own, other) for other in ranges if other is not None and other is not own):
                faults.add(StructureFault.RANGES_OVERLAP)
            # Without an end of its own there is no earlier version to compare with.
            if own.end < size and StructureFault.RANGE_ENDS_ELSEWHERE not in faults:
                faults.update(_faults_of_pages(document, own.end, pdf))
        found.append(FoundSignature(field, _numbers(value), tuple(sorted(faults))))
    return tuple(found)


def _signatures(pdf: pikepdf.Pdf) -> Iterator[tuple[str, pikepdf.Object]]:
    """Yield field name and value of each signature, each value once, whether the form lists it or not."""
    seen: set[tuple[int, int]] = set()
    for item in pdf.objects:
        if not isinstance(item, (pikepdf.Dictionary, pikepdf.Array)):
            continue
        for dictionary in dictionaries_in(item):
            value = signature_value(dictionary)
            if value is None or (value.is_indirect and value.objgen in seen):
                continue
            seen.add(value.objgen)
            yield full_name(dictionary), value


def _numbers(value: pikepdf.Object) -> tuple[int, ...]:
    listed = value.get("/ByteRange")
    if not isinstance(listed, pikepdf.Array):
        return ()
    entries: list[object] = list(listed.as_list())
    return tuple(one for one in entries if isinstance(one, int) and not isinstance(one, bool))


def _usual_range(value: pikepdf.Object, size: int) -> _Range | None:
    """Return the byte range when it is two runs from the first byte on, within the file, with one gap."""
    listed = value.get("/ByteRange")
    numbers = _numbers(value)
    if not isinstance(listed, pikepdf.Array) or len(listed) != len(numbers) or len(numbers) != 4:
        return None
    first, length, second, rest = numbers
    if first != 0 or length <= 0 or rest < 0 or not length < second <= second + rest <= size:
        return None
    return _Range(length, second, second + rest)


def _faults_of_value(document: int, value: pikepdf.Object, own: _Range | None) -> Iterator[StructureFault]:
    contents = value.get("/Contents")
    if not isinstance(contents, pikepdf.String) or not bytes(contents).strip(b"\0"):
        yield StructureFault.CONTENTS_MALFORMED
    if own is None:
        yield StructureFault.BYTE_RANGE_MALFORMED
        return
    if own.gap_end - own.gap_start > _LARGEST_GAP_BYTES:
        yield StructureFault.STRUCTURE_UNREADABLE
        return
    gap = os.pread(document, own.gap_end - own.gap_start, own.gap_start)
    digits = gap[1:-1]
    if gap[:1] != b"<" or gap[-1:] != b">" or len(digits) % 2 or not set(digits) <= _HEX:
        yield StructureFault.GAP_IS_NOT_CONTENTS
        return
    written = bytes.fromhex(digits.decode("ascii"))
    # What the reader takes for the signature must be what stands in the gap, not a copy from elsewhere.
    if not isinstance(contents, pikepdf.String) or bytes(contents) != written:
        yield StructureFault.GAP_IS_NOT_CONTENTS
    length = der_length(written)
    if length is None:
        yield StructureFault.CONTENTS_MALFORMED
    elif written[length:].strip(b"\0"):
        yield StructureFault.PADDING_CHANGED


def der_length(data: bytes) -> int | None:
    r"""Return the length of the DER element that the bytes begin with (X.690 §8.1.3), None for none.

    An element of indefinite length is walked to its end, as BER allows for CMS.

    >>> der_length(b"\x30\x03\x02\x01\x05\x00"), der_length(b"\x30\x80\x02\x01\x05\x00\x00"), der_length(b"\x30\x05")
    (5, 7, None)
    """
    end = _element_end(data, 0, 0)
    return end if end is not None and data[:1] == b"\x30" else None


def _element_end(data: bytes, at: int, depth: int) -> int | None:
    if depth > 64 or at + 2 > len(data):
        return None
    tag, first = data[at], data[at + 1]
    if tag & 0x1F == 0x1F:  # tags of more than one byte have no place in CMS
        return None
    body = at + 2
    if first == 0x80:
        while data[body : body + 2] != b"\0\0":
            inner = _element_end(data, body, depth + 1)
            if inner is None:
                return None
            body = inner
        return body + 2
    length = first
    if first > 0x80:
        body += first & 0x7F
        length = int.from_bytes(data[at + 2 : body], "big")
    return body + length if body + length <= len(data) else None


def _faults_of_range(document: int, own: _Range, size: int) -> Iterator[StructureFault]:
    if own.end == size:
        return
    start = max(0, own.end - _END_WITHIN_BYTES)
    if not _ends_a_version(os.pread(document, own.end - start, start)):
        yield StructureFault.RANGE_ENDS_ELSEWHERE
    # What follows must be an update with an end of its own, and nothing behind that.
    start = max(own.end, size - _END_WITHIN_BYTES)
    if not _ends_a_version(os.pread(document, size - start, start)):
        yield StructureFault.BYTES_AFTER_END


def _ends_a_version(tail: bytes) -> bool:
    at = tail.rfind(_END)
    return at >= 0 and tail[at + len(_END) :] in _LINE_ENDS


def _overlap(one: _Range, other: _Range) -> bool:
    """Whether two signatures share bytes in another way than that the later one covers all of the earlier one."""
    earlier, later = sorted((one, other), key=lambda own: (own.end, own.gap_start))
    return not earlier.end <= later.gap_start


def _faults_of_pages(document: int, end: int, pdf: pikepdf.Pdf) -> Sequence[StructureFault]:
    try:
        return tuple(page_faults(document, end, pdf))
    except BROKEN_PART:
        return (StructureFault.STRUCTURE_UNREADABLE,)
