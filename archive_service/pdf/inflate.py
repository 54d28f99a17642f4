"""How far a stream unpacks, found out in bounded memory.

It must never hold more than one portion of what comes out, and never unpack beyond the budget it is given.
Filters: ISO 32000-2 §7.4. Those of images alone (DCT, JPX, CCITT, JBIG2) end a chain: what they make is
pixels, which are counted where they are drawn.
"""

from __future__ import annotations

import binascii
import re
import struct
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence

PORTION_BYTES = 65_536
# Deflate reaches 1,032:1 at the very most, a blank page of a scanner a few hundred. Below this size no
# ratio is absurd: a blank A4 page in colour at 600 dpi unpacks to 104 MB.
_ABSURD_RATIO = 200
_ABSURD_FROM_BYTES = 256 * 1024 * 1024

Portions = Iterable[bytes]


_PASSED_OVER = b"\0\t\n\f\r "
_DIGITS_85 = bytes(range(33, 118))
_VALUES_85 = bytes((byte - 33) % 256 for byte in range(256))
_ZEROS_85 = b"!!!!!"


class InflatesTooFar(Exception):
    """More comes out than the budget allows, or absurdly more than went in."""


class BadStream(Exception):
    """The data are not what their filter says."""


class UnknownFilter(Exception):
    """A filter that is not in the standard, or a chain longer than any real one."""


_MAX_CHAIN = 8
# 4,096 codes of at most 12 bits, less the bytes themselves and the two marks.
_LZW_ENTRIES = 4096 - 258


def unpacked_bytes(raw: memoryview, filters: Sequence[str], budget_bytes: int) -> int:
    """Return how many bytes the stream unpacks to, at most ``budget_bytes``.

    Raises InflatesTooFar also for what a filter in the middle of a chain makes, BadStream, UnknownFilter.

    >>> unpacked_bytes(memoryview(zlib.compress(b"x" * 1000)), ["FlateDecode"], 2000)
    1000
    """
    if len(filters) > _MAX_CHAIN:
        raise UnknownFilter
    portions: Portions = _cut(raw)
    total = len(raw)
    for name in filters:
        if name in _OF_IMAGES:
            break
        if name not in _DECODERS:
            raise UnknownFilter
        portions = _counted(_DECODERS[name](portions), len(raw), budget_bytes)
    if portions:
        total = sum(len(portion) for portion in portions)
    return total


def _counted(portions: Portions, size_bytes: int, budget_bytes: int) -> Iterator[bytes]:
    made = 0
    for portion in portions:
        made += len(portion)
        if made > budget_bytes or (made > _ABSURD_FROM_BYTES and made > size_bytes * _ABSURD_RATIO):
            raise InflatesTooFar
        yield portion


def _cut(data: memoryview) -> Iterator[bytes]:
    for at in range(0, len(data), PORTION_BYTES):
        yield bytes(data[at : at + PORTION_BYTES])


def _flate(portions: Portions) -> Iterator[bytes]:
    """Deflate behind a zlib header (RFC 1950). A missing end is passed over, as readers do."""
    unpacker = zlib.decompressobj()
    for portion in portions:
        waiting = portion
        while waiting and not unpacker.eof:
            try:
                yield unpacker.decompress(waiting, PORTION_BYTES)
            except zlib.error as broken:
                raise BadStream from broken
            waiting = unpacker.unconsumed_tail
    yield unpacker.flush()


def _hexadecimal(portions: Portions) -> Iterator[bytes]:
    carried = b""
    for portion in portions:
        digits = carried + re.sub(rb"[\0\t\n\f\r ]", b"", portion)
        digits, ended, _ = digits.partition(b">")
        if ended and len(digits) % 2:
            digits += b"0"
        whole = len(digits) // 2 * 2
        carried = digits[whole:]
        try:
            yield binascii.unhexlify(digits[:whole])
        except ValueError as broken:
            raise BadStream from broken
        if ended:
            return


def _base_85(portions: Portions) -> Iterator[bytes]:
    """Five digits from ! to u for four bytes, z for four zeros, ~ for the end (ISO 32000-2 §7.4.3)."""
    carried = b""
    for portion in portions:
        digits, ended, _ = (carried + portion.translate(None, _PASSED_OVER)).partition(b"~")
        if b"z" in digits:
            *before, last = digits.split(b"z")
            if any(len(run) % 5 for run in before):
                raise BadStream
            digits = _ZEROS_85.join((*before, last))
        if digits.translate(None, _DIGITS_85):
            raise BadStream
        whole = len(digits) // 5 * 5
        yield _from_base_85(digits[:whole])
        carried = digits[whole:]
        if ended:
            if carried:
                yield _from_base_85(carried.ljust(5, b"u"))[: len(carried) - 1]
            return


def _from_base_85(digits: bytes) -> bytes:
    """Return the bytes of whole groups. All groups at once, because one by one took a fifth of looking at a file."""
    values = digits.translate(_VALUES_85)
    groups = zip(values[0::5], values[1::5], values[2::5], values[3::5], values[4::5], strict=True)
    numbers = [((((a * 85 + b) * 85 + c) * 85 + d) * 85 + e) & 0xFFFFFFFF for a, b, c, d, e in groups]
    return struct.pack(f">{len(numbers)}I", *numbers)


def _run_length(portions: Portions) -> Iterator[bytes]:
    data = b""
    for portion in portions:
        data += portion
        made, at = bytearray(), 0
        while at + 1 < len(data) and data[at] != 128:
            length = data[at]
            step = length + 2 if length < 128 else 2
            if at + step > len(data):
                break
            made += data[at + 1 : at + step] if length < 128 else data[at + 1 : at + 2] * (257 - length)
            at += step
        data = data[at:]
        yield bytes(made)
        if data[:1] == b"\x80":
            return


def _lzw(portions: Portions) -> Iterator[bytes]:
    """LZW with codes of 9 to 12 bits and the early change of code length that is the default (§7.4.4)."""
    table: list[bytes] = []
    bits = held = 0
    width, last = 9, b""
    for portion in portions:
        made = bytearray()
        for byte in portion:
            held, bits = held << 8 | byte, bits + 8
            if bits < width:
                continue
            bits -= width
            code, held = held >> bits, held & ((1 << bits) - 1)
            if code == 257:
                yield bytes(made)
                return
            if code == 256:
                table, width, last = [], 9, b""
                continue
            entry = _lzw_entry(code, table, last)
            if last and len(table) < _LZW_ENTRIES:
                table.append(last + entry[:1])
            last = entry
            made += entry
            if len(made) >= PORTION_BYTES:
                yield bytes(made)
                made.clear()
            width = _lzw_width(len(table))
        yield bytes(made)


def _lzw_entry(code: int, table: list[bytes], last: bytes) -> bytes:
    if code < 256:
        return bytes((code,))
    if code - 258 < len(table):
        return table[code - 258]
    if last and code - 258 == len(table):
        return last + last[:1]
    raise BadStream


def _lzw_width(entries: int) -> int:
    return min(12, max(9, (258 + entries + 1).bit_length()))


_DECODERS: dict[str, Callable[[Portions], Iterator[bytes]]] = {
    "FlateDecode": _flate,
    "Fl": _flate,
    "ASCIIHexDecode": _hexadecimal,
    "AHx": _hexadecimal,
    "ASCII85Decode": _base_85,
    "A85": _base_85,
    "RunLengthDecode": _run_length,
    "RL": _run_length,
    "LZWDecode": _lzw,
    "LZW": _lzw,
}
_OF_IMAGES = frozenset(
    ("DCTDecode", "DCT", "JPXDecode", "CCITTFaxDecode", "CCF", "JBIG2Decode", "Crypt"),
)
