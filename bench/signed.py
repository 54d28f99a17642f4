"""How fast signed results are taken, against what validating their signatures alone allows on all cores."""

from __future__ import annotations

import datetime as dt
import os
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from itertools import count
from pathlib import Path

from archive_service.pdf.reader import Limits, SandboxedPdfReader
from bench.clients import rate
from bench.deposits import deposit, prepare
from bench.figures import Figure, Target, figure, in_turn
from bench.service import REAL, Service, running, work_folder
from examples.results import Form, make_results

CLIENTS = 16
FILES = 8
_numbers = count(1)


def signed(*, quick: bool) -> Iterator[Figure]:
    """Deposits of signed results a second ÷ validations a second of the same files, in processes on all cores."""
    total, rounds = (16, 1) if quick else (200, 5)
    prepare(0)
    files = [result.pdf for result in make_results(11, FILES, (Form.SIGNED,))]
    with running(REAL) as real, work_folder() as folder, _validator(folder, files) as validate:
        # The first signed deposit starts the server that validates.
        _deposits(real, files, CLIENTS)
        taken, alone = in_turn(rounds, lambda: _deposits(real, files, total), lambda: validate(total))
    unit = f"signed files/s, {CLIENTS} clients, {os.cpu_count() or 1} cores"
    yield figure("signed deposit ÷ signature check alone", (taken, alone), unit, Target(0.70))


def _deposits(service: Service, files: list[bytes], total: int) -> float:
    return rate(
        service.port,
        CLIENTS,
        total,
        lambda number: deposit(next(_numbers), service.headers, (files[number % len(files)],)),
    )


@contextmanager
def _validator(folder: Path, files: list[bytes]) -> Iterator[Callable[[int], float]]:
    """Give a function that validates so many files from many threads and returns files a second."""
    reader = SandboxedPdfReader(Limits(processes=os.cpu_count() or 1))
    paths = [folder / f"{number}.pdf" for number in range(len(files))]
    for path, content in zip(paths, files, strict=True):
        path.write_bytes(content)
    now = dt.datetime.now(dt.UTC)
    reader.check_signatures(paths[0], now)

    def validate(total: int) -> float:
        with ThreadPoolExecutor(CLIENTS) as pool:
            began = time.perf_counter()
            list(pool.map(lambda number: reader.check_signatures(paths[number % len(paths)], now), range(total)))
            return total / (time.perf_counter() - began)

    try:
        yield validate
    finally:
        reader.close()
