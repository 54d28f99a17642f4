"""Finding among a million short results on the embedded index, and how fast that index is filled."""

from __future__ import annotations

import math
import random
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TypeVar

import tantivy

from archive_service.model.fold import fold
from archive_service.model.query import IndexDocument, SearchFilters, SearchQuery, Sort, parse_query
from archive_service.search.document import IndexFields, index_fields
from archive_service.search.embedded import EmbeddedIndex
from archive_service.search.embedded_schema import schema, to_tantivy
from bench.corpus import MadeUpResult, documents, result
from bench.figures import Figure, Target, figure, in_turn, percentile
from bench.filled_index import filled_index

LARGE, SMALL = 1_000_000, 10_000
SLOWEST_MS = 50.0
WALL, CPU = 0, 1
T = TypeVar("T")
Clock = Callable[[], float]
# In every document or most of them: what a person types without thinking, and the worst there is to rank or count.
SHARED = (
    "bảo hiểm xã hội",
    "bao hiem xa hoi",
    '"bảo hiểm xã hội"',
    "quyết định hưởng",
    "thanh hưởng việc",
    "căn cứ luật bảo hiểm xã hội số 58/2014",
)


@dataclass(frozen=True, slots=True)
class Shape:
    """A kind of query: a name, how its texts are made, and in what order hits are wanted."""

    name: str
    texts: tuple[str, ...]
    sort: Sort


def searching(*, quick: bool) -> Iterator[Figure]:
    """p50, p99 and growth of three words and of phrases, ranked and newest first."""
    large_count, small_count, count = (2_000, 500, 20) if quick else (LARGE, SMALL, 200)
    large, small = filled_index(large_count), filled_index(small_count)
    for shape in _shapes(count, small_count):
        rounds = [(_taken(large, shape), _taken(small, shape)) for _ in range(1 if quick else 3)]

        def middle_of(share: float, size: int, kind: int) -> float:
            return statistics.median(percentile([one[kind] for one in both[size]], share) for both in rounds)  # noqa: B023

        cpu = f"CPU p50 {middle_of(0.5, 0, CPU):.1f}, p99 {middle_of(0.99, 0, CPU):.1f}"
        note = f"p50 {middle_of(0.5, 0, WALL):.1f}; {cpu}"
        slow, unit = middle_of(0.99, 0, WALL), f"ms at {large_count:,}"
        yield figure(f"search {shape.name}: p99", (slow, 1.0), unit, Target(SLOWEST_MS, at_least=False), note)
        grown = math.log(middle_of(0.5, 0, CPU) / middle_of(0.5, 1, CPU)), math.log(large_count / small_count)
        unit = "exponent of p50 in CPU time"
        yield figure(f"search {shape.name}: growth", grown, unit, Target(0.95, at_least=False))
    for sort in (Sort.RELEVANCE, Sort.NEWEST):
        for text in SHARED:
            shape = Shape("", (text,) * 5, sort)
            slow = percentile([one[CPU] for one in _taken(large, shape)], 0.5)
            yield figure(f"search {text}, {sort}", (slow, 1.0), "ms of CPU time, p50", Target(500, at_least=False))


def indexing(*, quick: bool) -> Iterator[Figure]:
    """Documents a second into the index as the worker puts them ÷ the engine given the same fields ready-made."""
    count, rounds = (500, 1) if quick else (20_000, 3)
    made = list(documents(count, first=5_000_000))
    ready = [index_fields(document) for document in made]
    taken = in_turn(
        rounds,
        *(partial(_filling, clock, _fill, made) for clock in (time.perf_counter, time.process_time)),
        *(partial(_filling, clock, _fill_engine, ready) for clock in (time.perf_counter, time.process_time)),
    )
    ours, ours_cpu, bare, bare_cpu = (count / seconds for seconds in taken)
    note = "217 words a document"
    yield figure("index rate ÷ engine's own", (ours, bare), "documents/s", Target(0.7), note)
    # What other work on the machine hurts less: the rates if processors did nothing else.
    yield figure("index rate ÷ engine's own, by CPU time", (ours_cpu, bare_cpu), "documents/s of CPU", None, note)


def _shapes(count: int, among: int) -> Iterator[Shape]:
    draw = random.Random(5)
    made = [result(draw.randrange(among)) for _ in range(count)]
    words = tuple(_three_words(draw, one) for one in made)
    phrases = tuple(_phrase(draw, one) for one in made)
    for sort in (Sort.RELEVANCE, Sort.NEWEST):
        yield Shape(f"three words, {sort}", words, sort)
        yield Shape(f"phrase, {sort}", phrases, sort)


def _three_words(draw: random.Random, made: MadeUpResult) -> str:
    """Return a name, or two words of it with a word of what the result is about; one in four without marks."""
    name = made.name.split()
    topic = (made.document.summary or "").split()
    chosen = name[:3] if draw.random() < 0.5 else [*name[-2:], draw.choice(topic)]
    return _typed(draw, " ".join(chosen))


def _phrase(draw: random.Random, made: MadeUpResult) -> str:
    """Return two or three words in a row: of the name, or of what the result is about."""
    source = made.name.split() if draw.random() < 0.7 else (made.document.summary or "").split()
    length = draw.choice((2, 3))
    start = draw.randrange(max(1, len(source) - length))
    return f'"{_typed(draw, " ".join(source[start : start + length]))}"'


def _typed(draw: random.Random, text: str) -> str:
    return fold(text) if draw.random() < 0.25 else text


def _taken(index: EmbeddedIndex, shape: Shape) -> list[tuple[float, float]]:
    """Return the milliseconds that each query takes: by the clock, and of CPU time, which other work hurts less."""
    return [_milliseconds(index, text, shape.sort) for text in shape.texts]


def _milliseconds(index: EmbeddedIndex, text: str, sort: Sort) -> tuple[float, float]:
    query = SearchQuery(parse_query(text), SearchFilters(None), sort)
    began, began_cpu = time.perf_counter(), time.thread_time()
    index.search(query)
    return (time.perf_counter() - began) * 1000, (time.thread_time() - began_cpu) * 1000


def _filling(clock: Clock, fill: Callable[[Path, Sequence[T]], None], ready: Sequence[T]) -> float:
    """Return the seconds that filling an index takes."""
    with tempfile.TemporaryDirectory() as folder:
        began = clock()
        fill(Path(folder), ready)
        return clock() - began


def _fill(folder: Path, made: Sequence[IndexDocument]) -> None:
    index = EmbeddedIndex(folder / "index")
    build = index.build("fill")
    for start in range(0, len(made), 2_000):
        build.add(made[start : start + 2_000])
    build.switch()


def _fill_engine(folder: Path, ready: Sequence[IndexFields]) -> None:
    fields = schema()
    writer = tantivy.Index(fields, str(folder)).writer(200_000_000, 2)
    for one in ready:
        writer.add_document(to_tantivy(one))
    writer.commit()
    writer.wait_merging_threads()
