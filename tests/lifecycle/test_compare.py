"""What a document says otherwise than its metadata: realistic heads, and recognition's usual mistakes."""

from __future__ import annotations

import datetime as dt

import pytest

from archive_service.lifecycle.compare import disagreements
from archive_service.model.findings import FindingCode
from archive_service.model.identifiers import Identifier, IdentifierScheme, parse_identifier
from archive_service.model.record import DocumentText, PageText, TextSource
from tests.results import citizen, insurance, metadata, person

HEAD = """BẢO HIỂM XÃ HỘI VIỆT NAM          CỘNG HOÀ XÃ HỘI CHỦ NGHĨA VIỆT NAM
BẢO HIỂM XÃ HỘI TP. ĐÀ NẴNG               Độc lập - Tự do - Hạnh phúc
Số: {code}                    Đà Nẵng, ngày {day} tháng {month} năm {year}

QUYẾT ĐỊNH
Về việc hưởng chế độ hưu trí hằng tháng
GIÁM ĐỐC BẢO HIỂM XÃ HỘI THÀNH PHỐ ĐÀ NẴNG
Căn cứ Luật Bảo hiểm xã hội số 58/2014/QH13 ngày 20 tháng 11 năm 2014;
"""
NUMBER, DATE, IDENTIFIER = (
    FindingCode.DOCUMENT_NUMBER_DISAGREES,
    FindingCode.ISSUE_DATE_DISAGREES,
    FindingCode.IDENTIFIER_DISAGREES,
)


def head(code: str = "1234/QĐ-BHXH", day: str = "01", month: str = "3", year: str = "2021") -> str:
    return HEAD.format(code=code, day=day, month=month, year=year)


def found(text: str, **said: object) -> list[FindingCode]:
    words = DocumentText((PageText(1, text, TextSource.OCR, 90.0),))
    return [finding.code for finding in disagreements(words, metadata(**said))]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (head(), []),
        (head(day="1"), []),
        (head(month="03"), []),
        (head("01234/QĐ-BHXH"), []),
        (head("1234 / QĐ - BHXH"), []),
        (head("1234/QD-BHXH"), []),
        (head().upper(), []),
        (head("1235/QĐ-BHXH"), [NUMBER]),
        (head("1234/QĐ-TNLĐ"), [NUMBER]),
        (head("1234/GCN-BHXH"), [NUMBER]),
        (head(day="02"), [DATE]),
        (head(year="2020"), [DATE]),
        (head("1235/QĐ-BHXH", day="11"), [NUMBER, DATE]),
        (head(day="31", month="2"), []),  # a day that does not exist was misread
        (head(day="O1"), []),  # a letter for a digit: nothing was read
        (head("/QĐ-BHXH"), []),  # the number is written by hand
        (head("l234/QĐ-BHXH"), []),
        (head(day="…", month="…"), []),
        ("", []),
        ("trang trắng", []),
    ],
)
def test_only_what_was_read_otherwise_disagrees(text: str, expected: list[FindingCode]) -> None:
    assert found(text) == expected


def test_numbers_and_dates_of_the_law_cited_below_the_head_do_not_count() -> None:
    below = "\n" * 900 + "Số: 58/2014/QH13 ngày 20 tháng 11 năm 2014"
    assert found(below) == []
    assert found(HEAD.split("Số:", maxsplit=1)[0] + below) == []


@pytest.mark.parametrize(
    "lead", ["Căn cứ Quyết định", "Kính gửi: Ông Trần Văn Bình; theo văn bản", "V/v thực hiện văn bản"]
)
def test_a_document_whose_own_number_is_unreadable_is_not_taken_for_the_one_it_cites(lead: str) -> None:
    top = HEAD.split("Số:", maxsplit=1)[0]
    assert found(f"{top}\nSố: ……/QĐ-BHXH\n{lead} số 595/QĐ-BHXH ngày 14 tháng 4 năm 2017") == []


def test_a_notation_with_a_year_is_read_whole() -> None:
    assert found(head("58/2014/QĐ-BHXH"), document_number="58", document_notation="2014/QĐ-BHXH") == []
    assert found(head("58/2014/QĐ-BHXH"), document_number="58", document_notation="2015/QĐ-BHXH") == [NUMBER]


def test_what_the_metadata_does_not_state_cannot_disagree() -> None:
    said = {"document_number": None, "document_notation": None, "issued_on": None}
    assert found(head("99/XX", day="9"), **said) == []
    assert found(head("1234/QĐ-TNLĐ"), document_notation=None) == []
    assert found(head(day="09"), issued_on=dt.date(2021, 3, 9)) == []


@pytest.mark.parametrize(
    ("printed", "identifier", "disagrees"),
    [
        ("Mã số BHXH: 0123456789", insurance("0123456789"), False),
        ("Mã số BHXH: 0123456780", insurance("0123456789"), True),
        ("Số sổ BHXH 0123456780", insurance("0123456789"), True),
        ("mã số bảo hiểm xã hội: 0123456780", insurance("0123456789"), True),
        ("Mã số BHXH: O123456780", insurance("0123456789"), False),
        ("Mã số BHXH: 012345678", insurance("0123456789"), False),
        ("Số điện thoại: 0905123456", insurance("0123456789"), False),
        ("Mã số BHXH: 0123456780 ... Mã số BHXH: 0123456789", insurance("0123456789"), False),
        ("Số CCCD: 048085000124", citizen("048085000123"), True),
        ("Căn cước công dân số 048085000123", citizen("048085000123"), False),
        ("Số định danh cá nhân: 048085000124", citizen("048085000123"), True),
        ("Số thẻ BHYT: HT3484800123456", parse_identifier("health-card", "HT3484800123456"), False),
        ("Số thẻ BHYT: HT3484800123457", parse_identifier("health-card", "HT3484800123456"), True),
        ("Mã số thuế: 0401234567-001", parse_identifier("tax-code", "0401234567-001"), False),
        ("Mã số thuế: 0401234567", parse_identifier("tax-code", "0401234568"), True),
        ("CMND số 201234567", Identifier(IdentifierScheme.OLD_ID_CARD, "201234568"), True),
    ],
)
def test_the_subjects_numbers_are_compared_where_their_label_is_printed(
    printed: str, identifier: Identifier, disagrees: bool
) -> None:
    expected = [IDENTIFIER] if disagrees else []
    assert found(f"{head()}\nBà Nguyễn Thị Hồng\n{printed}, sinh năm 1961", subject=person(identifier)) == expected


def test_a_finding_names_the_scheme_and_no_number() -> None:
    words = DocumentText((PageText(1, "Mã số BHXH: 9999999999", TextSource.OCR, 90.0),))
    [finding] = disagreements(words, metadata())
    assert finding.detail == {"scheme": "social-insurance"}
