"""The embedded index: the whole contract, and what only a folder has."""

from __future__ import annotations

import os
import shutil
import signal
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from multiprocessing import get_context
from multiprocessing.synchronize import Event
from pathlib import Path

import pytest

from archive_service.errors import Unavailable
from archive_service.model.query import IndexDocument
from archive_service.search.embedded import EmbeddedIndex
from tests.contracts.search_documents import plain_document
from tests.contracts.search_index import SearchIndexContract, ask, ids


class TestEmbeddedIndex(SearchIndexContract):
    @pytest.fixture
    def index(self, tmp_path: Path) -> Iterator[EmbeddedIndex]:
        index = EmbeddedIndex(tmp_path / "index")
        yield index
        index.close()


def write_and_wait(folder: Path, ready: Event) -> None:
    """Hold the writer in a process of its own, after one commit."""
    index = EmbeddedIndex(folder)
    index.put([plain_document(7, text="từ tiến trình khác")])
    ready.set()
    signal.pause()


def build_and_die(folder: Path) -> None:
    """Commit half a build, add more, and be killed."""
    build = EmbeddedIndex(folder).build("b-1")
    build.add([plain_document(1)])
    build.commit()
    build.add([plain_document(2)])
    os.kill(os.getpid(), signal.SIGKILL)


class TestFolder:
    def test_what_another_process_committed_is_found_at_once(self, tmp_path: Path) -> None:
        spawn = get_context("spawn")
        ready = spawn.Event()
        reader = EmbeddedIndex(tmp_path)
        assert reader.count() == 0
        writer = spawn.Process(target=write_and_wait, args=(tmp_path, ready))
        writer.start()
        try:
            assert ready.wait(60)
            assert reader.search(ask("tien trinh")).total == 1
            with pytest.raises(Unavailable) as refused:
                reader.put([plain_document(8)])
            assert "Another process writes" in refused.value.message.en
            writer.kill()
            writer.join()
            reader.put([plain_document(8)])
            assert reader.count() == 2
        finally:
            writer.kill()
            writer.join()

    def test_every_reader_follows_a_switch_and_the_old_folder_is_gone(self, tmp_path: Path) -> None:
        index, other = EmbeddedIndex(tmp_path), EmbeddedIndex(tmp_path)
        index.put([plain_document(1)])
        assert list(other.record_ids()) == ids(1)
        build = other.build("b-1")
        build.add([plain_document(2)])
        build.switch()
        assert list(index.record_ids()) == list(other.record_ids()) == ids(2)
        index.put([plain_document(3)])
        assert list(other.record_ids()) == ids(2, 3)
        assert [path.name for path in tmp_path.iterdir() if path.is_dir()] == ["b-1"]

    def test_killed_build_goes_on_from_its_last_commit(self, tmp_path: Path) -> None:
        spawn = get_context("spawn")
        builder = spawn.Process(target=build_and_die, args=(tmp_path,))
        builder.start()
        builder.join(60)
        assert builder.exitcode == -signal.SIGKILL
        build = EmbeddedIndex(tmp_path).build("b-1")
        build.add([plain_document(3)])
        build.switch()
        assert list(EmbeddedIndex(tmp_path).record_ids()) == ids(1, 3)

    def test_index_of_another_version_asks_for_reindex_which_mends_it(self, tmp_path: Path) -> None:
        index = EmbeddedIndex(tmp_path)
        index.put([plain_document(1)])
        index.close()
        (tmp_path / "first" / "made-for").write_text("archive-service 0, tantivy 0.1")
        later = EmbeddedIndex(tmp_path)
        for use in (later.check_ready, later.count, lambda: later.search(ask("kbang"))):
            with pytest.raises(Unavailable) as refused:
                use()
            assert "reindex" in refused.value.message.en
        build = later.build("b-1")
        build.add([plain_document(1)])
        build.switch()
        later.check_ready()
        assert later.count() == 1

    @pytest.mark.parametrize("name", ["meta.json", "*.store", "*.idx", "*.term"])
    def test_damaged_index_is_unavailable_and_a_build_mends_it(self, tmp_path: Path, name: str) -> None:
        index = EmbeddedIndex(tmp_path)
        index.put([plain_document(1)])
        index.close()
        for path in (tmp_path / "first").glob(name):
            path.write_bytes(b"")
        damaged = EmbeddedIndex(tmp_path)
        with pytest.raises(Unavailable):
            damaged.search(ask("kbang"))
        build = damaged.build("b-1")
        build.add([plain_document(1)])
        build.switch()
        assert damaged.count() == 1

    def test_wiped_folder_is_an_empty_index_again(self, tmp_path: Path) -> None:
        index = EmbeddedIndex(tmp_path / "index")
        index.put([plain_document(1)])
        shutil.rmtree(tmp_path / "index")
        assert index.count() == 0
        index.put([plain_document(2)])
        assert list(index.record_ids()) == ids(2)

    def test_folder_that_cannot_be_made_is_unavailable(self, tmp_path: Path) -> None:
        (tmp_path / "file").write_text("")
        index = EmbeddedIndex(tmp_path / "file" / "index")
        for use in (index.check_ready, index.count, lambda: index.put([plain_document(1)])):
            with pytest.raises(Unavailable):
                use()

    def test_many_small_commits_leave_few_segments_and_files(self, tmp_path: Path) -> None:
        index = EmbeddedIndex(tmp_path)
        for number in range(300):
            index.put([plain_document(number % 100, text=f"lần thứ {number}")])
        index.close()
        assert index.count() == 100
        assert len(list((tmp_path / "first").glob("*.store"))) < 30
        assert sum(1 for _ in tmp_path.rglob("*")) < 300
        assert sum(path.stat().st_size for path in tmp_path.rglob("*") if path.is_file()) < 2_000_000

    def test_searches_and_writes_of_many_threads_do_not_disturb_each_other(self, tmp_path: Path) -> None:
        index = EmbeddedIndex(tmp_path)
        index.put(plain_document(number, text="lương hưu") for number in range(50))

        def one(number: int) -> int:
            if number % 4 == 0:
                index.put([plain_document(number % 50, text="lương hưu lần nữa")])
            return index.search(ask("lương hưu", size=50)).total

        with ThreadPoolExecutor(8) as pool:
            assert set(pool.map(one, range(120))) == {50}

    def test_put_that_fails_half_way_changes_nothing(self, tmp_path: Path) -> None:
        index = EmbeddedIndex(tmp_path)
        index.put([plain_document(1)])

        def broken() -> Iterator[IndexDocument]:
            yield plain_document(2)
            raise OSError

        with pytest.raises(OSError):  # noqa: PT011  # it has no message
            index.put(broken())
        index.put([plain_document(3)])
        assert list(index.record_ids()) == ids(1, 3)
