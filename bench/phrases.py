"""Whether what was recognised on real scans is found: phrases of their true words, among ten thousand others."""

from __future__ import annotations

import dataclasses
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

from archive_service.model.fold import fold, normalise, words
from archive_service.model.query import SearchFilters, SearchQuery, parse_query
from archive_service.model.record import DocumentText
from archive_service.pdf.reader import Limits, SandboxedPdfReader
from archive_service.search.embedded import EmbeddedIndex
from bench.corpus import documents, record_id, result
from bench.figures import Figure, Target, figure
from bench.recognise import real_scans, write_page

FIRST = 10


@dataclasses.dataclass(frozen=True, slots=True)
class _Asked:
    """A phrase of the truth, and whether its page was among the first; ``common`` in ten others or more."""

    phrase: str
    found: bool
    common: bool


def phrases(*, quick: bool) -> Iterator[Figure]:
    """The share of phrases whose page is among the first ten, with tone marks and without."""
    others = 200 if quick else 10_000
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        truths = _recognised(folder, 1 if quick else 3)
        index = EmbeddedIndex(folder / "index")
        plain = EmbeddedIndex(folder / "others")
        for one, more in ((index, True), (plain, False)):
            build = one.build("fill")
            build.add(documents(others))
            if more:
                build.add(
                    dataclasses.replace(result(others + number).document, text=text.text, summary=None)
                    for number, (_, text) in enumerate(truths)
                )
            build.switch()
        for marked in (True, False):
            asked = [_ask(index, plain, others + n, p, marked) for n, (t, _) in enumerate(truths) for p in _phrases(t)]
            rare = [one for one in asked if not one.common]
            typed = "with" if marked else "without"
            unit = f"phrases {typed} tone marks, of {others:,}"
            note = f"{len(asked) - len(rare)} phrases of ten others or more left out"
            yield figure(
                f"real scans found, {typed} marks", (sum(a.found for a in rare), len(rare)), unit, Target(0.97), note
            )
            yield figure(f"real scans found, {typed} marks, all", (sum(a.found for a in asked), len(asked)), unit)


def _recognised(folder: Path, count: int) -> list[tuple[str, DocumentText]]:
    reader = SandboxedPdfReader(Limits(processes=os.cpu_count() or 1))
    read = []
    for number, picture in enumerate(real_scans()[:count]):
        text = reader.read_text(write_page(folder, number, picture.read_bytes()).pdf)
        if isinstance(text, DocumentText):
            read.append((picture.with_suffix(".txt").read_text(encoding="utf-8"), text))
    reader.close()
    return read


def _phrases(truth: str) -> Iterator[str]:
    """Yield every two and three words in a row of one line."""
    for line in normalise(truth).splitlines():
        row = words(line)
        for length in (2, 3):
            for start in range(len(row) - length + 1):
                yield " ".join(row[start : start + length])


def _ask(index: EmbeddedIndex, others: EmbeddedIndex, number: int, phrase: str, marked: bool) -> _Asked:
    typed = phrase if marked else fold(phrase)
    query = SearchQuery(parse_query(f'"{typed}"'), SearchFilters(None), size=FIRST)
    found = record_id(number) in {hit.record_id for hit in index.search(query).hits}
    return _Asked(phrase, found, others.search(query).total >= FIRST)
