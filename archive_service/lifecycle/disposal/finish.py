"""Carrying approved disposals to their end: their records are handed to the workers, and what was done is certified.

Run every so often by whichever worker comes first. Idempotent and safe beside itself; killed anywhere, the next run
goes on. A disposal ends when every record is gone or kept, and the index was told.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import partial

from archive_service.errors import ArchiveError, IntegrityFailure
from archive_service.lifecycle.disposal.certificate import (
    Entries,
    Outline,
    certificate_blocks,
    kept_head,
    states_the_same,
)
from archive_service.lifecycle.disposal.paper import LISTED, certificate_paper
from archive_service.lifecycle.disposal.proposed import pages_of
from archive_service.lifecycle.marks import digest_in_store, oldest
from archive_service.model.archive import Archive
from archive_service.model.disposals import Disposal, DisposalItem, ItemState, ListDigest
from archive_service.model.events import DISPOSALS, Event, EventType, Json
from archive_service.model.identifiers import RecordId
from archive_service.model.jobs import JobKind
from archive_service.model.objects import certificate_key, certificate_paper_key
from archive_service.model.ports import STORED_DIFFERS, Sealer
from archive_service.model.record import ContentDigest
from archive_service.model.units import RegisterUnit
from archive_service.model.units.disposals import DisposalSelection, ItemSelection
from retention.disposal import ProposalState
from retention.locks import quarantine_lock_until

# Who follow-up work is done by, in the log.
_WORKER = "worker"

# Where the handing out of a proposal's records stands, and that it has come to the end.
_HANDED_OUT = "disposal:"
_ALL = "all"
_AT_ONCE = 500

# Some hundred bytes a record: millions of them.
_LARGEST_CERTIFICATE_BYTES = 1 << 30


@dataclass(frozen=True, slots=True)
class Certified:
    """A disposal that has ended, and how many records it disposed of."""

    disposal_id: str
    disposed: int


def finish_disposals(archive: Archive) -> tuple[Certified, ...]:
    """Hand out the records of approved disposals, and certify those of which every record is done.

    One that fails keeps no other from its end. Raises the first failure then: Unavailable, Misconfigured for a seal
    that cannot be used, IntegrityFailure where the store holds another certificate. What was done stays.
    """
    done, failures = list[Certified](), list[ArchiveError]()
    for disposal in _approved(archive):
        try:
            certified = _finish(archive, disposal)
        except ArchiveError as failed:
            failures.append(failed)
            continue
        done += [certified] if certified is not None else []
    if failures:
        raise failures[0]
    return tuple(done)


def _finish(archive: Archive, disposal: Disposal) -> Certified | None:
    if not disposal.may_be_executed:
        return None
    _hand_out(archive, disposal)
    return _certify(archive, disposal) if archive.register.read(partial(_is_done, disposal.id)) else None


def _approved(archive: Archive) -> Iterator[Disposal]:
    selection = DisposalSelection(states=frozenset({ProposalState.APPROVED}))
    while page := archive.register.read(partial(_select, selection)):
        yield from page
        selection = replace(selection, after=page[-1].id)


def _select(selection: DisposalSelection, unit: RegisterUnit) -> list[Disposal]:
    return unit.disposals.select(selection)


def _hand_out(archive: Archive, disposal: Disposal) -> None:
    """Ask the workers to dispose of each listed record, once, page by page."""
    while archive.register.write(partial(_hand_out_page, archive.clock.now(), disposal.id)):
        pass


def _hand_out_page(now: dt.datetime, disposal_id: str, unit: RegisterUnit) -> bool:
    name = f"{_HANDED_OUT}{disposal_id}"
    unit.progress.serialise(name)
    after = unit.progress.get(name) or ""
    if after == _ALL:
        return False
    listed = unit.disposals.items(ItemSelection(disposal_id, frozenset({ItemState.LISTED}), after, _AT_ONCE))
    unit.jobs.add_many(JobKind.DISPOSE, [item.record_id for item in listed], now)
    unit.progress.put(name, listed[-1].record_id if listed else _ALL)
    return bool(listed)


def _is_done(disposal_id: str, unit: RegisterUnit) -> bool:
    return unit.disposals.tally(disposal_id).is_final and not unit.disposals.awaits_index(disposal_id)


def _certify(archive: Archive, disposal: Disposal) -> Certified | None:
    """Put certificate and paper, then log their digests: killed between, the same certificate is put again."""
    outline = _outline(archive, disposal)
    until = quarantine_lock_until(archive.clock.now(), archive.rules.checkpoint_lock_days)
    certificate = _put(archive, outline, until)
    paper = _print(archive, outline, certificate, until)
    return archive.register.write(partial(_note, archive, outline, certificate, paper))


def _put(archive: Archive, outline: Outline, until: dt.datetime) -> ContentDigest:
    """Keep the certificate and return its digest.

    After a restore of the register the disposal is carried out again, and its certificate is there already: where it
    says the same, but for the times of then, it stays.
    """
    key = certificate_key(outline.disposal.id)
    with archive.staging.receive(_LARGEST_CERTIFICATE_BYTES) as file:
        for block in certificate_blocks(outline, _pages(archive, outline.disposal.id)):
            file.write(block)
        try:
            return archive.store.put(key, file.path, file.digest, until).stored
        except IntegrityFailure as taken:
            there = oldest(archive.store.list_under(key)) if taken.code == STORED_DIFFERS else None
            if there is None:
                raise
            with archive.store.read(there.key, there.version) as blocks:
                if not states_the_same(outline, kept_head(blocks)):
                    raise
            return digest_in_store(archive.store, there.key, there.version)


def _outline(archive: Archive, disposal: Disposal) -> Outline:
    """Return what the certificate states besides its records, by one pass over them."""
    listed, schedules, exceptions = ListDigest(), set[tuple[str, str]](), list[DisposalItem]()
    completed_at = disposal.approved_at or disposal.proposed_at
    for items, entries in _pages(archive, disposal.id):
        listed.add(items)
        exceptions += (item for item in items if item.state is ItemState.EXCEPTED)
        completed_at = max(completed_at, *(item.changed_at for item in items))
        told = (one.event.values for one in entries.values() if one.event is not None)
        schedules |= {(str(said["schedule"]), str(said["version"])) for said in told if "schedule" in said}
    tally = archive.register.read(lambda unit: unit.disposals.tally(disposal.id))
    return Outline(disposal, tally, tuple(exceptions), listed.hexdigest(), tuple(sorted(schedules)), completed_at)


def _pages(archive: Archive, disposal_id: str) -> Iterator[tuple[list[DisposalItem], Entries]]:
    """Yield a disposal's records page by page, with the log's entries of those that are gone."""
    for items in pages_of(archive, ItemSelection(disposal_id)):
        gone = [item.record_id for item in items if item.state is ItemState.DISPOSED]
        yield items, archive.register.read(partial(_entries, gone))


def _entries(record_ids: list[RecordId], unit: RegisterUnit) -> Entries:
    # A restore may have replayed the end of a record since: its first entry says who decided it.
    ended = unit.log.of_kinds(record_ids, {EventType.DISPOSED})
    return {**unit.log.of_kinds([one for one in record_ids if one not in ended], DISPOSALS), **ended}


def _print(archive: Archive, outline: Outline, certificate: ContentDigest, until: dt.datetime) -> ContentDigest | None:
    """Keep the certificate as a sealed PDF too, and return its digest; None where the archive has no seal.

    A run that was killed after it had put one keeps that: no two seals are the same. So does one that came second.
    """
    key = certificate_paper_key(outline.disposal.id)
    there = _in_store(archive, key)
    if there is not None or archive.sealer is None:
        return there
    try:
        return _seal_and_put(archive, archive.sealer, outline, certificate, until)
    except IntegrityFailure as taken:
        there = _in_store(archive, key) if taken.code == STORED_DIFFERS else None
        if there is None:
            raise
        return there


def _seal_and_put(
    archive: Archive, sealer: Sealer, outline: Outline, certificate: ContentDigest, until: dt.datetime
) -> ContentDigest:
    paper = certificate_paper(outline, certificate.sha256, archive.register.read(partial(_first, outline.disposal.id)))
    with archive.staging.receive(archive.rules.max_file_bytes) as file:
        sealer.seal_paper(paper, file)
        return archive.store.put(certificate_paper_key(outline.disposal.id), file.path, file.digest, until).stored


def _first(disposal_id: str, unit: RegisterUnit) -> dict[ItemState, list[DisposalItem]]:
    """Return the first records of each outcome."""
    return {
        state: unit.disposals.items(ItemSelection(disposal_id, frozenset({state}), limit=LISTED))
        for state in (ItemState.DISPOSED, ItemState.KEPT, ItemState.EXCEPTED)
    }


def _in_store(archive: Archive, key: str) -> ContentDigest | None:
    first = oldest(archive.store.list_under(key))
    return None if first is None else digest_in_store(archive.store, first.key, first.version)


def _note(
    archive: Archive, outline: Outline, certificate: ContentDigest, paper: ContentDigest | None, unit: RegisterUnit
) -> Certified | None:
    """End the disposal, unless another run has."""
    disposal = unit.disposals.get(outline.disposal.id, lock=True)
    if disposal is None or disposal.state is not ProposalState.APPROVED:
        return None
    now, counts = archive.clock.now(), outline.counts
    unit.disposals.put(replace(disposal, ended_at=now, certificate_sha256=certificate.sha256))
    unit.progress.clear(f"{_HANDED_OUT}{disposal.id}")
    values: dict[str, Json] = {
        "disposal": disposal.id,
        "certificate": _digest(certificate),
        "paper": None if paper is None else _digest(paper),
        "records": counts["proposed"],
        "disposed": counts["disposed"],
        "kept": counts["kept"],
        "excepted": counts["excepted"],
    }
    unit.log.append(Event(EventType.DISPOSAL_CERTIFIED, _WORKER, now, None, values))
    return Certified(disposal.id, counts["disposed"])


def _digest(of: ContentDigest) -> dict[str, Json]:
    return {"sha256": of.sha256, "sha512": of.sha512, "size_bytes": of.size_bytes}
