"""How each server is started on the loopback address, known to be ready, and stopped.

All data of one set of servers lives in one temporary folder, which every server's command line names:
that is how a server is told from a stranger that was given its old process id.
"""

from __future__ import annotations

import http.client
import json
import os
import pwd
import secrets
import shutil
import signal
import subprocess
import threading
import time
import urllib.error
import urllib.request
import zipfile
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from test_servers import machine
from test_servers.fetch import GoPrograms, fetch_elasticsearch, fetch_java, fetch_postgresql
from test_servers.machine import Commands, Unobtainable

MINIO_VERSION = "v0.0.0-20260212201848-7aac2a2c5b7c"
VERSITYGW_VERSION = "v1.8.0"

READY_WITHIN_SECONDS = 180
"""The slowest server is up in under 40 s on two idle cores; they may be busy with everything else."""

STOPPED_WITHIN_SECONDS = 20

ACCESS_KEY = "archivetest"


@dataclass(frozen=True)
class Place:
    """Where one set of servers gets its programs from, and keeps its data."""

    cache: Path
    data: Path
    commands: Commands
    go: GoPrograms
    stopping: threading.Event
    secret_key: str = field(default_factory=lambda: secrets.token_hex(16), repr=False)

    def folder(self, *parts: str, owner: pwd.struct_passwd | None = None) -> Path:
        """Make and return a folder below the data, owned by whom the server runs as."""
        path = self.data.joinpath(*parts)
        path.mkdir(parents=True, exist_ok=True)
        if owner is not None:
            os.chown(path, owner.pw_uid, owner.pw_gid)
        return path


@dataclass(frozen=True)
class Launch:
    """What starts a server, and what tells that it is ready."""

    command: list[str | Path]
    url: str
    is_ready: Callable[[], bool]
    env: dict[str, str] = field(default_factory=dict)
    run_as: pwd.struct_passwd | None = None
    stop_signal: signal.Signals = signal.SIGTERM


@dataclass(frozen=True)
class Server:
    """One kind of server. `fetch` gets its programs, `prepare` makes its data folder and its command line."""

    name: str
    fetch: Callable[[Place], object]
    prepare: Callable[[Place], Launch]

    @property
    def variable(self) -> str:
        return f"ARCHIVE_TEST_{self.name.upper()}"


@dataclass(frozen=True)
class Running:
    """A server that was started and is ready: all that is needed to use and to stop it."""

    url: str
    pid: int
    stop_signal: int
    data: str

    def is_alive(self) -> bool:
        """Tell whether the process is still there, and still this server."""
        try:
            command_line = Path(f"/proc/{self.pid}/cmdline").read_bytes()
        except OSError:
            return False
        return self.data.encode() in command_line


def start(server: Server, place: Place) -> Running:
    """Start a server and wait until it is ready.

    Raises:
        Unobtainable: it cannot be had or started; nothing of it runs then.
    """
    server.fetch(place)
    launch = server.prepare(place)
    log_path = place.data / f"{server.name}.log"
    owner = launch.run_as
    with log_path.open("wb") as log:
        process = subprocess.Popen(
            [str(word) for word in launch.command],
            env={**os.environ, "HOME": str(place.data), **launch.env},
            cwd=place.data,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            user=owner.pw_uid if owner else None,
            group=owner.pw_gid if owner else None,
            extra_groups=[] if owner else None,
        )
    running = Running(launch.url, process.pid, launch.stop_signal, str(place.data))
    give_up_at = time.monotonic() + READY_WITHIN_SECONDS
    while not launch.is_ready():
        if process.poll() is not None:
            reason = f"ended with code {process.returncode}"
        elif place.stopping.wait(0.1):
            reason = "stopped"
        elif time.monotonic() > give_up_at:
            reason = f"was not ready within {READY_WITHIN_SECONDS} s"
        else:
            continue
        stop([running])
        raise Unobtainable(f"{reason}: {machine.tail(log_path.read_text(errors='replace'))}")
    return running


def stop(servers: list[Running]) -> None:
    """Ask every server to end, wait for it, and end what did not."""
    alive = [server for server in servers if server.is_alive()]
    for server in alive:
        machine.kill_group(server.pid, signal.Signals(server.stop_signal))
    give_up_at = time.monotonic() + STOPPED_WITHIN_SECONDS
    while any(map(_is_running, alive)) and time.monotonic() < give_up_at:
        time.sleep(0.05)
    for server in alive:
        machine.kill_group(server.pid, signal.SIGKILL)


def _is_running(server: Running) -> bool:
    """Tell whether the server is alive and, if it is this process's child, collect it when it has ended."""
    try:
        ended, _ = os.waitpid(server.pid, os.WNOHANG)
    except ChildProcessError:
        return server.is_alive()
    return ended == 0


def _answers(url: str) -> bool:
    """Tell whether an HTTP server answers with anything but a server error."""
    try:
        with urllib.request.urlopen(url, timeout=5) as response:
            return int(response.status) < 500
    except urllib.error.HTTPError as error:
        return error.code < 500
    except (OSError, http.client.HTTPException):
        return False


def _fetch_minio(place: Place) -> Path:
    return place.go.fetch("github.com/minio/minio", MINIO_VERSION)


def _prepare_minio(place: Place) -> Launch:
    (port,) = machine.free_ports(1)
    data = place.folder("minio")
    return Launch(
        command=[_fetch_minio(place), "server", data, "--address", f"127.0.0.1:{port}", "--quiet"],
        env={
            "MINIO_ROOT_USER": ACCESS_KEY,
            "MINIO_ROOT_PASSWORD": place.secret_key,
            "MINIO_BROWSER": "off",
            "MINIO_UPDATE": "off",  # it asks nobody about newer versions
        },
        url=f"s3+http://{ACCESS_KEY}:{place.secret_key}@127.0.0.1:{port}",
        is_ready=lambda: _answers(f"http://127.0.0.1:{port}/minio/health/ready"),
    )


def _fetch_versitygw(place: Place) -> Path:
    return place.go.fetch("github.com/versity/versitygw/cmd/versitygw", VERSITYGW_VERSION)


def _prepare_versitygw(place: Place) -> Launch:
    (port,) = machine.free_ports(1)
    objects, versions = place.folder("versitygw", "objects"), place.folder("versitygw", "versions")
    if not machine.keeps_attributes(objects):
        raise Unobtainable(f"{place.data} keeps no extended file attributes; set TMPDIR to a folder that does")
    return Launch(
        command=[
            *(_fetch_versitygw(place), "--quiet", "--port", f"127.0.0.1:{port}", "--health", "/health"),
            *("posix", "--versioning-dir", versions, objects),
        ],
        env={"ROOT_ACCESS_KEY": ACCESS_KEY, "ROOT_SECRET_KEY": place.secret_key},
        url=f"s3+http://{ACCESS_KEY}:{place.secret_key}@127.0.0.1:{port}",
        is_ready=lambda: _answers(f"http://127.0.0.1:{port}/health"),
    )


def _fetch_elasticsearch(place: Place) -> tuple[Path, Path]:
    return fetch_elasticsearch(place.cache, place.commands), fetch_java(place.commands)


def _prepare_elasticsearch(place: Place) -> Launch:
    archive, java_home = _fetch_elasticsearch(place)
    owner = machine.service_user()
    http_port, transport_port = machine.free_ports(2)
    # Unpacked anew each time: the user it runs as may not read the cache, and may write into this folder.
    folder = place.folder("elasticsearch")
    with zipfile.ZipFile(archive) as packed:
        packed.extractall(folder)
    home = next(folder.glob("elasticsearch-*"))
    settings = {
        "cluster.name": "archive-test",
        "discovery.type": "single-node",
        "network.host": "127.0.0.1",
        "http.port": http_port,
        "transport.port": transport_port,
        "path.data": str(place.folder("elasticsearch", "data")),
        "path.logs": str(place.folder("elasticsearch", "logs")),
        "xpack.security.enabled": False,
        "cluster.routing.allocation.disk.threshold_enabled": False,  # a full disk is not what is tested
        "cluster.max_shards_per_node": 5000,  # many small indices side by side
    }
    lines = [f"{name}: {json.dumps(value)}\n" for name, value in settings.items()]
    (home / "config" / "elasticsearch.yml").write_text("".join(lines))
    for program in (home / "bin").iterdir():
        program.chmod(0o755)  # a Python unzip drops it
    place.folder("elasticsearch", "tmp")
    if owner is not None:
        place.commands.run(["chown", "--recursive", f"{owner.pw_uid}:{owner.pw_gid}", folder])
    return Launch(
        command=[home / "bin" / "elasticsearch"],
        env={
            "ES_JAVA_HOME": str(java_home),
            "ES_JAVA_OPTS": "-Xms512m -Xmx1g",
            "ES_TMPDIR": str(folder / "tmp"),
        },
        run_as=owner,
        url=f"http://127.0.0.1:{http_port}",
        is_ready=lambda: _answers(f"http://127.0.0.1:{http_port}/_cluster/health?wait_for_status=yellow&timeout=1s"),
    )


def _fetch_postgresql(place: Place) -> Path:
    return fetch_postgresql(place.commands)


def _prepare_postgresql(place: Place) -> Launch:
    programs = _fetch_postgresql(place)
    owner = machine.service_user()
    (port,) = machine.free_ports(1)
    sockets, data = place.folder("postgresql", owner=owner), place.folder("postgresql", "data", owner=owner)
    as_owner: list[str | Path] = []
    if owner is not None:
        as_owner = ["setpriv", f"--reuid={owner.pw_uid}", f"--regid={owner.pw_gid}", "--clear-groups"]
    trusted = ["--auth=trust", "--username=archive", "--encoding=UTF8", "--locale=C.UTF-8", "--no-sync"]
    place.commands.run([*as_owner, programs / "initdb", "--pgdata", data, *trusted])
    settings = {
        "port": port,
        "listen_addresses": "127.0.0.1",
        "unix_socket_directories": sockets,
        "max_connections": 200,
        "timezone": "UTC",
        # A machine that crashes takes the test run with it: nothing here has to outlive that.
        "fsync": "off",
        "full_page_writes": "off",
    }
    options = [option for name, value in settings.items() for option in ("-c", f"{name}={value}")]
    probe = [
        str(shutil.which("pg_isready", path=str(programs)) or "pg_isready"),
        "--host=127.0.0.1",
        f"--port={port}",
    ]
    return Launch(
        command=[programs / "postgres", "-D", data, *options],
        run_as=owner,
        url=f"postgresql+psycopg://archive@127.0.0.1:{port}/postgres",
        is_ready=lambda: subprocess.run([*probe, "--quiet"], check=False).returncode == 0,
        stop_signal=signal.SIGINT,  # its "fast shutdown": does not wait for clients to leave
    )


SERVERS = (
    Server("minio", _fetch_minio, _prepare_minio),
    Server("versitygw", _fetch_versitygw, _prepare_versitygw),
    Server("elasticsearch", _fetch_elasticsearch, _prepare_elasticsearch),
    Server("postgresql", _fetch_postgresql, _prepare_postgresql),
)
