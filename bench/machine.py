"""What the machine says of itself and of processes: load, CPU seconds, memory. Reads /proc (Linux, proc(5))."""

from __future__ import annotations

import fcntl
import os
import statistics
import struct
from collections.abc import Callable, Iterable
from pathlib import Path

_TICKS = os.sysconf("SC_CLK_TCK")
# FS_IOC_GETFLAGS, FS_IOC_SETFLAGS and FS_TOPDIR_FL of Linux (include/uapi/linux/fs.h).
_GET_FLAGS, _SET_FLAGS, _TOP_OF_A_HIERARCHY = 0x80086601, 0x40086602, 0x00020000


def spread(folder: Path) -> None:
    """Let ext4 keep what is in each folder of this one away from the others' (``chattr +T``, ext4(5)), if it is ext4.

    Beside what an earlier run deleted, a later one would look for free inodes among the deleted ones for minutes.
    """
    opened = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        flags = struct.unpack("l", fcntl.ioctl(opened, _GET_FLAGS, bytes(struct.calcsize("l"))))[0]
        fcntl.ioctl(opened, _SET_FLAGS, struct.pack("l", flags | _TOP_OF_A_HIERARCHY))
    except OSError:
        return  # a file system without such flags
    finally:
        os.close(opened)


def load_average() -> float:
    """Return how many processes wanted to run during the last minute."""
    return os.getloadavg()[0]


def cpu_seconds(pids: Iterable[int]) -> float:
    """Return the CPU time that the processes, and their children that have ended, used so far."""
    total = 0
    for pid in pids:
        try:
            fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        except (FileNotFoundError, ProcessLookupError):
            continue
        total += sum(int(ticks) for ticks in fields[11:15])
    return total / _TICKS


class Meter:
    """Notes how much CPU time processes use while something is done."""

    def __init__(self, pids: Callable[[], list[int]]) -> None:
        self._pids = pids
        self._taken: list[float] = []

    def of(self, work: Callable[[], float], times: int) -> float:
        """Do the work, which does ``times`` things, and return what it returns."""
        before = cpu_seconds(self._pids())
        result = work()
        self._taken.append((cpu_seconds(self._pids()) - before) / times)
        return result

    @property
    def median_ms(self) -> float:
        """The median milliseconds of CPU time of one thing."""
        return statistics.median(self._taken) * 1000


def proportional_bytes(pids: Iterable[int]) -> int:
    """Return the memory of the processes, what they share counted once (PSS)."""
    return sum(_kilobytes(Path(f"/proc/{pid}/smaps_rollup"), "Pss:") for pid in pids) * 1024


def peak_bytes(pid: int) -> int:
    """Return the most memory that the process held at one time (VmHWM)."""
    return _kilobytes(Path(f"/proc/{pid}/status"), "VmHWM:") * 1024


def held_bytes(pid: int) -> int:
    """Return the memory that the process holds now (VmRSS)."""
    return _kilobytes(Path(f"/proc/{pid}/status"), "VmRSS:") * 1024


def children_of(pid: int) -> list[int]:
    """Return the process and everything it started that is alive."""
    found = [pid]
    for parent in found:  # grows while it is walked
        for task in Path(f"/proc/{parent}/task").glob("*/children"):
            try:
                found += [int(child) for child in task.read_text().split()]
            except (FileNotFoundError, ProcessLookupError):
                continue
    return found


def command_of(pid: int) -> str:
    """Return the command line of a process, empty when it is gone."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
    except (FileNotFoundError, ProcessLookupError):
        return ""


def _kilobytes(path: Path, field: str) -> int:
    try:
        lines = path.read_text().splitlines()
    except (FileNotFoundError, ProcessLookupError):
        return 0
    return next((int(line.split()[1]) for line in lines if line.startswith(field)), 0)
