"""A time-stamp authority asked over HTTP (RFC 3161 §3.4)."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field

import urllib3

from archive_service.errors import Message, Unavailable
from archive_service.evidence.timestamp import NONCE_BYTES, TimestampRequest, make_nonce
from archive_service.model.ports import Clock, Randomness
from archive_service.trust.reply import accept_reply
from archive_verify.timestamp import Token

# A reply with a certificate chain and revocation data has some 10 KB.
LARGEST_REPLY_BYTES = 262_144


@dataclass(frozen=True, slots=True)
class HttpTimestampAuthority:
    """Implements ``TimestampAuthority``. Follows no redirect; ``roots`` (DER) are trusted for it alone.

    ``credentials`` is NAME:PASSWORD for HTTP Basic.
    """

    name: str
    url: str
    roots: Sequence[bytes]
    clock: Clock
    randomness: Randomness
    timeout_seconds: float = 20.0
    credentials: str | None = field(default=None, repr=False)
    is_test: bool = False
    _pool: urllib3.PoolManager = field(default_factory=lambda: urllib3.PoolManager(num_pools=2, retries=False))

    def stamp(self, imprint: bytes, algorithm: str) -> Token:
        """Return a new token over the digest."""
        request = TimestampRequest(imprint, algorithm, make_nonce(self.randomness.token(NONCE_BYTES)))
        return accept_reply(self.name, self._ask(request.der()), request, self.roots, self.clock.now())

    def _ask(self, request: bytes) -> bytes:
        """Post the request and return the reply's body, within the time and size limits."""
        ends = time.monotonic() + self.timeout_seconds
        try:
            answer = self._pool.request(
                "POST",
                self.url,
                body=request,
                headers={"Content-Type": "application/timestamp-query", **self._sign_in()},
                timeout=urllib3.Timeout(total=self.timeout_seconds),
                redirect=False,
                preload_content=False,
            )
            try:
                if answer.status != 200:
                    raise self._unavailable(f"it answered HTTP {answer.status}")
                return self._body(answer, ends)
            finally:
                # A reply that was not read to its end leaves the connection of no use.
                answer.close()
        except (urllib3.exceptions.HTTPError, OSError) as failure:
            raise self._unavailable(type(failure).__name__) from failure

    def _sign_in(self) -> dict[str, str]:
        return dict(urllib3.make_headers(basic_auth=self.credentials)) if self.credentials else {}

    def _body(self, answer: urllib3.BaseHTTPResponse, ends: float) -> bytes:
        body = bytearray()
        # Each read waits at most the time limit; the loop keeps a reply that drips from taking it over and over.
        while block := answer.read1(65_536):
            body += block
            if len(body) > LARGEST_REPLY_BYTES:
                raise self._unavailable(f"its reply has more than {LARGEST_REPLY_BYTES} bytes")
            if time.monotonic() > ends:
                raise self._unavailable(f"its reply took more than {self.timeout_seconds:g} seconds")
        return bytes(body)

    def _unavailable(self, reason: str) -> Unavailable:
        return Unavailable(
            Message(
                f"The time-stamp authority {self.name} does not answer as it should ({reason}). Deposits go on, and it "
                "is asked again.",
                f"Cơ quan cấp dấu thời gian {self.name} không trả lời đúng ({reason}). Việc tiếp nhận vẫn tiếp tục và "
                "hệ thống sẽ hỏi lại.",
            ),
            component="timestamp authority",
        )
