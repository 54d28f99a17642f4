"""A relay between a store and its server that can lose an answer, or go away."""

from __future__ import annotations

import socket
import socketserver
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from threading import Thread


class Relay(socketserver.ThreadingTCPServer):
    """Passes bytes on in both directions, one connection to the server for each that it takes."""

    # One that went away is replaced on its port while connections of it are still ending.
    allow_reuse_address = True

    def __init__(self, server_host: str, port: int = 0) -> None:
        super().__init__(("127.0.0.1", port), _Connection)
        name, _, server_port = server_host.partition(":")
        self.target = (name, int(server_port))
        self.lose_next_answer = False
        self.sockets: list[socket.socket] = []

    @property
    def host(self) -> str:
        """Where it listens, as HOST:PORT."""
        return f"127.0.0.1:{self.server_address[1]}"

    def cut(self) -> None:
        """Break every connection."""
        for each in self.sockets:
            _shut(each)


class _Connection(socketserver.BaseRequestHandler):
    server: Relay
    request: socket.socket

    def handle(self) -> None:
        with socket.create_connection(self.server.target) as upstream:
            self.server.sockets.extend((self.request, upstream))
            questions = Thread(target=self._pass_on, args=(self.request, upstream))
            questions.start()
            self._pass_on(upstream, self.request, answers=True)
            questions.join()

    def _pass_on(self, source: socket.socket, target: socket.socket, *, answers: bool = False) -> None:
        with suppress(OSError):
            while block := source.recv(65536):
                if answers and self.server.lose_next_answer:
                    self.server.lose_next_answer = False
                    break
                target.sendall(block)
        _shut(source)
        _shut(target)


def _shut(end: socket.socket) -> None:
    with suppress(OSError):
        end.shutdown(socket.SHUT_RDWR)


@contextmanager
def relay_to(server_host: str, port: int = 0) -> Iterator[Relay]:
    """Give a relay to the server at HOST:PORT, itself on a free port or the one named; it goes away at the end."""
    with Relay(server_host, port) as relay:
        serving = Thread(target=relay.serve_forever, kwargs={"poll_interval": 0.02})
        serving.start()
        try:
            yield relay
        finally:
            relay.shutdown()
            serving.join()
            relay.cut()
