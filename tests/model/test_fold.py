"""Folding is one to one, stands still when repeated, and makes Vietnamese comparable."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from archive_service.model.fold import fold, lowered, normalise, one_spelling, word_spans, words

VIETNAMESE = "aàáảãạăằắẳẵặâầấẩẫậ eèéẻẽẹêềếểễệ iìíỉĩị oòóỏõọôồốổỗộơờớởỡợ uùúủũụưừứửữự yỳýỷỹỵ dđ"


@given(st.text())
def test_fold_lowered_and_one_spelling_keep_the_length(text: str) -> None:
    assert len(fold(text)) == len(lowered(text)) == len(one_spelling(text)) == len(text)


@given(st.text())
def test_folding_folded_text_changes_nothing(text: str) -> None:
    assert fold(fold(text)) == fold(text)


@given(st.text())
def test_lower_case_and_one_spelling_do_not_change_what_is_folded(text: str) -> None:
    assert fold(one_spelling(lowered(text))) == fold(lowered(text))


@given(st.text())
def test_words_are_where_their_spans_are(text: str) -> None:
    spans = word_spans(text)
    folded = fold(text)
    assert [fold(word) for word in words(text)] == [fold(lowered(text)[start:end]) for start, end in spans]
    assert all(not folded[start:end].isspace() for start, end in spans)


def test_every_vietnamese_letter_loses_its_marks_in_both_cases() -> None:
    for group in VIETNAMESE.split():
        for letter in group:
            expected = "d" if letter == "đ" else unicodedata.normalize("NFD", letter)[0]
            assert fold(letter) == fold(letter.upper()) == expected


def test_decomposed_text_is_the_same_words_once_normalised() -> None:
    text = "Quyết định hưởng trợ cấp ốm đau"
    assert words(normalise(unicodedata.normalize("NFD", text))) == words(text)


@pytest.mark.parametrize(
    ("newer", "older"),
    [("Hoà", "hòa"), ("THUÝ", "thúy"), ("khoẻ", "khỏe"), ("hoạ sĩ", "họa sĩ"), ("uỷ ban", "ủy ban")],
)
def test_tone_of_an_open_syllable_is_one_word_in_either_place(newer: str, older: str) -> None:
    assert words(newer) == words(older)


@pytest.mark.parametrize("word", ["quý", "quỳnh", "hoàn", "hoài", "thuyết", "xoáy"])
def test_tone_that_has_one_place_only_stays_there(word: str) -> None:
    assert words(word) == [word]


@pytest.mark.parametrize("text", ["", " ", "()*\\:", "😀", "\x00", "¶"])
def test_text_without_letters_and_digits_has_no_words(text: str) -> None:
    assert words(text) == []
