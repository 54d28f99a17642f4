"""A text layer is taken where its words are the page's words, and only there."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from archive_service.pdf.layer import Layer, clean, judge, says_more

VIETNAMESE = (
    "CỘNG HÒA XÃ HỘI CHỦ NGHĨA VIỆT NAM. Độc lập - Tự do - Hạnh phúc. Số: 1234/QĐ-BHXH. Quyết định về việc hưởng"
    " lương hưu hằng tháng; căn cứ Luật Bảo hiểm xã hội ngày 20/11/2014 và hồ sơ của ông Nguyễn Văn Đức."
)
UNMARKED = "CONG HOA XA HOI CHU NGHIA VIET NAM Doc lap Tu do Hanh phuc Quyet dinh ve viec huong luong huu " * 3
ENGLISH = "The archive keeps every result, and whoever asks can prove that it is the one that was deposited."
FRENCH = "Le dépôt légal des œuvres françaises a été confié à la bibliothèque nationale, où elles sont conservées."
GERMAN = "Die Größe der Straße überrascht die Gäste; für große Züge genügt das schöne Gebäude natürlich nicht."


@pytest.mark.parametrize("text", [VIETNAMESE, ENGLISH, FRENCH, "Phụ lục", "1234/QĐ-BHXH"])
def test_honest_words_are_good(text: str) -> None:
    assert judge(text, 0.0, vietnamese=True) is Layer.GOOD


def test_a_table_with_dot_leaders_is_good() -> None:
    assert judge("Chương một " + "." * 200 + " 1\nChương hai " + "_" * 200 + " 2", 0.0, vietnamese=True) is Layer.GOOD


TCVN3 = "Céng hßa x· héi chñ nghÜa ViÖt Nam §éc lËp Tù do H¹nh phóc QuyÕt ®Þnh vÒ viÖc h­ëng l­¬ng h­u"
VNI = "COÄNG HOØA XAÕ HOÄI CHUÛ NGHÓA VIEÄT NAM Ñoäc laäp Töï do Haïnh phuùc Quyeát ñònh veà vieäc höôûng"
SHIFTED = "Wkh dufklyh nhhsv hyhub uhvxow dqg zkrhyhu dvnv fdq suryh wkdw lw lv wkh rqh wkdw zdv ghsrvlwhg"


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("", id="nothing"),
        pytest.param("()()()[[]] ////", id="no letters"),
        pytest.param(TCVN3, id="TCVN3"),
        pytest.param(VNI, id="VNI"),
        pytest.param(VIETNAMESE.encode().decode("latin-1"), id="UTF-8 taken for Latin-1"),
        pytest.param("".join(chr(0xF000 + ord(c)) if c.isalpha() else c for c in ENGLISH), id="private use"),
        pytest.param("".join("\ufffd" if ord(c) > 127 else c for c in VIETNAMESE), id="replacement"),
        pytest.param(SHIFTED, id="shifted letters"),
    ],
)
def test_unreadable_words_are_bad(text: str) -> None:
    assert judge(text, 0.0, vietnamese=True) is Layer.BAD


def test_letters_that_vietnamese_does_not_write_are_no_fault_where_it_is_not_the_language() -> None:
    assert judge(GERMAN, 0.0, vietnamese=False) is Layer.GOOD
    assert judge(VIETNAMESE.encode().decode("latin-1"), 0.0, vietnamese=False) is Layer.BAD


def test_a_stamp_on_a_scan_is_doubtful_and_the_same_words_alone_are_good() -> None:
    stamp = "Ký bởi: Bảo hiểm xã hội. Thời gian ký: 01/03/2021 10:00:00 +07:00"
    assert judge(stamp, 1.0, vietnamese=True) is Layer.DOUBTFUL
    assert judge(stamp, 0.1, vietnamese=True) is Layer.GOOD


def test_a_scan_recognised_in_the_wrong_language_is_doubtful() -> None:
    assert judge(UNMARKED, 1.0, vietnamese=True) is Layer.DOUBTFUL
    assert judge(UNMARKED, 1.0, vietnamese=False) is Layer.GOOD
    assert judge(VIETNAMESE * 2, 1.0, vietnamese=True) is Layer.GOOD


def test_a_doubtful_layer_stays_where_recognition_says_no_more() -> None:
    assert says_more(VIETNAMESE, "Đã ký")
    assert says_more(VIETNAMESE, UNMARKED[: len(VIETNAMESE)])
    assert not says_more("", "Đã ký")
    assert not says_more("lI .. l", "Ký bởi: Bảo hiểm xã hội")


@given(st.text())
def test_cleaned_text_is_composed_readable_and_stays_the_same_when_cleaned_again(text: str) -> None:
    once = clean(text)
    assert unicodedata.is_normalized("NFC", once)
    assert "\x00" not in once
    assert clean(once) == once
