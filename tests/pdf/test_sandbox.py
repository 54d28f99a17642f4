"""What a sandboxed process can do, and what becomes of the parent when one misbehaves."""

from __future__ import annotations

import errno
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from archive_service.errors import Misconfigured, Unavailable
from archive_service.pdf.confinement import Confinement, ProcessLimits
from archive_service.pdf.landlock import build_ruleset
from archive_service.pdf.sandbox import Ending, Job, Run, Sandbox, SandboxSetup

LIMITS = ProcessLimits(memory_bytes=512 << 20, cpu_seconds=10, wall_seconds=20)
HOSTILE = "tests.pdf.hostile_tasks"


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    box = Sandbox(SandboxSetup(tasks=HOSTILE, processes=4))
    yield box
    box.close()


@pytest.fixture
def own_sandbox() -> Iterator[Sandbox]:
    box = Sandbox(SandboxSetup(tasks=HOSTILE, processes=4))
    yield box
    box.close()


def run(box: Sandbox, task: str, limits: ProcessLimits = LIMITS, **options: Any) -> Run:
    with open(os.devnull, "rb") as document:
        return box.run(document.fileno(), Job(task, options, limits))


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server


def test_a_process_reads_the_descriptor_it_was_given(sandbox: Sandbox, tmp_path: Path) -> None:
    (tmp_path / "a").write_text("nội dung")
    with (tmp_path / "a").open("rb") as document:
        assert sandbox.run(document.fileno(), Job("read-back", {}, LIMITS)).messages == ({"text": "nội dung"},)


def test_a_process_cannot_reach_the_network(sandbox: Sandbox, listener: socket.socket) -> None:
    # The address does answer: a refusal is the sandbox's.
    with socket.create_connection(listener.getsockname(), timeout=2):
        pass
    for family, address in (
        ("inet", listener.getsockname()),
        ("inet6", ["::1", listener.getsockname()[1]]),
        ("unix", "/run/none"),
    ):
        answer = run(sandbox, "socket", family=family, address=address)
        assert answer.messages == ({"refused": errno.EPERM},), family


@pytest.mark.parametrize("task", ["execute", "fork", "kill-parent", "trace-parent", "lift-limits", "socket-pair"])
def test_a_process_cannot_reach_beyond_itself(sandbox: Sandbox, task: str) -> None:
    answer = run(sandbox, task)
    assert answer.messages == ({"refused": errno.EPERM},)
    assert answer.ending is Ending.COMPLETE


@pytest.mark.parametrize("task", ["write-file", "append-to-file", "remove-file"])
def test_a_process_cannot_change_a_file(sandbox: Sandbox, tmp_path: Path, task: str) -> None:
    refused = ({"refused": errno.EPERM},), ({"refused": errno.EACCES},)
    kept = tmp_path / "kept"
    kept.write_bytes(b"as it was")
    assert run(sandbox, task, path=str(kept)).messages in refused
    assert run(sandbox, "write-file", path=str(tmp_path / "new")).messages in refused
    assert kept.read_bytes() == b"as it was"
    assert not (tmp_path / "new").exists()


def test_a_process_cannot_read_another_record(sandbox: Sandbox, tmp_path: Path) -> None:
    if (ruleset := build_ruleset(())) is None:
        pytest.skip("this kernel has no Landlock: files are walled off by their permissions only")
    os.close(ruleset)
    (tmp_path / "other.pdf").write_bytes(b"%PDF-1.7 another citizen's record")
    assert run(sandbox, "read-file", path=str(tmp_path / "other.pdf")).messages == ({"refused": errno.EACCES},)
    assert run(sandbox, "read-file", path="/etc/passwd").messages == ({"refused": errno.EACCES},)


def test_a_process_holds_its_document_and_its_answer_and_nothing_else(sandbox: Sandbox) -> None:
    assert run(sandbox, "descriptors").messages == ({"open": 5},)


def test_secrets_of_the_archive_do_not_reach_a_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ARCHIVE_STORE_URL", "s3+https://key:secret@host/bucket")
    box = Sandbox(SandboxSetup(tasks=HOSTILE))
    try:
        (message,) = run(box, "environment").messages
    finally:
        box.close()
    assert isinstance(message["names"], list)
    assert not [name for name in message["names"] if name.startswith("ARCHIVE")]


def test_limits_end_a_process_and_say_which(sandbox: Sandbox) -> None:
    little = 256 << 20
    assert run(sandbox, "eat-memory", ProcessLimits(little, 10, 20)).ending is Ending.OUT_OF_MEMORY
    assert run(sandbox, "eat-cpu", ProcessLimits(little, 1, 60)).ending is Ending.OUT_OF_CPU
    started = time.monotonic()
    assert run(sandbox, "sleep", ProcessLimits(little, 10, 1), seconds=60).ending is Ending.OUT_OF_TIME
    assert time.monotonic() - started < 10


@pytest.mark.parametrize("task", ["crash", "fail", "flood", "garbage", "no-such-task"])
def test_a_process_that_misbehaves_is_an_answer_and_the_next_file_works(sandbox: Sandbox, task: str) -> None:
    assert run(sandbox, task).ending is Ending.DIED
    assert run(sandbox, "sleep", seconds=0).messages == ({"slept": True},)


def test_many_threads_share_one_server(sandbox: Sandbox) -> None:
    with ThreadPoolExecutor(16) as threads:
        answers = list(threads.map(lambda _: run(sandbox, "sleep", seconds=0.01), range(60)))
    assert all(answer.messages == ({"slept": True},) for answer in answers)


def test_no_more_than_the_permitted_number_run_at_one_time() -> None:
    box = Sandbox(SandboxSetup(tasks=HOSTILE, processes=2))
    run(box, "sleep", seconds=0)
    started = time.monotonic()
    with ThreadPoolExecutor(4) as threads:
        list(threads.map(lambda _: run(box, "sleep", seconds=0.4), range(4)))
    elapsed = time.monotonic() - started
    box.close()
    assert elapsed >= 0.8


def test_a_server_killed_under_a_file_is_started_anew_and_the_file_read(own_sandbox: Sandbox) -> None:
    run(own_sandbox, "sleep", seconds=0)
    first = own_sandbox.server_pid()
    assert first is not None
    threading.Timer(0.3, os.kill, (first, signal.SIGKILL)).start()
    answer = run(own_sandbox, "sleep", seconds=1)
    assert answer.messages == ({"slept": True},)
    assert own_sandbox.server_pid() != first


def test_a_server_that_dies_again_and_again_is_an_answer(own_sandbox: Sandbox) -> None:
    stop = threading.Event()

    def kill_servers() -> None:
        while not stop.wait(0.3):
            if (pid := own_sandbox.server_pid()) is not None:
                os.kill(pid, signal.SIGKILL)

    killer = threading.Thread(target=kill_servers)
    killer.start()
    try:
        # Either it dies under the file, or it does not even start.
        assert run(own_sandbox, "sleep", seconds=15).ending is Ending.DIED
    except Unavailable:
        pass
    finally:
        stop.set()
        killer.join()
    assert run(own_sandbox, "sleep", seconds=0).messages == ({"slept": True},)


def test_where_nothing_confines_nothing_runs() -> None:
    box = Sandbox(SandboxSetup(tasks=HOSTILE, ways=()))
    try:
        with pytest.raises(Misconfigured):
            run(box, "read-back")
    finally:
        box.close()


def test_without_seccomp_an_empty_network_namespace_is_enough(listener: socket.socket) -> None:
    box = Sandbox(SandboxSetup(tasks=HOSTILE, ways=(Confinement.NETWORK_NAMESPACE,)))
    try:
        answer = run(box, "socket", family="inet", address=listener.getsockname())
    except Misconfigured:
        pytest.skip("this machine has no network namespaces for this user")
    finally:
        box.close()
    assert answer.messages == ({"refused": errno.ENETUNREACH},)


def test_a_closed_sandbox_runs_nothing_and_leaves_no_server(own_sandbox: Sandbox) -> None:
    run(own_sandbox, "sleep", seconds=0)
    server = own_sandbox.server_pid()
    assert server is not None
    own_sandbox.close()
    with pytest.raises(ProcessLookupError):
        os.kill(server, 0)
    with pytest.raises(Unavailable):
        run(own_sandbox, "sleep", seconds=0)


def test_a_server_and_its_process_end_with_their_parent() -> None:
    program = (
        "import os, threading\n"
        "from archive_service.pdf.sandbox import *\n"
        f"box = Sandbox(SandboxSetup(tasks={HOSTILE!r}))\n"
        "job = lambda s: Job('sleep', {'seconds': s}, ProcessLimits(1 << 29, 60, 60))\n"
        "box.run(0, job(0))\n"
        "threading.Thread(target=box.run, args=(0, job(50)), daemon=True).start()\n"
        "print(box.server_pid(), flush=True)\n"
        "os.read(0, 1)\n"
    )
    root = Path(__file__).parent.parent.parent
    with subprocess.Popen(
        [sys.executable, "-c", program], cwd=root, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as parent:
        assert parent.stdout is not None
        server = int(parent.stdout.readline())
        time.sleep(0.5)
        parent.kill()
    deadline = time.monotonic() + 10
    while _group_lives(server) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not _group_lives(server)


def _group_lives(leader: int) -> bool:
    """Whether any process of the server's own session is left, zombies aside."""
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            fields = (folder / "stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if int(fields[3]) == leader and fields[0] != "Z":
            return True
    return False
