"""What is indexed of a record: the same words and codes for every engine."""

from __future__ import annotations

import datetime as dt

from hypothesis import given
from hypothesis import strategies as st

from archive_service.model.fold import fold, normalise, words
from archive_service.search.document import (
    LONGEST_REMEMBERED,
    MAXIMUM_CODE,
    MAXIMUM_TEXT_CODES,
    MAXIMUM_WORD,
    SEPARATOR,
    RememberedRuns,
    cut_words,
    index_fields,
)
from tests.contracts.search_documents import plain_document

TEXT = st.text(st.one_of(st.characters(), st.sampled_from(" \n/-.,()0123456789đĐạ¶")), max_size=300)


@given(TEXT)
def test_words_are_split_at_blanks_only_and_folded_one_to_one(text: str) -> None:
    fields = index_fields(plain_document(1, text=text))
    assert fields.folded == fold(fields.exact)
    assert len(fields.exact.split(" ")) == len(fields.exact.split())
    assert all(len(word) <= MAXIMUM_WORD for word in fields.exact.split())


# A capital sigma is two small letters, by what follows; a dotted capital I becomes two.
@given(st.text(st.one_of(st.characters(exclude_characters="Σİ"), st.sampled_from(" \n/-.,()019đĐạ¶")), max_size=300))
def test_text_read_run_by_run_has_the_words_of_the_whole(text: str) -> None:
    _, *rest = index_fields(plain_document(1, text=text)).exact.split(f" {SEPARATOR} ")
    assert rest == [" ".join(cut_words(words(normalise(text))))] or not (rest or words(normalise(text)))


def test_runs_are_remembered_up_to_a_number_and_a_length() -> None:
    runs = RememberedRuns(limit=10)
    long = "x" * (LONGEST_REMEMBERED + 1)
    first = [runs[f"{number}/QĐ"] for number in range(25)]
    assert len(runs) <= 10
    assert first == [runs[f"{number}/QĐ"] for number in range(25)]
    assert runs[long].exact == long[:MAXIMUM_WORD]
    assert long not in runs


@given(TEXT)
def test_codes_are_short_few_and_without_blanks(text: str) -> None:
    codes = index_fields(plain_document(1, text=text, identifiers=("0123456789",))).codes
    assert len(codes) <= 1 + MAXIMUM_TEXT_CODES
    assert len(set(codes)) == len(codes)
    assert all(code and len(code) <= MAXIMUM_CODE and not code.split()[1:] for code in codes)


def test_table_of_figures_does_not_make_the_index_swell() -> None:
    text = " ".join(f"{number:06d}" for number in range(100_000))
    assert len(index_fields(plain_document(1, text=text)).codes) == MAXIMUM_TEXT_CODES


def test_numbers_and_notations_of_the_text_are_codes_and_short_numbers_are_not() -> None:
    text = "Điều 12, khoản 345 Quyết định số 1234/QĐ-BHXH ngày 01/03/2021; sổ (0123456789). 7 người"
    codes = index_fields(plain_document(1, text=text)).codes
    assert codes == ("1234/qd-bhxh", "1234", "01/03/2021", "2021", "0123456789")


def test_keys_are_the_codes_that_name_the_record() -> None:
    fields = index_fields(
        plain_document(
            1,
            identifiers=("0123456789", "GD4790000000001"),
            dossier_code="000.00.00.H41-210301-0042",
            document_code="1234 / QĐ-BHXH",
            text="99/TB",
        )
    )
    assert fields.keys == ("0123456789", "gd4790000000001", "000.00.00.h41-210301-0042", "1234/qd-bhxh")
    assert fields.codes == (*fields.keys, "99/tb")


def test_fields_are_kept_apart_by_what_is_no_word() -> None:
    fields = index_fields(plain_document(1, subject_name="Trần Văn", summary="Bình an ¶ ổn"))
    assert fields.exact == f"trần văn {SEPARATOR} bình an ổn"


def test_day_of_storing_is_the_day_in_vietnam() -> None:
    late = dt.datetime(2021, 12, 31, 17, 0, tzinfo=dt.UTC)
    assert index_fields(plain_document(1, stored_at=late)).stored_day == dt.date(2022, 1, 1).toordinal()


def test_long_run_without_a_digit_is_read_in_linear_time() -> None:
    assert index_fields(plain_document(1, text="x" * 500_000 + " 1234")).codes == ("1234",)
