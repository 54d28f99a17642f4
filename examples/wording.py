"""How Vietnamese official documents write dates and sums of money."""

from __future__ import annotations

import datetime as dt

_DIGITS = ("không", "một", "hai", "ba", "bốn", "năm", "sáu", "bảy", "tám", "chín")
_GROUPS = ("", " nghìn", " triệu", " tỷ")


def long_date(day: dt.date) -> str:
    """Return a date as a document's head writes it: days below 10 and January and February get a zero.

    >>> long_date(dt.date(2021, 3, 1))
    'ngày 01 tháng 3 năm 2021'
    """
    month = f"{day.month:02d}" if day.month < 3 else str(day.month)
    return f"ngày {day.day:02d} tháng {month} năm {day.year}"


def short_date(day: dt.date) -> str:
    """Return a date as DD/MM/YYYY.

    >>> short_date(dt.date(1961, 5, 2))
    '02/05/1961'
    """
    return f"{day:%d/%m/%Y}"


def money(amount: int) -> str:
    """Return an amount of đồng with dots between thousands.

    >>> money(4512300)
    '4.512.300'
    """
    return f"{amount:,}".replace(",", ".")


def in_words(amount: int) -> str:
    """Return a positive whole number below one thousand milliard in words, as documents repeat sums of money.

    >>> in_words(4512300)
    'bốn triệu năm trăm mười hai nghìn ba trăm'
    >>> in_words(21005)
    'hai mươi mốt nghìn không trăm linh năm'
    """
    groups = [int(part) for part in f"{amount:,}".split(",")]
    spoken = [
        _below_thousand(group, is_first=index == 0) + _GROUPS[len(groups) - 1 - index]
        for index, group in enumerate(groups)
        if group
    ]
    return " ".join(spoken)


def _below_thousand(number: int, *, is_first: bool) -> str:
    hundreds, rest = divmod(number, 100)
    spoken = [] if is_first and not hundreds else [f"{_DIGITS[hundreds]} trăm"]
    tens, ones = divmod(rest, 10)
    if tens == 1:
        spoken.append("mười")
    elif tens:
        spoken.append(f"{_DIGITS[tens]} mươi")
    elif ones and spoken:
        spoken.append("linh")
    if ones:
        after_ten = {5: "lăm"} if tens == 1 else {1: "mốt", 4: "tư", 5: "lăm"} if tens else {}
        spoken.append(after_ten.get(ones, _DIGITS[ones]))
    return " ".join(spoken)
