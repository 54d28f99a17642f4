"""How fast results are taken: against the bare disk, with the PDF checker, and what reading suffers meanwhile."""

from __future__ import annotations

import json
import os
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from itertools import count

from archive_service.pdf.reader import Limits, SandboxedPdfReader
from bench.clients import Answer, Connection, Request, rate, require_none
from bench.deposits import deposit, prepare, template
from bench.disk_floor import floor_rate
from bench.figures import Figure, Target, figure, in_turn, percentile
from bench.machine import Meter
from bench.service import REAL, UNCHECKED, Service, running, work_folder

CLIENTS = 16
SIZE_BYTES = 1_000_000

# A tenfold burst of what an agency sends at a mean of 0.6 a second, rounded up.
BURST_A_SECOND = 17
_numbers = count(1)


def accept(*, quick: bool) -> Iterator[Figure]:
    """Deposits without the checker ÷ the disk floor; deposits ÷ (floor and checker, one after the other)."""
    total, rounds = (24, 1) if quick else (500, 5)
    prepare(SIZE_BYTES)
    large = template(SIZE_BYTES)
    with running(UNCHECKED) as unchecked, running(REAL) as real, work_folder() as folder, _checker() as check:
        deposit_rate(unchecked, CLIENTS * 2)
        deposit_rate(real, CLIENTS * 2)
        floor_cpu, deposit_cpu = Meter(lambda: [os.getpid()]), Meter(unchecked.pids)
        bare, taken, full, checked = in_turn(
            rounds,
            lambda: floor_cpu.of(lambda: floor_rate(folder, large.file(), total), total),
            lambda: deposit_cpu.of(lambda: deposit_rate(unchecked, total), total),
            lambda: deposit_rate(real, total // 2),
            lambda: check(total // 2),
        )
    yield figure("accept ÷ floor", (taken, bare), "1 MB files/s, 16 clients", Target(0.45))
    cpu = deposit_cpu.median_ms, floor_cpu.median_ms
    yield figure("CPU of accepting ÷ of the floor", cpu, "ms a 1 MB file", None, "least hurt by what else runs")
    both = 1 / (1 / bare + 1 / checked)
    note = f"floor {bare:.0f}/s, checker alone {checked:.0f}/s"
    yield figure("full deposit ÷ (floor + checker)", (full, both), "1 MB files/s, 16 clients", Target(0.60), note)


def reading(*, quick: bool) -> Iterator[Figure]:
    """The slowest reads of a record while deposits come in ÷ the same with nothing else going on."""
    total, rounds = (40, 1) if quick else (400, 3)
    prepare(0, SIZE_BYTES)
    with running(REAL) as service:
        path = _one_record(service)

        def while_depositing(a_second: float | None) -> Callable[[], float]:
            def measure() -> float:
                with _depositing(service, a_second):
                    return _slow_read(service, path, total)

            return measure

        idle, burst, flood = in_turn(
            rounds, lambda: _slow_read(service, path, total), while_depositing(BURST_A_SECOND), while_depositing(None)
        )
    unit = "ms, p99 of reading a record"
    yield figure(
        "read while depositing ÷ idle", (burst * 1000, idle * 1000), unit, Target(2.0, at_least=False), "17 deposits/s"
    )
    yield figure("read while flooded ÷ idle", (flood * 1000, idle * 1000), unit, None, "16 clients without a pause")


def deposit_rate(service: Service, total: int) -> float:
    """Deposit so many results of 1 MB from 16 clients and return how many a second."""
    large = template(SIZE_BYTES)
    return rate(service.port, CLIENTS, total, lambda _: deposit(next(_numbers), service.headers, large.file()))


@contextmanager
def _checker() -> Iterator[Callable[[int], float]]:
    """Give a function that checks so many files from many threads and returns files a second."""
    reader = SandboxedPdfReader(Limits(processes=os.cpu_count() or 1))
    with work_folder() as folder:
        path = folder / "a.pdf"
        path.write_bytes(b"".join(template(SIZE_BYTES).file()))
        reader.inspect(path)

        def check(total: int) -> float:
            with ThreadPoolExecutor(CLIENTS) as pool:
                began = time.perf_counter()
                list(pool.map(lambda _: reader.inspect(path), range(total)))
                return total / (time.perf_counter() - began)

        try:
            yield check
        finally:
            reader.close()


def _one_record(service: Service) -> str:
    connection = Connection(service.port)
    answer = connection.ask(deposit(next(_numbers), service.headers, template().file()))
    connection.close()
    return f"/api/v1/records/{json.loads(answer.body)['id']}"


def _slow_read(service: Service, path: str, total: int) -> float:
    """Return the 99th percentile of the seconds that reading a record takes, one read after another."""
    connection = Connection(service.port)
    request = Request("GET", path, service.headers)
    seconds = [connection.ask(request).seconds for _ in range(total)]
    connection.close()
    return percentile(seconds, 0.99)


@contextmanager
def _depositing(service: Service, a_second: float | None) -> Iterator[None]:
    """Let deposits of 1 MB come in meanwhile: so many a second, or from 16 clients without a pause."""
    ending, wrong = threading.Event(), list[Answer]()
    clients = CLIENTS if a_second is None else 4
    pause = 0.0 if a_second is None else clients / a_second

    def work(number: int) -> None:
        connection = Connection(service.port)
        ending.wait(pause * number / clients)
        while not ending.is_set():
            answer = connection.ask(deposit(next(_numbers), service.headers, template(SIZE_BYTES).file()))
            if answer.status != 201:
                wrong.append(answer)
                return
            ending.wait(max(0.0, pause - answer.seconds))
        connection.close()

    threads = [threading.Thread(target=work, args=(number,)) for number in range(clients)]
    for thread in threads:
        thread.start()
    try:
        time.sleep(0.5)
        yield
    finally:
        ending.set()
        for thread in threads:
            thread.join()
        require_none(wrong)
