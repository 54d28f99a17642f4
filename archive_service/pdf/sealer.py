"""The port ``Sealer``: conversion in the sandbox, the seal in this process, and a second look at what came of it.

It must never parse a file in this process, and never give a key to another one (docs/decisions/0015-sealing.md).
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from archive_service.errors import Message, Misconfigured, TooLarge, Unavailable, unavailable
from archive_service.model.inspection import Inspection, PdfFacts
from archive_service.model.paper import Paper
from archive_service.model.ports import Reception, Staging
from archive_service.model.sealing import NotSealed, Sealed, SealOrder, SealProblem
from archive_service.pdf.paper import print_paper, with_room_for_seal
from archive_service.pdf.reader import SandboxedPdfReader, font_missing
from archive_service.pdf.seal import RESERVED_BYTES, BadRoom, TimeAuthority, is_sealed_with, seal
from archive_service.pdf.seal_field import Mark
from archive_service.pdf.seal_key import SEAL_KEY, SealKey

_CONFORMS = "2b"


@dataclass(frozen=True, slots=True)
class SealSetup:
    """How to seal: the key, who stamps the time, whose name the mark shows in which font, and the largest file.

    ``agency`` None: the name in the certificate. ``authority`` None: none is set, and nothing is sealed.
    """

    open_key: Callable[[], SealKey]
    authority: TimeAuthority | None
    agency: str | None
    font_file: str
    max_bytes: int


class AgencySealer:
    """Implements ``Sealer``. Thread-safe; the key is opened at its first use."""

    def __init__(self, reader: SandboxedPdfReader, staging: Staging, setup: SealSetup) -> None:
        self._reader = reader
        self._staging = staging
        self._setup = setup
        self._opening = threading.Lock()
        self._key: SealKey | None = None

    def check_ready(self) -> None:
        """Return when there are a key and an authority. Raises Misconfigured, Unavailable."""
        self._authority()
        self._opened_key()

    def seal(self, order: SealOrder, original: Path, out: Reception) -> Sealed | NotSealed:
        """Write the sealed rendition of the original to ``out``, or say why there is none."""
        key, authority = self._opened_key(), self._authority()
        with self._staging.receive(self._setup.max_bytes) as unsealed:
            try:
                made = self._reader.make_pdfa(original, self._told(order, key), unsealed.write)
                if isinstance(made, NotSealed):
                    return made
                self._put_seal(unsealed.path, key, authority, out)
            except TooLarge:
                return NotSealed(SealProblem.TOO_LARGE, retryable=False)
            except BadRoom:
                return NotSealed(SealProblem.CRASHED, retryable=False)
        if not _is_rendition(self._reader.inspect(out.path), made.pages):
            return NotSealed(SealProblem.CRASHED, retryable=True)
        return Sealed(made.pages, made.drawn_pages, key.sha256)

    def seal_paper(self, paper: Paper, out: Reception) -> None:
        """Write the paper, printed and sealed. All of it is our own text, so that it is printed in this process."""
        key, authority = self._opened_key(), self._authority()
        mark = Mark(self._setup.agency or key.owner, paper.at, self._setup.font_file, RESERVED_BYTES)
        try:
            printed = with_room_for_seal(print_paper(paper, self._setup.font_file), mark)
        except OSError as missing:
            raise font_missing(self._setup.font_file) from missing
        with self._staging.receive(self._setup.max_bytes) as unsealed:
            unsealed.write(printed)
            self._put_seal(unsealed.path, key, authority, out)

    def anchors(self) -> tuple[bytes, ...]:
        """Return the root that the certificate of the key in use leads to, where it came with the key."""
        return self._opened_key().anchors

    def is_own(self, path: Path, pages: int) -> bool:
        """Whether the file is a rendition of that many pages under a seal of the key in use, unchanged."""
        return is_sealed_with(path, self._opened_key()) and _is_rendition(self._reader.inspect(path), pages)

    def _put_seal(self, unsealed: Path, key: SealKey, authority: TimeAuthority, out: Reception) -> None:
        """Write the file with its seal, and look at that. Raises Unavailable, BadRoom, TooLarge."""
        try:
            seal(unsealed, key, authority, out.write)
            if not is_sealed_with(out.path, key):
                # A device that answers with anything but a signature of its certificate is not to be trusted with more.
                raise unavailable(SEAL_KEY)
        except Unavailable as away:
            if away.component == SEAL_KEY:
                self._forget_key()
            raise

    def _told(self, order: SealOrder, key: SealKey) -> bytes:
        pages = [
            {"text": page.text, "places": page.places.hex() if page.places is not None else None}
            for page in order.words.pages
        ]
        told = {
            "title": order.record_id,
            "at": order.at.isoformat(),
            "agency": self._setup.agency or key.owner,
            "reserved_bytes": RESERVED_BYTES,
            "pages": pages,
        }
        return json.dumps(told).encode()

    def _opened_key(self) -> SealKey:
        with self._opening:
            if self._key is None:
                self._key = self._setup.open_key()
            return self._key

    def _authority(self) -> TimeAuthority:
        """Return who stamps the time: a seal without a time-stamp is none (PAdES B-T)."""
        if self._setup.authority is None:
            raise Misconfigured(
                Message(
                    "Sealing needs a time-stamp authority: set ARCHIVE_TIMESTAMP_AUTHORITIES, or ARCHIVE_SEAL_RESULTS "
                    "to false.",
                    "Ký số cần cơ quan cấp dấu thời gian: hãy đặt ARCHIVE_TIMESTAMP_AUTHORITIES, hoặc đặt "
                    "ARCHIVE_SEAL_RESULTS là false.",
                ),
                code="seal-without-time",
            )
        return self._setup.authority

    def _forget_key(self) -> None:
        """Open the key anew next time: a device that was away is reached by a new session only."""
        with self._opening:
            self._key = None


def _is_rendition(seen: Inspection, pages: int) -> bool:
    """Whether another process sees in the file what a rendition is, and nothing else."""
    return (
        isinstance(seen, PdfFacts)
        and seen.page_count == pages
        and seen.pdfa_claim == _CONFORMS
        and not seen.active_content
        and seen.repairs == seen.bytes_after_end == seen.junk_before_header_bytes == 0
        and [one.covers_whole_file for one in seen.signatures] == [True]
    )
