"""What another schedule would move, on the archive's host: it asks every stored record and writes nothing."""

from __future__ import annotations

import csv
import os
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import click
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from archive_service.cli.display_retention import STYLES
from archive_service.cli.opened import opened_archive
from archive_service.cli.output import ArchiveCommand, examples, json_option, print_json, printable, progress, terminal
from archive_service.errors import Conflict, InvalidInput, Message
from archive_service.lifecycle.retention.adopt import checked_schedule
from archive_service.lifecycle.retention.compare_schedules import compare_schedules, deciding_schedule
from archive_service.model.archive import Archive
from retention.decide import Decision
from retention.diff import Move
from retention.reasons import shown_day
from retention.schedule import Schedule

_FILE = click.Path(exists=True, dir_okay=False, readable=True, path_type=Path)

# So many of the records that could be let go earlier are shown; --csv has them all.
_SHOWN = 10

_COLUMNS = (
    "Mã tài liệu / Record",
    "Nhóm cũ / Class before",
    "Nhóm mới / Class after",
    "Trạng thái cũ / State before",
    "Trạng thái mới / State after",
    "Ngày đến hạn cũ / Due before",
    "Ngày đến hạn mới / Due after",
    "Sớm hơn / Earlier",
    "Đang bị giữ / Held",
)


@click.command(
    cls=ArchiveCommand,
    epilog=examples(
        "archive-service retention diff --from-current new.toml",
        "archive-service retention diff old.toml new.toml --csv moved.csv",
    ),
)
@click.argument("files", nargs=-1, required=True, type=_FILE, metavar="[OLD] NEW")
@click.option("--from-current", is_flag=True, help="Compare with the schedule that decides today; give NEW alone.")
@click.option("--csv", "csv_file", type=click.Path(dir_okay=False, path_type=Path), help="Write every moved record.")
@click.option("--force", is_flag=True, help="Replace the CSV file if it is there.")
@json_option
def diff(files: tuple[Path, ...], from_current: bool, csv_file: Path | None, force: bool, as_json: bool) -> None:
    """Say which records' days would move under the schedule NEW, and which could be let go earlier.

    Both are asked as if they decided today, for every stored record of the archive. Only the CSV file is written.
    """
    if len(files) != (1 if from_current else 2):
        raise click.UsageError("Give OLD and NEW, or --from-current and NEW.")
    if csv_file is not None and csv_file.exists() and not force:
        raise Conflict(
            Message(
                f"{csv_file.name} is there. Give another name, or --force.",
                f"Đã có tệp {csv_file.name}. Hãy đặt tên khác, hoặc dùng --force.",
            ),
            code="file-exists",
        )
    given = [_schedule(file) for file in files]
    with opened_archive() as archive:
        old, new = (deciding_schedule(archive), *given) if from_current else given
        found = _compared(archive, old, new, csv_file, quiet=as_json)
    if as_json:
        print_json(_document(found, old, new))
        return
    terminal().print(_page(found, old, new))
    if csv_file is not None:
        click.echo(f"{csv_file}: {found.moved:,} records")


def _schedule(file: Path) -> Schedule:
    """Return the schedule of a file. Raises InvalidInput that names the file and each line."""
    try:
        return checked_schedule(file.read_bytes())
    except InvalidInput as wrong:
        words = Message(f"{file.name}: {wrong.message.en}", f"{file.name}: {wrong.message.vi}")
        raise InvalidInput(words, problems=wrong.problems) from wrong


_Place = tuple[str, str]
"""A class, "-" for none, and the state in it."""


@dataclass(slots=True)
class _Found:
    """What the comparison has counted so far; it grows with the kinds of moves, never with the records."""

    compared: int = 0
    moved: int = 0
    earlier: int = 0
    kinds: Counter[tuple[_Place, _Place]] = field(default_factory=Counter)
    earlier_kinds: Counter[tuple[_Place, _Place]] = field(default_factory=Counter)
    first_earlier: list[Move] = field(default_factory=list)

    def count(self, move: Move) -> None:
        """Count one move."""
        kind = _place(move.before), _place(move.after)
        self.moved += 1
        self.kinds[kind] += 1
        if move.is_earlier:
            self.earlier += 1
            self.earlier_kinds[kind] += 1
            if len(self.first_earlier) < _SHOWN:
                self.first_earlier.append(move)


def _place(decision: Decision) -> _Place:
    return _class(decision), str(decision.standing)


def _class(decision: Decision) -> str:
    return decision.retention_class.code if decision.retention_class is not None else "-"


def _compared(archive: Archive, old: Schedule, new: Schedule, csv_file: Path | None, *, quiet: bool) -> _Found:
    found = _Found()
    tell = progress(quiet, "records compared")
    with _csv_rows(csv_file) as write:
        for batch in compare_schedules(archive, old, new):
            for move in batch.moves:
                found.count(move)
                write(move)
            found.compared = batch.done
            tell(batch.done)
    if not quiet and sys.stderr.isatty():
        click.echo(err=True)
    return found


@contextmanager
def _csv_rows(target: Path | None) -> Iterator[Callable[[Move], None]]:
    """Give what writes a move into the file, which appears only when it is whole."""
    if target is None:
        yield lambda move: None
        return
    descriptor, name = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.")
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8-sig", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(_COLUMNS)
            yield lambda move: writer.writerow(_row(move))
        Path(name).replace(target)
    finally:
        Path(name).unlink(missing_ok=True)


def _row(move: Move) -> Sequence[str]:
    before, after = move.before, move.after
    return (
        move.record_id,
        _class(before),
        _class(after),
        str(before.standing),
        str(after.standing),
        "" if before.due_on is None else before.due_on.isoformat(),
        "" if after.due_on is None else after.due_on.isoformat(),
        "x" if move.is_earlier else "",
        "x" if after.holds else "",
    )


def _document(found: _Found, old: Schedule, new: Schedule) -> dict[str, Any]:
    return {
        "old": {"id": old.id, "version": old.version},
        "new": {"id": new.id, "version": new.version},
        "compared": found.compared,
        "moved": found.moved,
        "earlier": found.earlier,
        "summary": [
            {
                "from": {"class": before[0], "standing": before[1]},
                "to": {"class": after[0], "standing": after[1]},
                "records": count,
                "earlier": found.earlier_kinds[before, after],
            }
            for (before, after), count in found.kinds.most_common()
        ],
    }


def _page(found: _Found, old: Schedule, new: Schedule) -> RenderableType:
    head = Text(printable(f"{old.id} {old.version} → {new.id} {new.version}"), style="bold")
    head.append(f"\n{found.compared:,} records compared, {found.moved:,} would move", style="")
    parts: list[RenderableType] = [head]
    if found.earlier:
        warning = f"{found.earlier:,} could be let go EARLIER than now / có thể được huỷ SỚM HƠN hiện nay"
        parts.append(Text(warning, style="bold red"))
    elif found.moved:
        parts.append(Text("none could be let go earlier than now / không tài liệu nào đến hạn sớm hơn", style="green"))
    if found.moved:
        parts += [Text(), _summary(found)]
    if found.first_earlier:
        parts += [Text(), _earlier(found)]
    return Group(*parts)


def _summary(found: _Found) -> Table:
    table = _plain_table(("from class", "state", "to class", "state"), ("records", "earlier"))
    for (before, after), count in found.kinds.most_common():
        earlier = found.earlier_kinds[before, after]
        table.add_row(
            printable(before[0]),
            Text(before[1], style=STYLES[before[1]]),
            Text(printable(after[0]), style="bold" if after[0] != before[0] else ""),
            Text(after[1], style=STYLES[after[1]]),
            f"{count:,}",
            Text(f"{earlier:,}", style="bold red") if earlier else "",
        )
    return table


def _earlier(found: _Found) -> Table:
    table = _plain_table(("earlier: record", "class", "due before", "due after", ""), ())
    for move in found.first_earlier:
        before, after = _class(move.before), _class(move.after)
        table.add_row(
            move.record_id,
            printable(before if before == after else f"{before} → {after}"),
            "–" if move.before.due_on is None else shown_day(move.before.due_on),
            "–" if move.after.due_on is None else Text(shown_day(move.after.due_on), style="bold red"),
            Text("held", style=STYLES["held"]) if move.after.holds else "",
        )
    left = found.earlier - len(found.first_earlier)
    if left:
        table.add_row(f"… {left:,} more: --csv FILE writes them all")
    return table


def _plain_table(columns: tuple[str, ...], numbers: tuple[str, ...]) -> Table:
    table = Table(header_style="bold", pad_edge=False, box=None, padding=(0, 2, 0, 0))
    for column in columns:
        table.add_column(column, overflow="fold")
    for column in numbers:
        table.add_column(column, justify="right")
    return table
