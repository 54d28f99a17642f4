"""What one document costs from deposit to searchable, what the idle service holds, and what a huge file takes."""

from __future__ import annotations

import os
import sqlite3
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import count
from pathlib import Path

from bench.clients import Connection
from bench.deposits import deposit, prepare, template
from bench.figures import Figure, Target, figure, in_turn
from bench.machine import command_of, cpu_seconds, held_bytes, peak_bytes, proportional_bytes
from bench.recognise import ocrmypdf, run_ocrmypdf, scanned_pages
from bench.service import Service, running, work_folder
from examples.results import Form, make_results

GIBIBYTE, MEBIBYTE = 2**30, 2**20
HUGE_BYTES = 499_000_000  # just under the default limit of 500 MiB
_WAIT_SECONDS = 300.0
_numbers = count(10_000)


def cost(*, quick: bool) -> Iterator[Figure]:
    """CPU seconds of a born-digital document and of a scan; seconds until it is found; memory of the idle service."""
    many, rounds = (3, 1) if quick else (40, 3)
    prepare()
    born = [(made.pdf,) for made in make_results(21, many, (Form.BORN_DIGITAL,))]
    with work_folder() as folder, running(worker=True) as service:
        scan = (scanned_pages(folder, 1)[0].pdf.read_bytes(),)
        _searchable(service, [template().file(), scan])  # libraries are loaded and connections are there
        time.sleep(2)
        yield figure("idle service, PSS", (proportional_bytes(service.pids()) / GIBIBYTE, 1.0), "GiB", _at_most(0.4))
        idle = [_seconds(service) for _ in range(1 if quick else 5)]
        yield figure(
            "deposit to searchable, idle", (sorted(idle)[len(idle) // 2], 1.0), "s", _at_most(2.0), "one document"
        )
        (each,) = in_turn(rounds, lambda: _cpu(service, [(*one, b"%", os.urandom(8).hex().encode()) for one in born]))
        yield figure("CPU a born-digital document", (each, 1.0), "s of all processes", _at_most(0.06))
        yield from _scan(service, folder, scan, rounds)


def huge(*, quick: bool) -> Iterator[Figure]:
    """The most memory that any process holds beyond its idle size while a PDF of 500 MB goes through."""
    size = 20_000_000 if quick else HUGE_BYTES
    prepare(size)
    with running(worker=True) as service:
        _searchable(service, [template().file()])
        time.sleep(2)
        with _watching(service) as peaks:
            _searchable(service, [template(size).file()])
    yield figure("500 MB PDF: web process", (peaks["web"], 1.0), "MiB over idle", _at_most(128))
    yield figure("500 MB PDF: worker", (peaks["worker"], 1.0), "MiB over idle", _at_most(256))
    yield figure("500 MB PDF: PDF process", (peaks["sandbox"], 1.0), "MiB over idle", _at_most(256), "forked for it")


def _at_most(value: float) -> Target:
    return Target(value, at_least=False)


def _scan(service: Service, folder: Path, scan: tuple[bytes, ...], rounds: int) -> Iterator[Figure]:
    program = ocrmypdf()
    if program is None:
        return
    page = folder / "page.pdf"
    page.write_bytes(scan[0])

    def theirs() -> float:
        before = os.times()
        run_ocrmypdf(program, page)
        after = os.times()
        return after.children_user + after.children_system - before.children_user - before.children_system

    ours, peer = in_turn(rounds, lambda: _cpu(service, [(*scan, b"%", os.urandom(8).hex().encode())]), theirs)
    yield figure("CPU a scan ÷ OCRmyPDF", (ours, peer), "s for one page", _at_most(0.5), "pdf -O0")


def _cpu(service: Service, files: Sequence[tuple[bytes, ...]]) -> float:
    """Return the CPU seconds of all the service's processes for each file, until all are searchable."""
    before = cpu_seconds(service.pids())
    _searchable(service, files)
    return (cpu_seconds(service.pids()) - before) / len(files)


def _seconds(service: Service) -> float:
    began = time.perf_counter()
    _searchable(service, [template().file()])
    return time.perf_counter() - began


def _searchable(service: Service, files: Sequence[tuple[bytes, ...]]) -> None:
    """Deposit the files one after another and wait until each can be found.

    The register is looked at directly: every question to the service would be an event, and cost it.
    """
    connection = Connection(service.port)
    for content in files:
        answer = connection.ask(deposit(next(_numbers), service.headers, content))
        if answer.status != 201:
            raise RuntimeError(f"{answer.status}: {answer.body[:300]!r}")
    connection.close()
    register = sqlite3.connect(f"file:{service.folder}/data/register.sqlite?mode=ro", uri=True)
    ends = time.monotonic() + _WAIT_SECONDS
    while register.execute("SELECT 1 FROM records WHERE search_state <> 'searchable' LIMIT 1").fetchone():
        if time.monotonic() > ends:
            raise RuntimeError("a document did not become searchable")
        time.sleep(0.02)
    register.close()


@contextmanager
def _watching(service: Service) -> Iterator[dict[str, float]]:
    """Give the most MiB over idle of each kind of process, filled while the block runs."""
    idle = {pid: held_bytes(pid) for pid in service.pids()}
    for pid in idle:
        Path(f"/proc/{pid}/clear_refs").write_text("5")  # the peak is counted from here (proc(5))
    peaks: dict[str, float] = {}
    ending = threading.Event()

    def watch() -> None:
        while not ending.wait(0.05):
            _look(service, idle, peaks)

    thread = threading.Thread(target=watch)
    thread.start()
    try:
        yield peaks
    finally:
        ending.set()
        thread.join()


def _look(service: Service, idle: dict[int, int], peaks: dict[str, float]) -> None:
    for pid in service.pids():
        command = command_of(pid)
        kind = "sandbox" if "sandbox" in command else "worker" if command.rstrip().endswith("worker") else "web"
        grown = (peak_bytes(pid) - idle.get(pid, _server_idle(idle))) / MEBIBYTE
        peaks[kind] = max(peaks.get(kind, 0.0), grown)


def _server_idle(idle: dict[int, int]) -> int:
    """Return what a forked PDF process began with: its server's size."""
    return max((size for pid, size in idle.items() if "sandbox" in command_of(pid)), default=0)
