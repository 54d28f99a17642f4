"""The group of all commands. Each is imported only when it is named, so that `--help` is quick."""

from __future__ import annotations

import os
from importlib import import_module

import click

from archive_service import __version__

# Command → the module and the name it stands under.
_COMMANDS = {
    "serve": "archive_service.cli.serve:serve",
    "worker": "archive_service.cli.serve:worker",
    "deposit": "archive_service.cli.records:deposit",
    "deposit-folder": "archive_service.cli.deposit_folder:deposit_folder",
    "search": "archive_service.cli.records:search",
    "show": "archive_service.cli.records:show",
    "download": "archive_service.cli.records:download",
    "verify": "archive_service.cli.records:verify",
    "evidence": "archive_service.cli.evidence:evidence",
    "retention": "archive_service.cli.retention:retention",
    "hold": "archive_service.cli.holds:hold",
    "disposal": "archive_service.cli.disposals:disposal",
    "reindex": "archive_service.cli.host:reindex",
    "load-reference": "archive_service.cli.host:load_reference",
    "doctor": "archive_service.cli.host:doctor",
    "api-key": "archive_service.cli.host:api_key",
    "jobs": "archive_service.cli.host:jobs",
    "timestamp": "archive_service.cli.timestamps:timestamp",
    "upgrade": "archive_service.cli.host:upgrade",
    "log": "archive_service.cli.log:log",
    "audit": "archive_service.cli.audit:audit",
    "backup": "archive_service.cli.recovery:backup",
    "restore": "archive_service.cli.recovery:restore",
    "rebuild-register": "archive_service.cli.recovery:rebuild_register",
}


class _Commands(click.Group):
    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        place = _COMMANDS.get(cmd_name)
        if place is None:
            return None
        module, name = place.split(":")
        command: click.Command = getattr(import_module(module), name)
        return command


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="archive-service")
def main() -> None:
    """An electronic records archive for the results of administrative procedures.

    On the archive's host (settings: ARCHIVE_…): serve, worker, reindex, load-reference, doctor, api-key, jobs,
    log, timestamp, upgrade, retention diff.
    When something is lost, or may be: audit, backup, restore, rebuild-register.
    From anywhere, with a key: deposit, deposit-folder, search, show, download, verify, evidence,
    retention, hold, disposal. Anywhere, without a key: retention check.
    """
    # What the archive keeps, and what comes out of it, is about persons: nobody else on the machine reads it.
    os.umask(0o077)
