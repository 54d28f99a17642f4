"""Commands for when something is lost, or may be: backup, restore, rebuild-register.

They run on the archive's host, by the service's own settings. A place of backups that carries a secret is named by
the environment (ARCHIVE_BACKUP_URL), not on the command line.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict

import click
from rich.table import Table

from archive_service.bootstrap import Recovery, open_archive, open_recovery
from archive_service.cli.opened import upgraded_settings
from archive_service.cli.output import (
    ArchiveCommand,
    ExitCode,
    examples,
    json_option,
    print_json,
    progress,
    terminal,
)
from archive_service.lifecycle import rebuild_register as rebuilding
from archive_service.lifecycle.audit.records import replay_tombstones
from archive_service.lifecycle.disposal.restore import RestoredDisposals, restore_disposals
from archive_service.lifecycle.log.catch_up import catch_up
from archive_service.lifecycle.rebuild_register import LOSSES, RebuildRequest, Rebuilt
from archive_service.lifecycle.retention.restore import RestoredRules, restore_rules
from archive_service.lifecycle.timestamps.keep import RestoredTimestamps, restore_timestamps
from archive_service.model.events import Event, EventType, Json
from archive_service.settings import load_settings
from archive_service.storage.backup import BackedUp, Source, back_up
from archive_service.storage.backup_restore import Restored, RestoreRequest, Target
from archive_service.storage.backup_restore import restore as bring_back
from retention.locks import quarantine_lock_until


def _place_argument(command: Callable[..., None]) -> Callable[..., None]:
    return click.argument("place", envvar="ARCHIVE_BACKUP_URL")(command)


@click.command(
    "rebuild-register",
    cls=ArchiveCommand,
    epilog=examples("archive-service rebuild-register", "archive-service rebuild-register --verify"),
)
@click.option("--verify", is_flag=True, help="Read every original and compare it with its description.")
@click.option("--adopt", is_flag=True, help="Bring forward a register that holds records but is older than the store.")
@json_option
@click.pass_context
def rebuild_register(ctx: click.Context, verify: bool, adopt: bool, as_json: bool) -> None:
    """Make a lost register anew from the store alone, and say what cannot come back.

    First the log's published entries are brought back (as by: log catch-up).

    Only into a register without records, or, with --adopt, into one restored from a backup older than the store:
    what it has stays. Safe to stop and to run again: it goes on where it stopped.
    """
    settings = upgraded_settings()
    with open_archive(settings, guarded=False) as archive:
        catch_up(archive)
    with open_archive(settings) as archive:
        stamps = restore_timestamps(archive)
        request = RebuildRequest(verify, adopt)
        result = rebuilding.rebuild_register(archive, request, progress(as_json, "records"))
        rules = restore_rules(archive)
        disposals = restore_disposals(archive)
        if adopt:
            replay_tombstones(archive)
    if as_json:
        print_json(
            asdict(result)
            | {"time_stamps": asdict(stamps), "retention": asdict(rules), "disposals": asdict(disposals)}
            | {"cannot_come_back": [asdict(loss) for loss in LOSSES]}
        )
    else:
        _show_rebuilt(result)
        _show_restored(stamps)
        _show_rules(rules)
        _show_disposals(disposals)
        _show_next(adopt)
    ctx.exit(
        ExitCode.INTEGRITY
        if _is_alarm(result) or any(one.problems for one in (stamps, rules, disposals))
        else ExitCode.OK
    )


def _is_alarm(result: Rebuilt) -> bool:
    return any(problem.code != "never-finished" for problem in result.listed)


def _show_rebuilt(result: Rebuilt) -> None:
    click.echo(
        f"{result.records:,} records with {result.versions:,} metadata versions were brought back, "
        f"{result.quarantined:,} of them in quarantine and {result.rejected:,} rejected; "
        f"{result.disposed:,} that were disposed of stay gone; {result.advanced:,} that were there are as in the store."
    )
    click.echo(f"{result.payloads:,} log entries have what they commit to again: receipts and proofs as before.")
    click.echo(
        "Every original was read and is what its description says."
        if result.verified and not result.problems
        else "Every original was read."
        if result.verified
        else "Originals were not read; their sizes are those described. archive-service audit --verify reads them."
    )
    if result.problems:
        click.secho(f"{result.problems:,} problems:", fg="red")
        for problem in result.listed:
            click.echo(f"  {problem.record_id}  {problem.code}: {problem.explanation}")


def _show_restored(stamps: RestoredTimestamps) -> None:
    click.echo(f"{stamps.batches:,} time-stamped batches of the log were brought back.")
    for problem in stamps.problems:
        click.secho(f"  {problem}", fg="red")


def _show_rules(rules: RestoredRules) -> None:
    click.echo(
        f"{rules.schedules:,} retention schedules, {rules.events:,} events and {rules.holds:,} holds were brought back."
    )
    for problem in rules.problems:
        click.secho(f"  {problem}", fg="red")


def _show_disposals(disposals: RestoredDisposals) -> None:
    click.echo(f"{disposals.payloads:,} log entries about disposals have what they commit to again.")
    for problem in disposals.problems:
        click.secho(f"  {problem}", fg="red")


def _show_next(adopt: bool) -> None:
    if adopt:
        click.echo("Next: run a worker; it reads the words and fills the index.")
        return
    table = Table("What cannot come back", "Instead")
    for loss in LOSSES:
        table.add_row(loss.what, loss.instead)
    terminal().print(table)
    click.echo("Next: load-reference, api-key create, then run a worker; it reads the words and fills the index.")


@click.command(
    cls=ArchiveCommand,
    epilog=examples("archive-service backup /mnt/backup", "ARCHIVE_BACKUP_URL=s3+https://… archive-service backup"),
)
@_place_argument
@click.option(
    "--lock-days",
    default=14,
    show_default=True,
    type=click.IntRange(1, 36500),
    help="Days that new objects are locked.",
)
@json_option
@click.pass_context
def backup(ctx: click.Context, place: str, lock_days: int, as_json: bool) -> None:
    """Back up the register and every object that PLACE does not have yet; the service may go on meanwhile.

    PLACE is a folder, or the URL of a store as ARCHIVE_STORE_URL has it. Exit code 7 when objects are missing from
    the archive's store or are not what the register says: the rest is backed up all the same.
    """
    settings = upgraded_settings()
    with open_recovery(settings, place, lock_days) as recovery:
        archive = recovery.archive
        source = Source(recovery.engine, archive.store, archive.staging)
        done = back_up(source, recovery.place, archive.clock.now(), progress(as_json, "objects"))
    if as_json:
        print_json(_backup_document(done))
    else:
        _show_backup(done)
    ctx.exit(ExitCode.INTEGRITY if done.damaged or done.missing else ExitCode.OK)


def _backup_document(done: BackedUp) -> dict[str, object]:
    manifest = done.manifest
    return {
        "backup": manifest.stamp,
        "manifest_sha256": done.manifest_sha256,
        "objects": manifest.object_count,
        "bytes": manifest.object_bytes,
        "copied": done.copied,
        "rows": manifest.rows(),
        "damaged": list(manifest.damaged),
        "missing": list(manifest.missing),
    }


def _show_backup(done: BackedUp) -> None:
    manifest = done.manifest
    click.echo(
        f"Backup {manifest.stamp} is whole: {manifest.rows()['records']:,} records, {manifest.object_count:,} objects "
        f"({manifest.object_bytes:,} bytes), {done.copied:,} of them new. Manifest SHA-256 {done.manifest_sha256}."
    )
    for name, count, keys in (
        ("damaged", done.damaged, manifest.damaged),
        ("missing", done.missing, manifest.missing),
    ):
        if count:
            click.secho(f"{count:,} {name} in the archive's store, not in this backup:", fg="red", err=True)
            for key in keys:
                click.echo(f"  {key}", err=True)


@click.command(
    cls=ArchiveCommand,
    epilog=examples("archive-service restore /mnt/backup", "archive-service restore /mnt/backup --resume"),
)
@_place_argument
@click.option("--backup", "stamp", help="Which backup; default: the latest that is whole.")
@click.option("--resume", is_flag=True, help="Go on with a restore that was cut off.")
@json_option
def restore(place: str, stamp: str | None, resume: bool, as_json: bool) -> None:
    """Bring a backup back into an empty register and an empty store, comparing every digest.

    What was disposed of stays gone, also if that was after the backup. The index is rebuilt afterwards.
    """
    settings = load_settings()
    with open_recovery(settings, place, 1) as recovery:
        done, replayed = _restore(recovery, RestoreRequest(stamp, resume), as_json)
    if as_json:
        print_json(
            {
                "backup": done.manifest.stamp,
                "objects": done.objects,
                "objects_disposed_of": done.tombstoned,
                "records_disposed_of": replayed,
                "rows": done.rows,
                "next": "reindex",
            }
        )
        return
    click.echo(
        f"Backup {done.manifest.stamp} is back: {done.rows['records']:,} records, {done.objects:,} objects, each "
        f"compared with its digest. {replayed:,} records were disposed of since and stay gone."
    )
    click.echo("Next: archive-service reindex, then archive-service audit, then serve.")


def _restore(recovery: Recovery, request: RestoreRequest, quiet: bool) -> tuple[Restored, int]:
    archive, now = recovery.archive, recovery.archive.clock.now()
    until = quarantine_lock_until(now, archive.rules.quarantine_lock_days)
    evidence_until = quarantine_lock_until(now, archive.rules.checkpoint_lock_days)
    target = Target(recovery.engine, archive.store, archive.staging, until, evidence_until)
    done = bring_back(recovery.place, target, request, progress(quiet, "objects"))
    replayed = replay_tombstones(archive)
    values: dict[str, Json] = {"backup": done.manifest.stamp, "objects": done.objects, "records": done.rows["records"]}
    event = Event(EventType.RESTORED, "operator", archive.clock.now(), None, values)
    archive.register.write(lambda unit: unit.log.append(event))
    return done, replayed
