"""The command that audits: what to look at, how fast, and what was found, for a person or a machine.

It runs on the archive's host, by the service's own settings.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import replace

import click
from rich.table import Table

from archive_service.cli.display import shown_instant
from archive_service.cli.opened import opened_archive
from archive_service.cli.output import ArchiveCommand, ExitCode, examples, json_option, printable, progress, terminal
from archive_service.errors import InvalidInput, Message
from archive_service.lifecycle.audit.pace import Pace
from archive_service.lifecycle.audit.paper import MEANINGS
from archive_service.lifecycle.audit.run import AuditRequest, report_of
from archive_service.lifecycle.audit.run import audit as run_audit
from archive_service.model.archive import Archive
from archive_service.model.audits import ALARMS, AuditOutcome, AuditRun, AuditScope
from archive_service.model.identifiers import OfficeCode

_DAY = click.DateTime(["%Y-%m-%d", "%d/%m/%Y"])


class _Rate(click.ParamType[float]):
    name = "MB/s"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """Return bytes a second."""
        try:
            megabytes = float(str(value))
        except ValueError:
            megabytes = 0.0
        if not 0 < megabytes < 1_000_000:
            self.fail("a rate is a number of megabytes a second above 0", param, ctx)
        return megabytes * 1_000_000


@click.command(
    cls=ArchiveCommand,
    epilog=examples(
        "archive-service audit",
        "archive-service audit --verify --rate 50",
        "archive-service audit --verify --office BHXH-48 --sample 0.01",
        "archive-service audit --verify --repair",
    ),
)
@click.option("--verify", is_flag=True, help="Read every byte, compare it with the digests, and ask for every lock.")
@click.option("--office", "office", help="Only records of this office and those under it.")
@click.option("--from", "first", type=_DAY, help="Only records received on this day or later.")
@click.option("--to", "last", type=_DAY, help="Only records received on this day or earlier.")
@click.option("--sample", type=click.FloatRange(0, 1, min_open=True), default=1.0, help="Share of the records to draw.")
@click.option("--seed", default="", help="Draw the sample of an earlier report again.")
@click.option("--rate", type=_Rate(), help="Read no faster than this many megabytes a second.")
@click.option("--repair", is_flag=True, help="Put damaged objects back from ARCHIVE_SECOND_STORE_URL.")
@click.option("--remove-orphans", is_flag=True, help="Remove what killed deposits left, once its lock has ended.")
@click.option("--resume", is_flag=True, help="Go on with a run that was cut off.")
@json_option
@click.pass_context
def audit(ctx: click.Context, /, as_json: bool, office: str | None, rate: float | None, **said: object) -> None:
    """Compare log, register, store and index, and keep the report; its digest becomes an entry of the log.

    Exit code 7 when something answered for is missing or not as it was, 6 when something could not be told, 1 when
    locks or the index are not as recorded.
    """
    with opened_archive() as archive:
        request = _request(archive, office, said)
        if rate is not None:
            request = replace(request, pace=Pace(rate))
        run = run_audit(archive, replace(request, report=progress(as_json, "looked at")))
    if as_json:
        click.echo(report_of(run).body.decode())
    else:
        _show(run)
    ctx.exit(_exit_code(run))


def _request(archive: Archive, office: str | None, said: dict[str, object]) -> AuditRequest:
    if said["repair"] and archive.second_store is None:
        raise InvalidInput(
            Message(
                "There is nothing to repair from: set ARCHIVE_SECOND_STORE_URL to another store or the backups' place.",
                "Chưa có nguồn để khôi phục: hãy đặt ARCHIVE_SECOND_STORE_URL là kho thứ hai hoặc nơi sao lưu.",
            )
        )
    scope = AuditScope(
        offices=_offices(archive, office) if office is not None else None,
        received_from=_day(said["first"]),
        received_to=_day(said["last"]),
        share=float(str(said["sample"])),
        seed=str(said["seed"]),
    )
    return AuditRequest(
        scope=scope,
        verify=bool(said["verify"]),
        remove_orphans=bool(said["remove_orphans"]),
        repair=bool(said["repair"]),
        resume=bool(said["resume"]),
    )


def _offices(archive: Archive, code: str) -> frozenset[OfficeCode]:
    office = OfficeCode(code)
    known = archive.register.read(lambda unit: unit.reference.office(office))
    if known is None:
        raise InvalidInput(Message(f"There is no office {printable(code)}.", f"Không có cơ quan {printable(code)}."))
    return archive.register.read(lambda unit: unit.reference.subtree(office))


def _day(value: object) -> dt.date | None:
    return value.date() if isinstance(value, dt.datetime) else None


def _exit_code(run: AuditRun) -> ExitCode:
    if run.alarm:
        return ExitCode.INTEGRITY
    if run.undecided:
        return ExitCode.UNAVAILABLE
    fine = {AuditOutcome.INTACT, AuditOutcome.REPAIRED, AuditOutcome.UNFINISHED, AuditOutcome.REMOVED}
    return ExitCode.OK if fine.issuperset(run.counts) else ExitCode.FAILED


def _show(run: AuditRun) -> None:
    """Print a table of what was found, then each finding, then what was looked at."""
    console = terminal()
    table = Table("outcome", "count", "what it means", box=None, pad_edge=False)
    table.columns[1].justify = "right"
    for outcome in AuditOutcome:
        if outcome in run.counts:
            style = "red" if outcome in ALARMS else "green" if outcome is AuditOutcome.INTACT else "yellow"
            table.add_row(str(outcome), f"{run.counts[outcome]:,}", MEANINGS[outcome][0], style=style)
    console.print(table)
    for finding in run.listed:
        place = finding.key or finding.record_id or "log"
        console.print(f"{finding.outcome}: {place}: {printable(finding.explanation)}")
    console.print(
        f"Log: {run.log_size:,} entries recomputed, root {run.log_root}."
        if run.log_size is not None
        else "The log was not recomputed."
    )
    console.print("Bytes were read and compared." if run.verify else "Bytes were not read; only sizes were compared.")
    if run.scope.share < 1.0:
        console.print(f"A sample of {run.scope.share:.2%}, drawn with the seed {run.scope.seed}.")
    console.print(f"Report {run.id}, {shown_instant(run.started_at)}, SHA-256 {run.report_sha256}.")
    if run.paper_owed is not None:
        console.print(f"Its sealed paper is owed ({run.paper_owed}): a worker makes it once it can be sealed.")
