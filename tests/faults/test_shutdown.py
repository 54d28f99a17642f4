"""Told to end: requests in flight are answered, work in progress is given back, and a second signal ends at once."""

from __future__ import annotations

import dataclasses
import datetime as dt
import http.client
import json
import os
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Iterator

import pytest

from archive_service.model.inspection import Examined, NoText
from archive_service.model.jobs import JobKind, JobState
from archive_service.model.record import DocumentText
from archive_service.worker import Worker
from examples.results import Form, make_results
from tests.faults.place import Place, results
from tests.running import RunningService, command, environment, wait_for


@pytest.fixture
def service(embedded: Place) -> Iterator[RunningService]:
    """Run a service for this test."""
    with embedded.running() as running:
        yield running


def test_request_in_flight_is_answered_after_the_service_was_told_to_end(
    embedded: Place, service: RunningService
) -> None:
    result = next(results(seed=17))
    with embedded.client(service) as client:
        said = json.dumps(result.metadata, ensure_ascii=False).encode()
        parts = {"metadata": (None, said, "application/json"), "file": ("a.pdf", result.pdf, "application/pdf")}
        request = client.build_request("POST", "/records", files=parts, headers={"Idempotency-Key": result.name})
        body = request.read()
        head = "".join(f"{name}: {value}\r\n" for name, value in request.headers.items())
        with socket.create_connection(("127.0.0.1", service.port), timeout=60) as connection:
            connection.sendall(f"POST /api/v1/records HTTP/1.1\r\n{head}\r\n".encode() + body[: len(body) // 2])
            time.sleep(0.5)
            os.kill(service.pid, signal.SIGTERM)
            time.sleep(1.5)
            connection.sendall(body[len(body) // 2 :])
            answer = http.client.HTTPResponse(connection)
            answer.begin()
            told = answer.read()
    assert answer.status == 201
    embedded.answered[result.name] = json.loads(told)["id"]
    assert service.wait() == 0
    assert service.processes() == []


def test_second_signal_ends_a_worker_at_once_and_its_work_is_taken_up_later(embedded: Place) -> None:
    scanned = next(make_results(seed=1800, count=1, forms=(Form.SCANNED,)))
    with embedded.running("--no-worker") as service, embedded.client(service) as client:
        embedded.deposit_surely(client, scanned)
    running = (JobKind.ENRICH, JobState.RUNNING)
    with embedded.archive() as archive:
        # A service that was just ended may have left work that is still held for it.
        held = archive.register.read(lambda unit: unit.jobs.counts()).get(running, 0)
    with (embedded.folder / "worker.log").open("ab") as log:
        worker = subprocess.Popen(command("worker"), env=environment(embedded.settings), stdout=log, stderr=log)
    try:
        with embedded.archive() as archive:
            wait_for(
                "the worker reads",
                lambda: archive.register.read(lambda unit: unit.jobs.counts()).get(running, 0) > held,
            )
        worker.terminate()
        time.sleep(0.2)
        worker.terminate()
        began = time.monotonic()
        # Where the work ended with the first signal, the second one meets an interpreter that is already leaving.
        assert worker.wait(20) in (0, 1, -signal.SIGTERM)
        assert time.monotonic() - began < 5
    finally:
        worker.kill()
        worker.wait()
    with embedded.running():
        embedded.wait_until_searchable()


class EndlessReader:
    """Reads a document for as long as a test likes."""

    def __init__(self) -> None:
        self.begun, self.may_end = threading.Event(), threading.Event()

    def examine(self, path: object, at: object) -> Examined:
        raise NotImplementedError

    def read_text(self, path: object) -> DocumentText | NoText:
        self.begun.set()
        self.may_end.wait()
        return DocumentText(())

    def check_ready(self) -> None:
        return


def test_work_that_does_not_end_in_time_is_given_back_untried(embedded: Place) -> None:
    with embedded.running("--no-worker") as service, embedded.client(service) as client:
        embedded.deposit_surely(client, next(results(seed=19)))
    reader = EndlessReader()
    with embedded.archive() as archive:
        worker = Worker(dataclasses.replace(archive, pdf=reader), text_threads=1, lease=dt.timedelta(minutes=5))
        worker.start()
        assert reader.begun.wait(30)
        worker.stop(grace_seconds=0.5)
        assert archive.register.read(lambda unit: unit.jobs.counts()) == {(JobKind.ENRICH, JobState.WAITING): 1}
        (again,) = archive.register.write(
            lambda unit: unit.jobs.claim([JobKind.ENRICH], 1, archive.clock.now(), archive.clock.now())
        )
        assert again.attempts == 1
        reader.may_end.set()
    with embedded.running():
        embedded.wait_until_searchable()
    assert embedded.problems() == []
