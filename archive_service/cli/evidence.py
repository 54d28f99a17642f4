"""Fetching what proves a record: one file for whoever does not trust the archive."""

from __future__ import annotations

import mmap
import os
import tempfile
from pathlib import Path

import click

from archive_service.cli.client import EVIDENCE, ArchiveClient
from archive_service.cli.connection import connected
from archive_service.cli.output import ArchiveCommand, examples, json_option, print_json
from archive_service.errors import Conflict, IntegrityFailure, Message
from archive_service.model.identifiers import parse_record_id
from archive_verify.package import Package


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
    if target.exists() and not force:
        raise Conflict(
            Message(
                f"{target.name} is there. Give another name, or --force.",
                f"Đã có tệp {target.name}. Hãy đặt tên khác, hoặc dùng --force.",
            ),
            code="file-exists",
        )
    size_bytes = _fetch(client, named, target)
    if as_json:
        print_json({"id": named, "file": str(target), "size_bytes": size_bytes})
        return
    click.echo(f"{target}: {size_bytes:,} bytes")
    click.echo(f"Next, with keys and roots of your own: archive-verify {target} --log-key FILE --tsa-root FILE")


def _fetch(client: ArchiveClient, record_id: str, target: Path) -> int:
    """Bring the package into the file, which appears only when it is whole; return its size."""
    descriptor, name = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.")
    try:
        with os.fdopen(descriptor, "w+b") as file:
            with client.content(record_id, "", part=EVIDENCE) as content:
                for chunk in content.chunks:
                    file.write(chunk)
            file.flush()
            size_bytes = file.tell()
            _require_whole(file.fileno(), size_bytes)
            os.fsync(file.fileno())
        Path(name).replace(target)
    finally:
        Path(name).unlink(missing_ok=True)
    return size_bytes


def _require_whole(descriptor: int, size_bytes: int) -> None:
    """Raise IntegrityFailure when what arrived is not a whole package: its form tells."""
    whole = size_bytes and not Package(mmap.mmap(descriptor, 0, access=mmap.ACCESS_READ)).problems
    if not whole:
        raise IntegrityFailure(
            Message(
                "What arrived is not a whole evidence package, so no file was written. Do the same again.",
                "Dữ liệu nhận được không phải là gói chứng cứ hoàn chỉnh nên không có tệp nào được ghi. "
                "Hãy thực hiện lại.",
            )
        )
