"""Shows schedules, standings, events, holds and reports to people. It asks for nothing itself."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Mapping, Sequence

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from archive_service.cli.client import Answer
from archive_service.cli.display import detail, details, shown_date, shown_instant, shown_size
from archive_service.cli.output import both_languages, printable
from retention.decide import RetentionState
from retention.periods import parse_period
from retention.reasons import action_words, period_words, state_words
from retention.schedule import NO_SCHEDULE, Action
from retention.triggers import Words

STYLES: Mapping[str, str] = {
    "due": "bold yellow",
    "held": "bold red",
    "running": "green",
    "permanent": "green",
    "waiting": "cyan",
    "unassigned": "magenta",
    "conflict": "magenta",
}
NOTHING_DONE = Text("Dry run: nothing was done. / Chạy thử: chưa có gì được thực hiện.", style="yellow")


def schedules_page(answer: Answer) -> RenderableType:
    """Show what was adopted, which decides today, and how far its run is."""
    if not answer["schedules"]:
        return Text(
            "No schedule was adopted: every record is kept.\n"
            "Chưa ban hành bảng thời hạn nào: mọi tài liệu đều được giữ."
        )
    table = _table("number", "schedule", "decides", "adopted at")
    for one in answer["schedules"]:
        name = Text(printable(f"{one['id']} {one['version']}"), style="bold")
        if one["number"] == answer["deciding"]:
            name.append("  ● decides today / đang áp dụng", style="bold green")
        counted = f"{_count(one['classes'], 'class', 'classes')}, {_count(one['rules'], 'rule', 'rules')}"
        examples = f"; {one['examples']} of the classes are examples" if one["examples"] else ""
        ends = f"to {shown_date(one['valid_to'])}" if one["valid_to"] else ""
        table.add_row(
            str(one["number"]),
            Group(name, Text(_both(one["title"])), Text(counted + examples, style="dim")),
            f"from {shown_date(one['valid_from'])}\n{ends}".strip(),
            f"{shown_instant(one['adopted_at'])}\nby {printable(str(one['adopted_by']))}",
        )
    return Group(table, Text(), _run(answer["run"]))


def _run(run: Answer | None) -> Text:
    if run is None:
        return Text("No worker has begun to decide on all records yet.", style="yellow")
    share = 100 * run["done"] // max(1, run["total"])
    moved = f"{run['changed']:,} stand otherwise than before"
    if run["ended_at"] is None:
        return Text(
            f"Deciding on all records: {run['done']:,} of {run['total']:,} ({share} %), {moved}.", style="yellow"
        )
    ended = shown_instant(run["ended_at"])
    return Text(f"All {run['done']:,} records were decided on, ended {ended}; {moved}.")


def schedule_line(schedule: Answer) -> str:
    """Say in a line what a schedule is.

    >>> said = {"id": "a", "version": "1", "classes": 1, "rules": 2, "examples": 0, "valid_from": "2026-01-01"}
    >>> schedule_line(said)
    'schedule a 1: 1 class, 2 rules, decides from 01/01/2026'
    """
    counted = f"{_count(schedule['classes'], 'class', 'classes')}, {_count(schedule['rules'], 'rule', 'rules')}"
    said = f"schedule {schedule['id']} {schedule['version']}: {counted}, decides from "
    return printable(said + shown_date(schedule["valid_from"]))


def adopted_already(schedule: Answer, deciding: int | None) -> str:
    """Say that a file was adopted before, and, where another schedule decides today, what that means.

    >>> said = {"number": 1, "id": "a", "version": "1", "classes": 1, "rules": 2, "valid_from": "2026-01-01"}
    >>> adopted_already(said, 1)
    'Adopted already under number 1: schedule a 1: 1 class, 2 rules, decides from 01/01/2026.'
    >>> print(adopted_already(said, 2))  # doctest: +ELLIPSIS
    Schedule a 1 was adopted already under number 1; number 2 decides today; to go back, give it a new version...
    """
    number = schedule["number"]
    if deciding is None or deciding == number:
        return f"Adopted already under number {number}: {schedule_line(schedule)}."
    en, vi = f"number {deciding} decides today", f"hôm nay áp dụng số {deciding}"
    if deciding > number:
        en += "; to go back, give it a new version and first day"
        vi += "; muốn áp dụng lại, hãy đặt phiên bản và ngày bắt đầu mới"
    else:
        # A later number goes before an earlier one on its own days: today is none of them.
        first = shown_date(schedule["valid_from"])
        en, vi = f"{en}; its own first day is {first}", f"{vi}; ngày bắt đầu của bảng này là {first}"
    name = f"{schedule['id']} {schedule['version']}"
    return "\n".join(
        (
            printable(f"Schedule {name} was adopted already under number {number}; {en}."),
            printable(f"Bảng {name} đã được ban hành với số thứ tự {number}; {vi}."),
        )
    )


def standing_page(answer: Answer) -> RenderableType:
    """Show where a record stands today, and why, in both languages."""
    grid = details()
    detail(grid, "record", answer["record_id"])
    grid.add_row("state", state_text(answer["state"]))
    if answer["standing"] != answer["state"]:
        grid.add_row("by schedule", state_text(answer["standing"]))
    said = answer["class"]
    if said is not None:
        name = Text(printable(said["code"]), style="bold").append(printable(f"  {said['title']['en']}"), style="")
        grid.add_row("class", name.append(printable(f" / {said['title']['vi']}")))
        if said["example"]:
            example = "an example: no law stands behind it / ví dụ, không có căn cứ pháp lý"
            grid.add_row("", Text(example, style="yellow"))
        detail(grid, "source", said["legal_source"])
        detail(grid, "kept for", _period(said))
        then = action_words(Action(said["action"]))
        detail(grid, "then", f"{then.en} / {then.vi}")
    detail(grid, "schedule", _schedule_name(answer["schedule"]))
    for label in ("trigger_on", "kept_until", "due_on"):
        detail(grid, label.replace("_", " "), shown_date(answer[label]))
    detail(grid, "locked until", shown_instant(answer["locked_until"]))
    parts: list[RenderableType] = [grid, Text(), *_reasons(answer["reasons"])]
    if answer["holds"]:
        parts += [Text(), holds_table(answer["holds"])]
    return Group(*parts)


def _schedule_name(schedule: Answer) -> str:
    if (schedule["id"], schedule["version"]) == (NO_SCHEDULE.id, NO_SCHEDULE.version):
        return "none in force / chưa có bảng thời hạn nào có hiệu lực"
    return f"{schedule['id']} {schedule['version']}"


def _period(said: Answer) -> str:
    period = period_words(parse_period(said["period"]))
    begins, ends = said["trigger_words"], Words("", "")
    if period.en == "permanent":
        return f"{period.en} / {period.vi}"
    if said["year_end"]:
        ends = Words(", to the end of the year", ", tính đến hết năm")
    return f"{period.en} from {begins['en']}{ends.en} / {period.vi} từ {begins['vi']}{ends.vi}"


def _reasons(reasons: Sequence[Answer]) -> Iterable[RenderableType]:
    yield Text("why / vì sao", style="bold")
    steps = Table.grid(padding=(0, 1))
    steps.add_column(justify="right", style="dim")
    steps.add_column(overflow="fold")
    for number, reason in enumerate(reasons, 1):
        steps.add_row(f"{number}.", Text(printable(reason["en"])))
        steps.add_row("", Text(printable(reason["vi"]), style="italic"))
    yield steps


def standings_table(rows: Iterable[Answer]) -> RenderableType:
    """Show where the records of a list stand."""
    table = _table("due on", "state", "class", "then", "document", "office", "size", "record")
    for row in rows:
        state = state_text(row["state"], short=True)
        if row["state"] != row["standing"]:
            state.append(f" ({row['standing']})", style=STYLES.get(row["standing"], ""))
        table.add_row(
            shown_date(row["due_on"]) or "–",
            state,
            printable(str(row["class"] or "–")),
            printable(str(row["action"] or "–")),
            printable(str(row["document_code"] or "")),
            printable(str(row["office"])),
            shown_size(row["size_bytes"]),
            str(row["record_id"]),
        )
    return table


def event_page(event: Answer) -> RenderableType:
    """Show an event as it was told, or would be."""
    grid = details()
    detail(grid, "event", event["id"])
    detail(grid, "of", f"{event['scope']} {event['target']}")
    detail(grid, "what", f"{event['trigger']}: {event['trigger_words']['en']} / {event['trigger_words']['vi']}")
    detail(grid, "happened on", shown_date(event["happened_on"]))
    detail(grid, "source", event["source"])
    label = "told" if event["id"] else "would be told"
    detail(grid, label, f"{shown_instant(event['told_at'])} by {event['told_by']}, office {event['office']}")
    _ended(grid, "withdrawn", event["withdrawn"])
    if "bears_on" in event:
        detail(grid, "bears on", _covered(event["bears_on"]))
    return _as_trial(event, grid)


def events_page(events: Sequence[Answer]) -> RenderableType:
    """Show everything that was told of something."""
    if not events:
        return Text("Your offices have told nothing of it. / Cơ quan của bạn chưa báo sự kiện nào.")
    table = _table("happened on", "what", "source", "told at", "withdrawn", "event")
    for one in events:
        gone = one["withdrawn"]
        style = "dim strike" if gone else ""
        table.add_row(
            Text(shown_date(one["happened_on"]), style=style),
            Text(printable(one["trigger"]), style=style),
            printable(one["source"]),
            shown_instant(one["told_at"]),
            f"{shown_instant(gone['at'])}\n{printable(gone['reason'])}" if gone else "",
            str(one["id"]),
        )
    return table


def hold_page(hold: Answer) -> RenderableType:
    """Show a hold as it stands, or would."""
    grid = details()
    detail(grid, "hold", hold["id"])
    grid.add_row("state", _hold_state(hold))
    detail(grid, "on", _held(hold))
    detail(grid, "owner", hold["owner"])
    detail(grid, "reason", hold["reason"])
    detail(grid, "by", hold["legal_reference"])
    detail(grid, "review on", shown_date(hold["review_on"]))
    detail(
        grid,
        "placed" if hold["id"] else "would be placed",
        f"{shown_instant(hold['placed_at'])} by {hold['placed_by']}, office {hold['office']}",
    )
    _ended(grid, "lifted", hold["lifted"])
    if "covers" in hold:
        detail(grid, "covers now", _covered(hold["covers"]))
    return _as_trial(hold, grid)


def _hold_state(hold: Answer) -> Text:
    tried = bool(hold.get("dry_run"))
    if hold["lifted"] is not None:
        return Text("would be lifted / sẽ được dỡ bỏ" if tried else "lifted / đã dỡ bỏ", style="dim")
    if tried and hold["id"] is None:
        return Text("would stand / sẽ có hiệu lực", style="red")
    return Text("stands / đang có hiệu lực", style="bold red")


def holds_table(holds: Iterable[Answer]) -> RenderableType:
    """Show holds, each with its owner and reason, what it rests on, what it is on, and its id."""
    table = _table("review on", "hold")
    for one in holds:
        style = "dim strike" if one["lifted"] else ""
        said = Text(printable(f"{one['owner']} · {one['reason']}"), style=style or "bold")
        rests = Text(printable(f"{one['legal_reference']} · on {_held(one)}"), style=style)
        table.add_row(Text(shown_date(one["review_on"]), style=style), Group(said, rests, Text(one["id"], style="dim")))
    return table


def report_table(report: Answer) -> RenderableType:
    """Show a report's rows, numbers to the right, and what they sum up to."""
    heading = _heading(report)
    if not report["rows"]:
        return Group(heading, Text("\nNothing to show. / Không có dữ liệu."))
    # A class is shown as one cell, its code with its title.
    columns = [column for column in report["columns"] if column["name"] not in {"class_vi", "class_en"}]
    table = Table(header_style="bold", pad_edge=False, box=None, padding=(0, 2, 0, 0))
    for column in columns:
        title = "\n".join([*_lines(column["vi"].removesuffix(" (byte)")), *_lines(column["en"])])
        is_number = column["kind"] in {"count", "bytes"}
        # An id or a day that is cut off is none.
        whole = column["name"] in {"hold", "month"} or column["kind"] in {"day", "done"}
        table.add_column(title, justify="right" if is_number else "left", overflow="fold", no_wrap=whole)
    for row in report["rows"]:
        table.add_row(*(_cell(column, row) for column in columns))
    total = ", ".join(
        f"{_amount(name, report['total'][name])} {what}" for name, what in _TOTALS if name in report["total"]
    )
    return Group(heading, Text(), table, Text(f"\nin all / tổng cộng: {total}", style="bold"))


_TOTALS = (
    ("proposals", "proposals done / đề nghị đã xong"),
    ("disposed_records", "records let go / tài liệu đã huỷ, giao nộp"),
    ("disposed_bytes", "in size / dung lượng"),
    ("kept_records", "kept / được giữ lại"),
    ("excepted_records", "taken out / được loại ra"),
    ("records", "records / tài liệu"),
    ("size_bytes", "in size / dung lượng"),
    ("holds", "holds / lệnh giữ"),
    ("held_records", "held / đang bị giữ"),
    ("held_bytes", "in size / dung lượng"),
)
_TITLE_LETTERS = 22


def _lines(title: str) -> list[str]:
    return textwrap.wrap(printable(title), _TITLE_LETTERS)


# Told apart in colour, and by their letters where there is none.
_BARS = (("█", "blue"), ("▓", "yellow"), ("▒", "green"), ("░", "magenta"), ("■", "cyan"), ("▪", "red"))
_MOST_LABEL = 34


def report_chart(report: Answer, width: int) -> RenderableType:
    """Show a report's bars in so many columns."""
    bars = report["bars"]
    if not bars:
        return Group(_heading(report), Text("\nNothing to show. / Không có dữ liệu."))
    series = sorted({part["series"] for bar in bars for part in bar["parts"]})
    looks = {name: _BARS[place % len(_BARS)] for place, name in enumerate(series)}
    labels = [_shortened(printable(bar["label"])) for bar in bars]
    totals = [sum(part["value"] for part in bar["parts"]) for bar in bars]
    shown = [_amount("bytes" if report["unit"] == "bytes" else report["unit"], total) for total in totals]
    room = max(10, width - max(map(len, labels)) - max(map(len, shown)) - 4)
    scale = room / (max(totals) or 1)
    lines: list[RenderableType] = []
    for bar, label, amount in zip(bars, labels, shown, strict=True):
        line = Text(f"{label:>{max(map(len, labels))}}  ")
        told, drawn = 0, 0
        for part in bar["parts"]:
            told += part["value"]
            ends = max(round(told * scale), drawn + (1 if part["value"] else 0))
            letter, colour = looks[part["series"]]
            line.append(letter * (ends - drawn), style=colour)
            drawn = ends
        lines.append(line.append(f" {amount}", style="bold"))
    if any(column["name"] == "class" for column in report["columns"]):
        legend = Text()
        for name in series:
            legend.append(looks[name][0] * 2, style=looks[name][1]).append(f" {printable(name)}   ")
        lines = [legend, Text(), *lines]
    return Group(_heading(report), Text(), *lines)


def _shortened(label: str) -> str:
    return label if len(label) <= _MOST_LABEL else label[: _MOST_LABEL - 1] + "…"


def _heading(report: Answer) -> Text:
    title = report["title"]
    heading = Text(printable(title["vi"]), style="bold")
    said = printable(f"{title['en']} · tính đến / as of {shown_date(report['as_of'])}")
    return heading.append("\n").append(said, style="dim")


def _cell(column: Answer, row: Answer) -> Text:
    value = row[column["name"]]
    if value is None:
        return Text("–", style="dim")
    match column["kind"]:
        case "bytes":
            return Text(shown_size(value))
        case "count":
            return Text(f"{value:,}")
        case "day":
            return Text(shown_date(value))
        case "state":
            return state_text(str(value), short=True)
    title = row.get("class_vi") if column["name"] == "class" else None
    said = _DONE.get(value, value) if column["kind"] == "done" else value
    return Text(printable(f"{said} {title or ''}").strip())


_DONE = {"destroy": "đã tiêu huỷ / destroyed", "transfer": "đã giao nộp / handed over"}


def _amount(name: str, value: int) -> str:
    return shown_size(value) if "bytes" in name else f"{value:,}"


def state_text(state: str, *, short: bool = False) -> Text:
    """Return a state in its colour, in words of both languages unless ``short``.

    >>> state_text("due").plain
    'due / đã đến hạn'
    """
    words = state_words(RetentionState(state))
    return Text(state if short else f"{words.en} / {words.vi}", style=STYLES.get(state, ""))


def _held(hold: Answer) -> str:
    if hold["scope"] != "condition":
        return printable(f"{hold['scope']} {hold['target']}")
    said = [
        f"{name.replace('_', ' ')} {', '.join(value) if isinstance(value, list) else shown_date(value)}"
        for name, value in (hold["condition"] or {}).items()
    ]
    return printable(f"condition: {'; '.join(said)}")


def _covered(covered: Answer) -> str:
    return f"{_count(covered['records'], 'record', 'records')}, {shown_size(covered['size_bytes'])}"


def _as_trial(answer: Answer, grid: Table) -> RenderableType:
    if not answer.get("dry_run"):
        return grid
    there = answer.get("stands")
    stands = Text(f"It is there already, as {there}. / Đã có sẵn: {there}.", style="yellow")
    return Group(grid, Text(), *([stands] if there else []), NOTHING_DONE)


def _ended(grid: Table, label: str, end: Answer | None) -> None:
    if end is not None:
        detail(grid, label, f"{shown_instant(end['at'])} by {end['by']}: {end['reason']}")


def _both(message: object) -> str:
    en, vi = both_languages(message)
    return printable(en) + (f"\n{printable(vi)}" if vi else "")


def _count(number: int, one: str, many: str) -> str:
    return f"{number:,} {one if number == 1 else many}"


def _table(*columns: str) -> Table:
    table = Table(header_style="bold", pad_edge=False, box=None, padding=(0, 2, 0, 0))
    for column in columns:
        # An id that is cut off cannot be copied.
        whole = {"record", "event", "number", "due on", "happened on", "review on", "state", "size"}
        table.add_column(
            column, no_wrap=column in whole, overflow="fold", justify="right" if column == "size" else "left"
        )
    return table
