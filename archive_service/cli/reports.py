"""Reports of the archive as people want them: a table or bars here, a file for a spreadsheet, a picture."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import click

from archive_service.cli.client import ArchiveClient
from archive_service.cli.display_retention import report_chart, report_table
from archive_service.cli.fetch import require_free
from archive_service.cli.output import print_json, terminal


def report_options(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command ``--format``, ``--output`` and ``--force``."""
    for option in (
        click.option("--force", is_flag=True, help="Replace the file if it is there."),
        click.option("-o", "--output", type=click.Path(dir_okay=False, path_type=Path), help="File for csv or svg."),
        click.option(
            "--format",
            "form",
            type=click.Choice(["table", "chart", "csv", "svg"]),
            default="table",
            show_default=True,
            help="chart: bars here; csv: for a spreadsheet; svg: a picture.",
        ),
    ):
        command = option(command)
    return command


def show_report(
    client: ArchiveClient, name: str, form: str, output: Path | None, *, force: bool, as_json: bool
) -> None:
    """Show a report of retention in a form, or write it into a file. Raises UsageError, Conflict ``file-exists``."""
    if output is not None and (form not in {"csv", "svg"} or as_json):
        raise click.UsageError("-o goes with --format csv or svg.")
    if form in {"csv", "svg"} and not as_json:
        _put_out(client.get_bytes("retention", "reports", name, query=[("format", form)]), output, force=force)
        return
    console = terminal()
    answer = client.get("retention", "reports", name)
    if as_json:
        print_json(answer)
    else:
        console.print(report_chart(answer, console.width) if form == "chart" else report_table(answer))


def _put_out(content: bytes, output: Path | None, *, force: bool) -> None:
    if output is None:
        click.echo(content, nl=False)
        return
    require_free(output, force=force)
    output.write_bytes(content)
    click.echo(f"{output}: {len(content):,} bytes")
