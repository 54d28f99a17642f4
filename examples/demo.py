"""The demo: starts the archive on its embedded default and shows one result's way in, found again, and out.

``scripts/demo`` installs what is needed and runs it. Each step says what it does and why, shows the command as a user
would type it with its output, and checks the outcome; the first one that is not as it must be ends the demo with exit
code 1.
"""

from __future__ import annotations

import json
import os
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import textwrap
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import click

from examples.results import ExampleResult, make_results, write_results

ROOT = Path(__file__).resolve().parent.parent
COMMAND = "archive-service"
SEED, COUNT = 2563, 6  # whose first three results are for two persons, Tuấn and Tuân, whose names differ in a tone only
WIDTH = 118
START_SECONDS, SEARCHABLE_SECONDS, STOP_SECONDS = 60, 120, 30
ROLES = ("depositor", "archivist")


class ExpectationFailedError(Exception):
    """Something was not as it must be."""


@dataclass(slots=True)
class Demo:
    """What the steps share: a folder, the service's address, a key, and the results with their records' ids."""

    folder: Path
    port: int
    key: str = ""
    results: list[ExampleResult] = field(default_factory=list)
    ids: list[str] = field(default_factory=list)
    steps: int = 0
    checks: int = 0

    @property
    def inbox(self) -> Path:
        """Where the made-up results lie."""
        return self.folder / "inbox"

    @property
    def environment(self) -> dict[str, str]:
        """What commands are given: their data folder, the service's address, and the key. Nothing else of ours."""
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("ARCHIVE_")}
        return inherited | {
            "ARCHIVE_DATA_DIR": str(self.folder / "data"),
            "ARCHIVE_URL": f"http://127.0.0.1:{self.port}",
            "ARCHIVE_API_KEY": self.key,
            "COLUMNS": str(WIDTH),
            "PATH": f"{Path(sys.executable).parent}:{os.environ.get('PATH', '')}",
        }

    def step(self, headline: str, why: str) -> None:
        """Begin a step: what is done, and why it matters."""
        self.steps += 1
        click.echo()
        click.secho(f"{self.steps}. {headline}", bold=True, fg="cyan")
        click.echo(textwrap.fill(why, WIDTH, initial_indent="   ", subsequent_indent="   "))

    def run(
        self, *arguments: str, exit_code: int = 0, key: str | None = None, hide: bool = False, command: str = COMMAND
    ) -> str:
        """Run a command in the demo's folder, show it with its output, and return its standard output."""
        click.secho(f"   $ {shlex.join([command, *arguments])}", fg="yellow")
        environment = self.environment | ({"ARCHIVE_API_KEY": key} if key else {})
        done = self._called(arguments, environment, command)
        if not hide:
            for line in (done.stdout + done.stderr).rstrip().splitlines():
                click.echo(f"     {line}")
        self.expect(done.returncode == exit_code, f"exit code {done.returncode}", f"not {exit_code}: {done.stderr}")
        return done.stdout

    def ask(self, *arguments: str) -> dict[str, Any]:
        """Return what a command says with ``--json``, without showing it."""
        done = self._called((*arguments, "--json"), self.environment)
        if done.returncode:
            raise ExpectationFailedError(f"{shlex.join([COMMAND, *arguments])}: {done.stdout}{done.stderr}")
        answer: dict[str, Any] = json.loads(done.stdout)
        return answer

    def expect(self, holds: bool, what: str, otherwise: str = "") -> None:
        """Tell that something is as it must be, or end the demo."""
        if not holds:
            raise ExpectationFailedError(f"{what} {otherwise}".strip())
        self.checks += 1
        click.secho(f"     ✓ {what}", fg="green")

    def _called(
        self, arguments: tuple[str, ...], environment: dict[str, str], command: str = COMMAND
    ) -> subprocess.CompletedProcess[str]:
        return subprocess.run(  # noqa: S603  # this project's own command, with arguments of this file
            [str(Path(sys.executable).with_name(command)), *arguments],
            cwd=self.folder, env=environment, capture_output=True, text=True, check=False, timeout=300,
        )  # fmt: skip


def set_up(demo: Demo) -> None:
    """Give the archive its offices and a caller its key."""
    demo.step(
        "An empty archive learns its offices, kinds of result and procedures",
        "Reference data is the operator's: CSV and TOML files. These are examples, with a merger of provinces in them.",
    )
    shutil.copytree(ROOT / "examples" / "reference", demo.folder / "reference")
    demo.run("load-reference", "reference")

    demo.step(
        "A caller gets a key",
        "A key belongs to an office and sees that office and everything under it; what it may do, its roles say. "
        "It is printed once and kept as a digest. (Here it is kept out of sight, too.)",
    )
    roles = [option for role in ROLES for option in ("--role", role)]
    made = demo.run("api-key", "create", "--name", "demo", "--office", "BHXH", *roles, "--json", hide=True)
    demo.key = json.loads(made)["key"]


def make_inbox(demo: Demo) -> None:
    """Write made-up results into the inbox."""
    demo.step(
        "Six made-up results lie ready: born-digital, scanned, signed",
        "A scan is an image without any text in it; a signed file carries a PAdES signature. Each has its metadata "
        "beside it, and one manifest lists them all.",
    )
    demo.results = list(make_results(SEED, COUNT))
    write_results(demo.inbox, demo.results)
    for result in demo.results:
        subject = result.metadata["subject"]["name"]
        click.echo(f"     {result.name + '.pdf':<40} {len(result.pdf) // 1000:>4} kB  {subject}")
    demo.expect(len(list(demo.inbox.glob("*.pdf"))) == COUNT, f"{COUNT} files and their manifest are there")


def deposit_results(demo: Demo) -> None:
    """Deposit one result by hand, twice, and then the folder."""
    first = demo.results[0].name
    demo.step(
        "One result goes in",
        "It is checked in a sandbox, stored, read back and compared before the archive says that it is stored.",
    )
    one = ("deposit", f"inbox/{first}.pdf", "--metadata", f"inbox/{first}.json")
    demo.run(*one)

    demo.step(
        "The same deposit again changes nothing",
        "A sender that got no answer can always send again: same file, same metadata, same answer, stored once.",
    )
    demo.expect(demo.ask(*one)["is_replay"] is True, "the archive answered as it did the first time")

    demo.step(
        "A whole folder goes in, by its manifest",
        "First a dry run finds mistakes without sending anything. A run that is broken off goes on where it stopped.",
    )
    folder = ("deposit-folder", "inbox", "--manifest", "inbox/manifest.csv")
    demo.run(*folder, "--dry-run")
    demo.run(*folder)
    demo.run(*folder)
    demo.ids = [demo.ask("verify", f"inbox/{result.name}.pdf")["records"][0]["id"] for result in demo.results]
    demo.expect(len(set(demo.ids)) == COUNT, f"{COUNT} files are {COUNT} records: none is missing, none is doubled")


def wait_until_searchable(demo: Demo) -> None:
    """Wait for the worker to read and index every record."""
    demo.step(
        "The words of each result are read and indexed",
        "A worker takes the text layer where it is good and recognises scans (Tesseract, Vietnamese). Storing "
        "never waits for it: a record is stored first and searchable a little later.",
    )
    began, deadline = time.monotonic(), time.monotonic() + SEARCHABLE_SECONDS
    waiting = list(demo.ids)
    while waiting and time.monotonic() < deadline:
        waiting = [one for one in waiting if demo.ask("show", one)["search_state"] != "searchable"]
        if waiting:
            time.sleep(0.5)
    seconds = time.monotonic() - began
    demo.expect(not waiting, f"all {COUNT} are searchable after {seconds:.0f} s", f"but {len(waiting)} are not")


def search_results(demo: Demo) -> None:
    """Find records with and without tone marks, by words of a scan, and by a document number."""
    tuan, tuan_level = demo.results[0], demo.results[1]
    name, other_name = (one.metadata["subject"]["name"] for one in (tuan, tuan_level))
    demo.step(
        "Search with tone marks: the exact name comes first",
        f"{name} and {other_name} are two persons. What is typed with its marks ranks by its marks.",
    )
    demo.run("search", name)
    demo.expect(_found(demo, name)[0] == demo.ids[0], f"{name} stands first")
    demo.expect(_found(demo, other_name)[0] in demo.ids[1:3], f"and for {other_name}, {other_name} does")

    demo.step(
        "Search without tone marks: everybody of that name is found",
        "People type without marks when they are in a hurry; đ counts as d, too.",
    )
    typed = "tran thanh tuan"
    demo.run("search", typed)
    demo.expect(set(_found(demo, typed)) == set(demo.ids[:3]), "both persons are found, with all three results")

    demo.step(
        "Words that only a scan holds are found",
        "These words are in no metadata: they were recognised in the image of the scanned confirmation.",
    )
    words = '"bo sung ho so giai quyet thu tuc"'
    demo.run("search", words)
    demo.expect(_found(demo, words) == [demo.ids[1]], "the scan is found, and nothing else")

    demo.step("A document number is found whole", "Numbers and notations are strings: no digit and no stroke is lost.")
    said = tuan.metadata
    code = f"{said['document_number']}/{said['document_notation']}"
    demo.run("search", code, "--office", "BHXH-79", "--facet", "year")
    demo.expect(_found(demo, code)[0] == demo.ids[0], f"{code} is found")


def show_subject(demo: Demo) -> None:
    """Show everything the archive holds of one person."""
    demo.step(
        "One person's page: every result over all numbers, in time order",
        "An officer links an earlier result to the next procedure at once, and nobody is asked for paper again.",
    )
    number = demo.results[1].metadata["subject"]["identifiers"][1]["number"]
    demo.run("show", "citizen", number)
    records = demo.ask("show", "citizen", number)["records"]
    demo.expect([one["id"] for one in records] == demo.ids[1:3], "both results are there, the older one first")


def keep_others_out(demo: Demo) -> None:
    """Show that another office's key finds nothing of it."""
    demo.step(
        "Another office sees nothing of it",
        "The office comes from the key, never from the request; a foreign record is not there at all.",
    )
    made = demo.ask("api-key", "create", "--name", "other", "--office", "BHXH-48-03", "--role", "archivist")
    demo.run("show", demo.ids[0], key=str(made["key"]), exit_code=3)


def take_out(demo: Demo) -> None:
    """Download a signed result and verify it."""
    demo.step(
        "The original comes out, bit by bit as it went in",
        "The file gets its name only when its digest is the one recorded. The signature in it is untouched.",
    )
    demo.run("download", demo.ids[2], "-o", "signed.pdf")
    same = (demo.folder / "signed.pdf").read_bytes() == demo.results[2].pdf
    demo.expect(same, "the bytes are those deposited")
    demo.run("verify", "signed.pdf")


def tamper(demo: Demo) -> None:
    """Show what happens to bytes that were changed or cut off."""
    demo.step(
        "A copy with one byte changed is found out",
        "One digit of an amount would be enough. Nobody has to look for it: the digest tells.",
    )
    changed = bytearray(demo.results[2].pdf)
    changed[len(changed) // 2] ^= 1
    (demo.folder / "tampered.pdf").write_bytes(changed)
    demo.run("verify", "tampered.pdf", exit_code=3)

    demo.step(
        "A file that was cut off is refused, with its reason",
        "Nothing of it is kept, and whoever sent it learns why and what to do, in English and in Vietnamese.",
    )
    (demo.folder / "cut-off.pdf").write_bytes(demo.results[0].pdf[:-2000])
    name = demo.results[0].name
    demo.run("deposit", "cut-off.pdf", "--metadata", f"inbox/{name}.json", exit_code=1)


def prove(demo: Demo) -> None:
    """Export what proves a record, and check it as somebody who trusts nobody here."""
    demo.step(
        "Everything that proves one record, in one file, for somebody who does not trust this archive",
        "The package holds the document, its entries in the log, a signed checkpoint and, from the next hour on, its "
        "time-stamps. The checker imports nothing of the service and needs no network. It says UNKNOWN where an "
        "auditor has not brought keys and roots of his own: what this archive says of itself convinces nobody.",
    )
    made = demo.ask("api-key", "create", "--name", "auditor", "--office", "BHXH", "--role", "auditor")
    demo.run("log", "seal")
    package = demo.folder / "evidence.zip"
    demo.run("evidence", "export", demo.ids[2], "-o", package.name, key=str(made["key"]))
    demo.run(package.name, command="archive-verify", exit_code=2)

    demo.step(
        "One bit of the document in it is changed", "Any other bit would show as well: the checker reads them all."
    )
    changed = bytearray(package.read_bytes())
    changed[changed.index(b"%PDF-") + 100] ^= 1
    (demo.folder / "changed.zip").write_bytes(changed)
    demo.run("changed.zip", command="archive-verify", exit_code=1)


def keep_by_schedule(demo: Demo) -> None:
    """Adopt the example schedule, tell what happened, and place a hold."""
    demo.step(
        "How long a record is kept is ruled by a schedule, and explained",
        "A schedule is a file of classes and rules, checked with its line numbers and adopted by a records manager. "
        "A period begins with an event that somebody tells. This schedule is an example; no law stands behind it.",
    )
    shutil.copytree(ROOT / "examples" / "retention", demo.folder / "retention")
    key = str(demo.ask("api-key", "create", "--name", "lan", "--office", "BHXH", "--role", "records-manager")["key"])
    demo.run("retention", "check", "retention/schedule.toml")
    demo.run("retention", "adopt", "retention/schedule.toml", key=key)
    record, dossier = demo.ids[1], str(demo.results[1].metadata["dossier_code"])
    told = ("--dossier", dossier, "--trigger", "dossier-closed", "--on", "02/11/2026", "--source", "one-stop shop")
    demo.run("retention", "tell", *told, key=key)
    shown = demo.run("retention", "show", record, key=key)
    demo.expect("02/11/2026" in shown, "the date is explained, down to the event and the arithmetic")

    demo.step(
        "A hold keeps it, whatever its schedule says",
        "It stands from the moment it is answered, and is lifted only with a reason. Nothing is ever let go by itself, "
        "nor by one person: docs/retention.md tells of proposals, councils and certificates.",
    )
    said = ("--owner", "Thanh tra", "--reason", "khiếu nại", "--legal-reference", "Số 12/TTr")
    demo.run("hold", "place", "--record", record, *said, "--review-on", _in_a_year(), key=key)
    shown = demo.run("retention", "show", record, key=key)
    demo.expect("Thanh tra" in shown, "the hold is named among the reasons")


def _in_a_year() -> str:
    return time.strftime("%Y-%m-%d", time.localtime(time.time() + 365 * 86_400))


STEPS = (
    deposit_results,
    wait_until_searchable,
    search_results,
    show_subject,
    keep_others_out,
    take_out,
    tamper,
    keep_by_schedule,
    prove,
)


def _found(demo: Demo, query: str) -> list[str]:
    return [hit["id"] for hit in demo.ask("search", query)["hits"]]


@contextmanager
def serving(demo: Demo) -> Iterator[None]:
    """Run the service as long as the context lasts; it is stopped whatever happens."""
    demo.step(
        "The service starts",
        "One command on one machine: a web process, and a worker beside it. Everything it keeps lies in one folder.",
    )
    arguments = ["serve", "--port", str(demo.port)]
    click.secho(f"   $ {COMMAND} {shlex.join(arguments)} &", fg="yellow")
    with (demo.folder / "service.log").open("w") as log:
        service = subprocess.Popen(  # noqa: S603  # this project's own command
            [str(Path(sys.executable).with_name(COMMAND)), *arguments],
            cwd=demo.folder, env=demo.environment, stdout=log, stderr=log, start_new_session=True,
        )  # fmt: skip
    try:
        _wait_until_ready(demo, service)
        yield
    finally:
        service.terminate()
        try:
            service.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            os.killpg(service.pid, signal.SIGKILL)
            service.wait()


def _wait_until_ready(demo: Demo, service: subprocess.Popen[bytes]) -> None:
    url = f"http://127.0.0.1:{demo.port}/health/ready"
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and service.poll() is None:
        try:
            with opener.open(url, timeout=5) as answer:
                demo.expect(answer.status == 200, f"the service is ready at http://127.0.0.1:{demo.port}")
                return
        except OSError:
            time.sleep(0.2)
    raise ExpectationFailedError("the service did not become ready")


def free_port() -> int:
    """Return a port of this machine that nobody listens on at the moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def show_everything(folder: Path) -> bool:
    """Run every step; return whether all was as it must be."""
    demo = Demo(folder, free_port())
    began = time.monotonic()
    try:
        set_up(demo)
        make_inbox(demo)
        with serving(demo):
            for step in STEPS:
                step(demo)
    except ExpectationFailedError as wrong:
        click.secho(f"     ✗ {wrong}", fg="red", err=True)
        log = folder / "service.log"
        if log.exists():
            click.echo("The service's last lines:", err=True)
            click.echo("\n".join(log.read_text(errors="replace").splitlines()[-15:]), err=True)
        return False
    seconds = time.monotonic() - began
    click.echo()
    click.secho(
        f"All {demo.checks} expectations held, in {seconds:.0f} s. The service has stopped.", fg="green", bold=True
    )
    return True


@click.command()
@click.option("--keep", is_flag=True, help="Leave the demo's folder where it is.")
def main(keep: bool) -> None:
    """Show the archive at work; exit 0 only when everything was as it must be."""
    # A demo that is told to stop takes the service with it.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    folder = Path(tempfile.mkdtemp(prefix="archive-demo-"))
    try:
        held = show_everything(folder)
    finally:
        if keep:
            click.echo(f"Kept: {folder}")
        else:
            shutil.rmtree(folder, ignore_errors=True)
    sys.exit(0 if held else 1)


if __name__ == "__main__":
    main()
