"""How every command speaks: its exit codes, its errors in both languages, and JSON for machines.

With ``--json`` standard output carries JSON and nothing else; without it, people read it. What went wrong
goes to standard error. Text that came from outside never reaches the terminal with control characters in it.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Mapping
from enum import IntEnum
from pathlib import Path
from typing import Any

import click
from rich.console import Console

from archive_service.cli.client import ApiProblem
from archive_service.errors import (
    ArchiveError,
    Conflict,
    Gone,
    IntegrityFailure,
    InvalidInput,
    Misconfigured,
    NotAllowed,
    NotAuthenticated,
    NotFound,
    PreconditionFailed,
    PreconditionRequired,
    Rejected,
    TooLarge,
    TooSlow,
    Unavailable,
    UnsupportedMediaType,
)


class ExitCode(IntEnum):
    """The exit codes of every command. They are a promise to scripts and never change their meaning."""

    OK = 0  # done
    FAILED = 1  # something was refused or failed
    USAGE = 2  # wrong options, arguments or settings
    NOT_FOUND = 3  # no such record or subject, or not any more, or: these bytes are not held
    NOT_ALLOWED = 4  # no key, a wrong one, or one without the right
    CONFLICT = 5  # already held, key reused, changed meanwhile
    UNAVAILABLE = 6  # the service or a part of it does not answer; try again
    INTEGRITY = 7  # bytes are not the bytes that were recorded: an alarm


EXIT_CODES: Mapping[type[ArchiveError], ExitCode] = {
    ArchiveError: ExitCode.FAILED,
    NotFound: ExitCode.NOT_FOUND,
    Gone: ExitCode.NOT_FOUND,
    NotAuthenticated: ExitCode.NOT_ALLOWED,
    NotAllowed: ExitCode.NOT_ALLOWED,
    Conflict: ExitCode.CONFLICT,
    PreconditionFailed: ExitCode.CONFLICT,
    PreconditionRequired: ExitCode.CONFLICT,
    InvalidInput: ExitCode.FAILED,
    UnsupportedMediaType: ExitCode.FAILED,
    TooLarge: ExitCode.FAILED,
    TooSlow: ExitCode.UNAVAILABLE,
    Rejected: ExitCode.FAILED,
    Unavailable: ExitCode.UNAVAILABLE,
    IntegrityFailure: ExitCode.INTEGRITY,
    Misconfigured: ExitCode.USAGE,
}

# An answer of the service, by its HTTP status; what is not listed is FAILED.
STATUS_EXIT_CODES: Mapping[int, ExitCode] = {
    401: ExitCode.NOT_ALLOWED,
    403: ExitCode.NOT_ALLOWED,
    404: ExitCode.NOT_FOUND,
    408: ExitCode.UNAVAILABLE,
    409: ExitCode.CONFLICT,
    410: ExitCode.NOT_FOUND,
    412: ExitCode.CONFLICT,
    428: ExitCode.CONFLICT,
    429: ExitCode.UNAVAILABLE,
    502: ExitCode.UNAVAILABLE,
    503: ExitCode.UNAVAILABLE,
    504: ExitCode.UNAVAILABLE,
}


def exit_code_of(error: ArchiveError) -> ExitCode:
    """Return the exit code of an error.

    >>> exit_code_of(ApiProblem(409, {"code": "already-held"}, None)).name
    'CONFLICT'
    """
    if isinstance(error, ApiProblem):
        if error.code == IntegrityFailure.code:
            return ExitCode.INTEGRITY
        return STATUS_EXIT_CODES.get(error.status, ExitCode.FAILED)
    return next(EXIT_CODES[kind] for kind in type(error).__mro__ if kind in EXIT_CODES)


class ArchiveCommand(click.Command):
    """A command whose errors are told in both languages and end in their exit code."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command; an ArchiveError is printed, never raised."""
        try:
            return super().invoke(ctx)
        except ArchiveError as error:
            if ctx.params.get("as_json"):
                print_json({"problem": problem_document(error)})
            else:
                print_error(error)
            ctx.exit(exit_code_of(error))


def json_option(command: Any) -> Any:
    """Add ``--json`` to a command, as its parameter ``as_json``."""
    return click.option("--json", "as_json", is_flag=True, help="Print JSON for machines.")(command)


def examples(*commands: str) -> str:
    """Return the lines of a command's help that show it in use, each on a line of its own."""
    return "\n".join(["\b", "Example:" if len(commands) == 1 else "Examples:", *(f"  {one}" for one in commands)])


def print_json(value: Mapping[str, Any]) -> None:
    """Print one JSON object on one line of standard output."""
    click.echo(json.dumps(value, ensure_ascii=False))


def say_how_to_check(package: Path) -> None:
    """Tell what to do with an evidence package: everything that makes its checker say more than UNKNOWN."""
    trust = "--log-key FILE --witness-key FILE --tsa-root FILE --agency-root FILE"
    click.echo(f"Next, with keys and roots of your own: archive-verify {package} {trust} (docs/evidence.md)")


def problem_document(error: ArchiveError) -> dict[str, Any]:
    """Return an error as machines read it: the service's own document, or one of the same shape."""
    if isinstance(error, ApiProblem):
        return error.document
    document: dict[str, Any] = {
        "code": error.code,
        "detail": error.message.en,
        "detail_vi": error.message.vi,
    }
    if isinstance(error, InvalidInput) and error.problems:
        document["errors"] = [
            {"field": one.field, "message": {"en": one.message.en, "vi": one.message.vi}} for one in error.problems
        ]
    return document


def print_error(error: ArchiveError) -> None:
    """Print an error on standard error: what, why, in Vietnamese too, and what to do next."""
    click.secho(f"Error: {printable(error.message.en)}", err=True, fg="red")
    if error.message.vi != error.message.en:
        click.secho(f"       {printable(error.message.vi)}", err=True, fg="red")
    document = problem_document(error)
    for row in [*document.get("errors", []), *document.get("findings", [])]:
        click.echo(f"  - {_row_line(row)}", err=True)
    if document.get("record_id"):
        click.echo(f"  record {document['record_id']}, state {document.get('state', 'unknown')}", err=True)
    if document.get("request_id"):
        click.echo(f"  request id {printable(str(document['request_id']))}", err=True)


def _row_line(row: Mapping[str, Any]) -> str:
    """Return one reason as a line: its name, and its sentence in both languages."""
    name = row.get("field") or row.get("code") or ""
    en, vi = both_languages(row.get("message"))
    return printable(f"{name}: {en}" + (f" / {vi}" if vi else ""))


def both_languages(message: object) -> tuple[str, str]:
    """Return a message of the API as (English, Vietnamese); the second is empty when there is only one.

    >>> both_languages({"en": "Empty.", "vi": "Rỗng."})
    ('Empty.', 'Rỗng.')
    """
    if isinstance(message, Mapping):
        return str(message.get("en", "")), str(message.get("vi", ""))
    return str(message or ""), ""


def printable(text: str) -> str:
    r"""Return text without control characters, so that a document cannot write to the terminal.

    >>> printable("a\x1b[31mb\nc")
    'a [31mb c'
    """
    return "".join(
        " " if letter < " " or "\x7f" <= letter <= "\x9f" or letter in _DIRECTION_MARKS else letter for letter in text
    )


# These reorder a line on the screen, so that a number could be shown as another one (Unicode Annex 9).
_DIRECTION_MARKS = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


# A pipe or file has no width of its own, and an id that is broken over two lines cannot be found in it.
PIPED_WIDTH = 160
UNTOLD_WIDTH = 80  # what rich takes when neither a terminal nor COLUMNS tells


def terminal() -> Console:
    """Return the console that people read; it shows text as it is and makes nothing of brackets in it."""
    console = Console(markup=False, highlight=False, emoji=False)
    if not console.is_terminal and console.width == UNTOLD_WIDTH:
        console.width = PIPED_WIDTH
    return console


def progress(quiet: bool, what: str) -> Callable[[int], None]:
    """Return what tells how far a command is: a line that changes on a terminal, nothing elsewhere."""

    def tell(passed: int) -> None:
        if not quiet and sys.stderr.isatty():
            click.echo(f"\r{passed:,} {what}", nl=False, err=True)

    return tell
