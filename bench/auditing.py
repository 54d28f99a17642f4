"""How fast the audit reads: against plainly reading the same files one after another and hashing them."""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Iterator
from pathlib import Path

from archive_service.lifecycle.audit.run import AuditRequest, audit
from archive_service.model.archive import Archive
from bench.figures import Figure, Target, figure, in_turn
from bench.filled_archive import filled_archive

SIZE_BYTES = 1_000_000
_BLOCK_BYTES = 1 << 20


def auditing(*, quick: bool) -> Iterator[Figure]:
    """Bytes a second of a whole audit ÷ of reading the originals and taking their SHA-256, both from the disk."""
    count, rounds = (20, 1) if quick else (400, 3)
    with filled_archive(count, SIZE_BYTES) as (archive, originals):
        total = sum(path.stat().st_size for path in originals)
        ours, plain = in_turn(rounds, lambda: total / _audit(archive) / 1e6, lambda: total / _read(originals) / 1e6)
    note = "both digests, locks, log and index; 1 MB each"
    yield figure("audit ÷ plain read and SHA-256", (ours, plain), "MB/s", Target(0.70), note)


def _audit(archive: Archive) -> float:
    began = time.perf_counter()
    run = audit(archive, AuditRequest(verify=True))
    if run.alarm or run.undecided:
        raise RuntimeError(f"the audit found {dict(run.counts)}")
    return time.perf_counter() - began


def _read(originals: list[Path]) -> float:
    began = time.perf_counter()
    for path in originals:
        digest = hashlib.sha256()
        with path.open("rb", buffering=0) as file:
            os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
            while block := file.read(_BLOCK_BYTES):
                digest.update(block)
        digest.hexdigest()
    return time.perf_counter() - began
