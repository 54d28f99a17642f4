"""Commands on records, through the HTTP API: deposit, search, show, download, verify."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

from archive_service.cli.client import Answer, ArchiveClient, Deposit, derived_key, file_sha256
from archive_service.cli.connection import connected
from archive_service.cli.display import (
    deposit_receipt,
    facets_table,
    hits_table,
    record_page,
    subject_page,
    verdict_page,
)
from archive_service.cli.download import download as download_bytes
from archive_service.cli.download import wanted_original, wanted_rendition
from archive_service.cli.output import ArchiveCommand, ExitCode, examples, json_option, print_json, terminal
from archive_service.errors import IntegrityFailure, InvalidInput, Message
from archive_service.model.identifiers import IdentifierScheme, parse_identifier

EXISTING_FILE = click.Path(exists=True, dir_okay=False, readable=True, path_type=Path)
DAY = click.DateTime(["%Y-%m-%d", "%d/%m/%Y"])
DAY_OPTIONS = ("issued_from", "issued_to", "stored_from", "stored_to")


@click.command(cls=ArchiveCommand, epilog=examples("archive-service deposit 1234.pdf --metadata 1234.json"))
@click.argument("file", type=EXISTING_FILE)
@click.option("--metadata", "metadata_file", type=EXISTING_FILE, required=True, help="JSON file: docs/api.md.")
@click.option("--idempotency-key", help="One for each result. Default: made from the file and its metadata.")
@json_option
@connected
def deposit(
    client: ArchiveClient, /, file: Path, metadata_file: Path, idempotency_key: str | None, as_json: bool
) -> None:
    """Hand FILE over to the archive.

    Doing it again with the same file and metadata is harmless: the archive answers as it did the first time.
    """
    metadata = _read_metadata(metadata_file)
    sha256 = file_sha256(file)
    key = idempotency_key or derived_key(sha256, metadata)
    answer = client.deposit(Deposit(file, sha256, metadata, key))
    if as_json:
        print_json(answer.record | {"is_replay": answer.is_replay})
    else:
        terminal().print(deposit_receipt(answer.record, is_replay=answer.is_replay))


@click.command(
    cls=ArchiveCommand,
    epilog=examples(
        "archive-service search 'luong huu' --office BHXH-79 --issued-from 2021-01-01",
        'archive-service search \'"hưởng lương hưu" -"một lần"\' --all --json',
    ),
)
@click.argument("query", default="")
@click.option("--office", help="Office code; offices under it are included.")
@click.option("--result-type", multiple=True, help="Code of the kind of result. May be repeated.")
@click.option("--scheme", type=click.Choice([str(one) for one in IdentifierScheme]), help="With --number: one subject.")
@click.option("--number", help="With --scheme: one subject.")
@click.option("--dossier", help="Dossier code.")
@click.option("--issued-from", type=DAY, help="First day of issue, YYYY-MM-DD or DD/MM/YYYY.")
@click.option("--issued-to", type=DAY, help="Last day of issue.")
@click.option("--stored-from", type=DAY, help="First day of storing.")
@click.option("--stored-to", type=DAY, help="Last day of storing.")
@click.option("--trust", multiple=True, help="born-digital, digitised or mixed. May be repeated.")
@click.option("--state", multiple=True, help="State of the record; default: stored. May be repeated.")
@click.option("--sort", type=click.Choice(["relevance", "newest", "oldest"]), help="Order of the hits.")
@click.option("--facet", multiple=True, help="Count hits by office, result_type, trust, state or year.")
@click.option("--size", type=click.IntRange(1, 100), default=20, show_default=True, help="Hits in a page.")
@click.option("--cursor", help="Next page: what the page before gave as its next.")
@click.option("--all", "all_pages", is_flag=True, help="Every page; with --json one hit in each line.")
@json_option
@connected
def search(client: ArchiveClient, /, query: str, all_pages: bool, as_json: bool, **filters: Any) -> None:
    """Find records by words, with or without tone marks.

    QUERY holds words, "phrases" and -exclusions; numbers and notations are found whole or by their beginning. Put --
    before a QUERY that begins with a hyphen.
    """
    if bool(filters["scheme"]) != bool(filters["number"]):
        raise click.UsageError("--scheme and --number go together.")
    terms = _search_terms(query, filters)
    pages = client.search_pages(terms) if all_pages else iter([client.search(terms)])
    for number, page in enumerate(pages):
        if as_json and all_pages:
            for hit in page["hits"]:
                print_json(hit)
        elif as_json:
            print_json(page)
        else:
            _show_page(page, is_first=number == 0, all_pages=all_pages)


@click.command(
    cls=ArchiveCommand,
    epilog=examples(
        "archive-service show 0177eb15-a400-7000-8000-000000000000",
        "archive-service show social-insurance 0123456789",
    ),
)
@click.argument("what", nargs=-1, required=True, metavar="ID | SCHEME NUMBER")
@json_option
@connected
def show(client: ArchiveClient, /, what: tuple[str, ...], as_json: bool) -> None:
    """Show one record by its ID, or a subject with all its records by SCHEME and NUMBER."""
    if len(what) == 1:
        answer = client.record(what[0])
        shown = record_page(answer)
    elif len(what) == 2:
        identifier = parse_identifier(*what)
        answer = client.subject(identifier.scheme, identifier.number)
        shown = subject_page(answer)
    else:
        raise click.UsageError("Give a record's ID, or SCHEME and NUMBER of a subject.")
    if as_json:
        print_json(answer)
    else:
        terminal().print(shown)


@click.command(
    cls=ArchiveCommand,
    epilog=examples("archive-service download 0177eb15-a400-7000-8000-000000000000 -o quyet-dinh.pdf"),
)
@click.argument("record_id", metavar="ID")
@click.option("-o", "--output", type=click.Path(dir_okay=False, path_type=Path), help="Default: ID.pdf here.")
@click.option("--force", is_flag=True, help="Replace the file if it is there with other bytes.")
@click.option("--rendition", type=click.Choice(["sealed"]), help="Fetch this copy instead of the original bytes.")
@json_option
@connected
def download(
    client: ArchiveClient, /, record_id: str, output: Path | None, force: bool, rendition: str | None, as_json: bool
) -> None:
    """Fetch a record's original bytes, or a copy beside them, and prove that they are those recorded.

    The file appears under its name only when its digest is the record's. Doing it again after a break goes on
    where it stopped.
    """
    if rendition is None:
        record = client.record(record_id)
        wanted, content = wanted_original(record), record["content"]
    else:
        renditions = client.renditions(record_id)
        wanted = wanted_rendition(record_id, renditions)
        content = {"sha256": wanted.sha256, "size_bytes": wanted.size_bytes}
    target = output or wanted.default_target
    download_bytes(client, wanted, target, replace=force)
    if as_json:
        print_json({"id": wanted.record_id, "file": str(target), "content": content})
    else:
        click.echo(f"{target}: {wanted.size_bytes} bytes, SHA-256 {wanted.sha256}, as recorded")


@click.command(cls=ArchiveCommand, epilog=examples("archive-service verify quyet-dinh.pdf"))
@click.argument("file", type=EXISTING_FILE)
@click.option("--upload", is_flag=True, help="Send the file itself and let the archive compute its digest.")
@json_option
@click.pass_context
@connected
def verify(client: ArchiveClient, ctx: click.Context, /, file: Path, upload: bool, as_json: bool) -> None:
    """Tell which records hold exactly the bytes of FILE; exit code 3 when none does.

    Only the file's SHA-256 is sent, unless --upload is given.
    """
    sha256 = file_sha256(file)
    answer = client.verify_file(file) if upload else client.verify_digest(sha256)
    if upload and answer["sha256"] != sha256:
        raise IntegrityFailure(
            Message(
                "The archive received other bytes than this file holds: it changed, or was damaged.",
                "Kho lưu trữ nhận được dữ liệu khác với tệp này: tệp đã thay đổi hoặc bị hỏng khi truyền.",
            )
        )
    if as_json:
        print_json(answer)
    else:
        terminal().print(verdict_page(answer))
    if answer.get("verdict") != "held":
        ctx.exit(ExitCode.NOT_FOUND)


def _read_metadata(path: Path) -> dict[str, Any]:
    """Return the metadata of a JSON file, with a byte order mark or without."""
    try:
        metadata = json.loads(path.read_text(encoding="utf-8-sig"))
    except (OSError, ValueError) as wrong:
        where = f" (line {wrong.lineno})" if isinstance(wrong, json.JSONDecodeError) else ""
        raise InvalidInput(
            Message(
                f"{path.name} is not readable as JSON in UTF-8{where}.",
                f"Không đọc được {path.name} dưới dạng JSON mã hoá UTF-8{where}.",
            )
        ) from wrong
    if not isinstance(metadata, dict):
        raise InvalidInput(
            Message(
                f"{path.name} must hold one JSON object: the metadata of one result.",
                f"{path.name} phải chứa một đối tượng JSON: siêu dữ liệu của một kết quả.",
            )
        )
    return metadata


def _search_terms(query: str, filters: dict[str, Any]) -> list[tuple[str, str]]:
    """Return the parameters of the search, in the API's own names."""
    given = [
        (name, one)
        for name, value in filters.items()
        for one in (value if isinstance(value, tuple) else (value,))
        if one is not None
    ]
    terms = [(name, f"{one:%Y-%m-%d}" if name in DAY_OPTIONS else str(one)) for name, one in given]
    return [("q", query), *terms] if query else terms


def _show_page(page: Answer, *, is_first: bool, all_pages: bool) -> None:
    console = terminal()
    if is_first:
        at_least = "" if page.get("total_is_exact", True) else "at least "
        console.print(f"{at_least}{page.get('total', '?')} found")
    if page["hits"]:
        console.print(hits_table(page["hits"], in_colour=console.color_system is not None))
    if is_first and page.get("facets"):
        console.print(facets_table(page["facets"]))
    if page.get("next_cursor") and not all_pages:
        console.print(f"more: --all, or --cursor {page['next_cursor']}", soft_wrap=True)
