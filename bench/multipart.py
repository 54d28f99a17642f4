"""What the streaming multipart reader costs: the same bytes to disk, hashed, with and without it."""

from __future__ import annotations

from collections.abc import Iterator

from bench.clients import MEDIA_TYPE, Request, file_parts, rate
from bench.deposits import prepare, template
from bench.figures import Figure, Target, figure, in_turn
from bench.service import SINK, running

CLIENTS = 16
SIZE_BYTES = 1_000_000


def multipart(*, quick: bool) -> Iterator[Figure]:
    """Uploads a second as multipart/form-data ÷ as a bare body, into the same server."""
    total, rounds = (32, 1) if quick else (800, 5)
    prepare(SIZE_BYTES)
    large = template(SIZE_BYTES)

    def bare(_: int) -> Request:
        return Request("POST", "/raw", {}, large.file())

    def parts(_: int) -> Request:
        return Request("POST", "/multipart", {"Content-Type": MEDIA_TYPE}, file_parts(b"{}", large.file()))

    with running(SINK) as sink:
        rate(sink.port, CLIENTS, CLIENTS, bare)
        with_parts, without = in_turn(
            rounds,
            lambda: rate(sink.port, CLIENTS, total, parts),
            lambda: rate(sink.port, CLIENTS, total, bare),
        )
    yield figure("multipart ÷ raw body", (with_parts, without), "1 MB uploads/s, 16 clients", Target(0.80))
