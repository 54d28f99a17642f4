"""The commands of `scripts/test-servers`: run, start, stop, fetch.

It always stops what it started, and leaves a server out, with its reason, rather than failing for it.
"""

from __future__ import annotations

import argparse
import fcntl
import json
import os
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path
from types import FrameType

from test_servers.fetch import GoPrograms, cache_folder
from test_servers.machine import Commands, Unobtainable
from test_servers.programs import PROGRAMS, Program
from test_servers.servers import SERVERS, Place, Running, Server, start, stop

DESCRIPTION = """\
Real servers to test against (MinIO, versitygw, Elasticsearch, PostgreSQL), on free loopback ports.

  scripts/test-servers run -- COMMAND …    start all, run COMMAND, stop all; exits as COMMAND does
  eval "$(scripts/test-servers start)"     start a set that stays, for a day of work
  scripts/test-servers stop                stop that set
  scripts/test-servers fetch               only download and build

COMMAND finds each server in ARCHIVE_TEST_<NAME>_URL, the programs veraPDF and SoftHSM in ARCHIVE_TEST_<NAME>, or why
there is none in ARCHIVE_TEST_<NAME>_MISSING.
Downloads stay in $ARCHIVE_TEST_CACHE (by default archive-service/test-servers in the user's cache).
"""


STATE_NAME = "started.json"
"""Where, in the cache, the lasting set is written down."""

ENDING_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@dataclass(frozen=True)
class StartedSet:
    """Servers that were started together: their data folder, and what a command is told of them."""

    data: str
    variables: dict[str, str] = field(default_factory=dict)
    servers: list[Running] = field(default_factory=list)


class Interrupted(Exception):
    """A signal asked this program to end."""

    def __init__(self, number: int) -> None:
        super().__init__(signal.Signals(number).name)
        self.number = number


def main(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(
        prog="scripts/test-servers",
        description=DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("action", choices=("run", "start", "stop", "fetch"))
    parser.add_argument("command", nargs=argparse.REMAINDER, metavar="-- COMMAND …")
    parsed = parser.parse_args(arguments)
    command = parsed.command[1:] if parsed.command[:1] == ["--"] else parsed.command
    if bool(command) != (parsed.action == "run"):
        parser.error("run needs a COMMAND" if parsed.action == "run" else f"{parsed.action} takes no COMMAND")

    for number in ENDING_SIGNALS:
        signal.signal(number, _interrupt)
    cache = cache_folder()
    cache.mkdir(parents=True, exist_ok=True)
    try:
        if parsed.action == "run":
            return run(cache, command)
        if parsed.action == "start":
            return start_lasting(cache)
        if parsed.action == "stop":
            return stop_lasting(cache)
        return fetch(cache)
    except Interrupted as interruption:
        return 128 + interruption.number


def run(cache: Path, command: Sequence[str]) -> int:
    """Run a command with all servers up; return its exit code, 128 + the signal's number if one ended it."""
    running = StartedSet(str(_data_folder()))
    try:
        _start_all(cache, running)
        inherited = {name: value for name, value in os.environ.items() if name not in _all_variables()}
        return _run_command(command, {**inherited, **running.variables})
    finally:
        _end(running)


def start_lasting(cache: Path) -> int:
    """Start a set that outlives this program, unless one is up, and print its variables for a shell."""
    state_file = cache / STATE_NAME
    running = _lasting(state_file)
    if running is None or not all(server.is_alive() for server in running.servers):
        stop_lasting(cache)
        running = StartedSet(str(_data_folder()))
        try:
            _start_all(cache, running)
            state_file.touch(mode=0o600)  # it holds the servers' secret keys
            state_file.write_text(json.dumps(asdict(running), indent=1))
        except BaseException:  # an interruption too: a half-started set must not stay
            _end(running)
            raise
    lines = [
        f"export {name}={shlex.quote(running.variables[name])}" if name in running.variables else f"unset {name}"
        for name in _all_variables()
    ]
    print("\n".join(lines))
    return 0


def stop_lasting(cache: Path) -> int:
    """Stop the lasting set, if there is one, and remove its data."""
    state_file = cache / STATE_NAME
    running = _lasting(state_file)
    if running is not None:
        _end(running)
        state_file.unlink()
    return 0


def fetch(cache: Path) -> int:
    """Download and build what the cache lacks; return 1 if something cannot be had."""
    with _prepared(cache, cache) as place, ThreadPoolExecutor(len(SERVERS)) as pool:
        wanted: list[tuple[str, Callable[[], object]]] = [
            *((server.name, partial(server.fetch, place)) for server in SERVERS),
            *((program.name, partial(program.fetch, cache, place.commands)) for program in PROGRAMS),
        ]
        return 0 if all(pool.map(lambda one: _try_to_fetch(*one), wanted)) else 1


def _try_to_fetch(name: str, get: Callable[[], object]) -> bool:
    try:
        get()
    except Unobtainable as reason:
        _say(f"{name}: cannot be had: {reason}")
        return False
    _say(f"{name}: there")
    return True


def _start_all(cache: Path, running: StartedSet) -> None:
    """Start every server that can be had, adding each to the set when it is ready."""

    def attempt(server: Server) -> None:
        begun = time.monotonic()
        try:
            started = start(server, place)
        except Unobtainable as reason:
            _say(f"{server.name}: left out: {reason}")
            running.variables[f"{server.variable}_MISSING"] = str(reason)
            return
        running.servers.append(started)
        running.variables[f"{server.variable}_URL"] = started.url
        _say(f"{server.name}: ready after {time.monotonic() - begun:.1f} s")

    def look_for(program: Program) -> None:
        try:
            running.variables[program.variable] = program.fetch(cache, place.commands)
        except Unobtainable as reason:
            _say(f"{program.name}: left out: {reason}")
            running.variables[f"{program.variable}_MISSING"] = str(reason)

    with _prepared(cache, Path(running.data)) as place, ThreadPoolExecutor(len(SERVERS)) as pool:
        futures = [pool.submit(attempt, server) for server in SERVERS]
        futures += [pool.submit(look_for, program) for program in PROGRAMS]
        try:
            for future in futures:
                future.result()
        except BaseException:  # an interruption too: the threads must end before the servers are stopped
            place.stopping.set()
            place.commands.stop()
            raise


def _end(running: StartedSet) -> None:
    """Stop a set and remove its data, undisturbed by an impatient second Ctrl-C: it takes seconds at most."""
    handlers = [signal.signal(number, signal.SIG_IGN) for number in ENDING_SIGNALS]
    stop(running.servers)
    shutil.rmtree(running.data, ignore_errors=True)
    for number, handler in zip(ENDING_SIGNALS, handlers, strict=True):
        signal.signal(number, handler)


@contextmanager
def _prepared(cache: Path, data: Path) -> Iterator[Place]:
    """Give a place to start servers in; one program at a time downloads into the cache."""
    commands = Commands()
    with (cache / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        go = GoPrograms(cache, commands)
        yield Place(cache, data, commands, go, threading.Event())
        go.forget_sources()


def _run_command(command: Sequence[str], environment: dict[str, str]) -> int:
    try:
        process = subprocess.Popen(command, env=environment)
    except OSError as error:
        _say(f"{command[0]}: {error.strerror}")
        return 127
    while True:
        try:
            code = process.wait()
            return code if code >= 0 else 128 - code
        except Interrupted as interruption:
            # The terminal sends its SIGINT to the command as well; a second one would cut its clean-up short.
            if interruption.number != signal.SIGINT:
                process.send_signal(interruption.number)


def _data_folder() -> Path:
    """Make a temporary folder that the servers' user may look into but not list."""
    folder = Path(tempfile.mkdtemp(prefix="archive-test-servers-"))
    folder.chmod(0o711)
    return folder


def _lasting(state_file: Path) -> StartedSet | None:
    """Return the lasting set that was started last and not stopped since, alive or not."""
    if not state_file.exists():
        return None
    state = json.loads(state_file.read_text())
    return StartedSet(state["data"], state["variables"], [Running(**server) for server in state["servers"]])


def _all_variables() -> list[str]:
    of_servers = [f"{server.variable}_{kind}" for server in SERVERS for kind in ("URL", "MISSING")]
    return of_servers + [f"{program.variable}{kind}" for program in PROGRAMS for kind in ("", "_MISSING")]


def _interrupt(number: int, _frame: FrameType | None) -> None:
    raise Interrupted(number)


def _say(message: str) -> None:
    print(f"[test-servers] {message}", file=sys.stderr, flush=True)


sys.exit(main(sys.argv[1:]))
