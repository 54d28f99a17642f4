"""The result file of a folder deposit: a line for each row, made lasting as soon as its answer is there.

A run that was killed loses at most the line it was writing. Lines are only added while rows are deposited; at
the end of a whole run the file is rewritten once, so that it holds the last word on each row, in order.
"""

from __future__ import annotations

import csv
import fcntl
import io
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import astuple, dataclass, fields
from enum import StrEnum
from pathlib import Path
from types import TracebackType
from typing import Self

from archive_service.cli.output import printable
from archive_service.errors import Conflict, InvalidInput, Message

BYTE_ORDER_MARK = "\ufeff"  # tells Excel that the file is UTF-8


class RowOutcome(StrEnum):
    """What became of a row."""

    DEPOSITED = "deposited"
    ALREADY_HELD = "already-held"  # the archive holds these bytes for this subject and kind already
    INVALID = "invalid"  # found wrong here; nothing was sent
    REFUSED = "refused"  # the archive said no, and why
    FAILED = "failed"  # neither; another run tries again


DONE = frozenset({RowOutcome.DEPOSITED, RowOutcome.ALREADY_HELD})


@dataclass(frozen=True, slots=True)
class RowResult:
    """One line of the result file, its fields in the order of the columns.

    ``key`` is the idempotency key. It belongs to the file's bytes and the row's metadata, so a row with the
    key of a finished one is finished.
    """

    row: int
    file: str
    outcome: RowOutcome
    record_id: str = ""
    state: str = ""
    code: str = ""
    message_en: str = ""
    message_vi: str = ""
    key: str = ""

    @property
    def is_done(self) -> bool:
        """Whether another run may leave the row out."""
        return self.outcome in DONE


COLUMNS = [field.name for field in fields(RowResult)]


class ResultsFile:
    """The result file, held by this process alone while it is open.

    Raises Conflict when another run has it open, InvalidInput when it is some other file.
    """

    def __init__(self, path: Path, delimiter: str) -> None:
        self._path = path
        self._delimiter = delimiter
        with _writable(path):
            self._file = path.open("a+", encoding="utf-8", newline="")
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as taken:
            self._file.close()
            raise Conflict(
                Message(
                    f"Another run is writing {path.name}. Wait for it, or name another file with --results.",
                    f"Một lượt chạy khác đang ghi {path.name}. Hãy chờ, hoặc chọn tệp khác bằng --results.",
                ),
                code="run-under-way",
            ) from taken
        try:
            self._results = self._read()
        except BaseException:
            self._file.close()
            raise
        self._done = {result.key: result for result in self._results.values() if result.is_done}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()

    def done_before(self, key: str) -> RowResult | None:
        """Return the finished row of that key, of this run or an earlier one."""
        return self._done.get(key)

    def add(self, result: RowResult) -> None:
        """Write one line; it has reached the disk when this returns."""
        with _writable(self._path):
            if not self._file.tell():
                self._file.write(_head(self._delimiter).decode())
            csv.writer(self._file, delimiter=self._delimiter).writerow(map(_one_line, astuple(result)))
            self._file.flush()
            os.fsync(self._file.fileno())
        self._results[result.row] = result
        if result.is_done:
            self._done[result.key] = result

    def settle(self, rows: Iterable[int]) -> None:
        """Rewrite the file at once with the last line of each of these rows, in their order."""
        temporary = self._path.with_name(f".{self._path.name}.part")
        with _writable(self._path):
            with temporary.open("w", encoding="utf-8", newline="") as file:
                file.write(_head(self._delimiter).decode())
                writer = csv.writer(file, delimiter=self._delimiter)
                for row in rows:
                    if row in self._results:
                        writer.writerow(map(_one_line, astuple(self._results[row])))
                file.flush()
                os.fsync(file.fileno())
            temporary.replace(self._path)

    def _read(self) -> dict[int, RowResult]:
        """Return the last line of each row; a line that a killed run did not finish is cut off."""
        data = self._path.read_bytes()
        whole = data.rfind(b"\n") + 1
        try:
            if not whole and not any(_head(delimiter).startswith(data) for delimiter in ",;"):
                raise ValueError("not even the beginning of a result file")
            results = self._parsed(data[:whole].decode("utf-8-sig"))
        except (ValueError, TypeError, csv.Error) as wrong:
            raise InvalidInput(
                Message(
                    f"{self._path.name} is not a result file. Name another one with --results.",
                    f"{self._path.name} không phải là tệp kết quả. Hãy chọn tệp khác bằng --results.",
                ),
                code="not-a-result-file",
            ) from wrong
        os.ftruncate(self._file.fileno(), whole)
        self._file.seek(0, os.SEEK_END)
        return results

    def _parsed(self, text: str) -> dict[int, RowResult]:
        results: dict[int, RowResult] = {}
        lines = io.StringIO(text, newline="")
        head = lines.readline()
        if not head:
            return results
        delimiter = ";" if ";" in head else ","
        names = head.strip().split(delimiter)
        if names != COLUMNS:
            raise ValueError("these are not the columns of a result file")
        self._delimiter = delimiter
        for values in csv.reader(lines, delimiter=delimiter):
            cells = dict(zip(names, values, strict=True))
            row, outcome = int(cells.pop("row")), RowOutcome(cells.pop("outcome"))
            results[row] = RowResult(row=row, outcome=outcome, **cells)
        return results


@contextmanager
def _writable(path: Path) -> Iterator[None]:
    """Turn a full disk or a missing right into an error that says what to do."""
    try:
        yield
    except OSError as wrong:
        raise InvalidInput(
            Message(
                f"The result file {path} cannot be written: {wrong.strerror}. Name another one with --results.",
                f"Không ghi được tệp kết quả {path}: {wrong.strerror}. Hãy chọn tệp khác bằng --results.",
            ),
            code="results-not-writable",
        ) from wrong


def _head(delimiter: str) -> bytes:
    """Return the first line of a result file."""
    return f"{BYTE_ORDER_MARK}{delimiter.join(COLUMNS)}\r\n".encode()


def _one_line(value: object) -> str:
    return printable(str(value))
