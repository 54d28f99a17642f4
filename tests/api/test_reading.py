"""What is wrong with a request is told in both languages, field by field."""

from __future__ import annotations

import pytest

from archive_service.api.reading import load
from archive_service.api.requests import MetadataSchema, SearchArguments
from archive_service.errors import InvalidInput

RESULT = {
    "office": "BHXH-01",
    "result_type": "KQ.G15.000031",
    "subject": {"kind": "person", "name": "Đỗ Thị Bình", "identifiers": [{"scheme": "citizen", "number": "001"}]},
    "trust": "paper",
    "channel": "direct",
}


def wrong(schema: object, data: dict[str, object]) -> dict[str, tuple[str, str]]:
    with pytest.raises(InvalidInput) as told:
        load(schema, data)  # type: ignore[arg-type]
    return {p.field: (p.message.en, p.message.vi) for p in told.value.problems}


def test_each_wrong_field_is_named_by_its_path_and_told_in_vietnamese_too() -> None:
    told = wrong(MetadataSchema(), {**RESULT, "summary": "x" * 3000, "colour": "red"})
    assert told["trust"] == (
        "Must be one of: born-digital, digitised, mixed.",
        "Phải là một trong các giá trị: born-digital, digitised, mixed.",
    )
    assert told["summary"][1] == "Dài quá 2000 ký tự hoặc phần tử."
    assert told["colour"][1] == "Không có trường này."
    assert told["subject.identifiers.0.number"][1] == "Số định danh cá nhân/CCCD có 12 chữ số."


def test_a_number_out_of_range_is_told_in_vietnamese_too() -> None:
    assert wrong(SearchArguments(), {"size": "1000"})["size"][1] == "Phải nằm trong khoảng từ 1 đến 100."
