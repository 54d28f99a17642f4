"""Takes from a process everything that reading one PDF does not need: once, in the child, before the file.

It must never let a process go on that still has the network. Rights are removed by seccomp(2) with a list
of what is allowed, so that a system call nobody thought of is denied; where the kernel has no seccomp
filters, an empty network namespace (network_namespaces(7)) is the least that is accepted.
"""

from __future__ import annotations

import ctypes
import errno
import os
import resource
import signal
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum

from archive_service.pdf.landlock import restrict

# prctl(2), as in linux/prctl.h.
_PR_SET_PDEATHSIG = 1
_PR_SET_DUMPABLE = 4
_PR_SET_SECCOMP = 22
_PR_SET_NO_NEW_PRIVS = 38
_SECCOMP_MODE_FILTER = 2
_CLONE_NEWUSER = 0x10000000
_CLONE_NEWNET = 0x40000000

# Document, answer, three standard ones, and what a library opens for reading at one time (fonts, words).
_MAX_OPEN_FILES = 24

# Memory, its own files, clocks, its own end. Nothing that makes a process, a socket or a file, or reaches
# another process. Names that an architecture does not have are passed over.
_ALLOWED = (
    "read readv pread64 preadv lseek _llseek close close_range dup fcntl fcntl64 fadvise64 fadvise64_64",
    "fstat fstat64 newfstatat fstatat64 stat stat64 lstat lstat64 statx access faccessat faccessat2",
    "readlink readlinkat getdents64 getcwd poll ppoll select pselect6 write writev",
    "brk mmap mmap2 munmap mremap mprotect madvise membarrier",
    "futex futex_time64 sched_yield sched_getaffinity rseq set_robust_list get_robust_list set_tid_address",
    "rt_sigaction rt_sigprocmask rt_sigreturn sigreturn sigaltstack restart_syscall",
    "clock_gettime clock_gettime64 clock_getres clock_nanosleep clock_nanosleep_time64 nanosleep",
    "gettimeofday time times getrusage sysinfo uname getrandom",
    "getpid gettid getppid getuid geteuid getgid getegid exit exit_group",
)

_WRITING = os.O_ACCMODE | os.O_CREAT | os.O_TRUNC | os.O_APPEND


class Confinement(StrEnum):
    """The ways to be without the network, in order of preference."""

    SECCOMP = "seccomp"
    NETWORK_NAMESPACE = "network-namespace"


class Unconfined(Exception):
    """None of the permitted ways works here."""


@dataclass(frozen=True, slots=True)
class ProcessLimits:
    """What one sandboxed process may use: address space in bytes, CPU and wall time in seconds."""

    memory_bytes: int
    cpu_seconds: int
    wall_seconds: int


class _FilterProgram(ctypes.Structure):
    _fields_ = (("length", ctypes.c_ushort), ("filter", ctypes.c_void_p))


def build_filter() -> bytes | None:
    """Return the seccomp filter as a BPF program, or None where it cannot be built. Slow: once a server."""
    try:
        import pyseccomp  # type: ignore[import-untyped]  # it ships no types
    except (ImportError, OSError, RuntimeError):
        return None
    program = pyseccomp.SyscallFilter(pyseccomp.ERRNO(errno.EPERM))
    for name in " ".join(_ALLOWED).split():
        _allow(program.add_rule, pyseccomp.ALLOW, name)
    for name, flags_at in (("open", 1), ("openat", 2)):
        reading_only = pyseccomp.Arg(flags_at, pyseccomp.MASKED_EQ, _WRITING, 0)
        _allow(program.add_rule, pyseccomp.ALLOW, name, reading_only)
    with tempfile.TemporaryFile() as file:
        program.export_bpf(file)
        file.seek(0)
        return file.read()


def _allow(add_rule: Callable[..., None], *rule: object) -> None:
    """Add a rule unless this architecture does not have the call: what is not there need not be allowed."""
    try:
        add_rule(*rule)
    except OSError as wrong:
        if wrong.errno not in (errno.EINVAL, errno.EDOM, errno.ENOENT):
            raise


def die_with_parent(parent: int) -> None:
    """Have this process killed when its parent ends. Only for a parent with one thread (PR_SET_PDEATHSIG)."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:
        os.kill(os.getpid(), signal.SIGKILL)


def limit(limits: ProcessLimits) -> None:
    """Set every limit of setrlimit(2) that applies, and the wall clock. There is no way back."""
    for what, most in (
        (resource.RLIMIT_AS, limits.memory_bytes),
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_NPROC, 0),
        (resource.RLIMIT_NOFILE, _MAX_OPEN_FILES),
        (resource.RLIMIT_MEMLOCK, 0),
        (resource.RLIMIT_MSGQUEUE, 0),
    ):
        resource.setrlimit(what, (most, most))
    # One second later the kernel kills what has survived the first signal.
    resource.setrlimit(resource.RLIMIT_CPU, (limits.cpu_seconds, limits.cpu_seconds + 1))
    signal.setitimer(signal.ITIMER_REAL, limits.wall_seconds)


@dataclass(frozen=True, slots=True)
class Walls:
    """What a server prepares once for its children: the seccomp filter and the ruleset of files."""

    ways: tuple[Confinement, ...]
    program: bytes | None
    ruleset: int | None


def confine(walls: Walls) -> Confinement:
    """Give up other files, the network, and with seccomp nearly everything else; return the way that worked.

    Raises Unconfined when none of the ways works: the process must end then.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    libc.prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)
    if libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0:
        raise Unconfined
    restrict(walls.ruleset)
    attempts: Mapping[Confinement, Callable[[], bool]] = {
        Confinement.SECCOMP: lambda: _filter_calls(libc, walls.program),
        Confinement.NETWORK_NAMESPACE: lambda: _leave_network(libc),
    }
    for way in walls.ways:
        if attempts[way]():
            return way
    raise Unconfined


def _filter_calls(libc: ctypes.CDLL, program: bytes | None) -> bool:
    if program is None:
        return False
    code = ctypes.create_string_buffer(program, len(program))
    # A BPF instruction has eight bytes (struct sock_filter).
    header = _FilterProgram(len(program) // 8, ctypes.cast(code, ctypes.c_void_p))
    return bool(libc.prctl(_PR_SET_SECCOMP, _SECCOMP_MODE_FILTER, ctypes.byref(header), 0, 0) == 0)


def _leave_network(libc: ctypes.CDLL) -> bool:
    return any(libc.unshare(flags) == 0 for flags in (_CLONE_NEWNET, _CLONE_NEWUSER | _CLONE_NEWNET))
