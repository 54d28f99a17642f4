"""Reads a manifest, a CSV with one result in each row as spreadsheets save it, into deposits' metadata.

It checks what can be checked without the archive, names every problem of a row at once, and sends nothing.
"""

from __future__ import annotations

import csv
import datetime as dt
import re
import unicodedata
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from archive_service.errors import FieldProblem, InvalidInput, Message
from archive_service.model.identifiers import (
    IdentifierScheme,
    parse_dossier_code,
    parse_identifier,
    parse_record_id,
)
from archive_service.model.record import AccessLevel, Channel, RelationKind, Trust
from archive_service.model.subject import SubjectKind

IDENTIFIER_COLUMNS: Mapping[str, IdentifierScheme] = {scheme.replace("-", "_"): scheme for scheme in IdentifierScheme}
RELATION_COLUMNS: Mapping[str, RelationKind] = {str(kind): kind for kind in RelationKind}
REQUIRED_COLUMNS = ("file", "office", "result_type", "subject_name", "trust", "channel")

# What stands in each column; `deposit-folder --help` prints it.
COLUMNS: Mapping[str, str] = {
    "file": "file name, relative to DIR",
    "office": "office code",
    "result_type": "code of the kind of result",
    "procedure": "procedure code",
    "subject_kind": "person (default) or employer",
    "subject_name": "name of the person or employer",
    "birth_date": "day of birth",
    **{name: f"identifier ({scheme})" for name, scheme in IDENTIFIER_COLUMNS.items()},
    "dossier_code": "dossier code",
    "document_number": "number of the document",
    "document_notation": "notation, such as QĐ-BHXH",
    "issued_on": "day of issue",
    "issuing_body": "who issued it",
    "signer": "who signed it",
    "summary": "what it is about (trích yếu)",
    "trust": "born-digital, digitised or mixed",
    "channel": "direct, post or online",
    "access_level": "open, conditional (default) or secret",
    "language": "vi (default)",
    "paper_location": "where the paper is",
    **{name: f"ids of records that this one {name}, parted by blanks" for name in RELATION_COLUMNS},
}
_SAME_NAME = (
    "office", "result_type", "procedure", "dossier_code", "document_number", "document_notation",
    "issuing_body", "signer", "summary", "language", "paper_location",
)  # fmt: skip

_VIETNAMESE_DAY = re.compile(r"(\d{1,2})[/.-](\d{1,2})[/.-](\d{4})")
_EXCEL_TEXT = re.compile(r'="(.*)"', re.DOTALL)


@dataclass(frozen=True, slots=True)
class Row:
    """One row. ``number`` is what a spreadsheet shows beside it: the head is row 1."""

    number: int
    cells: Mapping[str, str]

    @property
    def file(self) -> str:
        """The file's name as the manifest gives it."""
        return self.cells["file"]


@dataclass(frozen=True, slots=True)
class Manifest:
    """A manifest whose head has been checked."""

    path: Path
    delimiter: str

    def rows(self) -> Iterator[Row]:
        """Yield the rows that are not blank, in order; the file is read as they are asked for.

        Raises InvalidInput where the file is no CSV in UTF-8.
        """
        with _readable(self.path), self.path.open(encoding="utf-8-sig", newline="") as file:
            lines = csv.reader(file, delimiter=self.delimiter, strict=True)
            head = next(lines)
            first_number = 2
            if _is_separator_line(head, self.delimiter):
                head, first_number = next(lines), 3
            names = [name.strip() for name in head]
            for number, values in enumerate(lines, start=first_number):
                cells = dict(zip(names, map(clean_cell, values), strict=False))
                if any(cells.values()):
                    yield Row(number, {name: cells.get(name, "") for name in (*names, *REQUIRED_COLUMNS)})


def open_manifest(path: Path) -> Manifest:
    """Return the manifest once its head is found right.

    Raises InvalidInput that names each unknown, doubled or missing column.
    """
    with _readable(path), path.open(encoding="utf-8-sig", newline="") as file:
        first = file.readline()
        delimiter = ";" if first.count(";") > first.count(",") else ","
        if match := re.fullmatch(r"sep=(.)\s*", first):
            delimiter, first = match[1], file.readline()
        names = [name.strip() for name in next(csv.reader([first], delimiter=delimiter, strict=True), [])]
    problems = [
        *(_problem(name, "This column is not known.", "Không có cột này.")
          for name in names if name and not name.startswith("#") and name not in COLUMNS),
        *(_problem(name, "This column is there twice.", "Cột này bị lặp.")
          for name in dict.fromkeys(names) if name and names.count(name) > 1),
        *(_problem(name, "This column is missing.", "Thiếu cột này.")
          for name in REQUIRED_COLUMNS if name not in names),
    ]  # fmt: skip
    if not any(name in IDENTIFIER_COLUMNS for name in names):
        schemes = ", ".join(IDENTIFIER_COLUMNS)
        problems.append(
            _problem("identifiers", f"One of these is needed: {schemes}.", f"Cần một trong các cột: {schemes}.")
        )
    if problems:
        raise InvalidInput(
            Message("The manifest's columns are not right.", "Các cột của bảng kê không đúng."),
            problems=tuple(problems),
            code="manifest-columns",
        )
    return Manifest(path, delimiter)


def metadata_of(row: Row) -> dict[str, Any]:
    """Return a row's metadata as the API takes it (docs/api.md).

    Raises InvalidInput that names every problem of the row.
    """
    reader = _RowReader(row.cells)
    for name in REQUIRED_COLUMNS:
        if not row.cells.get(name):
            reader.problems.append(_problem(name, "This must be given.", "Bắt buộc phải có."))
    metadata = {name: row.cells[name] for name in _SAME_NAME if row.cells.get(name)}
    subject: dict[str, Any] = {
        "kind": reader.choice("subject_kind", SubjectKind) or str(SubjectKind.PERSON),
        "name": row.cells["subject_name"],
        "birth_date": reader.day("birth_date"),
        "identifiers": reader.identifiers(),
    }
    read = {
        "subject": {name: value for name, value in subject.items() if value},
        "issued_on": reader.day("issued_on"),
        "trust": reader.choice("trust", Trust),
        "channel": reader.choice("channel", Channel),
        "access_level": reader.choice("access_level", AccessLevel),
        "relations": reader.relations(),
    }
    reader.check("dossier_code", parse_dossier_code)
    if reader.problems:
        raise InvalidInput(
            Message("The row cannot be deposited as it stands.", "Không thể nộp dòng này."),
            problems=tuple(reader.problems),
            code="invalid-row",
        )
    return {**metadata, **{name: value for name, value in read.items() if value}}


def clean_cell(text: str) -> str:
    """Return a cell's text without what spreadsheets put around it to keep leading zeros.

    >>> clean_cell(' ="0123456789" ')
    '0123456789'
    """
    stripped = text.strip()
    match = _EXCEL_TEXT.fullmatch(stripped)
    return unicodedata.normalize("NFC", match[1] if match else stripped)


def parse_day(text: str) -> dt.date:
    """Return the day that DD/MM/YYYY or YYYY-MM-DD names.

    Raises InvalidInput when there is no such day.

    >>> parse_day("1/3/2021") == parse_day("2021-03-01")
    True
    """
    match = _VIETNAMESE_DAY.fullmatch(text)
    try:
        if match:
            return dt.date(int(match[3]), int(match[2]), int(match[1]))
        return dt.date.fromisoformat(text)
    except ValueError as wrong:
        raise InvalidInput(
            Message(
                "This is not a day; write DD/MM/YYYY or YYYY-MM-DD.",
                "Ngày không hợp lệ; hãy ghi DD/MM/YYYY hoặc YYYY-MM-DD.",
            )
        ) from wrong


class _RowReader:
    """Reads the cells of one row and gathers what is wrong with them."""

    def __init__(self, cells: Mapping[str, str]) -> None:
        self._cells = cells
        self.problems: list[FieldProblem] = []

    def check(self, name: str, parse: Callable[[str], object]) -> object | None:
        """Return what ``parse`` makes of a cell, None when the cell is empty or wrong."""
        text = self._cells.get(name, "")
        if not text:
            return None
        try:
            return parse(text)
        except InvalidInput as wrong:
            self.problems.append(FieldProblem(name, wrong.message))
            return None

    def day(self, name: str) -> str | None:
        """Return a day in ISO form."""
        day = self.check(name, parse_day)
        return str(day) if day else None

    def choice(self, name: str, choices: type[Trust | Channel | AccessLevel | SubjectKind]) -> str | None:
        """Return one of a few words."""
        text = self._cells.get(name, "").lower()
        if text and text not in list(choices):
            words = ", ".join(choices)
            self.problems.append(_problem(name, f"Use one of: {words}.", f"Dùng một trong: {words}."))
        return text or None

    def identifiers(self) -> list[dict[str, str]]:
        """Return the subject's identifiers in their comparable form."""
        found = []
        for name, scheme in IDENTIFIER_COLUMNS.items():
            text = self._cells.get(name, "")
            if not text:
                continue
            try:
                found.append({"scheme": str(scheme), "number": parse_identifier(scheme, text).number})
            except InvalidInput as wrong:
                self.problems.append(_problem(name, wrong.message.en + _ZEROS.en, wrong.message.vi + _ZEROS.vi))
        if not found and not any(problem.field in IDENTIFIER_COLUMNS for problem in self.problems):
            self.problems.append(
                _problem(
                    "identifiers",
                    "At least one number of the subject is needed.",
                    "Cần ít nhất một mã số của chủ thể.",
                )
            )
        return found

    def relations(self) -> list[dict[str, str]]:
        """Return what this result does to earlier ones."""
        found = []
        for name, kind in RELATION_COLUMNS.items():
            for text in self._cells.get(name, "").split():
                try:
                    found.append({"kind": str(kind), "record_id": str(parse_record_id(text))})
                except InvalidInput as wrong:
                    self.problems.append(FieldProblem(name, wrong.message))
        return found


_ZEROS = Message(
    " If a spreadsheet dropped leading zeros, format the column as text.",
    " Nếu bảng tính làm mất số 0 ở đầu, hãy định dạng cột là văn bản (Text).",
)


def _problem(field: str, en: str, vi: str) -> FieldProblem:
    return FieldProblem(field, Message(en, vi))


def _is_separator_line(head: list[str], delimiter: str) -> bool:
    """Whether the first line is Excel's own "sep=;" rather than the head."""
    return "".join(head).strip() in {"sep=", f"sep={delimiter}"}


@contextmanager
def _readable(path: Path) -> Iterator[None]:
    """Turn what goes wrong while a manifest is read into InvalidInput."""
    try:
        yield
    except UnicodeDecodeError as wrong:
        raise InvalidInput(
            Message(
                f"{path.name} is not in UTF-8. In Excel, save it as “CSV UTF-8 (Comma delimited)”.",
                f"{path.name} không ở dạng UTF-8. Trong Excel, hãy lưu dạng “CSV UTF-8 (Comma delimited)”.",
            ),
            code="manifest-encoding",
        ) from wrong
    except (csv.Error, StopIteration, OSError) as wrong:
        raise InvalidInput(
            Message(
                f"{path.name} cannot be read as CSV. {wrong}".strip(),
                f"Không đọc được {path.name} dạng CSV. {wrong}".strip(),
            ),
            code="manifest-unreadable",
        ) from wrong
