"""Realistic Vietnamese documents to search in, the same ones every time."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from random import Random
from uuid import UUID

from archive_service.model.identifiers import (
    OfficeCode,
    RecordId,
    ResultTypeCode,
    SubjectId,
    time_ordered_uuid,
)
from archive_service.model.query import IndexDocument
from archive_service.model.record import AccessLevel, RecordState, Trust

_DAY = dt.date(2021, 3, 1)
_INSTANT = dt.datetime(2021, 3, 1, 2, tzinfo=dt.UTC)
OFFICES = tuple(OfficeCode(code) for code in ("H41", "H41.01", "H15", "H15.50", "G15"))

# Forty names that differ in their marks only: the last syllable, and in a few the middle one.
TONE_NAMES = tuple(
    f"Nguyễn {middle} {given}"
    for middle, given in [
        *(("Văn", given) for given in ["Duc", "Dúc", "Dục", "Dức", "Dực", "Đúc", "Đục", "Đức", "Đưc", "Dủc"]),
        *(("Vân", given) for given in ["Duc", "Dúc", "Dục", "Dức", "Dực", "Đúc", "Đục", "Đức", "Đưc", "Dủc"]),
        *(("Vạn", given) for given in ["Duc", "Dúc", "Dục", "Dức", "Dực", "Đúc", "Đục", "Đức", "Đưc", "Dủc"]),
        *(("Vấn", given) for given in ["Duc", "Dúc", "Dục", "Dức", "Dực", "Đúc", "Đục", "Đức", "Đưc", "Dủc"]),
    ]
)

_FAMILY = [
    "Nguyễn",
    "Trần",
    "Lê",
    "Phạm",
    "Hoàng",
    "Huỳnh",
    "Phan",
    "Vũ",
    "Võ",
    "Đặng",
    "Bùi",
    "Đỗ",
    "Hồ",
    "Ngô",
    "Dương",
    "Lý",
]
_MIDDLE = ["Văn", "Thị", "Hữu", "Đức", "Minh", "Ngọc", "Thanh", "Quốc", "Thu", "Hồng"]
_GIVEN = [
    "An",
    "Bình",
    "Chi",
    "Dũng",
    "Đạt",
    "Giang",
    "Hà",
    "Hạnh",
    "Hải",
    "Hòa",
    "Hương",
    "Khánh",
    "Lan",
    "Linh",
    "Mai",
    "Nam",
    "Nga",
    "Phúc",
    "Quý",
    "Sơn",
    "Tâm",
    "Thủy",
    "Tú",
]
_TYPES = (
    ("lương-hưu", "Quyết định hưởng lương hưu hằng tháng"),
    ("một-lần", "Quyết định hưởng trợ cấp bảo hiểm xã hội một lần"),
    ("thai-sản", "Quyết định hưởng chế độ thai sản"),
    ("tử-tuất", "Quyết định hưởng trợ cấp tử tuất"),
    ("xác-nhận", "Xác nhận quá trình đóng bảo hiểm xã hội"),
    ("thẻ", "Thẻ bảo hiểm y tế"),
)
_BODY = (
    "Căn cứ Luật Bảo hiểm xã hội số 58/2014/QH13 ngày 20 tháng 11 năm 2014; "
    "xét hồ sơ hưởng chế độ của người lao động. "
    "Điều 1. Ông (bà) {name} được hưởng {kind} kể từ ngày {day}. Mức hưởng: {amount} đồng. "
    "Điều 2. Chánh Văn phòng, Trưởng phòng Chế độ bảo hiểm xã hội "
    "và ông (bà) có tên trên chịu trách nhiệm thi hành "
    "quyết định này. Nơi nhận: như Điều 2; lưu hồ sơ. {more}"
)
_MORE = (
    "Thời gian đóng bảo hiểm thất nghiệp được bảo lưu theo quy định.",
    "Chi nhánh ngân hàng nơi người hưởng mở tài khoản chi trả trợ cấp hằng tháng.",
    "Sổ bảo hiểm xã hội được cấp lại do bị hỏng; tờ rời kèm theo.",
    "Người hưởng nghỉ ốm đau, thai sản, tai nạn lao động, bệnh nghề nghiệp.",
    "Bãi bỏ các quy định trước đây trái với quyết định này.",
)


def record_id(number: int) -> RecordId:
    """Return the time-ordered id of the number-th record: larger numbers have larger ids."""
    instant = _INSTANT + dt.timedelta(milliseconds=37 * number)
    return RecordId(time_ordered_uuid(instant, number.to_bytes(10, "big")))


def plain_document(number: int, **changes: object) -> IndexDocument:
    """Return a short document that shares no word with any query of the suite, changed as wished."""
    document = IndexDocument(
        record_id=record_id(number),
        office=OFFICES[0],
        result_type=ResultTypeCode("thẻ"),
        subject_id=SubjectId(str(UUID(int=number + 1))),
        subject_name="Kbang Ayun",
        identifiers=(),
        trust=Trust.BORN_DIGITAL,
        state=RecordState.STORED,
        access_level=AccessLevel.CONDITIONAL,
        stored_at=_INSTANT,
        issued_on=_DAY,
    )
    return replace(document, **changes)  # type: ignore[arg-type]  # names are those of IndexDocument


def realistic_documents(count: int) -> list[IndexDocument]:
    """Return results as offices issue them, every field in use, a tenth without a date of issue."""
    random = Random(20210301)  # the same documents each time, no secret
    return [_realistic(number, random) for number in range(count)]


def _realistic(number: int, random: Random) -> IndexDocument:
    code, kind = random.choice(_TYPES)
    name = " ".join((random.choice(_FAMILY), random.choice(_MIDDLE), random.choice(_GIVEN)))
    day = dt.date(2018, 1, 1) + dt.timedelta(days=random.randrange(1800))
    return plain_document(
        number,
        office=random.choice(OFFICES),
        result_type=ResultTypeCode(code),
        result_type_name=kind,
        subject_name=name,
        identifiers=(f"{7900000000 + number * 13:010d}", f"{1090000000 + number:012d}"),
        trust=random.choice(list(Trust)),
        access_level=random.choice(list(AccessLevel)),
        issued_on=None if number % 10 == 0 else day,
        stored_at=_INSTANT + dt.timedelta(hours=7 * number),
        dossier_code=f"000.00.00.H41-{day:%y%m%d}-{number:04d}",
        document_code=f"{1000 + number}/QĐ-BHXH",
        issuing_body=f"Bảo hiểm xã hội tỉnh {random.choice(('Bắc Ninh', 'Đà Nẵng', 'Hòa Bình', 'Cần Thơ'))}",
        signer=f"{random.choice(_FAMILY)} {random.choice(_GIVEN)}",
        summary=f"V/v {kind.lower()} đối với {name}",
        text=_BODY.format(
            name=name,
            kind=kind.lower(),
            day=f"{day:%d/%m/%Y}",
            amount=f"{random.randrange(1000, 9000)}.000",
            more=" ".join(random.sample(_MORE, random.randrange(1, 4))),
        ),
    )
