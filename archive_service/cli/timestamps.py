"""Time-stamps, for the operator: how it stands with each authority, and renewing old hash trees."""

from __future__ import annotations

from typing import Any

import click

from archive_service.cli.opened import opened_archive
from archive_service.cli.output import ArchiveCommand, examples, json_option, print_json
from archive_service.lifecycle.timestamps.renew_hash_trees import renew_hash_trees
from archive_service.model.archive import Archive


@click.group()
def timestamp() -> None:
    """Look at the time-stamps of the log, and renew them with a stronger hash function."""


@timestamp.command("status", cls=ArchiveCommand, epilog=examples("archive-service timestamp status"))
@json_option
def status(as_json: bool) -> None:
    """Say of each authority what it gave, what it owes and why, and until when its certificate lasts."""
    with opened_archive() as archive:
        rows = _rows(archive)
    if as_json:
        print_json({"authorities": rows})
        return
    for row in rows:
        mark = click.style("  TEST – NOT TRUSTED", fg="yellow") if row["is_test"] else ""
        click.echo(f"{row['authority']}{mark}")
        click.echo(f"  given {row['stamped']}, newest at {row['last_stamped_at'] or '-'}")
        click.echo(f"  owed {row['owed']}" + (f" since {row['oldest_owed_at']}" if row["owed"] else ""))
        if row["problem"]:
            click.echo(f"  {row['problem']}")
        click.echo(f"  certificate until {row['expires_at'] or '-'}")
    if not rows:
        click.echo("No authority: ARCHIVE_TIMESTAMP_AUTHORITIES is none.")


def _rows(archive: Archive) -> list[dict[str, Any]]:
    """Return a row for each authority that is configured or ever gave or owed a time-stamp."""
    states = {one.authority: one for one in archive.register.read(lambda unit: unit.timestamps.states())}
    configured = {one.name: one for one in archive.authorities}
    rows = []
    for name in sorted({*states, *configured}):
        state = states.get(name)
        rows.append(
            {
                "authority": name,
                "configured": name in configured,
                "is_test": name in configured and configured[name].is_test,
                "stamped": state.stamped if state else 0,
                "owed": state.owed if state else 0,
                "oldest_owed_at": state.oldest_owed_at.isoformat() if state and state.oldest_owed_at else None,
                "last_stamped_at": state.last_stamped_at.isoformat() if state and state.last_stamped_at else None,
                "expires_at": state.expires_at.isoformat() if state and state.expires_at else None,
                "problem": state.problem if state else None,
            }
        )
    return rows


@timestamp.command("renew", cls=ArchiveCommand, epilog=examples("archive-service timestamp renew"))
@json_option
def renew(as_json: bool) -> None:
    """Renew every hash tree with SHA-512, before SHA-256 is broken; the workers ask for the time-stamps.

    Tokens are renewed by themselves before their certificates end. Safe to stop and to run again.
    """
    with opened_archive() as archive:
        made = renew_hash_trees(archive)
    if as_json:
        print_json({"batches": made})
    else:
        click.echo(f"{made} batches were made; archive-service timestamp status tells when they are stamped.")
