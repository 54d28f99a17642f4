"""An HTTP proxy between a client and its server that fails as planned: slow, refusing, losing or changing answers."""

from __future__ import annotations

import http.client
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

_CONNECTION_HEADERS = {"connection", "keep-alive", "transfer-encoding", "content-length"}


def _nothing() -> None:
    return


@dataclass(frozen=True, slots=True)
class Fault:
    """What goes wrong with one exchange, in this order."""

    on_arrival: Callable[[], None] = _nothing
    status: int | None = None  # answered instead of asking the server
    on_answer: Callable[[], None] = _nothing
    delay_seconds: float = 0.0  # the server has done its work, its answer is kept back
    loses_answer: bool = False
    changes_bytes: bool = False


@dataclass(slots=True)
class _Plan:
    method: str
    part: str
    fault: Fault
    passed_over: int
    times: int


class FaultProxy(ThreadingHTTPServer):
    """Passes HTTP/1.1 requests on, each on a connection of its own, and breaks those that are planned."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(self, server_host: str) -> None:
        super().__init__(("127.0.0.1", 0), _Exchange)
        self.target = server_host
        self._plans: list[_Plan] = []
        self._guard = threading.Lock()

    @property
    def host(self) -> str:
        """Where it listens, as HOST:PORT."""
        return f"127.0.0.1:{self.server_address[1]}"

    def plan(self, method: str, part: str, fault: Fault, *, passed_over: int = 0, times: int = 1) -> None:
        """Break so many requests of that method whose target holds ``part``, after those passed over."""
        with self._guard:
            self._plans.append(_Plan(method, part, fault, passed_over, times))

    def heal(self) -> None:
        """Break nothing more."""
        with self._guard:
            self._plans.clear()

    def fault_of(self, method: str, target: str) -> Fault:
        """Return what goes wrong with this request, and count it."""
        with self._guard:
            for plan in self._plans:
                if plan.method != method or plan.part not in target or plan.times == 0:
                    continue
                if plan.passed_over:
                    plan.passed_over -= 1
                    continue
                plan.times -= 1
                return plan.fault
        return Fault()


class _Exchange(BaseHTTPRequestHandler):
    server: FaultProxy
    protocol_version = "HTTP/1.1"

    def _pass_on(self) -> None:
        body = self._body()
        fault = self.server.fault_of(self.command, self.path)
        fault.on_arrival()
        if fault.status is not None:
            self._answer(fault.status, {}, b"")
            return
        try:
            status, headers, answer = self._asked(body)
        except (OSError, http.client.HTTPException):
            self.close_connection = True
            return
        fault.on_answer()
        time.sleep(fault.delay_seconds)
        if fault.loses_answer:
            self.close_connection = True
            return
        if fault.changes_bytes and answer:
            middle = len(answer) // 2
            answer = answer[:middle] + bytes([answer[middle] ^ 1]) + answer[middle + 1 :]
        self._answer(status, headers, answer)

    do_GET = do_PUT = do_POST = do_HEAD = do_DELETE = _pass_on  # noqa: N815  # names that the library calls

    def _body(self) -> bytes:
        if self.headers.get("Transfer-Encoding", "").lower() != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length", 0)))
        blocks = []
        while size := int(self.rfile.readline(), 16):
            blocks.append(self.rfile.read(size))
            self.rfile.readline()
        self.rfile.readline()
        return b"".join(blocks)

    def _asked(self, body: bytes) -> tuple[int, dict[str, str], bytes]:
        connection = http.client.HTTPConnection(self.server.target, timeout=120)
        try:
            connection.putrequest(self.command, self.path, skip_host=True, skip_accept_encoding=True)
            for name, value in self.headers.items():
                if name.lower() not in _CONNECTION_HEADERS:
                    connection.putheader(name, value)
            if body or self.command in {"PUT", "POST"}:
                connection.putheader("Content-Length", str(len(body)))
            connection.endheaders(body)
            answer = connection.getresponse()
            return answer.status, dict(answer.getheaders()), answer.read()
        finally:
            connection.close()

    def _answer(self, status: int, headers: dict[str, str], body: bytes) -> None:
        try:
            self.send_response_only(status)
            length = len(body)
            for name, value in headers.items():
                if name.lower() == "content-length" and self.command == "HEAD":
                    length = int(value)
                if name.lower() not in _CONNECTION_HEADERS:
                    self.send_header(name, value)
            self.send_header("Content-Length", str(length))
            self.end_headers()
            self.wfile.write(b"" if self.command == "HEAD" else body)
        except OSError:  # whoever asked has gone: killed, or tired of waiting
            self.close_connection = True

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


@contextmanager
def proxy_to(server_host: str) -> Iterator[FaultProxy]:
    """Give a proxy before the server at HOST:PORT; it goes away at the end."""
    with FaultProxy(server_host) as proxy:
        serving = threading.Thread(target=proxy.serve_forever, kwargs={"poll_interval": 0.02})
        serving.start()
        try:
            yield proxy
        finally:
            proxy.shutdown()
            serving.join()
