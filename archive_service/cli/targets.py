"""The options by which events and holds name what they are about: a record, a dossier, or a subject by its number."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import click

from archive_service.cli.client import Answer, Query
from archive_service.model.identifiers import IdentifierScheme

DAY = click.DateTime(["%Y-%m-%d", "%d/%m/%Y"])
DRY_RUN: Query = (("dry_run", "true"),)


def target_options(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command ``--record``, ``--dossier`` and ``--subject``, of which one is to be given."""
    schemes = click.Choice([str(one) for one in IdentifierScheme])
    for option in (
        click.option("--subject", type=(schemes, str), metavar="SCHEME NUMBER", help="One of a subject's numbers."),
        click.option("--dossier", metavar="CODE", help="Code of a dossier."),
        click.option("--record", metavar="ID", help="Id of a record."),
    ):
        command = option(command)
    return command


def dry_run_option(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command ``--dry-run``."""
    return click.option("--dry-run", is_flag=True, help="Say what would be done, and do nothing.")(command)


def chosen_target(given: dict[str, Any]) -> Answer:
    """Return scope and target as the API takes them, of the options that were given. Raises UsageError for two."""
    named = {scope: value for scope, value in given.items() if value}
    if len(named) != 1:
        options = ", ".join(f"--{name}" for name in given)
        raise click.UsageError(f"Give one of {options}.")
    [(scope, value)] = named.items()
    if scope == "subject":
        scheme, number = value
        return {"scope": scope, "identifier": {"scheme": scheme, "number": number}}
    return {"scope": scope, "condition" if scope == "condition" else "target": value}


def tried(dry_run: bool) -> Query:
    """Return the query that asks for a trial, or none."""
    return DRY_RUN if dry_run else ()
