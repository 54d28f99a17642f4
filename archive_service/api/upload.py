"""Reading a multipart body as it arrives: small parts into memory, the file part onto disk.

Nothing is held whole, and nothing is trusted: every part is bounded, and a body that ends early is never taken for a
whole one (RFC 7578; RFC 2046 §5.1.1).
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, BinaryIO

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header

from archive_service.errors import InvalidInput, Message, TooLarge, TooSlow, UnsupportedMediaType
from archive_service.model.ports import Reception

if TYPE_CHECKING:
    from python_multipart.multipart import MultipartCallbacks  # exists for type checkers only

# A result of usual size in one block: each block is read, written and hashed twice, and after each of these a thread
# waits for the interpreter again. Small enough for many uploads at once.
BLOCK_BYTES = 1024 * 1024

# The first block asked for, and every one after a slow one: what a slow client sends is looked at soon.
FIRST_BLOCK_BYTES = 1024

# A client may pause for so long, and must otherwise send what the slowest line of an office carries several times over.
GRACE_SECONDS = 30.0
LEAST_BYTES_A_SECOND = 2048
_SLOW_BLOCK_SECONDS = 0.5

# What boundaries, part headers and line ends may add to the parts themselves.
FRAMING_BYTES = 64 * 1024

_NOT_MULTIPART = Message(
    "Send multipart/form-data with the parts metadata (JSON) and file (PDF).",
    "Hãy gửi multipart/form-data gồm phần metadata (JSON) và phần file (PDF).",
)
_INCOMPLETE = Message(
    "The body ended before it was complete. Send it again with the same key.",
    "Nội dung gửi lên bị ngắt giữa chừng. Hãy gửi lại với cùng khoá.",
)


@dataclass(slots=True)
class _Part:
    """One part as it arrives. ``name`` and ``media_type`` come from its headers."""

    headers: dict[str, str] = field(default_factory=dict)
    name: str = ""
    media_type: str = ""


@dataclass(frozen=True, slots=True)
class Limits:
    """How much each part may carry, in bytes; ``fields`` are the small parts that are asked for beside the file."""

    field_bytes: int
    file_bytes: int
    fields: frozenset[str] = frozenset()

    @property
    def body_bytes(self) -> int:
        """How much the whole body may carry."""
        return len(self.fields) * self.field_bytes + self.file_bytes + FRAMING_BYTES


@dataclass(frozen=True, slots=True)
class Body:
    """A request's body as it comes in. ``length`` is None where the client did not say."""

    stream: BinaryIO
    content_type: str
    length: int | None


@dataclass(frozen=True, slots=True)
class Received:
    """What arrived: the small parts by name, and whether the file part was among them."""

    fields: Mapping[str, bytes]
    has_file: bool


def require_body_within(length: int | None, limit_bytes: int) -> None:
    """Raise TooLarge when the client says at once that the body is over the limit: nothing of it is read then."""
    if length is not None and length > limit_bytes:
        raise TooLarge(
            Message(
                f"The body has {length} bytes; at most {limit_bytes} are taken.",
                f"Nội dung có {length} byte; chỉ nhận tối đa {limit_bytes} byte.",
            ),
            limit_bytes=limit_bytes,
        )


def receive(body: Body, file: Reception, limits: Limits) -> Received:
    """Read the body to its end: the part ``file`` into ``file``, the small parts that are asked for into memory.

    Raises UnsupportedMediaType for a body that is not multipart/form-data or a file that says it is no PDF, TooLarge,
    TooSlow, InvalidInput when the body ends early, a part comes twice or nobody asked for it, and what ``file.write``
    raises.
    """
    require_body_within(body.length, limits.body_bytes)
    collector = _Collector(file, limits)
    boundary = _boundary(body.content_type)
    try:
        parser = MultipartParser(boundary, collector.callbacks())
        for block in _blocks(body.stream, limits.body_bytes):
            parser.write(block)
        parser.finalize()
    except FormParserError as wrong:
        raise InvalidInput(_INCOMPLETE, code="incomplete-body") from wrong
    if not collector.ended:
        raise InvalidInput(_INCOMPLETE, code="incomplete-body")
    return Received({name: bytes(value) for name, value in collector.fields.items()}, collector.has_file)


def _boundary(content_type: str) -> bytes:
    kind, options = parse_options_header(content_type)
    boundary = options.get(b"boundary")
    if kind != b"multipart/form-data" or not boundary:
        raise UnsupportedMediaType(_NOT_MULTIPART)
    return boundary


def _blocks(stream: BinaryIO, limit_bytes: int) -> Iterator[bytes]:
    taken, size = 0, FIRST_BLOCK_BYTES
    began = asked = time.monotonic()
    try:
        # Returns when the whole block is there: how long it takes is known only then.
        while block := stream.read(size):
            taken += len(block)
            require_body_within(taken, limit_bytes)
            now = time.monotonic()
            _require_pace(taken, now - began)
            yield block
            size = FIRST_BLOCK_BYTES if now - asked > _SLOW_BLOCK_SECONDS else min(BLOCK_BYTES, size * 16)
            asked = time.monotonic()
    except OSError as gone:
        raise InvalidInput(_INCOMPLETE, code="incomplete-body") from gone


def _require_pace(taken: int, seconds: float) -> None:
    if seconds > GRACE_SECONDS + taken / LEAST_BYTES_A_SECOND:
        raise TooSlow(
            Message(
                f"The body comes in too slowly: {taken} bytes in {seconds:.0f} s. Send it again with the same key.",
                f"Nội dung gửi lên quá chậm: {taken} byte trong {seconds:.0f} giây. Hãy gửi lại với cùng khoá.",
            )
        )


class _Collector:
    """Takes the parser's callbacks and puts each part where it belongs."""

    def __init__(self, file: Reception, limits: Limits) -> None:
        self.fields: dict[str, bytearray] = {}
        self.has_file = False
        self.ended = False
        self._file = file
        self._limits = limits
        self._part = _Part()
        self._header_name = bytearray()
        self._header_value = bytearray()

    def callbacks(self) -> MultipartCallbacks:
        """Return what the parser calls."""
        return {
            "on_part_begin": self._begin,
            "on_header_field": lambda data, start, end: self._header_name.extend(data[start:end]),
            "on_header_value": lambda data, start, end: self._header_value.extend(data[start:end]),
            "on_header_end": self._header_end,
            "on_headers_finished": self._headers_finished,
            "on_part_data": self._data,
            "on_end": self._end,
        }

    def _begin(self) -> None:
        self._part = _Part()

    def _header_end(self) -> None:
        name = self._header_name.decode("latin-1").strip().lower()
        self._part.headers[name] = self._header_value.decode("latin-1").strip()
        self._header_name.clear()
        self._header_value.clear()

    def _headers_finished(self) -> None:
        _, options = parse_options_header(self._part.headers.get("content-disposition", ""))
        self._part.name = options.get(b"name", b"").decode("latin-1")
        kind, _ = parse_options_header(self._part.headers.get("content-type", ""))
        self._part.media_type = kind.decode("latin-1")
        name = self._part.name
        if (name == "file" and self.has_file) or name in self.fields:
            raise InvalidInput(
                Message(f"The part {name} comes twice.", f"Phần «{name}» xuất hiện hai lần."),
                code="part-twice",
            )
        if name == "file":
            self._require_pdf()
            self.has_file = True
        elif name in self._limits.fields:
            self.fields[name] = bytearray()
        else:
            # Any number of parts would otherwise be held in memory, and a mistyped name lost quietly.
            raise InvalidInput(
                Message("There is a part that nobody asked for.", "Có phần dữ liệu không được yêu cầu."),
                code="part-unknown",
            )

    def _require_pdf(self) -> None:
        # Many clients send application/octet-stream for what they do not know; the bytes are checked later anyway.
        if self._part.media_type not in {"", "application/pdf", "application/octet-stream"}:
            raise UnsupportedMediaType(
                Message("The part file must be application/pdf.", "Phần file phải có kiểu application/pdf.")
            )

    def _data(self, data: bytes, start: int, end: int) -> None:
        # A view, not a slice: the block is hashed and written without being copied.
        block = memoryview(data)[start:end]
        if self._part.name == "file":
            self._file.write(block)
            return
        field_bytes = self.fields[self._part.name]
        field_bytes.extend(block)
        require_body_within(len(field_bytes), self._limits.field_bytes)

    def _end(self) -> None:
        self.ended = True
