"""The contract of the register's retention: both databases pass it."""

from __future__ import annotations

import dataclasses
import datetime as dt

import pytest

from archive_service.errors import Unavailable
from archive_service.model.disposals import DisposalItem, ItemState
from archive_service.model.identifiers import RecordId
from archive_service.model.jobs import JobKind
from archive_service.model.record import RecordState, Relation, RelationKind
from archive_service.model.retention import EventScope, PlacedHold, Standing, ToldEvent, Withdrawal
from archive_service.model.units.retention import StandingCount, StandingSelection
from archive_service.storage.register.register import SqlRegister
from retention.decide import RetentionState
from retention.holds import Condition, Hold, HoldScope
from retention.schedule import Action
from tests.contracts.register import keep
from tests.results import DA_NANG, HA_NOI, NOW, insurance, metadata, person, record, record_id, subject_id

DAY = dt.timedelta(days=1)
TODAY = dt.date(2026, 11, 23)
SCHEDULE = """
[schedule]
id = "short"
version = "{version}"
title = "Ngắn"
title_vi = "Ngắn"
valid_from = {valid_from}

[[class]]
code = "1"
title = "One"
title_vi = "Một"
legal_source = "Test"
period = "1 year"
trigger = "received"
action = "destroy"

[[rule]]
class = "1"
priority = 0
"""


def schedule(version: str, valid_from: str = "2026-01-01") -> bytes:
    return SCHEDULE.format(version=version, valid_from=valid_from).encode()


def told(number: int, **said: object) -> ToldEvent:
    usual = ToldEvent(
        str(number), EventScope.DOSSIER, "D-1", "dossier-closed", TODAY, "thư số 1", DA_NANG, "account:lan", NOW
    )
    return dataclasses.replace(usual, **said)  # type: ignore[arg-type]


def placed(number: int, **said: object) -> PlacedHold:
    hold = Hold(str(number), HoldScope.RECORD, record_id(1), "Thanh tra", "khiếu nại", "Số 1", TODAY)
    return PlacedHold(dataclasses.replace(hold, **said), DA_NANG, "account:lan", NOW)  # type: ignore[arg-type]


def standing(number: int, due_on: dt.date | None = None, **said: object) -> Standing:
    state = RetentionState.WAITING if due_on is None else RetentionState.RUNNING
    usual = Standing(record_id(number), state, False, "1", Action.DESTROY, due_on, due_on, NOW, None)
    return dataclasses.replace(usual, **said)  # type: ignore[arg-type]


def put(register: SqlRegister, *standings: Standing) -> None:
    register.write(lambda unit: unit.standings.put(standings))


def selected(register: SqlRegister, **wanted: object) -> list[RecordId]:
    selection = dataclasses.replace(StandingSelection(None, TODAY), **wanted)  # type: ignore[arg-type]
    return [one.id for one, _ in register.read(lambda unit: unit.standings.select(selection))]


class RegisterRetentionContract:
    def test_the_schedule_adopted_last_of_those_in_force_decides(self, register: SqlRegister) -> None:
        assert register.read(lambda unit: unit.schedules.deciding(TODAY)) is None
        first = register.write(lambda unit: unit.schedules.add(schedule("1"), "account:lan", NOW))
        later = register.write(lambda unit: unit.schedules.add(schedule("2", "2026-12-01"), "account:lan", NOW + DAY))
        assert first.number < later.number
        assert register.read(lambda unit: unit.schedules.all()) == [first, later]
        assert (first.body, first.schedule.version) == (schedule("1"), "1")
        decides = [register.read(lambda unit, d=day: unit.schedules.deciding(d)) for day in (TODAY, TODAY + 8 * DAY)]  # type: ignore[misc]
        assert decides == [first, later]
        assert register.read(lambda unit: unit.schedules.deciding(dt.date(2025, 12, 31))) is None

    def test_one_version_is_adopted_once(self, register: SqlRegister) -> None:
        register.write(lambda unit: unit.schedules.add(schedule("1"), "account:lan", NOW))
        with pytest.raises(Unavailable):
            register.write(lambda unit: unit.schedules.add(schedule("1"), "account:lan", NOW))

    def test_events_are_found_by_what_they_happened_to_and_stay_when_withdrawn(self, register: SqlRegister) -> None:
        events = [
            told(1),
            told(2, target="D-2", told_at=NOW + DAY),
            told(3, scope=EventScope.SUBJECT),
            told(4, told_at=NOW - DAY),
        ]
        for event in events:
            register.write(lambda unit, event=event: unit.told_events.add(event))  # type: ignore[misc]

        def find(*targets: str) -> list[ToldEvent]:
            return register.read(lambda unit: unit.told_events.of(EventScope.DOSSIER, targets))

        assert find("D-1", "D-2", "D-3") == [events[3], events[0], events[1]]
        assert find() == []
        end = Withdrawal("account:minh", NOW + DAY, "nhầm")
        register.write(lambda unit: unit.told_events.withdraw("1", end))
        assert register.read(lambda unit: unit.told_events.get("1")) == dataclasses.replace(events[0], withdrawn=end)
        assert register.read(lambda unit: unit.told_events.get("9")) is None

    def test_holds_stand_until_they_are_lifted(self, register: SqlRegister) -> None:
        condition = Condition(frozenset({"KQ.1"}), frozenset({"BHXH-01"}), frozenset({"open"}), TODAY, TODAY)
        holds = [placed(1), placed(2, scope=HoldScope.CONDITION, target="", condition=condition), placed(3)]
        holds[2] = dataclasses.replace(holds[2], office=HA_NOI)
        for hold in holds:
            register.write(lambda unit, hold=hold: unit.holds.add(hold))  # type: ignore[misc]
        assert register.read(lambda unit: unit.holds.standing()) == holds
        end = Withdrawal("account:minh", NOW + DAY, "xong")
        register.write(lambda unit: unit.holds.lift("1", end))
        register.write(lambda unit: unit.holds.set_review("2", TODAY + DAY))
        assert [one.hold.id for one in register.read(lambda unit: unit.holds.standing())] == ["2", "3"]
        assert register.read(lambda unit: unit.holds.get("1")) == dataclasses.replace(holds[0], lifted=end)
        second = register.read(lambda unit: unit.holds.get("2"))
        assert second is not None
        assert (second.hold.review_on, second.hold.condition) == (TODAY + DAY, condition)

        def listed(*, lifted: bool, after: str = "", limit: int = 10) -> list[str]:
            offices = frozenset({DA_NANG})
            return [
                one.hold.id
                for one in register.read(
                    lambda unit: unit.holds.select(offices, lifted=lifted, after=after, limit=limit)
                )
            ]

        assert listed(lifted=False) == ["2"]
        assert listed(lifted=True) == ["1", "2"]
        assert listed(lifted=True, after="1") == ["2"]
        assert listed(lifted=True, limit=1) == ["1"]

    def test_standings_are_replaced_and_forgotten(self, register: SqlRegister) -> None:
        put(register, standing(1), standing(2, TODAY, look_again_at=NOW))
        put(register, standing(1, TODAY, held=True, action=None, class_code=None))
        found = register.read(lambda unit: unit.standings.get_many([record_id(1), record_id(2), record_id(3)]))
        assert found == {
            record_id(1): standing(1, TODAY, held=True, action=None, class_code=None),
            record_id(2): standing(2, TODAY, look_again_at=NOW),
        }
        register.write(lambda unit: unit.standings.remove([record_id(1), record_id(3)]))
        assert list(register.read(lambda unit: unit.standings.get_many([record_id(1), record_id(2)]))) == [record_id(2)]
        put(register)
        register.write(lambda unit: unit.standings.remove([]))
        assert register.read(lambda unit: unit.standings.get_many([])) == {}

    def test_those_whose_time_has_come_are_looked_at_soonest_first(self, register: SqlRegister) -> None:
        times = {1: NOW, 2: NOW - DAY, 3: NOW + DAY, 4: None}
        put(register, *(standing(number, look_again_at=at) for number, at in times.items()))

        def ask(limit: int) -> list[RecordId]:
            return register.read(lambda unit: unit.standings.look_again(NOW, limit))

        assert ask(10) == [record_id(2), record_id(1)]
        assert ask(1) == [record_id(2)]

    def test_a_listing_is_by_day_due_and_what_has_no_day_comes_last(self, register: SqlRegister) -> None:
        days = {1: None, 2: TODAY + DAY, 3: TODAY, 4: TODAY, 5: None}
        for number, day in days.items():
            keep(register, record(number))
            put(register, standing(number, day))
        keep(register, record(6, state=RecordState.DISPOSED))
        put(register, standing(6, TODAY))
        ordered = [record_id(number) for number in (3, 4, 2, 1, 5)]
        assert selected(register) == ordered
        pages: list[RecordId] = []
        after: tuple[dt.date | None, RecordId] | None = None
        while page := selected(register, after=after, limit=2):
            pages += page
            last = page[-1]
            after = (days[int(last[-2:], 16)], last)
        assert pages == ordered

    @pytest.mark.parametrize(
        "wanted",
        [
            {"states": frozenset({RetentionState.DUE, RetentionState.RUNNING})},
            {"states": frozenset({RetentionState.DUE}), "due_to": TODAY},
            {"due_from": TODAY - DAY},
        ],
    )
    def test_what_has_a_day_is_walked_by_day_and_id_and_what_is_to_come_is_counted(
        self, register: SqlRegister, wanted: dict[str, object]
    ) -> None:
        days = {1: TODAY, 2: TODAY - DAY, 3: None, 4: TODAY, 5: TODAY - DAY, 6: TODAY}
        for number, day in days.items():
            keep(register, record(number, metadata=metadata(office=HA_NOI if number == 6 else DA_NANG)))
            put(register, standing(number, day))
        here = frozenset({DA_NANG})
        walked: list[RecordId] = []
        after: tuple[dt.date | None, RecordId] | None = None
        for left in (4, 3, 2, 1, 0):
            selection = dataclasses.replace(
                StandingSelection(here, TODAY, after=after, limit=1),
                **wanted,  # type: ignore[arg-type]
            )
            assert register.read(lambda unit, s=selection: unit.standings.count(s)) == left  # type: ignore[misc]
            page = selected(register, offices=here, after=after, limit=1, **wanted)
            walked += page
            after = (days[int(page[0][-2:], 16)], page[0]) if page else None
        assert walked == [record_id(number) for number in (2, 5, 1, 4)]
        assert register.read(lambda unit: unit.standings.count(StandingSelection(None, TODAY))) == len(days)

    def test_the_last_lock_is_that_of_what_a_proposal_still_lists(self, register: SqlRegister) -> None:
        states = {1: ItemState.LISTED, 2: ItemState.LISTED, 3: ItemState.EXCEPTED}
        for number in states:
            keep(register, record(number))
            until = dataclasses.replace(record(number).original, locked_until=NOW + number * DAY)
            register.write(lambda unit, n=number, o=until: unit.records.set_lock(record_id(n), o))  # type: ignore[misc]
        items = [
            DisposalItem("d1", record_id(number), state, 1, "0" * 64, NOW, "1", TODAY)
            for number, state in states.items()
        ]
        register.write(lambda unit: unit.disposals.add_items(items))
        assert register.read(lambda unit: unit.standings.last_lock_end("d1")) == NOW + 2 * DAY
        assert register.read(lambda unit: unit.standings.last_lock_end("d2")) is None

    @pytest.mark.parametrize(
        ("wanted", "found"),
        [
            ({"states": frozenset({RetentionState.DUE})}, [1, 2]),
            ({"states": frozenset({RetentionState.RUNNING})}, [3]),
            ({"states": frozenset({RetentionState.WAITING, RetentionState.HELD})}, [2, 4]),
            ({"held": True}, [2]),
            ({"held": False, "states": frozenset({RetentionState.DUE})}, [1]),
            ({"class_code": "2"}, [3]),
            ({"action": Action.TRANSFER}, [1]),
            ({"due_from": TODAY}, [2, 3]),
            ({"due_to": TODAY}, [1, 2]),
            ({"offices": frozenset({HA_NOI})}, [4]),
        ],
    )
    def test_a_listing_is_narrowed_by_what_records_are_today(
        self, register: SqlRegister, wanted: dict[str, object], found: list[int]
    ) -> None:
        for number in range(1, 5):
            keep(register, record(number, metadata=metadata(office=HA_NOI if number == 4 else DA_NANG)))
        put(
            register,
            # Decided before its day came: what it is follows from the day.
            standing(1, TODAY - DAY, action=Action.TRANSFER),
            standing(2, TODAY, held=True),
            standing(3, TODAY + DAY, class_code="2"),
            standing(4),
        )
        assert selected(register, **wanted) == [record_id(number) for number in found]

    def test_counts_are_by_month_class_state_and_hold(self, register: SqlRegister) -> None:
        days = {1: dt.date(2026, 11, 1), 2: dt.date(2026, 11, 30), 3: dt.date(2026, 11, 29), 4: None}
        for number, day in days.items():
            keep(register, record(number))
            put(register, standing(number, day, held=number == 4))
        keep(register, record(5, metadata=metadata(office=HA_NOI)))
        put(register, standing(5, dt.date(2030, 1, 31)))
        size = record(1).content.size_bytes
        november = dt.date(2026, 11, 1)
        assert register.read(lambda unit: set(unit.standings.counts(frozenset({DA_NANG}), TODAY))) == {
            StandingCount(november, "1", RetentionState.DUE, False, 1, size),
            StandingCount(november, "1", RetentionState.RUNNING, False, 2, 2 * size),
            StandingCount(None, "1", RetentionState.WAITING, True, 1, size),
        }
        everywhere = register.read(lambda unit: unit.standings.counts(None, TODAY))
        assert sum(one.records for one in everywhere) == 5

    def test_families_are_those_of_each_subject_however_long_the_chain(self, register: SqlRegister) -> None:
        ids = [subject_id(number) for number in range(5)]
        for number, one in enumerate(ids):
            register.write(
                lambda unit, one=one, n=number: unit.subjects.add(one, person(insurance(f"{n:010}")))  # type: ignore[misc]
            )
        for kept, merged in ((1, 0), (2, 1), (2, 3)):
            register.write(
                lambda unit, k=kept, m=merged: unit.subjects.add_merge(ids[k], ids[m], "x", "a", NOW)  # type: ignore[misc]
            )
        families = register.read(lambda unit: unit.subjects.families([ids[0], ids[4], ids[2]]))
        assert {one: set(members) for one, members in families.items()} == {
            ids[0]: set(ids[:4]),
            ids[2]: set(ids[:4]),
            ids[4]: {ids[4]},
        }
        assert register.read(lambda unit: unit.subjects.families([subject_id(99)])) == {}

    def test_relations_tell_of_stored_records_only(self, register: SqlRegister) -> None:
        keep(register, record(1))
        says = (Relation(RelationKind.REPLACES, record_id(1)),)
        keep(register, record(2, metadata=metadata(relations=says)))
        keep(register, record(3, metadata=metadata(relations=says), state=RecordState.QUARANTINED))
        found = register.read(lambda unit: unit.records.relations_to([record_id(1), record_id(2)]))
        [relation] = found[record_id(1)]
        assert (relation.kind, relation.record_id, relation.since) == ("replaces", record_id(2), dt.date(2021, 3, 1))
        assert list(found) == [record_id(1)]
        assert register.read(lambda unit: unit.records.relations_to([])) == {}

    def test_a_dossier_has_its_records_also_after_a_correction(self, register: SqlRegister) -> None:
        keep(register, record(1, metadata=metadata(dossier_code="D-1")))
        keep(register, record(2, metadata=metadata(dossier_code="D-2")))
        assert register.read(lambda unit: unit.records.of_dossier("D-1")) == [record_id(1)]
        assert register.read(lambda unit: unit.records.of_dossier("D-9")) == []

    def test_work_for_many_is_asked_for_as_for_one(self, register: SqlRegister) -> None:
        ids = [record_id(number) for number in range(1, 5)]
        for number in range(1, 5):
            keep(register, record(number))

        def ask(at: dt.datetime) -> None:
            register.write(lambda unit: unit.jobs.add_many(JobKind.RETAIN, ids, at))

        ask(NOW)
        taken = register.write(lambda unit: unit.jobs.claim([JobKind.RETAIN], 2, NOW, NOW + DAY))
        parked, running = taken
        register.write(lambda unit: unit.jobs.park(parked, "broken"))
        ask(NOW + dt.timedelta(minutes=1))
        again = register.write(lambda unit: unit.jobs.claim([JobKind.RETAIN], 10, NOW + DAY / 2, NOW + DAY))
        assert {job.record_id for job in again} == set(ids) - {running.record_id}
        register.write(lambda unit: unit.jobs.done(running))
        once_more = register.write(lambda unit: unit.jobs.claim([JobKind.RETAIN], 10, NOW + DAY / 2, NOW + DAY))
        assert [job.record_id for job in once_more] == [running.record_id], "asked for while it ran"
        register.write(lambda unit: unit.jobs.add_many(JobKind.RETAIN, [], NOW))

    def test_a_lock_of_a_record_that_was_decided_on_is_not_renewed_by_itself(self, register: SqlRegister) -> None:
        keep(register, record(1))
        keep(register, record(2))
        put(register, standing(2))
        ending = register.read(lambda unit: unit.records.locks_ending_before(NOW + 99 * DAY, 10))
        assert [one.id for one in ending] == [record_id(1)]
