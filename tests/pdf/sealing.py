"""What tests of sealing need: a sealer with keys of its own, and seals looked at by another library."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from archive_service.model.identifiers import RecordId
from archive_service.model.record import DocumentText
from archive_service.model.sealing import NotSealed, Sealed, SealOrder
from archive_service.pdf.reader import SandboxedPdfReader
from archive_service.pdf.seal_key import SealKey, made_key
from archive_service.pdf.sealer import AgencySealer, SealSetup
from archive_service.storage.staging import Staging
from tests.fakes.clock import START, MovableClock
from tests.fakes.time_authority import OwnAuthority

AGENCY = "Bảo hiểm xã hội tỉnh Thừa Thiên Huế"
SEALED_AT = dt.datetime(2026, 3, 1, 2, 30, 5, tzinfo=dt.UTC)
RECORD = RecordId("0193a4c1-7b1c-7000-8000-000000000001")
FONT = "/usr/share/fonts/truetype/dejavu/DejaVuSerif.ttf"
LIMIT = 50_000_000


@dataclass(frozen=True, slots=True)
class Workshop:
    """A sealer with its reader, staging, key and authority, in a folder."""

    reader: SandboxedPdfReader
    sealer: AgencySealer
    staging: Staging
    authority: OwnAuthority
    folder: Path

    def words(self, path: Path) -> DocumentText:
        """Return the words of the file, as enrichment would keep them."""
        words = self.reader.read_text(path)
        assert isinstance(words, DocumentText), words
        return words

    def seal(self, content: bytes, name: str = "sealed.pdf", words: DocumentText | None = None) -> Path:
        """Return a file with the sealed rendition of the content, read first unless its words are given."""
        outcome, path = self.try_to_seal(content, name, words)
        assert isinstance(outcome, Sealed), outcome
        return path

    def try_to_seal(
        self, content: bytes, name: str = "sealed.pdf", words: DocumentText | None = None
    ) -> tuple[Sealed | NotSealed, Path]:
        """Return what came of sealing the content, and the file where the rendition is, if there is one."""
        original, target = self.folder / f"original-{name}", self.folder / name
        original.write_bytes(content)
        order = SealOrder(RECORD, self.words(original) if words is None else words, SEALED_AT)
        with self.staging.receive(LIMIT) as out:
            outcome = self.sealer.seal(order, original, out)
            target.write_bytes(out.path.read_bytes())
        assert original.read_bytes() == content, "an original is only ever read"
        return outcome, target


@contextmanager
def workshop(reader: SandboxedPdfReader, folder: Path, key: SealKey | None = None) -> Iterator[Workshop]:
    """Give a workshop, with the service's test key unless another is given."""
    clock = MovableClock()
    authority = OwnAuthority(folder / "authority", clock)
    own = key or made_key(folder / "key", START)
    staging = Staging(folder / "staging")
    setup = SealSetup(lambda: own, authority, AGENCY, FONT, LIMIT)
    yield Workshop(reader, AgencySealer(reader, staging, setup), staging, authority, folder)
