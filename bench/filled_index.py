"""An embedded index of a given size, kept between runs: filling a million takes minutes.

``python -m bench.filled_index COUNT`` fills it ahead, in the background if you like.
"""

from __future__ import annotations

import os
import sys
from itertools import islice
from pathlib import Path

from archive_service.search.document import SCHEMA_VERSION
from archive_service.search.embedded import EmbeddedIndex
from bench.corpus import documents

BATCH = 2_000


def cache_folder() -> Path:
    """Return where filled indexes and registers are kept: ``ARCHIVE_BENCH_CACHE``, or ``build/bench``."""
    folder = Path(os.environ.get("ARCHIVE_BENCH_CACHE", "build/bench"))
    folder.mkdir(parents=True, exist_ok=True)
    return folder.resolve()


def filled_index(count: int) -> EmbeddedIndex:
    """Return an index of the first ``count`` made-up results, filling it where it is not whole yet."""
    index = EmbeddedIndex(cache_folder() / f"index-{SCHEMA_VERSION}-{count}")
    if index.count() == count:
        return index
    build = index.build("fill")
    made = documents(count)
    while batch := list(islice(made, BATCH)):
        build.add(batch)
    build.switch()
    return index


if __name__ == "__main__":
    filled_index(int(sys.argv[1]))
