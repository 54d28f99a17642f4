"""How fast signed results are taken, against what validating their signatures alone allows on all cores.

What a validation costs depends on the signature: one with a time-stamp has two paths of certificates to be followed,
one with revocation data more. An agency's results are time-stamped (B-T of ETSI EN 319 142-1), as the archive's own
seal is.
"""

from __future__ import annotations

import datetime as dt
import json
import logging
import os
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from itertools import count
from pathlib import Path

from archive_service.pdf.reader import Limits, SandboxedPdfReader, TrustFolders
from bench.clients import Connection, rate
from bench.deposits import deposit, prepare
from bench.figures import Figure, Target, figure, in_turn
from bench.service import REAL, Service, running, work_folder
from examples.results import Form, make_results
from tests.pdf.signing import How, agency_root, sign, stamp_root

CLIENTS = 16
FILES = 8
# The less a validation has to do, the more all that is not validation weighs.
LEVELS = ("B-T", "B-B", "B-LT")
_numbers = count(1)


def signed(*, quick: bool) -> Iterator[Figure]:
    """Deposits of signed results a second ÷ validations a second of the same files, in processes on all cores."""
    total, rounds = (16, 1) if quick else (200, 9)
    logging.getLogger("pyhanko").setLevel(logging.ERROR)  # it warns that it signs without asking the network
    prepare(0)
    plain = [result.pdf for result in make_results(11, FILES, (Form.BORN_DIGITAL,))]
    unit = f"signed files/s, {CLIENTS} clients, {os.cpu_count() or 1} cores"
    with work_folder() as folder:
        trust = TrustFolders(
            str(agency_root().trusted_in(folder / "agencies")), str(stamp_root().trusted_in(folder / "authorities"))
        )
        settings = {"ARCHIVE_AGENCY_TRUST_DIR": str(trust.agency_dir), "ARCHIVE_TSA_TRUST_DIR": str(trust.tsa_dir)}
        with running(REAL, settings=settings) as real, _validator(folder, trust) as validate:
            for level in LEVELS:
                files = [sign(pdf, How(level=level)) for pdf in plain]
                _require_valid(real, files[0])
                _deposits(real, files, CLIENTS)
                taken, alone = in_turn(rounds, partial(_deposits, real, files, total), partial(validate, files, total))
                yield figure(f"signed deposit ÷ signature check alone, {level}", (taken, alone), unit, Target(0.70))


def _require_valid(service: Service, file: bytes) -> None:
    """Deposit the file; it must be found valid, so that the check went all the way."""
    connection = Connection(service.port)
    answer = connection.ask(deposit(next(_numbers), service.headers, (file,)))
    connection.close()
    verdict = json.loads(answer.body).get("signatures")
    if verdict != "valid":
        raise RuntimeError(f"a signature that should be valid is {verdict}: {answer.body[:500]!r}")


def _deposits(service: Service, files: list[bytes], total: int) -> float:
    return rate(
        service.port,
        CLIENTS,
        total,
        lambda number: deposit(next(_numbers), service.headers, (files[number % len(files)],)),
    )


@contextmanager
def _validator(folder: Path, trust: TrustFolders) -> Iterator[Callable[[list[bytes], int], float]]:
    """Give a function that validates files in turn, so many from many threads, and returns files a second."""
    reader = SandboxedPdfReader(Limits(processes=os.cpu_count() or 1), trust=trust)
    now = dt.datetime.now(dt.UTC)

    def validate(files: list[bytes], total: int) -> float:
        paths = [folder / f"{number}.pdf" for number in range(len(files))]
        for path, content in zip(paths, files, strict=True):
            path.write_bytes(content)
        # The first check starts the server.
        reader.check_signatures(paths[0], now)
        with ThreadPoolExecutor(CLIENTS) as pool:
            began = time.perf_counter()
            list(pool.map(lambda number: reader.check_signatures(paths[number % len(paths)], now), range(total)))
            return total / (time.perf_counter() - began)

    try:
        yield validate
    finally:
        reader.close()
