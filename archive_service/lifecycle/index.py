"""Putting records into the index, and rebuilding it: a copy to search in, made from the register at any time."""

from __future__ import annotations

import dataclasses
import datetime as dt
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial

from archive_service.model.archive import Archive
from archive_service.model.identifiers import OfficeCode, RecordId
from archive_service.model.jobs import JobKind
from archive_service.model.query import IndexDocument
from archive_service.model.record import DocumentText, Record, RecordState, SearchState
from archive_service.model.units import RegisterUnit
from archive_service.model.units.records import RecordSelection

# Records read from the register and given to the index at a time.
BATCH = 500

# Clocks of several hosts may differ by this much: changes are looked for from a little earlier.
CLOCK_MARGIN = dt.timedelta(minutes=5)

# Where an unfinished rebuild stands.
_PROGRESS = "reindex"

# What is found by search: everything that is kept. What is not served is shown only to those who may see quarantine.
INDEXED_STATES = frozenset({RecordState.STORED, RecordState.QUARANTINED, RecordState.REJECTED})


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a rebuild is: ``done`` of about ``total`` records."""

    done: int
    total: int


Report = Callable[[Progress], None]
Add = Callable[[list[IndexDocument]], int]


def index_records(archive: Archive, record_ids: Sequence[RecordId]) -> None:
    """Make the index say what the register says of these records, in one bulk write; idempotent.

    Records that are no longer kept leave the index. Raises Unavailable.
    """

    def look(unit: RegisterUnit) -> tuple[list[IndexDocument], list[RecordId]]:
        documents = _described(record_ids, unit)
        kept = {document.record_id for document in documents}
        return documents, [record_id for record_id in record_ids if record_id not in kept]

    documents, gone = archive.register.read(look)
    if documents:
        archive.index.put(documents)
    if gone:
        archive.index.remove(gone)
    now = archive.clock.now()

    def mark(unit: RegisterUnit) -> None:
        for document in documents:
            unit.records.set_search_state(document.record_id, SearchState.SEARCHABLE, None, now)
        for record_id in gone:
            unit.records.set_search_state(record_id, SearchState.WAITING, None, now)

    archive.register.write(mark)


def rebuild(archive: Archive, name: str, report: Report, threads: int = 4) -> int:
    """Build a new index beside the one in use from the whole register, and switch to it at the end.

    Resumes a build of the same name where it stopped; ``threads`` work side by side. Records that change meanwhile
    are put in again before and after the switch. Returns how many documents the new index holds.
    Raises Unavailable: run it again to go on.
    """
    started = _resume_point(archive, name)
    build = archive.index.build(name)
    total = archive.register.read(lambda unit: unit.records.count())
    done = started.done
    with ThreadPoolExecutor(threads) as pool:
        adding = partial(_add_all, archive, pool, build.add)
        for page in _pages(archive, RecordSelection(None, after=started.after, limit=BATCH * threads)):
            done += adding(page)
            build.commit()
            _save(archive, name, _Resume(started.began_at, page[-1], done))
            report(Progress(done, max(total, done)))
        for page in _pages(archive, _changed_since(started.began_at)):
            adding(page)
    build.commit()
    switching_at = archive.clock.now()
    build.switch()
    archive.register.write(lambda unit: unit.progress.clear(_PROGRESS))
    _catch_up(archive, _changed_since(switching_at))
    return archive.index.count()


def unfinished_rebuild(archive: Archive) -> str | None:
    """Return the name of a rebuild that was interrupted, None when there is none."""
    saved = archive.register.read(lambda unit: unit.progress.get(_PROGRESS))
    return saved.split(" ")[0] if saved is not None else None


def ask_to_index(archive: Archive, offices: frozenset[OfficeCode]) -> int:
    """Ask the workers to put every record of the offices into the index in use again; return how many.

    The workers do it, because on one machine the worker alone writes to the index.
    """
    asked = 0
    selection = RecordSelection(offices, limit=BATCH)
    while page := archive.register.write(partial(_ask_to_index, selection, archive.clock.now())):
        asked += len(page)
        selection = dataclasses.replace(selection, after=page[-1])
    return asked


def waiting_to_be_indexed(archive: Archive) -> int:
    """Return how many records the workers have yet to put into the index."""
    counts = archive.register.read(lambda unit: unit.jobs.counts())
    return sum(count for (kind, _), count in counts.items() if kind is JobKind.INDEX)


def describe(unit: RegisterUnit, records: Sequence[Record]) -> list[IndexDocument]:
    """Return what the index is told of each record that is kept, in the same order."""
    texts = unit.texts.get_many([record.id for record in records])
    names = {kind.code: kind.name for kind in unit.reference.result_types()}
    return [
        _document(record, texts.get(record.id), names.get(record.metadata.result_type))
        for record in records
        if record.state in INDEXED_STATES
    ]


def _document(record: Record, words: DocumentText | None, type_name: str | None) -> IndexDocument:
    said = record.metadata
    return IndexDocument(
        record_id=record.id,
        office=said.office,
        result_type=said.result_type,
        subject_id=record.subject_id,
        subject_name=said.subject.name,
        identifiers=tuple(identifier.number for identifier in said.subject.identifiers),
        trust=said.trust,
        state=record.state,
        access_level=said.access_level,
        stored_at=record.stored_at,
        issued_on=said.issued_on,
        dossier_code=said.dossier_code,
        document_code=said.document_code,
        issuing_body=said.issuing_body,
        signer=said.signer,
        summary=said.summary,
        result_type_name=type_name,
        text=words.text if words is not None else "",
    )


@dataclass(frozen=True, slots=True)
class _Resume:
    began_at: dt.datetime
    after: RecordId | None
    done: int


def _resume_point(archive: Archive, name: str) -> _Resume:
    saved = archive.register.read(lambda unit: unit.progress.get(_PROGRESS))
    if saved is None or saved.split(" ")[0] != name:
        return _Resume(archive.clock.now(), None, 0)
    _, began_at, after, done = saved.split(" ")
    return _Resume(dt.datetime.fromisoformat(began_at), RecordId(after), int(done))


def _save(archive: Archive, name: str, at: _Resume) -> None:
    value = f"{name} {at.began_at.isoformat()} {at.after} {at.done}"
    archive.register.write(lambda unit: unit.progress.put(_PROGRESS, value))


def _pages(archive: Archive, selection: RecordSelection) -> Iterator[list[RecordId]]:
    """Yield the ids of the selection page by page, each page read on its own."""
    while page := archive.register.read(partial(_ids, selection)):
        yield page
        selection = dataclasses.replace(selection, after=page[-1])


def _ids(selection: RecordSelection, unit: RegisterUnit) -> list[RecordId]:
    return unit.records.ids(selection)


def _described(record_ids: Sequence[RecordId], unit: RegisterUnit) -> list[IndexDocument]:
    return describe(unit, list(unit.records.get_many(record_ids).values()))


def _add_all(archive: Archive, pool: ThreadPoolExecutor, add: Add, record_ids: Sequence[RecordId]) -> int:
    """Describe and add the records in batches side by side: one thread reads while another one writes."""

    def put(batch: Sequence[RecordId]) -> int:
        return add(archive.register.read(partial(_described, batch)))

    return sum(pool.map(put, (record_ids[start : start + BATCH] for start in range(0, len(record_ids), BATCH))))


def _changed_since(instant: dt.datetime) -> RecordSelection:
    return RecordSelection(None, changed_since=instant - CLOCK_MARGIN, limit=BATCH)


def _catch_up(archive: Archive, selection: RecordSelection) -> None:
    """Ask the workers to index again what changed around the switch: it may have gone into the old index only."""
    now = archive.clock.now()
    while page := archive.register.write(partial(_ask_to_index, selection, now)):
        selection = dataclasses.replace(selection, after=page[-1])


def _ask_to_index(selection: RecordSelection, now: dt.datetime, unit: RegisterUnit) -> list[RecordId]:
    record_ids = unit.records.ids(selection)
    for record_id in record_ids:
        unit.jobs.add(JobKind.INDEX, record_id, now)
    return record_ids
