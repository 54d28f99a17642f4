"""Reads a schedule from TOML and checks it: every problem at once, each with its line.

The form is told in docs/retention.md. A field that is not known is a problem, because a slip of the hand must not
silently lose a rule. What a file can cost is bounded before and while it is read: its size, how deep its keys go, how
many rules and classes it has, and how many problems are told.
"""

from __future__ import annotations

import datetime as dt
import re
import tomllib
import unicodedata
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

from retention.lines import Lines, read_lines
from retention.periods import PERMANENT, parse_period
from retention.schedule import Action, RetentionClass, Rule, Schedule
from retention.triggers import TRIGGERS, is_trigger

_T = TypeVar("_T")

LARGEST_FILE_BYTES = 524_288
"""A schedule with thousands of rules has some hundred kilobytes; what is larger is another file."""

MOST_TABLES = 2_000
"""So many classes, and so many rules, may stand in one schedule."""

MOST_PROBLEMS = 100
"""So many problems are told; nobody mends more in one go."""

LONGEST_NAME = 64
"""So many letters have an id, a version and a code."""

ACCESS_LEVELS = ("open", "conditional", "secret")
"""The access levels that a rule may state: codes 01, 02 and 03 of Circular 05/2025/TT-BNV."""

_HIGHEST_PRIORITY = 1_000_000

# The standard library's reader needs memory by the square of a key's segments. Each alternative takes all it can and
# gives nothing back, and no match begins inside a segment, so that the time grows with the text only.
_SEGMENT = r"""(?:[A-Za-z0-9_-]++|"(?:[^"\\\n]|\\[^\n])*+"|'[^'\n]*+')"""
_TOO_DEEP = re.compile(rf"(?<![A-Za-z0-9_\-\\])(?:{_SEGMENT}[ \t]*+\.[ \t]*+){{31}}{_SEGMENT}")


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong. ``line`` counts from 1; None where it is the whole file's."""

    line: int | None
    en: str
    vi: str


_MORE = Problem(
    None,
    "There are more problems; mend these first.",
    "Còn các lỗi khác; hãy sửa những lỗi này trước.",
)


class BadSchedule(Exception):
    """The file is no schedule that can decide; ``problems`` are in the order of their lines.

    There are MOST_PROBLEMS at most: where more were found, the last one says so.
    """

    def __init__(self, problems: Sequence[Problem]) -> None:
        ordered = sorted(problems, key=lambda one: one.line or 0)
        if len(ordered) > MOST_PROBLEMS:
            ordered = [*ordered[: MOST_PROBLEMS - 1], _MORE]
        self.problems = tuple(ordered)
        super().__init__("; ".join(f"line {one.line}: {one.en}" if one.line else one.en for one in self.problems))


def read_schedule(content: bytes) -> Schedule:
    """Return the schedule that the file's bytes state. Raises BadSchedule with every problem found."""
    if len(content) > LARGEST_FILE_BYTES:
        raise BadSchedule(
            [Problem(None, "The file is too large for a schedule.", "Tệp quá lớn so với một bảng thời hạn.")]
        )
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError as wrong:
        line = content[: wrong.start].count(b"\n") + 1
        raise BadSchedule([Problem(line, "The file is not UTF-8.", "Tệp không dùng mã UTF-8.")]) from wrong
    return _Reading(_document(text), read_lines(text)).schedule()


def _document(text: str) -> dict[str, Any]:
    """Return the file's tables. Raises BadSchedule for what is no TOML or costs more than a schedule can."""
    if deep := _TOO_DEEP.search(text):
        line = text.count("\n", 0, deep.start()) + 1
        raise BadSchedule(
            [
                Problem(
                    line,
                    "A key has 32 parts or more.",
                    "Tên trường có từ 32 thành phần trở lên, cách nhau bởi dấu chấm.",
                )
            ]
        )
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as wrong:
        raise BadSchedule([_not_toml(str(wrong))]) from wrong
    except RecursionError as wrong:
        nested = Problem(None, "Not TOML: nested too deeply.", "Không phải TOML: lồng nhau quá nhiều cấp.")
        raise BadSchedule([nested]) from wrong
    except ValueError as wrong:
        number = Problem(
            None,
            "Not TOML: a value cannot be read, as a number with thousands of digits.",
            "Không phải TOML: có giá trị không đọc được, ví dụ số có hàng nghìn chữ số.",
        )
        raise BadSchedule([number]) from wrong


def _not_toml(said: str) -> Problem:
    _, _, place = said.rpartition("(at line ")
    number = place.partition(",")[0]
    line = int(number) if number.isdigit() else None
    return Problem(line, f"Not TOML: {said}.", f"Không phải TOML: {said}.")


_HEAD = {
    "id": str,
    "version": str,
    "title": str,
    "title_vi": str,
    "valid_from": dt.date,
    "valid_to": dt.date,
}
_HEAD_OPTIONAL = frozenset({"valid_to"})
_CLASS = {
    "code": str,
    "like": str,
    "title": str,
    "title_vi": str,
    "legal_source": str,
    "period": str,
    "trigger": str,
    "year_end": bool,
    "action": str,
    "example": bool,
}
# What a class that is like another takes from it.
_INHERITED = ("legal_source", "period", "trigger", "year_end", "action", "example")
_CLASS_REQUIRED = ("title", "title_vi", "legal_source", "period", "action")
_A_GOOD = {"period": "permanent", "action": "review"}
_RULE = {"class": str, "priority": int, "result_type": list, "office": list, "access_level": list}
_SELECTORS = ("result_type", "office", "access_level")
_KIND_WORDS = {
    str: ("a text", "một chuỗi"),
    int: ("a whole number", "một số nguyên"),
    bool: ("true or false", "true hoặc false"),
    dt.date: ("a date such as 2026-01-31", "một ngày, ví dụ 2026-01-31"),
    list: ("a list of texts", "một danh sách chuỗi"),
}


@dataclass(slots=True)
class _Reading:
    """One file being read; problems are gathered, so that one run tells them all."""

    document: Mapping[str, Any]
    lines: Lines
    problems: list[Problem] = field(default_factory=list)

    def schedule(self) -> Schedule:
        for name in self.document.keys() - {"schedule", "class", "rule"}:
            self._tell(self.lines.of(name), f"“{name}” is not known here.", f"Không có mục “{name}”.")
        head = self._table("schedule", self.document.get("schedule"), _HEAD, 0)
        self._require("schedule", head, 0, _HEAD.keys() - _HEAD_OPTIONAL)
        classes = self._classes(self._tables("class", _CLASS))
        rules = self._rules(self._tables("rule", _RULE), classes)
        self._check_head(head)
        self._check_overlaps(rules)
        if self.problems:
            raise BadSchedule(self.problems)
        return Schedule(
            id=head["id"],
            version=head["version"],
            title=head["title"],
            title_vi=head["title_vi"],
            valid_from=head["valid_from"],
            valid_to=head.get("valid_to"),
            classes=classes,
            rules=tuple(rules),
        )

    def _tell(self, line: int | None, en: str, vi: str) -> None:
        """Note a problem. Raises BadSchedule, and so ends the reading, when there are more than are told."""
        self.problems.append(Problem(line, en, vi))
        if len(self.problems) > MOST_PROBLEMS:
            raise BadSchedule(self.problems)

    def _tables(self, name: str, kinds: Mapping[str, type]) -> list[dict[str, Any]]:
        found = self.document.get(name, [])
        if not isinstance(found, list) or not found:
            self._tell(self.lines.of(name), f"There is no [[{name}]].", f"Thiếu mục [[{name}]].")
            return []
        if len(found) > MOST_TABLES:
            line = self.lines.of(name, MOST_TABLES)
            self._tell(line, f"More than {MOST_TABLES} [[{name}]].", f"Có quá {MOST_TABLES} mục [[{name}]].")
        return [self._table(name, table, kinds, number) for number, table in enumerate(found[:MOST_TABLES])]

    def _table(self, name: str, table: object, kinds: Mapping[str, type], number: int) -> dict[str, Any]:
        """Return the fields that are known and of their kind; tell of the others."""
        if not isinstance(table, dict):
            self._tell(self.lines.of(name), f"[{name}] is missing.", f"Thiếu mục [{name}].")
            return {}
        good: dict[str, Any] = {}
        for key, value in table.items():
            line = self.lines.of(name, number, key)
            if key not in kinds:
                known = ", ".join(kinds)
                self._tell(
                    line, f"“{key}” is not a field of {name}: {known}.", f"{name} không có trường “{key}”: {known}."
                )
            elif not _is_a(value, kinds[key]):
                en, vi = _KIND_WORDS[kinds[key]]
                self._tell(line, f"“{key}” must be {en}.", f"“{key}” phải là {vi}.")
            else:
                good[key] = value
        return good

    def _require(self, name: str, table: Mapping[str, Any], number: int, fields: Collection[str]) -> None:
        """Tell of fields that are missing; one that is there and wrong has been told of already."""
        given = self.document.get(name)
        given = given[number] if isinstance(given, list) else given
        wrong = given.keys() if isinstance(given, dict) else frozenset(fields)
        for missing in sorted(set(fields) - table.keys() - wrong):
            self._tell(self.lines.of(name, number), f"{name} has no “{missing}”.", f"{name} thiếu trường “{missing}”.")

    def _check_head(self, head: Mapping[str, Any]) -> None:
        for name in ("id", "version"):
            self._check_name("schedule", head, 0, name)
        first, last = head.get("valid_from"), head.get("valid_to")
        if first is not None and last is not None and last < first:
            self._tell(
                self.lines.of("schedule", 0, "valid_to"),
                "The schedule ends before it begins.",
                "Bảng thời hạn kết thúc trước khi bắt đầu.",
            )

    def _check_name(self, table_name: str, table: Mapping[str, Any], number: int, name: str) -> None:
        if name in table and not _is_name(table[name]):
            self._tell(
                self.lines.of(table_name, number, name),
                f"“{name}” has 1 to {LONGEST_NAME} letters and no control characters.",
                f"“{name}” có từ 1 đến {LONGEST_NAME} ký tự và không có ký tự điều khiển.",
            )

    def _classes(self, tables: list[dict[str, Any]]) -> dict[str, RetentionClass]:
        by_code: dict[str, dict[str, Any]] = {}
        places: dict[str, int] = {}
        for number, table in enumerate(tables):
            code = table.get("code")
            if code is None:
                self._require("class", table, number, ("code",))
            elif code in by_code:
                line = self.lines.of("class", number, "code")
                self._tell(line, f"Class {code} stands twice.", f"Nhóm {code} bị lặp lại.")
            else:
                by_code[code], places[code] = table, number
        return {
            code: made
            for code, table in by_code.items()
            if (made := self._class(table, self._inherit(code, by_code, places), places[code])) is not None
        }

    def _inherit(self, code: str, by_code: Mapping[str, dict[str, Any]], places: Mapping[str, int]) -> dict[str, Any]:
        """Return a class's fields with those of the class it is like, and so on; a circle is a problem."""
        fields, seen, at = dict(by_code[code]), {code}, by_code[code].get("like")
        while at is not None:
            line = self.lines.of("class", places[code], "like")
            if at in seen:
                self._tell(line, f"Class {code} is like itself, in a circle.", f"Nhóm {code} tham chiếu vòng tròn.")
                break
            if at not in by_code:
                self._tell(line, f"There is no class {at} to be like.", f"Không có nhóm {at} để tham chiếu.")
                break
            seen.add(at)
            for name in _INHERITED:
                if name in by_code[at]:
                    fields.setdefault(name, by_code[at][name])
            at = by_code[at].get("like")
        return fields

    def _class(self, table: dict[str, Any], fields: dict[str, Any], number: int) -> RetentionClass | None:
        """Return the class of its own fields and those it takes over; None when one of them is a problem.

        Each field is judged where it stands, so that a slip in one class is not told again for those that are like it.
        """
        self._check_own(table, number)
        period = _read(parse_period, fields.get("period"))
        action = _read(_action, fields.get("action"))
        # Nothing starts what never ends: a permanent class may leave its trigger out.
        trigger = fields.get("trigger", "document-date" if period == PERMANENT else None)
        self._require("class", fields, number, _CLASS_REQUIRED)
        if trigger is None and "period" in fields:
            self._require("class", fields, number, ("trigger",))
        if period is None or action is None or trigger is None or any(name not in fields for name in _CLASS_REQUIRED):
            return None
        if not _is_name(fields["code"]):
            return None
        if period == PERMANENT and action is Action.DESTROY and table.keys() & {"period", "action"}:
            line = self.lines.of("class", number, "action" if "action" in table else "period")
            self._tell(
                line,
                "What is permanent is never destroyed: the action is review or transfer.",
                "Tài liệu bảo quản vĩnh viễn không bị hủy: hành động là review hoặc transfer.",
            )
        return RetentionClass(
            code=fields["code"],
            title=fields["title"],
            title_vi=fields["title_vi"],
            legal_source=fields["legal_source"],
            period=period,
            trigger=trigger,
            year_end=fields.get("year_end", False),
            action=action,
            example=fields.get("example", False),
        )

    def _check_own(self, table: Mapping[str, Any], number: int) -> None:
        """Tell of values that are none: a period, an action, a trigger, and texts that say nothing."""
        self._check_name("class", table, number, "code")
        for name in ("title", "title_vi", "legal_source"):
            if name in table and not table[name].strip():
                self._tell(self.lines.of("class", number, name), f"“{name}” is empty.", f"“{name}” để trống.")
        for name, read, vi in (("period", parse_period, "thời hạn"), ("action", _action, "hành động")):
            try:
                read(table.get(name, _A_GOOD[name]))
            except ValueError as wrong:
                line = self.lines.of("class", number, name)
                self._tell(line, f"No {name}: {wrong}.", f"“{table[name]}” không phải {vi} hợp lệ.")
        trigger = table.get("trigger")
        if trigger is not None and not is_trigger(trigger):
            known = ", ".join(TRIGGERS)
            self._tell(
                self.lines.of("class", number, "trigger"),
                f"“{trigger}” is not a trigger: {known}, or event:<name>.",
                f"“{trigger}” không phải sự kiện tính thời hạn: {known}, hoặc event:<tên>.",
            )

    def _rules(self, tables: list[dict[str, Any]], classes: Mapping[str, RetentionClass]) -> list[Rule]:
        # A class that is there and wrong has been told of: it is not missing too.
        named = {str(table.get("code")) for table in self.document.get("class", []) if isinstance(table, dict)}
        rules = []
        for number, table in enumerate(tables):
            self._require("rule", table, number, ("class", "priority"))
            code, priority = table.get("class"), table.get("priority")
            if code is not None and code not in named:
                line = self.lines.of("rule", number, "class")
                self._tell(line, f"There is no class {code}.", f"Không có nhóm {code}.")
            if priority is not None and not 0 <= priority <= _HIGHEST_PRIORITY:
                self._tell(
                    self.lines.of("rule", number, "priority"),
                    f"A priority lies between 0 and {_HIGHEST_PRIORITY}.",
                    f"Mức ưu tiên từ 0 đến {_HIGHEST_PRIORITY}.",
                )
            self._check_levels(table, number)
            if code is not None and code in classes and priority is not None:
                types, offices, levels = (frozenset(table.get(name, ())) for name in _SELECTORS)
                rules.append(Rule(code, priority, types, offices, levels, self.lines.of("rule", number)))
        return rules

    def _check_levels(self, table: Mapping[str, Any], number: int) -> None:
        unknown = next((level for level in table.get("access_level", ()) if level not in ACCESS_LEVELS), None)
        if unknown is not None:
            known = ", ".join(ACCESS_LEVELS)
            self._tell(
                self.lines.of("rule", number, "access_level"),
                f"“{unknown}” is not an access level: {known}.",
                f"“{unknown}” không phải mức độ tiếp cận: {known}.",
            )

    def _check_overlaps(self, rules: Sequence[Rule]) -> None:
        """Tell of two rules of one priority that can speak of the same record and give it different classes.

        Whether one office lies under another is not written here: where offices differ, a record's decision tells.
        """
        by_priority: dict[int, _Alike] = {}
        for second in rules:
            for first in by_priority.setdefault(second.priority, _Alike()).meeting(second):
                self._tell(
                    second.line,
                    f"This rule and the one on line {first.line} have priority {first.priority} and can speak of the "
                    f"same record, but give it {first.class_code} and {second.class_code}.",
                    f"Quy tắc này và quy tắc ở dòng {first.line} cùng mức ưu tiên {first.priority}, có thể áp dụng cho "
                    f"cùng một tài liệu nhưng xếp vào hai nhóm {first.class_code} và {second.class_code}.",
                )


@dataclass(slots=True)
class _Alike:
    """Rules of one priority. Sets of them are whole numbers, a bit for each: one step compares a rule with all."""

    rules: list[Rule] = field(default_factory=list)
    of_class: dict[str, int] = field(default_factory=dict)
    stating: dict[tuple[str, str | None], int] = field(default_factory=dict)

    def meeting(self, rule: Rule) -> Iterator[Rule]:
        """Yield the rules before it of another class that can speak of the same record, then take it in."""
        bit = 1 << len(self.rules)
        found = (bit - 1) & ~self.of_class.get(rule.class_code, 0)
        for name, values in zip(_SELECTORS, (rule.result_types, rule.offices, rule.access_levels), strict=True):
            # Under None stand the rules that state nothing of it: they meet every other.
            stated: Collection[str | None] = values or (None,)
            if values:
                meets = self.stating.get((name, None), 0)
                for value in values:
                    meets |= self.stating.get((name, value), 0)
                found &= meets
            for one in stated:
                self.stating[name, one] = self.stating.get((name, one), 0) | bit
        self.of_class[rule.class_code] = self.of_class.get(rule.class_code, 0) | bit
        self.rules.append(rule)
        while found:
            lowest = found & -found
            yield self.rules[lowest.bit_length() - 1]
            found ^= lowest


def _action(text: str) -> Action:
    if text not in set(Action):
        raise ValueError(f"an action is {', '.join(Action)}, not {text!r}")
    return Action(text)


def _read(read: Callable[[str], _T], text: str | None) -> _T | None:
    """Return the value, None where there is none or it is wrong: that has been told where it stands."""
    try:
        return None if text is None else read(text)
    except ValueError:
        return None


def _is_name(text: str) -> bool:
    """Whether it can name something in a register: PostgreSQL keeps no NUL, and nobody reads what is longer."""
    return (
        0 < len(text) <= LONGEST_NAME
        and bool(text.strip())
        and not any(unicodedata.category(letter) == "Cc" for letter in text)
    )


def _is_a(value: object, kind: type) -> bool:
    if kind is list:
        return isinstance(value, list) and bool(value) and all(isinstance(one, str) for one in value)
    if kind is int:
        return isinstance(value, int) and not isinstance(value, bool)
    if kind is dt.date:
        return isinstance(value, dt.date) and not isinstance(value, dt.datetime)
    return isinstance(value, kind)
