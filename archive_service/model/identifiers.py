"""Identifiers of records, persons, dossiers and documents: their forms, and how they are made comparable.

An identifier is always a string; it is never a number. Forms follow docs/glossary.md; those of a dossier code are
Circular 01/2018/TT-VPCP Art. 19. Nothing here looks anything up.
"""

from __future__ import annotations

import datetime as dt
import re
import unicodedata
from dataclasses import dataclass
from enum import StrEnum
from typing import NewType
from uuid import UUID

from archive_service.errors import InvalidInput, Message

RecordId = NewType("RecordId", str)
SubjectId = NewType("SubjectId", str)
OfficeCode = NewType("OfficeCode", str)
ResultTypeCode = NewType("ResultTypeCode", str)
ProcedureCode = NewType("ProcedureCode", str)


class IdentifierScheme(StrEnum):
    """The kinds of number by which an insured person or an employer is known."""

    SOCIAL_INSURANCE = "social-insurance"
    CITIZEN = "citizen"
    OLD_ID_CARD = "old-id-card"
    HEALTH_CARD = "health-card"
    TAX_CODE = "tax-code"


# Forms as in the identifiers table of docs/glossary.md.
_FORMS: dict[IdentifierScheme, tuple[re.Pattern[str], Message]] = {
    IdentifierScheme.SOCIAL_INSURANCE: (
        re.compile(r"\d{10}"),
        Message("A social-insurance number has 10 digits.", "Mã số BHXH có 10 chữ số."),
    ),
    IdentifierScheme.CITIZEN: (
        re.compile(r"\d{12}"),
        Message("A citizen ID has 12 digits.", "Số định danh cá nhân/CCCD có 12 chữ số."),
    ),
    IdentifierScheme.OLD_ID_CARD: (
        re.compile(r"\d{9}"),
        Message("An old identity card number has 9 digits.", "Số CMND cũ có 9 chữ số."),
    ),
    IdentifierScheme.HEALTH_CARD: (
        re.compile(r"[A-Z]{2}\d{13}"),
        Message("A health card number has 2 letters and 13 digits.", "Số thẻ BHYT gồm 2 chữ cái và 13 chữ số."),
    ),
    IdentifierScheme.TAX_CODE: (
        re.compile(r"\d{10}(-\d{3})?"),
        Message(
            "A tax code has 10 digits, or 10 digits, a hyphen and 3 digits.",
            "Mã số thuế có 10 chữ số, hoặc 10 chữ số, dấu gạch nối và 3 chữ số.",
        ),
    ),
}

_SPACES_AND_DOTS = re.compile(r"[\s.]+")
_DOSSIER = re.compile(
    r"(?P<agency>(?:\d{3}\.\d{2}\.\d{2}\.)?[A-Z]\d{2}(?:\.\d{2}){0,3})-(?P<day>\d{6})-(?P<serial>\d{4,7})"
)


@dataclass(frozen=True, slots=True, order=True)
class Identifier:
    """A number of a known kind, in its comparable form."""

    scheme: IdentifierScheme
    number: str

    def __str__(self) -> str:
        return f"{self.scheme}:{self.number}"


def parse_identifier(scheme: str, number: str) -> Identifier:
    """Return the identifier in its comparable form: no blanks or dots, letters upper case.

    Raises InvalidInput when the scheme is unknown or the number cannot be one of that scheme.

    >>> parse_identifier("social-insurance", "0123 456 789").number
    '0123456789'
    """
    try:
        known = IdentifierScheme(scheme)
    except ValueError as unknown:
        schemes = ", ".join(IdentifierScheme)
        raise InvalidInput(
            Message(
                f"Unknown identifier scheme; use one of: {schemes}.",
                f"Loại mã số không hợp lệ; dùng một trong: {schemes}.",
            )
        ) from unknown
    comparable = _SPACES_AND_DOTS.sub("", unicodedata.normalize("NFKC", number)).upper()
    form, message = _FORMS[known]
    if not comparable.isascii() or not form.fullmatch(comparable):
        raise InvalidInput(message)
    return Identifier(known, comparable)


@dataclass(frozen=True, slots=True)
class DossierCode:
    """A dossier code `AGENCY-YYMMDD-SERIAL` (Circular 01/2018/TT-VPCP Art. 19)."""

    agency: str
    received_on: dt.date
    serial: str

    def __str__(self) -> str:
        return f"{self.agency}-{self.received_on:%y%m%d}-{self.serial}"


def parse_dossier_code(text: str) -> DossierCode:
    """Return the parts of a dossier code.

    Raises InvalidInput when the form is wrong or the day does not exist.

    >>> parse_dossier_code("000.00.00.H41-210301-0042").received_on
    datetime.date(2021, 3, 1)
    """
    wrong = Message(
        "A dossier code is AGENCY-YYMMDD-SERIAL, for example 000.00.00.H41-210301-0042.",
        "Mã hồ sơ có dạng MÃCƠQUAN-YYMMDD-SỐTHỨTỰ, ví dụ 000.00.00.H41-210301-0042.",
    )
    match = _DOSSIER.fullmatch(text.strip().upper())
    if match is None:
        raise InvalidInput(wrong)
    day = match["day"]
    try:
        received_on = dt.date(2000 + int(day[:2]), int(day[2:4]), int(day[4:]))
    except ValueError as impossible:
        raise InvalidInput(
            Message("The dossier code names a day that does not exist.", "Mã hồ sơ chứa một ngày không tồn tại.")
        ) from impossible
    return DossierCode(match["agency"], received_on, match["serial"])


def parse_record_id(text: str) -> RecordId:
    """Return the record id in its one spelling (lower-case UUID with hyphens).

    Raises InvalidInput when it is no UUID.
    """
    try:
        return RecordId(str(UUID(text)))
    except ValueError as wrong:
        raise InvalidInput(Message("A record id is a UUID.", "Mã tài liệu lưu trữ là một UUID.")) from wrong


def time_ordered_uuid(now: dt.datetime, random_bytes: bytes) -> str:
    """Return a version 7 UUID (RFC 9562 §5.7) of the instant and ten random bytes.

    >>> time_ordered_uuid(dt.datetime(2021, 3, 1, tzinfo=dt.timezone.utc), bytes(10))
    '0177eb15-a400-7000-8000-000000000000'
    """
    milliseconds = int(now.timestamp() * 1000)
    value = (milliseconds << 80) | int.from_bytes(random_bytes[:10], "big")
    value = (value & ~(0xF << 76)) | (7 << 76)
    value = (value & ~(0x3 << 62)) | (2 << 62)
    return str(UUID(int=value))
