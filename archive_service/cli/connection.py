"""The options by which a command reaches the archive: its address and a key, which is never shown."""

from __future__ import annotations

import functools
from collections.abc import Callable
from pathlib import Path
from typing import Any, Concatenate, ParamSpec, cast

import click
from click.core import ParameterSource

from archive_service.cli.client import ArchiveClient

Parameters = ParamSpec("Parameters")
Connect = Callable[[], ArchiveClient]
DEFAULT_URL = "http://127.0.0.1:8080"


def connected(
    command: Callable[Concatenate[ArchiveClient, Parameters], None],
) -> Callable[Parameters, None]:
    """Give a command ``--url``, ``--key`` and ``--key-file``; its first argument becomes a client."""

    @connectable
    @functools.wraps(command)
    def run(connect: Connect, /, *args: Any, **kwargs: Any) -> None:
        with connect() as client:
            command(client, *args, **kwargs)

    return cast("Callable[Parameters, None]", run)


def connectable(
    command: Callable[Concatenate[Connect, Parameters], None],
) -> Callable[Parameters, None]:
    """Give a command the same options; its first argument becomes a function that makes the client.

    A command that does not call it needs no key.
    """

    @click.option(
        "--url",
        envvar="ARCHIVE_URL",
        default=DEFAULT_URL,
        show_default=True,
        show_envvar=True,
        help="Address of the archive.",
    )
    @click.option(
        "--key",
        envvar="ARCHIVE_API_KEY",
        show_envvar=True,
        help="API key. Others on this machine may see it as an option: rather use one of the other ways.",
    )
    @click.option(
        "--key-file",
        type=click.Path(exists=True, dir_okay=False, path_type=Path),
        help="File that holds the API key.",
    )
    @click.pass_context
    @functools.wraps(command)
    def run(ctx: click.Context, /, *args: Any, **kwargs: Any) -> None:
        url, key, key_file = (kwargs.pop(name) for name in ("url", "key", "key_file"))

        def connect() -> ArchiveClient:
            return ArchiveClient(url, _chosen_key(ctx, key, key_file))

        command(connect, *args, **kwargs)

    return cast("Callable[Parameters, None]", run)


def _chosen_key(ctx: click.Context, key: str | None, key_file: Path | None) -> str:
    """Return the key; a file that is named wins over the environment, and two keys at once are a mistake."""
    if key_file is not None:
        if key and ctx.get_parameter_source("key") is ParameterSource.COMMANDLINE:
            raise click.UsageError("Give --key or --key-file, not both.")
        try:
            return key_file.read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError) as wrong:
            raise click.UsageError(f"The key file {key_file} cannot be read.") from wrong
    if not key:
        raise click.UsageError("A key is needed: set ARCHIVE_API_KEY, or give --key-file or --key.")
    return key.strip()
