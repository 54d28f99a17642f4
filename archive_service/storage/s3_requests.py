"""The few signed S3 requests that the ``minio`` client cannot make, or whose answers it cannot read.

- A create-only PUT: the client's ``put_object`` turns ``If-None-Match`` into user metadata and writes a new
version.
- A listing of versions: the client cannot read the delete markers of every server (times in nanoseconds).
- Whether a bucket has Object Lock: the client cannot read an answer without a default retention.
- What time it is for the server: the client throws the answer's head away.

Never holds an object in memory. Amazon S3 API Reference: PutObject, ListObjectVersions,
GetObjectLockConfiguration; AWS Signature Version 4.
"""

from __future__ import annotations

import datetime as dt
import xml.etree.ElementTree as ET
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from pathlib import Path
from urllib.parse import SplitResult, quote

import minio.time
import urllib3
from minio.credentials.credentials import Credentials
from minio.error import InvalidResponseError, S3Error
from minio.signer import sign_v4_s3

from archive_service.model.record import ContentDigest
from archive_service.storage.digests import Digester, blocks_of
from archive_service.storage.s3_address import S3Address

_NO_BYTES = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"  # SHA-256 of nothing


@dataclass(frozen=True, slots=True)
class ListedVersion:
    """One line of a listing: a version, or a marker that hides the versions before it."""

    key: str
    version: str
    size_bytes: int
    is_delete_marker: bool


class SourceDiffers(Exception):
    """The source's bytes are not those announced; the request was broken off before the last of them."""


class S3Requests:
    """Signs and sends. Lets the errors of urllib3 and of the client out: the store translates them."""

    def __init__(self, address: S3Address, http: urllib3.PoolManager) -> None:
        self._address = address
        self._http = http

    def put(
        self,
        key: str,
        source: Path | bytes,
        digest: ContentDigest,
        headers: Mapping[str, str],
        *,
        only_new: bool = True,
    ) -> str | None:
        """Store the source in one request and return the version; with ``only_new`` the key must not exist yet.

        The last block is held back until all of them are known to be the announced bytes, so that a source
        that differs becomes no object. Not retried. At most 5 GiB.

        Raises S3Error with code PreconditionFailed when the key exists, SourceDiffers.
        """
        sent = {"Content-Length": str(digest.size_bytes), **headers}
        if only_new:
            sent["If-None-Match"] = "*"
        answer = self._send(_Request("PUT", key, {}, sent, digest.sha256), _checked(source, digest))
        return answer.headers.get("x-amz-version-id")

    def list_versions(self, prefix: str, after: str = "") -> Iterator[ListedVersion]:
        """Yield versions and delete markers of keys that start with ``prefix``, page by page, by key.

        With ``after`` only keys that come after that one.

        Each once: versitygw begins a page with the line at which the page before ended.
        """
        query = {"versions": "", "prefix": prefix, "max-keys": "1000"}
        if after:
            query["key-marker"] = after
        last: list[ListedVersion] = []
        while True:
            answer = self._send(_Request("GET", "", query))
            page = _parsed(answer)
            lines = [line for line in _listed(page) if line.key > after and line not in last]
            yield from lines
            if _text(page, "IsTruncated") != "true":
                return
            if not lines:
                # The server turns on the spot; asking again would never end.
                raise InvalidResponseError(answer.status, answer.headers.get("content-type"), None)
            last = [line for line in lines if line.key == lines[-1].key]
            query["key-marker"] = _text(page, "NextKeyMarker")
            query["version-id-marker"] = _text(page, "NextVersionIdMarker")

    def has_object_lock(self) -> bool:
        """Whether the bucket was made with Object Lock."""
        try:
            answer = self._send(_Request("GET", "", {"object-lock": ""}))
        except S3Error as refusal:
            if refusal.code == "ObjectLockConfigurationNotFoundError":
                return False
            raise
        return _text(_parsed(answer), "ObjectLockEnabled") == "Enabled"

    def date(self) -> dt.datetime:
        """Return what the server's clock shows, to the second (RFC 9110 §6.6.1).

        A refusal tells it as well: a server whose clock is far from ours refuses every signature. Raises
        InvalidResponseError for an answer without a date.
        """
        answer = self._answer(_Request("GET", "", {"object-lock": ""}))
        try:
            told = parsedate_to_datetime(answer.headers["date"])
        except (KeyError, ValueError) as undated:
            raise InvalidResponseError(answer.status, answer.headers.get("content-type"), None) from undated
        return told.astimezone(dt.UTC)

    def _send(self, request: _Request, body: Iterator[bytes] | None = None) -> urllib3.response.BaseHTTPResponse:
        """Sign and send one request, return its answer read whole. Raises S3Error, InvalidResponseError."""
        answer = self._answer(request, body)
        if answer.status != 200:
            raise _refusal(answer)
        return answer

    def _answer(self, request: _Request, body: Iterator[bytes] | None = None) -> urllib3.response.BaseHTTPResponse:
        address = self._address
        url = SplitResult(
            "https" if address.secure else "http",
            address.host,
            quote(f"/{address.bucket}/{request.key}".rstrip("/")),
            "&".join(f"{quote(name, '')}={quote(value, '')}" for name, value in sorted(request.query.items())),
            "",
        )
        now = minio.time.utcnow()
        headers = sign_v4_s3(
            method=request.method,
            url=url,
            region=address.region,
            headers={
                **request.headers,
                "Host": address.host,
                "x-amz-content-sha256": request.sha256,
                "x-amz-date": minio.time.to_amz_date(now),
            },
            credentials=Credentials(address.access_key, address.secret_key),
            content_sha256=request.sha256,
            date=now,
        )
        # A body is read once: what sends it again is the store, which knows that it may.
        again = False if body is not None else None
        return self._http.urlopen(request.method, url.geturl(), body=body, headers=headers, retries=again)


@dataclass(frozen=True, slots=True)
class _Request:
    method: str
    key: str
    query: Mapping[str, str]
    headers: Mapping[str, str] = field(default_factory=dict)
    sha256: str = _NO_BYTES


def _checked(source: Path | bytes, digest: ContentDigest) -> Iterator[bytes]:
    """Yield the source's blocks, each only when the next is known to fit, the last when all of them do."""
    digester = Digester()
    held: bytes | None = None
    for block in blocks_of(source):
        digester.update(block)
        if digester.size_bytes > digest.size_bytes:
            raise SourceDiffers
        if held is not None:
            yield held
        held = block
    if digester.digest() != digest:
        raise SourceDiffers
    if held is not None:
        yield held


def _refusal(answer: urllib3.response.BaseHTTPResponse) -> S3Error | InvalidResponseError:
    kind = answer.headers.get("content-type", "")
    if answer.data and "xml" in kind:
        return S3Error.fromxml(answer)
    return InvalidResponseError(answer.status, kind, None)


def _parsed(answer: urllib3.response.BaseHTTPResponse) -> ET.Element:
    # The server is the one that keeps every record, and the parser refuses entities that multiply (expat 2.4).
    return ET.fromstring(answer.data)  # noqa: S314


def _listed(page: ET.Element) -> Iterator[ListedVersion]:
    """Yield the lines of one page by key; some servers write versions and markers as two groups."""
    lines = [
        ListedVersion(
            key=_text(line, "Key"),
            version=_text(line, "VersionId"),
            size_bytes=int(_text(line, "Size") or 0),
            is_delete_marker=line.tag.endswith("}DeleteMarker"),
        )
        for line in page
        if line.tag.endswith(("}Version", "}DeleteMarker"))
    ]
    yield from sorted(lines, key=lambda line: line.key)


def _text(parent: ET.Element, name: str) -> str:
    return parent.findtext(f"{{*}}{name}") or ""
