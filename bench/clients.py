"""HTTP clients that cost next to nothing beside the server: prepared bytes, one connection each, kept open."""

from __future__ import annotations

import os
import socket
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import count

BOUNDARY = "end-of-a-part-of-a-bench"
MEDIA_TYPE = f"multipart/form-data; boundary={BOUNDARY}"


@dataclass(frozen=True, slots=True)
class Request:
    """A request as it goes over the wire: its head's lines but the length, and the body in portions."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: tuple[bytes, ...] = ()

    def head(self) -> bytes:
        """Return the request's head."""
        length = sum(map(len, self.body))
        lines = [f"{self.method} {self.path} HTTP/1.1", "Host: bench", f"Content-Length: {length}"]
        lines += [f"{name}: {value}" for name, value in self.headers.items()]
        return ("\r\n".join(lines) + "\r\n\r\n").encode()


@dataclass(frozen=True, slots=True)
class Answer:
    """Status, body, and how many seconds passed from the first byte sent to the last one received."""

    status: int
    body: bytes
    seconds: float


class Connection:
    """One connection, used for one request after another."""

    def __init__(self, port: int) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port), timeout=120)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def ask(self, request: Request) -> Answer:
        """Send the request and return its answer."""
        began = time.perf_counter()
        # A head of its own packet would wait for its acknowledgement: head and small portions go out together.
        self._socket.sendmsg([request.head()])
        for portion in request.body:
            self._socket.sendall(portion)
        received = bytearray()
        while (end := received.find(b"\r\n\r\n")) < 0:
            received += self._more()
        head = bytes(received[:end]).decode("latin-1").lower()
        length = int(head.partition("content-length:")[2].partition("\r\n")[0] or 0)
        while len(received) < end + 4 + length:
            received += self._more()
        body = bytes(received[end + 4 : end + 4 + length])
        return Answer(int(head.split(" ")[1]), body, time.perf_counter() - began)

    def close(self) -> None:
        """End the connection."""
        self._socket.close()

    def _more(self) -> bytes:
        block = self._socket.recv(262_144)
        if not block:
            raise ConnectionError("the server closed the connection")
        return block


def file_parts(metadata: bytes, content: tuple[bytes, ...]) -> tuple[bytes, ...]:
    """Return a multipart body of the parts ``metadata`` and ``file`` (RFC 7578), in portions."""
    head = (
        f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="metadata"\r\nContent-Type: application/json\r\n\r\n'
    ).encode()
    middle = (
        f'\r\n--{BOUNDARY}\r\nContent-Disposition: form-data; name="file"; filename="a.pdf"\r\n'
        "Content-Type: application/pdf\r\n\r\n"
    ).encode()
    return (head + metadata + middle, *content, f"\r\n--{BOUNDARY}--\r\n".encode())


def rate(port: int, clients: int, total: int, make: Callable[[int], Request], expected: int = 201) -> float:
    """Send ``total`` requests from several clients at once; return requests a second.

    Raises RuntimeError when an answer has not the status that is expected.
    """
    numbers, wrong = count(), []

    def work() -> None:
        connection = Connection(port)
        try:
            while (number := next(numbers)) < total:
                answer = connection.ask(make(number))
                if answer.status != expected:
                    wrong.append(answer)
                    return
        finally:
            connection.close()

    threads = [threading.Thread(target=work) for _ in range(clients)]
    began = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    require_none(wrong)
    return total / (time.perf_counter() - began)


def require_none(wrong: Sequence[Answer]) -> None:
    """Raise RuntimeError that shows the first of the answers that were not expected, where there are any."""
    if wrong:
        raise RuntimeError(f"{wrong[0].status}: {wrong[0].body[:500]!r}")


def unique() -> bytes:
    """Return 32 characters that never come again: what makes one file differ from the next."""
    return os.urandom(16).hex().encode()
