"""`deposit-folder`: hands over a folder of results as a manifest lists them, and can be run again.

One bad row never stops the others. A row that was answered is never sent again, and one whose answer was lost
is sent again under the same idempotency key, so that it cannot be stored twice.
"""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePosixPath
from typing import Any

import click
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from archive_service.cli.client import (
    ApiProblem,
    ArchiveClient,
    Deposit,
    derived_key,
    file_sha256,
)
from archive_service.cli.connection import Connect, connectable
from archive_service.cli.manifest import COLUMNS, REQUIRED_COLUMNS, Manifest, Row, metadata_of, open_manifest
from archive_service.cli.output import (
    ArchiveCommand,
    ExitCode,
    both_languages,
    examples,
    json_option,
    print_json,
    printable,
    problem_document,
    terminal,
)
from archive_service.cli.row_results import ResultsFile, RowOutcome, RowResult
from archive_service.errors import ArchiveError, FieldProblem, InvalidInput, Message, NotAuthenticated, Unavailable

PROBLEMS_SHOWN = 20  # more would scroll away; the result file holds them all
PLAIN_LINE_EVERY = 100  # rows, where there is no terminal to draw a bar on
COLUMN_HELP = "\n".join(
    ["\b", "Columns of the manifest (* needed, and one identifier or more):"]
    + [f"  {name + ('*' if name in REQUIRED_COLUMNS else ''):<19} {what}" for name, what in COLUMNS.items()]
    + ["  #…                  ignored"]
)


@dataclass(frozen=True, slots=True)
class Answer:
    """What came of one row; ``stop`` when it is no use to go on with the others."""

    result: RowResult | None = None
    stop: ArchiveError | None = None
    skipped: bool = False


@dataclass(slots=True)
class Tally:
    """What came of the rows so far."""

    rows: int
    outcomes: Counter[str] = field(default_factory=Counter)
    states: Counter[str] = field(default_factory=Counter)
    done_before: int = 0

    @property
    def handled(self) -> int:
        """Rows that have an answer."""
        return self.done_before + sum(self.outcomes.values())

    @property
    def failed(self) -> int:
        """Rows that another run would try again."""
        return sum(self.outcomes[o] for o in (RowOutcome.INVALID, RowOutcome.REFUSED, RowOutcome.FAILED))


@click.command(
    "deposit-folder",
    cls=ArchiveCommand,
    epilog=COLUMN_HELP
    + "\n\n"
    + examples(
        "archive-service deposit-folder scans/ --manifest scans/manifest.csv --dry-run",
        "archive-service deposit-folder scans/ --manifest scans/manifest.csv --parallel 4",
    ),
)
@click.argument("folder", metavar="DIR", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option(
    "--manifest",
    "manifest_file",
    required=True,
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="CSV in UTF-8, parted by , or ; with one result in each row; see examples/manifest.csv.",
)
@click.option("--dry-run", is_flag=True, help="Check every row and file; send and write nothing.")
@click.option("--parallel", type=click.IntRange(1, 64), default=4, show_default=True, help="Deposits at the same time.")
@click.option(
    "--results",
    "results_file",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Result file. Default: beside the manifest, NAME.results.csv.",
)
@json_option
@click.pass_context
@connectable
def deposit_folder(
    connect: Connect, ctx: click.Context, /, folder: Path, manifest_file: Path, as_json: bool, **options: Any
) -> None:
    """Hand over every file of DIR that a manifest lists.

    Dates are DD/MM/YYYY or YYYY-MM-DD. The result file tells for each row what became of it and why. Run the
    same command again after a stop, or after mending rows: rows that are done are left out, and nothing is
    stored twice.
    """
    manifest = open_manifest(manifest_file)
    tally = Tally(rows=sum(1 for _ in manifest.rows()))
    if options["dry_run"]:
        _check_rows(folder, manifest, tally, as_json=as_json)
        ctx.exit(ExitCode.FAILED if tally.failed else ExitCode.OK)
    results_path = options["results_file"] or manifest_file.with_name(f"{manifest_file.stem}.results.csv")
    with connect() as client, ResultsFile(results_path, manifest.delimiter) as results:
        stop = _deposit_rows(Run(client, folder, results), manifest, tally, options["parallel"], as_json=as_json)
        if stop is None:
            results.settle(row.number for row in manifest.rows())
    _print_summary(tally, results_path, stop, as_json=as_json)
    if stop is not None:
        raise stop
    ctx.exit(ExitCode.FAILED if tally.failed else ExitCode.OK)


@dataclass(frozen=True, slots=True)
class Run:
    """What the rows of one run share."""

    client: ArchiveClient
    folder: Path
    results: ResultsFile

    def deposit(self, row: Row) -> Answer:
        """Hand over one row, unless it was done before. What is wrong with the row becomes its result."""
        key = ""
        try:
            path, metadata = check_row(self.folder, row)
            sha256 = file_sha256(path)
            key = derived_key(sha256, metadata)
            before = self.results.done_before(key)
            if before is not None:
                moved = replace(before, row=row.number, file=row.file)
                return Answer(result=None if moved == before else moved, skipped=True)
            record = self.client.deposit(Deposit(path, sha256, metadata, key)).record
        except (Unavailable, NotAuthenticated) as stop:
            return Answer(stop=stop)
        except ArchiveError as wrong:
            if isinstance(wrong, ApiProblem) and wrong.status in STOPPING_STATUSES:
                return Answer(stop=wrong)
            return Answer(result=problem_result(row, wrong, key))
        state, findings = str(record.get("state", "")), record.get("findings") or []
        reasons = [both_languages(finding.get("message")) for finding in findings]
        return Answer(
            RowResult(
                row.number,
                row.file,
                RowOutcome.DEPOSITED,
                str(record.get("id", "")),
                state,
                code=" ".join(str(finding.get("code", "")) for finding in findings),
                message_en=" ".join(en for en, _ in reasons),
                message_vi=" ".join(vi for _, vi in reasons),
                key=key,
            )
        )


# Nobody's row is wrong: the service, or the key, is the same for all of them.
STOPPING_STATUSES = frozenset({401, 429, 502, 503, 504})


def problem_result(row: Row, wrong: ArchiveError, key: str) -> RowResult:
    """Return the line that tells why a row was not deposited."""
    document = problem_document(wrong)
    reasons = [
        (str(part.get("field") or part.get("code") or ""), *both_languages(part.get("message")))
        for part in [*(document.get("errors") or []), *(document.get("findings") or [])]
    ]
    state = str(document.get("state") or "")
    return RowResult(
        row.number,
        row.file,
        _outcome_of(wrong, state),
        str(document.get("record_id") or ""),
        state,
        wrong.code,
        " ".join([wrong.message.en, *(f"[{name}] {en}" for name, en, _ in reasons)]),
        " ".join([wrong.message.vi, *(f"[{name}] {vi or en}" for name, en, vi in reasons)]),
        key,
    )


def _outcome_of(wrong: ArchiveError, state: str) -> RowOutcome:
    if not isinstance(wrong, ApiProblem):
        return RowOutcome.INVALID
    # While another deposit of the same bytes is in progress, nobody knows yet whether they will be held.
    if wrong.code == "already-held" and state != "pending":
        return RowOutcome.ALREADY_HELD
    return RowOutcome.REFUSED if 400 <= wrong.status < 500 and state != "pending" else RowOutcome.FAILED


def check_row(folder: Path, row: Row) -> tuple[Path, dict[str, Any]]:
    """Return a row's file and metadata; nothing is sent.

    Raises InvalidInput that names everything that is wrong with either.
    """
    problems: list[FieldProblem] = []
    path, metadata = Path(), {}
    try:
        path = require_inside(folder, row.file)
    except InvalidInput as wrong:
        problems.append(FieldProblem("file", wrong.message))
    try:
        metadata = metadata_of(row)
    except InvalidInput as wrong:
        problems.extend(wrong.problems)
    if problems:
        raise InvalidInput(
            Message("The row cannot be deposited as it stands.", "Không thể nộp dòng này."),
            problems=tuple(problems),
            code="invalid-row",
        )
    return path, metadata


def require_inside(folder: Path, name: str) -> Path:
    """Return the real path of a file of that name in the folder, once it was found readable and not empty.

    Raises InvalidInput when it is not there, is no ordinary file, or lies outside, by ``..`` or by a link.
    """
    # Spreadsheets come from Windows; file names come from systems that store letters and marks apart.
    relative = PurePosixPath(name.replace("\\", "/"))
    outside = InvalidInput(Message("The file lies outside the folder.", "Tệp nằm ngoài thư mục đã cho."))
    if relative.is_absolute() or ".." in relative.parts or ":" in name or "\0" in name:
        raise outside
    root = folder.resolve()
    spellings = (root / unicodedata.normalize(form, str(relative)) for form in ("NFC", "NFD"))
    path = next((found for spelling in spellings if (found := spelling.resolve()).is_file()), None)
    if path is None:
        raise InvalidInput(Message("There is no such file in the folder.", "Không có tệp này trong thư mục."))
    if not path.is_relative_to(root):
        raise outside
    try:
        with path.open("rb") as file:
            is_empty = not file.read(1)
    except OSError as wrong:
        raise InvalidInput(Message("The file cannot be read.", "Không đọc được tệp.")) from wrong
    if is_empty:
        raise InvalidInput(Message("The file is empty.", "Tệp rỗng."))
    return path


def _deposit_rows(run: Run, manifest: Manifest, tally: Tally, parallel: int, *, as_json: bool) -> ArchiveError | None:
    """Deposit every row; return why the run had to stop early, None when it did not."""
    stop: ArchiveError | None = None
    with _progress(tally, as_json=as_json) as advance:
        for answer in _answers(run.deposit, manifest.rows(), parallel):
            if answer.result is not None:
                run.results.add(answer.result)
            if answer.stop is not None:
                stop = answer.stop
                continue
            if answer.skipped:
                tally.done_before += 1
            elif answer.result is not None:
                tally.outcomes[answer.result.outcome] += 1
                tally.states[answer.result.state] += 1
            advance(answer.result)
    return stop


def _answers(work: Callable[[Row], Answer], rows: Iterable[Row], parallel: int) -> Iterator[Answer]:
    """Yield each row's answer as it comes; after one that says stop, only those of rows already under way."""
    waiting: set[Future[Answer]] = set()
    stopped = False
    with ThreadPoolExecutor(parallel) as pool:
        for row in rows:
            waiting.add(pool.submit(work, row))
            if len(waiting) < parallel * 2:
                continue
            ready, waiting = wait(waiting, return_when=FIRST_COMPLETED)
            for future in ready:
                answer = future.result()
                stopped = stopped or answer.stop is not None
                yield answer
            if stopped:
                break
        if stopped:
            # What has not begun stays undone; what is on its way has to be heard.
            waiting = {future for future in waiting if not future.cancel()}
        for future in waiting:
            yield future.result()


def _check_rows(folder: Path, manifest: Manifest, tally: Tally, *, as_json: bool) -> None:
    """Check every row and its file, without sending anything, and tell what is wrong."""
    problems = []
    with _progress(tally, as_json=as_json) as advance:
        for row in manifest.rows():
            result = RowResult(row.number, row.file, RowOutcome.DEPOSITED)
            try:
                check_row(folder, row)
            except InvalidInput as wrong:
                result = problem_result(row, wrong, "")
                problems.append(problem_document(wrong) | {"row": row.number, "file": row.file})
            tally.outcomes[result.outcome] += 1
            advance(result)
    sound = tally.rows - tally.failed
    if as_json:
        print_json({"dry_run": True, "rows": tally.rows, "sound": sound, "problems": problems})
    else:
        click.echo(f"Dry run: {tally.rows} rows, {sound} can be sent, {tally.failed} cannot. Nothing was sent.")


@contextmanager
def _progress(tally: Tally, *, as_json: bool) -> Iterator[Callable[[RowResult | None], None]]:
    """Show how far the run is: a bar on a terminal, else a line now and then, nothing with ``--json``."""
    console = terminal()
    shown = 0

    def tell(result: RowResult | None) -> None:
        nonlocal shown
        if as_json or result is None or result.outcome in {RowOutcome.DEPOSITED, RowOutcome.ALREADY_HELD}:
            return
        shown += 1
        if shown <= PROBLEMS_SHOWN:
            line = f"row {result.row} {result.file}: {result.outcome} ({result.code}) {result.message_en}"
            console.print(printable(line), style="red", soft_wrap=True)
            console.print(printable(f"    {result.message_vi}"), style="red", soft_wrap=True)
        elif shown == PROBLEMS_SHOWN + 1:
            console.print("… more rows with problems are not shown here")

    if as_json or not console.is_terminal:

        def advance_plainly(result: RowResult | None) -> None:
            tell(result)
            if not as_json and (tally.handled % PLAIN_LINE_EVERY == 0 or tally.handled == tally.rows):
                click.echo(f"{tally.handled} of {tally.rows} rows")

        yield advance_plainly
        return
    columns = (TextColumn("rows"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console) as bar:
        task = bar.add_task("rows", total=tally.rows)

        def advance(result: RowResult | None) -> None:
            tell(result)
            bar.update(task, completed=tally.handled)

        yield advance


def _print_summary(tally: Tally, results: Path, stop: ArchiveError | None, *, as_json: bool) -> None:
    outcomes = {str(outcome): tally.outcomes[outcome] for outcome in RowOutcome}
    not_sent = tally.rows - tally.handled
    if as_json:
        summary = {"rows": tally.rows, "done_before": tally.done_before, "not_sent": not_sent, **outcomes}
        if stop is None:  # otherwise the problem is the one thing printed, by the command's own error
            print_json({**summary, "quarantined": tally.states["quarantined"], "results": str(results)})
        return
    parts = [f"{count} {name}" for name, count in outcomes.items() if count]
    if tally.done_before:
        parts.append(f"{tally.done_before} done before")
    if not_sent:
        parts.append(f"{not_sent} not sent")
    click.echo(f"{tally.rows} rows: {', '.join(parts) or 'nothing to do'}")
    if tally.states["quarantined"]:
        click.echo(f"{tally.states['quarantined']} of them wait in quarantine for a person to decide.")
    click.echo(f"Row by row: {results}")
    if stop is not None:
        click.echo("Stopped. Run the same command again to go on: nothing is stored twice.")
