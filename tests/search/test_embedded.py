"""The embedded index: the whole contract, and what only a folder has."""

from __future__ import annotations

import datetime as dt
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
from archive_service.model.ports import SearchIndex
from archive_service.model.query import IndexDocument, Sort
from archive_service.search.embedded import EmbeddedIndex
from archive_service.search.embedded_paging import Limits
from tests.contracts.search_documents import plain_document
from tests.contracts.search_index import SearchIndexContract, ask, ids, numbers, walk


class TestEmbeddedIndex(SearchIndexContract):
    @pytest.fixture
    def index(self, tmp_path: Path) -> Iterator[EmbeddedIndex]:
        index = EmbeddedIndex(tmp_path / "index")
        yield index
        index.close()


class TestTieredIndex(SearchIndexContract):
    """The contract with nothing scored: every search reads class by class."""

    @pytest.fixture
    def index(self, tmp_path: Path) -> Iterator[EmbeddedIndex]:
        index = EmbeddedIndex(tmp_path / "index", Limits(scored=0))
        yield index
        index.close()

    def test_words_in_a_row_rank_above_the_same_words_scattered(self, index: SearchIndex) -> None:
        # Where very many records have all the words, that they stand in a row says little: the latest come first.
        texts = ("bảo hiểm xã hội", "hội xã nhận hiểm họa và bảo vệ", "bảo hiểm xã hội")
        index.put(plain_document(number, text=text) for number, text in enumerate(texts))
        assert numbers(index.search(ask("bảo hiểm xã hội"))) == ids(2, 1, 0)


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> tuple[EmbeddedIndex, EmbeddedIndex]:
    """Give one index of 5,000 documents twice: read without limits, and with narrow ones."""
    folder = tmp_path_factory.mktemp("index")
    unlimited = EmbeddedIndex(folder, Limits(scored=10**6, checked=10**6))
    days = [dt.date(2020, 1, 1) + dt.timedelta(days=number * 7 % 1000) for number in range(5_000)]
    # The phrase stands in every third document, the words of it in all.
    texts = ("lương hưu", "hưu lương", "hưu và lương")
    unlimited.put(plain_document(number, text=texts[number % 3], issued_on=day) for number, day in enumerate(days))
    unlimited.close()
    return unlimited, EmbeddedIndex(folder, Limits(scored=100, checked=1_000, counted=50, dense=50))


class TestLimits:
    """What very many records match is read without looking at each of them, and nothing is lost by it."""

    @pytest.mark.parametrize("text", ['"lương hưu"', '"luong huu"', "lương hưu", '"lương hưu" -kbang', '"hưu hưu"'])
    @pytest.mark.parametrize("sort", list(Sort))
    def test_pages_hold_the_same_hits_as_without_limits(
        self, filled: tuple[EmbeddedIndex, EmbeddedIndex], text: str, sort: Sort
    ) -> None:
        unlimited, limited = (walk(index, ask(text, sort=sort, size=700)) for index in filled)
        assert sorted(limited) == sorted(unlimited)
        if sort is not Sort.RELEVANCE:
            assert limited == unlimited

    @pytest.mark.parametrize("sort", list(Sort))
    def test_common_phrase_is_counted_in_part_and_that_is_told(
        self, filled: tuple[EmbeddedIndex, EmbeddedIndex], sort: Sort
    ) -> None:
        unlimited, limited = filled
        whole, part = (index.search(ask('"lương hưu"', sort=sort)) for index in (unlimited, limited))
        assert (whole.total, whole.total_is_exact) == (1667, True)
        assert not part.total_is_exact
        assert 50 <= part.total < whole.total

    def test_words_and_rare_phrases_are_counted_to_the_last(self, filled: tuple[EmbeddedIndex, EmbeddedIndex]) -> None:
        _, limited = filled
        limited.put([plain_document(9_000, text="lương hưu hưu lương lương")])
        for text, total in (("lương hưu", 5_001), ('"hưu hưu"', 1), ('"lương lương"', 1)):
            page = limited.search(ask(text))
            assert (page.total, page.total_is_exact) == (total, True)
        limited.remove(ids(9_000))
        limited.close()

    def test_search_that_began_scored_or_in_tiers_stays_so_to_its_last_page(self, tmp_path: Path) -> None:
        index = EmbeddedIndex(tmp_path, Limits(scored=50))
        index.put(plain_document(number, text="lương hưu") for number in range(45))
        scored = index.search(ask("lương hưu", size=20))
        index.put(plain_document(number, text="lương hưu") for number in range(100, 110))
        tiered = index.search(ask("lương hưu", size=20))
        index.remove(ids(*range(100, 110)))
        for first in (scored, tiered):
            seen = numbers(first) + walk(index, ask("lương hưu", size=20, cursor=first.next_cursor))
            assert len(seen) == len(set(seen))
            assert set(seen) - set(ids(*range(100, 110))) == set(ids(*range(45)))


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
