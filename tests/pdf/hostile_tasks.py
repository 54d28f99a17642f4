"""Tasks that try what a sandboxed process must not be able to do, and tell how it went."""

from __future__ import annotations

import ctypes
import os
import signal
import socket
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from archive_service.pdf.sandbox_server import Emit, Task


def _told(attempt: Callable[[], object], emit: Emit) -> None:
    try:
        attempt()
    except OSError as refused:
        emit({"refused": refused.errno})
    else:
        emit({"refused": None})


def _socket(document: int, options: Mapping[str, Any], emit: Emit) -> None:
    kinds = {"inet": socket.AF_INET, "inet6": socket.AF_INET6, "unix": socket.AF_UNIX}

    def connect() -> None:
        with socket.socket(kinds[options["family"]], socket.SOCK_STREAM) as trial:
            trial.settimeout(2)
            trial.connect(options["address"] if isinstance(options["address"], str) else tuple(options["address"]))

    _told(connect, emit)


def _socket_pair(document: int, options: Mapping[str, Any], emit: Emit) -> None:
    _told(socket.socketpair, emit)


def _execute(document: int, options: Mapping[str, Any], emit: Emit) -> None:
    _told(lambda: os.execv("/bin/true", ["true"]), emit)


def _fork(document: int, options: Mapping[str, Any], emit: Emit) -> None:
    def fork() -> None:
        if os.fork() == 0:
            os._exit(0)

    _told(fork, emit)


def _write_file(document: int, options: Mapping[str, Any], emit: Emit) -> None:
    _told(lambda: Path(options["path"]).write_bytes(b"x"), emit)


def _append_to_file(document: int, options: Mapping[str, Any], emit: Emit) -> None:
    _told(lambda: os.write(os.open(options["path"], os.O_WRONLY | os.O_APPEND), b"x"), emit)


def _read_file(document: int, options: Mapping[str, Any], emit: Emit) -> None:
    _told(lambda: Path(options["path"]).read_bytes(), emit)


def _remove_file(document: int, options: Mapping[str, Any], emit: Emit) -> None:
    _told(lambda: Path(options["path"]).unlink(), emit)


def _kill_parent(document: int, options: Mapping[str, Any], emit: Emit) -> None:
    _told(lambda: os.kill(os.getppid(), signal.SIGKILL), emit)


def _trace_parent(document: int, options: Mapping[str, Any], emit: Emit) -> None:
    def trace() -> None:
        libc = ctypes.CDLL(None, use_errno=True)
        if libc.ptrace(16, os.getppid(), 0, 0) != 0:  # PTRACE_ATTACH
            raise OSError(ctypes.get_errno(), "ptrace")

    _told(trace, emit)


def _lift_limits(document: int, options: Mapping[str, Any], emit: Emit) -> None:
    _told(lambda: signal.setitimer(signal.ITIMER_REAL, 0), emit)


def _environment(document: int, options: Mapping[str, Any], emit: Emit) -> None:
    emit({"names": sorted(os.environ)})


def _descriptors(document: int, options: Mapping[str, Any], emit: Emit) -> None:
    open_ones = []
    for number in range(64):
        try:
            os.fstat(number)
        except OSError:
            continue
        open_ones.append(number)
    emit({"open": len(open_ones)})


def _eat_memory(document: int, options: Mapping[str, Any], emit: Emit) -> None:
    hoard = []
    while True:
        hoard.append(bytearray(1 << 20))


def _eat_cpu(document: int, options: Mapping[str, Any], emit: Emit) -> None:
    while True:
        pass


def _sleep(document: int, options: Mapping[str, Any], emit: Emit) -> None:
    time.sleep(options["seconds"])
    emit({"slept": True})


def _crash(document: int, options: Mapping[str, Any], emit: Emit) -> None:
    ctypes.string_at(0)


def _fail(document: int, options: Mapping[str, Any], emit: Emit) -> None:
    raise RuntimeError("a task that fails")


def _flood(document: int, options: Mapping[str, Any], emit: Emit) -> None:
    while True:
        emit({"x": "x" * (1 << 20)})


def _garbage(document: int, options: Mapping[str, Any], emit: Emit) -> None:
    for number in range(3, 64):
        try:
            os.write(number, b"\xff" * 64)
        except OSError:
            continue


def _read_back(document: int, options: Mapping[str, Any], emit: Emit) -> None:
    emit({"text": os.pread(document, 1000, 0).decode()})


_TASKS: Mapping[str, Task] = {
    "socket": _socket,
    "socket-pair": _socket_pair,
    "execute": _execute,
    "fork": _fork,
    "write-file": _write_file,
    "append-to-file": _append_to_file,
    "read-file": _read_file,
    "remove-file": _remove_file,
    "kill-parent": _kill_parent,
    "trace-parent": _trace_parent,
    "lift-limits": _lift_limits,
    "environment": _environment,
    "descriptors": _descriptors,
    "eat-memory": _eat_memory,
    "eat-cpu": _eat_cpu,
    "sleep": _sleep,
    "crash": _crash,
    "fail": _fail,
    "flood": _flood,
    "garbage": _garbage,
    "read-back": _read_back,
}


def load(options: Mapping[str, Any]) -> Mapping[str, Task]:
    return _TASKS
