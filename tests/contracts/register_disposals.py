"""The contract suite of Register for disposals, and for forgetting what was disposed of: both databases pass it."""

from __future__ import annotations

import dataclasses
import datetime as dt
from typing import Any

import pytest

from archive_service.errors import Unavailable
from archive_service.model.disposals import CastVote, Disposal, DisposalItem, ItemState, Receipt
from archive_service.model.events import DISPOSALS, Event, EventType
from archive_service.model.findings import Finding, FindingCode
from archive_service.model.jobs import JobKind
from archive_service.model.policy import FindingPolicy
from archive_service.model.record import DocumentText, PageText, RecordState, Relation, RelationKind, TextSource
from archive_service.model.retention import EventScope, ToldEvent
from archive_service.model.signature_json import KeptReport
from archive_service.model.signatures import SignatureVerdict
from archive_service.model.units import RegisterUnit
from archive_service.model.units.disposals import DisposalSelection, ItemSelection
from archive_service.storage.register.register import SqlRegister
from retention.disposal import Obstacle, ProposalState, Vote
from retention.schedule import Action
from tests.contracts.register import MINUTE, keep, read_event, rendition, reservation
from tests.results import (
    DA_NANG,
    HA_NOI,
    NOW,
    citizen,
    insurance,
    metadata,
    person,
    record,
    record_id,
    subject_id,
)

HOUR = dt.timedelta(hours=1)
WHY = Obstacle("held", "A hold has been placed on it.", "Tài liệu đang bị giữ theo lệnh.")


def disposal(number: int = 1, **said: Any) -> Disposal:
    usual = Disposal(
        id=f"d{number}",
        action=Action.DESTROY,
        title="Hồ sơ hết hạn năm 2026",
        office=DA_NANG,
        council=frozenset({"account:lan", "account:minh", "key:3"}),
        proposed_by="account:hong",
        proposed_at=NOW,
    )
    return dataclasses.replace(usual, **said)


def item(number: int = 1, of: int = 1, state: ItemState = ItemState.LISTED, **said: Any) -> DisposalItem:
    usual = DisposalItem(
        disposal_id=f"d{of}",
        record_id=record_id(number),
        state=state,
        size_bytes=100 + number,
        sha256=f"{number:064x}",
        changed_at=NOW,
        class_code="06",
        due_on=dt.date(2026, 1, number),
    )
    return dataclasses.replace(usual, **said)


def proposed(register: SqlRegister, one: Disposal, *items: DisposalItem) -> Disposal:
    """Write a proposal with its records down and open it."""

    def work(unit: RegisterUnit) -> None:
        unit.disposals.add_draft(one)
        unit.disposals.add_items(items)
        unit.disposals.open(one.id)

    register.write(work)
    return one


def votes(*members: str) -> tuple[CastVote, ...]:
    return tuple(CastVote(one, Vote.AGREE, "", NOW + n * MINUTE) for n, one in enumerate(members))


def approved(register: SqlRegister, one: Disposal) -> Disposal:
    """Let all members agree and another person approve."""
    agreed = votes(*sorted(one.council))
    done = dataclasses.replace(one, votes=agreed, approved_by="account:duc", approved_at=NOW + HOUR)

    def work(unit: RegisterUnit) -> None:
        for vote in agreed:
            unit.disposals.add_vote(one.id, vote)
        unit.disposals.put(done)

    register.write(work)
    return done


def work_of(register: SqlRegister, one: DisposalItem) -> tuple[Disposal, DisposalItem] | None:
    return register.read(lambda u: u.disposals.to_execute(one.record_id))


class DisposalsContract:
    """Proposals, their records, votes."""

    def test_a_draft_is_seen_by_nobody_until_it_is_opened_and_ends_by_itself(self, register: SqlRegister) -> None:
        register.write(lambda u: u.disposals.add_draft(disposal(1)))
        register.write(lambda u: u.disposals.add_draft(disposal(2, proposed_at=NOW - HOUR)))
        register.write(lambda u: u.disposals.add_items([item(1, of=1), item(2, of=2)]))
        assert register.read(lambda u: u.disposals.get("d1")) is None
        assert register.read(lambda u: u.disposals.select(DisposalSelection())) == []
        assert register.read(lambda u: u.disposals.proposed([record_id(1), record_id(2)])) == {
            record_id(1),
            record_id(2),
        }
        register.write(lambda u: u.disposals.drop_drafts(NOW - MINUTE))
        assert register.write(lambda u: u.disposals.open("d2")) is None
        assert register.read(lambda u: u.disposals.items(ItemSelection("d2"))) == []
        assert register.write(lambda u: u.disposals.open("d1")) == disposal(1)
        assert register.write(lambda u: u.disposals.open("d1")) is None
        register.write(lambda u: u.disposals.drop_drafts(NOW + HOUR))
        assert register.write(lambda u: u.disposals.get("d1", lock=True)) == disposal(1)

    def test_a_proposal_comes_back_with_all_that_was_said_of_it(self, register: SqlRegister) -> None:
        one = approved(register, proposed(register, disposal(action=Action.TRANSFER), item()))
        assert register.read(lambda u: u.disposals.get("d1")) == one
        assert one.state is ProposalState.APPROVED
        assert not one.may_be_executed
        receipt = Receipt("Lưu trữ lịch sử", "BN-12", dt.date(2026, 11, 20), "đã nhận đủ")
        received = dataclasses.replace(one, receipt=receipt)
        register.write(lambda u: u.disposals.put(received))
        assert register.read(lambda u: u.disposals.get("d1")) == received
        assert received.may_be_executed
        ended = dataclasses.replace(received, ended_at=NOW + 2 * HOUR, certificate_sha256="c" * 64)
        register.write(lambda u: u.disposals.put(ended))
        assert register.read(lambda u: u.disposals.select(DisposalSelection())) == [ended]
        assert ended.state is ProposalState.DONE

    def test_a_member_votes_once(self, register: SqlRegister) -> None:
        proposed(register, disposal())
        register.write(lambda u: u.disposals.add_vote("d1", CastVote("key:3", Vote.REFUSE, "còn dùng", NOW)))
        with pytest.raises(Unavailable):
            register.write(lambda u: u.disposals.add_vote("d1", CastVote("key:3", Vote.AGREE, "", NOW)))
        found = register.read(lambda u: u.disposals.get("d1"))
        assert found is not None
        assert found.votes == (CastVote("key:3", Vote.REFUSE, "còn dùng", NOW),)

    def test_a_selection_is_paged_and_limited_by_office_and_state(self, register: SqlRegister) -> None:
        for number, office in ((1, DA_NANG), (2, HA_NOI), (3, DA_NANG)):
            proposed(register, disposal(number, office=office))
        approved(register, disposal(3))

        def selected(**said: Any) -> list[str]:
            return [one.id for one in register.read(lambda u: u.disposals.select(DisposalSelection(**said)))]

        assert selected() == ["d1", "d2", "d3"]
        assert selected(limit=2) == ["d1", "d2"]
        assert selected(after="d2") == ["d3"]
        assert selected(offices=frozenset({DA_NANG})) == ["d1", "d3"]
        assert selected(offices=frozenset()) == []
        assert selected(states=frozenset({ProposalState.APPROVED})) == ["d3"]

    def test_records_are_paged_in_id_order_counted_and_changed_one_by_one(self, register: SqlRegister) -> None:
        items = [item(number) for number in range(1, 6)]
        proposed(register, disposal(), *reversed(items))
        excepted = dataclasses.replace(
            items[1], state=ItemState.EXCEPTED, reason="còn dùng", actor="key:3", changed_at=NOW + HOUR
        )
        kept = dataclasses.replace(items[2], state=ItemState.KEPT, obstacle=WHY, class_code="05", due_on=None)
        given = dataclasses.replace(items[3], package_sha256="d" * 64)
        for changed in (excepted, kept, given):
            register.write(lambda u, changed=changed: u.disposals.put_item(changed))  # type: ignore[misc]
        now = [items[0], excepted, kept, given, items[4]]

        def page(**said: Any) -> list[DisposalItem]:
            return register.read(lambda u: u.disposals.items(ItemSelection("d1", **said)))

        assert page() == now
        assert page(limit=2) == now[:2]
        assert page(after=record_id(3)) == now[3:]
        assert page(states=frozenset({ItemState.LISTED})) == [items[0], given, items[4]]
        assert register.write(lambda u: u.disposals.item("d1", record_id(3), lock=True)) == kept
        assert register.read(lambda u: u.disposals.item("d1", record_id(9))) is None
        tally = register.read(lambda u: u.disposals.tally("d1"))
        assert (tally.of(), tally.of(ItemState.LISTED), tally.of(ItemState.KEPT)) == (5, 3, 1)
        assert tally.by_state[ItemState.LISTED].size_bytes == 101 + 104 + 105
        assert not tally.is_final
        assert register.read(lambda u: u.disposals.not_exported("d1")) == 2
        assert register.read(lambda u: u.disposals.tally("none")).is_final

    def test_a_record_stands_in_a_proposal_until_it_was_taken_out_kept_or_the_proposal_ended(
        self, register: SqlRegister
    ) -> None:
        proposed(register, disposal(1), item(1), item(2, state=ItemState.EXCEPTED), item(3, state=ItemState.KEPT))
        proposed(register, disposal(2), item(4, of=2), item(5, of=2, state=ItemState.DISPOSED))
        everything = [record_id(number) for number in range(1, 7)]
        assert register.read(lambda u: u.disposals.proposed(everything)) == {record_id(1), record_id(4)}
        assert register.read(lambda u: u.disposals.proposed([])) == set()
        refusal = CastVote("key:3", Vote.REFUSE, "không", NOW)
        register.write(lambda u: u.disposals.add_vote("d2", refusal))
        register.write(lambda u: u.disposals.put(disposal(2, votes=(refusal,))))
        assert register.read(lambda u: u.disposals.proposed(everything)) == {record_id(1)}

    def test_only_what_an_approved_proposal_lists_or_began_is_to_be_executed(self, register: SqlRegister) -> None:
        listed, begun = item(1), item(2, state=ItemState.BEGUN)
        one = proposed(register, disposal(), listed, begun, item(3, state=ItemState.KEPT))
        assert work_of(register, listed) is None
        one = approved(register, one)
        assert work_of(register, listed) == (one, listed)
        assert work_of(register, begun) == (one, begun)
        assert work_of(register, item(3)) is None
        assert work_of(register, item(4)) is None

    def test_what_began_long_ago_and_is_not_gone_is_counted(self, register: SqlRegister) -> None:
        begun = item(1, state=ItemState.BEGUN)
        one = proposed(register, disposal(), begun, item(2), item(3, state=ItemState.DISPOSED))
        before = begun.changed_at - dt.timedelta(seconds=1)
        assert register.read(lambda u: u.disposals.begun_before(begun.changed_at)) == 0
        approved(register, one)
        assert register.read(lambda u: u.disposals.begun_before(begun.changed_at)) == 1
        assert register.read(lambda u: u.disposals.begun_before(before)) == 0

    def test_the_index_is_awaited_for_records_that_are_gone(self, register: SqlRegister) -> None:
        proposed(register, disposal(), item(1), item(2, state=ItemState.DISPOSED))
        register.write(lambda u: u.jobs.add(JobKind.INDEX, record_id(1), NOW))
        assert not register.read(lambda u: u.disposals.awaits_index("d1"))
        register.write(lambda u: u.jobs.add(JobKind.DISPOSE, record_id(2), NOW))
        assert not register.read(lambda u: u.disposals.awaits_index("d1"))
        register.write(lambda u: u.jobs.add(JobKind.INDEX, record_id(2), NOW))
        assert register.read(lambda u: u.disposals.awaits_index("d1"))


class ForgettingContract:
    """What is forgotten of a record that is gone, and what is not."""

    def test_a_record_is_forgotten_but_for_what_names_nobody(self, register: SqlRegister) -> None:
        said = metadata(
            relations=(Relation(RelationKind.REPLACES, record_id(2)),),
            dossier_code="000.00.00.H41-210301-0042",
            signer="Lê Văn A",
        )
        keep(register, record(1, metadata=said), record(2))
        later = NOW + MINUTE

        def erase(unit: RegisterUnit) -> None:
            unit.records.set_state(record_id(1), RecordState.DISPOSED, NOW)
            unit.records.erase(record_id(1), later)

        register.write(erase)
        register.write(erase)
        found = register.read(lambda u: u.records.get(record_id(1)))
        assert found is not None
        assert (found.state, found.changed_at, found.subject_id) == (RecordState.DISPOSED, later, "")
        assert (found.content, found.received_at) == (record(1).content, NOW)
        assert found.metadata == dataclasses.replace(
            metadata(),
            subject=dataclasses.replace(person(), name="", identifiers=()),
            document_number=None,
            document_notation=None,
            issued_on=None,
            summary=None,
        )
        assert register.read(lambda u: u.records.metadata_versions(record_id(1))) == []
        assert register.read(lambda u: u.records.related_to(record_id(2))) == []
        assert register.read(lambda u: u.records.of_dossier("000.00.00.H41-210301-0042")) == []
        assert register.read(lambda u: u.records.get(record_id(2))) == record(2)
        assert len(register.read(lambda u: u.records.metadata_versions(record_id(2)))) == 1
        register.write(lambda u: u.records.erase(record_id(9), later))

    def test_a_subject_has_kept_records_until_all_are_disposed_of(self, register: SqlRegister) -> None:
        keep(register, record(1), record(2, state=RecordState.REJECTED), record(3, subject_id=subject_id(2)))
        for number, kept in ((1, True), (2, False)):
            register.write(lambda u, n=number: u.records.set_state(record_id(n), RecordState.DISPOSED, NOW))  # type: ignore[misc]
            assert register.read(lambda u: u.records.any_kept_of([subject_id(1)])) is kept
        assert register.read(lambda u: u.records.any_kept_of([subject_id(1), subject_id(2)]))
        assert not register.read(lambda u: u.records.any_kept_of([]))

    def test_a_subject_that_is_forgotten_has_no_name_and_no_number(self, register: SqlRegister) -> None:
        born = person(insurance("0123456789"), citizen("048085000123"), born=dt.date(1985, 3, 1))
        register.write(lambda u: u.subjects.add(subject_id(1), born))
        register.write(lambda u: u.subjects.add(subject_id(2), person(insurance("9876543210"))))
        register.write(lambda u: u.subjects.erase(subject_id(1)))
        found = register.read(lambda u: u.subjects.get(subject_id(1)))
        assert found is not None
        assert (found.name, found.birth_date, found.identifiers) == ("", None, ())
        assert register.read(lambda u: u.subjects.by_identifier(insurance("0123456789"))) is None
        assert register.read(lambda u: u.subjects.by_identifier(insurance("9876543210"))) is not None

    def test_what_belongs_to_one_record_goes_and_that_of_others_stays(self, register: SqlRegister) -> None:
        keep(register, record(1), record(2))
        words = DocumentText((PageText(1, "Nguyễn Thị Hồng", TextSource.LAYER),))

        def fill(unit: RegisterUnit, number: int) -> None:
            one = record(number)
            unit.texts.put(one.id, words, NOW)
            unit.findings.add(one.id, (Finding(FindingCode.NO_TEXT, {"pages": 1}),), FindingPolicy(), NOW)
            unit.renditions.add(rendition(number, 1))
            unit.signature_reports.add(one.id, KeptReport(SignatureVerdict.VALID, one.original))
            unit.reservations.claim(reservation(number, f"key-{number}"))
            told = ToldEvent(
                f"e{number}", EventScope.RECORD, one.id, "last-payment", NOW.date(), "sổ", DA_NANG, "key:1", NOW
            )
            unit.told_events.add(told)

        def erase(unit: RegisterUnit) -> None:
            for rows in (unit.texts, unit.findings, unit.renditions, unit.signature_reports, unit.reservations):
                rows.erase(record_id(1))
            unit.told_events.erase(EventScope.RECORD, record_id(1))

        def held(unit: RegisterUnit, number: int) -> list[object]:
            one = record_id(number)
            return [
                unit.texts.get(one),
                unit.findings.of_record(one),
                unit.renditions.of_record(one),
                unit.signature_reports.get(one),
                unit.reservations.of_records([one]),
                unit.told_events.of(EventScope.RECORD, [one]),
            ]

        for number in (1, 2):
            register.write(lambda u, n=number: fill(u, n))  # type: ignore[misc]
        register.write(erase)
        register.write(erase)
        assert not any(register.read(lambda u: held(u, 1)))
        assert all(register.read(lambda u: held(u, 2)))

    def test_payloads_of_a_record_go_but_those_that_tell_of_its_end_and_every_entry_stays(
        self, register: SqlRegister
    ) -> None:
        disposed = Event(EventType.DISPOSED, "worker", NOW, record_id(1), {"disposal": "d1"})
        register.write(lambda u: u.log.append(read_event(1), read_event(2), disposed, read_event(1)))
        before = register.read(lambda u: u.log.entry_bytes(0, 10))
        for _ in range(2):
            register.write(lambda u: u.log.erase_payloads(record_id(1), DISPOSALS))
        assert register.read(lambda u: u.log.entry_bytes(0, 10)) == before
        assert register.read(lambda u: u.log.without_payload([0, 1, 2, 3])) == {0, 3}

    def test_the_last_entry_of_some_kinds_is_found_for_many_records(self, register: SqlRegister) -> None:
        def disposal_of(number: int, kind: EventType = EventType.DISPOSED) -> Event:
            return Event(kind, "worker", NOW, record_id(number), {"disposal": "d1"})

        register.write(
            lambda u: u.log.append(
                disposal_of(1), read_event(1), disposal_of(2), disposal_of(1, EventType.DISPOSAL_REPLAYED)
            )
        )
        wanted = [record_id(number) for number in (1, 2, 3)]
        found = register.read(lambda u: u.log.of_kinds(wanted, DISPOSALS))
        assert {one: told.index for one, told in found.items()} == {record_id(1): 3, record_id(2): 2}
        assert found[record_id(2)].event == disposal_of(2)
        only = register.read(lambda u: u.log.of_kinds(wanted, [EventType.DISPOSED]))
        assert {one: told.index for one, told in only.items()} == {record_id(1): 0, record_id(2): 2}
        assert register.read(lambda u: u.log.of_kinds([], DISPOSALS)) == {}


class RegisterDisposalsContract(DisposalsContract, ForgettingContract):
    """All of it."""
