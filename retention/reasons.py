"""Why a record is due on its day, or is not: sentences for a person, in English and Vietnamese.

Each decision is explained by its rule, its source, its trigger and its arithmetic, and by every hold that stands.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

from retention.decide import Decision, RetentionState
from retention.holds import Hold
from retention.periods import Period
from retention.schedule import Action, RetentionClass, Rule
from retention.triggers import Words, words_of

_ACTIONS = {
    Action.DESTROY: Words("proposed for destruction", "đề xuất tiêu huỷ"),
    Action.TRANSFER: Words("proposed for transfer to another archive", "đề xuất giao nộp vào lưu trữ khác"),
    Action.REVIEW: Words("reviewed by a person", "xem xét lại bởi người có thẩm quyền"),
}


_STATES = {
    RetentionState.UNASSIGNED: Words("no class", "chưa phân nhóm"),
    RetentionState.CONFLICT: Words("rules disagree", "quy tắc mâu thuẫn"),
    RetentionState.PERMANENT: Words("permanent", "vĩnh viễn"),
    RetentionState.WAITING: Words("waiting for its trigger", "chờ sự kiện tính thời hạn"),
    RetentionState.RUNNING: Words("running", "đang trong thời hạn"),
    RetentionState.DUE: Words("due", "đã đến hạn"),
    RetentionState.HELD: Words("held", "đang bị giữ"),
}


@dataclass(frozen=True, slots=True)
class Reason:
    """One step of the explanation, under a name that programs may rely on."""

    code: str
    en: str
    vi: str


_NO_SCHEDULE = Reason(
    "no-schedule",
    "No retention schedule is in force today: it is kept until one is adopted.",
    "Hiện chưa có bảng thời hạn bảo quản nào có hiệu lực: tài liệu được giữ cho đến khi có bảng thời hạn.",
)


def explain(decision: Decision) -> tuple[Reason, ...]:
    """Return why, from the rule to the day; holds come last."""
    return (*_by_schedule(decision), *(_held(hold) for hold in decision.holds))


def _by_schedule(decision: Decision) -> tuple[Reason, ...]:
    version = f"{decision.schedule.id} {decision.schedule.version}"
    match decision.standing:
        case RetentionState.UNASSIGNED if decision.schedule.says_nothing:
            return (_NO_SCHEDULE,)
        case RetentionState.UNASSIGNED:
            return (_unassigned(version),)
        case RetentionState.CONFLICT:
            return (_disagreeing(version, decision),)
    retention_class = decision.retention_class
    if retention_class is None:
        raise ValueError("a decision without a class is unassigned or a conflict")
    assigned = _assigned(version, retention_class, decision.assignment.rule)
    match decision.standing:
        case RetentionState.PERMANENT:
            return assigned, _permanent()
        case RetentionState.WAITING:
            return assigned, _waiting(retention_class, decision.trigger_on)
    if decision.trigger_on is None or decision.kept_until is None or decision.due_on is None:
        raise ValueError("a decision that runs or is due has its days")
    counted = _counted(retention_class, decision.trigger_on, decision.kept_until)
    return assigned, counted, _due_from(retention_class, decision.due_on)


def _unassigned(version: str) -> Reason:
    return Reason(
        "no-rule",
        f"No rule of schedule {version} speaks of this kind of record: it is kept until one does.",
        f"Không quy tắc nào của bảng thời hạn {version} áp dụng cho loại tài liệu này: "
        "tài liệu được giữ cho đến khi có quy tắc.",
    )


def _disagreeing(version: str, decision: Decision) -> Reason:
    codes = ", ".join(one.code for one in decision.assignment.classes)
    return Reason(
        "rules-disagree",
        f"Rules of the same priority in schedule {version} give different classes ({codes}): it is kept until the "
        "schedule is mended.",
        f"Các quy tắc cùng mức ưu tiên trong bảng thời hạn {version} cho các nhóm khác nhau ({codes}): "
        "tài liệu được giữ cho đến khi bảng được sửa.",
    )


def _assigned(version: str, retention_class: RetentionClass, rule: Rule | None) -> Reason:
    example = Words(
        " This class is an example: no law stands behind it.", " Nhóm này chỉ là ví dụ, không có căn cứ pháp lý."
    )
    shown = example if retention_class.example else Words("", "")
    priority = f" (priority {rule.priority})" if rule is not None else ""
    priority_vi = f" (mức ưu tiên {rule.priority})" if rule is not None else ""
    return Reason(
        "assigned",
        f"Schedule {version}{priority} puts it into class {retention_class.code}, {retention_class.title}. "
        f"Source: {retention_class.legal_source}.{shown.en}",
        f"Bảng thời hạn {version}{priority_vi} xếp vào nhóm {retention_class.code}, {retention_class.title_vi}. "
        f"Căn cứ: {retention_class.legal_source}.{shown.vi}",
    )


def _permanent() -> Reason:
    return Reason("permanent", "It is kept for ever.", "Tài liệu được bảo quản vĩnh viễn.")


def _waiting(retention_class: RetentionClass, trigger_on: dt.date | None) -> Reason:
    trigger, period = words_of(retention_class.trigger), period_words(retention_class.period)
    if trigger_on is None:
        known = Words("which is not known yet", "hiện chưa có thông tin")
    else:
        known = Words(f"which lies ahead, on {shown_day(trigger_on)}", f"dự kiến vào {shown_day(trigger_on)}")
    return Reason(
        "waiting",
        f"Its {period.en} begin with {trigger.en}, {known.en}: not due.",
        f"Thời hạn {period.vi} tính từ {trigger.vi}, {known.vi}: chưa đến hạn.",
    )


def _counted(retention_class: RetentionClass, trigger_on: dt.date, kept_until: dt.date) -> Reason:
    trigger, period = words_of(retention_class.trigger), period_words(retention_class.period)
    rounded = (
        Words(", counted to the end of the year", ", tính đến hết năm") if retention_class.year_end else Words("", "")
    )
    return Reason(
        "counted",
        f"{_capital(trigger.en)} was {shown_day(trigger_on)}; {period.en} from then{rounded.en}: "
        f"kept through {shown_day(kept_until)}.",
        f"{_capital(trigger.vi)}: {shown_day(trigger_on)}; thời hạn {period.vi}{rounded.vi}: "
        f"giữ đến hết ngày {shown_day(kept_until)}.",
    )


def _due_from(retention_class: RetentionClass, due_on: dt.date) -> Reason:
    action = _ACTIONS[retention_class.action]
    return Reason(
        "due-from",
        f"From {shown_day(due_on)} it may be {action.en}.",
        f"Từ ngày {shown_day(due_on)} có thể được {action.vi}.",
    )


def _held(hold: Hold) -> Reason:
    return Reason(
        "held",
        f"Hold {hold.id} by {hold.owner} keeps it: {hold.reason} ({hold.legal_reference}). "
        f"To be reviewed on {shown_day(hold.review_on)}.",
        f"Lệnh giữ {hold.id} của {hold.owner} đang có hiệu lực: {hold.reason} ({hold.legal_reference}). "
        f"Xem xét lại ngày {shown_day(hold.review_on)}.",
    )


def state_words(state: RetentionState) -> Words:
    """Return a state in words.

    >>> state_words(RetentionState.DUE).vi
    'đã đến hạn'
    """
    return _STATES[state]


def action_words(action: Action) -> Words:
    """Return what is proposed once a record is due, in words.

    >>> action_words(Action.DESTROY).en
    'proposed for destruction'
    """
    return _ACTIONS[action]


def period_words(period: Period) -> Words:
    """Return a counted period in words.

    >>> period_words(Period(120)).vi
    '10 năm'
    """
    if period.months is None:
        return Words("permanent", "vĩnh viễn")
    if period.months % 12 == 0:
        return Words(str(period), f"{period.months // 12} năm")
    return Words(str(period), f"{period.months} tháng")


def shown_day(day: dt.date) -> str:
    """Return a day as people here write it.

    >>> shown_day(dt.date(2026, 3, 1))
    '01/03/2026'
    """
    return f"{day.day:02}/{day.month:02}/{day.year:04}"


def _capital(words: str) -> str:
    return words[:1].upper() + words[1:]
