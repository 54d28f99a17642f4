"""Depositing a result: from a staged file to a record that is answered for.

The order is the promise (docs/architecture.md): claim an id, check, store and read back, then one transaction with the
record, its log entry, its follow-up work and the key's answer. Killed anywhere, the same request takes the same id up
again; nothing answered is lost and nothing is stored twice.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
import hashlib
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from archive_service.errors import (
    ArchiveError,
    Conflict,
    IntegrityFailure,
    Message,
    Rejected,
    unavailable,
)
from archive_service.evidence.canonical import canonical_json
from archive_service.evidence.commitment import metadata_commitment
from archive_service.evidence.entry import SALT_BYTES
from archive_service.lifecycle.evidence.receipts import find_receipt, receipt_of, sign_receipt
from archive_service.lifecycle.known import known_subjects, require_known_references, require_possible, subject_for
from archive_service.lifecycle.marks import keep_state, keep_with_signatures
from archive_service.lifecycle.verify import signatures_of, verify_document, verify_signatures
from archive_service.lifecycle.visible import has_seen, may_see, require_not_disposed
from archive_service.model.archive import Archive
from archive_service.model.events import Event, EventType, Json, LoggedEvent
from archive_service.model.findings import Finding, Outcome, RecordedFinding
from archive_service.model.identifiers import RecordId, time_ordered_uuid
from archive_service.model.inspection import Examined, Inspection, PdfFacts
from archive_service.model.jobs import JobKind
from archive_service.model.metadata_json import metadata_to_json
from archive_service.model.objects import StateMark, metadata_object, original_key
from archive_service.model.permissions import Action, Caller, require
from archive_service.model.ports import NewObject
from archive_service.model.record import (
    ContentDigest,
    MetadataVersion,
    ObjectVersion,
    Record,
    RecordMetadata,
    RecordState,
    SearchState,
    require_transition,
)
from archive_service.model.signature_json import KeptReport
from archive_service.model.signatures import SignatureVerdict
from archive_service.model.subject import Subject
from archive_service.model.units import RegisterUnit
from archive_service.model.units.reservations import Reservation
from retention.locks import quarantine_lock_until

# A document has one page size or two; a drawing set may have many, and the log need not list them all.
_SIZES_KEPT = 10


@dataclass(frozen=True, slots=True)
class Deposit:
    """The command: a staged file with its digest, and what is said of it."""

    caller: Caller
    idempotency_key: str
    metadata: RecordMetadata
    path: Path
    content: ContentDigest


@dataclass(frozen=True, slots=True)
class Deposited:
    """The answer: the record, what was found, and whether this only repeats an earlier answer.

    ``receipt`` is the signed receipt's text; None for a record that was made anew from the store.
    """

    record: Record
    findings: tuple[RecordedFinding, ...]
    replayed: bool
    signatures: SignatureVerdict | None = None
    receipt: str | None = None


@dataclass(frozen=True, slots=True)
class _Claimed:
    reservation: Reservation
    known: tuple[Subject, ...]


def require_may_deposit(caller: Caller) -> None:
    """Raise NotAllowed for a caller that may not deposit: asked before the body is read, and again in the step."""
    require(caller, Action.DEPOSIT)


def deposit(archive: Archive, command: Deposit) -> Deposited:
    """Keep the result and answer for it.

    The same caller, key, bytes and metadata again give the same answer and store nothing twice.
    Raises NotAllowed; InvalidInput for an unknown office, type or relation; Conflict ``key-reused`` or
    ``already-held``; Gone ``disposed`` for an answered key whose record is disposed of, until the key is forgotten with
    it; Rejected with each reason; Unavailable when store or register is down: the same request may be sent again. On
    every error nothing is served and the key is as free as before.
    """
    done, logged = _deposit(archive, command)
    if logged:
        receipt = receipt_of(done.record.id, logged[0])
    else:
        receipt = archive.register.read(lambda unit: find_receipt(unit, done.record.id))
    return dataclasses.replace(done, receipt=sign_receipt(archive, receipt) if receipt is not None else None)


# The answer, and the entry that was written with it; none for an answer that is given again.
_Done = tuple[Deposited, Sequence[LoggedEvent]]


def _deposit(archive: Archive, command: Deposit) -> _Done:
    require_may_deposit(command.caller)
    claimed = archive.register.write(lambda unit: _claim(archive, unit, command))
    if claimed.reservation.answered:
        return archive.register.read(lambda unit: _answer_again(unit, claimed.reservation.record_id)), ()
    try:
        examined = archive.pdf.examine(command.path, claimed.reservation.received_at)
        inspection, report = examined.inspection, signatures_of(examined)
        policy = archive.policy.of(command.metadata)
        findings = verify_document(inspection, command.metadata, claimed.known, archive.rules.minimum_dpi)
        unsigned, can_seal = policy.without_signature(command.metadata), archive.result_sealer is not None
        findings += verify_signatures(report, inspection, unsigned, can_seal=can_seal)
        outcome = policy.decide(findings)
        if outcome is Outcome.REFUSE:
            _refuse(archive, command, claimed.reservation, findings)
        stored = _store(archive, command, claimed.reservation, examined)
        if outcome is Outcome.QUARANTINE:
            _mark_quarantined(archive, claimed.reservation, findings)
        kept = _Kept(command, claimed.reservation, inspection, findings, outcome, *stored)
        return archive.register.write(lambda unit: _record(archive, unit, kept))
    except (Conflict, Rejected, IntegrityFailure):
        raise
    except ArchiveError:
        _end_lease(archive, command)
        raise


def _claim(archive: Archive, unit: RegisterUnit, command: Deposit) -> _Claimed:
    """Find or make the caller's claim to a record id; refuse what must not begin."""
    metadata, caller = command.metadata, command.caller
    now = archive.clock.now()
    lease_until = now + archive.rules.reservation_lease
    request = _request_digest(command)
    earlier = unit.reservations.find(caller.id, command.idempotency_key)
    if earlier is not None and earlier.request_sha256 != request:
        raise Conflict(
            Message(
                "This Idempotency-Key was used for another file or other metadata. Use a new key for a new deposit.",
                "Idempotency-Key này đã dùng cho tệp hoặc siêu dữ liệu khác. Hãy dùng khoá mới cho lần nộp mới.",
            ),
            code="key-reused",
        )
    if earlier is not None and earlier.answered:
        return _Claimed(earlier, ())
    require_known_references(unit, caller, metadata)
    require_possible(metadata, now)
    unit.records.serialise_deposits_of(command.content.sha256, metadata.result_type)
    known = known_subjects(unit, metadata.subject)
    _require_not_held(unit, command, known, now)
    # What the findings say of a subject must not tell what other offices hold.
    seen = tuple(subject for subject in known if has_seen(unit, caller, subject.id))
    if earlier is not None:
        unit.reservations.renew(caller.id, command.idempotency_key, lease_until)
        return _Claimed(earlier, seen)
    reservation = Reservation(
        caller=caller.id,
        key=command.idempotency_key,
        record_id=RecordId(time_ordered_uuid(now, archive.randomness.token(10))),
        request_sha256=request,
        content_sha256=command.content.sha256,
        result_type=metadata.result_type,
        identifiers=metadata.subject.identifiers,
        office=metadata.office,
        salt=archive.randomness.token(SALT_BYTES),
        received_at=now,
        lease_until=lease_until,
    )
    unit.reservations.claim(reservation)
    return _Claimed(reservation, seen)


def _require_not_held(unit: RegisterUnit, command: Deposit, known: tuple[Subject, ...], now: dt.datetime) -> None:
    """Raise Conflict when the bytes are held for the subject and type in the caller's offices; never name others'."""
    subjects = {subject.id for subject in known}
    # What is held belongs to somebody who is known: for anybody else there is nothing to look through.
    held = unit.records.holding(command.content.sha256, command.metadata.result_type) if subjects else ()
    for record in held:
        if record.metadata.office in command.caller.offices and (
            unit.subjects.standing(record.subject_id).id in subjects
        ):
            raise _already_held(record.id, record.state) if may_see(command.caller, record) else _held_unseen()
    identifiers = set(command.metadata.subject.identifiers)
    pending = unit.reservations.pending_for(command.content.sha256, command.metadata.result_type, now)
    for claim in pending:
        own = (claim.caller, claim.key) == (command.caller.id, command.idempotency_key)
        if not own and claim.office in command.caller.offices and identifiers & set(claim.identifiers):
            raise _already_held(claim.record_id, RecordState.PENDING)


def _held_unseen() -> Conflict:
    """The bytes are held under an access level that the caller does not read: that much, and no more."""
    return Conflict(
        Message(
            "These bytes are already held for this subject and result type.",
            "Nội dung này đã được lưu cho chủ thể và loại kết quả này.",
        ),
        code="already-held",
    )


def _already_held(record_id: RecordId, state: RecordState) -> Conflict:
    return Conflict(
        Message(
            f"These bytes are already held for this subject and result type as record {record_id}, state {state}.",
            f"Nội dung này đã được lưu cho chủ thể và loại kết quả này, mã tài liệu {record_id}, "
            f"trạng thái «{state.vi}».",
        ),
        code="already-held",
        record_id=record_id,
        state=str(state),
    )


def _refuse(archive: Archive, command: Deposit, reservation: Reservation, findings: tuple[Finding, ...]) -> None:
    """Log the refusal, free the key, and raise Rejected."""
    require_transition(RecordState.PENDING, RecordState.REFUSED)
    policy = archive.policy.of(command.metadata)
    refusing = tuple(f for f in findings if policy.outcome_of(f) is Outcome.REFUSE)

    def log(unit: RegisterUnit) -> None:
        unit.reservations.release(reservation.caller, reservation.key)
        unit.log.append(
            Event(
                EventType.DEPOSIT_REFUSED,
                command.caller.id,
                archive.clock.now(),
                reservation.record_id,
                {"reasons": [str(f.code) for f in refusing], "sha256": command.content.sha256},
            )
        )

    archive.register.write(log)
    raise Rejected(
        Message(
            "The document was checked and is refused; nothing was stored. See the findings for what to do.",
            "Tài liệu đã được kiểm tra và bị từ chối; không có gì được lưu. Xem các phát hiện để biết cách xử lý.",
        ),
        reasons=tuple(f.reason for f in refusing),
    )


def _store(
    archive: Archive, command: Deposit, reservation: Reservation, examined: Examined
) -> tuple[ObjectVersion, ObjectVersion, KeptReport | None]:
    """Put the original, the first metadata version and the report of signatures, if there are any; all are read back.

    The same bytes at every try, but for the report, of which the first stands.
    """
    lock_until = quarantine_lock_until(archive.clock.now(), archive.rules.quarantine_lock_days)
    record_id = reservation.record_id
    first = _first_version(command, reservation, "")
    description = metadata_object(first, command.content, _pages(examined.inspection))
    objects = (
        NewObject(original_key(record_id), command.path, command.content),
        NewObject(description.key, description.body, description.digest),
    )
    report = signatures_of(examined)
    if report is None:
        original, metadata = archive.store.put_all(objects, lock_until)
        return original, metadata, None
    (original, metadata), kept = keep_with_signatures(archive.store, objects, record_id, report, lock_until)
    return original, metadata, kept


def _mark_quarantined(archive: Archive, reservation: Reservation, findings: tuple[Finding, ...]) -> None:
    """Say so in the store before the register does: a register made anew must not serve it."""
    mark = StateMark(
        record_id=reservation.record_id,
        number=1,
        state=RecordState.QUARANTINED,
        actor=reservation.caller,
        reason="deposit",
        decided_at=reservation.received_at,
        findings=findings,
    )
    until = quarantine_lock_until(archive.clock.now(), archive.rules.quarantine_lock_days)
    keep_state(archive.store, mark, until)


def _first_version(command: Deposit, reservation: Reservation, object_version: str) -> MetadataVersion:
    return MetadataVersion(
        record_id=reservation.record_id,
        version=1,
        metadata=command.metadata,
        salt=reservation.salt,
        object_version=object_version,
        actor=reservation.caller,
        reason="deposit",
        recorded_at=reservation.received_at,
    )


def _pages(inspection: Inspection) -> int:
    return inspection.page_count if isinstance(inspection, PdfFacts) else 0


@dataclass(frozen=True, slots=True)
class _Kept:
    command: Deposit
    reservation: Reservation
    inspection: Inspection
    findings: tuple[Finding, ...]
    outcome: Outcome
    original: ObjectVersion
    metadata: ObjectVersion
    report: KeptReport | None


def _record(archive: Archive, unit: RegisterUnit, kept: _Kept) -> _Done:
    """Write the record, its entry, its work and the key's answer: all or nothing."""
    command, reservation, now = kept.command, kept.reservation, archive.clock.now()
    if not unit.reservations.answer(reservation.caller, reservation.key, reservation.record_id):
        current = unit.reservations.find(reservation.caller, reservation.key)
        if current is None or current.record_id != reservation.record_id:
            # The audit took it for abandoned and may be removing its objects: the next try begins anew.
            raise unavailable("register")
        return _answer_again(unit, reservation.record_id), ()
    unit.records.serialise_deposits_of(command.content.sha256, command.metadata.result_type)
    known = known_subjects(unit, command.metadata.subject)
    _require_not_held(unit, command, known, now)
    state = _state_for([kept.outcome])
    require_transition(RecordState.PENDING, state)
    record = Record(
        id=reservation.record_id,
        state=state,
        search_state=SearchState.WAITING,
        search_problem=None,
        subject_id=subject_for(archive, unit, command.metadata.subject, known, command.caller.offices),
        metadata=command.metadata,
        metadata_version=1,
        content=command.content,
        original=kept.original,
        page_count=_pages(kept.inspection),
        depositor=reservation.caller,
        received_at=reservation.received_at,
        stored_at=now,
        changed_at=now,
    )
    unit.records.add(record, _first_version(command, reservation, kept.metadata.version))
    if kept.report is not None:
        unit.signature_reports.add(record.id, kept.report)
    unit.findings.add(record.id, kept.findings, archive.policy.of(command.metadata), now)
    # What is in quarantine is not read by anything but the checks; it is found by its metadata.
    unit.jobs.add(JobKind.ENRICH if state is RecordState.STORED else JobKind.INDEX, record.id, now)
    logged = unit.log.append(_deposited(archive, kept, record, now))
    # Their numbers are given by the register; a record that is new has no others.
    recorded = tuple(unit.findings.of_record(record.id)) if kept.findings else ()
    done = Deposited(record, recorded, replayed=False, signatures=kept.report.verdict if kept.report else None)
    return done, logged


def _deposited(archive: Archive, kept: _Kept, record: Record, now: dt.datetime) -> Event:
    """Return the event whose payload is the record's manifest: everything that its entry commits to.

    It names nobody and holds no words of anybody's, so that the key, which may be any text, stands there as a digest.
    """
    facts = kept.inspection
    return Event(
        EventType.DEPOSITED,
        kept.reservation.caller,
        now,
        record.id,
        {
            "state": str(record.state),
            "size_bytes": record.content.size_bytes,
            "sha256": record.content.sha256,
            "sha512": record.content.sha512,
            "media_type": "application/pdf",
            "office": record.metadata.office,
            "metadata": metadata_commitment(1, record.metadata, kept.reservation.salt),
            "retention": {"class": None, "rule_version": None},
            "idempotency_key_sha256": hashlib.sha256(kept.reservation.key.encode()).hexdigest(),
            "maximum_merge_delay_seconds": int(archive.rules.maximum_merge_delay.total_seconds()),
            "object_version": record.original.version,
            "metadata_sha256": kept.metadata.stored.sha256,
            "received_at": record.received_at.isoformat(),
            "pages": record.page_count,
            "signatures": len(facts.signatures) if isinstance(facts, PdfFacts) else None,
            "signature_report": _report_digest(kept.report),
            "pdfa_claim": facts.pdfa_claim if isinstance(facts, PdfFacts) else None,
            "pdf": _seen_in(facts) if isinstance(facts, PdfFacts) else None,
            "findings": [str(f.code) for f in kept.findings],
        },
    )


def _report_digest(report: KeptReport | None) -> dict[str, Json] | None:
    return None if report is None else {"sha256": report.stored.stored.sha256, "sha512": report.stored.stored.sha512}


def _seen_in(facts: PdfFacts) -> dict[str, Json]:
    """Return what the checks saw in the PDF, as the log keeps it: enough to tell later what was deposited."""
    sizes = Counter(f"{page.width_points:.0f}x{page.height_points:.0f}" for page in facts.pages)
    resolutions = [page.lowest_image_dpi for page in facts.pages if page.lowest_image_dpi is not None]
    return {
        "version": facts.pdf_version,
        "page_sizes_points": dict(sizes.most_common(_SIZES_KEPT)),
        "pages_with_text": sum(page.has_text for page in facts.pages),
        "lowest_image_dpi": min(resolutions, default=None),
        "fonts": len(facts.fonts),
        "signatures": [
            {"sub_filter": one.sub_filter, "covers_whole_file": one.covers_whole_file} for one in facts.signatures
        ],
    }


def _answer_again(unit: RegisterUnit, record_id: RecordId) -> Deposited:
    """Return the answer that was given: what became of the record since is told by reading it.

    Raises Gone ``disposed`` for one that was disposed of: what was answered is not kept any more.
    """
    record = unit.records.get(record_id)
    if record is None:
        raise IntegrityFailure(
            Message(
                f"Record {record_id} was answered for and is not in the register. Tell the operator at once.",
                f"Tài liệu {record_id} đã được xác nhận nhưng không có trong sổ đăng ký. "
                "Hãy báo ngay cho quản trị viên.",
            ),
            record_id=record_id,
        )
    require_not_disposed(unit, record)
    first = unit.records.metadata_versions(record_id)[0]
    found = [f for f in unit.findings.of_record(record_id) if f.found_at == record.stored_at]
    answered = dataclasses.replace(
        record,
        state=_state_for(f.outcome for f in found),
        search_state=SearchState.WAITING,
        search_problem=None,
        metadata=first.metadata,
        metadata_version=first.version,
    )
    as_found = (dataclasses.replace(f, resolved_at=None, resolved_by=None, resolution=None) for f in found)
    report = unit.signature_reports.get(record_id)
    return Deposited(answered, tuple(as_found), replayed=True, signatures=report.verdict if report else None)


def _state_for(outcomes: Iterable[Outcome]) -> RecordState:
    """Return the state in which a deposit with these outcomes begins; a refused one never comes to be a record."""
    return RecordState.QUARANTINED if Outcome.QUARANTINE in set(outcomes) else RecordState.STORED


def _request_digest(command: Deposit) -> str:
    described = canonical_json(metadata_to_json(command.metadata))
    return hashlib.sha256(described + b"\n" + command.content.sha256.encode()).hexdigest()


def _end_lease(archive: Archive, command: Deposit) -> None:
    """Let others deposit the bytes at once after a fault; the id stays claimed for this key's next try."""
    try:
        archive.register.write(
            lambda unit: unit.reservations.renew(command.caller.id, command.idempotency_key, archive.clock.now())
        )
    except ArchiveError:
        return  # the register is what is down: the lease runs out by itself
