"""The HTTP client of the archive: what the command line, and any other Python program, deposits and finds by.

It follows docs/api.md. A file is never held whole in memory, the key is never shown, and what may have been
received is only sent again with the same idempotency key. Problems arrive as RFC 9457 documents and leave as
``ApiProblem``.
"""

from __future__ import annotations

import hashlib
import json
import re
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.parse import quote

import httpx

from archive_service import __version__
from archive_service.errors import ArchiveError, InvalidInput, Message, Misconfigured, Unavailable

Answer = dict[str, Any]
Query = Sequence[tuple[str, str]]

_SHA256 = re.compile(r"[0-9a-f]{64}")
CHUNK_BYTES = 1024 * 1024
# Too busy, or a part of the way does not answer: the same request may be sent again (RFC 9110 §15.6).
RETRYABLE_STATUSES = frozenset({408, 429, 502, 503, 504})
# The parts of a record that can be downloaded, as paths under it.
ORIGINAL = "content"
SEALED = "renditions/sealed"
EVIDENCE = "evidence"

# Reading may wait long: the service answers a deposit only after it has checked and stored the file.
TIMEOUT = httpx.Timeout(connect=5.0, read=300.0, write=60.0, pool=300.0)
LOOPBACK = ("all://127.0.0.1", "all://localhost", "all://[::1]")


class ApiProblem(ArchiveError):
    """An answer of the service that is not a success, as its problem document tells it (RFC 9457)."""

    code = "api-problem"

    def __init__(self, status: int, document: Mapping[str, Any], retry_after_seconds: float | None) -> None:
        en = str(document.get("detail") or document.get("title") or f"The service answered with HTTP {status}.")
        vi = str(document.get("detail_vi") or f"Dịch vụ trả lời với mã HTTP {status}.")
        super().__init__(Message(en, vi), code=str(document.get("code") or f"http-{status}"))
        self.status = status
        self.document: Answer = {"status": status, "code": self.code, **document}
        self.retry_after_seconds = retry_after_seconds

    @property
    def errors(self) -> list[Answer]:
        """One row for each field that is wrong."""
        return list(self.document.get("errors") or [])

    @property
    def findings(self) -> list[Answer]:
        """One row for each reason why a document was refused."""
        return list(self.document.get("findings") or [])

    @property
    def record_id(self) -> str | None:
        """The record that stands in the way, if one does."""
        return self.document.get("record_id")

    @property
    def state(self) -> str | None:
        """The state of that record."""
        return self.document.get("state")

    @property
    def request_id(self) -> str | None:
        """What an operator finds the request by."""
        return self.document.get("request_id")


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """How often a request is sent again when the service does not answer, and how long to wait between."""

    attempts: int = 6
    first_wait_seconds: float = 0.5
    longest_wait_seconds: float = 30.0

    def wait_seconds(self, attempt: int, retry_after_seconds: float | None) -> float:
        """Return the wait after ``attempt`` (from 1): doubled each time, or as the service asks, bounded.

        >>> [RetryPolicy().wait_seconds(attempt, None) for attempt in (1, 2, 3)]
        [0.5, 1.0, 2.0]
        >>> RetryPolicy().wait_seconds(1, 3600)
        30.0
        """
        wanted = self.first_wait_seconds * 2.0 ** (attempt - 1)
        if retry_after_seconds is not None:
            wanted = max(wanted, retry_after_seconds)
        return min(wanted, self.longest_wait_seconds)


@dataclass(frozen=True, slots=True)
class Deposit:
    """A result to hand over. ``sha256`` is the digest of the file as it was read, in hexadecimal."""

    path: Path
    sha256: str
    metadata: Mapping[str, Any]
    idempotency_key: str


@dataclass(frozen=True, slots=True)
class DepositAnswer:
    """What the service said to a deposit. ``is_replay``: it had answered the same deposit before."""

    record: Answer
    is_replay: bool


@dataclass(frozen=True, slots=True)
class ContentStream:
    """The bytes of a record as they arrive, from ``offset`` on: 0 when the service sends the whole."""

    offset: int
    chunks: Iterator[bytes]


@dataclass(frozen=True, slots=True)
class FileStream:
    """The bytes of a file as they arrive. ``sha256`` is what the service says they have, None where it says nothing."""

    sha256: str | None
    chunks: Iterator[bytes]


def file_sha256(path: Path) -> str:
    """Return the SHA-256 of a file in lower-case hexadecimal; reads it in pieces.

    Raises InvalidInput when it cannot be read.
    """
    try:
        with path.open("rb") as file:
            digest = hashlib.sha256()
            while chunk := file.read(CHUNK_BYTES):
                digest.update(chunk)
    except OSError as unreadable:
        raise InvalidInput(
            Message(
                f"The file {path.name} cannot be read: {unreadable.strerror}.",
                f"Không đọc được tệp {path.name}: {unreadable.strerror}.",
            ),
            code="file-unreadable",
        ) from unreadable
    return digest.hexdigest()


def derived_key(sha256: str, metadata: Mapping[str, Any]) -> str:
    """Return the idempotency key of these bytes with this metadata: depositing twice is depositing once.

    >>> derived_key("00", {"a": 1, "b": 2}) == derived_key("00", {"b": 2, "a": 1})
    True
    """
    canonical = json.dumps(metadata, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    return "sha256-" + hashlib.sha256(f"{sha256}\n{canonical}".encode()).hexdigest()


class ArchiveClient:
    """Speaks to one archive with one key; several threads may use it. Close it, or use it in ``with``."""

    def __init__(
        self,
        base_url: str,
        key: str,
        *,
        retry: RetryPolicy | None = None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._retry = retry or RetryPolicy()
        self._sleep = sleep
        self._origin = _require_origin(base_url)
        self._http = httpx.Client(
            base_url=f"{self._origin}/api/v1",
            headers={
                "Authorization": f"Bearer {_require_key(key)}",
                "User-Agent": f"archive-service/{__version__}",
            },
            timeout=TIMEOUT,
            # A proxy of the environment is for the way out, never for this machine itself.
            mounts=dict.fromkeys(LOOPBACK),
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the connections."""
        self._http.close()

    def deposit(self, deposit: Deposit) -> DepositAnswer:
        """Hand over a result; sent again with the same key while the service does not answer.

        Raises ApiProblem when the service refuses, Unavailable when it could not be reached, InvalidInput
        when the file cannot be read.
        """
        headers = {"Idempotency-Key": deposit.idempotency_key, "X-Content-SHA256": deposit.sha256}
        metadata = json.dumps(deposit.metadata, ensure_ascii=False).encode()

        def ask() -> httpx.Response:
            with _opened(deposit.path) as file:
                # The metadata comes first, so that the service can refuse before it has taken in the file.
                # The file's own name stays here: names of files often carry names of people.
                parts = [
                    ("metadata", (None, metadata, "application/json")),
                    ("file", ("document.pdf", file, "application/pdf")),
                ]
                return self._http.post("/records", headers=headers, files=parts)

        response = self._answered(ask)
        return DepositAnswer(_body(response), response.headers.get("Idempotent-Replay") == "true")

    def record(self, record_id: str) -> Answer:
        """Return one record."""
        return self._get(f"/records/{_segment(record_id)}")

    def renditions(self, record_id: str) -> list[Answer]:
        """Return the copies that are kept beside a record's original."""
        return list(self._get(f"/records/{_segment(record_id)}/renditions")["renditions"])

    def subject(self, scheme: str, number: str) -> Answer:
        """Return a subject with every record of it, in time order."""
        return self._get(f"/subjects/{_segment(scheme)}/{_segment(number)}")

    def search(self, query: Query) -> Answer:
        """Return one page of hits."""
        return self._get("/search", query)

    def search_pages(self, query: Query) -> Iterator[Answer]:
        """Yield every page of hits, from the one that ``query`` names on."""
        page = self.search(query)
        yield page
        while page.get("next_cursor"):
            page = self.search([*query, ("cursor", str(page["next_cursor"]))])
            yield page

    def verify_digest(self, sha256: str) -> Answer:
        """Return which records hold exactly the bytes of that digest."""
        return _body(self._answered(lambda: self._http.post("/verifications", json={"sha256": sha256})))

    def verify_file(self, path: Path) -> Answer:
        """Return which records hold exactly the bytes of that file, which is sent."""

        def ask() -> httpx.Response:
            with _opened(path) as file:
                parts = [("file", ("document.pdf", file, "application/pdf"))]
                return self._http.post("/verifications", files=parts)

        return _body(self._answered(ask))

    @contextmanager
    def content(self, record_id: str, sha256: str, offset: int = 0, *, part: str = ORIGINAL) -> Iterator[ContentStream]:
        """Open the bytes of a record's part, from ``offset`` on if they still are the bytes of ``sha256``.

        The stream may break with Unavailable; what arrived until then may be kept, and the rest asked for.
        """
        ranged = {"Range": f"bytes={offset}-", "If-Range": f'"{sha256}"'} if offset else {}
        with self._streamed(f"/records/{_segment(record_id)}/{part}", (), ranged) as response:
            yield ContentStream(offset if response.status_code == 206 else 0, self._chunks(response))

    @contextmanager
    def file(self, *segments: str, query: Query = ()) -> Iterator[FileStream]:
        """Open the bytes of a file that an address of the API gives, with the digest that the answer states of them.

        The stream may break with Unavailable. Raises as ``get``.
        """
        with self._streamed(_path(segments), query, {}) as response:
            yield FileStream(_stated_sha256(response), self._chunks(response))

    @contextmanager
    def _streamed(self, path: str, query: Query, headers: Mapping[str, str]) -> Iterator[httpx.Response]:
        # The bytes as they are kept: an offset means nothing in a stream that was compressed on the way.
        asked = {"Accept-Encoding": "identity", **headers}
        request = self._http.build_request("GET", path, params=httpx.QueryParams(list(query)), headers=asked)
        response = self._answered(lambda: self._http.send(request, stream=True))
        try:
            if not response.is_success:
                response.read()
                raise _problem(response)
            yield response
        finally:
            response.close()

    def get(self, *segments: str, query: Query = ()) -> Answer:
        """Return what lies at an address of the API, given by its segments as they are, not as a path writes them.

        Raises ApiProblem when the service refuses, Unavailable when it could not be reached.
        """
        return self._get(_path(segments), query)

    def get_bytes(self, *segments: str, query: Query = ()) -> bytes:
        """Return the bytes of an answer that is no JSON: a file, a report. Raises as ``get``."""
        response = self._answered(lambda: self._http.get(_path(segments), params=httpx.QueryParams(list(query))))
        if not response.is_success:
            raise _problem(response)
        return response.content

    def post(self, *segments: str, body: Mapping[str, Any] | bytes, query: Query = ()) -> Answer:
        """Ask for something to be done, with a JSON object or a file's bytes, and return the answer.

        Sent again while the service does not answer: only for what is harmless to do twice. Raises as ``get``.
        """
        path, params = _path(segments), httpx.QueryParams(list(query))
        if isinstance(body, bytes):
            plain = {"Content-Type": "text/plain; charset=utf-8"}
            return _body(self._answered(lambda: self._http.post(path, params=params, content=body, headers=plain)))
        return _body(self._answered(lambda: self._http.post(path, params=params, json=dict(body))))

    def post_once(self, *segments: str, body: Mapping[str, Any], query: Query = ()) -> Answer:
        """Ask for what is done once: sent once, so that no second try is told that it was done already.

        Raises ApiProblem when the service refuses; Unavailable, ``answer-lost``, when its answer did not arrive: look
        whether it was done.
        """
        try:
            path, params = _path(segments), httpx.QueryParams(list(query))
            return _body(self._http.post(path, params=params, json=dict(body)))
        except httpx.ConnectError as lost:
            raise self._unreachable() from lost
        except httpx.TransportError as lost:
            raise Unavailable(
                Message(
                    "The connection broke before the answer came. Look whether it was done before you try again.",
                    "Mất kết nối trước khi nhận được phản hồi. Hãy xem thao tác đã được thực hiện hay chưa trước khi "
                    "làm lại.",
                ),
                component="service",
                code="answer-lost",
            ) from lost

    def _chunks(self, response: httpx.Response) -> Iterator[bytes]:
        try:
            yield from response.iter_raw()  # in pieces as they arrive, so that a break loses none
        except httpx.TransportError as lost:
            raise self._unreachable() from lost

    def _get(self, path: str, query: Query = ()) -> Answer:
        return _body(self._answered(lambda: self._http.get(path, params=httpx.QueryParams(list(query)))))

    def _answered(self, ask: Callable[[], httpx.Response]) -> httpx.Response:
        """Return the first answer that says more than "not now", or the last one.

        Raises Unavailable when the last attempt got no answer.
        """
        for attempt in range(1, self._retry.attempts):
            retry_after = None
            try:
                response = ask()
            except httpx.TransportError:
                pass  # the wait and the next attempt are the answer to it
            else:
                if response.status_code not in RETRYABLE_STATUSES:
                    return response
                retry_after = _retry_after_seconds(response)
                response.close()
            self._sleep(self._retry.wait_seconds(attempt, retry_after))
        try:
            return ask()
        except httpx.TransportError as lost:
            raise self._unreachable() from lost

    def _unreachable(self) -> Unavailable:
        return Unavailable(
            Message(
                f"The archive at {self._origin} does not answer. Nothing that was confirmed is lost; "
                "check that the service runs and do the same again.",
                f"Không kết nối được với kho lưu trữ tại {self._origin}. Những gì đã được xác nhận không bị "
                "mất; hãy kiểm tra dịch vụ rồi thực hiện lại đúng thao tác này.",
            ),
            component="service",
        )


@contextmanager
def _opened(path: Path) -> Iterator[Any]:
    try:
        file = path.open("rb")
    except OSError as unreadable:
        raise InvalidInput(
            Message(f"The file {path.name} can no longer be read.", f"Không còn đọc được tệp {path.name} nữa."),
            code="file-unreadable",
        ) from unreadable
    with file:
        yield file


def _require_origin(url: str) -> str:
    """Return the URL of the host, and path before the API's, checked before anything is sent to it."""
    try:
        parsed = httpx.URL(url)
    except httpx.InvalidURL:
        parsed = httpx.URL("")
    if parsed.scheme not in {"http", "https"} or not parsed.host or parsed.userinfo:
        raise Misconfigured(
            Message(
                "The archive's address must be like http://127.0.0.1:8080 or https://archive.example, without a key.",
                "Địa chỉ kho lưu trữ phải có dạng http://127.0.0.1:8080 hoặc https://archive.example, không kèm khoá.",
            )
        )
    return str(parsed.copy_with(query=None, fragment=None)).rstrip("/").removesuffix("/api/v1")


def _require_key(key: str) -> str:
    if not key or not key.isascii() or not key.isprintable() or " " in key:
        raise Misconfigured(
            Message(
                "This is not an API key. Give the key as `archive-service api-key create` printed it.",
                "Đây không phải là khoá API. Hãy dùng đúng khoá do `archive-service api-key create` in ra.",
            )
        )
    return key


def _segment(text: str) -> str:
    """Return a text as one segment of a path, whatever it holds.

    >>> _segment("../records")
    '..%2Frecords'
    """
    return quote(text, safe="")


def _path(segments: Sequence[str]) -> str:
    return "".join(f"/{_segment(one)}" for one in segments)


def _stated_sha256(response: httpx.Response) -> str | None:
    """Return the SHA-256 that the answer's ETag is, where it is one."""
    etag = response.headers.get("ETag", "").strip('"')
    return etag if _SHA256.fullmatch(etag) else None


def _body(response: httpx.Response) -> Answer:
    """Return the answer's JSON object. Raises ApiProblem unless it is a success."""
    if not response.is_success:
        raise _problem(response)
    try:
        body = response.json()
    except ValueError as wrong:
        raise _not_the_archive(response) from wrong
    if not isinstance(body, dict):
        raise _not_the_archive(response)
    return body


def _problem(response: httpx.Response) -> ApiProblem:
    try:
        document = response.json()
    except ValueError:
        document = {}
    if not isinstance(document, dict):
        document = {}
    return ApiProblem(response.status_code, document, _retry_after_seconds(response))


def _not_the_archive(response: httpx.Response) -> ApiProblem:
    document = {
        "code": "unexpected-answer",
        "detail": "Something answered that is not the archive's API. Check the address.",
        "detail_vi": "Phản hồi nhận được không phải từ API của kho lưu trữ. Hãy kiểm tra địa chỉ.",
    }
    return ApiProblem(response.status_code, document, None)


def _retry_after_seconds(response: httpx.Response) -> float | None:
    """Return how long the service asks to wait, told in seconds or as a date (RFC 9110 §10.2.3)."""
    value = response.headers.get("Retry-After", "").strip()
    if value.isascii() and value.isdigit():
        return float(value)
    try:
        return max(0.0, parsedate_to_datetime(value).timestamp() - time.time())
    except ValueError:
        return None
