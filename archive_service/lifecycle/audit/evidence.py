"""Re-reading the archive's own evidence: what lies in the store outside the records, held against register and log.

An archive whose documents are whole and whose evidence is gone proves nothing any more. It is looked at only with
everything: no part of it belongs to a sample of records.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import chain, islice

from archive_service.lifecycle.audit.kept_evidence import committed_papers, kept_decisions, kept_timestamps
from archive_service.lifecycle.audit.pieces import Reader, examined
from archive_service.lifecycle.audit.published_log import published_log
from archive_service.model.archive import Archive
from archive_service.model.audits import AuditFinding

_AT_ONCE = 64
_READERS = 8


def examine_evidence(archive: Archive, verify: bool, pace: Callable[[int], None]) -> Iterator[list[AuditFinding]]:
    """Look at all of it, some at a time, and yield what is wrong with each part: mostly nothing.

    Without ``verify`` only what is missing is told. ``pace`` is told how many bytes are about to be read, and may wait.
    Raises Unavailable when register or store cannot be listed at all.
    """
    reader = Reader(archive, verify, pace)
    kinds = (published_log, kept_timestamps, committed_papers, kept_decisions)
    pieces = chain.from_iterable(kind(reader) for kind in kinds)
    with ThreadPoolExecutor(_READERS) as pool:
        while batch := list(islice(pieces, _AT_ONCE)):
            yield [one for one in pool.map(partial(examined, archive), batch) if one is not None]
