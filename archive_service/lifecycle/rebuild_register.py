"""Making a lost register anew from the store alone: records, their metadata versions, subjects, relations and states.

It fills a register that holds no records; one that is older than the store it brings forward when asked (adopting),
never back. It changes nothing in the store. What the store does not know cannot come back; ``LOSSES`` says what that
is and what to do. docs/decisions/0010-recovery.md.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from itertools import groupby, islice

from archive_service.errors import Conflict, IntegrityFailure, Message
from archive_service.lifecycle.known import known_subjects, subject_for
from archive_service.lifecycle.marks import (
    Tombstones,
    digest_in_store,
    oldest,
    read_evidence,
    read_marks,
    read_signatures,
    read_small,
)
from archive_service.model.archive import Archive
from archive_service.model.events import Event, EventType, Json, SealedEntry
from archive_service.model.identifiers import RecordId
from archive_service.model.jobs import JobKind
from archive_service.model.objects import (
    RECORDS,
    DescribedVersion,
    StateMark,
    evidence_prefix,
    kept_index,
    metadata_key,
    original_key,
    read_metadata_object,
    record_of,
    rendition_prefix,
    signatures_key,
    state_prefix,
)
from archive_service.model.record import (
    TRANSITIONS,
    MetadataVersion,
    ObjectVersion,
    Record,
    RecordState,
    SearchState,
)
from archive_service.model.signature_json import KeptReport
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
    Loss(
        "who read and searched, and deposits and decisions of the last minutes",
        "the log's published entries come back without that; a backup has it",
    ),
    Loss("signatures of witnesses, time-stamps of the last minute", "witnesses sign again; the next batch is stamped"),
    Loss("idempotency keys of deposits", "the same bytes again are answered 409 already-held with the record's id"),
    Loss("merges of subjects, numbers added with their days", "subjects are those of the descriptions; merge again"),
    Loss("findings and their resolutions", "those of a quarantine come back unresolved; others when words are read"),
    Loss("words of records", "read again from the originals by the workers, then indexed"),
    Loss("which renditions there are", "those under the seal key in use are found again after the words are read"),
    Loss("the moment of storing", "the moment of receipt stands in its place"),
    Loss("corrections decided and not yet in the store", "the version before is the current one; correct again"),
    Loss("whether a killed deposit was ever answered", "what is whole in the store comes back as a record"),
    Loss("events and holds on subjects of whom no record is left", "named by the rebuild; they bear on nothing"),
    Loss("when holds are next looked at, if that was changed", "the day they were placed with; review them again"),
    Loss("where records stand by their retention", "decided on again by the workers"),
    Loss("lists of disposals", "their certificates lie in the store and can be exported with what proves them"),
    Loss("proposals of disposal that had not ended", "propose again; what was begun is finished by its tombstones"),
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
    """What this run brought back. ``verified``: the bytes of every original brought back were read and compared.

    ``records`` were not in the register; ``advanced`` were, with an older version or before a decision. ``payloads``
    is how many log entries have what they commit to again.
    """

    records: int
    advanced: int
    payloads: int
    versions: int
    quarantined: int
    rejected: int
    disposed: int
    problems: int
    listed: tuple[Problem, ...]
    verified: bool


Report = Callable[[int], None]


@dataclass(frozen=True, slots=True)
class RebuildRequest:
    """What to do: read every original, and bring forward a register that holds records but is older than the store."""

    verify: bool = False
    adopt: bool = False


def rebuild_register(archive: Archive, request: RebuildRequest, report: Report) -> Rebuilt:
    """Make the register's records anew from the store.

    Streams the store in id order; a run that was interrupted goes on where it stopped. With ``verify`` every original
    is read and compared with its description; without, its size alone is. With ``adopt`` what the register has stays,
    and it gets what it has never heard of; deposits that it knows to be unanswered are left to their depositors.
    Log entries that were caught up get back what they commit to, as far as it was kept beside the records.
    ``report`` is told how many records this run has passed. Nothing in the store is changed.

    Raises Conflict ``register-not-empty`` when the register holds records and adopting was not asked for;
    Unavailable: run again.
    """
    after = _resume_point(archive, request.adopt)
    tally = _Tally(verified=request.verify)
    with ThreadPoolExecutor(_READERS) as pool:
        groups = _groups(archive, after)
        while batch := list(islice(groups, BATCH)):
            behind = _not_in_register(archive, batch)
            found = list(pool.map(partial(_read, archive, request.verify), behind))
            whole = [one.whole for one in found if one.whole is not None]
            kept = archive.register.write(partial(_keep, archive, whole, batch[-1].record_id))
            archive.register.write(partial(_ask_to_dispose, archive, [one.record_id for one in batch if one.disposed]))
            tally.add(batch, found, kept)
            report(tally.passed)
    archive.register.write(lambda unit: unit.progress.clear(_PROGRESS))
    return tally.result()


def _resume_point(archive: Archive, adopt: bool) -> RecordId | None:
    saved, count = archive.register.read(lambda unit: (unit.progress.get(_PROGRESS), unit.records.count()))
    if saved is not None:
        return RecordId(saved)
    if count and not adopt:
        raise Conflict(
            Message(
                f"The register holds {count} records. A register is made anew only where there are none: "
                "name an empty database, or restore a backup. If it is older than the store, use --adopt.",
                f"Sổ đăng ký đang có {count} tài liệu. Chỉ dựng lại khi sổ đăng ký trống: hãy trỏ đến cơ sở dữ liệu "
                "trống hoặc phục hồi từ bản sao lưu. Nếu sổ đăng ký cũ hơn kho lưu trữ, hãy dùng --adopt.",
            ),
            code="register-not-empty",
        )
    return None


def _not_in_register(archive: Archive, batch: Sequence[_Group]) -> list[_Group]:
    """Return the groups that may tell more than the register knows: few, when there is a register at all."""
    kept = [group for group in batch if not group.disposed]

    def look(unit: RegisterUnit) -> list[_Group]:
        there = unit.records.get_many([group.record_id for group in kept])
        unknown = [group.record_id for group in kept if group.record_id not in there]
        claims = unit.reservations.of_records(unknown) if unknown else []
        unanswered = {claim.record_id for claim in claims if not claim.answered}
        lost = unit.log.without_payload([index for group in kept for index in group.entries])
        return [
            group
            for group in kept
            if group.record_id not in unanswered
            and (group.tells_more_than(there.get(group.record_id)) or not lost.isdisjoint(group.entries))
        ]

    return archive.register.read(look)


@dataclass(frozen=True, slots=True)
class _Group:
    """Everything that lies under one record's id."""

    record_id: RecordId
    objects: tuple[ObjectVersion, ...]
    disposed: bool

    @property
    def evidence(self) -> list[ObjectVersion]:
        """What log entries commit to."""
        return [one for one in self.objects if one.key.startswith(evidence_prefix(self.record_id))]

    @property
    def entries(self) -> list[int]:
        """The log entries to which that belongs, by their indexes."""
        return [index for one in self.evidence if (index := kept_index(one.key)) is not None]

    def tells_more_than(self, record: Record | None) -> bool:
        """Whether the record is not there, has fewer versions, or waits for a decision that may be here."""
        if record is None:
            return True
        keys = {one.key for one in self.objects}
        newer = metadata_key(self.record_id, record.metadata_version + 1) in keys
        decided = any(key.startswith(state_prefix(self.record_id)) for key in keys)
        return newer or (record.state is RecordState.QUARANTINED and decided)


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
    report: KeptReport | None
    evidence: tuple[SealedEntry, ...]

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
        report = read_signatures(archive.store, group.objects)
    except IntegrityFailure as unreadable:
        return _Found(None, (Problem("object-not-readable", group.record_id, unreadable.message.en),))
    evidence, strange = read_evidence(archive.store, group.evidence)
    problems = (
        *_doubts(archive, verify, group, original, described),
        *(Problem("evidence-not-readable", group.record_id, wrong.message.en) for wrong in strange),
    )
    locked_until = archive.store.lock_of(original.key, original.version)
    stored = ObjectVersion(original.key, original.version, described.content, locked_until)
    return _Found(_Whole(group.record_id, stored, versions, marks, report, evidence), problems)


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
    described_by = (metadata_key(group.record_id, n + 1) for n in range(described.version.version))
    known = {original.key, signatures_key(group.record_id), *described_by}
    # Renditions are recorded again by the step that makes them, after it has looked at them.
    expected = (state_prefix(group.record_id), rendition_prefix(group.record_id), evidence_prefix(group.record_id))
    strange = [key for key in keys if key not in known and not key.startswith(expected)]
    if strange or len(keys) != len(set(keys)):
        yield Problem("more-than-expected", group.record_id, "objects or versions that this service did not write")
    same = original.stored.size_bytes == described.content.size_bytes
    if same and verify:
        same = digest_in_store(archive.store, original.key, original.version) == described.content
    if not same:
        yield Problem("mismatch", group.record_id, "the original is not what its description says: an alarm")


def _ask_to_dispose(archive: Archive, record_ids: Sequence[RecordId], unit: RegisterUnit) -> None:
    """Let the workers delete what lies under records that are gone: a disposal was cut off, or a restore brought it."""
    for record_id in record_ids:
        unit.jobs.add(JobKind.DISPOSE, record_id, archive.clock.now())


@dataclass(slots=True)
class _Kept:
    """What one batch brought into the register."""

    added: list[_Whole] = field(default_factory=list)
    advanced: int = 0
    payloads: int = 0


def _keep(archive: Archive, found: Sequence[_Whole], last: RecordId, unit: RegisterUnit) -> _Kept:
    """Write the records of one batch, bring forward those that are there, and note where the run stands."""
    kept = _Kept()
    for one in found:
        record = unit.records.for_update(one.record_id)
        if record is None:
            _keep_one(archive, unit, one)
            kept.added.append(one)
        else:
            kept.advanced += _advance(archive, unit, record, one)
        kept.payloads += sum(map(unit.log.restore_payload, one.evidence))
    unit.progress.put(_PROGRESS, last)
    return kept


def _advance(archive: Archive, unit: RegisterUnit, record: Record, found: _Whole) -> bool:
    """Give a record the versions and the decision that only the store has; return whether there were any."""
    now = archive.clock.now()
    newer = [described.version for described in found.versions[record.metadata_version :]]
    _add_versions(archive, unit, newer)
    decided = record.state is RecordState.QUARANTINED and found.state in TRANSITIONS[record.state]
    if decided:
        unit.records.set_state(record.id, found.state, now)
    if not newer and not decided:
        return False
    unit.jobs.add(JobKind.ENRICH if decided and found.state is RecordState.STORED else JobKind.INDEX, record.id, now)
    _log(archive, unit, found)
    return True


def _add_versions(archive: Archive, unit: RegisterUnit, versions: Sequence[MetadataVersion]) -> None:
    """Make each version the current one in turn; one that was decided and never completed is completed."""
    for later in versions:
        subject = subject_for(archive, unit, later.metadata.subject, known_subjects(unit, later.metadata.subject), None)
        if unit.records.claimed_metadata(later.record_id) is None:
            unit.records.claim_metadata(later)
        unit.records.complete_metadata(later, subject, archive.clock.now())


def _log(archive: Archive, unit: RegisterUnit, found: _Whole) -> None:
    values: dict[str, Json] = {
        "state": str(found.state),
        "versions": len(found.versions),
        "sha256": found.versions[0].content.sha256,
    }
    unit.log.append(Event(EventType.REBUILT, _ACTOR, archive.clock.now(), found.record_id, values))


def _keep_one(archive: Archive, unit: RegisterUnit, found: _Whole) -> None:
    now = archive.clock.now()
    first = found.versions[0]
    claim = first.version.metadata.subject
    record = Record(
        id=found.record_id,
        state=found.state,
        search_state=SearchState.WAITING,
        search_problem=None,
        subject_id=subject_for(archive, unit, claim, known_subjects(unit, claim), None),
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
    _add_versions(archive, unit, [described.version for described in found.versions[1:]])
    if found.report is not None:
        unit.signature_reports.add(record.id, found.report)
    for mark in found.marks:
        unit.findings.add(record.id, mark.findings, archive.policy.of(record.metadata), mark.decided_at)
    unit.jobs.add(JobKind.ENRICH if record.state is RecordState.STORED else JobKind.INDEX, record.id, now)
    _log(archive, unit, found)


@dataclass(slots=True)
class _Tally:
    """Counts what this run passes."""

    verified: bool
    passed: int = 0
    records: int = 0
    advanced: int = 0
    payloads: int = 0
    versions: int = 0
    disposed: int = 0
    problems: int = 0
    states: dict[RecordState, int] = field(default_factory=dict)
    listed: list[Problem] = field(default_factory=list)

    def add(self, batch: Sequence[_Group], found: Sequence[_Found], kept: _Kept) -> None:
        self.passed += len(batch)
        self.disposed += sum(group.disposed for group in batch)
        for one in found:
            self.problems += len(one.problems)
            self.listed += one.problems[: LISTED_PROBLEMS - len(self.listed)]
        self.records += len(kept.added)
        self.advanced += kept.advanced
        self.payloads += kept.payloads
        for whole in kept.added:
            self.versions += len(whole.versions)
            self.states[whole.state] = self.states.get(whole.state, 0) + 1

    def result(self) -> Rebuilt:
        return Rebuilt(
            records=self.records,
            advanced=self.advanced,
            payloads=self.payloads,
            versions=self.versions,
            quarantined=self.states.get(RecordState.QUARANTINED, 0),
            rejected=self.states.get(RecordState.REJECTED, 0),
            disposed=self.disposed,
            problems=self.problems,
            listed=tuple(self.listed),
            verified=self.verified,
        )
