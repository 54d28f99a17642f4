"""The command ``archive-verify``: checks one evidence package, offline, and says what it found.

Exit status: 0 if all ten steps pass, 1 if any fails, 2 if none fails but something could not be told, 64 for a call
that could not be understood or a file that could not be opened.
"""

from __future__ import annotations

import argparse
import datetime as dt
import mmap
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NoReturn, TypeVar

from archive_verify import __version__
from archive_verify.errors import Malformed
from archive_verify.package import Package
from archive_verify.report import EXIT_CODES, as_json, as_text, overall
from archive_verify.steps import check
from archive_verify.trust import Trust, read_checkpoint, read_consistency, read_keys, read_roots, read_statements

EXIT_USAGE = 64  # EX_USAGE in sysexits.h

T = TypeVar("T")


class _Parser(argparse.ArgumentParser):
    """Leaves with 64 for a wrong call: argparse's own 2 means UNKNOWN here."""

    def error(self, message: str) -> NoReturn:
        self.print_usage(sys.stderr)
        self.exit(EXIT_USAGE, f"{self.prog}: {message}\n")


def main(arguments: Sequence[str] | None = None, now: dt.datetime | None = None) -> int:
    """Check the package that the arguments name, print the report, and return the exit status.

    ``now`` is the instant to judge at, aware; the machine's clock when it is left out.
    """
    parser = _parser()
    given = parser.parse_args(arguments)
    try:
        trust = Trust(
            now=now or dt.datetime.now(dt.UTC),
            log_keys=_all(read_keys, given.log_key),
            witness_keys=_all(read_keys, given.witness_key),
            tsa_roots=_all(read_roots, given.tsa_root),
            agency_roots=_all(read_roots, given.agency_root),
            revocation=_all(read_statements, given.revocation),
            seen=_all(read_checkpoint, given.seen),
            consistency=_all(read_consistency, given.consistency),
        )
        with given.package.open("rb") as file:
            # Mapped, not read: a package may be larger than the memory at hand. An empty file cannot be mapped.
            empty = file.seek(0, 2) == 0
            package = Package(b"" if empty else mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))
    except (OSError, Malformed) as wrong:
        parser.error(str(wrong))
    results = check(package, trust)
    if given.json:
        told = as_json(package, results)
    else:
        told = as_text(package, results, given.lang, colour=sys.stdout.isatty())
    try:
        print(told, flush=True)
    except BrokenPipeError:
        # Whoever reads wanted no more of it. Nothing is left to be written at the end; the exit status says the rest.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return EXIT_CODES[overall(results)]


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="archive-verify",
        description="Check an evidence package offline, in ten steps. Trust comes from your own files, not from it.",
        epilog="Exit status: 0 all pass, 1 any fails, 2 something could not be told, 64 wrong call.",
    )
    parser.add_argument("package", type=Path, help="the evidence package (ZIP)")
    for option, what in (
        ("--log-key", "verifier keys of the log, one a line"),
        ("--witness-key", "verifier keys of witnesses, all of whom must have cosigned"),
        ("--tsa-root", "root certificates of time-stamp authorities (PEM or DER)"),
        ("--agency-root", "root certificates of those who sign documents (PEM or DER)"),
        ("--revocation", "revocation list or OCSP answer, beside those in the package (PEM or DER)"),
        ("--seen", "a checkpoint of the log that you kept, with which the package's must agree"),
        ("--consistency", "the archive's proof that one checkpoint extends another (JSON)"),
    ):
        parser.add_argument(option, type=Path, action="append", default=[], metavar="FILE", help=f"{what}; repeatable")
    parser.add_argument("--json", action="store_true", help="report as JSON, in both languages")
    parser.add_argument("--lang", choices=("en", "vi"), default="en", help="language of the report (ngôn ngữ)")
    parser.add_argument("--version", action="version", version=__version__)
    return parser


def _all(read: Callable[[Path], tuple[T, ...]], paths: Sequence[Path]) -> tuple[T, ...]:
    return tuple(one for path in paths for one in read(path))


if __name__ == "__main__":
    sys.exit(main())
