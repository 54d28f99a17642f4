"""Commands on disposals, through the HTTP API: each person decides with its own key."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
from rich.console import RenderableType

from archive_service.cli.client import Answer, ApiProblem, ArchiveClient, file_sha256
from archive_service.cli.connection import connected
from archive_service.cli.display_disposals import (
    disposal_page,
    disposal_records_table,
    disposals_table,
    estimate_page,
    exception_page,
)
from archive_service.cli.fetch import Fetched, fetch, require_free
from archive_service.cli.output import (
    ArchiveCommand,
    ExitCode,
    examples,
    json_option,
    print_json,
    printable,
    progress,
    say_how_to_check,
    terminal,
)
from archive_service.cli.reports import report_options, show_report
from archive_service.cli.targets import DAY, dry_run_option, tried
from archive_service.errors import Conflict, Message
from archive_service.model.disposals import ItemState
from archive_service.model.identifiers import parse_record_id
from retention.disposal import ProposalState, Vote

_ID = "019ab0c2-a400-7000-8000-000000000000"
_RECORD = "0177eb15-a400-7000-8000-000000000000"
_FILE = click.Path(dir_okay=False, path_type=Path)
_FOLDER = click.Path(file_okay=False, path_type=Path)
# As sha256sum writes and checks them.
SUMS = "SHA256SUMS"


@click.group()
def disposal() -> None:
    """Let records go that are due: proposed, voted on by a council, approved by another person, certified.

    Each person works with a key of its own account. `show` says what is to be done next, and by whom.
    """


@disposal.command(
    cls=ArchiveCommand,
    epilog=examples(
        "archive-service disposal propose --title 'Hồ sơ hết hạn 2026' --action destroy --class 06 \\",
        "      --member lan --member minh --member tuan --dry-run",
    ),
)
@click.option("--title", required=True, help="What it is about; stands on the certificate.")
@click.option("--action", required=True, type=click.Choice(["destroy", "transfer"]), help="What is to be done.")
@click.option("--class", "class_code", metavar="CODE", help="Only this class of the schedule.")
@click.option("--due-to", type=DAY, help="Only what was due by this day, YYYY-MM-DD or DD/MM/YYYY.")
@click.option("--member", "council", multiple=True, required=True, help="Account of a member of the council. Repeat.")
@dry_run_option
@json_option
@connected
def propose(client: ArchiveClient, /, dry_run: bool, as_json: bool, **said: Any) -> None:
    """Propose what is due in your offices to a council of other people: the earliest due, 10,000 at most.

    --dry-run counts by class what would be listed.
    """
    body = {
        "title": said["title"],
        "action": said["action"],
        "class": said["class_code"],
        "due_to": said["due_to"] and f"{said['due_to']:%Y-%m-%d}",
        "council": list(said["council"]),
    }
    answer = client.post_once("disposals", body=body, query=tried(dry_run))
    _shown(answer, estimate_page if dry_run else disposal_page, as_json)


@disposal.command(
    "list",
    cls=ArchiveCommand,
    epilog=examples("archive-service disposal list --state open", "archive-service disposal list --all --json"),
)
@click.option("--state", multiple=True, type=click.Choice([str(one) for one in ProposalState]), help="May repeat.")
@click.option("--limit", type=click.IntRange(1, 500), default=50, show_default=True, help="Proposals in a page.")
@click.option("--cursor", help="Next page: what the page before gave as its next.")
@click.option("--all", "all_pages", is_flag=True, help="Every page; with --json one proposal in each line.")
@json_option
@connected
def list_(client: ArchiveClient, /, all_pages: bool, as_json: bool, **asked: Any) -> None:
    """List the proposals of your offices, oldest first."""
    nothing = "There is no proposal. / Không có đề nghị nào."
    listed = _Listed(("disposals",), "disposals", disposals_table, nothing)
    _pages(client, listed, asked, all_pages=all_pages, as_json=as_json)


@disposal.command(cls=ArchiveCommand, epilog=examples(f"archive-service disposal show {_ID}"))
@click.argument("disposal_id", metavar="DISPOSAL")
@json_option
@connected
def show(client: ArchiveClient, /, disposal_id: str, as_json: bool) -> None:
    """Show DISPOSAL: who decided what, what became of its records, what is to be done next and by whom."""
    _shown(client.get("disposals", disposal_id), disposal_page, as_json)


@disposal.command(
    cls=ArchiveCommand,
    epilog=examples(
        f"archive-service disposal records {_ID}", f"archive-service disposal records {_ID} --state kept --all --json"
    ),
)
@click.argument("disposal_id", metavar="DISPOSAL")
@click.option("--state", multiple=True, type=click.Choice([str(one) for one in ItemState]), help="May repeat.")
@click.option("--limit", type=click.IntRange(1, 500), default=50, show_default=True, help="Records in a page.")
@click.option("--cursor", help="Next page: what the page before gave as its next.")
@click.option("--all", "all_pages", is_flag=True, help="Every page; with --json one record in each line.")
@json_option
@connected
def records(client: ArchiveClient, /, disposal_id: str, all_pages: bool, as_json: bool, **asked: Any) -> None:
    """List the records of DISPOSAL, and what became of each and why."""
    nothing = "No record stands so. / Không có tài liệu nào như vậy."
    listed = _Listed(("disposals", disposal_id, "records"), "records", disposal_records_table, nothing)
    _pages(client, listed, asked, all_pages=all_pages, as_json=as_json)


@disposal.command(
    "except",
    cls=ArchiveCommand,
    epilog=examples(f"archive-service disposal except {_ID} \\", f"      {_RECORD} --reason 'còn khiếu nại'"),
)
@click.argument("disposal_id", metavar="DISPOSAL")
@click.argument("record_id", metavar="RECORD")
@click.option("--reason", required=True, help="Why it is to be kept.")
@dry_run_option
@json_option
@connected
def except_(
    client: ArchiveClient, /, disposal_id: str, record_id: str, reason: str, dry_run: bool, as_json: bool
) -> None:
    """Take RECORD out of DISPOSAL while its council votes: by whoever proposed it, or a member."""
    body = {"record_id": record_id, "reason": reason}
    answer = client.post_once("disposals", disposal_id, "exceptions", body=body, query=tried(dry_run))
    _shown(answer, exception_page, as_json)


@disposal.command(
    cls=ArchiveCommand,
    epilog=examples(
        f"archive-service disposal vote {_ID} agree",
        f"archive-service disposal vote {_ID} refuse --reason 'còn cần dùng'",
    ),
)
@click.argument("disposal_id", metavar="DISPOSAL")
@click.argument("vote", metavar="agree|refuse", type=click.Choice([str(one) for one in Vote]))
@click.option("--reason", default="", help="Why; needed to refuse.")
@dry_run_option
@json_option
@connected
def vote(client: ArchiveClient, /, disposal_id: str, vote: str, reason: str, dry_run: bool, as_json: bool) -> None:
    """Vote on DISPOSAL as a member of its council, once. One refusal ends it."""
    body = {"vote": vote, "reason": reason}
    answer = client.post_once("disposals", disposal_id, "votes", body=body, query=tried(dry_run))
    _shown(answer, disposal_page, as_json)


@disposal.command(cls=ArchiveCommand, epilog=examples(f"archive-service disposal approve {_ID} --dry-run"))
@click.argument("disposal_id", metavar="DISPOSAL")
@dry_run_option
@json_option
@connected
def approve(client: ArchiveClient, /, disposal_id: str, dry_run: bool, as_json: bool) -> None:
    """Approve DISPOSAL, to which its whole council agreed. You neither proposed it nor voted on it.

    The workers begin with its records at once, but for a transfer, which waits for the receiver's receipt.
    """
    answer = client.post_once("disposals", disposal_id, "approval", body={}, query=tried(dry_run))
    _shown(answer, disposal_page, as_json)


@disposal.command(
    cls=ArchiveCommand,
    epilog=examples(
        f"archive-service disposal export {_ID} giao-nop/", f"cd giao-nop && sha256sum -c {SUMS}    # by the receiver"
    ),
)
@click.argument("disposal_id", metavar="DISPOSAL")
@click.argument("folder", metavar="DIR", type=_FOLDER)
@json_option
@click.pass_context
@connected
def export(client: ArchiveClient, ctx: click.Context, /, disposal_id: str, folder: Path, as_json: bool) -> None:
    """Fetch the evidence package of every record of a transfer DISPOSAL into DIR, for the receiver.

    The same again goes on where it stopped: what is there as it was given out is not fetched again. SHA256SUMS in DIR
    lists them all. A package that cannot be given yet is told, and exit code 5.
    """
    _require_given_out(client.get("disposals", disposal_id))
    folder.mkdir(parents=True, exist_ok=True)
    done, missing = list[_Package](), list[tuple[str, ApiProblem]]()
    tell = progress(as_json, "packages")
    for row in _listed_records(client, disposal_id):
        try:
            done.append(_bring(client, disposal_id, row, folder))
        except ApiProblem as problem:
            # Others may be given out: only this record is in the way of itself.
            if problem.status not in {404, 409} or problem.code in _OF_ALL:
                raise
            missing.append((row["record_id"], problem))
        tell(len(done))
    sums = "".join(f"{one.fetched.sha256}  {one.file.name}\n" for one in done)
    (folder / SUMS).write_text(sums, encoding="ascii")
    _show_export(disposal_id, folder, done, missing, as_json=as_json)
    ctx.exit(ExitCode.CONFLICT if missing else ExitCode.OK)


def _require_given_out(disposal: Answer) -> None:
    """Raise Conflict where no package of the proposal is given out: a list of what is there must not be replaced."""
    if disposal["action"] == "transfer" and disposal["state"] == "approved" and disposal["receipt"] is None:
        return
    raise Conflict(
        Message(
            "Packages are given out of a transfer that is approved, until the receiver's receipt is there: "
            "archive-service disposal show says where it stands.",
            "Chỉ xuất gói của đề nghị giao nộp đã được phê duyệt và chưa có biên nhận: "
            "archive-service disposal show cho biết tình trạng.",
        ),
        code="not-given-out",
    )


# What came to keep every record of the proposal from being given out meanwhile.
_OF_ALL = frozenset({"not-approved", "not-a-transfer", "received-already"})


@dataclass(frozen=True, slots=True)
class _Package:
    """A record's package in the folder; ``is_new``: it was fetched by this run."""

    record_id: str
    file: Path
    fetched: Fetched
    is_new: bool


def _listed_records(client: ArchiveClient, disposal_id: str) -> Iterator[Answer]:
    query = [("state", str(ItemState.LISTED)), ("limit", "500")]
    while True:
        page = client.get("disposals", disposal_id, "records", query=query)
        yield from page["records"]
        if page["next_cursor"] is None:
            return
        query = [*query[:2], ("cursor", page["next_cursor"])]


def _bring(client: ArchiveClient, disposal_id: str, row: Answer, folder: Path) -> _Package:
    record_id = parse_record_id(row["record_id"])
    target, given = folder / f"{record_id}.zip", row["package_sha256"]
    if given is not None and target.exists() and file_sha256(target) == given:
        return _Package(record_id, target, Fetched(target.stat().st_size, given), is_new=False)
    with client.file("disposals", disposal_id, "records", record_id, "package") as stream:
        fetched = fetch(stream.chunks, target, sha256=stream.sha256, is_package=True)
    return _Package(record_id, target, fetched, is_new=True)


def _show_export(
    disposal_id: str, folder: Path, done: list[_Package], missing: list[tuple[str, ApiProblem]], *, as_json: bool
) -> None:
    if as_json:
        packages = [
            {
                "record_id": one.record_id,
                "file": str(one.file),
                "sha256": one.fetched.sha256,
                "size_bytes": one.fetched.size_bytes,
                "fetched": one.is_new,
            }
            for one in done
        ]
        problems = [{"record_id": record_id, "problem": problem.document} for record_id, problem in missing]
        print_json({"disposal": disposal_id, "folder": str(folder), "packages": packages, "missing": problems})
        return
    new, size_bytes = sum(one.is_new for one in done), sum(one.fetched.size_bytes for one in done)
    if done:
        click.echo(f"{folder}: {len(done):,} packages, {size_bytes:,} bytes; {new:,} fetched now. {SUMS} lists them.")
    # Thousands may wait for the same: it is told once, with one of them.
    for first, problem in {problem.code: (record_id, problem) for record_id, problem in reversed(missing)}.values():
        alike = sum(other.code == problem.code for _, other in missing)
        click.secho(printable(f"{alike:,}, the first {first}: {problem.message.en}"), fg="yellow", err=True)
        click.secho(printable(f"    {problem.message.vi}"), fg="yellow", err=True)
    if missing:
        count = f"{len(missing):,}"
        click.echo(f"{count} are missing: do the same again later. / Còn thiếu {count}: hãy chạy lại sau.", err=True)
    else:
        click.echo(f"Next, once the receiver has confirmed: archive-service disposal receipt {printable(disposal_id)}")


@disposal.command(
    cls=ArchiveCommand,
    epilog=examples(
        f"archive-service disposal receipt {_ID} --receiver 'Lưu trữ lịch sử' \\",
        "      --reference 07/BB-LTLS --received-on 08/12/2026 --text 'đủ, nguyên vẹn'",
    ),
)
@click.argument("disposal_id", metavar="DISPOSAL")
@click.option("--receiver", required=True, help="Who took the records over.")
@click.option("--reference", required=True, help="Number of the receiver's receipt.")
@click.option("--received-on", type=DAY, required=True, help="Day of the receipt, YYYY-MM-DD or DD/MM/YYYY.")
@click.option("--text", required=True, help="What the receipt says.")
@dry_run_option
@json_option
@connected
def receipt(client: ArchiveClient, /, disposal_id: str, dry_run: bool, as_json: bool, **said: Any) -> None:
    """Enter the receiver's receipt of a transfer DISPOSAL. From then on its records go here."""
    body = {**said, "received_on": f"{said['received_on']:%Y-%m-%d}"}
    answer = client.post_once("disposals", disposal_id, "receipt", body=body, query=tried(dry_run))
    _shown(answer, disposal_page, as_json)


@disposal.command(
    cls=ArchiveCommand, epilog=examples(f"archive-service disposal certificate {_ID} --pdf -o giay-chung-nhan.pdf")
)
@click.argument("disposal_id", metavar="DISPOSAL")
@click.option("--pdf", is_flag=True, help="The sealed paper instead of the data.")
@click.option("-o", "--output", type=_FILE, help="Default: certificate-DISPOSAL.json or .pdf here.")
@click.option("--force", is_flag=True, help="Replace the file if it is there.")
@json_option
@connected
def certificate(
    client: ArchiveClient, /, disposal_id: str, pdf: bool, output: Path | None, force: bool, as_json: bool
) -> None:
    """Fetch the certificate of DISPOSAL byte for byte: who decided, and what became of every record."""
    form = "pdf" if pdf else "json"
    target = output or Path(f"certificate-{_as_name(disposal_id)}.{form}")
    require_free(target, force=force)
    with client.file("disposals", disposal_id, "certificate", query=[("format", form)]) as stream:
        fetched = fetch(stream.chunks, target, sha256=stream.sha256)
    _show_file(disposal_id, target, fetched, as_json=as_json)
    if not as_json:
        click.echo(f"SHA-256 {fetched.sha256}")


@disposal.command(cls=ArchiveCommand, epilog=examples(f"archive-service disposal evidence {_ID} -o chung-cu.zip"))
@click.argument("disposal_id", metavar="DISPOSAL")
@click.option("-o", "--output", type=_FILE, help="Default: disposal-DISPOSAL.zip here.")
@click.option("--force", is_flag=True, help="Replace the file if it is there.")
@json_option
@connected
def evidence(client: ArchiveClient, /, disposal_id: str, output: Path | None, force: bool, as_json: bool) -> None:
    """Fetch what proves DISPOSAL: certificate, paper, and the log's entries of every decision and every record.

    It is checked offline, on any machine, with archive-verify and the checker's own keys and roots.
    """
    target = output or Path(f"disposal-{_as_name(disposal_id)}.zip")
    require_free(target, force=force)
    with client.file("disposals", disposal_id, "evidence") as stream:
        fetched = fetch(stream.chunks, target, is_package=True)
    _show_file(disposal_id, target, fetched, as_json=as_json)
    if not as_json:
        say_how_to_check(target)


@disposal.command(
    cls=ArchiveCommand,
    epilog=examples("archive-service disposal report", "archive-service disposal report --format csv -o disposals.csv"),
)
@report_options
@json_option
@connected
def report(client: ArchiveClient, /, form: str, output: Path | None, force: bool, as_json: bool) -> None:
    """Count by month what was let go, kept at the last moment, and taken out by people."""
    show_report(client, "disposals", form, output, force=force, as_json=as_json)


def _as_name(disposal_id: str) -> str:
    """Return what was given as an id as part of a file's name, whatever it holds.

    >>> _as_name("../a-1")
    'a-1'
    """
    return "".join(letter for letter in disposal_id if letter.isalnum() or letter == "-")


def _show_file(disposal_id: str, target: Path, fetched: Fetched, *, as_json: bool) -> None:
    if as_json:
        said = {"id": disposal_id, "file": str(target), "size_bytes": fetched.size_bytes, "sha256": fetched.sha256}
        print_json(said)
    else:
        click.echo(f"{target}: {fetched.size_bytes:,} bytes")


@dataclass(frozen=True, slots=True)
class _Listed:
    """A list of the API: where it is, under which name, how a page is shown, and what is said of nothing."""

    place: tuple[str, ...]
    name: str
    table: Callable[[list[Answer]], RenderableType]
    nothing: str


def _pages(client: ArchiveClient, listed: _Listed, asked: dict[str, Any], *, all_pages: bool, as_json: bool) -> None:
    query = [*(("state", one) for one in asked["state"]), ("limit", str(asked["limit"]))]
    cursor = asked["cursor"]
    while True:
        page = client.get(*listed.place, query=[*query, *([("cursor", cursor)] if cursor else [])])
        cursor = page["next_cursor"]
        rows = page[listed.name]
        if as_json and all_pages:
            for row in rows:
                print_json(row)
        elif as_json:
            print_json(page)
        elif rows:
            terminal().print(listed.table(rows))
        else:
            click.echo(listed.nothing)
        if not all_pages or cursor is None:
            break
    if cursor is not None and not as_json:
        terminal().print(f"more: --all, or --cursor {cursor}", soft_wrap=True)


def _shown(answer: Answer, page: Callable[[Answer], RenderableType], as_json: bool) -> None:
    if as_json:
        print_json(answer)
    else:
        terminal().print(page(answer))
