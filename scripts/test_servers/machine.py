"""What this machine has, and what may be added to it: commands, packages, an unprivileged user, ports.

It never changes a setting that outlives the installation of a package.
"""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

SERVICE_USERS = ("postgres", "nobody")
"""Whom servers run as that refuse to run as root: users that own no files of worth, the likeliest first."""

COMMAND_WITHIN_SECONDS = 1500
"""The longest command, building an object store, takes 4 minutes on two cores; a hang would take for ever."""

LOG_TAIL_LINES = 5
"""Enough to see the cause of a failure, few enough to be read on one screen."""


class Unobtainable(Exception):
    """A server cannot be had here. The message is the reason, for a person to read."""


class Commands:
    """Runs preparatory commands for several threads, and can end all of them at once."""

    def __init__(self) -> None:
        self._running: set[subprocess.Popen[str]] = set()
        self._guard = threading.Lock()
        self._apt = threading.Lock()
        self._stopped = False

    def run(self, command: Sequence[str | Path], env: Mapping[str, str] | None = None) -> str:
        """Return what the command printed to its standard output.

        Raises:
            Unobtainable: it cannot be started, fails or hangs; the reason ends with its last lines.
        """
        words = [str(word) for word in command]
        with self._guard:
            if self._stopped:
                raise Unobtainable("stopped")
            try:
                process = subprocess.Popen(
                    words,
                    env={**os.environ, **(env or {})},
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.PIPE,
                    text=True,
                    errors="replace",
                    start_new_session=True,
                )
            except OSError as error:
                raise Unobtainable(f"{words[0]}: {error.strerror}") from error
            self._running.add(process)
        try:
            output, errors = process.communicate(timeout=COMMAND_WITHIN_SECONDS)
        except subprocess.TimeoutExpired:
            kill_group(process.pid, signal.SIGKILL)
            process.communicate()
            raise Unobtainable(f"`{' '.join(words[:4])} …` took over {COMMAND_WITHIN_SECONDS} s") from None
        finally:
            with self._guard:
                self._running.discard(process)
        if process.returncode != 0:
            raise Unobtainable(f"`{' '.join(words[:4])} …` failed: {tail(errors or output)}")
        return output

    def stop(self) -> None:
        """End every running command with all that it started; later ones are refused."""
        with self._guard:
            self._stopped = True
            for process in self._running:
                kill_group(process.pid, signal.SIGKILL)

    def apt_install(self, *packages: str) -> None:
        """Install those of the Debian packages that are missing.

        Raises:
            Unobtainable: no apt-get, no right to use it, or it fails.
        """
        with self._apt:
            missing = [package for package in packages if not self._has_package(package)]
            if not missing:
                return
            if shutil.which("apt-get") is None:
                raise Unobtainable(f"no apt-get to install {' '.join(missing)} with")
            as_root = [] if os.geteuid() == 0 else ["sudo", "-n"]  # there is no terminal to ask for a password at
            apt = [
                *as_root,
                "env",
                "DEBIAN_FRONTEND=noninteractive",
                "apt-get",
                "-qq",
                "-o",
                "DPkg::Lock::Timeout=300",
            ]
            install = [*apt, "install", "--no-install-recommends", "--yes", *missing]
            try:
                with _no_default_cluster(self, as_root):
                    try:
                        self.run(install)
                    except Unobtainable:  # most likely missing or outdated package lists
                        self.run([*apt, "update"])
                        self.run(install)
            except Unobtainable as error:
                raise Unobtainable(f"needs, as root, apt-get install {' '.join(missing)} ({error})") from error

    def _has_package(self, package: str) -> bool:
        try:
            status = self.run(["dpkg-query", "--show", "--showformat=${db:Status-Status}", package])
        except Unobtainable:
            return False
        return status == "installed"


@contextmanager
def _no_default_cluster(commands: Commands, as_root: Sequence[str]) -> Iterator[None]:
    """While packages are installed, keep PostgreSQL from making and starting a database of its own."""
    setting = Path("/etc/postgresql-common/createcluster.d/archive-test-servers.conf")
    with tempfile.NamedTemporaryFile("w", suffix=".conf") as source:
        source.write("create_main_cluster = false\n")
        source.flush()
        commands.run([*as_root, "install", "-D", "--mode=644", source.name, setting])
        try:
            yield
        finally:
            commands.run([*as_root, "rm", "--force", setting])


def kill_group(group: int, number: signal.Signals) -> None:
    """Send a signal to a process group that may have gone already."""
    try:
        os.killpg(group, number)
    except ProcessLookupError:
        return


def tail(text: str) -> str:
    """Return the last lines of a log as one line."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return " / ".join(lines[-LOG_TAIL_LINES:]) or "it printed nothing"


def service_user() -> pwd.struct_passwd | None:
    """Return whom to run the servers as that refuse root; None when this process is not root.

    Raises:
        Unobtainable: this process is root and there is no such user.
    """
    if os.geteuid() != 0:
        return None
    known = {entry.pw_name: entry for entry in pwd.getpwall()}
    for name in SERVICE_USERS:
        if name in known:
            return known[name]
    raise Unobtainable(f"runs as root, and has none of the users {', '.join(SERVICE_USERS)} to run servers as")


def free_ports(count: int) -> list[int]:
    """Return different loopback ports that nothing listens on at this moment."""
    with ExitStack() as sockets:
        ports = []
        for _ in range(count):
            probe = sockets.enter_context(socket.socket())
            probe.bind(("127.0.0.1", 0))
            ports.append(int(probe.getsockname()[1]))
        return ports


def keeps_attributes(folder: Path) -> bool:
    """Tell whether files in the folder can have extended user attributes (not so on some tmpfs)."""
    with tempfile.NamedTemporaryFile(dir=folder) as probe:
        try:
            os.setxattr(probe.name, "user.archive-test", b"1")
        except OSError:
            return False
    return True
