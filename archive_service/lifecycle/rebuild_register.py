"""Making a lost register anew from the store alone: records, their metadata versions, subjects, relations and states.

It writes into a register that holds no records, never over one that does, and changes nothing in the store. What
the store does not know cannot come back; ``LOSSES`` says what that is and what to do. docs/decisions/0010-recovery.md.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from itertools import groupby, islice

from archive_service.errors import Conflict, IntegrityFailure, Message
from archive_service.lifecycle.known import known_subjects, subject_for
from archive_service.lifecycle.marks import Tombstones, digest_in_store, oldest, read_marks, read_small
from archive_service.model.archive import Archive
from archive_service.model.events import Event, EventType, Json
from archive_service.model.identifiers import RecordId
from archive_service.model.jobs import JobKind
from archive_service.model.objects import (
    RECORDS,
    DescribedVersion,
    StateMark,
    metadata_key,
    original_key,
    read_metadata_object,
    record_of,
    state_prefix,
)
from archive_service.model.record import ObjectVersion, Record, RecordState, SearchState
from archive_service.model.units import RegisterUnit

# Who a rebuild is done by, in the log.
_ACTOR = "operator"

# Where an unfinished rebuild stands: the last record that is in the register.
_PROGRESS = "rebuild-register"

# Records read from the store at the same time, and written in one transaction.
BATCH = 200
_READERS = 16

# Problems are counted without end and listed up to this many, so that memory stays bounded.
LISTED_PROBLEMS = 1000


@dataclass(frozen=True, slots=True)
class Loss:
    """Something that only the register knew, and what stands in its place."""

    what: str
    instead: str


LOSSES: tuple[Loss, ...] = (
    Loss("offices, result types, procedures", "load them again: archive-service load-reference FOLDER"),
    Loss("keys of callers", "make new ones: archive-service api-key create"),
    Loss("the log: who deposited, read, searched, decided", "begins anew with one entry a record; a backup has it"),
    Loss("idempotency keys of deposits", "the same bytes again are answered 409 already-held with the record's id"),
    Loss("merges of subjects, numbers added with their days", "subjects are those of the descriptions; merge again"),
    Loss("findings and their resolutions", "those of a quarantine come back unresolved; others when words are read"),
    Loss("words of records", "read again from the originals by the workers, then indexed"),
    Loss("the moment of storing", "the moment of receipt stands in its place"),
    Loss("corrections decided and not yet in the store", "the version before is the current one; correct again"),
    Loss("whether a killed deposit was ever answered", "what is whole in the store comes back as a record"),
    Loss("pending and parked work", "asked for anew for every record"),
)


@dataclass(frozen=True, slots=True)
class Problem:
    """Something in the store from which no record, or not all of one, could be made."""

    code: str
    record_id: RecordId
    explanation: str


@dataclass(frozen=True, slots=True)
class Rebuilt:
    """What this run brought back. ``verified``: every original's bytes were read and compared."""

    records: int
    versions: int
    quarantined: int
    rejected: int
    disposed: int
    problems: int
    listed: tuple[Problem, ...]
    verified: bool


Report = Callable[[int], None]


def rebuild_register(archive: Archive, *, verify: bool, report: Report) -> Rebuilt:
    """Make the register's records anew from the store and ask for their words and for the index.

    Streams the store in id order; a run that was interrupted goes on where it stopped. With ``verify`` every original
    is read and compared with its description; without, its size alone is. ``report`` is told how many records this
    run has passed. Nothing in the store is changed.

    Raises Conflict ``register-not-empty`` when the register holds records of another origin; Unavailable: run again.
    """
    after = _resume_point(archive)
    tally = _Tally(verified=verify)
    with ThreadPoolExecutor(_READERS) as pool:
        groups = _groups(archive, after)
        while batch := list(islice(groups, BATCH)):
            found = list(pool.map(partial(_read, archive, verify), (g for g in batch if not g.disposed)))
            tally.add(batch, found)
            keep = partial(_keep, archive, [one.whole for one in found if one.whole is not None], batch[-1].record_id)
            archive.register.write(keep)
            report(tally.passed)
    archive.register.write(lambda unit: unit.progress.clear(_PROGRESS))
    return tally.result()


def _resume_point(archive: Archive) -> RecordId | None:
    saved, count = archive.register.read(lambda unit: (unit.progress.get(_PROGRESS), unit.records.count()))
    if saved is not None:
        return RecordId(saved)
    if count:
        raise Conflict(
            Message(
                f"The register holds {count} records. A register is made anew only where there are none: "
                "name an empty database, or restore a backup.",
                f"Sổ đăng ký đang có {count} tài liệu. Chỉ dựng lại khi sổ đăng ký trống: "
                "hãy trỏ đến cơ sở dữ liệu trống hoặc phục hồi từ bản sao lưu.",
            ),
            code="register-not-empty",
        )
    return None


@dataclass(frozen=True, slots=True)
class _Group:
    """Everything that lies under one record's id."""

    record_id: RecordId
    objects: tuple[ObjectVersion, ...]
    disposed: bool


def _groups(archive: Archive, after: RecordId | None) -> Iterator[_Group]:
    disposed = Tombstones(archive.store)
    for record_id, listed in groupby(archive.store.list_under(RECORDS), key=lambda one: record_of(one.key)):
        if after is None or record_id > after:
            yield _Group(record_id, tuple(listed), record_id in disposed)


@dataclass(frozen=True, slots=True)
class _Whole:
    """A record as the store tells it: its versions and the marks of its state, each in order."""

    record_id: RecordId
    original: ObjectVersion
    versions: tuple[DescribedVersion, ...]
    marks: tuple[StateMark, ...]

    @property
    def state(self) -> RecordState:
        return self.marks[-1].state if self.marks else RecordState.STORED


@dataclass(frozen=True, slots=True)
class _Found:
    whole: _Whole | None
    problems: tuple[Problem, ...]


def _read(archive: Archive, verify: bool, group: _Group) -> _Found:
    """Read what the store says of one record; what is wrong becomes a problem, what does not answer is raised."""
    try:
        versions = _versions(archive, group)
        original = _only(group, original_key(group.record_id))
        if original is None or not versions:
            return _Found(None, (_incomplete(group, original is not None),))
        described = versions[-1]
        listed = (one for one in group.objects if one.key.startswith(state_prefix(group.record_id)))
        marks = read_marks(archive.store, listed)
    except IntegrityFailure as unreadable:
        return _Found(None, (Problem("object-not-readable", group.record_id, unreadable.message.en),))
    problems = tuple(_doubts(archive, verify, group, original, described))
    locked_until = archive.store.lock_of(original.key, original.version)
    stored = ObjectVersion(original.key, original.version, described.content, locked_until)
    return _Found(_Whole(group.record_id, stored, versions, marks), problems)


def _versions(archive: Archive, group: _Group) -> tuple[DescribedVersion, ...]:
    """Return the metadata versions 1, 2, … without a gap: a correction is put only after the one before."""
    found: list[DescribedVersion] = []
    while (listed := _only(group, metadata_key(group.record_id, len(found) + 1))) is not None:
        found.append(read_metadata_object(listed.key, read_small(archive.store, listed), listed.version))
    return tuple(found)


def _only(group: _Group, key: str) -> ObjectVersion | None:
    """Return the first version of a key: objects are create-only, what came over it is not ours."""
    return oldest(one for one in group.objects if one.key == key)


def _incomplete(group: _Group, has_original: bool) -> Problem:
    if has_original:
        return Problem("never-finished", group.record_id, "an original without a description: a deposit was cut off")
    return Problem("original-missing", group.record_id, "there is no original: compare with a backup")


def _doubts(
    archive: Archive, verify: bool, group: _Group, original: ObjectVersion, described: DescribedVersion
) -> Iterator[Problem]:
    keys = [one.key for one in group.objects]
    known = {original.key, *(metadata_key(group.record_id, n + 1) for n in range(described.version.version))}
    strange = [key for key in keys if key not in known and not key.startswith(state_prefix(group.record_id))]
    if strange or len(keys) != len(set(keys)):
        yield Problem("more-than-expected", group.record_id, "objects or versions that this service did not write")
    same = original.stored.size_bytes == described.content.size_bytes
    if same and verify:
        same = digest_in_store(archive.store, original.key, original.version) == described.content
    if not same:
        yield Problem("mismatch", group.record_id, "the original is not what its description says: an alarm")


def _keep(archive: Archive, found: Sequence[_Whole], last: RecordId, unit: RegisterUnit) -> None:
    """Write the records of one batch and where the run stands; those that are there are passed over."""
    there = unit.records.get_many([one.record_id for one in found])
    for one in found:
        if one.record_id not in there:
            _keep_one(archive, unit, one)
    unit.progress.put(_PROGRESS, last)


def _keep_one(archive: Archive, unit: RegisterUnit, found: _Whole) -> None:
    now = archive.clock.now()
    first = found.versions[0]
    claim = first.version.metadata.subject
    record = Record(
        id=found.record_id,
        state=found.state,
        search_state=SearchState.WAITING,
        search_problem=None,
        subject_id=subject_for(archive, unit, claim, known_subjects(unit, claim)),
        metadata=first.version.metadata,
        metadata_version=1,
        content=first.content,
        original=found.original,
        page_count=first.page_count,
        depositor=first.version.actor,
        received_at=first.version.recorded_at,
        stored_at=first.version.recorded_at,
        changed_at=now,
    )
    unit.records.add(record, first.version)
    for later in (described.version for described in found.versions[1:]):
        subject = subject_for(archive, unit, later.metadata.subject, known_subjects(unit, later.metadata.subject))
        unit.records.claim_metadata(later)
        unit.records.complete_metadata(later, subject, now)
    for mark in found.marks:
        unit.findings.add(record.id, mark.findings, archive.policy, mark.decided_at)
    unit.jobs.add(JobKind.ENRICH if record.state is RecordState.STORED else JobKind.INDEX, record.id, now)
    values: dict[str, Json] = {
        "state": str(record.state),
        "versions": len(found.versions),
        "sha256": record.content.sha256,
    }
    unit.log.append(Event(EventType.REBUILT, _ACTOR, now, record.id, values))


@dataclass(slots=True)
class _Tally:
    """Counts what this run passes."""

    verified: bool
    passed: int = 0
    records: int = 0
    versions: int = 0
    disposed: int = 0
    problems: int = 0
    states: dict[RecordState, int] = field(default_factory=dict)
    listed: list[Problem] = field(default_factory=list)

    def add(self, batch: Sequence[_Group], found: Sequence[_Found]) -> None:
        self.passed += len(batch)
        self.disposed += sum(group.disposed for group in batch)
        for one in found:
            self.problems += len(one.problems)
            self.listed += one.problems[: LISTED_PROBLEMS - len(self.listed)]
            if one.whole is not None:
                self.records += 1
                self.versions += len(one.whole.versions)
                self.states[one.whole.state] = self.states.get(one.whole.state, 0) + 1

    def result(self) -> Rebuilt:
        return Rebuilt(
            records=self.records,
            versions=self.versions,
            quarantined=self.states.get(RecordState.QUARANTINED, 0),
            rejected=self.states.get(RecordState.REJECTED, 0),
            disposed=self.disposed,
            problems=self.problems,
            listed=tuple(self.listed),
            verified=self.verified,
        )
