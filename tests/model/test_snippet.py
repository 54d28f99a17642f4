"""A snippet shows the best piece of a text, and marks only what was asked for."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from archive_service.model.fold import fold, normalise
from archive_service.model.query import parse_query
from archive_service.model.snippet import is_alike, snippet

FILLER = "Căn cứ quy định hiện hành, cơ quan có thẩm quyền xem xét và trả lời người dân. " * 20


def marked(text: str, query: str, width: int = 120) -> list[str] | None:
    """Return the marked words of the snippet."""
    made = snippet(text, parse_query(query), width)
    return None if made is None else [made.text[start:end] for start, end in made.marks]


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("bảo hiểm", ["Bảo", "hiểm"]),
        ("bao hiem", ["Bảo", "hiểm"]),
        ('"bảo hiểm xã hội"', ["Bảo hiểm xã hội"]),
        ('"bao hiem"', ["Bảo hiểm"]),
        ("1234/QĐ-BHXH", ["1234/QĐ-BHXH"]),
        ("1234/QĐ", ["1234/QĐ"]),
        ("01234", ["0123456789"]),
        ("hoà", ["Hòa"]),
        ("không có đâu nhé", None),
        ("", None),
        ("-bảo", None),
    ],
)
def test_words_asked_for_are_marked(query: str, expected: list[str] | None) -> None:
    text = "Bảo hiểm xã hội tỉnh Hòa Bình, số 1234/QĐ-BHXH, sổ 0123456789."
    assert marked(text, query) == (["0123456789"] if query == "01234" else expected)


def test_window_with_more_different_words_is_shown() -> None:
    text = f"thai thai thai thai {FILLER} chế độ thai sản {FILLER}"
    made = snippet(text, parse_query("sản thai"))
    assert made is not None
    assert "chế độ thai sản" in made.text


def test_exact_marks_are_shown_before_the_same_word_without() -> None:
    made = snippet(f"ông Dục ký {FILLER} ông Đức ký", parse_query("đức"))
    assert made is not None
    assert "Đức" in made.text


def test_words_in_a_row_are_shown_before_the_same_words_apart() -> None:
    text = f"bãi và bỏ rồi các ông nói quy cho tôi định. {FILLER} Bãi bỏ các quy định trước đây."
    made = snippet(text, parse_query("bai bo cac quy dinh"))
    assert made is not None
    assert "Bãi bỏ các quy định" in made.text


def test_wrong_letter_is_marked_only_where_nothing_else_is() -> None:
    assert marked("trợ cấp that nghlep", '"thất nghiệp"') == ["that", "nghlep"]
    assert marked("số 0123456789", "0123456788") is None


def test_piece_is_one_line_and_not_much_longer_than_asked() -> None:
    text = f"{FILLER}\n\n\tchế độ thai sản\r\n{FILLER}"
    made = snippet(text, parse_query("thai sản"), 100)
    assert made is not None
    assert len(made.text) <= 102
    assert not set(made.text) & set("\n\t\r")
    assert made.text.startswith("…")
    assert made.text.endswith("…")


def test_word_cut_by_the_first_pages_is_not_taken_for_another() -> None:
    text = "x" * 29_995 + " baocao " + "y " * 10_000 + "bao"
    assert marked(text, "bao") == ["bao"]


@given(st.text(max_size=400), st.text(min_size=1, max_size=40), st.integers(1, 300))
def test_marks_lie_inside_the_piece_in_order_and_never_fail(text: str, typed: str, width: int) -> None:
    made = snippet(normalise(text), parse_query(typed), width)
    if made is not None:
        ends = [0]
        for start, end in made.marks:
            assert ends[-1] <= start < end <= len(made.text)
            ends.append(end)
        assert made.marks


@given(st.lists(st.sampled_from(["bảo", "hiểm", "xã", "hội", "y", "tế", "thai", "sản"]), min_size=1, max_size=200))
def test_what_is_marked_is_what_was_asked_for(text_words: list[str]) -> None:
    text = " ".join(text_words)
    found = marked(text, "bao thai", 60)
    if found is None:
        assert not {"bảo", "thai"} & set(text_words)
    else:
        assert {fold(word) for word in found} <= {"bao", "thai"}


@given(st.text("abc", max_size=8), st.text("abc", min_size=4, max_size=8))
def test_alike_is_one_edit_apart(word: str, other: str) -> None:
    assert is_alike(word, other) == (word == other or word in _one_edit(other))


def _one_edit(word: str) -> set[str]:
    letters = "abc"
    splits = [(word[:cut], word[cut:]) for cut in range(len(word) + 1)]
    return {
        *(before + after[1:] for before, after in splits if after),
        *(before + letter + after[1:] for before, after in splits if after for letter in letters),
        *(before + letter + after for before, after in splits for letter in letters),
        *(before + after[1] + after[0] + after[2:] for before, after in splits if len(after) > 1),
    }
