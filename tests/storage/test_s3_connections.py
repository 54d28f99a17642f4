"""Connecting is quick to give up; sending is not."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from threading import Thread

import pytest
import urllib3

from archive_service.storage.s3_connections import connections


def test_a_server_that_pauses_while_it_reads_is_waited_for() -> None:
    body = bytes(16 * 1024 * 1024)

    def answer(listener: socket.socket) -> None:
        taken, _ = listener.accept()
        with taken:
            time.sleep(0.8)
            left = len(body)
            while left > 0:
                left -= len(taken.recv(1_000_000))
            taken.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")

    with socket.create_server(("127.0.0.1", 0)) as listener:
        server = Thread(target=answer, args=(listener,))
        server.start()
        pools = connections(connect_seconds=0.3, wait_seconds=10)
        url = f"http://127.0.0.1:{listener.getsockname()[1]}/"
        assert pools.urlopen("PUT", url, body=body, retries=False).status == 200
        server.join()


@pytest.fixture
def full_port() -> Iterator[int]:
    """Give a port whose queue is full, so that it neither accepts nor refuses."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        port = listener.getsockname()[1]
        waiting = [socket.socket() for _ in range(4)]
        for each in waiting:
            each.setblocking(False)
            each.connect_ex(("127.0.0.1", port))
        yield port
        for each in waiting:
            each.close()


def test_a_host_that_does_not_accept_is_given_up_quickly(full_port: int) -> None:
    pools = connections(connect_seconds=0.3, wait_seconds=30)
    began = time.monotonic()
    with pytest.raises(urllib3.exceptions.ConnectTimeoutError):
        pools.urlopen("GET", f"http://127.0.0.1:{full_port}/", retries=False)
    assert time.monotonic() - began < 3
