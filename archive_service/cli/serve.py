"""Commands that run: the service on one machine, and a worker on any."""

from __future__ import annotations

import datetime as dt
import gc
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from contextlib import suppress
from functools import partial
from pathlib import Path

import click

from archive_service.bootstrap import has_current_register, open_archive, upgrade_register
from archive_service.cli.output import ArchiveCommand, examples, json_option, print_json
from archive_service.errors import Message, Misconfigured
from archive_service.logs import configure_logs
from archive_service.orphans import follow_parent
from archive_service.settings import Settings, load_settings
from archive_service.worker import Worker

# How long work in progress may take to end after the service was told to stop.
GRACE_SECONDS = 20.0

# A process that dies is started again, not faster than this.
RESTART_SECONDS = 2.0


@click.command(cls=ArchiveCommand, epilog=examples("archive-service serve", "archive-service serve --port 8081"))
@click.option("--host", default=None, help="Address to listen on; default: ARCHIVE_LISTEN_HOST.")
@click.option("--port", default=None, type=click.IntRange(1, 65535), help="Default: ARCHIVE_LISTEN_PORT.")
@click.option("--worker/--no-worker", default=True, help="Run a worker beside the web process.")
@json_option
def serve(host: str | None, port: int | None, worker: bool, as_json: bool) -> None:
    """Run the service: one web process, and one worker process beside it. Ctrl-C ends both."""
    settings = load_settings()
    configure_logs(settings.log_level, settings.log_format)
    address = (host or settings.listen_host, port or settings.listen_port)
    _require_free(*address)
    _upgrade_apart(settings)
    # What is wrong with a setting is told here, once, and not by each process that would start and fail.
    with open_archive(settings, pdf_processes=1):
        pass
    beside = WorkerProcess() if worker else None
    if beside is not None:
        beside.start()
    try:
        if as_json:
            print_json({"listening": f"http://{address[0]}:{address[1]}", "pid": os.getpid()})
        serve_http(settings, *address)
    finally:
        if beside is not None:
            beside.stop()


def _upgrade_apart(settings: Settings) -> None:
    """Upgrade the register in a process of its own, where it must be: what that loads is not needed afterwards."""
    if not has_current_register(settings):
        command = [sys.executable, "-m", "archive_service", "upgrade"]
        done = subprocess.run(command, stdout=subprocess.DEVNULL, check=False)  # noqa: S603  # our own command
        if done.returncode:
            sys.exit(done.returncode)


@click.command(cls=ArchiveCommand, epilog=examples("archive-service worker"))
@json_option
def worker(as_json: bool) -> None:
    """Take follow-up work: read documents' words, index records, renew locks. Any number may run, on any host."""
    settings = load_settings()
    configure_logs(settings.log_level, settings.log_format)
    upgrade_register(settings)
    if as_json:
        print_json({"working": True, "pid": os.getpid()})
    run_worker(settings)


def run_worker(settings: Settings) -> None:
    """Work until told to stop: the first signal lets work in progress end, a second one ends at once."""
    stopping = threading.Event()

    def stop(_number: int, _frame: object) -> None:
        if stopping.is_set():
            os._exit(1)
        stopping.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, stop)
    processes = settings.worker_processes or os.cpu_count() or 1
    with open_archive(settings, pdf_processes=processes) as archive:
        running = Worker(
            archive,
            text_threads=processes,
            lease=dt.timedelta(seconds=settings.job_lease_seconds),
            audit_bytes_per_second=settings.audit_megabytes_per_second * 1_000_000,
        )
        running.start()
        if parent := os.environ.get(_BESIDE):
            follow_parent(int(parent), stopping.set)
        stopping.wait()
        running.stop(GRACE_SECONDS)


# Set for a worker that `serve` started, to the process it belongs to: it ends with it.
_BESIDE = "ARCHIVE_WORKER_BESIDE_SERVICE"


class WorkerProcess:
    """The worker beside a web process: started again when it dies, ended with the service."""

    def __init__(self) -> None:
        self._stopping = threading.Event()
        self._process: subprocess.Popen[bytes] | None = None
        self._watch = threading.Thread(target=self._keep_running, name="worker-watch", daemon=True)

    def start(self) -> None:
        """Start the worker and watch it."""
        self._watch.start()

    def stop(self) -> None:
        """Tell the worker to stop and wait for it."""
        self._stopping.set()
        if self._process is not None:
            self._process.terminate()
        self._watch.join(GRACE_SECONDS + 5)
        if self._process is not None and self._process.poll() is None:
            self._process.kill()

    def _keep_running(self) -> None:
        command = [sys.executable, "-m", "archive_service", "worker"]
        # A worker has many threads that mostly wait: an allocation arena for each would be memory for nothing.
        environment = {"MALLOC_ARENA_MAX": "2", **os.environ, _BESIDE: str(os.getpid())}
        while not self._stopping.is_set():
            self._process = subprocess.Popen(command, env=environment)  # noqa: S603  # our own command
            self._process.wait()
            self._stopping.wait(RESTART_SECONDS)


def _require_free(host: str, port: int) -> None:
    """Raise Misconfigured when nothing can listen there: another program does, or the address is not this machine's."""
    try:
        family, *_, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, socket.SOCK_STREAM) as probe:
            # Connections that have just ended do not stand in the way of a restart.
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
            probe.listen()
    except OSError as taken:
        raise Misconfigured(
            Message(
                f"Cannot listen on {host}:{port}: {taken.strerror}. Choose another address or port: --host and --port, "
                "or ARCHIVE_LISTEN_HOST and ARCHIVE_LISTEN_PORT.",
                f"Không mở được cổng tại {host}:{port}. Hãy chọn địa chỉ hoặc cổng khác: --host và --port, "
                "hoặc ARCHIVE_LISTEN_HOST và ARCHIVE_LISTEN_PORT.",
            )
        ) from taken


def serve_http(
    settings: Settings, host: str, port: int, *, application: str = "archive_service.api.wsgi:build"
) -> None:
    """Answer requests until told to stop; ``application`` names what builds the WSGI application."""
    from granian.constants import Interfaces
    from granian.log import LogLevels
    from granian.server import Server

    new_server = partial(
        Server,
        application,
        factory=True,
        address=host,
        port=port,
        interface=Interfaces.WSGI,
        workers=1,
        blocking_threads=settings.web_threads,
        websockets=False,
        # It warns of more threads than cores; ours wait for store and register most of the time.
        log_level=LogLevels.error,
        respawn_failed_workers=True,
        workers_kill_timeout=int(GRACE_SECONDS),
        working_dir=Path.cwd(),
    )
    click.echo(f"archive-service listens on http://{host}:{port}", err=True)
    # The web process is forked. A collection in it would write to all that was there before, and unshare it.
    gc.collect()
    gc.freeze()
    while True:
        server = new_server()
        # It gives up and exits when its web process dies twice within seconds. A service without a supervisor may not.
        with suppress(SystemExit):
            server.serve()
        if not server.interrupt_signal:
            time.sleep(RESTART_SECONDS)
        if server.interrupt_signal:
            return
