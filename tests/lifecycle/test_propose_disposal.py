"""Who proposes, votes and approves are different people; a list is fixed when it is proposed, and only ever shrinks."""

from __future__ import annotations

import dataclasses
import datetime as dt
import hashlib
from dataclasses import replace

import pytest

from archive_service.errors import Conflict, InvalidInput, NotAllowed, NotFound
from archive_service.lifecycle.disposal import propose as propose_module
from archive_service.lifecycle.disposal.approve import approve
from archive_service.lifecycle.disposal.propose import Estimate, Selection, estimate, preview, propose
from archive_service.lifecycle.disposal.read import list_disposals, list_items, open_certificate, show_disposal
from archive_service.lifecycle.disposal.take_out import take_out
from archive_service.lifecycle.disposal.vote import vote
from archive_service.model.disposals import Amount, ItemState
from archive_service.model.events import EventType
from archive_service.model.permissions import Role
from archive_service.model.record import AccessLevel
from archive_service.model.units.disposals import DisposalSelection, ItemSelection
from retention.calendar import day_of
from retention.disposal import ProposalState, Vote
from retention.holds import HoldScope
from retention.schedule import Action
from tests.archives import TestArchive
from tests.disposing import CODE, COUNCIL, DAY, Disposals, schedule
from tests.fakes.faults import Killed
from tests.results import DA_NANG, HA_NOI, HAI_CHAU, pdf


@pytest.fixture
def people(ours: TestArchive) -> Disposals:
    """Give the archive with its schedule in force and a council."""
    people = Disposals(ours)
    people.prepare()
    return people


class TestProposing:
    def test_lists_what_is_due_in_the_callers_offices_and_logs_the_digest_of_the_list(
        self, ours: TestArchive, people: Disposals
    ) -> None:
        ours.stored(9, issued_on=dt.date(2026, 1, 1))
        ours.stored(8, caller=ours.caller(Role.DEPOSITOR, office=HA_NOI), office=HA_NOI)
        ours.stored(7, caller=ours.caller(Role.DEPOSITOR, office=HAI_CHAU), office=HAI_CHAU)
        due = people.due(1, 2)
        disposal = people.propose()
        items = people.items(disposal)
        assert len(items) == 3, "another year's and another province's are not due here"
        assert set(due) < {item.record_id for item in items}
        assert {(item.class_code, item.due_on, item.state) for item in items} == {
            (CODE, dt.date(2026, 3, 2), ItemState.LISTED)
        }
        lines = "".join(f"{item.record_id} {item.sha256}\n" for item in items).encode()
        [event] = ours.events(EventType.DISPOSAL_PROPOSED)
        assert event.actor == people.proposer.id
        assert event.record_id is None
        assert event.values == {
            "disposal": disposal.id,
            "action": "destroy",
            "title": "Tài liệu hết hạn",
            "office": DA_NANG,
            "proposed_by": "account:hong",
            "council": ["account:lan", "account:minh", "account:tuan"],
            "records": 3,
            "list_sha256": hashlib.sha256(lines).hexdigest(),
        }
        assert disposal.state is ProposalState.OPEN

    def test_an_estimate_counts_the_same_and_writes_nothing(self, ours: TestArchive, people: Disposals) -> None:
        people.due(1, 2)
        before = ours.register.read(lambda u: u.log.size())
        size_bytes = len(pdf("document 1")) + len(pdf("document 2"))
        told = estimate(ours.archive, people.proposer, Selection(Action.DESTROY))
        assert told == Estimate({CODE: Amount(2, size_bytes)}, 0)
        assert told.total == Amount(2, size_bytes)
        assert ours.register.read(lambda u: u.log.size()) == before
        people.propose()
        assert estimate(ours.archive, people.proposer, Selection(Action.DESTROY)) == Estimate({}, 2)

    @pytest.mark.parametrize(
        "selection",
        [
            Selection(Action.TRANSFER),
            Selection(Action.DESTROY, class_code="05"),
            Selection(Action.DESTROY, due_to=dt.date(2026, 3, 1)),
        ],
    )
    def test_another_action_class_or_day_lists_nothing_and_nothing_is_left_behind(
        self, ours: TestArchive, people: Disposals, selection: Selection
    ) -> None:
        people.due(1)
        with pytest.raises(Conflict) as told:
            propose(ours.archive, replace(people.request(), selection=selection))
        assert told.value.code == "nothing-due"
        assert list_disposals(ours.archive, people.proposer, DisposalSelection()) == ()
        assert len(people.items(people.propose())) == 1

    def test_what_asks_for_a_review_is_not_proposed(self, ours: TestArchive, people: Disposals) -> None:
        with pytest.raises(InvalidInput) as told:
            estimate(ours.archive, people.proposer, Selection(Action.REVIEW))
        assert told.value.code == "action-not-proposable"

    def test_each_record_is_judged_anew_whatever_was_decided_before(self, ours: TestArchive, people: Disposals) -> None:
        held, _ = people.due(1, 2)
        people.hold(HoldScope.RECORD, held)
        disposal = people.propose()
        assert [item.record_id for item in people.items(disposal)] != [held]
        assert len(people.items(disposal)) == 1
        people.lift()
        people.adopt(schedule(Action.TRANSFER, version="2"))
        with pytest.raises(Conflict) as told:
            people.propose()
        assert told.value.code == "nothing-due"

    def test_a_record_stands_in_one_proposal_at_a_time(self, ours: TestArchive, people: Disposals) -> None:
        people.due(1)
        first = people.propose()
        [again] = people.due(2)
        assert [item.record_id for item in people.items(people.propose())] == [again]
        vote(ours.archive, people.member(), first.id, Vote.REFUSE, "còn cần dùng")
        third = people.propose()
        assert [item.record_id for item in people.items(third)] == [people.items(first)[0].record_id]

    def test_what_the_proposer_does_not_read_is_left_out(self, ours: TestArchive, people: Disposals) -> None:
        ours.stored(1, access_level=AccessLevel.SECRET)
        people.due(2)
        assert len(people.items(people.propose())) == 2, "a records manager reads all levels"

    def test_a_long_list_is_written_in_pages(
        self, ours: TestArchive, people: Disposals, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(propose_module, "_PAGE", 2)
        due = people.due(*range(7))
        assert estimate(ours.archive, people.proposer, Selection(Action.DESTROY)).total.records == 7
        assert [item.record_id for item in people.items(people.propose())] == sorted(due)

    def test_the_earliest_due_are_listed_as_many_as_a_council_can_look_through_and_the_rest_is_told(
        self, ours: TestArchive, people: Disposals, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(propose_module, "_PAGE", 2)
        monkeypatch.setattr(propose_module, "MOST_RECORDS", 3)
        days = [dt.date(2021, 1, 7 - number) for number in range(7)]
        due = [ours.stored(number, issued_on=day).id for number, day in enumerate(days)]
        people.decide()
        told = preview(ours.archive, people.request())
        assert (told.total.records, told.left_over, told.proposed_elsewhere) == (3, 4, 0)
        first, left_over = [], []
        for _ in range(3):
            proposed = propose(ours.archive, people.request())
            first.append({item.record_id for item in people.items(proposed.disposal)})
            left_over.append(proposed.left_over)
        assert first == [set(due[4:]), set(due[1:4]), set(due[:1])]
        assert left_over == [4, 1, 0]
        assert estimate(ours.archive, people.proposer, Selection(Action.DESTROY)) == Estimate({}, 7, 0)

    def test_what_the_store_locks_for_long_is_told_and_not_proposed(self, ours: TestArchive, people: Disposals) -> None:
        [free, locked] = people.due(1, 2)
        for record_id, days in ((free, 30), (locked, 31)):
            record = ours.get(record_id)
            until = ours.clock.now() + dt.timedelta(days=days)
            later = dataclasses.replace(record.original, locked_until=until)
            ours.register.write(lambda unit, i=record_id, o=later: unit.records.set_lock(i, o))  # type: ignore[misc]
        told = estimate(ours.archive, people.proposer, Selection(Action.DESTROY))
        assert (told.total.records, told.still_locked) == (1, 1)
        assert [item.record_id for item in people.items(people.propose())] == [free]
        first = day_of(ours.clock.now() + 2 * DAY)
        assert (told.proposable_from, first) == (first, day_of(ours.clock.now()) + 2 * DAY)
        with pytest.raises(Conflict) as nothing:
            people.propose()
        assert nothing.value.details == {
            "proposed_elsewhere": 1,
            "still_locked": 1,
            "proposable_from": first.isoformat(),
        }
        for words in (nothing.value.message.en, nothing.value.message.vi):
            assert f"{first:%d/%m/%Y}" in words
        ours.clock.forward(2 * DAY)
        assert [item.record_id for item in people.items(people.propose())] == [locked]

    def test_what_still_keeps_a_listed_record_is_shown(self, ours: TestArchive, people: Disposals) -> None:
        due = sorted(people.due(1, 2))
        disposal = people.propose()
        assert show_disposal(ours.archive, people.approver, disposal.id).locked_until is None, "no lock stands"
        until = ours.clock.now() + 9 * DAY
        ours.register.write(
            lambda u: u.records.set_lock(due[0], replace(ours.get(due[0]).original, locked_until=until))
        )
        people.hold(HoldScope.RECORD, due[1])
        people.decide()
        assert show_disposal(ours.archive, people.approver, disposal.id).locked_until == until
        rows = list_items(ours.archive, people.approver, ItemSelection(disposal.id))
        assert [one.held for one in rows] == [False, True]
        assert rows[0].locked_until == until
        take_out(ours.archive, people.proposer, disposal.id, due[1], "x")
        [_, taken] = list_items(ours.archive, people.approver, ItemSelection(disposal.id))
        assert (taken.locked_until, taken.held) == (None, None)

    def test_a_preview_refuses_what_would_be_refused_and_writes_nothing(
        self, ours: TestArchive, people: Disposals
    ) -> None:
        people.due(1)
        before = ours.register.read(lambda u: u.log.size())
        assert preview(ours.archive, people.request()).total.records == 1
        with pytest.raises(NotAllowed):
            preview(ours.archive, people.request(council=frozenset({*COUNCIL, "hong"})))
        with pytest.raises(InvalidInput):
            preview(ours.archive, replace(people.request(), title=" "))
        assert ours.register.read(lambda u: u.log.size()) == before
        assert ours.register.read(lambda u: u.disposals.select(DisposalSelection())) == []

    def test_killed_at_any_call_it_leaves_no_proposal_or_a_whole_one(
        self, ours: TestArchive, people: Disposals
    ) -> None:
        people.due(1, 2)
        calls = 0
        while True:
            calls += 1
            ours.faults.heal()
            ours.faults.kill_at, ours.faults.after = calls, True
            try:
                people.propose()
                break
            except Killed:
                found = ours.register.read(lambda u: u.disposals.select(DisposalSelection()))
                assert all(len(people.items(one)) == 2 for one in found)
                if found:
                    break
                ours.clock.forward(dt.timedelta(hours=1))
        ours.faults.heal()
        assert calls > 3
        [whole] = ours.register.read(lambda u: u.disposals.select(DisposalSelection()))
        assert len(people.items(whole)) == 2
        assert len(ours.events(EventType.DISPOSAL_PROPOSED)) == 1


class TestTheCouncil:
    def test_is_without_the_proposer(self, ours: TestArchive, people: Disposals) -> None:
        people.due(1)
        with pytest.raises(NotAllowed) as told:
            propose(ours.archive, people.request(council=frozenset({*COUNCIL, "hong"})))
        assert told.value.code == "proposed-it"

    def test_has_enough_members(self, ours: TestArchive, people: Disposals) -> None:
        people.due(1)
        with pytest.raises(InvalidInput) as told:
            propose(ours.archive, people.request(council=frozenset(COUNCIL[:2])))
        assert told.value.code == "council-too-small"
        assert told.value.message.en == "The council has 2 members; 3 are needed, without the proposer."

    def test_one_person_under_two_names_is_one_member(self, ours: TestArchive, people: Disposals) -> None:
        people.due(1)
        with pytest.raises(InvalidInput) as told:
            propose(ours.archive, people.request(council=frozenset({"lan", "account:lan", "minh"})))
        assert told.value.code == "council-too-small"

    @pytest.mark.parametrize("stranger", ["nobody", "reader", "elsewhere", "gone"])
    def test_is_of_people_who_may_vote_on_this_offices_proposals(
        self, ours: TestArchive, people: Disposals, stranger: str
    ) -> None:
        people.key("reader", Role.AUDITOR)
        people.key("elsewhere", Role.ARCHIVIST, office=HA_NOI)
        people.key("gone", Role.ARCHIVIST)
        ours.register.write(lambda u: u.api_keys.revoke(f"k{len(people.made)}", ours.clock.now()))
        with pytest.raises(InvalidInput) as told:
            propose(ours.archive, people.request(council=frozenset({*COUNCIL, stranger})))
        assert told.value.code == "unknown-member"
        assert [problem.field for problem in told.value.problems] == ["council"]


class TestTakingOut:
    def test_by_proposer_or_member_with_a_reason_while_it_is_open(self, ours: TestArchive, people: Disposals) -> None:
        first, second = people.due(1, 2)
        disposal = people.propose()
        taken = take_out(ours.archive, people.member(), disposal.id, first, " còn khiếu nại ")
        assert (taken.state, taken.reason, taken.actor) == (ItemState.EXCEPTED, "còn khiếu nại", "account:lan")
        [event] = ours.events(EventType.DISPOSAL_EXCEPTED)
        assert event.record_id is None
        assert event.values == {
            "disposal": disposal.id,
            "record": first,
            "reason": "còn khiếu nại",
            "by": "account:lan",
        }
        with pytest.raises(Conflict) as told:
            take_out(ours.archive, people.proposer, disposal.id, first, "lần nữa")
        assert told.value.code == "taken-out-already"
        take_out(ours.archive, people.proposer, disposal.id, second, "nhầm")
        people.carry(disposal)
        with pytest.raises(Conflict) as told:
            take_out(ours.archive, people.proposer, disposal.id, second, "muộn")
        assert told.value.code == "not-open"
        assert people.propose().id != disposal.id, "what was taken out may be proposed again"

    def test_by_nobody_else_and_never_without_a_reason(self, ours: TestArchive, people: Disposals) -> None:
        [record_id] = people.due(1)
        disposal = people.propose()
        with pytest.raises(NotAllowed) as told:
            take_out(ours.archive, people.approver, disposal.id, record_id, "x")
        assert told.value.code == "not-a-member"
        assert told.value.message.en == "Only the proposer and members of the council take records out."
        with pytest.raises(InvalidInput):
            take_out(ours.archive, people.proposer, disposal.id, record_id, "  ")
        with pytest.raises(NotFound):
            take_out(ours.archive, people.proposer, disposal.id, ours.stored(5).id, "x")
        assert people.states(disposal) == [ItemState.LISTED]


class TestVoting:
    def test_all_must_agree(self, ours: TestArchive, people: Disposals) -> None:
        people.due(1)
        disposal = people.propose()
        states = [vote(ours.archive, people.member(name), disposal.id, Vote.AGREE, "đồng ý").state for name in COUNCIL]
        assert states == [ProposalState.OPEN, ProposalState.OPEN, ProposalState.CARRIED]
        first = ours.events(EventType.DISPOSAL_VOTED)[0]
        said = {"disposal": disposal.id, "member": "account:lan", "vote": "agree", "reason": "đồng ý"}
        assert (first.actor, first.values) == ("key:lan", said)

    def test_one_refusal_with_a_reason_rejects_it_for_good(self, ours: TestArchive, people: Disposals) -> None:
        people.due(1)
        disposal = people.propose()
        with pytest.raises(InvalidInput):
            vote(ours.archive, people.member(), disposal.id, Vote.REFUSE)
        rejected = vote(ours.archive, people.member(), disposal.id, Vote.REFUSE, "còn cần dùng")
        assert (rejected.state, rejected.ended_at) == (ProposalState.REJECTED, ours.clock.now())
        assert [event.values for event in ours.events(EventType.DISPOSAL_REJECTED)] == [{"disposal": disposal.id}]
        for name in COUNCIL[1:]:
            with pytest.raises(Conflict) as told:
                vote(ours.archive, people.member(name), disposal.id, Vote.AGREE)
            assert told.value.code == "not-open"
        with pytest.raises(Conflict) as told:
            approve(ours.archive, people.approver, disposal.id)
        assert told.value.code == "not-carried"

    def test_a_member_votes_once_whichever_key_it_uses(self, ours: TestArchive, people: Disposals) -> None:
        people.due(1)
        disposal = people.propose()
        vote(ours.archive, people.member(), disposal.id, Vote.AGREE)
        with pytest.raises(Conflict) as told:
            vote(ours.archive, people.person("lan", Role.MANAGER, key="other"), disposal.id, Vote.AGREE)
        assert told.value.code == "voted-already"
        assert len(ours.events(EventType.DISPOSAL_VOTED)) == 1

    def test_nobody_else_votes(self, ours: TestArchive, people: Disposals) -> None:
        people.due(1)
        disposal = people.propose()
        with pytest.raises(NotAllowed) as told:
            vote(ours.archive, people.approver, disposal.id, Vote.AGREE)
        assert told.value.code == "not-a-member"


class TestApproving:
    def test_is_done_by_another_person_once(self, ours: TestArchive, people: Disposals) -> None:
        people.due(1, 2)
        disposal = people.propose()
        with pytest.raises(Conflict) as told:
            approve(ours.archive, people.approver, disposal.id)
        assert told.value.code == "not-carried"
        people.carry(disposal)
        done = approve(ours.archive, people.approver, disposal.id)
        assert (done.state, done.approved_by) == (ProposalState.APPROVED, "account:duc")
        [event] = ours.events(EventType.DISPOSAL_APPROVED)
        assert event.values == {"disposal": disposal.id, "approved_by": "account:duc", "records": 2}
        for again in (people.approver, people.person("chi", Role.MANAGER)):
            with pytest.raises(Conflict) as told:
                approve(ours.archive, again, disposal.id)
            assert told.value.code == "approved-already"
        assert len(ours.events(EventType.DISPOSAL_APPROVED)) == 1

    def test_neither_the_proposer_nor_a_member_under_whatever_key(self, ours: TestArchive, people: Disposals) -> None:
        people.due(1)
        disposal = people.carry(people.propose())
        for account, code in (("hong", "proposed-it"), ("lan", "voted-on-it")):
            for key in (account, "second-key"):
                with pytest.raises(NotAllowed) as told:
                    approve(ours.archive, people.person(account, Role.MANAGER, key=key), disposal.id)
                assert told.value.code == code
        assert ours.events(EventType.DISPOSAL_APPROVED) == []


class TestLooking:
    def test_a_proposal_of_another_office_does_not_exist(self, ours: TestArchive, people: Disposals) -> None:
        [record_id] = people.due(1)
        disposal = people.propose()
        stranger = people.person("chi", Role.RECORDS_MANAGER, office=HA_NOI)
        steps = (
            lambda: show_disposal(ours.archive, stranger, disposal.id),
            lambda: list_items(ours.archive, stranger, ItemSelection(disposal.id)),
            lambda: vote(ours.archive, stranger, disposal.id, Vote.AGREE),
            lambda: approve(ours.archive, stranger, disposal.id),
            lambda: take_out(ours.archive, stranger, disposal.id, record_id, "x"),
            lambda: open_certificate(ours.archive, stranger, disposal.id).__enter__(),
        )
        for step in steps:
            with pytest.raises(NotFound):
                step()
        assert list_disposals(ours.archive, stranger, DisposalSelection()) == ()
        below = people.person("chi", Role.AUDITOR, office=HAI_CHAU)
        assert list_disposals(ours.archive, below, DisposalSelection(offices=frozenset({DA_NANG}))) == ()

    def test_proposals_are_listed_with_what_became_of_their_records(self, ours: TestArchive, people: Disposals) -> None:
        first, _ = people.due(1, 2)
        disposal = people.propose()
        take_out(ours.archive, people.proposer, disposal.id, first, "x")
        auditor = people.person("chi", Role.AUDITOR)
        [shown] = list_disposals(ours.archive, auditor, DisposalSelection())
        assert shown == show_disposal(ours.archive, auditor, disposal.id)
        assert shown.disposal == disposal
        assert (shown.tally.of(), shown.tally.of(ItemState.EXCEPTED)) == (2, 1)
        states = frozenset({ItemState.EXCEPTED})
        [listed] = list_items(ours.archive, auditor, ItemSelection(disposal.id, states))
        assert listed.item.record_id == first
        assert listed.record == ours.get(first)
        assert len(ours.events(EventType.RETENTION_READ)) == 3

    def test_there_is_no_certificate_before_the_end(self, ours: TestArchive, people: Disposals) -> None:
        people.due(1)
        disposal = people.propose()
        with pytest.raises(Conflict) as told, open_certificate(ours.archive, people.proposer, disposal.id):
            pass
        assert told.value.code == "not-done"


def test_what_is_due_on_a_day_is_not_proposed_before_it(ours: TestArchive, people: Disposals) -> None:
    ours.stored(1, issued_on=dt.date(2021, 11, 24))
    people.decide()
    ours.clock.forward(DAY)
    with pytest.raises(Conflict):
        people.propose()
    ours.clock.forward(DAY)
    [item] = people.items(people.propose())
    assert item.due_on == dt.date(2026, 11, 25)
