"""What those who plan are told: pages, counts, what a hold would cover, and what another schedule would move."""

from __future__ import annotations

import dataclasses
import datetime as dt
from typing import Any

import pytest

from archive_service.errors import Conflict, InvalidInput, NotFound
from archive_service.lifecycle.retention.adopt import adopt_schedule, check_adoption, checked_schedule, show_schedule
from archive_service.lifecycle.retention.compare_schedules import compare_schedules, deciding_schedule
from archive_service.lifecycle.retention.explain import list_standings
from archive_service.lifecycle.retention.hold import HoldOrder, lift_hold, place_hold, preview_hold, review_hold
from archive_service.lifecycle.retention.report import report_due, report_forecast, report_held
from archive_service.lifecycle.retention.tell import Happening, preview_event, tell_event, withdraw_event
from archive_service.model.identifiers import RecordId
from archive_service.model.permissions import Caller, Role
from archive_service.model.record import AccessLevel
from archive_service.model.retention import EventScope
from archive_service.model.units.retention import StandingSelection
from retention.decide import RetentionState
from retention.holds import Condition, HoldScope
from retention.schedule import NO_SCHEDULE
from tests.archives import TestArchive
from tests.lifecycle.test_retention import DOSSIER, adopted, closed, held, settled, short
from tests.results import CENTRE, DA_NANG, HA_NOI, insurance

TYPE = "KQ.G15.000031"


@pytest.fixture
def manager(ours: TestArchive) -> Caller:
    """The records manager of the central agency."""
    return ours.caller(Role.RECORDS_MANAGER, office=CENTRE)


def order(caller: Caller, **said: Any) -> HoldOrder:
    good = HoldOrder(caller, HoldScope.DOSSIER, DOSSIER, "Thanh tra", "khiếu nại", "Số 12/TTr", dt.date(2027, 1, 1))
    return dataclasses.replace(good, **said)


def test_a_page_of_what_the_caller_may_not_see_is_not_the_end(ours: TestArchive, manager: Caller) -> None:
    adopted(ours, manager)
    levels = [AccessLevel.SECRET] * 5 + [AccessLevel.OPEN] + [AccessLevel.SECRET] * 2 + [AccessLevel.OPEN]
    records = [ours.stored(number, access_level=level) for number, level in enumerate(levels)]
    ours.work()
    seen, after = [], None
    archivist = ours.caller(Role.ARCHIVIST, office=CENTRE)
    for _ in range(3):
        page = list_standings(ours.archive, archivist, StandingSelection(None, dt.date.min, after=after, limit=1))
        seen += [record.id for record, _ in page.rows]
        after = page.after
        if after is None:
            break
    assert seen == sorted([records[5].id, records[8].id])
    assert after is None
    whole = list_standings(ours.archive, manager, StandingSelection(None, dt.date.min, limit=9))
    assert len(whole.rows) == 9
    assert whole.after is None


def test_pages_go_on_from_those_with_a_day_to_those_without(ours: TestArchive, manager: Caller) -> None:
    adopted(ours, manager)
    records = [ours.stored(n, dossier_code=DOSSIER if n < 3 else None) for n in range(5)]
    ours.work()
    closed(ours, manager)
    seen: list[RecordId] = []
    after = None
    while True:
        page = list_standings(ours.archive, manager, StandingSelection(None, dt.date.min, after=after, limit=2))
        seen += [record.id for record, _ in page.rows]
        if (after := page.after) is None:
            break
    with_a_day = {record.id for record in records[:3]}
    assert set(seen[:3]) == with_a_day
    assert sorted(seen) == sorted(record.id for record in records)


def test_counts_are_by_time_class_and_state_and_tell_how_much_is_held(ours: TestArchive, manager: Caller) -> None:
    adopted(ours, manager)
    records = [ours.stored(number, dossier_code=DOSSIER) for number in range(3)]
    other = ours.stored(9)
    ours.work()
    closed(ours, manager)
    held(ours, manager, other)
    held(ours, manager, records[0])
    size = sum(one.content.size_bytes for one in records)
    due = report_due(ours.archive, manager)
    [row] = due.rows
    assert (row.year, row.month, row.class_code, row.state) == (2027, 11, "1Y", RetentionState.RUNNING)
    assert (row.records, row.size_bytes) == (3, size)
    assert (row.held_records, row.held_bytes) == (1, records[0].content.size_bytes)
    assert row.retention_class is not None
    assert row.retention_class.title_vi == "Một năm sau khi kết thúc hồ sơ"
    forecast = report_forecast(ours.archive, manager)
    assert [(one.year, one.month, one.state, one.records, one.held_records) for one in forecast.rows] == [
        (2027, None, RetentionState.RUNNING, 3, 1),
        (None, None, RetentionState.WAITING, 1, 1),
    ]
    ours.clock.forward(dt.datetime(2027, 12, 1, tzinfo=dt.UTC) - ours.clock.now())
    assert [one.state for one in report_due(ours.archive, manager).rows] == [RetentionState.DUE]
    assert report_due(ours.archive, ours.caller(Role.RECORDS_MANAGER, office=HA_NOI)).rows == ()


def test_what_becomes_due_in_more_than_a_year_is_in_the_forecast_only(ours: TestArchive, manager: Caller) -> None:
    adopted(ours, manager, short(period="5 years"))
    ours.stored(dossier_code=DOSSIER)
    ours.work()
    closed(ours, manager)
    assert report_due(ours.archive, manager).rows == ()
    assert [one.year for one in report_forecast(ours.archive, manager).rows] == [2031]


def test_held_records_are_told_by_owner_and_scope_and_once_in_all(ours: TestArchive, manager: Caller) -> None:
    adopted(ours, manager)
    first, second = ours.stored(1, dossier_code=DOSSIER), ours.stored(2, dossier_code=DOSSIER)
    ours.work()
    held(ours, manager, first)
    held(ours, manager, second)
    held(ours, manager, first, scope=HoldScope.DOSSIER, target=DOSSIER, owner="Toà án", review_on=dt.date(2027, 5, 1))
    told = report_held(ours.archive, manager)
    assert [(row.owner, row.scope, row.holds, row.records) for row in told.rows] == [
        ("Thanh tra", HoldScope.RECORD, 2, 2),
        ("Toà án", HoldScope.DOSSIER, 1, 2),
    ]
    assert told.rows[1].review_on == dt.date(2027, 5, 1)
    assert told.held.records == 2
    # An office below sees that its records are held by whom, and another one nothing.
    below = report_held(ours.archive, ours.caller(Role.RECORDS_MANAGER, office=DA_NANG))
    assert sum(row.records for row in below.rows) == 4
    other = report_held(ours.archive, ours.caller(Role.RECORDS_MANAGER, office=HA_NOI))
    assert (other.rows, other.held.records) == ((), 0)


@pytest.mark.parametrize(
    "said",
    [
        {"scope": HoldScope.DOSSIER, "target": DOSSIER},
        {"scope": HoldScope.SUBJECT, "target": insurance("0123456789")},
        {"scope": HoldScope.OFFICE, "target": str(DA_NANG)},
        {"scope": HoldScope.OFFICE, "target": str(CENTRE)},
        {"scope": HoldScope.OFFICE, "target": str(HA_NOI)},
        {"scope": HoldScope.CONDITION, "target": "", "condition": Condition(result_types=frozenset({TYPE}))},
        {"scope": HoldScope.CONDITION, "target": "", "condition": Condition(access_levels=frozenset({"secret"}))},
        {"scope": HoldScope.CONDITION, "target": "", "condition": Condition(issued_from=dt.date(2021, 6, 1))},
        {"scope": HoldScope.CONDITION, "target": "", "condition": Condition(issued_to=dt.date(2021, 6, 1))},
        {
            "scope": HoldScope.CONDITION,
            "target": "",
            "condition": Condition(offices=frozenset({str(DA_NANG)}), access_levels=frozenset({"open"})),
        },
    ],
    ids=lambda said: f"{said['scope']} {said['target'] or said['condition']}"[:60],
)
def test_a_preview_counts_exactly_what_the_hold_then_covers_and_places_nothing(
    ours: TestArchive, manager: Caller, said: dict[str, Any]
) -> None:
    adopted(ours, manager)
    ours.stored(1, dossier_code=DOSSIER, issued_on=dt.date(2021, 3, 1))
    ours.stored(2, dossier_code=None, issued_on=dt.date(2022, 3, 1), access_level=AccessLevel.SECRET)
    ours.stored(3, dossier_code=DOSSIER, issued_on=None, access_level=AccessLevel.OPEN)
    ours.work()
    size = ours.register.read(lambda unit: unit.log.size())
    preview = preview_hold(ours.archive, order(manager, **said))
    assert preview.stands is None
    assert ours.register.read(lambda unit: (unit.log.size(), unit.holds.standing())) == (size, [])
    assert ours.objects("retention/holds/") == []
    placed = place_hold(ours.archive, order(manager, **said))
    settled(ours)
    standing = StandingSelection(None, dt.date.min, held=True)
    rows = list_standings(ours.archive, manager, standing).rows
    assert preview.covers.records == len(rows)
    assert preview.covers.size_bytes == sum(record.content.size_bytes for record, _ in rows)
    assert preview_hold(ours.archive, order(manager, **said)).stands == placed.hold.id


def test_a_preview_counts_the_callers_records_only(ours: TestArchive, manager: Caller) -> None:
    ours.stored(dossier_code=DOSSIER)
    assert preview_hold(ours.archive, order(manager)).covers.records == 1
    stranger = ours.caller(Role.RECORDS_MANAGER, office=HA_NOI)
    assert preview_hold(ours.archive, order(stranger)).covers.records == 0


@pytest.mark.parametrize(
    "condition",
    [
        Condition(result_types=frozenset({"KQ.G15.999999"})),
        Condition(issued_from=dt.date(2021, 2, 1), issued_to=dt.date(2021, 1, 1)),
    ],
)
def test_a_condition_that_would_hold_nothing_is_not_taken(
    ours: TestArchive, manager: Caller, condition: Condition
) -> None:
    with pytest.raises(InvalidInput) as told:
        place_hold(ours.archive, order(manager, scope=HoldScope.CONDITION, target="", condition=condition))
    assert told.value.problems[0].field.startswith("condition.")


def test_lifting_and_reviewing_can_be_tried_without_being_done(ours: TestArchive, manager: Caller) -> None:
    ours.stored(dossier_code=DOSSIER)
    placed = place_hold(ours.archive, order(manager))
    size = ours.register.read(lambda unit: unit.log.size())
    lifted = lift_hold(ours.archive, manager, placed.hold.id, "xong", dry_run=True)
    assert lifted.lifted is not None
    reviewed = review_hold(ours.archive, manager, placed.hold.id, dt.date(2027, 2, 1), "còn", dry_run=True)
    assert reviewed.hold.review_on == dt.date(2027, 2, 1)
    assert ours.register.read(lambda unit: (unit.holds.get(placed.hold.id), unit.log.size())) == (placed, size)
    with pytest.raises(NotFound):
        lift_hold(ours.archive, manager, "1", "xong", dry_run=True)


def test_telling_and_withdrawing_can_be_tried_without_being_done(ours: TestArchive, manager: Caller) -> None:
    ours.stored(1, dossier_code=DOSSIER)
    ours.stored(2, dossier_code=DOSSIER)
    happening = Happening(manager, EventScope.DOSSIER, DOSSIER, "dossier-closed", dt.date(2026, 1, 1), "x")
    size = ours.register.read(lambda unit: unit.log.size())
    preview = preview_event(ours.archive, happening)
    assert (preview.stands, preview.bears_on.records) == (None, 2)
    assert ours.register.read(lambda unit: unit.log.size()) == size
    told = tell_event(ours.archive, happening)
    assert preview_event(ours.archive, happening).stands == told.id
    assert withdraw_event(ours.archive, manager, told.id, "nhầm", dry_run=True).withdrawn is not None
    assert ours.register.read(lambda unit: unit.told_events.get(told.id)) == told


@pytest.mark.parametrize(
    ("scope", "target"), [(EventScope.DOSSIER, insurance("0123456789")), (EventScope.SUBJECT, "0123456789")]
)
def test_only_a_subject_is_named_by_a_number(
    ours: TestArchive, manager: Caller, scope: EventScope, target: Any
) -> None:
    ours.stored()
    with pytest.raises(InvalidInput):
        tell_event(ours.archive, Happening(manager, scope, target, "last-payment", dt.date(2026, 1, 1), "x"))
    with pytest.raises(InvalidInput):
        place_hold(ours.archive, order(manager, scope=HoldScope(str(scope)), target=target))


def test_adopting_can_be_tried_without_being_done(ours: TestArchive, manager: Caller) -> None:
    assert check_adoption(ours.archive, manager, short()).adopted is None
    assert ours.register.read(lambda unit: unit.schedules.all()) == []
    first = adopt_schedule(ours.archive, manager, short())
    assert check_adoption(ours.archive, manager, short()).adopted == first
    with pytest.raises(Conflict, match="other words"):
        check_adoption(ours.archive, manager, short(period="3 years"))
    with pytest.raises(InvalidInput):
        check_adoption(ours.archive, manager, b"[schedule]")


def test_an_adopted_schedule_is_shown_byte_for_byte(ours: TestArchive, manager: Caller) -> None:
    adopted_one = adopt_schedule(ours.archive, manager, short())
    assert show_schedule(ours.archive, manager, adopted_one.number).body == short()
    with pytest.raises(NotFound):
        show_schedule(ours.archive, manager, 99)


def test_two_schedules_are_compared_over_all_stored_records_and_nothing_is_written(
    ours: TestArchive, manager: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("archive_service.lifecycle.retention.compare_schedules.BATCH", 2)
    adopted(ours, manager)
    records = [ours.stored(number, dossier_code=DOSSIER) for number in range(4)]
    other = ours.stored(9)
    ours.work()
    closed(ours, manager)
    held(ours, manager, records[0])
    size = ours.register.read(lambda unit: unit.log.size())
    current = deciding_schedule(ours.archive)
    assert current.version == "1"
    batches = list(compare_schedules(ours.archive, current, checked_schedule(short(version="2", period="6 months"))))
    assert [(one.done, one.total) for one in batches] == [(2, 5), (4, 5), (5, 5)]
    moves = [move for batch in batches for move in batch.moves]
    assert [move.record_id for move in moves] == sorted(record.id for record in records)
    assert all(move.is_earlier for move in moves)
    assert {(move.before.due_on, move.after.due_on) for move in moves} == {(dt.date(2027, 11, 2), dt.date(2027, 5, 2))}
    assert [move.record_id for move in moves if move.after.holds] == [records[0].id]
    # Of a record whose day is not known only a change of class is told.
    renamed = checked_schedule(short(version="3").replace(b'"1Y"', b'"X"'))
    everything = [move for batch in compare_schedules(ours.archive, current, renamed) for move in batch.moves]
    assert {move.record_id for move in everything} == {record.id for record in (*records, other)}
    assert not any(move.is_earlier for move in everything)
    assert ours.register.read(lambda unit: unit.log.size()) == size


def test_without_a_schedule_everything_that_a_new_one_gives_a_day_moves(ours: TestArchive, manager: Caller) -> None:
    ours.stored(dossier_code=DOSSIER)
    ours.work()
    closed(ours, manager)
    assert deciding_schedule(ours.archive) == NO_SCHEDULE
    [batch] = compare_schedules(ours.archive, NO_SCHEDULE, checked_schedule(short()))
    [move] = batch.moves
    assert move.before.standing is RetentionState.UNASSIGNED
    assert move.is_earlier
