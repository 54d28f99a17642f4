"""What is indexed of a record: the same words and codes for every engine."""

from __future__ import annotations

import datetime as dt
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from archive_service.model.fold import fold, normalise, words
from archive_service.model.query import code_of
from archive_service.search import document, plain_text
from archive_service.search.document import (
    MAXIMUM_CODE,
    MAXIMUM_TEXT_CODES,
    MAXIMUM_WORD,
    cut_words,
    index_fields,
)
from archive_service.search.plain_text import SEPARATOR
from tests.contracts.search_documents import plain_document

TEXT = st.text(st.one_of(st.characters(), st.sampled_from(" \n/-.,()0123456789đĐạ¶")), max_size=300)


@given(TEXT)
def test_words_are_split_at_blanks_only_and_folded_one_to_one(text: str) -> None:
    fields = index_fields(plain_document(1, text=text))
    assert fields.folded == fold(fields.exact)
    assert len(fields.exact.split(" ")) == len(fields.exact.split())
    assert all(len(word) <= MAXIMUM_WORD for word in fields.exact.split())


@given(TEXT)
def test_the_words_are_those_of_fold(text: str) -> None:
    _, *rest = index_fields(plain_document(1, text=text)).exact.split(f" {SEPARATOR} ")
    assert rest == [" ".join(cut_words(words(normalise(text))))] or not (rest or words(normalise(text)))


# What offices write, in the alphabet of one byte a letter and just beside it.
OFFICES_WRITE = st.lists(
    st.one_of(
        st.sampled_from(("hoà", "Hoà", "quý", "Quỳ", "thuỷ", "HOẠ", "o", "à", "ĐẶNG", "đ", "x" * 47, "12", "_")),
        st.sampled_from(("-", "–", "…", "•", "?", " ", "  ", "\n", "\N{NO-BREAK SPACE}", "\x1c", "\0")),
        st.sampled_from(("№", "Ω", "■", "¶", "\u0301", "\u3000")),
    ),
    max_size=40,
).map("".join)


@given(OFFICES_WRITE)
def test_vietnamese_is_read_by_tables_as_it_is_letter_by_letter(text: str) -> None:
    """The quick way and the one that knows all of Unicode say the same, whichever of them is taken."""
    whole = normalise(text)
    read = plain_text.read(plain_text.join([whole, "giữa", whole]), MAXIMUM_WORD)
    said = " ".join(cut_words(words(whole)))
    exact = f" {SEPARATOR} ".join(filter(None, (said, "giữa", said)))
    assert read in (None, (exact, fold(exact)))


@given(st.text(st.sampled_from(plain_text.ALPHABET), max_size=60))
def test_whatever_is_of_the_alphabet_is_read_by_tables(text: str) -> None:
    said = " ".join(cut_words(words(text)))
    assert plain_text.read(plain_text.join([text]), MAXIMUM_WORD) == (said, fold(said))


def test_a_name_that_holds_what_stands_between_texts_is_one_name() -> None:
    assert index_fields(plain_document(1, subject_name="Trần \0 Văn")).name == "trần văn"


def test_every_letter_of_vietnamese_is_of_the_alphabet() -> None:
    vowels = "aăâeêioôơuưy"
    tones = ("", "\u0300", "\u0301", "\u0309", "\u0303", "\u0323")
    letters = {normalise(vowel + tone) for vowel in vowels for tone in tones} | set("đbcdghklmnpqrstvx")
    assert letters | {letter.upper() for letter in letters} <= set(plain_text.ALPHABET)


def reference_codes(text: str) -> list[str]:
    """Return the codes of a text, found run by run."""
    found = []
    for run in text.split():
        numbers = re.findall(r"\d{4,}", run)
        code = code_of(run)
        if re.search(r"\d", run) and code and (numbers or not code.isdigit()):
            found.append(code[:MAXIMUM_CODE])
        found += [number[:MAXIMUM_CODE] for number in numbers]
    return list(dict.fromkeys(found))[:MAXIMUM_TEXT_CODES]


@given(st.one_of(TEXT, OFFICES_WRITE))
def test_codes_are_the_runs_with_digits_and_the_longer_numbers(text: str) -> None:
    assert list(index_fields(plain_document(1, text=text)).codes) == reference_codes(normalise(text))


def test_only_short_runs_are_remembered() -> None:
    remembered = document._remembered_codes.cache_info().currsize
    index_fields(plain_document(1, text=" ".join(f"{number}/{'x' * 200}" for number in range(100))))
    assert document._remembered_codes.cache_info().currsize == remembered


@pytest.mark.parametrize("blank", ["\n", " ", "\t"])
def test_codes_of_a_long_column_are_found_in_linear_time(blank: str) -> None:
    assert len(index_fields(plain_document(1, text=blank.join("1" * 200_000))).codes) == 0


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
