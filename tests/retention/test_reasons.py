"""The reasons explain a day down to rule, source, trigger and arithmetic, in both languages."""

from __future__ import annotations

import datetime as dt
import re

import pytest

from retention.decide import Decision, RetentionState, decide
from retention.holds import NO_HOLDS, Holds, HoldScope
from retention.periods import Period
from retention.reasons import action_words, explain, period_words, shown_day, state_words
from retention.schedule import Action, Assignment, Rule
from tests.retention.schedules import ALLOWANCE, TODAY, facts, hold, retention_class, schedule


def told(decision: Decision) -> list[tuple[str, str, str]]:
    return [(one.code, one.en, one.vi) for one in explain(decision)]


def test_a_running_period_is_explained_to_its_day() -> None:
    ours = schedule(retention_class(year_end=True), rules=(Rule("06", 7),))
    assert told(decide(facts(), ours, NO_HOLDS, TODAY)) == [
        (
            "assigned",
            "Schedule test 1 (priority 7) puts it into class 06, 10 years. Source: a source.",
            "Bảng thời hạn test 1 (mức ưu tiên 7) xếp vào nhóm 06, 10 năm. Căn cứ: a source.",
        ),
        (
            "counted",
            "The closing of the dossier was 01/03/2020; 10 years from then, counted to the end of the year: "
            "kept through 31/12/2030.",
            "Ngày kết thúc hồ sơ: 01/03/2020; thời hạn 10 năm, tính đến hết năm: giữ đến hết ngày 31/12/2030.",
        ),
        (
            "due-from",
            "From 01/01/2031 it may be proposed for destruction.",
            "Từ ngày 01/01/2031 có thể được đề xuất tiêu huỷ.",
        ),
    ]


def test_without_rounding_nothing_is_said_of_the_year() -> None:
    [_, counted, _] = told(decide(facts(), schedule(), NO_HOLDS, TODAY))
    assert counted[1:] == (
        "The closing of the dossier was 01/03/2020; 10 years from then: kept through 01/03/2030.",
        "Ngày kết thúc hồ sơ: 01/03/2020; thời hạn 10 năm: giữ đến hết ngày 01/03/2030.",
    )


@pytest.mark.parametrize(
    ("action", "en", "vi"),
    [
        (Action.DESTROY, "proposed for destruction", "đề xuất tiêu huỷ"),
        (Action.TRANSFER, "proposed for transfer to another archive", "đề xuất giao nộp vào lưu trữ khác"),
        (Action.REVIEW, "reviewed by a person", "xem xét lại bởi người có thẩm quyền"),
    ],
)
def test_what_may_be_done_then_is_told(action: Action, en: str, vi: str) -> None:
    last = explain(decide(facts(), schedule(retention_class(action=action)), NO_HOLDS, TODAY))[-1]
    assert last.en == f"From 02/03/2030 it may be {en}."
    assert last.vi == f"Từ ngày 02/03/2030 có thể được {vi}."


def test_an_example_says_that_it_is_one() -> None:
    first = explain(decide(facts(), schedule(retention_class(example=True)), NO_HOLDS, TODAY))[0]
    assert first.en.endswith("Source: a source. This class is an example: no law stands behind it.")
    assert first.vi.endswith("Căn cứ: a source. Nhóm này chỉ là ví dụ, không có căn cứ pháp lý.")


def test_waiting_says_for_what() -> None:
    [_, unknown] = told(decide(facts(None), schedule(), NO_HOLDS, TODAY))
    assert unknown == (
        "waiting",
        "Its 10 years begin with the closing of the dossier, which is not known yet: not due.",
        "Thời hạn 10 năm tính từ ngày kết thúc hồ sơ, hiện chưa có thông tin: chưa đến hạn.",
    )
    [_, ahead] = told(decide(facts(dt.date(2026, 12, 1)), schedule(retention_class(months=18)), NO_HOLDS, TODAY))
    assert ahead == (
        "waiting",
        "Its 18 months begin with the closing of the dossier, which lies ahead, on 01/12/2026: not due.",
        "Thời hạn 18 tháng tính từ ngày kết thúc hồ sơ, dự kiến vào 01/12/2026: chưa đến hạn.",
    )


def test_permanent_is_said_in_a_word() -> None:
    [_, permanent] = told(decide(facts(), schedule(retention_class(months=None)), NO_HOLDS, TODAY))
    assert permanent == ("permanent", "It is kept for ever.", "Tài liệu được bảo quản vĩnh viễn.")


def test_no_rule_and_rules_that_disagree_say_that_the_record_is_kept() -> None:
    nothing = schedule(rules=(Rule("06", 0, frozenset({ALLOWANCE})),))
    [(code, en, vi)] = told(decide(facts(), nothing, NO_HOLDS, TODAY))
    assert code == "no-rule"
    assert en == "No rule of schedule test 1 speaks of this kind of record: it is kept until one does."
    assert vi == (
        "Không quy tắc nào của bảng thời hạn test 1 áp dụng cho loại tài liệu này: "
        "tài liệu được giữ cho đến khi có quy tắc."
    )
    both = schedule(retention_class("A"), retention_class("B"), rules=(Rule("A", 0), Rule("B", 0)))
    [(code, en, vi)] = told(decide(facts(), both, NO_HOLDS, TODAY))
    assert code == "rules-disagree"
    assert en == (
        "Rules of the same priority in schedule test 1 give different classes (A, B): it is kept until the schedule is "
        "mended."
    )
    assert vi == (
        "Các quy tắc cùng mức ưu tiên trong bảng thời hạn test 1 cho các nhóm khác nhau (A, B): tài liệu được giữ "
        "cho đến khi bảng được sửa."
    )


def test_every_hold_is_told_after_the_schedule() -> None:
    placed = [hold(HoldScope.RECORD, "r1", id="H1"), hold(HoldScope.OFFICE, "BHXH", id="H2")]
    reasons = told(decide(facts(), schedule(), Holds.of(placed), TODAY))
    assert [code for code, _, _ in reasons] == ["assigned", "counted", "due-from", "held", "held"]
    assert reasons[3][1:] == (
        "Hold H1 by Thanh tra keeps it: đang thanh tra (QĐ 12/2026). To be reviewed on 31/01/2027.",
        "Lệnh giữ H1 của Thanh tra đang có hiệu lực: đang thanh tra (QĐ 12/2026). Xem xét lại ngày 31/01/2027.",
    )
    assert "H2" in reasons[4][1]


def test_periods_and_days_are_written_as_people_write_them() -> None:
    assert (period_words(Period(None)).en, period_words(Period(None)).vi) == ("permanent", "vĩnh viễn")
    assert (period_words(Period(18)).en, period_words(Period(18)).vi) == ("18 months", "18 tháng")
    assert period_words(Period(12)).en == "1 year"
    assert re.fullmatch(r"\d\d/\d\d/\d{4}", shown_day(dt.date(26, 3, 1)))


def test_a_decision_that_contradicts_itself_is_not_explained_away() -> None:
    empty = Assignment((), None)
    broken = Decision(RetentionState.DUE, None, None, empty, schedule(), ())
    with pytest.raises(ValueError, match=r"^a decision without a class is unassigned or a conflict$"):
        explain(broken)


@pytest.mark.parametrize("state", [RetentionState.DUE, RetentionState.RUNNING])
@pytest.mark.parametrize(("due_on", "trigger_on"), [(None, None), (TODAY, None), (None, TODAY)])
def test_a_decision_that_lacks_one_of_its_days_is_not_explained_away(
    state: RetentionState, due_on: dt.date | None, trigger_on: dt.date | None
) -> None:
    one = Assignment((retention_class(),), Rule("06", 0))
    with pytest.raises(ValueError, match=r"^a decision that runs or is due has its days$"):
        explain(Decision(state, due_on, trigger_on, one, schedule(), ()))


def test_a_class_given_by_no_rule_is_told_without_a_priority() -> None:
    found = Assignment((retention_class(),), None)
    first = explain(Decision(RetentionState.PERMANENT, None, None, found, schedule(), ()))[0]
    assert first.en.startswith("Schedule test 1 puts it into")
    assert first.vi.startswith("Bảng thời hạn test 1 xếp vào")


def test_every_state_and_action_has_a_name_in_both_languages() -> None:
    assert {state: (state_words(state).en, state_words(state).vi) for state in RetentionState} == {
        RetentionState.UNASSIGNED: ("no class", "chưa phân nhóm"),
        RetentionState.CONFLICT: ("rules disagree", "quy tắc mâu thuẫn"),
        RetentionState.PERMANENT: ("permanent", "vĩnh viễn"),
        RetentionState.WAITING: ("waiting for its trigger", "chờ sự kiện tính thời hạn"),
        RetentionState.RUNNING: ("running", "đang trong thời hạn"),
        RetentionState.DUE: ("due", "đã đến hạn"),
        RetentionState.HELD: ("held", "đang bị giữ"),
    }
    assert action_words(Action.TRANSFER).en == "proposed for transfer to another archive"
