"""Reading reference data from a folder: offices.csv, result_types.csv, procedures.toml; any of them may be missing.

What a row says is checked here for its form; whether it fits the rest is checked when it is loaded.
"""

from __future__ import annotations

import csv
import datetime as dt
import tomllib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

from archive_service.errors import FieldProblem, InvalidInput, Message
from archive_service.model.identifiers import OfficeCode, ProcedureCode, ResultTypeCode
from archive_service.model.reference import Office, Procedure, ReferenceData, ResultType

T = TypeVar("T")

OFFICES = "offices.csv"
RESULT_TYPES = "result_types.csv"
PROCEDURES = "procedures.toml"


def read_reference(folder: Path) -> ReferenceData:
    """Return what the folder's files state.

    Raises InvalidInput naming file and line of each row that cannot be read, or when the folder has none of the files.
    """
    if not any((folder / name).is_file() for name in (OFFICES, RESULT_TYPES, PROCEDURES)):
        raise InvalidInput(
            Message(
                f"{folder} holds none of {OFFICES}, {RESULT_TYPES}, {PROCEDURES}.",
                f"{folder} không có tệp nào trong số {OFFICES}, {RESULT_TYPES}, {PROCEDURES}.",
            )
        )
    try:
        return ReferenceData(
            offices=_rows(folder / OFFICES, _office),
            result_types=_rows(folder / RESULT_TYPES, _result_type),
            procedures=_procedures(folder / PROCEDURES),
        )
    except OSError as failure:
        raise InvalidInput(
            Message(f"{failure.filename} cannot be read.", f"Không đọc được {failure.filename}.")
        ) from failure


def _rows(file: Path, make: Callable[[dict[str, str]], T]) -> tuple[T, ...]:
    if not file.is_file():
        return ()
    made: list[T] = []
    problems: list[FieldProblem] = []
    # utf-8-sig: spreadsheets put a byte-order mark in front.
    with file.open(encoding="utf-8-sig", newline="") as lines, _readable(file):
        reader = csv.DictReader(lines)
        for row in reader:
            try:
                made.append(make({name: (value or "").strip() for name, value in row.items() if name}))
            except (KeyError, ValueError) as wrong:
                place = f"{file.name}:{reader.line_num}"
                problems.append(
                    FieldProblem(place, Message(f"Wrong or missing: {wrong}.", f"Sai hoặc thiếu: {wrong}."))
                )
    if problems:
        raise InvalidInput(
            Message("Some rows cannot be read.", "Một số dòng không đọc được."), problems=tuple(problems)
        )
    return tuple(made)


def _office(row: dict[str, str]) -> Office:
    return Office(
        code=OfficeCode(_required(row, "code")),
        name=_required(row, "name"),
        parent=OfficeCode(row["parent"]) if row.get("parent") else None,
        valid_from=_day(row, "valid_from"),
        valid_to=_day(row, "valid_to"),
        successor=OfficeCode(row["successor"]) if row.get("successor") else None,
    )


def _result_type(row: dict[str, str]) -> ResultType:
    return ResultType(ResultTypeCode(_required(row, "code")), _required(row, "name"), row.get("name_en") or None)


def _procedures(file: Path) -> tuple[Procedure, ...]:
    if not file.is_file():
        return ()
    with _readable(file):
        stated = tomllib.loads(file.read_text(encoding="utf-8")).get("procedures", [])
        return tuple(
            Procedure(
                ProcedureCode(_text(one["code"])),
                _text(one["name"]),
                tuple(ResultTypeCode(_text(code)) for code in _list(one.get("result_types", []))),
            )
            for one in _list(stated)
        )


@contextmanager
def _readable(file: Path) -> Iterator[None]:
    """Raise InvalidInput that names the file where its bytes are not what such a file is made of."""
    try:
        yield
    except (ValueError, KeyError, TypeError, csv.Error) as wrong:
        raise InvalidInput(
            Message(f"{file.name} cannot be read: {wrong}.", f"Không đọc được {file.name}: {wrong}.")
        ) from wrong


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{value!r} is not a text")
    return value


def _list(value: object) -> list[Any]:
    if not isinstance(value, list):
        raise TypeError(f"{value!r} is not a list")
    return value


def _required(row: dict[str, str], name: str) -> str:
    if not row.get(name):
        raise ValueError(name)
    return row[name]


def _day(row: dict[str, str], name: str) -> dt.date | None:
    return dt.date.fromisoformat(row[name]) if row.get(name) else None
