"""What the register calls searchable, held against what the index has. Not a step itself.

Both are streamed in id order and joined; nothing is held whole. Both go on changing meanwhile.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from functools import partial

from archive_service.model.archive import Archive
from archive_service.model.identifiers import RecordId
from archive_service.model.record import SearchState
from archive_service.model.units import RegisterUnit
from archive_service.model.units.records import RecordSelection

# Ids read from the register in one transaction.
_PAGE = 1000


def index_differences(archive: Archive) -> Iterator[tuple[RecordId, bool]]:
    """Yield each id that one of the two alone has, in id order, and whether it is the index that lacks it.

    Raises Unavailable.
    """
    expected, there = _searchable(archive), archive.index.record_ids()
    one, other = next(expected, None), next(there, None)
    while one is not None or other is not None:
        if one is not None and (other is None or one < other):
            yield one, True
            one = next(expected, None)
        elif other is not None and (one is None or other < one):
            yield other, False
            other = next(there, None)
        else:
            one, other = next(expected, None), next(there, None)


def _searchable(archive: Archive) -> Iterator[RecordId]:
    selection = RecordSelection(None, search_state=SearchState.SEARCHABLE, limit=_PAGE)
    while page := archive.register.read(partial(_ids, selection)):
        yield from page
        selection = dataclasses.replace(selection, after=page[-1])


def _ids(selection: RecordSelection, unit: RegisterUnit) -> list[RecordId]:
    return unit.records.ids(selection)
