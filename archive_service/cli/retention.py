"""Commands on retention: schedules checked and adopted, where records stand and why, events told, reports."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from archive_service.cli.client import Answer, ArchiveClient, Query
from archive_service.cli.connection import connected
from archive_service.cli.display_retention import (
    NOTHING_DONE,
    adopted_already,
    event_page,
    events_page,
    schedule_line,
    schedules_page,
    standing_page,
    standings_table,
)
from archive_service.cli.output import ArchiveCommand, ExitCode, examples, json_option, print_json, printable, terminal
from archive_service.cli.reports import report_options, show_report
from archive_service.cli.retention_diff import diff
from archive_service.cli.targets import DAY, chosen_target, dry_run_option, target_options, tried
from retention.decide import RetentionState
from retention.schedule import Action
from retention.schedule_file import BadSchedule, read_schedule

FILE = click.Path(exists=True, dir_okay=False, readable=True, path_type=Path)
REPORTS = ("due", "forecast", "held", "reviews", "disposals")


@click.group()
def retention() -> None:
    """Say how long records are kept: schedules, what starts their periods, where each stands and why."""


retention.add_command(diff)


@retention.command(
    cls=ArchiveCommand, epilog=examples("archive-service retention check examples/retention/schedule.toml")
)
@click.argument("file", type=FILE)
@json_option
@click.pass_context
def check(ctx: click.Context, /, file: Path, as_json: bool) -> None:
    """Check a schedule FILE here, without the archive: every problem with its line; exit code 1 when there is one."""
    try:
        schedule = read_schedule(file.read_bytes())
    except BadSchedule as bad:
        if as_json:
            rows = [{"line": one.line, "en": one.en, "vi": one.vi} for one in bad.problems]
            print_json({"ok": False, "problems": rows})
        else:
            for one in bad.problems:
                place = f"{file}:{one.line}" if one.line else str(file)
                click.echo(click.style(printable(f"{place}: "), bold=True) + printable(one.en), err=True)
                click.echo(printable(f"    {one.vi}"), err=True)
            count = len(bad.problems)
            click.secho(f"{count} problem{'s' if count > 1 else ''} / {count} lỗi", fg="red", err=True)
        ctx.exit(ExitCode.FAILED)
    said: Answer = {
        "id": schedule.id,
        "version": schedule.version,
        "valid_from": schedule.valid_from.isoformat(),
        "classes": len(schedule.classes),
        "rules": len(schedule.rules),
        "examples": sum(one.example for one in schedule.classes.values()),
    }
    if as_json:
        print_json({"ok": True, "problems": [], "schedule": said})
        return
    click.echo(click.style("ok", fg="green") + f"  {schedule_line(said)}")
    _warn_of_examples(said)


@retention.command(
    cls=ArchiveCommand,
    epilog=examples(
        "archive-service retention adopt schedule.toml --dry-run", "archive-service retention adopt schedule.toml"
    ),
)
@click.argument("file", type=FILE)
@dry_run_option
@json_option
@connected
def adopt(client: ArchiveClient, /, file: Path, dry_run: bool, as_json: bool) -> None:
    """Adopt a schedule FILE: from its first day on it decides on every record. The same file again changes nothing.

    Before, on the archive's host: archive-service retention diff --from-current FILE
    """
    before = {one["number"] for one in client.get("retention", "schedules")["schedules"]}
    answer = client.post("retention", "schedules", body=file.read_bytes(), query=tried(dry_run))
    deciding = client.get("retention", "schedules")["deciding"]
    adopted_before = answer["number"] in before
    if as_json:
        print_json(answer | {"adopted_before": adopted_before, "deciding": deciding})
        return
    if adopted_before:
        click.echo(adopted_already(answer, deciding))
    elif not dry_run:
        click.echo(f"Adopted under number {answer['number']}: {schedule_line(answer)}.")
    else:
        click.echo(f"Would adopt {schedule_line(answer)}.")
    _warn_of_examples(answer)
    if dry_run:
        terminal().print(NOTHING_DONE)


def _warn_of_examples(schedule: Answer) -> None:
    if schedule["examples"]:
        click.secho(
            f"{schedule['examples']} of its classes are examples: no law stands behind them. / "
            f"{schedule['examples']} nhóm chỉ là ví dụ, không có căn cứ pháp lý.",
            fg="yellow",
            err=True,
        )


@retention.command(
    cls=ArchiveCommand,
    epilog=examples(
        "archive-service retention schedules", "archive-service retention schedules --file 3 > schedule-3.toml"
    ),
)
@click.option("--file", "number", type=click.IntRange(1, 2**63 - 1), help="Print the file adopted under this number.")
@json_option
@connected
def schedules(client: ArchiveClient, /, number: int | None, as_json: bool) -> None:
    """List the schedules that were adopted, which one decides today, and how far its run over all records is."""
    if number is not None:
        body = client.get_bytes("retention", "schedules", str(number))
        if as_json:
            print_json({"number": number, "file": body.decode()})
        else:
            click.echo(body, nl=False)
        return
    answer = client.get("retention", "schedules")
    _shown(answer, schedules_page, as_json)


@retention.command(
    cls=ArchiveCommand,
    epilog=examples("archive-service retention show 0177eb15-a400-7000-8000-000000000000"),
)
@click.argument("record_id", metavar="RECORD")
@json_option
@connected
def show(client: ArchiveClient, /, record_id: str, as_json: bool) -> None:
    """Say where RECORD stands today and why, step by step, in both languages."""
    _shown(client.get("retention", "records", record_id), standing_page, as_json)


@retention.command(
    "list",
    cls=ArchiveCommand,
    epilog=examples(
        "archive-service retention list --state due --not-held",
        "archive-service retention list --class 06 --due-to 31/12/2027 --all --json",
    ),
)
@click.option("--state", multiple=True, type=click.Choice([str(one) for one in RetentionState]), help="May repeat.")
@click.option("--class", "class_code", metavar="CODE", help="Class of the schedule.")
@click.option("--action", type=click.Choice([str(one) for one in Action]), help="What is proposed once it is due.")
@click.option("--held/--not-held", default=None, help="Only what a hold keeps, or only what none does.")
@click.option("--due-from", type=DAY, help="First day due, YYYY-MM-DD or DD/MM/YYYY.")
@click.option("--due-to", type=DAY, help="Last day due.")
@click.option("--limit", type=click.IntRange(1, 500), default=50, show_default=True, help="Records in a page.")
@click.option("--cursor", help="Next page: what the page before gave as its next.")
@click.option("--all", "all_pages", is_flag=True, help="Every page; with --json one record in each line.")
@json_option
@connected
def list_(client: ArchiveClient, /, all_pages: bool, as_json: bool, **filters: Any) -> None:
    """List where records stand, by day due; those without a day come last."""
    _pages(client, _filters(filters), all_pages=all_pages, as_json=as_json)


def _filters(filters: dict[str, Any]) -> list[tuple[str, str]]:
    names = {"class_code": "class"}
    query = [("state", state) for state in filters.pop("state")]
    for name, value in filters.items():
        if value is not None:
            text = f"{value:%Y-%m-%d}" if name in {"due_from", "due_to"} else str(value)
            query.append((names.get(name, name), text.lower() if name == "held" else text))
    return query


def _pages(client: ArchiveClient, query: list[tuple[str, str]], *, all_pages: bool, as_json: bool) -> None:
    filters = [pair for pair in query if pair[0] != "cursor"]
    while True:
        page = client.get("retention", "records", query=query)
        cursor = page["next_cursor"]
        if as_json and all_pages:
            for row in page["records"]:
                print_json(row)
        elif as_json:
            print_json(page)
        elif page["records"]:
            terminal().print(standings_table(page["records"]))
        else:
            click.echo("No record stands so. / Không có tài liệu nào như vậy.")
        if not all_pages or cursor is None:
            break
        query = [*filters, ("cursor", cursor)]
    if cursor is not None and not as_json:
        terminal().print(f"more: --all, or --cursor {cursor}", soft_wrap=True)


@retention.command(
    cls=ArchiveCommand,
    epilog=examples(
        "archive-service retention tell --dossier 000.00.00.H41-210301-0042 --trigger dossier-closed \\",
        "      --on 01/11/2026 --source 'one-stop shop'",
        "archive-service retention tell --subject social-insurance 0123456789 --trigger subject-died \\",
        "      --on 2026-10-12 --source 'giấy chứng tử 12/2026' --dry-run",
    ),
)
@target_options
@click.option("--trigger", required=True, help="What happened: a trigger of the schedule.")
@click.option("--on", "happened_on", type=DAY, required=True, help="The day, YYYY-MM-DD or DD/MM/YYYY.")
@click.option("--source", required=True, help="How you know it.")
@dry_run_option
@json_option
@connected
def tell(client: ArchiveClient, /, dry_run: bool, as_json: bool, **said: Any) -> None:
    """Tell what starts a period: a dossier was closed, a person died, a payment was the last one.

    It bears on the records of your offices. Telling the same again changes nothing; what was told wrongly is withdrawn.
    """
    body = {
        **chosen_target({name: said[name] for name in ("record", "dossier", "subject")}),
        "trigger": said["trigger"],
        "happened_on": f"{said['happened_on']:%Y-%m-%d}",
        "source": said["source"],
    }
    answer = client.post("retention", "events", body=body, query=tried(dry_run))
    _shown(answer, event_page, as_json)


@retention.command(
    cls=ArchiveCommand,
    epilog=examples("archive-service retention events --dossier 000.00.00.H41-210301-0042"),
)
@target_options
@json_option
@connected
def events(client: ArchiveClient, /, as_json: bool, **said: Any) -> None:
    """List what your offices told of a record, dossier or subject, withdrawn events too."""
    target = chosen_target(said)
    named: Query = [("target", str(target["target"]))] if "target" in target else list(target["identifier"].items())
    answer = client.get("retention", "events", query=[("scope", target["scope"]), *named])
    _shown(answer, lambda found: events_page(found["events"]), as_json)


@retention.command(
    cls=ArchiveCommand,
    epilog=examples(
        "archive-service retention withdraw 019ab0c2-a400-7000-8000-000000000000 --reason 'nhầm ngày' --dry-run"
    ),
)
@click.argument("event_id", metavar="EVENT")
@click.option("--reason", required=True, help="Why.")
@dry_run_option
@json_option
@connected
def withdraw(client: ArchiveClient, /, event_id: str, reason: str, dry_run: bool, as_json: bool) -> None:
    """Take back EVENT, which was told wrongly. It stays to be seen, and so does the lock of what it locked."""
    body = {"reason": reason}
    answer = client.post("retention", "events", event_id, "withdrawal", body=body, query=tried(dry_run))
    _shown(answer, event_page, as_json)


@retention.command(
    cls=ArchiveCommand,
    epilog=examples(
        "archive-service retention report due",
        "archive-service retention report forecast --format chart",
        "archive-service retention report held --format csv -o held.csv",
    ),
)
@click.argument("name", type=click.Choice(REPORTS))
@report_options
@json_option
@connected
def report(client: ArchiveClient, /, name: str, form: str, output: Path | None, force: bool, as_json: bool) -> None:
    """Count for those who plan.

    due: what is due, or becomes so within a year, by month and class. forecast: bytes that become due by year, and what
    remains kept. held: held records by owner of the holds. reviews: holds that somebody should have looked at.
    disposals: what was let go, kept and left out, by month.
    """
    show_report(client, name, form, output, force=force, as_json=as_json)


def _shown(answer: Answer, page: Any, as_json: bool) -> None:
    if as_json:
        print_json(answer)
    else:
        terminal().print(page(answer))
