"""Fetching what proves a record: one file for whoever does not trust the archive."""

from __future__ import annotations

from pathlib import Path

import click

from archive_service.cli.client import EVIDENCE, ArchiveClient
from archive_service.cli.connection import connected
from archive_service.cli.fetch import fetch, require_free
from archive_service.cli.output import ArchiveCommand, examples, json_option, print_json, say_how_to_check
from archive_service.model.identifiers import parse_record_id


@click.group()
def evidence() -> None:
    """Prove what was deposited, when, and that it is unchanged, to somebody who does not trust the archive."""


@evidence.command(
    cls=ArchiveCommand,
    epilog=examples("archive-service evidence export 0177eb15-a400-7000-8000-000000000000 -o chung-cu.zip"),
)
@click.argument("record_id", metavar="ID")
@click.option("-o", "--output", type=click.Path(dir_okay=False, path_type=Path), help="Default: ID.zip here.")
@click.option("--force", is_flag=True, help="Replace the file if it is there.")
@json_option
@connected
def export(client: ArchiveClient, /, record_id: str, output: Path | None, force: bool, as_json: bool) -> None:
    """Fetch a record's evidence package: original, log entries with their proofs, time-stamps, signatures.

    The package is checked offline, on any machine, with archive-verify and the checker's own keys and roots. A record
    is in a package once its last event is in a published checkpoint, a minute or so after it.
    """
    named = parse_record_id(record_id)
    target = output or Path(f"{named}.zip")
    require_free(target, force=force)
    with client.content(named, "", part=EVIDENCE) as content:
        size_bytes = fetch(content.chunks, target, is_package=True).size_bytes
    if as_json:
        print_json({"id": named, "file": str(target), "size_bytes": size_bytes})
        return
    click.echo(f"{target}: {size_bytes:,} bytes")
    say_how_to_check(target)
