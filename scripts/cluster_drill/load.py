"""What the archive does to its index all day, through its own adapter: several search while one puts documents in.

A search fails when it raises, and is lost when it does not find what was put in before it began. A put that fails is
tried again, as the workers do; only what a put acknowledged counts.
"""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from archive_service.errors import ArchiveError, Unavailable
from archive_service.model.identifiers import RecordId
from archive_service.model.ports import SearchIndex
from archive_service.model.query import IndexDocument, SearchFilters, SearchQuery, parse_query
from tests.contracts.search_documents import plain_document

SEARCHERS = 4
BATCH = 20
PUT_EVERY_SECONDS = 0.2
RETRY_SECONDS = 0.5


@dataclass
class Figures:
    """What happened while a part of the drill went on."""

    searches: list[float] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)
    lost: int = 0
    put: int = 0
    puts_again: int = 0
    longest_put: float = 0.0


@dataclass
class Load:
    """Searches and puts, in threads, on one index that several threads of one process share."""

    index: SearchIndex
    acknowledged: list[RecordId] = field(default_factory=list)
    figures: Figures = field(default_factory=Figures)
    _stopping: threading.Event = field(default_factory=threading.Event)
    _threads: list[threading.Thread] = field(default_factory=list)
    _guard: threading.Lock = field(default_factory=threading.Lock)

    def start(self) -> None:
        """Put the first batch in and begin."""
        self._put_batch()
        works: list[Callable[[], None]] = [self._put_on, *[self._search_on] * SEARCHERS]
        self._threads = [threading.Thread(target=work, daemon=True) for work in works]
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """End, and wait for what is in progress."""
        self._stopping.set()
        for thread in self._threads:
            thread.join()

    def figures_since(self) -> Figures:
        """Return the figures since this was asked last, and begin new ones."""
        with self._guard:
            figures, self.figures = self.figures, Figures()
        return figures

    def _search_on(self) -> None:
        while not self._stopping.is_set():
            number = random.randrange(len(self.acknowledged))  # noqa: S311  # no secret depends on it
            begun = time.monotonic()
            try:
                found = self.index.search(SearchQuery(parse_query(_word(number)), SearchFilters(offices=None)))
                is_there = self.acknowledged[number] in [hit.record_id for hit in found.hits]
                failure = None
            except ArchiveError as error:
                is_there, failure = True, f"{type(error).__name__} ({type(error.__cause__).__name__})"
            took = time.monotonic() - begun
            with self._guard:
                self.figures.searches.append(took)
                self.figures.lost += not is_there
                if failure is not None:
                    self.figures.failed.append(failure)

    def _put_on(self) -> None:
        while not self._stopping.wait(PUT_EVERY_SECONDS):
            self._put_batch()

    def _put_batch(self) -> None:
        first = len(self.acknowledged)
        batch = [_document(number) for number in range(first, first + BATCH)]
        begun, again = time.monotonic(), 0
        while True:
            try:
                self.index.put(batch)
                break
            except Unavailable:
                again += 1
                if self._stopping.wait(RETRY_SECONDS):
                    return
        self.acknowledged.extend(document.record_id for document in batch)
        with self._guard:
            self.figures.put += BATCH
            self.figures.puts_again += again
            self.figures.longest_put = max(self.figures.longest_put, time.monotonic() - begun)


def _document(number: int) -> IndexDocument:
    return plain_document(number, text=f"quyết định hưởng chế độ bảo hiểm xã hội {_word(number)}")


def _word(number: int) -> str:
    """Return a word that only this document has.

    >>> _word(0), _word(27)
    ('qaaaaaa', 'qaaaabb')
    """
    letters = ""
    for _ in range(6):
        number, letter = divmod(number, 26)
        letters = chr(ord("a") + letter) + letters
    return "q" + letters
