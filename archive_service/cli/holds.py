"""Commands on holds, through the HTTP API: placed and lifted with a reason, listed, looked at again."""

from __future__ import annotations

from typing import Any

import click

from archive_service.cli.client import Answer, ArchiveClient
from archive_service.cli.connection import connected
from archive_service.cli.display_retention import hold_page, holds_table
from archive_service.cli.output import ArchiveCommand, examples, json_option, print_json, terminal
from archive_service.cli.targets import DAY, chosen_target, dry_run_option, target_options, tried
from archive_service.model.record import AccessLevel

_ID = "019ab0c2-a400-7000-8000-000000000000"


@click.group()
def hold() -> None:
    """Hold what must not be let go, whatever its schedule says, until somebody lifts the hold with a reason."""


@hold.command(
    cls=ArchiveCommand,
    epilog=examples(
        "archive-service hold place --dossier 000.00.00.H41-210301-0042 --owner 'Thanh tra BHXH' \\",
        "      --reason 'khiếu nại' --legal-reference 'Số 12/TTr' --review-on 01/05/2027 --dry-run",
        "archive-service hold place --result-type KQ.G15.000031 --issued-from 2021-01-01 --owner 'Toà án' \\",
        "      --reason 'vụ án 7/2026' --legal-reference 'Số 7/QĐ-TA' --review-on 2027-05-01",
    ),
)
@target_options
@click.option("--office", metavar="CODE", help="An office with those under it.")
@click.option("--result-type", multiple=True, help="Condition: code of the kind of result. May repeat.")
@click.option("--in-office", multiple=True, help="Condition: code of an office, with those under it. May repeat.")
@click.option(
    "--access-level",
    multiple=True,
    type=click.Choice([str(one) for one in AccessLevel]),
    help="Condition: access level. May repeat.",
)
@click.option("--issued-from", type=DAY, help="Condition: first day of issue.")
@click.option("--issued-to", type=DAY, help="Condition: last day of issue.")
@click.option("--owner", required=True, help="Who asked for the hold.")
@click.option("--reason", required=True, help="Why.")
@click.option("--legal-reference", required=True, help="The law or letter it rests on.")
@click.option("--review-on", type=DAY, required=True, help="When it is looked at again, within five years.")
@dry_run_option
@json_option
@connected
def place(client: ArchiveClient, /, dry_run: bool, as_json: bool, **said: Any) -> None:
    """Place a hold on a record, a dossier, a subject, an office, or on whatever meets a condition.

    It stands once this command ends, and covers what comes later, too. Placing the same again changes nothing.
    --dry-run says how many records it would hold now.
    """
    named = {name: said[name] for name in ("record", "dossier", "subject", "office")}
    body = {
        **chosen_target({**named, "condition": _condition(said)}),
        "owner": said["owner"],
        "reason": said["reason"],
        "legal_reference": said["legal_reference"],
        "review_on": f"{said['review_on']:%Y-%m-%d}",
    }
    _shown(client.post("holds", body=body, query=tried(dry_run)), as_json)


def _condition(said: dict[str, Any]) -> Answer:
    """Return the condition that the options state, empty for none."""
    stated = {
        "result_types": list(said["result_type"]),
        "offices": list(said["in_office"]),
        "access_levels": list(said["access_level"]),
        "issued_from": said["issued_from"] and f"{said['issued_from']:%Y-%m-%d}",
        "issued_to": said["issued_to"] and f"{said['issued_to']:%Y-%m-%d}",
    }
    return {name: value for name, value in stated.items() if value}


@hold.command(
    "list",
    cls=ArchiveCommand,
    epilog=examples("archive-service hold list", "archive-service hold list --lifted --all --json"),
)
@click.option("--lifted", is_flag=True, help="Those that ended, too.")
@click.option("--limit", type=click.IntRange(1, 500), default=50, show_default=True, help="Holds in a page.")
@click.option("--cursor", help="Next page: what the page before gave as its next.")
@click.option("--all", "all_pages", is_flag=True, help="Every page; with --json one hold in each line.")
@json_option
@connected
def list_(
    client: ArchiveClient, /, lifted: bool, limit: int, cursor: str | None, all_pages: bool, as_json: bool
) -> None:
    """List the holds that your offices placed, oldest first."""
    query = [("lifted", str(lifted).lower()), ("limit", str(limit))]
    while True:
        page = client.get("holds", query=[*query, *([("cursor", cursor)] if cursor else [])])
        cursor = page["next_cursor"]
        _show_page(page, all_pages=all_pages, as_json=as_json)
        if not all_pages or cursor is None:
            break
    if cursor is not None and not as_json:
        terminal().print(f"more: --all, or --cursor {cursor}", soft_wrap=True)


def _show_page(page: Answer, *, all_pages: bool, as_json: bool) -> None:
    if as_json and all_pages:
        for one in page["holds"]:
            print_json(one)
    elif as_json:
        print_json(page)
    elif page["holds"]:
        terminal().print(holds_table(page["holds"]))
    else:
        click.echo("No hold stands. / Không có lệnh giữ nào.")


@hold.command(cls=ArchiveCommand, epilog=examples(f"archive-service hold show {_ID}"))
@click.argument("hold_id", metavar="HOLD")
@json_option
@connected
def show(client: ArchiveClient, /, hold_id: str, as_json: bool) -> None:
    """Show HOLD: on what, for whom, why, and when somebody looks at it again."""
    _shown(client.get("holds", hold_id), as_json)


@hold.command(cls=ArchiveCommand, epilog=examples(f"archive-service hold lift {_ID} --reason 'kết thúc thanh tra'"))
@click.argument("hold_id", metavar="HOLD")
@click.option("--reason", required=True, help="Why.")
@dry_run_option
@json_option
@connected
def lift(client: ArchiveClient, /, hold_id: str, reason: str, dry_run: bool, as_json: bool) -> None:
    """End HOLD. What it held is as its schedule says."""
    _shown(client.post("holds", hold_id, "lifting", body={"reason": reason}, query=tried(dry_run)), as_json)


@hold.command(
    cls=ArchiveCommand,
    epilog=examples(f"archive-service hold review {_ID} --review-on 01/11/2027 --reason 'vụ việc còn tiếp'"),
)
@click.argument("hold_id", metavar="HOLD")
@click.option("--review-on", type=DAY, required=True, help="When it is looked at next, within five years.")
@click.option("--reason", required=True, help="Why it goes on.")
@dry_run_option
@json_option
@connected
def review(client: ArchiveClient, /, hold_id: str, review_on: Any, reason: str, dry_run: bool, as_json: bool) -> None:
    """Say that HOLD was looked at, why it goes on, and when it is looked at next."""
    body = {"review_on": f"{review_on:%Y-%m-%d}", "reason": reason}
    _shown(client.post("holds", hold_id, "review", body=body, query=tried(dry_run)), as_json)


def _shown(answer: Answer, as_json: bool) -> None:
    if as_json:
        print_json(answer)
    else:
        terminal().print(hold_page(answer))
