"""The contract suite of Register: both databases pass it.

A test class inherits from RegisterContract and gives the fixture ``register``: new, empty, with this version's schema.
What several writers at once may do is in ``register_concurrency``.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
from collections.abc import Sequence

import pytest
import sqlalchemy as sa

from archive_service.errors import Conflict, Message, NotFound, Unavailable
from archive_service.evidence.entry import commitment_holds
from archive_service.model.events import Event, EventType
from archive_service.model.findings import Finding, FindingCode, Outcome
from archive_service.model.identifiers import OfficeCode, ProcedureCode, ResultTypeCode
from archive_service.model.jobs import Job, JobKind, JobState
from archive_service.model.objects import rendition_key
from archive_service.model.permissions import Role
from archive_service.model.policy import FindingPolicy
from archive_service.model.record import (
    DocumentText,
    MetadataVersion,
    ObjectVersion,
    PageText,
    Record,
    RecordState,
    Relation,
    RelationKind,
    SearchState,
    TextSource,
)
from archive_service.model.reference import Office, ReferenceData
from archive_service.model.sealing import Rendition, RenditionKind
from archive_service.model.signature_json import KeptReport
from archive_service.model.signatures import SignatureVerdict
from archive_service.model.subject import DatedIdentifier
from archive_service.model.units import RegisterUnit
from archive_service.model.units.api_keys import ApiKey
from archive_service.model.units.records import RecordSelection
from archive_service.model.units.reservations import Reservation
from archive_service.storage.register.register import SqlRegister
from tests.results import (
    CENTRE,
    DA_NANG,
    HA_NOI,
    HAI_CHAU,
    HOI_AN,
    NOW,
    ONE_TIME,
    PENSION,
    PENSION_PROCEDURE,
    QUANG_NAM,
    REFERENCE,
    citizen,
    digest,
    first_version,
    insurance,
    metadata,
    pdf,
    person,
    record,
    record_id,
    subject_id,
)

MINUTE = dt.timedelta(minutes=1)
HOI_AN_TIME = dt.timezone(dt.timedelta(hours=7))


def reservation(number: int = 1, key: str = "key-1") -> Reservation:
    """Return a claim whose lease ends in a quarter of an hour."""
    return Reservation(
        caller="key:one-stop",
        key=key,
        record_id=record_id(number),
        request_sha256="a" * 64,
        content_sha256="b" * 64,
        result_type=PENSION,
        identifiers=(insurance("0123456789"), citizen("048085000123")),
        office=DA_NANG,
        salt=bytes(range(32)),
        received_at=NOW,
        lease_until=NOW + 15 * MINUTE,
    )


def keep(register: SqlRegister, *records: Record) -> None:
    """Write records with their first metadata versions."""

    def work(unit: RegisterUnit) -> None:
        for one in records:
            unit.records.add(one, first_version(one))

    register.write(work)


def ids(records: Sequence[Record]) -> list[str]:
    return [one.id for one in records]


def claim_one(register: SqlRegister, now: dt.datetime = NOW, lease: dt.timedelta = MINUTE) -> list[Job]:
    return register.write(lambda unit: unit.jobs.claim([JobKind.ENRICH], 1, now, now + lease))


def ask(register: SqlRegister, number: int = 1, due_at: dt.datetime = NOW) -> None:
    register.write(lambda unit: unit.jobs.add(JobKind.ENRICH, record_id(number), due_at))


def read_event(number: int = 1) -> Event:
    return Event(EventType.RECORD_READ, "key:archivist", NOW, record_id(number), {"name": "Nguyễn Thị Hồng"})


def rendition(of: int, number: int) -> Rendition:
    """Return a sealed copy of that number."""
    content = digest(pdf(f"copy {of} {number}"))
    key = rendition_key(record_id(of), RenditionKind.SEALED, number)
    stored = ObjectVersion(key, f"v{number}", content, NOW + dt.timedelta(days=14))
    return Rendition(record_id(of), RenditionKind.SEALED, number, content, stored, NOW)


def require_refused(register: SqlRegister, statement: str) -> None:
    """Fail unless the database itself refuses a statement that would change an entry of the log."""
    register.write(lambda unit: unit.log.append(read_event()))
    before = register.read(lambda unit: unit.log.entries(0, 10))
    refused = pytest.raises(sa.exc.DBAPIError, match="never changed or deleted")
    with register.engine.connect() as connection, refused:
        connection.execute(sa.text(statement))
    assert register.read(lambda unit: unit.log.entries(0, 10)) == before


class TransactionContract:
    """write and read: all or nothing."""

    def test_what_a_work_writes_is_there_for_the_next_reader(self, register: SqlRegister) -> None:
        register.write(lambda unit: unit.progress.put("reindex", "here"))
        assert register.read(lambda unit: unit.progress.get("reindex")) == "here"

    def test_a_work_that_raises_leaves_nothing_and_its_error_comes_out(self, register: SqlRegister) -> None:
        def work(unit: RegisterUnit) -> None:
            unit.progress.put("reindex", "here")
            unit.log.append(read_event())
            unit.jobs.add(JobKind.INDEX, record_id(1), NOW)
            raise Conflict(Message("No.", "Không."), code="told-so")

        with pytest.raises(Conflict) as told:
            register.write(work)
        assert told.value.code == "told-so"
        assert register.read(lambda unit: unit.progress.get("reindex")) is None
        assert register.read(lambda unit: unit.log.size()) == 0
        assert register.read(lambda unit: unit.jobs.counts()) == {}

    def test_a_reader_sees_one_consistent_view_whatever_is_written_meanwhile(self, register: SqlRegister) -> None:
        def work(unit: RegisterUnit) -> tuple[int, int]:
            before = unit.records.count()
            keep(register, record(1))
            return before, unit.records.count()

        assert register.read(work) == (0, 0)
        assert register.read(lambda unit: unit.records.count()) == 1

    def test_the_register_is_ready_once_it_has_this_versions_schema(self, register: SqlRegister) -> None:
        register.check_ready()


class ReservationsContract:
    """Claims to record ids."""

    def test_a_claim_is_found_by_its_caller_and_key_as_it_was_written(self, register: SqlRegister) -> None:
        register.write(lambda unit: unit.reservations.claim(reservation()))
        assert register.write(lambda unit: unit.reservations.find("key:one-stop", "key-1")) == reservation()
        assert register.write(lambda unit: unit.reservations.find("key:other", "key-1")) is None

    def test_only_live_unanswered_claims_are_pending(self, register: SqlRegister) -> None:
        def pending(now: dt.datetime = NOW) -> list[str]:
            found = register.read(lambda unit: unit.reservations.pending_for("b" * 64, PENSION, now))
            return [one.record_id for one in found]

        register.write(lambda unit: unit.reservations.claim(reservation()))
        assert pending() == [record_id(1)]
        assert pending(NOW + 15 * MINUTE) == []
        register.write(lambda unit: unit.reservations.renew("key:one-stop", "key-1", NOW + 60 * MINUTE))
        assert pending(NOW + 15 * MINUTE) == [record_id(1)]
        register.write(lambda unit: unit.reservations.answer("key:one-stop", "key-1", record_id(1)))
        assert pending() == []

    def test_a_claim_is_answered_once_and_for_its_own_record_only(self, register: SqlRegister) -> None:
        def answered(number: int) -> bool:
            return register.write(lambda unit: unit.reservations.answer("key:one-stop", "key-1", record_id(number)))

        assert not answered(1)
        register.write(lambda unit: unit.reservations.claim(reservation()))
        assert [answered(2), answered(1), answered(1)] == [False, True, False]

    def test_an_answered_claim_is_neither_released_nor_renewed(self, register: SqlRegister) -> None:
        register.write(lambda unit: unit.reservations.claim(reservation()))
        register.write(lambda unit: unit.reservations.answer("key:one-stop", "key-1", record_id(1)))
        register.write(lambda unit: unit.reservations.release("key:one-stop", "key-1"))
        register.write(lambda unit: unit.reservations.renew("key:one-stop", "key-1", NOW + 60 * MINUTE))
        kept = register.write(lambda unit: unit.reservations.find("key:one-stop", "key-1"))
        assert kept == dataclasses.replace(reservation(), answered=True)

    def test_a_released_key_is_free(self, register: SqlRegister) -> None:
        register.write(lambda unit: unit.reservations.claim(reservation()))
        register.write(lambda unit: unit.reservations.release("key:one-stop", "key-1"))
        register.write(lambda unit: unit.reservations.claim(reservation(2)))
        found = register.write(lambda unit: unit.reservations.find("key:one-stop", "key-1"))
        assert found is not None
        assert found.record_id == record_id(2)


class RecordsContract:
    """Records and their versions."""

    def test_a_record_comes_back_as_it_was_written(self, register: SqlRegister) -> None:
        relation = Relation(RelationKind.REPLACES, record_id(9))
        written = record(
            1,
            metadata=metadata(relations=(relation,), paper_location="Kho 2, kệ 14, hộp 3"),
            stored_at=NOW.astimezone(HOI_AN_TIME) + dt.timedelta(microseconds=123_456),
        )
        keep(register, written)
        kept = register.read(lambda unit: unit.records.get(record_id(1)))
        assert kept == written
        assert kept is not None
        assert kept.stored_at.utcoffset() == dt.timedelta()

    def test_an_unknown_record_is_none_and_left_out_of_many(self, register: SqlRegister) -> None:
        keep(register, record(1))
        assert register.read(lambda unit: unit.records.get(record_id(2))) is None
        assert register.write(lambda unit: unit.records.for_update(record_id(2))) is None
        assert register.read(lambda unit: list(unit.records.get_many([record_id(2), record_id(1)]))) == [record_id(1)]
        assert register.read(lambda unit: unit.records.get_many([])) == {}

    def test_stored_and_quarantined_records_hold_their_bytes_others_do_not(self, register: SqlRegister) -> None:
        content = digest(pdf("same"))
        states = [RecordState.STORED, RecordState.QUARANTINED, RecordState.REJECTED, RecordState.DISPOSED]
        keep(register, *(record(n, state=state, content=content) for n, state in enumerate(states)))
        keep(register, record(10, content=content, metadata=metadata(result_type=ONE_TIME)), record(11))
        holding = register.read(lambda unit: unit.records.holding(content.sha256, PENSION))
        assert ids(holding) == [record_id(0), record_id(1)]
        same = register.read(lambda unit: unit.records.with_content(content.sha256))
        assert ids(same) == [record_id(n) for n in (0, 1, 2, 3, 10)]

    def test_records_of_a_subject_come_by_date_of_issue_then_of_storing(self, register: SqlRegister) -> None:
        said = [dt.date(2021, 3, 1), dt.date(2019, 1, 2), None, dt.date(2026, 11, 24), dt.date(2019, 1, 2)]
        keep(register, *(record(n, metadata=metadata(issued_on=day)) for n, day in enumerate(said)))
        keep(register, record(20, subject_id=subject_id(2)), record(21, subject_id=subject_id(3)))
        of_one = register.read(lambda unit: unit.records.of_subjects([subject_id(1)]))
        assert ids(of_one) == [record_id(n) for n in (1, 4, 0, 2, 3)]
        of_both = register.read(lambda unit: unit.records.of_subjects([subject_id(2), subject_id(3)]))
        assert ids(of_both) == [record_id(20), record_id(21)]

    def test_a_selection_is_paged_in_id_order_and_limited_by_every_condition(self, register: SqlRegister) -> None:
        later = NOW + MINUTE
        keep(
            register,
            record(1),
            record(2, state=RecordState.QUARANTINED),
            record(3, metadata=metadata(office=HA_NOI)),
            record(4, changed_at=later, search_state=SearchState.SEARCHABLE),
        )

        def select(selection: RecordSelection) -> list[str]:
            return ids(register.read(lambda unit: unit.records.select(selection)))

        assert select(RecordSelection(None, limit=2)) == [record_id(1), record_id(2)]
        assert select(RecordSelection(None, after=record_id(2), limit=2)) == [record_id(3), record_id(4)]
        assert select(RecordSelection(frozenset({HA_NOI}))) == [record_id(3)]
        assert select(RecordSelection(frozenset())) == []
        assert select(RecordSelection(None, state=RecordState.QUARANTINED)) == [record_id(2)]
        assert select(RecordSelection(None, search_state=SearchState.SEARCHABLE)) == [record_id(4)]
        assert select(RecordSelection(None, changed_since=later)) == [record_id(4)]

    def test_counts_are_of_all_records_or_of_the_states_named(self, register: SqlRegister) -> None:
        keep(register, record(1), record(2, state=RecordState.QUARANTINED))
        register.write(lambda u: u.records.set_search_state(record_id(1), SearchState.SEARCHABLE, None, NOW))
        counts = register.read(
            lambda u: (
                u.records.count(),
                u.records.count(RecordState.QUARANTINED),
                u.records.count(RecordState.STORED, SearchState.SEARCHABLE),
                u.records.count(RecordState.DISPOSED),
            )
        )
        assert counts == (2, 1, 1, 0)

    def test_a_change_of_state_is_a_change_a_change_of_search_state_is_none(self, register: SqlRegister) -> None:
        keep(register, record(1), record(2))
        later = NOW + MINUTE
        register.write(lambda u: u.records.set_state(record_id(1), RecordState.QUARANTINED, later))
        register.write(lambda u: u.records.set_search_state(record_id(2), SearchState.PARKED, "unavailable", later))
        both = register.read(lambda u: u.records.get_many([record_id(1), record_id(2)]))
        changed, same = both[record_id(1)], both[record_id(2)]
        assert (changed.state, changed.changed_at) == (RecordState.QUARANTINED, later)
        assert (same.search_state, same.search_problem, same.changed_at) == (SearchState.PARKED, "unavailable", NOW)

    def test_a_claimed_version_is_current_only_once_completed(self, register: SqlRegister) -> None:
        keep(register, record(1, metadata=metadata(relations=(Relation(RelationKind.CORRECTS, record_id(8)),))))
        said = metadata(office=HAI_CHAU, relations=(Relation(RelationKind.REPLACES, record_id(9)),))
        claimed = MetadataVersion(record_id(1), 2, said, b"s" * 32, "", "key:archivist", "sai số", NOW)
        register.write(lambda unit: unit.records.claim_metadata(claimed))
        assert register.read(lambda unit: unit.records.claimed_metadata(record_id(1))) == claimed
        before = register.read(lambda unit: unit.records.get(record_id(1)))
        assert before is not None
        assert before.metadata_version == 1
        assert len(register.read(lambda unit: unit.records.metadata_versions(record_id(1)))) == 1

        completed, later = dataclasses.replace(claimed, object_version="v2"), NOW + MINUTE
        register.write(lambda unit: unit.records.complete_metadata(completed, subject_id(2), later))
        after = register.read(lambda unit: unit.records.get(record_id(1)))
        assert after is not None
        assert (after.metadata_version, after.metadata, after.subject_id) == (2, said, subject_id(2))
        assert after.changed_at == later, "it changed when it became current, not when it was decided"
        assert register.read(lambda unit: unit.records.claimed_metadata(record_id(1))) is None
        versions = register.read(lambda unit: unit.records.metadata_versions(record_id(1)))
        assert versions == [first_version(before), completed]
        assert register.read(lambda unit: unit.records.related_to(record_id(8))) == []
        assert register.read(lambda unit: unit.records.related_to(record_id(9))) == [(record_id(1), "replaces")]

    def test_locks_that_end_soon_come_soonest_first_and_never_those_of_records_let_go(
        self, register: SqlRegister
    ) -> None:
        def locked(number: int, days: int, state: RecordState = RecordState.STORED) -> Record:
            original = dataclasses.replace(record(number).original, locked_until=NOW + dt.timedelta(days=days))
            return record(number, state=state, original=original)

        keep(register, locked(1, 3), locked(2, 1), locked(3, 9), locked(4, 2, RecordState.QUARANTINED))
        keep(register, locked(5, -3, RecordState.REJECTED), locked(6, -3, RecordState.DISPOSED))

        def due(limit: int) -> list[str]:
            soon = NOW + dt.timedelta(days=7)
            return ids(register.read(lambda unit: unit.records.locks_ending_before(soon, limit)))

        assert due(10) == [record_id(2), record_id(4), record_id(1)]
        assert due(1) == [record_id(2)]
        longer = dataclasses.replace(record(2).original, locked_until=NOW + dt.timedelta(days=14))
        register.write(lambda unit: unit.records.set_lock(record_id(2), longer))
        assert due(10) == [record_id(4), record_id(1)]

    def test_words_come_back_as_read_and_replace_those_of_an_earlier_run(self, register: SqlRegister) -> None:
        keep(register, record(1), record(2))
        first = DocumentText((PageText(1, "Quyết định", TextSource.OCR, 71.25), PageText(2, "", TextSource.NONE)))
        second = DocumentText((PageText(1, "Quyết định số 1234/QĐ-BHXH", TextSource.LAYER),))
        assert register.read(lambda unit: unit.texts.get(record_id(1))) is None
        register.write(lambda unit: unit.texts.put(record_id(1), first, NOW))
        assert register.read(lambda unit: unit.texts.get(record_id(1))) == first
        register.write(lambda unit: unit.texts.put(record_id(1), second, NOW))
        assert register.read(lambda unit: unit.texts.get_many([record_id(1), record_id(2)])) == {record_id(1): second}

    def test_a_record_whose_words_were_read_has_changed_for_the_index(self, register: SqlRegister) -> None:
        keep(register, record(1))
        words = DocumentText((PageText(1, "Quyết định", TextSource.LAYER),))
        register.write(lambda unit: unit.texts.put(record_id(1), words, NOW + MINUTE))
        selection = RecordSelection(None, changed_since=NOW + MINUTE)
        assert ids(register.read(lambda unit: unit.records.select(selection))) == [record_id(1)]

    def test_places_of_words_are_kept_beside_them_until_they_are_forgotten(self, register: SqlRegister) -> None:
        keep(register, record(1))
        pages = (PageText(1, "Quyết", TextSource.OCR, 90.0, bytes(range(10))), PageText(2, "", TextSource.NONE))
        bare = DocumentText((PageText(1, "Quyết", TextSource.OCR, 90.0), PageText(2, "", TextSource.NONE)))
        assert register.read(lambda unit: unit.texts.with_places(record_id(1))) is None
        register.write(lambda unit: unit.texts.put(record_id(1), DocumentText(pages), NOW))
        assert register.read(lambda unit: unit.texts.with_places(record_id(1))) == DocumentText(pages)
        assert register.read(lambda unit: unit.texts.get(record_id(1))) == bare
        register.write(lambda unit: unit.texts.forget_places(record_id(1)))
        assert register.read(lambda unit: unit.texts.with_places(record_id(1))) == bare

    def test_words_read_anew_leave_no_places_of_earlier_ones(self, register: SqlRegister) -> None:
        keep(register, record(1))
        placed = DocumentText((PageText(1, "Quyết", TextSource.OCR, 90.0, bytes(10)),))
        bare = DocumentText((PageText(1, "Quyết định", TextSource.LAYER),))
        register.write(lambda unit: unit.texts.put(record_id(1), placed, NOW))
        register.write(lambda unit: unit.texts.put(record_id(1), bare, NOW))
        assert register.read(lambda unit: unit.texts.with_places(record_id(1))) == bare


class RenditionsContract:
    """Copies beside the originals."""

    def test_renditions_come_back_by_number_with_the_lock_in_force(self, register: SqlRegister) -> None:
        keep(register, record(1), record(2))
        of_one = [rendition(1, number) for number in (10, 2, 1)]

        def write(unit: RegisterUnit) -> None:
            for one in (*of_one, rendition(2, 1)):
                unit.renditions.add(one)

        register.write(write)
        assert register.read(lambda unit: unit.renditions.of_record(record_id(1))) == of_one[::-1]
        later = NOW + dt.timedelta(days=30)
        register.write(lambda unit: unit.renditions.set_lock(record_id(1), later))
        kinds = register.read(lambda unit: unit.renditions.of_record(record_id(1), RenditionKind.SEALED))
        assert {one.object.locked_until for one in kinds} == {later}
        assert register.read(lambda unit: unit.renditions.of_record(record_id(2))) == [rendition(2, 1)]

    def test_a_number_is_given_once(self, register: SqlRegister) -> None:
        keep(register, record(1))
        register.write(lambda unit: unit.renditions.add(rendition(1, 1)))
        with pytest.raises(Unavailable):
            register.write(lambda unit: unit.renditions.add(rendition(1, 1)))


class FindingsContract:
    """What checks found."""

    def test_a_finding_still_open_is_not_doubled_a_resolved_one_may_come_again(self, register: SqlRegister) -> None:
        keep(register, record(1))
        poor, script = Finding(FindingCode.LOW_CONFIDENCE, {"pages": 2}), Finding(FindingCode.JAVASCRIPT)

        def add(*findings: Finding) -> None:
            register.write(lambda unit: unit.findings.add(record_id(1), findings, FindingPolicy(), NOW))

        add(poor, script)
        add(poor)
        found = register.read(lambda unit: unit.findings.of_record(record_id(1)))
        assert [one.finding for one in found] == [poor, script]
        assert [one.outcome for one in found] == [Outcome.ACCEPT, Outcome.QUARANTINE]
        register.write(lambda unit: unit.findings.resolve(found[0].id, "key:officer", "Đã đọc lại", NOW + MINUTE))
        add(poor)
        again = register.read(lambda unit: unit.findings.of_record(record_id(1)))
        assert [one.finding for one in again] == [poor, script, poor]
        assert (again[0].resolved_by, again[0].resolution) == ("key:officer", "Đã đọc lại")
        assert again[0].resolved_at == NOW + MINUTE

    def test_open_findings_are_those_of_the_offices_in_id_order_by_pages(self, register: SqlRegister) -> None:
        keep(register, record(1), record(2, metadata=metadata(office=HA_NOI)))
        both = [Finding(FindingCode.NO_TEXT), Finding(FindingCode.REPAIRED)]
        for number in (1, 2):
            register.write(
                lambda unit, number=number: unit.findings.add(  # type: ignore[misc]
                    record_id(number), both, FindingPolicy(), NOW
                )
            )

        def open_in(offices: frozenset[OfficeCode] | None, after: int = 0, limit: int = 10) -> list[int]:
            return [f.id for f in register.read(lambda unit: unit.findings.open_in(offices, after, limit))]

        every = open_in(None)
        assert every == sorted(every)
        assert len(every) == 4
        assert open_in(frozenset({DA_NANG})) == every[:2]
        assert open_in(frozenset()) == []
        assert open_in(None, after=every[0], limit=2) == every[1:3]
        register.write(lambda unit: unit.findings.resolve(every[1], "key:officer", "Xong", NOW))
        assert open_in(None) == [every[0], every[2], every[3]]
        resolved = register.write(lambda unit: unit.findings.get(every[1]))
        assert resolved is not None
        assert resolved.record_id == record_id(1)
        assert register.write(lambda unit: unit.findings.get(10**6)) is None


class SignatureReportsContract:
    """Which reports of signatures there are."""

    def test_a_report_comes_back_as_written_and_the_first_one_stays(self, register: SqlRegister) -> None:
        keep(register, record(1))
        key = f"records/{record_id(1)}/signatures/1"
        first = KeptReport(SignatureVerdict.UNTRUSTED, ObjectVersion(key, "v1", digest(b"one"), None))
        later = KeptReport(SignatureVerdict.VALID, ObjectVersion(key, "v2", digest(b"two"), None))
        for report in (first, later):
            register.write(lambda unit, report=report: unit.signature_reports.add(record_id(1), report))  # type: ignore[misc]
        assert register.read(lambda unit: unit.signature_reports.get(record_id(1))) == first
        assert register.read(lambda unit: unit.signature_reports.get(record_id(2))) is None


class SubjectsContract:
    """Persons and employers over time."""

    def test_a_subject_is_known_by_each_of_its_identifiers_with_their_days(self, register: SqlRegister) -> None:
        old, new = insurance("0123456789"), citizen("048085000123")
        claim = person(old, born=dt.date(1961, 5, 2))
        register.write(lambda unit: unit.subjects.add(subject_id(1), claim))
        since = DatedIdentifier(new, dt.date(2025, 8, 1))
        register.write(lambda unit: unit.subjects.add_identifier(subject_id(1), since))
        ended = DatedIdentifier(old, None, dt.date(2025, 7, 31))
        register.write(lambda unit: unit.subjects.add_identifier(subject_id(1), ended))
        by_old = register.read(lambda unit: unit.subjects.by_identifier(old))
        assert by_old is not None
        assert by_old.identifiers == (since, ended)
        assert (by_old.name, by_old.birth_date) == (claim.name, dt.date(1961, 5, 2))
        assert register.read(lambda unit: unit.subjects.by_identifier(new)) == by_old
        assert register.read(lambda unit: unit.subjects.by_identifier(citizen("048085000999"))) is None
        assert register.read(lambda unit: unit.subjects.get(subject_id(2))) is None

    def test_merges_are_followed_to_the_one_that_stands_and_can_be_undone(self, register: SqlRegister) -> None:
        for n in (1, 2, 3, 4):
            register.write(lambda u, n=n: u.subjects.add(subject_id(n), person(insurance(f"000000000{n}"))))  # type: ignore[misc]

        def merge(kept: int, merged: int) -> int:
            done = register.write(
                lambda u: u.subjects.add_merge(subject_id(kept), subject_id(merged), "một người", "key:a", NOW)
            )
            return done.id

        def standing(number: int) -> str:
            found = register.read(lambda u: u.subjects.by_identifier(insurance(f"000000000{number}")))
            assert found is not None
            return found.id

        def family(number: int) -> list[str]:
            return [member.id for member in register.read(lambda u: u.subjects.family(subject_id(number)))]

        first = merge(2, 1)
        merge(3, 2)
        merge(3, 4)
        assert [standing(n) for n in (1, 2, 3, 4)] == [subject_id(3)] * 4
        assert family(1)[0] == subject_id(3)
        assert sorted(family(1)) == [subject_id(n) for n in (1, 2, 3, 4)]

        register.write(lambda u: u.subjects.undo_merge(first, "nhầm", "key:b", NOW + MINUTE))
        assert [standing(n) for n in (1, 2)] == [subject_id(1), subject_id(3)]
        assert family(1) == [subject_id(1)]
        assert sorted(family(3)) == [subject_id(n) for n in (2, 3, 4)]
        history = register.read(lambda u: u.subjects.merges_of(subject_id(2)))
        assert [(m.kept, m.merged) for m in history] == [(subject_id(2), subject_id(1)), (subject_id(3), subject_id(2))]
        undone = history[0]
        assert (undone.unmerged_by, undone.unmerge_reason, undone.unmerged_at) == ("key:b", "nhầm", NOW + MINUTE)
        assert register.read(lambda u: u.subjects.get_merge(first)) == undone
        assert register.read(lambda u: u.subjects.get_merge(10**6)) is None

    def test_a_subject_or_merge_that_is_not_there_is_not_found(self, register: SqlRegister) -> None:
        with pytest.raises(NotFound):
            register.read(lambda unit: unit.subjects.standing(subject_id(1)))
        with pytest.raises(NotFound):
            register.write(lambda unit: unit.subjects.undo_merge(7, "nhầm", "key:a", NOW))


class ReferenceContract:
    """Offices, types, procedures."""

    def test_reference_data_comes_back_as_loaded_and_is_replaced_by_code(self, register: SqlRegister) -> None:
        register.write(lambda unit: unit.reference.load(REFERENCE))
        renamed = Office(DA_NANG, "Bảo hiểm xã hội khu vực XXII", CENTRE)
        register.write(lambda unit: unit.reference.load(ReferenceData(offices=(renamed,))))
        offices = register.read(lambda unit: unit.reference.offices())
        expected = {office.code: office for office in REFERENCE.offices} | {DA_NANG: renamed}
        assert {office.code: office for office in offices} == expected
        assert [office.code for office in offices] == sorted(expected)
        assert register.read(lambda unit: unit.reference.office(DA_NANG)) == renamed
        assert register.read(lambda unit: unit.reference.office(OfficeCode("BHXH-99"))) is None
        assert register.read(lambda unit: unit.reference.result_types()) == list(REFERENCE.result_types)
        assert register.read(lambda unit: unit.reference.result_type(PENSION)) == REFERENCE.result_types[0]
        assert register.read(lambda unit: unit.reference.result_type(ResultTypeCode("KQ"))) is None
        assert register.read(lambda unit: unit.reference.procedure(PENSION_PROCEDURE)) == REFERENCE.procedures[0]

    def test_of_an_office_a_type_and_a_procedure_it_is_told_which_are_known(self, register: SqlRegister) -> None:
        register.write(lambda unit: unit.reference.load(REFERENCE))

        def known(office: str, result_type: str, procedure: ProcedureCode | None) -> tuple[bool, bool, bool]:
            named = OfficeCode(office), ResultTypeCode(result_type), procedure
            return register.read(lambda unit: unit.reference.knows(*named))

        assert known(DA_NANG, PENSION, PENSION_PROCEDURE) == (True, True, True)
        assert known("BHXH-99", "KQ", ProcedureCode("0")) == (False, False, False)
        assert known(DA_NANG, "KQ", None) == (True, False, True)

    def test_an_office_has_under_it_its_children_and_whom_these_succeed(self, register: SqlRegister) -> None:
        register.write(lambda unit: unit.reference.load(REFERENCE))

        def subtree(code: OfficeCode) -> set[str]:
            return set(register.read(lambda unit: unit.reference.subtree(code)))

        assert subtree(CENTRE) == {office.code for office in REFERENCE.offices}
        assert subtree(DA_NANG) == {DA_NANG, HAI_CHAU, QUANG_NAM, HOI_AN}
        assert subtree(QUANG_NAM) == {QUANG_NAM, HOI_AN}
        assert subtree(OfficeCode("BHXH-99")) == set()

    def test_a_cycle_of_offices_ends_where_it_began(self, register: SqlRegister) -> None:
        round_about = (Office(DA_NANG, "A", HAI_CHAU), Office(HAI_CHAU, "B", DA_NANG, successor=DA_NANG))
        register.write(lambda unit: unit.reference.load(ReferenceData(offices=round_about)))
        assert register.read(lambda unit: unit.reference.subtree(DA_NANG)) == {DA_NANG, HAI_CHAU}


class LogContract:
    """The log: append-only, erasable payloads."""

    def test_events_come_back_as_they_happened_in_order_by_pages(self, register: SqlRegister) -> None:
        events = [
            read_event(1),
            Event(EventType.SEARCHED, "key:archivist", NOW, None, {"words": "bảo hiểm", "returned": ["a"], "total": 1}),
            read_event(2),
            read_event(1),
        ]
        register.write(lambda unit: unit.log.append(*events[:2]))
        register.write(lambda unit: unit.log.append(*events[2:]))
        logged = register.read(lambda unit: unit.log.entries(0, 10))
        assert [one.index for one in logged] == [0, 1, 2, 3]
        assert [one.event for one in logged] == events
        assert register.read(lambda unit: unit.log.size()) == 4
        assert [e.index for e in register.read(lambda unit: unit.log.entries(1, 2))] == [1, 2]
        assert [e.index for e in register.read(lambda unit: unit.log.of_record(record_id(1), -1, 10))] == [0, 3]
        assert [e.index for e in register.read(lambda unit: unit.log.of_record(record_id(1), 0, 10))] == [3]

    def test_every_entry_commits_to_its_payload_with_a_salt_of_its_own(self, register: SqlRegister) -> None:
        register.write(lambda unit: unit.log.append(read_event(), read_event()))
        with register.engine.connect() as connection:
            rows = connection.execute(
                sa.text(
                    'SELECT e.entry, p.payload, p.salt FROM log_entries e JOIN log_payloads p ON p."index" = e."index"'
                )
            ).all()
        assert all(commitment_holds(row.entry, row.payload, row.salt) for row in rows)
        assert not commitment_holds(rows[0].entry, rows[0].payload, rows[1].salt)
        assert len({row.entry for row in rows}) == 2, "equal events must not give equal entries"
        assert b"Nguy" not in rows[0].entry
        assert b"archivist" not in rows[0].entry

    @pytest.mark.parametrize(
        "statement",
        [
            "UPDATE log_entries SET record_id = NULL",
            'UPDATE log_entries SET "index" = 7',
            "DELETE FROM log_entries",
        ],
    )
    def test_the_database_refuses_to_change_or_delete_an_entry(self, register: SqlRegister, statement: str) -> None:
        require_refused(register, statement)

    def test_a_payload_can_be_erased_and_its_entry_stays(self, register: SqlRegister) -> None:
        register.write(lambda unit: unit.log.append(read_event(), read_event()))
        before = register.read(lambda unit: unit.log.entries(0, 10))
        with register.engine.begin() as connection:
            connection.execute(sa.text('DELETE FROM log_payloads WHERE "index" = 0'))
        after = register.read(lambda unit: unit.log.entries(0, 10))
        assert [one.entry for one in after] == [one.entry for one in before]
        assert [one.event for one in after] == [None, read_event()]


class JobsContract:
    """Follow-up work."""

    def test_work_is_taken_when_due_oldest_due_first_each_piece_once(self, register: SqlRegister) -> None:
        ask(register, 1, NOW + MINUTE)
        ask(register, 2, NOW)
        ask(register, 3, NOW + 2 * MINUTE)
        assert register.read(lambda u: u.jobs.any_due([JobKind.ENRICH], NOW))
        assert not register.read(lambda u: u.jobs.any_due([JobKind.INDEX], NOW + 9 * MINUTE))
        later = NOW + MINUTE
        taken = register.write(lambda u: u.jobs.claim([JobKind.ENRICH], 9, later, later + MINUTE))
        assert [(j.record_id, j.attempts, j.state) for j in taken] == [
            (record_id(2), 1, JobState.RUNNING),
            (record_id(1), 1, JobState.RUNNING),
        ]
        assert claim_one(register, later) == []
        assert register.read(lambda u: u.jobs.counts()) == {
            (JobKind.ENRICH, JobState.RUNNING): 2,
            (JobKind.ENRICH, JobState.WAITING): 1,
        }

    def test_depositors_take_turns_however_much_one_of_them_has_waiting(self, register: SqlRegister) -> None:
        keep(register, *(record(number, depositor="key:flood") for number in range(1, 9)))
        keep(register, record(20, depositor="key:one"), record(21, depositor="key:two"))
        for number in range(1, 9):
            ask(register, number, NOW - MINUTE)
        ask(register, 20, NOW - 0.2 * MINUTE)
        ask(register, 21, NOW - 0.1 * MINUTE)
        taken = [claim_one(register)[0] for _ in range(5)]
        assert [job.record_id for job in taken] == [record_id(number) for number in (1, 20, 21, 2, 3)]
        register.write(lambda unit: unit.jobs.done(taken[1]))
        ask(register, 20, NOW)
        assert claim_one(register)[0].record_id == record_id(20)

    def test_depositors_take_turns_within_what_is_taken_at_once(self, register: SqlRegister) -> None:
        keep(register, *(record(number, depositor="key:flood") for number in range(1, 9)))
        keep(register, record(20, depositor="key:one"))
        for number in (*range(1, 9), 20):
            ask(register, number, NOW)
        taken = register.write(lambda u: u.jobs.claim([JobKind.ENRICH], 4, NOW, NOW + MINUTE))
        assert [job.record_id for job in taken] == [record_id(number) for number in (1, 20, 2, 3)]

    def test_work_of_a_silent_worker_is_no_share_of_its_depositor(self, register: SqlRegister) -> None:
        keep(register, record(1, depositor="key:one"), record(2, depositor="key:two"))
        keep(register, record(3, depositor="key:two"))
        for number in (1, 2, 3):
            ask(register, number, NOW)
        [lost] = claim_one(register)
        [_] = claim_one(register, NOW, 9 * MINUTE)
        [again] = claim_one(register, NOW + 2 * MINUTE)
        assert (lost.record_id, again.record_id, again.attempts) == (record_id(1), record_id(1), 2)

    def test_work_done_in_bulk_is_taken_oldest_first_whoever_deposited_it(self, register: SqlRegister) -> None:
        keep(register, *(record(number, depositor="key:flood") for number in range(1, 4)))
        keep(register, record(20, depositor="key:one"))
        for number in (1, 2, 20, 3):
            register.write(lambda u, number=number: u.jobs.add(JobKind.INDEX, record_id(number), NOW))  # type: ignore[misc]
        taken = register.write(lambda u: u.jobs.claim([JobKind.INDEX], 9, NOW, NOW + MINUTE))
        assert [job.record_id for job in taken] == [record_id(number) for number in (1, 2, 20, 3)]

    def test_work_asked_for_twice_is_one_piece_and_finished_work_is_gone(self, register: SqlRegister) -> None:
        ask(register)
        ask(register)
        [job] = claim_one(register)
        register.write(lambda u: u.jobs.done(job))
        assert register.read(lambda u: u.jobs.counts()) == {}

    def test_work_asked_for_while_it_runs_is_run_once_more(self, register: SqlRegister) -> None:
        ask(register)
        [job] = claim_one(register)
        ask(register, due_at=NOW + MINUTE)
        assert claim_one(register) == []
        register.write(lambda u: u.jobs.done(job))
        [again] = claim_one(register, NOW + MINUTE)
        assert (again.record_id, again.attempts) == (job.record_id, 1)
        register.write(lambda u: u.jobs.done(again))
        assert register.read(lambda u: u.jobs.counts()) == {}

    def test_work_whose_lease_ran_out_is_taken_again_unless_it_was_renewed(self, register: SqlRegister) -> None:
        ask(register)
        [job] = claim_one(register)
        register.write(lambda u: u.jobs.renew([job], NOW + 2 * MINUTE))
        assert claim_one(register, NOW + MINUTE) == []
        [taken] = claim_one(register, NOW + 2 * MINUTE)
        assert (taken.id, taken.attempts) == (job.id, 2)

    def test_a_worker_whose_lease_ran_out_cannot_end_or_give_back_its_successors_work(
        self, register: SqlRegister
    ) -> None:
        ask(register)
        [lost] = claim_one(register)
        [held] = claim_one(register, NOW + MINUTE, 5 * MINUTE)

        def late(unit: RegisterUnit) -> None:
            unit.jobs.renew([lost], NOW + 60 * MINUTE)
            unit.jobs.done(lost)
            unit.jobs.retry(lost, NOW, "unavailable")
            unit.jobs.give_back(lost, NOW)
            unit.jobs.park(lost, "integrity-failure")

        register.write(late)
        assert claim_one(register, NOW + 2 * MINUTE) == []
        assert register.read(lambda u: u.jobs.counts()) == {(JobKind.ENRICH, JobState.RUNNING): 1}
        register.write(lambda u: u.jobs.done(held))
        assert register.read(lambda u: u.jobs.counts()) == {}

    def test_work_to_be_tried_again_waits_with_its_problem_and_counts_its_tries(self, register: SqlRegister) -> None:
        ask(register)
        [job] = claim_one(register)
        register.write(lambda u: u.jobs.retry(job, NOW + MINUTE, "unavailable"))
        assert claim_one(register) == []
        [again] = claim_one(register, NOW + MINUTE)
        assert (again.attempts, again.problem) == (2, "unavailable")

    def test_work_given_back_is_due_at_once_and_its_try_does_not_count(self, register: SqlRegister) -> None:
        ask(register)
        [job] = claim_one(register)
        register.write(lambda u: u.jobs.give_back(job, NOW))
        [again] = claim_one(register)
        assert again.attempts == 1

    def test_parked_work_waits_for_a_person_and_begins_anew_when_unparked(self, register: SqlRegister) -> None:
        ask(register)
        [job] = claim_one(register)
        register.write(lambda u: u.jobs.park(job, "integrity-failure"))
        assert claim_one(register, NOW + 60 * MINUTE) == []
        [parked] = register.read(lambda u: u.jobs.parked(10))
        assert (parked.id, parked.state, parked.problem) == (job.id, JobState.PARKED, "integrity-failure")
        register.write(lambda u: u.jobs.unpark(parked.id, NOW))
        [again] = claim_one(register)
        assert (again.attempts, again.problem) == (1, None)
        register.write(lambda u: u.jobs.unpark(again.id, NOW))
        assert claim_one(register) == [], "only parked work can be unparked"

    def test_parked_work_asked_for_again_is_due_again(self, register: SqlRegister) -> None:
        ask(register)
        [job] = claim_one(register)
        register.write(lambda u: u.jobs.park(job, "internal error"))
        ask(register, due_at=NOW + MINUTE)
        [again] = claim_one(register, NOW + MINUTE)
        assert again.attempts == 1


class KeysContract:
    """API keys, and where long runs stand."""

    def test_a_key_comes_back_as_kept_and_is_revoked_once(self, register: SqlRegister) -> None:
        roles = frozenset({Role.DEPOSITOR, Role.AUDITOR})
        key = ApiKey("k1", "một cửa", DA_NANG, roles, "c" * 64, NOW, NOW + dt.timedelta(days=90))
        other = dataclasses.replace(key, id="k0", created_at=NOW + MINUTE)
        register.write(lambda unit: unit.api_keys.add(other))
        register.write(lambda unit: unit.api_keys.add(key))
        assert register.read(lambda unit: unit.api_keys.list()) == [key, other]
        assert register.read(lambda unit: unit.api_keys.get("none")) is None
        register.write(lambda unit: unit.api_keys.revoke("k1", NOW + MINUTE))
        register.write(lambda unit: unit.api_keys.revoke("k1", NOW + 2 * MINUTE))
        revoked = register.read(lambda unit: unit.api_keys.get("k1"))
        assert revoked == dataclasses.replace(key, revoked_at=NOW + MINUTE)

    def test_progress_is_kept_by_name_replaced_and_forgotten(self, register: SqlRegister) -> None:
        register.write(lambda unit: unit.progress.put("reindex", "1"))
        register.write(lambda unit: unit.progress.put("reindex", "2"))
        assert register.read(lambda unit: unit.progress.get("reindex")) == "2"
        register.write(lambda unit: unit.progress.clear("reindex"))
        register.write(lambda unit: unit.progress.clear("reindex"))
        assert register.read(lambda unit: unit.progress.get("reindex")) is None


class RegisterContract(
    TransactionContract,
    ReservationsContract,
    RecordsContract,
    RenditionsContract,
    FindingsContract,
    SignatureReportsContract,
    SubjectsContract,
    ReferenceContract,
    LogContract,
    JobsContract,
    KeysContract,
):
    """Everything that one caller at a time may ask of a register."""
