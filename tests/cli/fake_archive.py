"""A small archive in memory behind a real HTTP server, after docs/api.md: it counts, and it can be made to fail.

It keeps the promises that clients rely on (idempotency, already held, ranges, cursors) and checks nothing else.
"""

from __future__ import annotations

import hashlib
import json
import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.parser import BytesParser
from email.policy import HTTP
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

KEY = "test-key-0123456789"


@dataclass(slots=True)
class Script:
    """How the archive misbehaves, told before the requests come."""

    unavailable_answers: int = 0  # this many requests get 503
    retry_after: str = "0"
    lost_answers: int = 0  # this many deposits are kept, and then the connection breaks
    broken_contents: int = 0  # this many contents stop in the middle
    damaged_content: bool = False
    slow_seconds: float = 0.0
    answers_html: bool = False


@dataclass(slots=True)
class FakeArchive:
    """What is held, and what was asked."""

    url: str = ""
    script: Script = field(default_factory=Script)
    records: dict[str, dict[str, Any]] = field(default_factory=dict)
    contents: dict[str, bytes] = field(default_factory=dict)
    answered: dict[str, tuple[str, str]] = field(default_factory=dict)
    deposits_seen: int = 0
    requests_seen: list[tuple[str, str, dict[str, str]]] = field(default_factory=list)
    first_parts: list[str] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def keep(self, key: str, content: bytes, metadata: dict[str, Any]) -> tuple[int, dict[str, Any], bool]:
        """Return status, body and whether it is a replay, as POST /records answers."""
        sha256 = hashlib.sha256(content).hexdigest()
        request = hashlib.sha256(json.dumps(metadata, sort_keys=True).encode() + content).hexdigest()
        if b"encrypted" in content:
            finding = {"code": "encrypted", "message": {"en": "It is encrypted.", "vi": "Tệp bị mã hoá."}}
            return 422, problem(422, "rejected", findings=[finding]), False
        if key in self.answered:
            record_id, before = self.answered[key]
            if before != request:
                return 409, problem(409, "key-reused"), False
            return 201, self.records[record_id], True
        who = (sha256, json.dumps(metadata["subject"], sort_keys=True), metadata["result_type"])
        for record in self.records.values():
            if record["who"] == who:
                held = problem(409, "already-held", record_id=record["id"], state=record["state"])
                return 409, held, False
        record_id = str(uuid.uuid4())
        self.answered[key] = (record_id, request)
        self.contents[record_id] = content
        state = "quarantined" if b"JavaScript" in content else "stored"
        self.records[record_id] = {
            "id": record_id,
            "state": state,
            "search_state": "waiting",
            "metadata": metadata,
            "metadata_version": 1,
            "content": {"size_bytes": len(content), "sha256": sha256, "sha512": ""},
            "page_count": 1,
            "received_at": "2026-11-23T05:04:03Z",
            "stored_at": "2026-11-23T05:04:03Z",
            "locked_until": None,
            "findings": [],
            "related": [],
            "who": who,
        }
        return 201, self.records[record_id], False


def problem(status: int, code: str, **more: Any) -> dict[str, Any]:
    """Return a problem document."""
    return {
        "type": "about:blank",
        "title": code,
        "status": status,
        "code": code,
        "detail": f"English for {code}.",
        "detail_vi": f"Tiếng Việt cho {code}.",
        "request_id": "req-1",
        **more,
    }


@contextmanager
def running_archive() -> Iterator[FakeArchive]:
    """Serve a fake archive on a free port of this machine."""
    archive = FakeArchive()

    class Handler(_Handler):
        fake = archive

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    archive.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield archive
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class _Handler(BaseHTTPRequestHandler):
    fake: FakeArchive
    protocol_version = "HTTP/1.1"

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing."""

    def do_GET(self) -> None:
        """Answer a read."""
        if self._stopped():
            return
        split = urlsplit(self.path)
        parts = [unquote(part) for part in split.path.removeprefix("/api/v1/").split("/")]
        match parts:
            case ["records", record_id, "content"] if record_id in self.fake.records:
                self._send_content(record_id)
            case ["records", record_id] if record_id in self.fake.records:
                self._send(200, self.fake.records[record_id])
            case ["subjects", scheme, number]:
                self._send_subject({"scheme": scheme, "number": number})
            case ["search"]:
                self._send_hits(parse_qs(split.query))
            case _:
                self._send(404, problem(404, "not-found"))

    def do_POST(self) -> None:
        """Answer a deposit or a verification."""
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if self._stopped():
            return
        parts = self._parts(body) if "multipart" in self.headers["Content-Type"] else {}
        if self.path == "/api/v1/verifications":
            content = parts.get("file")
            sha256 = hashlib.sha256(content).hexdigest() if content else json.loads(body)["sha256"]
            held = [one for one in self.fake.records.values() if one["content"]["sha256"] == sha256]
            self._send(200, {"verdict": "held" if held else "not-held", "sha256": sha256, "records": held})
            return
        time.sleep(self.fake.script.slow_seconds)
        with self.fake.lock:
            self.fake.deposits_seen += 1
            self.fake.first_parts.append(next(iter(parts)))
            if hashlib.sha256(parts["file"]).hexdigest() != self.headers["X-Content-SHA256"]:
                self._send(400, problem(400, "digest-mismatch"))
                return
            key = self.headers["Idempotency-Key"]
            status, answer, is_replay = self.fake.keep(key, parts["file"], json.loads(parts["metadata"]))
            if self.fake.script.lost_answers:
                self.fake.script.lost_answers -= 1
                self.close_connection = True
                return
        self._send(status, answer, {"Idempotent-Replay": "true"} if is_replay else {})

    def _stopped(self) -> bool:
        """Answer at once when the key is wrong or the archive is told to be down."""
        self.fake.requests_seen.append((self.command, self.path, dict(self.headers)))
        if self.headers.get("Authorization") != f"Bearer {KEY}":
            self._send(401, problem(401, "not-authenticated"))
            return True
        if self.fake.script.answers_html:
            self._send_bytes(200, b"<html>", {"Content-Type": "text/html"})
            return True
        if self.fake.script.unavailable_answers:
            self.fake.script.unavailable_answers -= 1
            down = problem(503, "unavailable", retry_after_seconds=0)
            self._send(503, down, {"Retry-After": self.fake.script.retry_after})
            return True
        return False

    def _parts(self, body: bytes) -> dict[str, bytes]:
        head = f"Content-Type: {self.headers['Content-Type']}\r\n\r\n".encode()
        message = BytesParser(policy=HTTP).parsebytes(head + body)
        return {
            str(part.get_param("name", header="content-disposition")): bytes(part.get_payload(decode=True))
            for part in message.iter_parts()
        }

    def _send_content(self, record_id: str) -> None:
        content, script = self.fake.contents[record_id], self.fake.script
        if script.damaged_content:
            content = content[:-1] + b"?"
        wanted = self.headers.get("Range", "")
        start = int(wanted.removeprefix("bytes=").removesuffix("-")) if wanted else 0
        status, piece = (206, content[start:]) if wanted else (200, content)
        if script.broken_contents:
            script.broken_contents -= 1
            self._send_bytes(status, piece[: len(piece) // 2], {"Content-Length": str(len(piece))})
            self.close_connection = True
            return
        self._send_bytes(status, piece, {"Content-Type": "application/pdf"})

    def _send_subject(self, identifier: dict[str, str]) -> None:
        records = [
            record
            for record in self.fake.records.values()
            if identifier in record["metadata"]["subject"]["identifiers"]
        ]
        if not records:
            self._send(404, problem(404, "not-found"))
            return
        subject = records[0]["metadata"]["subject"]
        self._send(200, {"subject": subject | {"merges": []}, "records": records})

    def _send_hits(self, query: dict[str, list[str]]) -> None:
        size, start = int(query.get("size", ["20"])[0]), int(query.get("cursor", ["0"])[0])
        hits = [
            {
                "id": record["id"],
                "state": record["state"],
                "subject_name": record["metadata"]["subject"]["name"],
                "document_code": None,
                "issued_on": record["metadata"].get("issued_on"),
                "summary": record["metadata"].get("summary"),
                "snippet": {"text": "… hưởng lương hưu \x1b[31m…", "marks": [[2, 7]]},
            }
            for record in self.fake.records.values()
        ]
        following = str(start + size) if start + size < len(hits) else None
        page = {"total": len(hits), "hits": hits[start : start + size], "next_cursor": following}
        self._send(200, page | {"facets": {"year": {"2021": len(hits)}} if "facet" in query else {}})

    def _send(self, status: int, body: dict[str, Any], headers: dict[str, str] | None = None) -> None:
        shown = {name: value for name, value in body.items() if name != "who"}
        content = json.dumps(shown, ensure_ascii=False, default=lambda one: None).encode()
        kind = "application/problem+json" if status >= 400 else "application/json"
        self._send_bytes(status, content, {"Content-Type": kind, **(headers or {})})

    def _send_bytes(self, status: int, content: bytes, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in {"Content-Length": str(len(content)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)
