"""Commands about the log: its keys, sealing it now, and bringing a restored register up to what was published.

They run on the archive's host, by the service's own settings. Private keys are never shown.
"""

from __future__ import annotations

from pathlib import Path

import click

from archive_service.bootstrap import open_archive, open_signer
from archive_service.cli.opened import upgraded_settings
from archive_service.cli.output import ArchiveCommand, examples, json_option, print_json
from archive_service.errors import Conflict, Message
from archive_service.evidence.signer import LogSigner, generate_log_keys
from archive_service.lifecycle.log.catch_up import catch_up as bring_up
from archive_service.lifecycle.log.rotate_keys import adopt_keys, retire_keys
from archive_service.lifecycle.log.seal import seal_log
from archive_service.settings import Settings, load_settings
from archive_service.storage.log_key_file import keep_log_keys, open_log_keys


@click.group()
def log() -> None:
    """Look after the log that makes the archive provable."""


@log.command(cls=ArchiveCommand, epilog=examples("archive-service log seal"))
@json_option
def seal(as_json: bool) -> None:
    """Sign and publish a checkpoint now, as workers do every minute: before a backup, for example."""
    settings = upgraded_settings()
    with open_archive(settings) as archive:
        made = seal_log(archive)
    size = made.size if made is not None else 0
    if as_json:
        print_json({"origin": settings.log_origin, "size": size})
    else:
        click.echo(f"The log {settings.log_origin} is signed and published with {size:,} entries.")


@log.command("catch-up", cls=ArchiveCommand, epilog=examples("archive-service log catch-up"))
@json_option
def catch_up(as_json: bool) -> None:
    """Give a register restored from an older backup the published entries that it lacks, proven, from the store.

    Who did what in those entries is lost with the register; that they were made, and when, is not.
    """
    with open_archive(upgraded_settings(), guarded=False) as archive:
        done = bring_up(archive)
    if as_json:
        print_json({"before": done.before, "after": done.after})
    elif done.before == done.after:
        click.echo("The register lacks no published entry.")
    else:
        click.echo(f"{done.after - done.before:,} entries were brought back; the log goes on after {done.after:,}.")
        click.echo("Next: archive-service rebuild-register --adopt, for records that the register lacks.")


@log.group()
def key() -> None:
    """Show and change the keys that the log is signed with."""


@key.command(cls=ArchiveCommand, epilog=examples("archive-service log key new /etc/archive/log-key.pem"))
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@json_option
def new(file: Path, as_json: bool) -> None:
    """Make a key file that every host is then given (ARCHIVE_LOG_KEY_FILE). An existing file stays as it is."""
    if file.exists():
        raise Conflict(
            Message(f"{file} is there already and stays.", f"{file} đã tồn tại và được giữ nguyên."),
            code="log-key-file-exists",
        )
    _show(LogSigner(load_settings().log_origin, open_log_keys(file, make=True)), as_json)


@key.command(cls=ArchiveCommand, epilog=examples("archive-service log key show"))
@json_option
def show(as_json: bool) -> None:
    """Print the verifier keys of the key file, one a line: hand them to auditors in a way they trust."""
    _show(open_signer(load_settings()), as_json)


@key.command(
    cls=ArchiveCommand,
    epilog=examples("archive-service log key rotate", "archive-service log key rotate --lost"),
)
@click.option("--lost", is_flag=True, help="The key file of this log is lost: go on with the one in its place.")
@json_option
def rotate(lost: bool, as_json: bool) -> None:
    """Add a new generation of keys beside the old one: both sign, until the old one is retired.

    Give every host the new file and restart its processes; hand the new verifier keys to auditors. Keys that stand in
    ARCHIVE_LOG_KEY are changed there: put those of a new key file behind them, then run this.
    """
    settings = upgraded_settings()
    if settings.log_key is None and not lost:
        _add_generation(settings)
    with open_archive(settings, guarded=False) as archive:
        if lost:
            retire_keys(archive, lost=True)
        adopt_keys(archive)
    _show(open_signer(settings), as_json)
    click.echo("Restart the service and every worker: until then they sign with the keys of before.", err=True)


def _add_generation(settings: Settings) -> None:
    generations = open_signer(settings, make=False).generations
    if len(generations) > 1:
        raise Conflict(
            Message(
                "Two generations of keys sign already. First end the older one: archive-service log key retire",
                "Đang có hai đời khoá cùng ký. Trước hết hãy kết thúc đời cũ: archive-service log key retire",
            ),
            code="log-key-rotating",
        )
    keep_log_keys(settings.log_keys, (*generations, generate_log_keys()))


@key.command(cls=ArchiveCommand, epilog=examples("archive-service log key retire"))
@json_option
def retire(as_json: bool) -> None:
    """Let the older generation of keys sign no more, once every auditor has the newer one.

    Where the keys stand in ARCHIVE_LOG_KEY, take the older ones out there first.
    """
    settings = upgraded_settings()
    if settings.log_key is None:
        keep_log_keys(settings.log_keys, open_signer(settings, make=False).generations[-1:])
    with open_archive(settings, guarded=False) as archive:
        ended = retire_keys(archive)
    if as_json:
        print_json({"retired": [one.verifier_key for one in ended]})
    else:
        click.echo(f"{len(ended)} keys were retired. Give every host the new file and restart its processes.")


def _show(signer: LogSigner, as_json: bool) -> None:
    keys = [one.text for one in signer.verifier_keys]
    if as_json:
        print_json({"verifier_keys": keys})
    else:
        for one in keys:
            click.echo(one)
