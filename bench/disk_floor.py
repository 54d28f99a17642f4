"""The least that keeping a file can cost: both hashes, write, force to disk, rename, read back, compare; no service."""

from __future__ import annotations

import hashlib
import os
import time
import uuid
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path


def floor_rate(folder: Path, content: tuple[bytes, ...], total: int, threads: int = 16) -> float:
    """Keep ``total`` files like ``content`` from several threads; return files a second.

    The files are made beforehand and stay in memory: what the service receives over a connection costs nothing here.
    They stay in the folder: looking for a free inode, ext4 passes by all that were deleted in the last seconds, so that
    deleting them would slow down whatever is measured next.
    """
    body = b"".join(content)
    with ThreadPoolExecutor(threads) as pool:
        began = time.perf_counter()
        list(pool.map(lambda _: _keep(folder, body), range(total)))
        return total / (time.perf_counter() - began)


def _keep(folder: Path, body: bytes) -> None:
    sha256, sha512 = hashlib.sha256(body), hashlib.sha512(body)
    coming = folder / uuid.uuid4().hex
    descriptor = os.open(coming, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb", buffering=0) as file:
        file.write(body)
        os.fsync(descriptor)
    kept = coming.rename(folder / sha256.hexdigest()[:8].join((uuid.uuid4().hex, sha512.hexdigest()[:8])))
    with kept.open("rb", buffering=0) as file:
        os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
        if file.read() != body:
            raise OSError("the disk gave back other bytes")
