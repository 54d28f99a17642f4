"""A sealer that seals nothing: its rendition is the original between two lines, and it knows its own again."""

from __future__ import annotations

import hashlib
from pathlib import Path

from archive_service.errors import ArchiveError
from archive_service.model.paper import Paper
from archive_service.model.ports import Reception
from archive_service.model.sealing import NotSealed, Sealed, SealOrder

KEY = "f" * 64
ANCHOR = b"the root of the seal"


class FakeSealer:
    """Answers ``problem`` where a test sets one. Like a real seal no two of its renditions are the same."""

    def __init__(self) -> None:
        self.problem: NotSealed | ArchiveError | None = None
        self.orders: list[SealOrder] = []
        self.papers: list[Paper] = []

    def seal(self, order: SealOrder, original: Path, out: Reception) -> Sealed | NotSealed:
        self.orders.append(order)
        if isinstance(self.problem, ArchiveError):
            raise self.problem
        if self.problem is not None:
            return self.problem
        body = original.read_bytes() + f"\nseal {len(self.orders)} of {len(order.words.pages)} pages".encode()
        out.write(body + b"\n" + hashlib.sha256(body).hexdigest().encode())
        return Sealed(pages=len(order.words.pages), drawn_pages=0, certificate_sha256=KEY)

    def seal_paper(self, paper: Paper, out: Reception) -> None:
        self.papers.append(paper)
        out.write(f"{paper.title}\n{paper.number}\n{len(self.papers)}".encode())

    def anchors(self) -> tuple[bytes, ...]:
        if isinstance(self.problem, ArchiveError):
            raise self.problem
        return (ANCHOR,)

    def is_own(self, path: Path, pages: int) -> bool:
        body, _, digest = path.read_bytes().rpartition(b"\n")
        return digest == hashlib.sha256(body).hexdigest().encode() and body.endswith(f" of {pages} pages".encode())

    def check_ready(self) -> None:
        """Always ready."""
