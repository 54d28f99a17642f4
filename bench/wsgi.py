"""The service's application as benches want it: without the PDF checker, or with a bare sink beside it."""

from __future__ import annotations

import atexit
import dataclasses
import datetime as dt
import hashlib
import os
import uuid
from collections.abc import Callable, Iterable
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from archive_service.api.app import create_app
from archive_service.api.upload import BLOCK_BYTES, Body, Limits, receive
from archive_service.bootstrap import open_archive
from archive_service.logs import configure_logs
from archive_service.model.inspection import Examined, PageFact, PdfFacts
from archive_service.model.record import DocumentText
from archive_service.orphans import follow_parent
from archive_service.settings import load_settings
from archive_service.storage.staging import Staging

if TYPE_CHECKING:
    from flask import Flask

_ONE_PAGE = PdfFacts("1.7", 1, (PageFact(595.0, 842.0, True, None),), None, ("Serif",), (), (), 0, 0, 0, 0)
Answer = Callable[[str, list[tuple[str, str]]], object]


class AcceptingReader:
    """Finds every file to be one good page, at no cost: what a deposit costs beside the checking."""

    def examine(self, path: Path, at: dt.datetime) -> Examined:
        """Return the facts of one good page."""
        return Examined(_ONE_PAGE)

    def read_text(self, path: Path) -> DocumentText:
        """Return no words."""
        return DocumentText(())

    def check_ready(self) -> None:
        """Be always ready."""


def build_unchecked() -> Flask:
    """Return the service's own application, its PDF reader alone replaced."""
    follow_parent(os.getppid(), lambda: os._exit(1))
    settings = load_settings()
    configure_logs(settings.log_level, settings.log_format)
    stack = ExitStack()
    atexit.register(stack.close)
    archive = stack.enter_context(open_archive(settings, pdf_processes=1))
    return create_app(dataclasses.replace(archive, pdf=AcceptingReader()))


def build_sink() -> Callable[[dict[str, Any], Answer], Iterable[bytes]]:
    """Return an application that only takes a body to disk and hashes it: bare, or through the multipart reader."""
    follow_parent(os.getppid(), lambda: os._exit(1))
    folder = load_settings().staging
    staging = Staging(folder)
    limits = Limits(262_144, 524_288_000, frozenset({"metadata"}))

    def application(environ: dict[str, Any], start: Answer) -> Iterable[bytes]:
        if environ["REQUEST_METHOD"] == "GET":
            start("200 OK", [("Content-Length", "0")])
            return (b"",)
        stream: BinaryIO = environ["wsgi.input"]
        length = int(environ["CONTENT_LENGTH"])
        if environ["PATH_INFO"] == "/raw":
            digest = _take_raw(stream, folder)
        else:
            with staging.receive(limits.file_bytes) as file:
                receive(Body(stream, environ["CONTENT_TYPE"], length), file, limits)
                digest = file.digest.sha256
        start("201 Created", [("Content-Length", str(len(digest)))])
        return (digest.encode(),)

    return application


def _take_raw(stream: BinaryIO, folder: Path) -> str:
    """Write and hash a body with nothing around it: what the multipart reader is compared with."""
    path = folder / uuid.uuid4().hex
    sha256, sha512 = hashlib.sha256(), hashlib.sha512()
    with path.open("wb", buffering=0) as file:
        while block := stream.read(BLOCK_BYTES):
            file.write(block)
            sha256.update(block)
            sha512.update(block)
    path.unlink()
    sha512.hexdigest()
    return sha256.hexdigest()
