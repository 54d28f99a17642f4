"""Bytes on their way out: whole and compared as they pass, or the one part that was asked for."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, ExitStack
from http import HTTPStatus
from itertools import chain

import structlog
from flask import Response, request
from werkzeug.datastructures import Range

from archive_service.errors import ArchiveError
from archive_service.lifecycle import read

log = structlog.get_logger("api")


def content_response(content: read.Content, suffix: str = "") -> Response:
    """Stream the bytes, or the one range that was asked for (RFC 9110 §14). The file is named by the record's id."""
    size = content.digest.size_bytes
    etag = f'"{content.digest.sha256}"'
    headers = {
        "Accept-Ranges": "bytes",
        "ETag": etag,
        "Repr-Digest": f"sha-256=:{base64.b64encode(bytes.fromhex(content.digest.sha256)).decode()}:",
        "Content-Disposition": f'attachment; filename="{content.record.id}{suffix}.pdf"',
        "Content-Type": "application/pdf",
        "X-Content-Type-Options": "nosniff",
        "Content-Security-Policy": "sandbox",
        "Cache-Control": "private, no-store",
    }
    wanted = _one_range(request.range, size) if _range_applies(etag) else None
    if wanted is None:
        headers["Content-Length"] = str(size)
        return Response(_body(content, 0, None), HTTPStatus.OK, headers)
    start, end = wanted
    if start >= end:
        headers["Content-Range"] = f"bytes */{size}"
        return Response(b"", HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE, headers)
    headers["Content-Range"] = f"bytes {start}-{end - 1}/{size}"
    headers["Content-Length"] = str(end - start)
    return Response(_body(content, start, end - start), HTTPStatus.PARTIAL_CONTENT, headers)


def _range_applies(etag: str) -> bool:
    """A range of another representation is not meant: If-Range must name these bytes (RFC 9110 §13.1.5)."""
    named = request.headers.get("If-Range")
    return named is None or named == etag


def _one_range(asked: Range | None, size: int) -> tuple[int, int] | None:
    """Return (begin, end) of the one range asked for; None for none, for several, and for other units."""
    if asked is None or asked.units != "bytes" or len(asked.ranges) != 1:
        return None
    start, end = asked.ranges[0]
    if start < 0:
        return max(0, size + start), size
    return min(start, size), min(size if end is None else end, size)


class Stream:
    """Bytes on their way out, of a record or a disposal; their source is closed at the end, or when the client goes."""

    def __init__(self, opened: AbstractContextManager[Iterator[bytes]], of: str) -> None:
        # The first block is read before the answer begins, so that a store that is down is a 503, and wrong bytes of
        # a file that fits into one block a 500, and not a torn download.
        with ExitStack() as stack:
            blocks = stack.enter_context(opened)
            self._blocks = chain((next(blocks, b""),), blocks)
            self._stack = stack.pop_all()
        self._of = of

    def __iter__(self) -> Iterator[bytes]:
        try:
            yield from self._blocks
        except ArchiveError as error:
            # The status has gone out: the connection ends before the announced length, which every client notices.
            log.error("download broken off", code=error.code, record=self._of)
            raise

    def close(self) -> None:
        """Let go of what the bytes come from."""
        self._stack.close()


def _body(content: read.Content, start: int, length: int | None) -> Iterable[bytes]:
    """Return the bytes; of HEAD only the headers are sent, so nothing is opened."""
    return () if request.method == "HEAD" else Stream(content.open(start, length), content.record.id)
