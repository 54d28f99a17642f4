"""Reference data from files: what rows say, and a clear answer for each that says nothing readable."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pytest

from archive_service.errors import InvalidInput
from archive_service.model.identifiers import OfficeCode, ProcedureCode, ResultTypeCode
from archive_service.model.reference import Office, Procedure, ResultType
from archive_service.storage.reference_files import read_reference

EXAMPLES = Path(__file__).resolve().parents[2] / "examples" / "reference"


def fields(told: pytest.ExceptionInfo[InvalidInput]) -> list[str]:
    return [problem.field for problem in told.value.problems]


def test_the_examples_are_read_whole() -> None:
    data = read_reference(EXAMPLES)
    quang_nam = Office(
        OfficeCode("BHXH-49"),
        "Bảo hiểm xã hội tỉnh Quảng Nam",
        OfficeCode("BHXH"),
        dt.date(1997, 1, 1),
        dt.date(2025, 6, 30),
        OfficeCode("BHXH-48"),
    )
    assert quang_nam in data.offices
    assert len(data.result_types) == 15
    assert data.procedures[0].result_types[0] == ResultTypeCode("KQ.G15.000031")


def test_any_file_may_be_missing_but_not_all(tmp_path: Path) -> None:
    (tmp_path / "result_types.csv").write_text("code,name\nKQ.1,Thẻ bảo hiểm y tế\n", encoding="utf-8")
    data = read_reference(tmp_path)
    assert data.result_types == (ResultType(ResultTypeCode("KQ.1"), "Thẻ bảo hiểm y tế"),)
    assert (data.offices, data.procedures) == ((), ())
    (tmp_path / "result_types.csv").unlink()
    with pytest.raises(InvalidInput):
        read_reference(tmp_path)


def test_a_byte_order_mark_blanks_and_more_columns_do_not_matter(tmp_path: Path) -> None:
    rows = "code,name,note\r\n H41 , Bình Định ,x,y\r\n"
    (tmp_path / "offices.csv").write_bytes(b"\xef\xbb\xbf" + rows.encode())
    assert read_reference(tmp_path).offices == (Office(OfficeCode("H41"), "Bình Định"),)


def test_every_row_that_cannot_be_read_is_named_by_file_and_line(tmp_path: Path) -> None:
    (tmp_path / "offices.csv").write_text(
        "code,name,valid_from\nH41,Bình Định,\n,Không mã,\nH42,,\nH43,Huế,30/02/2020\n", encoding="utf-8"
    )
    with pytest.raises(InvalidInput) as told:
        read_reference(tmp_path)
    assert fields(told) == ["offices.csv:3", "offices.csv:4", "offices.csv:5"]


@pytest.mark.parametrize(
    "content",
    [b"code,name\nH41,B\xecnh\n", b'code,name\n"H41,' + b"x" * 200_000 + b"\n"],
    ids=["not-utf-8", "field-without-end"],
)
def test_a_table_that_is_no_utf_8_csv_is_named(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "offices.csv").write_bytes(content)
    with pytest.raises(InvalidInput, match=r"offices\.csv"):
        read_reference(tmp_path)


def test_procedures_name_their_kinds_of_result(tmp_path: Path) -> None:
    (tmp_path / "procedures.toml").write_text(
        '[[procedures]]\ncode = "1.1"\nname = "Lương hưu"\nresult_types = ["KQ.1"]\n', encoding="utf-8"
    )
    expected = Procedure(ProcedureCode("1.1"), "Lương hưu", (ResultTypeCode("KQ.1"),))
    assert read_reference(tmp_path).procedures == (expected,)


@pytest.mark.parametrize(
    "toml",
    [
        "[[procedures]\n",
        '[[procedures]]\nname = "x"\n',
        '[[procedures]]\ncode = 1\nname = "x"\n',
        '[[procedures]]\ncode = "1"\nname = "x"\nresult_types = "KQ.1"\n',
        '[[procedures]]\ncode = "1"\nname = "x"\nresult_types = [1]\n',
        'procedures = ["x"]\n',
        "procedures = 3\n",
        "[procedures]\nx = 1\n",
    ],
)
def test_procedures_that_cannot_be_read_are_told(tmp_path: Path, toml: str) -> None:
    (tmp_path / "procedures.toml").write_text(toml, encoding="utf-8")
    with pytest.raises(InvalidInput, match=r"procedures\.toml"):
        read_reference(tmp_path)
