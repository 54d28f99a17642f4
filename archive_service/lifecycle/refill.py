"""Noticing that the index lacks records that were found in it before, and asking the workers to put them in again.

An index that was wiped answers like any other: it finds nothing. So its ids are compared with the register's. What is
missing is no longer called searchable until it is. Nothing is removed from the index here, and the register alone is
believed.
"""

from __future__ import annotations

from functools import partial
from itertools import islice

from archive_service.lifecycle.indexed import index_differences
from archive_service.model.archive import Archive
from archive_service.model.identifiers import RecordId
from archive_service.model.jobs import JobKind
from archive_service.model.record import SearchState
from archive_service.model.units import RegisterUnit

# What a record is shown with until it is in the index again.
PROBLEM = "missing-from-index"

# Records asked for in one transaction.
_PAGE = 500


def ask_for_missing(archive: Archive) -> int:
    """Ask for every record that is called searchable and is not in the index; return how many. Idempotent.

    Both are counted first, so that nothing more is read where they agree; the ids are streamed in order and joined.
    Records that are being indexed meanwhile may be asked for once too often. Raises Unavailable.
    """
    searchable = archive.register.read(lambda unit: unit.records.count(None, SearchState.SEARCHABLE))
    if archive.index.count() >= searchable:
        return 0
    asked = 0
    missing = (record_id for record_id, is_lacking in index_differences(archive) if is_lacking)
    while page := list(islice(missing, _PAGE)):
        asked += archive.register.write(partial(_ask, archive, page))
    return asked


def _ask(archive: Archive, record_ids: list[RecordId], unit: RegisterUnit) -> int:
    now = archive.clock.now()
    for record_id in record_ids:
        unit.jobs.add(JobKind.INDEX, record_id, now)
        unit.records.set_search_state(record_id, SearchState.WAITING, PROBLEM, now)
    return len(record_ids)
