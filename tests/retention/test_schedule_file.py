"""A schedule is read whole or not at all, and every problem is told with its line, in both languages."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pytest

from retention.decide import RetentionState, decide
from retention.holds import NO_HOLDS
from retention.periods import Period
from retention.schedule import Action
from retention.schedule_file import (
    ACCESS_LEVELS,
    LARGEST_FILE_BYTES,
    MOST_PROBLEMS,
    MOST_TABLES,
    BadSchedule,
    Problem,
    read_schedule,
)
from tests.retention.schedules import TODAY, facts

EXAMPLE = Path(__file__).parents[2] / "examples" / "retention" / "schedule.toml"

HEAD = """\
[schedule]
id = "s"
version = "1"
title = "A schedule"
title_vi = "Bảng"
valid_from = 2026-01-01
"""
CLASS = """
[[class]]
code = "06"
title = "10 years"
title_vi = "10 năm"
legal_source = "a law"
period = "10 years"
trigger = "dossier-closed"
action = "destroy"
"""
RULE = """
[[rule]]
class = "06"
priority = 0
"""
GOOD = HEAD + CLASS + RULE
EVER = 'period = "permanent"\naction = "review"'
LIKE = '\n[[class]]\ncode = "{0}"\nlike = "{1}"\ntitle = "t"\ntitle_vi = "t"\n'


def problems(text: str) -> list[Problem]:
    with pytest.raises(BadSchedule) as bad:
        read_schedule(text.encode())
    assert all(one.en and one.vi for one in bad.value.problems)
    return list(bad.value.problems)


def told(text: str) -> list[tuple[int | None, str]]:
    return [(one.line, one.en) for one in problems(text)]


def test_the_shipped_example_is_good_marked_and_decides() -> None:
    ours = read_schedule(EXAMPLE.read_bytes())
    assert all(one.example for one in ours.classes.values())
    assert {"01", "02", "03", "04", "05", "06"} <= ours.classes.keys()
    assert decide(facts(result_type="x"), ours, NO_HOLDS, TODAY).state is RetentionState.RUNNING
    assert decide(facts(), ours, NO_HOLDS, TODAY).state is RetentionState.WAITING


def test_everything_that_is_stated_is_taken_over() -> None:
    full = GOOD.replace("2026-01-01\n", "2026-01-01\nvalid_to = 2027-12-31\n").replace(
        "priority = 0", 'priority = 3\nresult_type = ["a", "b"]\noffice = ["c"]\naccess_level = ["open"]'
    )
    ours = read_schedule(full.replace('action = "destroy"', 'action = "transfer"\nyear_end = true').encode())
    assert (ours.id, ours.version, ours.title, ours.title_vi) == ("s", "1", "A schedule", "Bảng")
    assert (ours.valid_from, ours.valid_to) == (dt.date(2026, 1, 1), dt.date(2027, 12, 31))
    [one] = ours.classes.values()
    assert (one.code, one.title, one.title_vi, one.legal_source) == ("06", "10 years", "10 năm", "a law")
    assert (one.period, one.trigger, one.year_end) == (Period(120), "dossier-closed", True)
    assert (one.action, one.example) == (Action.TRANSFER, False)
    [rule] = ours.rules
    assert (rule.class_code, rule.priority, rule.line) == ("06", 3, 19)
    assert (rule.result_types, rule.offices, rule.access_levels) == (
        frozenset({"a", "b"}),
        frozenset({"c"}),
        frozenset({"open"}),
    )


def test_what_is_left_out_has_its_default() -> None:
    ours = read_schedule(GOOD.encode())
    assert ours.valid_to is None
    assert (ours.classes["06"].year_end, ours.classes["06"].example) == (False, False)
    [rule] = ours.rules
    assert (rule.result_types, rule.offices, rule.access_levels) == (frozenset(), frozenset(), frozenset())


def test_a_class_takes_over_what_it_does_not_state_itself_through_any_number_of_others() -> None:
    chain = GOOD + (
        '\n[[class]]\ncode = "B"\nlike = "06"\ntitle = "b"\ntitle_vi = "b"\nyear_end = true\nexample = true\n'
        '\n[[class]]\ncode = "C"\nlike = "B"\ntitle = "c"\ntitle_vi = "c"\nperiod = "1 year"\n'
    )
    ours = read_schedule(chain.encode())
    c = ours.classes["C"]
    assert (c.title, c.period, c.trigger, c.year_end) == ("c", Period(12), "dossier-closed", True)
    assert (c.legal_source, c.action, c.example) == ("a law", Action.DESTROY, True)


def test_a_permanent_class_needs_no_trigger() -> None:
    ever = GOOD.replace('period = "10 years"\ntrigger = "dossier-closed"\naction = "destroy"', EVER)
    kept = read_schedule(ever.encode()).classes["06"]
    assert kept.period.is_permanent
    assert kept.trigger == "document-date", "the one that every record has"


@pytest.mark.parametrize(
    ("old", "new", "line", "said"),
    [
        ('trigger = "dossier-closed"', 'trigger = "death"', 14, "“death” is not a trigger: document-date"),
        ('period = "10 years"', 'period = "-10 years"', 13, "No period: a period is permanent"),
        ('period = "10 years"', 'period = "0 years"', 13, "No period: a period has at least one month"),
        ('period = "10 years"', 'period = "500 years"', 13, "No period: a period has at most 200 years"),
        ('action = "destroy"', 'action = "burn"', 15, "No action: an action is destroy, transfer, review"),
        ('legal_source = "a law"\n', "", 8, "class has no “legal_source”."),
        ('legal_source = "a law"', 'legal_source = " "', 12, "“legal_source” is empty."),
        ('period = "10 years"\n', "", 8, "class has no “period”."),
        ('trigger = "dossier-closed"\n', "", 8, "class has no “trigger”."),
        ('action = "destroy"\n', "", 8, "class has no “action”."),
        ('title_vi = "10 năm"\n', "", 8, "class has no “title_vi”."),
        ('action = "destroy"', 'action = "destroy"\nyear_end = "yes"', 16, "“year_end” must be true or false."),
        ('action = "destroy"', 'action = "destroy"\ncolour = "red"', 16, "“colour” is not a field of class: code"),
        ('code = "06"\n', "", 8, "class has no “code”."),
        ('title = "10 years"', "title = 10", 10, "“title” must be a text."),
        ("priority = 0", "priority = -1", 19, "A priority lies between 0 and 1000000."),
        ("priority = 0", "priority = 1000001", 19, "A priority lies between 0 and 1000000."),
        ("priority = 0", "priority = true", 19, "“priority” must be a whole number."),
        ("priority = 0", "priority = 0.5", 19, "“priority” must be a whole number."),
        ("priority = 0\n", "", 17, "rule has no “priority”."),
        ('class = "06"\npri', "pri", 17, "rule has no “class”."),
        ('class = "06"', 'class = "07"', 18, "There is no class 07."),
        ("priority = 0", "priority = 0\noffice = []", 20, "“office” must be a list of texts."),
        ("priority = 0", "priority = 0\noffice = [1]", 20, "“office” must be a list of texts."),
        ("priority = 0", 'priority = 0\noffice = "a"', 20, "“office” must be a list of texts."),
        ("2026-01-01", "2026-01-01\nvalid_to = 2025-12-31", 7, "The schedule ends before it begins."),
        ("2026-01-01", "2026-01-01T00:00:00", 6, "“valid_from” must be a date such as 2026-01-31."),
        ("valid_from = 2026-01-01\n", "", 1, "schedule has no “valid_from”."),
        ('version = "1"\n', "", 1, "schedule has no “version”."),
        ("[schedule]\n", "", 7, "[schedule] is missing."),
    ],
)
def test_each_slip_is_told_where_it_stands(old: str, new: str, line: int, said: str) -> None:
    assert old in GOOD
    found = told(GOOD.replace(old, new))
    if old == "[schedule]\n":
        assert (None, said) in found
        return
    matching = [one for one in found if one[1].startswith(said)]
    assert [one[0] for one in matching] == [line], found
    assert len(found) <= 2, "one slip must not be told many times over"


@pytest.mark.parametrize(
    ("old", "new", "en", "vi"),
    [
        ("[schedule]", "colour = 1\n[schedule]", "“colour” is not known here.", "Không có mục “colour”."),
        (
            'trigger = "dossier-closed"',
            'trigger = "death"',
            "“death” is not a trigger: document-date, received, dossier-closed, last-payment, subject-died, "
            "insurance-ended, replaced, superseded, or event:<name>.",
            "“death” không phải sự kiện tính thời hạn: document-date, received, dossier-closed, last-payment, "
            "subject-died, insurance-ended, replaced, superseded, hoặc event:<tên>.",
        ),
        (
            'period = "10 years"',
            'period = "ten years"',
            "No period: a period is permanent, a number of years or a number of months, not 'ten years'.",
            "“ten years” không phải thời hạn hợp lệ.",
        ),
        (
            'action = "destroy"',
            'action = "burn"',
            "No action: an action is destroy, transfer, review, not 'burn'.",
            "“burn” không phải hành động hợp lệ.",
        ),
        ('title = "10 years"', 'title = " "', "“title” is empty.", "“title” để trống."),
        ('title_vi = "10 năm"', 'title_vi = " "', "“title_vi” is empty.", "“title_vi” để trống."),
        ('legal_source = "a law"', 'legal_source = " "', "“legal_source” is empty.", "“legal_source” để trống."),
        ('action = "destroy"\n', "", "class has no “action”.", "class thiếu trường “action”."),
        (
            'action = "destroy"',
            'action = "destroy"\nyear_end = "yes"',
            "“year_end” must be true or false.",
            "“year_end” phải là true hoặc false.",
        ),
        (
            'action = "destroy"',
            'action = "destroy"\ncolour = "red"',
            "“colour” is not a field of class: code, like, title, title_vi, legal_source, period, trigger, year_end, "
            "action, example.",
            "class không có trường “colour”: code, like, title, title_vi, legal_source, period, trigger, year_end, "
            "action, example.",
        ),
        ('title = "10 years"', "title = 10", "“title” must be a text.", "“title” phải là một chuỗi."),
        ("priority = 0", "priority = -1", "A priority lies between 0 and 1000000.", "Mức ưu tiên từ 0 đến 1000000."),
        ("priority = 0", "priority = true", "“priority” must be a whole number.", "“priority” phải là một số nguyên."),
        ("priority = 0\n", "", "rule has no “priority”.", "rule thiếu trường “priority”."),
        ('class = "06"', 'class = "07"', "There is no class 07.", "Không có nhóm 07."),
        (
            "priority = 0",
            "priority = 0\noffice = []",
            "“office” must be a list of texts.",
            "“office” phải là một danh sách chuỗi.",
        ),
        (
            "2026-01-01",
            "2026-01-01\nvalid_to = 2025-12-31",
            "The schedule ends before it begins.",
            "Bảng thời hạn kết thúc trước khi bắt đầu.",
        ),
        (
            "2026-01-01",
            "2026-01-01T00:00:00",
            "“valid_from” must be a date such as 2026-01-31.",
            "“valid_from” phải là một ngày, ví dụ 2026-01-31.",
        ),
        ('version = "1"\n', "", "schedule has no “version”.", "schedule thiếu trường “version”."),
        (RULE, "", "There is no [[rule]].", "Thiếu mục [[rule]]."),
        (HEAD, "", "[schedule] is missing.", "Thiếu mục [schedule]."),
        (CLASS, CLASS + CLASS, "Class 06 stands twice.", "Nhóm 06 bị lặp lại."),
        (
            "priority = 0",
            "priority = ",
            "Not TOML: Invalid value (at line 19, column 12).",
            "Không phải TOML: Invalid value (at line 19, column 12).",
        ),
    ],
)
def test_each_problem_is_told_in_both_languages(old: str, new: str, en: str, vi: str) -> None:
    assert old in GOOD
    only = [(one.en, one.vi) for one in problems(GOOD.replace(old, new)) if one.en != "There is no class 06."]
    assert only == [(en, vi)]


@pytest.mark.parametrize(
    ("code", "en", "vi"),
    [
        ("A", "Class A is like itself, in a circle.", "Nhóm A tham chiếu vòng tròn."),
        ("Z", "There is no class Z to be like.", "Không có nhóm Z để tham chiếu."),
    ],
)
def test_what_no_class_can_be_like_is_told_in_both_languages(code: str, en: str, vi: str) -> None:
    assert (23, en, vi) in [(one.line, one.en, one.vi) for one in problems(GOOD + LIKE.format("A", code))]


def test_a_field_outside_every_table_is_told() -> None:
    assert (1, "“colour” is not known here.") in told('colour = "red"\n' + GOOD)


def test_a_schedule_without_classes_or_rules_is_none() -> None:
    assert (None, "There is no [[class]].") in told(HEAD + RULE)
    assert (None, "There is no [[rule]].") in told(HEAD + CLASS)
    assert (7, "There is no [[class]].") in told(GOOD.replace("[[class]]", "[class]").replace("\n[class]", "[class]"))


def test_what_stands_in_a_list_and_is_no_table_is_told() -> None:
    assert (2, "[rule] is missing.") in told("\nrule = [1]\n" + HEAD + CLASS)


def test_what_a_later_class_lacks_is_told_where_that_one_stands() -> None:
    second = CLASS.replace('"06"', '"07"').replace('action = "destroy"\n', "")
    assert told(HEAD + CLASS + second + RULE) == [(17, "class has no “action”.")]


def test_a_schedule_may_decide_for_a_single_day() -> None:
    ours = read_schedule(GOOD.replace("2026-01-01", "2026-01-01\nvalid_to = 2026-01-01").encode())
    assert ours.decides_on(dt.date(2026, 1, 1))
    assert not ours.decides_on(dt.date(2026, 1, 2))


def test_the_highest_and_lowest_priority_are_good() -> None:
    for priority in (0, 1_000_000):
        [rule] = read_schedule(GOOD.replace("priority = 0", f"priority = {priority}").encode()).rules
        assert rule.priority == priority


def test_a_class_that_stands_twice_is_told() -> None:
    assert told(HEAD + CLASS + CLASS + RULE) == [(18, "Class 06 stands twice.")]


def test_classes_that_are_like_each_other_are_told() -> None:
    circle = told(GOOD + LIKE.format("A", "B") + LIKE.format("B", "A"))
    assert (23, "Class A is like itself, in a circle.") in circle
    assert (29, "Class B is like itself, in a circle.") in circle
    assert (23, "There is no class Z to be like.") in told(GOOD + LIKE.format("A", "Z"))


def test_a_class_that_is_like_one_of_a_circle_is_told_too() -> None:
    outside = told(GOOD + LIKE.format("A", "B") + LIKE.format("B", "C") + LIKE.format("C", "B"))
    assert (23, "Class A is like itself, in a circle.") in outside


def test_a_slip_in_a_class_is_not_told_again_for_those_that_are_like_it() -> None:
    for slip in ('trigger = "x"', 'period = "x"', 'action = "x"'):
        name = slip.split(" ", maxsplit=1)[0]
        wrong = "\n".join(slip if line.startswith(name) else line for line in GOOD.split("\n"))
        assert len(told(wrong + LIKE.format("A", "06"))) == 1


class TestRulesThatOverlap:
    other = CLASS.replace('"06"', '"07"')

    def both(self, first: str, second: str, priority: int = 0) -> list[Problem]:
        rules = (
            f'[[rule]]\nclass = "06"\npriority = 0\n{first}\n[[rule]]\nclass = "07"\npriority = {priority}\n{second}\n'
        )
        text = HEAD + CLASS + self.other + rules
        try:
            read_schedule(text.encode())
        except BadSchedule as bad:
            return list(bad.problems)
        return []

    def test_with_one_priority_and_two_classes_are_told_with_both_lines(self) -> None:
        assert self.both("", "") == [
            Problem(
                29,
                "This rule and the one on line 25 have priority 0 and can speak of the same record, but give it 06 and "
                "07.",
                "Quy tắc này và quy tắc ở dòng 25 cùng mức ưu tiên 0, có thể áp dụng cho cùng một tài liệu nhưng xếp "
                "vào hai nhóm 06 và 07.",
            )
        ]

    @pytest.mark.parametrize("field", ["result_type", "office", "access_level"])
    def test_meet_unless_they_state_different_things(self, field: str) -> None:
        a, b, c = ACCESS_LEVELS
        assert self.both(f'{field} = ["{a}"]', f'{field} = ["{b}"]') == []
        assert len(self.both(f'{field} = ["{a}", "{c}"]', f'{field} = ["{b}", "{c}"]')) == 1
        assert len(self.both(f'{field} = ["{a}"]', "")) == 1
        assert len(self.both("", f'{field} = ["{a}"]')) == 1

    def test_meet_only_where_all_that_they_state_does(self) -> None:
        first = 'office = ["a"]\nresult_type = ["x"]'
        assert self.both(first, 'office = ["a"]\nresult_type = ["y"]') == []
        assert self.both(first, 'office = ["b"]\nresult_type = ["x"]') == []
        assert len(self.both(first, 'office = ["a"]')) == 1

    def test_are_each_told_with_every_one_before_it(self) -> None:
        rules = RULE + RULE.replace('"06"', '"07"') + RULE
        assert [line for line, _ in told(HEAD + CLASS + self.other + rules)] == [30, 34]

    def test_of_another_priority_do_not_meet(self) -> None:
        assert self.both("", "", priority=1) == []

    @pytest.mark.parametrize("slip", ['period = "x"', 'action = "x"'])
    def test_are_not_told_while_one_of_their_classes_is_wrong(self, slip: str) -> None:
        name = slip.split(" ", maxsplit=1)[0]
        wrong = "\n".join(slip if line.startswith(name) else line for line in self.other.split("\n"))
        rules = RULE + RULE.replace('"06"', '"07"')
        assert [en.split(":")[0] for _, en in told(HEAD + CLASS + wrong + rules)] == [f"No {name}"]

    def test_of_one_class_may_overlap(self) -> None:
        assert read_schedule((GOOD + RULE).encode()).rules[1].class_code == "06"


class TestWhatIsNoToml:
    def test_is_told_with_its_line(self) -> None:
        [(line, said)] = told(GOOD.replace("priority = 0", "priority = "))
        assert line == 19
        assert said.startswith("Not TOML: ")

    def test_is_told_with_its_line_whatever_the_file_says_itself(self) -> None:
        assert [line for line, _ in told('\na = {"(at line 7, " = 1, "(at line 7, " = 2}')] == [2]

    def test_at_its_end_has_no_line(self) -> None:
        [(line, said)] = told('a = "')
        assert said.startswith("Not TOML: ")
        assert line in (None, 1)

    def test_nor_utf8_is_told_with_its_line(self) -> None:
        with pytest.raises(BadSchedule) as bad:
            read_schedule(b'[schedule]\nid = "\xff"\n')
        assert bad.value.problems == (Problem(2, "The file is not UTF-8.", "Tệp không dùng mã UTF-8."),)

    def test_nor_small_is_not_read(self) -> None:
        assert LARGEST_FILE_BYTES == 512 * 1024
        with pytest.raises(BadSchedule) as bad:
            read_schedule(b"#" * (LARGEST_FILE_BYTES + 1))
        assert bad.value.problems == (
            Problem(None, "The file is too large for a schedule.", "Tệp quá lớn so với một bảng thời hạn."),
        )
        assert str(bad.value) == "The file is too large for a schedule."
        with pytest.raises(BadSchedule, match="missing"):
            read_schedule(b"#" * LARGEST_FILE_BYTES)


def test_what_is_the_whole_files_problem_comes_first() -> None:
    first, whole = Problem(1, "a", "b"), Problem(None, "c", "d")
    assert BadSchedule([first, whole]).problems == (whole, first)


def test_problems_come_in_the_order_of_their_lines_and_in_one_sentence() -> None:
    wrong = GOOD.replace('class = "06"', 'class = "07"').replace('version = "1"', "version = 1")
    with pytest.raises(BadSchedule) as bad:
        read_schedule(wrong.encode())
    assert [one.line for one in bad.value.problems] == [3, 18]
    assert str(bad.value) == "line 3: “version” must be a text.; line 18: There is no class 07."


@pytest.mark.parametrize(
    ("old", "line", "field"),
    [('id = "s"', 2, "id"), ('version = "1"', 3, "version"), ('code = "06"', 9, "code")],
)
@pytest.mark.parametrize("value", ["", " ", "a" * 65, "a\\u0000b", "a\\u001fb", "a\\u007fb", "a\\nb"])
def test_a_name_is_short_and_can_be_kept(old: str, line: int, field: str, value: str) -> None:
    found = problems(GOOD.replace(old, f'{field} = "{value}"', 1))
    assert [one for one in found if not one.en.startswith("There is no class")] == [
        Problem(
            line,
            f"“{field}” has 1 to 64 letters and no control characters.",
            f"“{field}” có từ 1 đến 64 ký tự và không có ký tự điều khiển.",
        )
    ]


def test_a_name_may_have_64_letters_of_any_language() -> None:
    name = "Đ" * 64
    ours = read_schedule(GOOD.replace('"06"', f'"{name}"').replace('id = "s"', f'id = "{name}"').encode())
    assert (ours.id, list(ours.classes)) == (name, [name])


class TestWhatIsPermanent:
    said = (
        "What is permanent is never destroyed: the action is review or transfer.",
        "Tài liệu bảo quản vĩnh viễn không bị hủy: hành động là review hoặc transfer.",
    )

    def test_is_not_destroyed(self) -> None:
        assert problems(GOOD.replace('"10 years"\ntrigger', '"permanent"\ntrigger')) == [Problem(15, *self.said)]

    def test_is_not_destroyed_either_where_half_of_it_is_taken_over(self) -> None:
        period, action = LIKE + 'period = "permanent"\n', LIKE + 'action = "destroy"\n'
        assert problems(GOOD + period.format("A", "06")) == [Problem(26, *self.said)]
        ever = GOOD.replace('period = "10 years"\ntrigger = "dossier-closed"\naction = "destroy"', EVER)
        assert problems(ever + action.format("A", "06")) == [Problem(25, *self.said)]

    def test_and_destroyed_is_told_once_for_all_classes_that_are_like_it(self) -> None:
        wrong = GOOD.replace('"10 years"\ntrigger', '"permanent"\ntrigger')
        assert len(problems(wrong + LIKE.format("A", "06"))) == 1

    def test_may_be_handed_over(self) -> None:
        ever = GOOD.replace('"10 years"\ntrigger', '"permanent"\ntrigger').replace('"destroy"', '"transfer"')
        assert read_schedule(ever.encode()).classes["06"].action is Action.TRANSFER


def test_an_access_level_is_one_of_the_three() -> None:
    assert problems(GOOD + 'access_level = ["open", "sercet", "x"]\n') == [
        Problem(
            20,
            "“sercet” is not an access level: open, conditional, secret.",
            "“sercet” không phải mức độ tiếp cận: open, conditional, secret.",
        )
    ]


class TestWhatAFileMayCost:
    def test_classes_and_rules_are_counted(self) -> None:
        classes = "".join(CLASS.replace('"06"', f'"{number}"') for number in range(MOST_TABLES))
        rules = RULE.replace('"06"', '"0"') * MOST_TABLES
        assert len(read_schedule((HEAD + classes + rules).encode()).rules) == MOST_TABLES == 2000
        assert problems(HEAD + classes + CLASS + rules) == [
            Problem(7 + 9 * 2000 + 1, "More than 2000 [[class]].", "Có quá 2000 mục [[class]].")
        ]
        assert problems(HEAD + CLASS + RULE * (MOST_TABLES + 1)) == [
            Problem(16 + 4 * 2000 + 1, "More than 2000 [[rule]].", "Có quá 2000 mục [[rule]].")
        ]

    @pytest.mark.parametrize("count", [MOST_PROBLEMS, MOST_PROBLEMS + 1, 1500])
    def test_problems_are_told_up_to_a_hundred(self, count: int) -> None:
        found = problems(GOOD + RULE.replace('"06"', '"07"') * count)
        assert len(found) == MOST_PROBLEMS == 100
        more = Problem(
            None, "There are more problems; mend these first.", "Còn các lỗi khác; hãy sửa những lỗi này trước."
        )
        assert (found[-1] == more) is (count > MOST_PROBLEMS)
        assert more not in found[:-1]

    def test_overlaps_end_the_reading_early(self) -> None:
        both = RULE + RULE.replace('"06"', '"07"')
        assert len(problems(HEAD + CLASS + CLASS.replace('"06"', '"07"') + both * 1000)) == MOST_PROBLEMS

    def test_what_is_nested_too_deeply_is_no_toml(self) -> None:
        nested = Problem(None, "Not TOML: nested too deeply.", "Không phải TOML: lồng nhau quá nhiều cấp.")
        assert problems("x=" + "[" * 100_000) == [nested]

    def test_a_number_of_thousands_of_digits_is_no_toml(self) -> None:
        assert problems("x=" + "1" * 5_000) == [
            Problem(
                None,
                "Not TOML: a value cannot be read, as a number with thousands of digits.",
                "Không phải TOML: có giá trị không đọc được, ví dụ số có hàng nghìn chữ số.",
            )
        ]

    @pytest.mark.parametrize("part", ["a", "-1_", '"a"', "'a'", '"a\\"b."', "''"])
    @pytest.mark.parametrize("between", [".", " . ", "\t.\t"])
    @pytest.mark.parametrize("form", ["{}=1", "[{}]", "x = {{ {} = 1 }}"])
    def test_a_key_has_less_than_32_parts(self, part: str, between: str, form: str) -> None:
        deep = Problem(
            8, "A key has 32 parts or more.", "Tên trường có từ 32 thành phần trở lên, cách nhau bởi dấu chấm."
        )
        long, longest = (form.format(between.join([part] * count)) for count in (32, 31))
        assert problems(f"{HEAD}\n{long}\n") == [deep]
        assert deep not in problems(f"{HEAD}\n{longest}\n")

    @pytest.mark.parametrize("text", ["a.a " * 20_000, "a" * 500_000, '"' * 500_000, '\\"' * 250_000, "." * 500_000])
    def test_what_has_no_such_key_is_not_taken_for_one(self, text: str) -> None:
        assert problems(f"x = {text}")[0].en.startswith("Not TOML")


def test_every_rule_that_a_rule_overlaps_is_told_however_many_state_the_same() -> None:
    other = CLASS.replace('code = "06"', 'code = "07"')
    same = '[[rule]]\nclass = "06"\npriority = 0\nresult_type = ["A"]\noffice = ["{office}"]\n\n'
    rules = "".join(same.format(office=office) for office in ("X", "Y", "Z"))
    text = f'{HEAD}{CLASS}{other}\n{rules}[[rule]]\nclass = "07"\npriority = 0\nresult_type = ["A"]\n'
    *firsts, last = (number for number, line in enumerate(text.split("\n"), start=1) if line == "[[rule]]")
    found = problems(text)
    assert {one.line for one in found} == {last}
    assert sorted(one.en.split(" have ")[0] for one in found) == [
        f"This rule and the one on line {line}" for line in firsts
    ]
