"""No record goes without a council that agreed and another person who approved."""

from __future__ import annotations

import dataclasses
import datetime as dt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from retention.decide import Decision, decide
from retention.disposal import (
    NotPermitted,
    Obstacle,
    Proposal,
    ProposalState,
    RefusalCode,
    Vote,
    approve,
    cast,
    obstacle,
    propose,
)
from retention.holds import NO_HOLDS, Holds, HoldScope
from tests.retention.schedules import facts, hold, schedule

NOW = dt.datetime(2031, 1, 1, tzinfo=dt.UTC)
COUNCIL = frozenset({"b", "c", "d"})


def proposal() -> Proposal:
    return propose("p1", "a", COUNCIL, 3)


def carried() -> Proposal:
    agreed = proposal()
    for member in sorted(COUNCIL):
        agreed = cast(agreed, member, Vote.AGREE)
    return agreed


def refused(code: RefusalCode) -> pytest.RaisesExc[NotPermitted]:
    return pytest.RaisesExc(NotPermitted, match=f"^{code}$")


class TestProposing:
    def test_needs_a_council_of_the_size_set(self) -> None:
        with refused(RefusalCode.COUNCIL_TOO_SMALL):
            propose("p1", "a", COUNCIL, 4)
        with refused(RefusalCode.COUNCIL_TOO_SMALL):
            propose("p1", "a", frozenset(), 0)
        assert propose("p1", "a", frozenset({"b"}), 1).state is ProposalState.OPEN

    def test_begins_with_no_vote_and_no_approval(self) -> None:
        assert proposal() == Proposal("p1", "a", COUNCIL, {}, approved_by=None, done=False)

    def test_nobody_sits_in_the_council_of_his_own_proposal(self) -> None:
        with refused(RefusalCode.PROPOSED_IT):
            propose("p1", "b", COUNCIL, 2)


class TestVoting:
    def test_every_member_must_agree(self) -> None:
        one = cast(proposal(), "b", Vote.AGREE)
        assert one.state is ProposalState.OPEN
        assert carried().state is ProposalState.CARRIED

    def test_one_refusal_rejects_at_once(self) -> None:
        rejected = cast(proposal(), "c", Vote.REFUSE)
        assert rejected.state is ProposalState.REJECTED
        with refused(RefusalCode.NOT_OPEN):
            cast(rejected, "b", Vote.AGREE)

    def test_is_for_members_and_once(self) -> None:
        with refused(RefusalCode.NOT_A_MEMBER):
            cast(proposal(), "a", Vote.AGREE)
        with refused(RefusalCode.VOTED_ALREADY):
            cast(cast(proposal(), "b", Vote.AGREE), "b", Vote.AGREE)
        with refused(RefusalCode.NOT_OPEN):
            cast(carried(), "b", Vote.REFUSE)

    def test_leaves_the_proposal_that_was_given_as_it_was(self) -> None:
        before = proposal()
        cast(before, "b", Vote.AGREE)
        assert before.votes == {}


class TestApproving:
    def test_is_for_another_person_than_proposer_and_council(self) -> None:
        with refused(RefusalCode.PROPOSED_IT):
            approve(carried(), "a")
        with refused(RefusalCode.VOTED_ON_IT):
            approve(carried(), "c")
        approved = approve(carried(), "e")
        assert (approved.state, approved.approved_by) == (ProposalState.APPROVED, "e")

    def test_comes_after_the_council(self) -> None:
        for early in (proposal(), cast(proposal(), "b", Vote.REFUSE)):
            with refused(RefusalCode.NOT_CARRIED):
                approve(early, "e")

    def test_is_not_replayed(self) -> None:
        with refused(RefusalCode.APPROVED_ALREADY):
            approve(approve(carried(), "e"), "e")

    @given(
        st.lists(st.tuples(st.sampled_from("abcde"), st.sampled_from(list(Vote))), max_size=12),
        st.sampled_from("abcde"),
    )
    def test_never_without_three_agreements_and_a_fifth_person(
        self, votes: list[tuple[str, Vote]], approver: str
    ) -> None:
        going = proposal()
        for member, vote in votes:
            try:
                going = cast(going, member, vote)
            except NotPermitted:
                continue
        try:
            going = approve(going, approver)
        except NotPermitted:
            assert going.approved_by is None
            return
        assert approver == "e"
        assert going.votes == dict.fromkeys(COUNCIL, Vote.AGREE)


def test_done_is_the_end() -> None:
    done = Proposal("p1", "a", COUNCIL, {}, "e", done=True)
    assert done.state is ProposalState.DONE


def due() -> Decision:
    return decide(facts(), schedule(), NO_HOLDS, NOW.date())


class TestTheMomentOfExecution:
    def test_nothing_forbids_what_is_due_unheld_and_unlocked(self) -> None:
        assert obstacle(due(), NOW.date(), None, NOW) is None
        assert obstacle(due(), dt.date(2030, 3, 2), None, NOW) is None, "on its first day already"
        assert obstacle(due(), NOW.date(), NOW, NOW) is None

    def test_a_hold_placed_since_the_approval_forbids_it(self) -> None:
        held = decide(facts(), schedule(), Holds.of([hold(HoldScope.SUBJECT, "s1")]), NOW.date())
        assert _code(obstacle(held, NOW.date(), None, NOW)) == "held"

    def test_a_day_that_has_moved_forbids_it(self) -> None:
        later = decide(facts(dt.date(2025, 1, 1)), schedule(), NO_HOLDS, NOW.date())
        assert _code(obstacle(later, NOW.date(), None, NOW)) == "not-due"

    def test_a_clock_that_was_set_back_forbids_it(self) -> None:
        assert _code(obstacle(due(), dt.date(2030, 3, 1), None, NOW)) == "not-due"

    def test_a_decision_that_did_not_find_it_due_is_taken_again_however_late_it_is(self) -> None:
        running = decide(facts(), schedule(), NO_HOLDS, dt.date(2026, 1, 1))
        assert running.due_on == dt.date(2030, 3, 2)
        assert _code(obstacle(running, NOW.date(), None, NOW)) == "not-due"

    def test_a_decision_without_a_day_forbids_it(self) -> None:
        dayless = dataclasses.replace(due(), due_on=None)
        assert _code(obstacle(dayless, NOW.date(), None, NOW)) == "not-due"

    def test_a_lock_forbids_it(self) -> None:
        assert _code(obstacle(due(), NOW.date(), NOW + dt.timedelta(seconds=1), NOW)) == "locked"

    def test_each_is_said_in_both_languages(self) -> None:
        held = decide(facts(), schedule(), Holds.of([hold(HoldScope.RECORD, "r1")]), NOW.date())
        waiting = decide(facts(None), schedule(), NO_HOLDS, NOW.date())
        said = {
            obstacle(held, NOW.date(), None, NOW),
            obstacle(waiting, NOW.date(), None, NOW),
            obstacle(due(), NOW.date(), NOW + dt.timedelta(1), NOW),
        }
        assert said == {
            Obstacle("held", "A hold has been placed on it.", "Tài liệu đang bị giữ theo lệnh."),
            Obstacle("not-due", "It is not due on this day.", "Tài liệu chưa đến hạn vào ngày này."),
            Obstacle("locked", "The store still locks it.", "Kho lưu trữ vẫn đang khoá tài liệu."),
        }


def _code(found: Obstacle | None) -> str | None:
    return found.code if found is not None else None


def test_states_votes_and_refusals_have_the_names_that_are_stored() -> None:
    assert list(ProposalState) == ["open", "carried", "rejected", "approved", "done"]
    assert list(Vote) == ["agree", "refuse"]
    assert list(RefusalCode) == [
        "not-open",
        "not-carried",
        "not-a-member",
        "voted-already",
        "proposed-it",
        "voted-on-it",
        "approved-already",
        "council-too-small",
    ]


def test_a_refusal_carries_its_code_for_programs() -> None:
    with pytest.raises(NotPermitted) as refusal:
        approve(proposal(), "e")
    assert refusal.value.code is RefusalCode.NOT_CARRIED
