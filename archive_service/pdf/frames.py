"""The wire form between a sandboxed process and its parent: JSON objects, each behind its length.

It must never trust what it decodes: the length of one message and of the whole answer are limited, and
whatever is not a JSON object is refused. JSON is RFC 8259; the length is four bytes, most significant first.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Iterator, Mapping

Message = dict[str, object]

_LENGTH = struct.Struct(">I")
# The facts of 5,000 pages take half a megabyte, a very full page of text ten kilobytes.
MAX_MESSAGE_BYTES = 8 * 1024 * 1024
MAX_ANSWER_BYTES = 64 * 1024 * 1024


class BadFrame(Exception):
    """What came over the wire is not an answer: too long, or not a JSON object."""


def encode(message: Mapping[str, object]) -> bytes:
    r"""Return the message as it goes over the wire.

    >>> encode({"a": 1})
    b'\x00\x00\x00\x07{"a":1}'
    """
    body = json.dumps(message, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace")
    return _LENGTH.pack(len(body)) + body


class Decoder:
    """Cuts a stream of bytes, fed in any portions, into messages.

    >>> decoder = Decoder()
    >>> wire = encode({"a": 1})
    >>> list(decoder.feed(wire[:3])), list(decoder.feed(wire[3:]))
    ([], [{'a': 1}])
    """

    def __init__(self) -> None:
        self._pending = bytearray()
        self._total_bytes = 0

    def feed(self, portion: bytes) -> Iterator[Message]:
        """Yield the messages that are complete with this portion. Raises BadFrame."""
        self._total_bytes += len(portion)
        if self._total_bytes > MAX_ANSWER_BYTES:
            raise BadFrame("the answer is too long")
        self._pending += portion
        while len(self._pending) >= _LENGTH.size:
            (length,) = _LENGTH.unpack_from(self._pending)
            if length > MAX_MESSAGE_BYTES:
                raise BadFrame("a message is too long")
            end = _LENGTH.size + length
            if len(self._pending) < end:
                return
            body = bytes(self._pending[_LENGTH.size : end])
            del self._pending[:end]
            yield _parse(body)


def _parse(body: bytes) -> Message:
    try:
        message = json.loads(body)
    except (ValueError, RecursionError) as broken:
        raise BadFrame("a message is not JSON") from broken
    if not isinstance(message, dict):
        raise BadFrame("a message is not a JSON object")
    return message
