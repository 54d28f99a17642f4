"""The wire form between a sandboxed process and its parent: JSON objects, and portions of a file that it makes.

It must never trust what it decodes: the length of one message and of all messages are limited, and whatever is not a
JSON object (RFC 8259) is refused. Each is behind its length, four bytes, most significant first; the highest bit of a
length says that a portion of a file follows. How long that file may become is up to whoever takes it.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Callable, Iterator, Mapping

Message = dict[str, object]
TakePortion = Callable[[bytes], object]

_LENGTH = struct.Struct(">I")
# The facts of 5,000 pages take half a megabyte, a very full page of text ten kilobytes.
MAX_MESSAGE_BYTES = 8 * 1024 * 1024
MAX_ANSWER_BYTES = 64 * 1024 * 1024
# What a file is cut into on its way.
PORTION_BYTES = 1024 * 1024
_IS_PORTION = 1 << 31


class BadFrame(Exception):
    """What came over the wire is not an answer: too long, or not a JSON object."""


def encode(message: Mapping[str, object]) -> bytes:
    r"""Return the message as it goes over the wire.

    >>> encode({"a": 1})
    b'\x00\x00\x00\x07{"a":1}'
    """
    body = json.dumps(message, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace")
    return _LENGTH.pack(len(body)) + body


def encode_portion(portion: bytes) -> bytes:
    r"""Return a portion of a file, of at most PORTION_BYTES, as it goes over the wire.

    >>> encode_portion(b"%PDF")
    b'\x80\x00\x00\x04%PDF'
    """
    return _LENGTH.pack(_IS_PORTION | len(portion)) + portion


class Decoder:
    """Cuts a stream of bytes, fed in any portions, into messages.

    >>> decoder = Decoder()
    >>> wire = encode({"a": 1})
    >>> list(decoder.feed(wire[:3])), list(decoder.feed(wire[3:]))
    ([], [{'a': 1}])
    """

    def __init__(self, take: TakePortion | None = None) -> None:
        """``take`` is given every portion of a file, in order; without it a portion is refused."""
        self._take = take
        self._pending = bytearray()
        self._total_bytes = 0

    def feed(self, received: bytes) -> Iterator[Message]:
        """Yield the messages that are complete with what was received. Raises BadFrame, and what ``take`` raises."""
        self._pending += received
        while len(self._pending) >= _LENGTH.size:
            (head,) = _LENGTH.unpack_from(self._pending)
            length, is_portion = head & ~_IS_PORTION, bool(head & _IS_PORTION)
            self._require_length(length, is_portion)
            end = _LENGTH.size + length
            if len(self._pending) < end:
                return
            body = bytes(self._pending[_LENGTH.size : end])
            del self._pending[:end]
            if not is_portion:
                self._total_bytes += end
                yield _parse(body)
            elif self._take is not None:
                self._take(body)

    def _require_length(self, length: int, is_portion: bool) -> None:
        if is_portion and (self._take is None or length > PORTION_BYTES):
            raise BadFrame("a portion of a file that nobody asked for, or too long a one")
        if not is_portion and length > MAX_MESSAGE_BYTES:
            raise BadFrame("a message is too long")
        if not is_portion and self._total_bytes + length > MAX_ANSWER_BYTES:
            raise BadFrame("the answer is too long")


def _parse(body: bytes) -> Message:
    try:
        message = json.loads(body)
    except (ValueError, RecursionError) as broken:
        raise BadFrame("a message is not JSON") from broken
    if not isinstance(message, dict):
        raise BadFrame("a message is not a JSON object")
    return message
