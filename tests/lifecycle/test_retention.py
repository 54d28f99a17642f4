"""Records are decided on by schedule, events and holds, and the store's locks follow: only longer, held while held."""

from __future__ import annotations

import dataclasses
import datetime as dt
from typing import Any

import pytest

from archive_service.errors import Conflict, InvalidInput, NotAllowed, NotFound, Unavailable
from archive_service.lifecycle.correct import Correction, correct
from archive_service.lifecycle.lock import renew_locks
from archive_service.lifecycle.reference import load_reference
from archive_service.lifecycle.retention.adopt import adopt_schedule, check_adoption, list_schedules
from archive_service.lifecycle.retention.decide import ask_again, decide_records
from archive_service.lifecycle.retention.decide_all import decide_all
from archive_service.lifecycle.retention.explain import Explained, explain_record, list_standings
from archive_service.lifecycle.retention.hold import HoldOrder, lift_hold, place_hold, review_hold
from archive_service.lifecycle.retention.report import report_reviews
from archive_service.lifecycle.retention.restore import restore_rules
from archive_service.lifecycle.retention.tell import Happening, list_events, tell_event, withdraw_event
from archive_service.lifecycle.subjects import merge_subjects, unmerge_subjects
from archive_service.model.events import EventType
from archive_service.model.identifiers import Identifier, RecordId
from archive_service.model.permissions import Caller, Role
from archive_service.model.record import AccessLevel, Record, Relation, RelationKind
from archive_service.model.retention import EventScope
from archive_service.model.units import RegisterUnit
from archive_service.model.units.retention import StandingSelection
from retention.decide import RetentionState
from retention.holds import Condition, HoldScope
from retention.schedule_file import ACCESS_LEVELS
from tests.archives import TestArchive
from tests.fakes.faults import Killed
from tests.results import CENTRE, DA_NANG, HA_NOI, PENSION, REFERENCE, insurance, person

DAY = dt.timedelta(days=1)
DOSSIER = "000.00.00.H41-210301-0042"
SHORT = """
[schedule]
id = "short"
version = "1"
title = "Short"
title_vi = "Ngắn"
valid_from = 2026-01-01

[[class]]
code = "1Y"
title = "One year after the dossier was closed"
title_vi = "Một năm sau khi kết thúc hồ sơ"
legal_source = "Test"
period = "1 year"
trigger = "dossier-closed"
action = "destroy"

[[rule]]
class = "1Y"
priority = 0
"""


@pytest.fixture
def manager(ours: TestArchive) -> Caller:
    """The records manager of the central agency."""
    return ours.caller(Role.RECORDS_MANAGER, office=CENTRE)


def short(**changed: str) -> bytes:
    text = SHORT
    for old, new in changed.items():
        text = text.replace(f'{old} = "{_value(text, old)}"', f'{old} = "{new}"')
    return text.encode()


def _value(text: str, name: str) -> str:
    return text.split(f'\n{name} = "')[1].split('"', maxsplit=1)[0]


def settled(ours: TestArchive) -> None:
    """Do everything that follows: the run over all records, and the work it asks for."""
    while decide_all(ours.archive) is not None:
        pass
    ours.work()


def adopted(ours: TestArchive, manager: Caller, body: bytes | None = None) -> None:
    adopt_schedule(ours.archive, manager, short() if body is None else body)
    settled(ours)


def closed(ours: TestArchive, caller: Caller, day: dt.date = dt.date(2026, 11, 1), dossier: str = DOSSIER) -> str:
    told = tell_event(
        ours.archive, Happening(caller, EventScope.DOSSIER, dossier, "dossier-closed", day, "Hệ thống một cửa")
    )
    ours.work()
    return told.id


def held(ours: TestArchive, caller: Caller, record: Record, **said: Any) -> str:
    order = HoldOrder(
        caller,
        HoldScope.RECORD,
        record.id,
        "Thanh tra",
        "khiếu nại",
        "Số 12/TTr",
        dt.date(2027, 1, 1),
    )
    placed = place_hold(ours.archive, dataclasses.replace(order, **said))
    settled(ours)
    return placed.hold.id


def why(ours: TestArchive, manager: Caller, record_id: RecordId) -> Explained:
    return explain_record(ours.archive, manager, record_id)


def locks(ours: TestArchive, record: Record) -> set[dt.datetime | None]:
    prefix = f"records/{record.id}/"
    return {ours.store.lock_of(one.key, one.version) for one in ours.store.list_under(prefix)}


def holds(ours: TestArchive, record: Record) -> set[bool]:
    prefix = f"records/{record.id}/"
    return {ours.store.protection_of(one.key, one.version).held for one in ours.store.list_under(prefix)}


def test_until_a_schedule_is_adopted_every_record_is_kept_under_a_rolling_lock(
    ours: TestArchive, manager: Caller
) -> None:
    record = ours.stored()
    ours.work()
    said = why(ours, manager, record.id)
    assert said.decision.state is RetentionState.UNASSIGNED
    assert [reason.code for reason in said.reasons] == ["no-schedule"]
    assert locks(ours, record) == {ours.clock.now() + 90 * DAY}
    assert ours.get(record.id).original.locked_until == ours.clock.now() + 90 * DAY


def test_a_record_waits_for_its_trigger_runs_and_is_due_and_its_lock_follows(
    ours: TestArchive, manager: Caller
) -> None:
    adopted(ours, manager)
    record = ours.stored(dossier_code=DOSSIER)
    ours.work()
    assert why(ours, manager, record.id).decision.state is RetentionState.WAITING
    rolling = ours.clock.now() + 90 * DAY
    assert locks(ours, record) == {rolling}

    closed(ours, manager)
    said = why(ours, manager, record.id)
    assert (said.decision.state, said.decision.due_on) == (RetentionState.RUNNING, dt.date(2027, 11, 2))
    assert [reason.code for reason in said.reasons] == ["assigned", "counted", "due-from"]
    # Through the last day in the archive's place, which ends at 17:00 UTC.
    assert locks(ours, record) == {dt.datetime(2027, 11, 1, 17, tzinfo=dt.UTC)}
    assert ours.get(record.id).original.locked_until == dt.datetime(2027, 11, 1, 17, tzinfo=dt.UTC)

    ours.clock.forward(dt.datetime(2027, 11, 1, 16, 59, 59, tzinfo=dt.UTC) - ours.clock.now())
    assert why(ours, manager, record.id).decision.state is RetentionState.RUNNING
    ours.clock.forward(dt.timedelta(seconds=1))
    assert why(ours, manager, record.id).decision.state is RetentionState.DUE
    # Nobody need decide again for that, and nothing locks it anew.
    due = list_standings(
        ours.archive,
        manager,
        StandingSelection(None, dt.date.min, states=frozenset({RetentionState.DUE})),
    )
    assert [(one.id, said.state_on(due.today)) for one, said in due.rows] == [(record.id, RetentionState.DUE)]
    assert renew_locks(ours.archive, 10) == 0
    assert ask_again(ours.archive, 10) == 0
    assert locks(ours, record) == {dt.datetime(2027, 11, 1, 17, tzinfo=dt.UTC)}


def test_the_deposit_states_no_class_and_an_entry_of_its_own_states_class_and_version_of_the_rules(
    ours: TestArchive, manager: Caller
) -> None:
    adopted(ours, manager)
    record = ours.stored(dossier_code=DOSSIER)
    [deposit] = [one for one in ours.events(EventType.DEPOSITED) if one.record_id == record.id]
    assert deposit.values["retention"] == {"class": None, "rule_version": None}
    assert ours.events(EventType.RETENTION_DECIDED) == []
    ours.work()
    [decided] = ours.events(EventType.RETENTION_DECIDED)
    assert decided.record_id == record.id
    said = decided.values
    assert (said["class"], said["schedule"], said["version"], said["due_on"]) == ("1Y", "short", "1", None)
    closed(ours, manager)
    assert ours.events(EventType.RETENTION_DECIDED)[-1].values["due_on"] == "2027-11-02"


def test_deciding_twice_changes_nothing(ours: TestArchive, manager: Caller) -> None:
    adopted(ours, manager)
    record = ours.stored(dossier_code=DOSSIER)
    ours.work()
    closed(ours, manager)
    before = (locks(ours, record), len(ours.events(EventType.RETENTION_DECIDED, EventType.LOCK_EXTENDED)))
    assert decide_records(ours.archive, [record.id]) == 0
    assert (locks(ours, record), len(ours.events(EventType.RETENTION_DECIDED, EventType.LOCK_EXTENDED))) == before


def test_a_later_day_lengthens_the_lock_and_a_withdrawn_one_never_shortens_it(
    ours: TestArchive, manager: Caller
) -> None:
    adopted(ours, manager)
    record = ours.stored(dossier_code=DOSSIER)
    ours.work()
    closed(ours, manager, dt.date(2026, 10, 1))
    wrong = closed(ours, manager, dt.date(2026, 11, 1))
    assert why(ours, manager, record.id).decision.due_on == dt.date(2027, 11, 2)
    withdraw_event(ours.archive, manager, wrong, "nhầm ngày")
    ours.work()
    assert why(ours, manager, record.id).decision.due_on == dt.date(2027, 10, 2)
    assert locks(ours, record) == {dt.datetime(2027, 11, 1, 17, tzinfo=dt.UTC)}
    told = list_events(ours.archive, manager, EventScope.DOSSIER, DOSSIER)
    assert [(one.happened_on, one.withdrawn is not None) for one in told] == [
        (dt.date(2026, 10, 1), False),
        (dt.date(2026, 11, 1), True),
    ]
    with pytest.raises(Conflict, match="withdrawn already"):
        withdraw_event(ours.archive, manager, wrong, "lần nữa")


def test_a_day_ahead_is_waited_for_and_looked_at_when_it_comes(ours: TestArchive, manager: Caller) -> None:
    adopted(ours, manager)
    record = ours.stored(dossier_code=DOSSIER)
    ours.work()
    closed(ours, manager, dt.date(2026, 12, 1))
    assert why(ours, manager, record.id).decision.state is RetentionState.WAITING
    assert ask_again(ours.archive, 10) == 0
    ours.clock.forward(dt.datetime(2026, 11, 30, 17, tzinfo=dt.UTC) - ours.clock.now())
    assert ask_again(ours.archive, 10) == 1
    assert ask_again(ours.archive, 10) == 0, "asked for once"
    ours.work()
    assert why(ours, manager, record.id).decision.due_on == dt.date(2027, 12, 2)
    assert locks(ours, record) == {dt.datetime(2027, 12, 1, 17, tzinfo=dt.UTC)}


def test_a_clock_set_forward_lets_nothing_go_and_set_back_shortens_nothing_and_writes_nothing(
    ours: TestArchive, manager: Caller
) -> None:
    adopted(ours, manager)
    record = ours.stored(dossier_code=DOSSIER)
    ours.work()
    closed(ours, manager)
    until = locks(ours, record)
    for by in (400 * DAY, -400 * DAY, -20 * DAY):
        ours.clock.forward(by)
        assert decide_records(ours.archive, [record.id]) == 0
        assert locks(ours, record) == until
    # By then the log has entries of days to come: whatever would be entered now is refused until the clock is right.
    with pytest.raises(Unavailable, match="clock is off"):
        closed(ours, manager, dt.date(2020, 1, 1))
    assert locks(ours, record) == until


def test_rolling_locks_are_renewed_at_half_and_permanent_ones_each_year(ours: TestArchive, manager: Caller) -> None:
    adopted(ours, manager, short(period="permanent", action="review"))
    record = ours.stored()
    ours.work()
    first = ours.clock.now() + dt.timedelta(days=3650)
    assert locks(ours, record) == {first}
    ours.clock.forward(364 * DAY)
    assert ask_again(ours.archive, 10) == 0
    ours.clock.forward(DAY)
    assert ask_again(ours.archive, 10) == 1
    ours.work()
    assert locks(ours, record) == {first + 365 * DAY}


def test_a_hold_blocks_holds_in_the_store_and_keeps_the_lock_in_the_future(ours: TestArchive, manager: Caller) -> None:
    adopted(ours, manager)
    record = ours.stored(dossier_code=DOSSIER)
    ours.work()
    closed(ours, manager)
    ours.clock.forward(dt.datetime(2027, 11, 20, tzinfo=dt.UTC) - ours.clock.now())
    hold = held(ours, manager, record, review_on=dt.date(2028, 1, 1))
    said = why(ours, manager, record.id)
    assert (said.decision.state, said.decision.standing) == (RetentionState.HELD, RetentionState.DUE)
    assert [placed.hold.id for placed in said.held_by] == [hold]
    assert holds(ours, record) == {True}
    assert locks(ours, record) == {ours.clock.now() + 90 * DAY}
    ours.clock.forward(45 * DAY)
    assert ask_again(ours.archive, 10) == 1
    ours.work()
    assert locks(ours, record) == {ours.clock.now() + 90 * DAY}

    lift_hold(ours.archive, manager, hold, "kết thúc thanh tra")
    ours.work()
    assert why(ours, manager, record.id).decision.state is RetentionState.DUE
    assert holds(ours, record) == {False}
    with pytest.raises(Conflict, match="lifted already"):
        lift_hold(ours.archive, manager, hold, "lần nữa")


@pytest.mark.parametrize(
    "said",
    [
        {"scope": HoldScope.SUBJECT, "target": insurance("0123456789")},
        {"scope": HoldScope.DOSSIER, "target": DOSSIER},
        {"scope": HoldScope.OFFICE, "target": str(DA_NANG)},
        {"scope": HoldScope.CONDITION, "target": "", "condition": Condition(result_types=frozenset({"KQ.G15.000031"}))},
    ],
    ids=lambda said: str(said["scope"]),
)
def test_a_hold_covers_what_is_there_and_what_comes_later(
    ours: TestArchive, manager: Caller, said: dict[str, Any]
) -> None:
    adopted(ours, manager)
    first = ours.stored(1, dossier_code=DOSSIER)
    ours.work()
    hold = held(ours, manager, first, **said)
    later = ours.stored(2, dossier_code=DOSSIER)
    ours.work()
    for record in (first, later):
        assert why(ours, manager, record.id).decision.state is RetentionState.HELD
        assert holds(ours, record) == {True}
    lift_hold(ours.archive, manager, hold, "xong")
    settled(ours)
    for record in (first, later):
        assert why(ours, manager, record.id).decision.state is RetentionState.WAITING
        assert holds(ours, record) == {False}


def test_what_is_put_under_a_held_record_is_held_too(ours: TestArchive, manager: Caller) -> None:
    adopted(ours, manager)
    record = ours.stored()
    ours.work()
    held(ours, manager, record)
    said = dataclasses.replace(record.metadata, signer="Lê Văn A")
    correct(ours.archive, Correction(manager, record.id, said, "sai", ours.get(record.id).etag))
    ours.work()
    assert holds(ours, record) == {True}
    assert len(locks(ours, record)) == 1


def test_the_same_hold_or_event_again_is_the_same(ours: TestArchive, manager: Caller) -> None:
    record = ours.stored(dossier_code=DOSSIER)
    ours.work()
    assert held(ours, manager, record) == held(ours, manager, record)
    assert closed(ours, manager) == closed(ours, manager)
    assert len(ours.events(EventType.HOLD_PLACED)) == 1
    assert len(ours.events(EventType.RETENTION_EVENT_TOLD)) == 1


def test_who_tells_speaks_for_the_records_of_its_own_offices(ours: TestArchive, manager: Caller) -> None:
    adopted(ours, manager)
    record = ours.stored(dossier_code=DOSSIER)
    ours.work()
    closed(ours, ours.caller(Role.DEPOSITOR, office=HA_NOI))
    assert why(ours, manager, record.id).decision.state is RetentionState.WAITING
    closed(ours, ours.caller(Role.DEPOSITOR, office=DA_NANG))
    assert why(ours, manager, record.id).decision.state is RetentionState.RUNNING


def test_a_record_that_another_replaces_starts_by_the_date_of_that_one(ours: TestArchive, manager: Caller) -> None:
    adopted(ours, manager, short(trigger="replaced"))
    first = ours.stored(1)
    ours.work()
    assert why(ours, manager, first.id).decision.state is RetentionState.WAITING
    ours.stored(2, issued_on=dt.date(2026, 5, 4), relations=(Relation(RelationKind.REPLACES, first.id),))
    ours.work()
    said = why(ours, manager, first.id)
    assert (said.decision.trigger_on, said.decision.due_on) == (dt.date(2026, 5, 4), dt.date(2027, 5, 5))
    assert said.written is not None
    assert said.written.due_on == dt.date(2027, 5, 5)


def test_a_new_version_decides_on_all_records_anew_resumes_and_moves_only_what_moves(
    ours: TestArchive, manager: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("archive_service.lifecycle.retention.decide_all.BATCH", 2)
    adopted(ours, manager)
    records = [ours.stored(number, dossier_code=DOSSIER) for number in range(5)]
    ours.work()
    closed(ours, manager)
    adopt_schedule(ours.archive, manager, short(version="2", period="2 years"))
    run = decide_all(ours.archive)
    assert run is not None
    assert (run.done, run.total, run.changed, run.ended_at) == (2, 5, 2, None)
    # Stopped and begun again, it goes on where it was.
    settled(ours)
    assert decide_all(ours.archive) is None
    assert {why(ours, manager, one.id).decision.due_on for one in records} == {dt.date(2028, 11, 2)}
    assert {frozenset(locks(ours, one)) for one in records} == {
        frozenset({dt.datetime(2028, 11, 1, 17, tzinfo=dt.UTC)})
    }
    # A shorter one moves the day, and never the lock.
    adopt_schedule(ours.archive, manager, short(version="3", period="6 months"))
    settled(ours)
    said = why(ours, manager, records[0].id)
    assert said.decision.due_on == dt.date(2027, 5, 2)
    assert locks(ours, records[0]) == {dt.datetime(2028, 11, 1, 17, tzinfo=dt.UTC)}
    shown = list_schedules(ours.archive, manager)
    assert ([one.schedule.version for one in shown.adopted], shown.deciding) == (["1", "2", "3"], 3)
    assert shown.run is not None
    assert (shown.run.done, shown.run.changed, shown.run.schedule) == (5, 5, 3)


def test_a_schedule_of_a_later_day_decides_from_that_day_on(ours: TestArchive, manager: Caller) -> None:
    adopted(ours, manager)
    record = ours.stored(dossier_code=DOSSIER)
    ours.work()
    closed(ours, manager)
    body = short(version="2", period="5 years").replace(b"2026-01-01", b"2026-12-01")
    adopted(ours, manager, body)
    assert why(ours, manager, record.id).decision.due_on == dt.date(2027, 11, 2)
    ours.clock.forward(dt.datetime(2026, 11, 30, 17, tzinfo=dt.UTC) - ours.clock.now())
    settled(ours)
    assert why(ours, manager, record.id).decision.due_on == dt.date(2031, 11, 2)
    assert locks(ours, record) == {dt.datetime(2031, 11, 1, 17, tzinfo=dt.UTC)}


def test_adopting_asks_for_a_sound_file_a_new_version_and_an_office_above_all(
    ours: TestArchive, manager: Caller
) -> None:
    with pytest.raises(InvalidInput) as bad:
        adopt_schedule(ours.archive, manager, short(trigger="nothing", period="-3 years"))
    assert {problem.field for problem in bad.value.problems} == {"line 14", "line 15"}
    with pytest.raises(NotAllowed):
        adopt_schedule(ours.archive, ours.caller(Role.RECORDS_MANAGER, office=DA_NANG), short())
    for refused in (adopt_schedule, check_adoption):
        with pytest.raises(NotAllowed, match="above all others"):
            refused(ours.archive, ours.caller(Role.RECORDS_MANAGER, office=DA_NANG), b"no schedule")
        with pytest.raises(NotAllowed):
            refused(ours.archive, ours.caller(Role.DEPOSITOR, office=CENTRE), b"no schedule")
    first = adopt_schedule(ours.archive, manager, short())
    assert adopt_schedule(ours.archive, manager, short()) == first
    with pytest.raises(Conflict, match="other words"):
        adopt_schedule(ours.archive, manager, short(period="3 years"))
    assert len(ours.events(EventType.SCHEDULE_ADOPTED)) == 1


def test_rules_that_speak_of_what_the_archive_does_not_know_are_refused_with_their_lines(
    ours: TestArchive, manager: Caller
) -> None:
    known = f'office = ["{DA_NANG}"]\nresult_type = ["{PENSION}"]\naccess_level = ["secret"]\n'
    unknown = '\n[[rule]]\nclass = "1Y"\npriority = 1\noffice = ["BHXH-99", "BHXH-98"]\nresult_type = ["KQ.X"]\n'
    for refused in (adopt_schedule, check_adoption):
        with pytest.raises(InvalidInput) as bad:
            refused(ours.archive, manager, short() + (known + unknown).encode())
        assert [(one.field, one.message.en, one.message.vi) for one in bad.value.problems] == [
            (
                "line 25",
                "The archive knows no office BHXH-98, nor 1 more of this rule.",
                "Hệ thống lưu trữ không có cơ quan BHXH-98 và 1 mã khác của quy tắc này.",
            ),
            (
                "line 25",
                "The archive knows no result type KQ.X.",
                "Hệ thống lưu trữ không có loại kết quả KQ.X.",
            ),
        ]
    assert ours.events(EventType.SCHEDULE_ADOPTED) == []
    assert adopt_schedule(ours.archive, manager, short() + known.encode()).number == 1


def test_rules_may_state_every_access_level_that_the_archive_has() -> None:
    assert {str(level) for level in AccessLevel} == set(ACCESS_LEVELS)


@pytest.mark.parametrize(
    ("said", "refused"),
    [
        ({"trigger": "document-date"}, InvalidInput),
        ({"trigger": "no such thing"}, InvalidInput),
        ({"happened_on": dt.date(1700, 1, 1)}, InvalidInput),
        ({"happened_on": dt.date(2199, 1, 1)}, InvalidInput),
        ({"target": "not a dossier"}, InvalidInput),
        ({"scope": EventScope.RECORD, "target": "00000000-0000-7000-8000-000000000000"}, NotFound),
        ({"scope": EventScope.SUBJECT, "target": insurance("9999999999")}, NotFound),
    ],
)
def test_what_cannot_have_happened_is_not_taken(
    ours: TestArchive, manager: Caller, said: dict[str, Any], refused: type[Exception]
) -> None:
    good = Happening(manager, EventScope.DOSSIER, DOSSIER, "dossier-closed", dt.date(2026, 1, 1), "x")
    with pytest.raises(refused):
        tell_event(ours.archive, dataclasses.replace(good, **said))
    assert ours.events(EventType.RETENTION_EVENT_TOLD) == []


@pytest.mark.parametrize(
    ("said", "refused"),
    [
        ({"review_on": dt.date(2026, 11, 23)}, InvalidInput),
        ({"review_on": dt.date(2099, 1, 1)}, InvalidInput),
        ({"scope": HoldScope.CONDITION, "target": "", "condition": Condition()}, InvalidInput),
        ({"scope": HoldScope.OFFICE, "target": "BHXH-99"}, NotFound),
        (
            {"scope": HoldScope.CONDITION, "target": "", "condition": Condition(offices=frozenset({"BHXH-99"}))},
            NotFound,
        ),
        ({"scope": HoldScope.SUBJECT, "target": "0123456789"}, InvalidInput),
    ],
)
def test_a_hold_that_cannot_be_is_not_placed(
    ours: TestArchive, manager: Caller, said: dict[str, Any], refused: type[Exception]
) -> None:
    record = ours.stored()
    with pytest.raises(refused):
        held(ours, manager, record, **said)
    assert ours.events(EventType.HOLD_PLACED) == []


def test_a_hold_is_reviewed_and_told_when_that_is_overdue(ours: TestArchive, manager: Caller) -> None:
    record = ours.stored()
    hold = held(ours, manager, record, review_on=dt.date(2026, 12, 1))
    assert report_reviews(ours.archive, manager).rows == ()
    ours.clock.forward(10 * DAY)
    assert [one.hold.id for one in report_reviews(ours.archive, manager).rows] == [hold]
    review_hold(ours.archive, manager, hold, dt.date(2027, 3, 1), "vụ việc còn tiếp")
    assert report_reviews(ours.archive, manager).rows == ()
    other = ours.caller(Role.RECORDS_MANAGER, office=HA_NOI)
    with pytest.raises(NotFound):
        review_hold(ours.archive, other, hold, dt.date(2027, 3, 1), "x")


def test_another_office_tree_decides_on_all_records_again(ours: TestArchive, manager: Caller) -> None:
    adopted(ours, manager)
    settled(ours)
    assert decide_all(ours.archive) is None
    load_reference(ours.archive, REFERENCE, "operator")
    assert decide_all(ours.archive) is not None


def test_a_store_that_is_down_leaves_the_work_to_be_done_and_the_rules_in_force(
    ours: TestArchive, manager: Caller
) -> None:
    adopted(ours, manager)
    record = ours.stored(dossier_code=DOSSIER)
    ours.work()
    hold = held(ours, manager, record)
    ours.faults.down.add("store")
    lifting = pytest.raises(Unavailable)
    with lifting:
        lift_hold(ours.archive, manager, hold, "xong")
    with pytest.raises(Unavailable):
        decide_records(ours.archive, [record.id])
    ours.faults.heal()
    # It is lifted: only the store's own word of it is not there, so that a register made anew would hold on.
    ours.work()
    assert why(ours, manager, record.id).decision.state is RetentionState.WAITING
    assert holds(ours, record) == {False}


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
def test_killed_anywhere_the_next_run_makes_the_store_what_the_decision_says(
    ours: TestArchive, manager: Caller, after: bool
) -> None:
    adopted(ours, manager)
    record = ours.stored(dossier_code=DOSSIER)
    ours.work()
    held(ours, manager, record)
    day = dt.date(2026, 6, 1)
    for kill_at in range(1, 40):
        day += DAY
        tell_event(ours.archive, Happening(manager, EventScope.DOSSIER, DOSSIER, "dossier-closed", day, "x"))
        ours.faults.heal()
        ours.faults.kill_at, ours.faults.after = kill_at, after
        try:
            decide_records(ours.archive, [record.id])
        except Killed:
            ours.faults.heal()
            decide_records(ours.archive, [record.id])
        else:
            break
        assert why(ours, manager, record.id).written == ours.register.read(
            lambda unit: unit.standings.get_many([record.id])[record.id]
        )
        assert holds(ours, record) == {True}
        assert len(locks(ours, record)) == 1
        written = ours.register.read(lambda unit: unit.standings.get_many([record.id])[record.id])
        assert written.trigger_on == day
    else:
        pytest.fail("the step never ran to its end")
    assert kill_at > 5


def test_rules_outlive_the_register(ours: TestArchive, manager: Caller) -> None:
    adopted(ours, manager)
    record = ours.stored(dossier_code=DOSSIER)
    ours.work()
    closed(ours, manager)
    wrong = closed(ours, manager, dt.date(2026, 11, 3))
    withdraw_event(ours.archive, manager, wrong, "nhầm")
    tell_event(
        ours.archive,
        Happening(manager, EventScope.SUBJECT, insurance("0123456789"), "subject-died", dt.date(2026, 1, 2), "giấy tử"),
    )
    standing = held(ours, manager, record, scope=HoldScope.SUBJECT, target=insurance("0123456789"))
    ended = held(ours, manager, record)
    lift_hold(ours.archive, manager, ended, "xong")
    told = ours.register.read(_everything)
    with ours.register.engine.connect().execution_options(archive_writes=True) as connection, connection.begin():
        for table in ("retention_schedules", "retention_events", "holds"):
            connection.exec_driver_sql(f"DELETE FROM {table}")  # of this test's own words
    restored = restore_rules(ours.archive)
    assert (restored.schedules, restored.events, restored.holds, restored.problems) == (1, 3, 2, ())
    assert ours.register.read(_everything) == told
    assert why(ours, manager, record.id).decision.state is RetentionState.HELD
    assert [one.hold.id for one in why(ours, manager, record.id).held_by] == [standing]
    again = restore_rules(ours.archive)
    assert (again.schedules, again.events, again.holds) == (0, 0, 0)


def _everything(unit: RegisterUnit) -> tuple[object, ...]:
    events = unit.told_events
    subject = unit.subjects.by_identifier(insurance("0123456789"))
    assert subject is not None
    return (
        [(one.body, one.adopted_by, one.adopted_at) for one in unit.schedules.all()],
        events.of(EventScope.DOSSIER, [DOSSIER]),
        events.of(EventScope.SUBJECT, [subject.id]),
        unit.holds.select(frozenset({CENTRE}), lifted=True, after="", limit=10),
    )


A, B = insurance("0123456789"), insurance("9876543210")


def subject_hold(ours: TestArchive, manager: Caller, record: Record, number: Identifier) -> str:
    return held(ours, manager, record, scope=HoldScope.SUBJECT, target=number)


def test_a_correction_does_not_take_a_record_out_of_a_hold(ours: TestArchive, manager: Caller) -> None:
    record = ours.stored(dossier_code=DOSSIER)
    ours.work()
    held(ours, manager, record, scope=HoldScope.DOSSIER, target=DOSSIER)
    subject_hold(ours, manager, record, A)

    def corrected(**said: Any) -> Record:
        now = ours.get(record.id)
        changed = dataclasses.replace(now.metadata, **said)
        return correct(ours.archive, Correction(ours.archivist, record.id, changed, "sai", now.etag))

    for said in ({"dossier_code": None}, {"subject": person(B)}):
        with pytest.raises(Conflict) as refused:
            corrected(**said)
        assert refused.value.code == "held"
    assert corrected(signer="Lê Văn A").metadata_version == 2
    # A hold on the record itself is not shaken off by anything that is said of it; but the others still are.
    assert why(ours, manager, record.id).decision.state is RetentionState.HELD


def test_what_is_said_of_a_person_stays_with_that_person_when_a_merge_is_undone(
    ours: TestArchive, manager: Caller
) -> None:
    adopted(ours, manager, short(trigger="subject-died"))
    of_a, of_b = ours.stored(1, subject=person(A)), ours.stored(2, subject=person(B))
    ours.work()
    merged = merge_subjects(ours.archive, manager, A, B, "một người")
    subject_hold(ours, manager, of_b, B)
    tell_event(ours.archive, Happening(manager, EventScope.SUBJECT, B, "subject-died", dt.date(2026, 1, 1), "x"))
    settled(ours)
    assert {why(ours, manager, one.id).decision.state for one in (of_a, of_b)} == {RetentionState.HELD}
    assert len(list_events(ours.archive, manager, EventScope.SUBJECT, A)) == 1
    unmerge_subjects(ours.archive, manager, merged.id, "hai người")
    settled(ours)
    assert why(ours, manager, of_a.id).decision.state is RetentionState.WAITING
    assert why(ours, manager, of_b.id).decision.state is RetentionState.HELD
    assert why(ours, manager, of_b.id).decision.trigger_on == dt.date(2026, 1, 1)


def test_a_hold_on_merged_persons_comes_back_for_each_of_them(ours: TestArchive, manager: Caller) -> None:
    of_a, of_b = ours.stored(1, subject=person(A)), ours.stored(2, subject=person(B))
    ours.work()
    merged = merge_subjects(ours.archive, manager, A, B, "một người")
    hold = subject_hold(ours, manager, of_b, B)
    # A rebuild does not bring merges back.
    unmerge_subjects(ours.archive, manager, merged.id, "sổ đăng ký bị mất")
    with ours.register.engine.connect().execution_options(archive_writes=True) as connection, connection.begin():
        connection.exec_driver_sql("DELETE FROM holds")
    assert restore_rules(ours.archive).holds == 1
    assert restore_rules(ours.archive).holds == 0
    states = {why(ours, manager, one.id).decision.state for one in (of_a, of_b)}
    assert states == {RetentionState.HELD}
    assert [one.hold.id for one in why(ours, manager, of_b.id).held_by] == [hold]


def test_nothing_happened_to_a_document_before_there_was_one(ours: TestArchive, manager: Caller) -> None:
    adopted(ours, manager)
    record = ours.stored(dossier_code=DOSSIER, issued_on=dt.date(2026, 5, 1))
    undated = ours.stored(2, dossier_code=DOSSIER, issued_on=None)
    ours.work()
    closed(ours, manager, dt.date(1946, 1, 1))
    assert why(ours, manager, record.id).decision.trigger_on == dt.date(2026, 5, 1)
    assert why(ours, manager, undated.id).decision.trigger_on == ours.clock.now().date()


def test_an_office_holds_records_of_its_own_offices_only(ours: TestArchive, manager: Caller) -> None:
    record = ours.stored(dossier_code=DOSSIER)
    ours.work()
    stranger = ours.caller(Role.RECORDS_MANAGER, office=HA_NOI)
    held(ours, stranger, record, scope=HoldScope.DOSSIER, target=DOSSIER)
    assert why(ours, manager, record.id).decision.holds == ()
    held(ours, manager, record, scope=HoldScope.DOSSIER, target=DOSSIER)
    seen = explain_record(ours.archive, ours.archivist, record.id)
    assert seen.decision.state is RetentionState.HELD
    assert seen.held_by == ()
    assert "Thanh tra" not in str(seen.reasons)
