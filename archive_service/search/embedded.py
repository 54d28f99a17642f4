"""The embedded search index: tantivy in a folder, one process writing, any number reading.

A reader looks at the pointer and at the engine's own list of segments before each search, so that what
another process committed is seen at once. Never read for truth; a missing or foreign index is built anew from
the register.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

import tantivy

from archive_service.errors import Message, Unavailable, unavailable
from archive_service.model.identifiers import RecordId
from archive_service.model.query import IndexDocument, SearchPage, SearchQuery
from archive_service.search import driver
from archive_service.search.document import SCHEMA_VERSION, IndexFields, index_fields
from archive_service.search.driver import FoundPage, PageRequest
from archive_service.search.embedded_paging import Limits, PageReader
from archive_service.search.embedded_query import QueryWriter
from archive_service.search.embedded_schema import schema, to_tantivy
from archive_service.search.generations import Generations, Identity

# Memory that the engine may fill before it writes a segment: daily work comes in small batches, a build in
# large ones.
_WRITER_BYTES = 50_000_000
_BUILD_BYTES = 200_000_000
_BUILD_THREADS = 2
# The engine's own format may change with its minor version.
_ENGINE_VERSION = ".".join(version("tantivy").split(".")[:2])
_MADE_FOR = f"archive-service {SCHEMA_VERSION}, tantivy {_ENGINE_VERSION}"
_SEGMENT_LIST = "meta.json"

# Inode, time of change in nanoseconds and size of a generation's segment list; None where there is none.
_State = tuple[int, int, int] | None


@dataclass(frozen=True, slots=True)
class _View:
    """An opened generation, and the state of its segment list when it was last read."""

    identity: Identity
    index: tantivy.Index
    segment_list: _State


class EmbeddedIndex:
    """The ``SearchIndex`` in a folder. Methods may be called from several threads at once."""

    engine_name = "embedded"

    def __init__(self, folder: Path, limits: Limits | None = None) -> None:
        """``folder`` is made with an empty index in it when it is first used; nothing happens before."""
        self._limits = limits or Limits()
        self._generations = Generations(folder, _MADE_FOR)
        self._schema = schema()
        self._queries = QueryWriter(self._schema)
        self._view: _View | None = None
        self._viewing = threading.Lock()
        self._writer: tuple[Identity, tantivy.IndexWriter] | None = None
        self._writing = threading.Lock()

    def put(self, documents: Iterable[IndexDocument]) -> None:
        """Add or replace documents in one commit; see ``SearchIndex.put``."""
        prepared = [index_fields(document) for document in documents]
        if prepared:
            with self._written() as writer:
                _replace(writer, prepared)

    def remove(self, record_ids: Iterable[RecordId]) -> None:
        """Remove documents in one commit; see ``SearchIndex.remove``."""
        listed = list(record_ids)
        if listed:
            with self._written() as writer:
                for record_id in listed:
                    writer.delete_documents_by_term("record", record_id)

    def search(self, query: SearchQuery) -> SearchPage:
        """Return one page of hits; see ``SearchIndex.search``."""
        return driver.run(query, self)

    def page(self, request: PageRequest) -> FoundPage:
        """Return one page of one plan, for the driver."""
        with _translated():
            return self._reader().page(request)

    def count(self) -> int:
        """Return how many documents the index in use holds."""
        with _translated():
            return self._searcher().num_docs

    def record_ids(self) -> Iterator[RecordId]:
        """Yield every id in id order, from one unchanging view of the index."""
        with _translated():
            yield from map(RecordId, self._reader().ids())

    def build(self, name: str) -> EmbeddedBuild:
        """Begin or resume a build; see ``SearchIndex.build``."""
        with _translated():
            return EmbeddedBuild(self._generations, self._generations.for_build(name), self._schema)

    def check_ready(self) -> None:
        """Return when the index can be searched; raise Unavailable otherwise."""
        with _translated():
            self._searcher()

    def close(self) -> None:
        """Finish merging and give the writer free; the index may be used again afterwards."""
        with self._writing, _translated():
            self._close_writer()

    def _reader(self) -> PageReader:
        return PageReader(self._searcher(), self._queries, self._limits)

    def _searcher(self) -> tantivy.Searcher:
        with self._viewing:
            generation = self._generations.current() or self._generations.first()
            try:
                return self._searcher_of(generation)
            except (OSError, ValueError):
                switched_to = self._generations.current()
                if switched_to is None or switched_to == generation:
                    raise
                return self._searcher_of(switched_to)

    def _searcher_of(self, generation: str) -> tantivy.Searcher:
        # The state is taken before the segments are read: a commit in between is then seen by the next
        # search.
        identity = self._generations.identity(generation)
        state = _state(self._generations.path(generation))
        view = self._view
        if view is None or view.identity != identity or view.segment_list is None or state is None:
            view = self._view = _View(identity, self._open(generation), state)
        elif state != view.segment_list:
            view.index.reload()
            view = self._view = _View(identity, view.index, state)
        return view.index.searcher()

    def _open(self, generation: str) -> tantivy.Index:
        if not self._generations.fits(generation):
            raise _made_for_another_version()
        index = tantivy.Index(self._schema, str(self._generations.path(generation)))
        index.config_reader("manual")
        index.reload()
        return index

    @contextlib.contextmanager
    def _written(self) -> Iterator[tantivy.IndexWriter]:
        """Give the writer of the generation in use, and commit; after a failure the writer is let go.

        Nothing that was not committed is ever seen: a writer that is dropped forgets it.
        """
        with self._writing, _translated():
            try:
                writer = self._open_writer()
                yield writer
                writer.commit()
            except BaseException:
                self._writer = None
                raise

    def _open_writer(self) -> tantivy.IndexWriter:
        """Return the writer of the generation in use, taking it over when the generation was switched."""
        generation = self._generations.current() or self._generations.first()
        identity = self._generations.identity(generation)
        if self._writer is not None and self._writer[0] != identity:
            self._writer = None
        if self._writer is None:
            self._writer = (identity, _take_writer(self._open(generation), _WRITER_BYTES, 1))
        return self._writer[1]

    def _close_writer(self) -> None:
        if self._writer is not None:
            writer, self._writer = self._writer[1], None
            writer.wait_merging_threads()


class EmbeddedBuild:
    """A new generation beside the one in use; see ``IndexBuild``. Only one process may hold a build."""

    def __init__(self, generations: Generations, generation: str, of_schema: tantivy.Schema) -> None:
        self._generations = generations
        self._generation = generation
        self._index = tantivy.Index(of_schema, str(generations.path(generation)))
        self._writer: tantivy.IndexWriter | None = None
        self._adding = threading.Lock()

    def add(self, documents: Iterable[IndexDocument]) -> int:
        """Put documents into the new index, from any thread; return how many. Durable after ``commit``."""
        fields = [index_fields(document) for document in documents]
        with _translated(), self._adding:
            _replace(self._open_writer(), fields)
        return len(fields)

    def commit(self) -> None:
        """Make what was added durable."""
        with _translated(), self._adding:
            self._open_writer().commit()

    def switch(self) -> None:
        """Commit, put the new index in use and drop the old one; readers in every process follow at once."""
        with _translated(), self._adding:
            self._open_writer().commit()
            self._close_writer()
            self._generations.switch(self._generation)

    def abandon(self) -> None:
        """Drop the new index."""
        with _translated(), self._adding:
            self._close_writer()
            self._generations.drop(self._generation)

    def _open_writer(self) -> tantivy.IndexWriter:
        if self._writer is None:
            self._writer = _take_writer(self._index, _BUILD_BYTES, _BUILD_THREADS)
        return self._writer

    def _close_writer(self) -> None:
        if self._writer is not None:
            writer, self._writer = self._writer, None
            writer.wait_merging_threads()


def _replace(writer: tantivy.IndexWriter, documents: Iterable[IndexFields]) -> None:
    for fields in documents:
        writer.delete_documents_by_term("record", fields.record_id)
        writer.add_document(to_tantivy(fields))


def _take_writer(index: tantivy.Index, heap_bytes: int, threads: int) -> tantivy.IndexWriter:
    """Return the one writer of an index. Raises Unavailable while another process or object holds it."""
    try:
        return index.writer(heap_bytes, threads)
    except ValueError as refused:
        if "LockBusy" not in str(refused):
            raise
        raise Unavailable(
            Message(
                "Another process writes to the search index. Let the worker that owns it finish, or stop it.",
                "Tiến trình khác đang ghi vào chỉ mục tìm kiếm. Hãy chờ tiến trình đó xong hoặc dừng nó lại.",
            ),
            component="index",
        ) from refused


def _made_for_another_version() -> Unavailable:
    return Unavailable(
        Message(
            "The search index was made by another version. Build it anew with `archive-service reindex`.",
            "Chỉ mục tìm kiếm do phiên bản khác tạo ra. Hãy dựng lại bằng lệnh `archive-service reindex`.",
        ),
        component="index",
    )


def _state(path: Path) -> _State:
    try:
        status = (path / _SEGMENT_LIST).stat()
    except FileNotFoundError:
        return None
    return status.st_ino, status.st_mtime_ns, status.st_size


@contextlib.contextmanager
def _translated() -> Iterator[None]:
    """Turn what the engine and the file system raise into Unavailable."""
    try:
        yield
    except (OSError, ValueError) as failed:
        raise unavailable("index") from failed
