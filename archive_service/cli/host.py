"""Commands of the archive's host: they open register, store and index themselves, by the service's own settings."""

from __future__ import annotations

import datetime as dt
import sys
import time
from pathlib import Path
from typing import Any

import click

from archive_service.bootstrap import open_archive
from archive_service.cli.opened import opened_archive, upgraded_settings
from archive_service.cli.output import ArchiveCommand, ExitCode, examples, json_option, print_json, terminal
from archive_service.errors import Message, NotFound
from archive_service.lifecycle import keys
from archive_service.lifecycle.diagnose import (
    Diagnosis,
    check_audit,
    check_audit_papers,
    check_clocks,
    check_components,
    check_disposals,
    check_log,
    check_retention,
    check_timestamps,
    compare_counts,
    prove_lock,
)
from archive_service.lifecycle.index import (
    Progress,
    ask_to_index,
    rebuild,
    unfinished_rebuild,
    waiting_to_be_indexed,
)
from archive_service.lifecycle.reference import load_reference as load
from archive_service.model.archive import Archive
from archive_service.model.identifiers import OfficeCode
from archive_service.model.permissions import Role
from archive_service.model.ports import ProofResult
from archive_service.settings import load_settings
from archive_service.storage.reference_files import read_reference

# Workers that do nothing for this long are not there.
_SILENT_SECONDS = 15.0


@click.command(cls=ArchiveCommand, epilog=examples("archive-service upgrade"))
@json_option
def upgrade(as_json: bool) -> None:
    """Bring the register's schema to this version; nothing happens when it is there already."""
    upgraded_settings()
    if as_json:
        print_json({"upgraded": True})
    else:
        click.echo("The register has this version's schema.")


@click.command(
    "load-reference",
    cls=ArchiveCommand,
    epilog=examples("archive-service load-reference examples/reference"),
)
@click.argument("folder", type=click.Path(exists=True, file_okay=False, path_type=Path))
@json_option
def load_reference(folder: Path, as_json: bool) -> None:
    """Load offices.csv, result_types.csv and procedures.toml of FOLDER; what they do not name stays."""
    data = read_reference(folder)
    with opened_archive() as archive:
        load(archive, data, keys.OPERATOR)
    counts = {
        "offices": len(data.offices),
        "result_types": len(data.result_types),
        "procedures": len(data.procedures),
    }
    if as_json:
        print_json(counts)
    else:
        click.echo("Loaded " + ", ".join(f"{count} {name.replace('_', ' ')}" for name, count in counts.items()) + ".")


@click.command(
    cls=ArchiveCommand,
    epilog=examples("archive-service reindex", "archive-service reindex --office BHXH-01"),
)
@click.option("--office", help="Only this office and everything under it: the workers put it into the index in use.")
@click.option("--name", default="", help="Name of the new index; the same name again resumes an interrupted run.")
@json_option
def reindex(office: str | None, name: str, as_json: bool) -> None:
    """Build the search index anew beside the old one and switch at the end. Safe to stop and to run again."""
    with opened_archive() as archive:
        report = _Reporter(quiet=as_json)
        if office is not None:
            count = _reindex_office(archive, OfficeCode(office), report)
        else:
            count = rebuild(archive, name or _unfinished(archive), report)
    if as_json:
        print_json({"documents": count})
    elif office is None:
        click.echo(f"{count} documents are in the index.")
    else:
        click.echo(f"{count} records of {office} were given to the workers to index again.")


def _reindex_office(archive: Archive, office: OfficeCode, report: _Reporter) -> int:
    """Ask the workers, and watch them until they are done or seem not to be there."""
    offices = archive.register.read(
        lambda unit: unit.reference.subtree(office) if unit.reference.office(office) else frozenset()
    )
    if not offices:
        raise NotFound(Message(f"There is no office {office}.", f"Không có cơ quan {office}."))
    asked = ask_to_index(archive, offices)
    waiting, silent_since = asked, time.monotonic()
    while waiting and time.monotonic() - silent_since < _SILENT_SECONDS:
        time.sleep(0.5)
        left = waiting_to_be_indexed(archive)
        if left != waiting:
            silent_since = time.monotonic()
        waiting = left
        report(Progress(max(0, asked - waiting), asked))
    if waiting:
        click.echo("No worker seems to run: the work waits for one.", err=True)
    return asked


def _unfinished(archive: Archive) -> str:
    """Return the name of an interrupted rebuild, to go on with it, or a new name."""
    return unfinished_rebuild(archive) or f"{archive.clock.now():%Y%m%dt%H%M%S}"


class _Reporter:
    """Shows how far a rebuild is: one line that changes on a terminal, a line now and then elsewhere."""

    def __init__(self, quiet: bool) -> None:
        self._quiet = quiet
        self._told = 0

    def __call__(self, progress: Progress) -> None:
        """Tell the progress."""
        if self._quiet:
            return
        share = 100 * progress.done // max(1, progress.total)
        if sys.stderr.isatty():
            click.echo(f"\r{progress.done:,} of {progress.total:,} ({share} %)", nl=False, err=True)
            if progress.done >= progress.total:
                click.echo(err=True)
        elif share >= self._told + 10 or progress.done >= progress.total:
            self._told = share
            click.echo(f"{progress.done:,} of {progress.total:,} ({share} %)", err=True)


@click.command(cls=ArchiveCommand, epilog=examples("archive-service doctor"))
@json_option
@click.pass_context
def doctor(ctx: click.Context, as_json: bool) -> None:
    """Check every component, compare what register, store and index hold, and prove the store's lock.

    Exit code 0 when everything passed or could not be told by design (a folder cannot lock), 1 when something failed.
    """
    # The register is looked at as it is: one that is down or older is a finding, and the rest is told too.
    with open_archive(load_settings()) as archive:
        found = _everything(archive)
    failed = any(one.result is ProofResult.FAILED for one in found)
    if as_json:
        rows = [{"name": d.name, "result": str(d.result), "explanation": d.explanation} for d in found]
        print_json({"ok": not failed, "checks": rows})
    else:
        _show(found)
    ctx.exit(ExitCode.FAILED if failed else ExitCode.OK)


def _everything(archive: Archive) -> tuple[Diagnosis, ...]:
    return (
        *check_components(archive),
        *compare_counts(archive),
        *prove_lock(archive),
        check_clocks(archive),
        *check_log(archive),
        *check_timestamps(archive),
        *check_retention(archive),
        *check_disposals(archive),
        check_audit(archive),
        check_audit_papers(archive),
    )


_SIGNS = {ProofResult.PASSED: ("ok", "green"), ProofResult.FAILED: ("FAILED", "red")}


def _show(found: tuple[Diagnosis, ...]) -> None:
    widest = max(len(one.name) for one in found)
    for one in found:
        sign, colour = _SIGNS.get(one.result, ("cannot tell", "yellow"))
        click.echo(f"{one.name:<{widest}}  " + click.style(f"{sign:<11}", fg=colour) + f"  {one.explanation}")


@click.group("api-key")
def api_key() -> None:
    """Make, list and revoke the keys of callers."""


@api_key.command(
    "create",
    cls=ArchiveCommand,
    epilog=examples("archive-service api-key create --name oss --office BHXH-01 --role depositor"),
)
@click.option("--name", required=True, help="Whose key it is; shown in lists.")
@click.option("--office", required=True, help="The office it belongs to; it sees that office and everything under it.")
@click.option(
    "--role", "roles", required=True, multiple=True, type=click.Choice([str(role) for role in Role]), help="May repeat."
)
@click.option("--account", help="The person whose key it is: one person under several keys. Default: the key itself.")
@click.option("--days", default=365, show_default=True, type=click.IntRange(1, 3650), help="Days it is valid.")
@json_option
def create_key(name: str, office: str, roles: tuple[str, ...], account: str | None, days: int, as_json: bool) -> None:
    """Make a key and print it, this once and never again."""
    request = keys.KeyRequest(
        name, OfficeCode(office), frozenset(Role(role) for role in roles), dt.timedelta(days=days), account
    )
    with opened_archive() as archive:
        made = keys.create_key(archive, request)
    if as_json:
        print_json({"id": made.key.id, "key": made.token, "expires_at": made.key.expires_at.isoformat()})
    else:
        click.echo(made.token)
        click.echo(f"Valid until {made.key.expires_at:%Y-%m-%d}. Keep it safe: it is not shown again.", err=True)


@api_key.command("list", cls=ArchiveCommand, epilog=examples("archive-service api-key list"))
@json_option
def list_keys(as_json: bool) -> None:
    """List every key, without its secret."""
    with opened_archive() as archive:
        found = keys.list_keys(archive)
        now = archive.clock.now()
    rows: list[dict[str, Any]] = [
        {
            "id": key.id,
            "name": key.name,
            "account": key.account,
            "office": key.office,
            "roles": sorted(str(role) for role in key.roles),
            "expires_at": key.expires_at.isoformat(),
            "state": "revoked" if key.revoked_at else "expired" if key.expires_at <= now else "valid",
        }
        for key in found
    ]
    if as_json:
        print_json({"keys": rows})
        return
    for row in rows:
        whose = f"  ({row['account']})" if row["account"] else ""
        click.echo(f"{row['id']}  {row['state']:<8}  {row['office']}  {', '.join(row['roles'])}  {row['name']}{whose}")


@api_key.command("revoke", cls=ArchiveCommand, epilog=examples("archive-service api-key revoke 3f0c…"))
@click.argument("key_id")
@json_option
def revoke_key(key_id: str, as_json: bool) -> None:
    """End a key's validity; every web process knows within seconds."""
    with opened_archive() as archive:
        keys.revoke_key(archive, key_id)
    if as_json:
        print_json({"revoked": key_id})
    else:
        click.echo(f"Key {key_id} is revoked.")


@click.group()
def jobs() -> None:
    """Look at follow-up work that waits for a person, and let it be tried again."""


@jobs.command("list", cls=ArchiveCommand, epilog=examples("archive-service jobs list"))
@json_option
def list_jobs(as_json: bool) -> None:
    """Count all follow-up work, and list what was parked with its reason."""
    with opened_archive() as archive:
        counts, parked = archive.register.read(lambda unit: (unit.jobs.counts(), unit.jobs.parked(1000)))
    if as_json:
        print_json(
            {
                "counts": {f"{kind}/{state}": count for (kind, state), count in counts.items()},
                "parked": [
                    {"id": job.id, "kind": str(job.kind), "record_id": job.record_id, "problem": job.problem}
                    for job in parked
                ],
            }
        )
        return
    for (kind, state), count in sorted(counts.items()):
        click.echo(f"{kind} {state}: {count}")
    for job in parked:
        click.echo(f"{job.id}  {job.kind}  {job.record_id}  {job.problem}")
    if parked:
        click.echo("When the cause is mended: archive-service jobs retry NUMBER")
    if not counts:
        terminal().print("There is no follow-up work.")


@jobs.command("retry", cls=ArchiveCommand, epilog=examples("archive-service jobs retry 42"))
@click.argument("job_id", type=click.IntRange(1, 2**63 - 1))
@json_option
def retry_job(job_id: int, as_json: bool) -> None:
    """Let parked work be tried again from the beginning."""
    with opened_archive() as archive:
        now = archive.clock.now()
        found = archive.register.write(lambda unit: unit.jobs.unpark(job_id, now))
    if not found:
        raise NotFound(
            Message(f"No parked work has the number {job_id}.", f"Không có việc tạm dừng nào mang số {job_id}.")
        )
    if as_json:
        print_json({"retried": job_id})
    else:
        click.echo(f"Job {job_id} is due again.")
