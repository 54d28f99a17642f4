"""What every search index does: the suite that each adapter runs, and so the meaning of a search.

A subclass gives the fixture ``index``: an empty index of its own for each test.
"""

from __future__ import annotations

import datetime as dt
import unicodedata
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from archive_service.errors import InvalidInput
from archive_service.model.identifiers import OfficeCode, RecordId, ResultTypeCode, SubjectId
from archive_service.model.ports import SearchIndex
from archive_service.model.query import (
    Facet,
    IndexDocument,
    SearchFilters,
    SearchPage,
    SearchQuery,
    Sort,
    parse_query,
)
from archive_service.model.record import AccessLevel, RecordState, Trust
from tests.contracts.search_documents import (
    OFFICES,
    TONE_NAMES,
    plain_document,
    realistic_documents,
    record_id,
)

EVERYWHERE = SearchFilters(offices=None)


def ask(text: str, filters: SearchFilters = EVERYWHERE, **more: object) -> SearchQuery:
    """Return the query for a typed text."""
    return replace(SearchQuery(parse_query(text), filters), **more)  # type: ignore[arg-type]  # SearchQuery's names


def numbers(page: SearchPage) -> list[RecordId]:
    """Return the ids of a page's hits in order."""
    return [hit.record_id for hit in page.hits]


def walk(index: SearchIndex, query: SearchQuery) -> list[RecordId]:
    """Return the ids of all hits, page by page to the end."""
    found: list[RecordId] = []
    while True:
        page = index.search(query)
        found += numbers(page)
        if page.next_cursor is None:
            return found
        query = replace(query, cursor=page.next_cursor)


def ids(*record_numbers: int) -> list[RecordId]:
    """Return the record ids of the numbers."""
    return [record_id(number) for number in record_numbers]


class WordRules:
    """Words, marks, phrases and exclusion."""

    def test_exact_marks_of_forty_names_rank_first_always(self, index: SearchIndex) -> None:
        # Every other name is met more often, and in a shorter document, than the right one.
        documents = []
        for number, name in enumerate(TONE_NAMES):
            documents.append(plain_document(number, subject_name=name, text="lưu hồ sơ theo quy định " * 20))
            other = TONE_NAMES[(number + 1) % len(TONE_NAMES)]
            documents.append(plain_document(1000 + number, subject_name=other, text=f"{other} " * 3))
        index.put(documents)
        for number, name in enumerate(TONE_NAMES):
            page = index.search(ask(name, size=100))
            right = {record_id(number), record_id(1000 + (number - 1) % len(TONE_NAMES))}
            assert set(numbers(page)[:2]) == right, name
            assert page.total == 80
            assert set(numbers(index.search(ask(f'"{name}"', size=1)))) <= right

    def test_name_without_marks_finds_all_forty(self, index: SearchIndex) -> None:
        index.put(plain_document(number, subject_name=name) for number, name in enumerate(TONE_NAMES))
        for query in ("nguyen van duc", "NGUYEN VAN DUC", '"nguyen van duc"'):
            assert set(walk(index, ask(query, size=7))) == set(ids(*range(40)))

    def test_more_words_in_exact_marks_rank_higher(self, index: SearchIndex) -> None:
        index.put(
            [
                plain_document(1, text="bao hiem xa hoi"),
                plain_document(2, text="bảo hiểm xa hoi"),
                plain_document(3, text="bảo hiểm xã hội"),
                plain_document(4, text="bảo hiem xa hoi"),
            ]
        )
        assert numbers(index.search(ask("bảo hiểm xã hội"))) == ids(3, 2, 4, 1)

    def test_decomposed_query_and_document_are_the_same_words(self, index: SearchIndex) -> None:
        text = "Quyết định hưởng chế độ"
        index.put([plain_document(1, text=text), plain_document(2, text=unicodedata.normalize("NFD", text))])
        for query in (text, unicodedata.normalize("NFD", text)):
            assert set(numbers(index.search(ask(query)))) == set(ids(1, 2))

    def test_stroked_d_is_d(self, index: SearchIndex) -> None:
        index.put([plain_document(1, text="Quyết định"), plain_document(2, text="quyet dinh")])
        assert numbers(index.search(ask("quyết định"))) == ids(1, 2)
        assert numbers(index.search(ask("quyet dinh"))) == ids(2, 1)

    def test_both_spellings_of_an_open_syllable_are_exact(self, index: SearchIndex) -> None:
        index.put([plain_document(1, subject_name="Lê Thị Hoà"), plain_document(2, subject_name="Lê Thị Hòa")])
        for query in ("lê thị hòa", "Lê Thị Hoà"):
            page = index.search(ask(query))
            assert numbers(page) == ids(1, 2) or {int(hit.score) for hit in page.hits} == {3}

    def test_every_word_must_match(self, index: SearchIndex) -> None:
        index.put([plain_document(1, text="ốm đau thai sản"), plain_document(2, text="thai sản")])
        assert numbers(index.search(ask("thai sản ốm"))) == ids(1)
        assert index.search(ask("thai sản lương")).total == 0

    def test_excluded_words_and_phrases_must_not_match(self, index: SearchIndex) -> None:
        index.put(
            [
                plain_document(1, text="bảo hiểm y tế"),
                plain_document(2, text="bảo hiểm xã hội"),
                plain_document(3, text="bảo hiểm tế y"),
            ]
        )
        assert set(numbers(index.search(ask("bảo hiểm -xã")))) == set(ids(1, 3))
        assert set(numbers(index.search(ask('bảo hiểm -"y tế"')))) == set(ids(2, 3))
        assert numbers(index.search(ask("bảo hiểm -te"))) == ids(2)
        assert numbers(index.search(ask('-"y tế"', sort=Sort.NEWEST))) == ids(3, 2)

    def test_phrase_is_words_in_a_row_with_and_without_marks(self, index: SearchIndex) -> None:
        index.put(
            [
                plain_document(1, text="quy định bãi bỏ các điều trái luật"),
                plain_document(2, text="các quy định bị bãi bỏ"),
                plain_document(3, text="bãi bỏ các quy định"),
            ]
        )
        assert numbers(index.search(ask('"bãi bỏ các quy định"'))) == ids(3)
        assert numbers(index.search(ask('"bai bo cac"'))) in (ids(1, 3), ids(3, 1))

    def test_words_in_a_row_rank_above_the_same_words_scattered(self, index: SearchIndex) -> None:
        index.put(
            [
                plain_document(1, text="hội xã nông thôn nhận hiểm họa và bảo vệ"),
                plain_document(2, text="chi trả bảo hiểm xã hội hằng tháng cho mọi người có tên ở trên đây"),
            ]
        )
        assert numbers(index.search(ask("bảo hiểm xã hội"))) == ids(2, 1)

    def test_phrase_does_not_match_across_two_fields(self, index: SearchIndex) -> None:
        index.put(
            [
                plain_document(1, subject_name="Trần Văn", summary="Bình an", signer="Lê", text="Lợi ích"),
                plain_document(2, subject_name="Trần Văn Bình", signer="Lê Lợi"),
            ]
        )
        assert numbers(index.search(ask('"văn bình"'))) == ids(2)
        assert numbers(index.search(ask('"lê lợi"'))) == ids(2)
        assert index.search(ask("văn bình lê lợi")).total == 2

    def test_name_match_ranks_above_the_same_words_in_the_text(self, index: SearchIndex) -> None:
        index.put(
            [
                plain_document(1, subject_name="Phạm Thị Lan", text="trần minh tâm " * 30),
                plain_document(2, subject_name="Trần Minh Tâm", text="không có gì thêm ở đây " * 30),
            ]
        )
        assert numbers(index.search(ask("Trần Minh Tâm"))) == ids(2, 1)
        assert numbers(index.search(ask("tran minh tam"))) == ids(2, 1)

    @pytest.mark.parametrize("field", ["result_type_name", "issuing_body", "signer", "summary", "subject_name", "text"])
    def test_every_text_of_a_record_is_searched(self, index: SearchIndex, field: str) -> None:
        index.put([plain_document(1, **{field: "Đặng Phước Hậu"}), plain_document(2)])
        assert numbers(index.search(ask("phuoc hau"))) == ids(1)

    def test_one_wrong_letter_is_forgiven_only_where_nothing_else_is_found(self, index: SearchIndex) -> None:
        index.put([plain_document(1, text="bảo hiem that nghiep"), plain_document(2, text="thất nghỉ ngẫm")])
        assert numbers(index.search(ask("thất nghiệp"))) == ids(1)
        assert set(numbers(index.search(ask("thất nghiêb")))) == set(ids(1))
        assert numbers(index.search(ask('"that nghlep"'))) == ids(1)
        assert index.search(ask("thất xa")).total == 0

    def test_number_is_never_forgiven_and_still_found_by_its_beginning(self, index: SearchIndex) -> None:
        index.put([plain_document(1, text="thất nghiệp", identifiers=("0123456789",))])
        assert numbers(index.search(ask("01234 nghiêb"))) == ids(1)
        assert index.search(ask("0123456788 nghiêb")).total == 0
        assert index.search(ask("0123456788")).total == 0

    def test_forgiving_search_is_paged_to_its_end(self, index: SearchIndex) -> None:
        index.put(plain_document(number, text="trợ cấp thất nghiệp") for number in range(57))
        found = walk(index, ask("thât nghiêg", size=10))
        assert sorted(found) == ids(*range(57))

    @pytest.mark.parametrize(
        "text",
        [
'"', '""', "(", ")", "*", "\\", ":", "AND", "OR NOT", "+", "-", "- -", "~2", "^9", "[a TO b]", "{",
            "/x/", "?", "text:x", "\x00", "a\x00b", "😀", "👨‍👩‍👧", "\ud7ff\uffff", "%", "';--", "<b>", "&&",
            "||", "¶", "nghiệp*", "x" * 10_000, "bảo " * 2_500, '"' + "hiểm " * 2_000 + '"', "1" * 10_000,
            "1/" * 5_000, "\u0301", "_", "\n\t ", "-(", '-"', "ﬁ ß İ",
        ],
    )  # fmt: skip
    def test_odd_characters_are_text_and_never_an_error(self, index: SearchIndex, text: str) -> None:
        index.put([plain_document(1, text=text), plain_document(2, text="bảo hiểm xã hội")])
        for sort in Sort:
            index.search(ask(text, sort=sort, facets=tuple(Facet)))
            index.search(ask(f"bảo {text}", sort=sort))

    def test_query_without_words_matches_by_filter_only(self, index: SearchIndex) -> None:
        index.put(plain_document(number) for number in range(5))
        for text in ("", " ", '"', "***", "😀"):
            assert walk(index, ask(text, size=2)) == ids(*range(5))


class CodeRules:
    """Numbers and notations."""

    @pytest.fixture
    def coded(self, index: SearchIndex) -> SearchIndex:
        index.put(
            [
                plain_document(
                    1,
                    identifiers=("0123456789", "001099012345"),
                    dossier_code="000.00.00.H41-210301-0042",
                    document_code="1234/QĐ-BHXH",
                ),
                plain_document(
                    2,
                    text="Căn cứ Quyết định số 1234/QĐ-BHXH, sổ 0123456789; hồ sơ H15.50.05.13-261008-0975.",
                ),
                plain_document(3, identifiers=("0123999999",), document_code="99/TB-BHXH"),
            ]
        )  # fmt: skip
        return index

    @pytest.mark.parametrize(
        ("text", "expected"),
        [
            ("0123456789", (1, 2)),
            ("0123 456 789", None),
            ('"0123 456 789"', (1, 2)),
            ("0123.456.789", (1, 2)),
            ("01234", (1, 2)),
            ("0123", (1, 2, 3)),
            ("1234/QĐ-BHXH", (1, 2)),
            ("1234/qd-bhxh", (1, 2)),
            ("1234/QĐ", (1, 2)),
            ("1234/q", (1, 2)),
            ("1234", (1, 2)),
            ("99/TB", (3,)),
            ("000.00.00.H41-210301-0042", (1,)),
            ("000.00.00.H41-2103", (1,)),
            ("000.00.00.h41-210301-00", (1,)),
            ("H15.50.05.13-261008-0975", (2,)),
            ("001099012345", (1,)),
            ("(0123456789)", (1, 2)),
            ("234567", ()),
            ("0123456788", ()),
        ],
    )
    def test_number_and_notation_whole_and_by_prefix(
        self, coded: SearchIndex, text: str, expected: tuple[int, ...] | None
    ) -> None:
        found = set(numbers(coded.search(ask(text))))
        if expected is not None:
            assert found == set(ids(*expected))

    def test_record_of_that_number_ranks_above_texts_that_mention_it(self, coded: SearchIndex) -> None:
        coded.put(plain_document(number, text="1234/QĐ-BHXH 0123456789 " * number) for number in range(10, 20))
        for text in ("0123456789", "1234/QĐ-BHXH", "1234/qd-bhxh"):
            assert numbers(coded.search(ask(text)))[0] == record_id(1), text

    def test_number_with_words_narrows_further(self, coded: SearchIndex) -> None:
        assert numbers(coded.search(ask("1234/QĐ-BHXH căn cứ"))) == ids(2)

    def test_number_is_excluded_whole_and_by_prefix(self, coded: SearchIndex) -> None:
        assert numbers(coded.search(ask("-0123456789"))) == ids(3)


class OrderRules:
    """Sorting, paging and cursors."""

    def test_newest_and_oldest_put_records_without_a_date_last(self, index: SearchIndex) -> None:
        days = {
            1: dt.date(2020, 1, 5),
            2: None,
            3: dt.date(2021, 7, 1),
            4: dt.date(2020, 1, 5),
            5: None,
            6: dt.date(1970, 1, 1),
        }
        index.put(plain_document(number, issued_on=day) for number, day in days.items())
        assert walk(index, ask("", sort=Sort.NEWEST, size=2)) == ids(3, 4, 1, 6, 5, 2)
        assert walk(index, ask("", sort=Sort.OLDEST, size=2)) == ids(6, 1, 4, 3, 2, 5)

    @pytest.mark.parametrize("sort", list(Sort))
    @pytest.mark.parametrize("text", ["bao hiem", "bảo hiểm", ""])
    def test_pages_hold_every_hit_once_in_one_order(self, index: SearchIndex, sort: Sort, text: str) -> None:
        index.put(realistic_documents(300))
        whole = walk(index, ask(text, sort=sort, size=1000))
        assert sorted(whole) == ids(*range(300))
        assert walk(index, ask(text, sort=sort, size=7)) == whole

    @pytest.mark.parametrize("sort", list(Sort))
    def test_twelve_thousand_equal_hits_are_walked_without_duplicate_or_hole(
        self, index: SearchIndex, sort: Sort
    ) -> None:
        index.put(plain_document(number, text="lương hưu") for number in range(12_000))
        found = walk(index, ask("lương hưu", sort=sort, size=500))
        assert len(found) == 12_000
        assert set(found) == set(ids(*range(12_000)))

    def test_ids_that_share_their_beginning_are_walked_too(self, index: SearchIndex) -> None:
        from uuid import UUID

        documents = [
            replace(plain_document(number, text="lương hưu"), record_id=RecordId(str(UUID(int=number))))
            for number in range(700)
        ]
        index.put(documents)
        expected = [document.record_id for document in documents]
        for sort in Sort:
            assert sorted(walk(index, ask("hưu", sort=sort, size=50))) == expected
        assert list(index.record_ids()) == expected

    def test_page_tells_the_whole_number_of_hits_and_the_last_page_has_no_cursor(self, index: SearchIndex) -> None:
        index.put(plain_document(number) for number in range(25))
        first = index.search(ask("", size=20))
        assert (len(first.hits), first.total) == (20, 25)
        second = index.search(ask("", size=20, cursor=first.next_cursor))
        assert (len(second.hits), second.total, second.next_cursor) == (5, 25, None)
        assert index.search(ask("", size=25)).next_cursor is None

    @pytest.mark.parametrize("sort", list(Sort))
    def test_walk_goes_on_where_it_was_when_records_come_and_go(self, index: SearchIndex, sort: Sort) -> None:
        index.put(plain_document(number, text="lương hưu") for number in range(100))
        first = index.search(ask("hưu", sort=sort, size=30))
        index.remove(numbers(first)[:10])
        index.put([plain_document(5000, text="tử tuất")])
        second = index.search(ask("hưu", sort=sort, size=200, cursor=first.next_cursor))
        assert not set(numbers(first)) & set(numbers(second))
        assert len(second.hits) == 70

    def test_cursor_of_another_search_is_refused(self, index: SearchIndex) -> None:
        index.put(plain_document(number, text="lương hưu") for number in range(30))
        cursor = index.search(ask("hưu")).next_cursor
        assert cursor is not None
        others = [
            ask("lương", cursor=cursor),
            ask("hưu", sort=Sort.NEWEST, cursor=cursor),
            ask("hưu", SearchFilters(offices=frozenset({OFFICES[0]})), cursor=cursor),
            ask("-hưu", cursor=cursor),
        ]
        for query in others:
            with pytest.raises(InvalidInput) as refused:
                index.search(query)
            assert refused.value.message.vi
        assert len(index.search(ask("hưu", cursor=cursor, size=5, facets=(Facet.STATE,))).hits) == 5

    @pytest.mark.parametrize("cursor", ["", "x", "đ", "====", "W10", "bnVsbA", "MQ", "\x00", "A" * 10_000, "W1tbW1tb"])
    def test_text_that_is_no_cursor_is_refused(self, index: SearchIndex, cursor: str) -> None:
        with pytest.raises(InvalidInput):
            index.search(ask("hưu", cursor=cursor))


class FilterRules:
    """Filters and facets."""

    @pytest.mark.parametrize(
        ("filters", "expected"),
        [
            (SearchFilters(offices=frozenset({OfficeCode("H15")})), {2}),
            (SearchFilters(offices=frozenset({OfficeCode("H15"), OfficeCode("H41")})), {1, 2, 4}),
            (SearchFilters(offices=frozenset()), set()),
            (SearchFilters(None, access_levels=frozenset({AccessLevel.OPEN})), {3}),
            (SearchFilters(None, access_levels=frozenset()), set()),
            (SearchFilters(None, result_types=frozenset({ResultTypeCode("tử-tuất")})), {1}),
            (SearchFilters(None, subjects=frozenset({SubjectId("s-2"), SubjectId("s-9")})), {2}),
            (SearchFilters(None, dossier_code="000.00.00.h41-210301-0001"), {1}),
            (SearchFilters(None, dossier_code="000.00.00.H41-210301"), set()),
            (SearchFilters(None, issued_from=dt.date(2021, 1, 1)), {2, 3}),
            (SearchFilters(None, issued_to=dt.date(2020, 12, 31)), {1}),
            (SearchFilters(None, issued_from=dt.date(2020, 5, 5), issued_to=dt.date(2021, 1, 1)), {1, 2}),
            (SearchFilters(None, stored_from=dt.date(2021, 3, 2)), {3}),
            (SearchFilters(None, stored_to=dt.date(2021, 3, 1)), {1, 2, 4}),
            (SearchFilters(None, trusts=frozenset({Trust.DIGITISED, Trust.MIXED})), {2, 3}),
            (SearchFilters(None, states=frozenset({RecordState.QUARANTINED})), {5}),
            (SearchFilters(None, states=frozenset()), {1, 2, 3, 4, 5}),
        ],
    )
    def test_filter_keeps_what_it_names(self, index: SearchIndex, filters: SearchFilters, expected: set[int]) -> None:
        index.put(
            [
                plain_document(
                    1,
                    result_type=ResultTypeCode("tử-tuất"),
                    dossier_code="000.00.00.H41-210301-0001",
                    issued_on=dt.date(2020, 5, 5),
                ),
                plain_document(
                    2,
                    office=OfficeCode("H15"),
                    subject_id=SubjectId("s-2"),
                    trust=Trust.DIGITISED,
                    issued_on=dt.date(2021, 1, 1),
                ),
                plain_document(
                    3,
                    office=OfficeCode("G15"),
                    access_level=AccessLevel.OPEN,
                    trust=Trust.MIXED,
                    # 00:30 on the second of March in Vietnam
                    stored_at=dt.datetime(2021, 3, 1, 17, 30, tzinfo=dt.UTC),
                    issued_on=dt.date(2021, 6, 1),
                ),
                plain_document(4, issued_on=None),
                plain_document(5, state=RecordState.QUARANTINED, issued_on=None),
            ]
        )
        for sort in Sort:
            for text in ("", "kbang"):
                page = index.search(ask(text, filters, sort=sort))
                assert set(numbers(page)) == set(ids(*expected))
                assert page.total == len(expected)

    def test_facets_count_over_all_hits(self, index: SearchIndex) -> None:
        documents = realistic_documents(200)
        index.put(documents)
        page = index.search(ask("bảo hiểm", size=5, facets=tuple(Facet)))
        expected = {
            Facet.OFFICE: _tally(document.office for document in documents),
            Facet.RESULT_TYPE: _tally(document.result_type for document in documents),
            Facet.TRUST: _tally(document.trust.value for document in documents),
            Facet.STATE: {"stored": 200},
            Facet.YEAR: _tally(str(document.issued_on.year) for document in documents if document.issued_on),
        }
        assert dict(page.facets) == expected
        later = index.search(ask("bảo hiểm", size=5, facets=(Facet.TRUST,), cursor=page.next_cursor))
        assert dict(later.facets) == {Facet.TRUST: expected[Facet.TRUST]}

    def test_facets_respect_words_and_filters(self, index: SearchIndex) -> None:
        index.put(
            [
                plain_document(1, text="thai sản", office=OfficeCode("H15")),
                plain_document(2, text="thai sản", trust=Trust.MIXED),
                plain_document(3, text="lương hưu"),
            ]
        )
        filters = SearchFilters(None, trusts=frozenset({Trust.BORN_DIGITAL}))
        assert index.search(ask("thai", filters, facets=(Facet.OFFICE,))).facets == {Facet.OFFICE: {"H15": 1}}
        assert index.search(ask("không có", facets=(Facet.OFFICE,))).facets == {Facet.OFFICE: {}}


class KeepingRules:
    """Putting, removing, counting and building anew."""

    def test_put_twice_holds_one_and_the_later_one(self, index: SearchIndex) -> None:
        index.put([plain_document(1, text="ốm đau")])
        index.put([plain_document(1, text="thai sản"), plain_document(2, text="thai sản")])
        index.put([plain_document(2, text="tử tuất"), plain_document(2, text="lương hưu")])
        assert index.count() == 2
        assert index.search(ask("ốm đau")).total == 0
        assert numbers(index.search(ask("thai sản"))) == ids(1)
        assert numbers(index.search(ask("hưu"))) == ids(2)

    def test_removed_is_gone_and_removing_again_is_nothing(self, index: SearchIndex) -> None:
        index.put(plain_document(number) for number in range(3))
        index.remove(ids(1, 77))
        index.remove(ids(1))
        index.remove([])
        assert list(index.record_ids()) == ids(0, 2)
        assert index.count() == 2

    def test_nothing_put_is_nothing_held(self, index: SearchIndex) -> None:
        index.put([])
        assert index.count() == 0
        assert list(index.record_ids()) == []
        assert index.search(ask("hưu", facets=tuple(Facet))).total == 0
        index.check_ready()

    def test_record_ids_come_in_order(self, index: SearchIndex) -> None:
        index.put(plain_document(number) for number in reversed(range(1500)))
        assert list(index.record_ids()) == ids(*range(1500))

    def test_build_is_unseen_until_it_is_switched_to(self, index: SearchIndex) -> None:
        index.put([plain_document(1, text="cũ")])
        build = index.build("b-1")
        assert build.add(plain_document(number, text="mới") for number in (2, 3)) == 2
        build.commit()
        assert list(index.record_ids()) == ids(1)
        build.switch()
        assert list(index.record_ids()) == ids(2, 3)
        index.put([plain_document(4)])
        assert index.count() == 3

    def test_build_is_resumed_by_its_name(self, index: SearchIndex) -> None:
        build = index.build("b-1")
        build.add([plain_document(1)])
        build.commit()
        del build
        resumed = index.build("b-1")
        resumed.add([plain_document(1), plain_document(2)])
        resumed.switch()
        assert list(index.record_ids()) == ids(1, 2)

    def test_build_takes_documents_and_commits_from_several_threads(self, index: SearchIndex) -> None:
        build = index.build("b-1")

        def one(number: int) -> int:
            added = build.add(plain_document(20 * number + step) for step in range(20))
            build.commit()
            return added

        with ThreadPoolExecutor(4) as pool:
            assert sum(pool.map(one, range(10))) == 200
        build.switch()
        assert list(index.record_ids()) == ids(*range(200))

    def test_build_of_the_name_in_use_begins_empty(self, index: SearchIndex) -> None:
        for number in (1, 2, 3):
            build = index.build("b-1")
            build.add([plain_document(number)])
            build.switch()
            assert list(index.record_ids()) == ids(number)

    def test_abandoned_build_leaves_nothing(self, index: SearchIndex) -> None:
        index.put([plain_document(1)])
        build = index.build("b-2")
        build.add([plain_document(2)])
        build.abandon()
        assert list(index.record_ids()) == ids(1)
        again = index.build("b-2")
        again.switch()
        assert index.count() == 0

    @pytest.mark.parametrize("name", ["", "../x", "a b", "đ", "a" * 101, "-a"])
    def test_build_name_of_other_characters_is_refused(self, index: SearchIndex, name: str) -> None:
        with pytest.raises(InvalidInput):
            index.build(name)


class SearchIndexContract(WordRules, CodeRules, OrderRules, FilterRules, KeepingRules):
    """The whole contract."""


def _tally(values: Iterable[str]) -> dict[str, int]:
    counts: dict[str, int] = {}
    for value in values:
        counts[value] = counts.get(value, 0) + 1
    return counts


def documents_and_queries() -> tuple[list[IndexDocument], list[str]]:
    """Return 300 documents and 60 queries for comparing engines."""
    documents = realistic_documents(300)
    typed = [
        "bảo hiểm xã hội", "bao hiem xa hoi", "thai sản", "thai san", '"lương hưu"',
        '"luong huu" -"thai sản"', "nguyễn văn an", "nguyen van an", "Trần Thị Hà", "tran thi ha",
        "Hòa Bình", "Hoà Bình", "hoa binh", "đặng", "dang", '"chi nhánh ngân hàng"', "chi nhanh ngan hang",
        "58/2014/QH13", "58/2014", "1234/QĐ-BHXH", "1100/qd", "1101", "7900000013", "79000000",
        "000.00.00.H41-19", "H41", "qđ bhxh", "bảo hiêm thât nghiêp", "thât nghiêb", "nghiệd ngân",
        "quyêt đinh huong", "tử tuất", "tu tuat", "bãi bỏ các quy định", "bai bo cac quy dinh",
        '"bãi bỏ các quy định"', "-bảo", "-trợ", "mức hưởng đồng", "sổ tờ rời", "y tế", "thẻ",
        "Phạm Lý -văn", "điều 1", "ngày 20 tháng 11 năm 2014", '"tháng 11"', "20/11/2014", "01/2019",
        "cần thơ", "Đà Nẵng", "da nang", "ông bà", "(ông)", "lê", "Lễ", "không hề có", "xyzt", "ốm đau",
        '"om dau"', "",
    ]  # fmt: skip
    return documents, typed
