"""What proves stamps, disposals and audits, held against register and log: batches and tokens, certificates, reports.

Reports, certificates and schedules must be those whose digests are in the log; a batch with its tokens must be the
register's, and the tokens must be over its root.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from functools import partial
from itertools import groupby
from operator import attrgetter

from archive_service.evidence.entry import end_of_entry
from archive_service.evidence.kept_batch import kept_batch_objects, kept_token_object, read_kept_batch
from archive_service.evidence.kept_entry import read_kept_entry
from archive_service.lifecycle.audit.commitments import opened
from archive_service.lifecycle.audit.pieces import Find, Listing, Piece, Reader, first_version, mismatch, missing
from archive_service.lifecycle.timestamps.stamped import kept_before
from archive_service.model.audits import AuditFinding
from archive_service.model.events import Event, EventType, Json
from archive_service.model.objects import (
    DISPOSALS,
    SmallObject,
    audit_paper_key,
    audit_report_key,
    batch_prefix,
    batches_prefix,
    certificate_key,
    certificate_paper_key,
    disposal_evidence_key,
    is_disposal_evidence,
)
from archive_service.model.retention_objects import schedule_file_key
from archive_service.model.timestamps import TimestampBatch, TimestampToken
from archive_service.model.units import RegisterUnit

# Entries of the log among which reports and certificates are looked for at once, and batches listed at once.
_ENTRIES_AT_ONCE = 2000
_BATCHES_AT_ONCE = 500

# How the entries end that commit to papers.
_COMMITTING = tuple(
    map(
        end_of_entry,
        (EventType.AUDITED, EventType.AUDIT_PRINTED, EventType.DISPOSAL_CERTIFIED, EventType.SCHEDULE_ADOPTED),
    )
)


def kept_timestamps(reader: Reader) -> Iterator[Piece]:
    """Yield every batch of the register, with what the store has of it. Raises Unavailable.

    What the store has of others was given before the register was put back, and proves itself where it is asked for.
    """
    archive, origin = reader.archive, reader.archive.signer.origin
    listing, after = Listing(archive.store, batches_prefix(origin)), 0
    while numbers := archive.register.read(partial(_numbers, after)):
        for number in numbers:
            batch = archive.register.read(partial(_batch_of, number))
            if batch is not None:
                prefix = batch_prefix(origin, number, batch.root)
                yield Piece(prefix, listing.under(prefix), partial(_batch, reader, number))
        after = numbers[-1]


def committed_papers(reader: Reader) -> Iterator[Piece]:
    """Yield each audit, certified disposal and adopted schedule that the log tells of, with its papers.

    Raises Unavailable.
    """
    archive = reader.archive
    size = archive.register.read(lambda unit: unit.log.size())
    for start in range(0, size, _ENTRIES_AT_ONCE):
        entries = archive.register.read(partial(_entries, start, _ENTRIES_AT_ONCE))
        for index in (start + at for at, entry in enumerate(entries) if entry.endswith(_COMMITTING)):
            papers = archive.register.read(partial(_papers, index))
            listed = [one for key, _ in papers for one in archive.store.list_under(key)]
            if papers:
                yield Piece(papers[0][0], listed, partial(_committed, reader, index))


def kept_decisions(reader: Reader) -> Iterator[Piece]:
    """Yield everything that is kept of the entries about disposals. Raises Unavailable."""
    for key, versions in groupby(reader.archive.store.list_under(DISPOSALS), attrgetter("key")):
        if is_disposal_evidence(key):
            yield Piece(key, list(versions), partial(_decision, reader, key))


def _numbers(after: int, unit: RegisterUnit) -> list[int]:
    return unit.timestamps.numbers(after, _BATCHES_AT_ONCE)


def _batch_of(number: int, unit: RegisterUnit) -> TimestampBatch | None:
    return unit.timestamps.get(number, groups=False)


def _batch(reader: Reader, number: int, find: Find) -> AuditFinding | None:
    """Judge a batch with its tokens: each object is what the register has, and all of it proves itself."""
    archive, origin = reader.archive, reader.archive.signer.origin
    batch, tokens, before = archive.register.read(
        lambda unit: (unit.timestamps.get(number), unit.timestamps.tokens(number), kept_before(unit))
    )
    given = [one for one in tokens if one.token is not None]
    if batch is None or not given:
        return None  # without a token it proves nothing yet, and is not kept
    prefix = batch_prefix(origin, number, batch.root)
    wanted = list(_kept_of(origin, batch, given, before))
    for small, is_due in wanted:
        wrong = _differs(reader, small, is_due, find)
        if wrong is not None:
            return wrong
    if reader.verify:
        # It raises IntegrityFailure: groups that do not lead to the root, or a token that does not stamp it.
        read_kept_batch(prefix, {small.key.removeprefix(prefix): small.body for small, _ in wanted})
    return None


def _kept_of(
    origin: str, batch: TimestampBatch, given: list[TimestampToken], before: dt.datetime | None
) -> Iterator[tuple[SmallObject, bool]]:
    """Yield what is kept of a batch, and whether all of it must be in the store by now."""
    due = [before is not None and one.stamped_at is not None and one.stamped_at < before for one in given]
    for small in kept_batch_objects(origin, batch):
        yield small, any(due)
    for token, is_due in zip(given, due, strict=True):
        yield kept_token_object(origin, batch, token), is_due


def _differs(reader: Reader, small: SmallObject, is_due: bool, find: Find) -> AuditFinding | None:
    listed = first_version(find, small.key)
    if listed is None:
        return missing(small.key) if is_due else None
    if not reader.verify:
        return None
    if reader.digest(listed) != small.digest:
        return mismatch(small.key, "its bytes are not those that the register has of the batch")
    return reader.drift(listed)


def _entries(start: int, limit: int, unit: RegisterUnit) -> list[bytes]:
    return unit.log.entry_bytes(start, limit)


def _papers(index: int, unit: RegisterUnit) -> list[tuple[str, dict[str, str]]]:
    """Return the key of each paper that an entry commits to, with its digests by the names of their functions.

    Nothing where the payload was lost, or is not the one committed to, which is told of the log itself.
    """
    return [paper for one in unit.log.sealed(index, 1) if (event := opened(one)) for paper in _papers_of(event)]


def _papers_of(event: Event) -> Iterator[tuple[str, dict[str, str]]]:
    said = event.values
    if event.type in (EventType.AUDITED, EventType.AUDIT_PRINTED):
        audit_id = str(said["audit"])
        yield audit_report_key(audit_id), _digests({name: said.get(f"report_{name}") for name in _FUNCTIONS})
        if said.get("printed_sha256") is not None:
            yield audit_paper_key(audit_id), _digests({"sha256": said["printed_sha256"]})
    elif event.type is EventType.SCHEDULE_ADOPTED:
        sha256 = str(said["sha256"])
        yield schedule_file_key(int(str(said["number"])), sha256), {"sha256": sha256}
    elif event.type is EventType.DISPOSAL_CERTIFIED:
        disposal_id = str(said["disposal"])
        yield certificate_key(disposal_id), _digests(said["certificate"])
        if said.get("paper") is not None:
            yield certificate_paper_key(disposal_id), _digests(said["paper"])


_FUNCTIONS = ("sha256", "sha512")


def _digests(said: Json) -> dict[str, str]:
    values = said if isinstance(said, dict) else {}
    return {name: str(values[name]) for name in _FUNCTIONS if values.get(name) is not None}


def _committed(reader: Reader, index: int, find: Find) -> AuditFinding | None:
    """Judge the papers that one entry of the log commits to."""
    for key, digests in reader.archive.register.read(partial(_papers, index)):
        listed = first_version(find, key)
        if listed is None:
            return missing(key, f"entry {index} of the log commits to it, and the store does not have it")
        if not reader.verify:
            continue
        found = reader.digest(listed)
        if digests != {name: getattr(found, name) for name in digests} or not digests:
            return mismatch(key, f"its bytes are not those that entry {index} of the log commits to")
        wrong = reader.drift(listed)
        if wrong is not None:
            return wrong
    return None


def _decision(reader: Reader, key: str, find: Find) -> AuditFinding | None:
    """Judge what is kept of an entry about a disposal: the entry commits to it, and the log has this very entry.

    What is of an earlier log, which began anew since, proves itself and has no entry here to be compared with.
    """
    listed = first_version(find, key)
    if listed is None or not reader.verify:
        return None if listed is not None else missing(key, "it vanished between listing and reading")
    kept = read_kept_entry(key, reader.body(listed))
    if key == disposal_evidence_key(key.split("/")[1], reader.archive.signer.origin, kept.index):
        in_log = reader.archive.register.read(lambda unit: unit.log.entry_bytes(kept.index, 1))
        if in_log != [kept.entry]:
            return mismatch(key, f"what is kept of entry {kept.index} is not what the log has")
    return reader.drift(listed)
