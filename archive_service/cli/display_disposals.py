"""Shows proposals for disposal to people: who decided what, what became of the records, and what is to be done next."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from archive_service.cli.client import Answer
from archive_service.cli.display import detail, details, shown_date, shown_instant, shown_size
from archive_service.cli.display_retention import NOTHING_DONE
from archive_service.cli.output import printable
from retention.triggers import Words

_STATES: Mapping[str, tuple[Words, str]] = {
    "open": (Words("open, its council votes", "hội đồng đang biểu quyết"), "yellow"),
    "carried": (Words("agreed to by its council", "hội đồng đã đồng ý"), "cyan"),
    "rejected": (Words("rejected", "hội đồng không đồng ý"), "red"),
    "approved": (Words("approved", "đã phê duyệt"), "bold green"),
    "done": (Words("done", "đã hoàn thành"), "green"),
}
_ACTIONS: Mapping[str, Words] = {
    "destroy": Words("destruction", "tiêu huỷ"),
    "transfer": Words("transfer to another archive", "giao nộp cho lưu trữ khác"),
}
_ITEMS: Mapping[str, tuple[Words, str]] = {
    "listed": (Words("listed", "trong danh sách"), ""),
    "excepted": (Words("taken out", "được loại ra"), "yellow"),
    "begun": (Words("being deleted", "đang xử lý"), "cyan"),
    "disposed": (Words("gone", "đã huỷ, giao nộp"), "green"),
    "kept": (Words("kept", "được giữ lại"), "yellow"),
}
_VOTES: Mapping[str, tuple[Words, str]] = {
    "agree": (Words("agrees", "đồng ý"), "green"),
    "refuse": (Words("refuses", "không đồng ý"), "red"),
}


def disposal_page(disposal: Answer) -> RenderableType:
    """Show a proposal: who proposed it, council and votes, approval, its records, and what is to be done next."""
    grid = details()
    words, style = _STATES[disposal["state"]]
    detail(grid, "disposal", disposal["id"])
    grid.add_row("state", Text(f"{words.en} / {words.vi}", style=style))
    detail(grid, "title", disposal["title"])
    detail(grid, "for", _both(_ACTIONS[disposal["action"]]))
    detail(grid, "office", disposal["office"])
    detail(grid, "proposed", _when_and_who(disposal["proposed_at"], disposal["proposed_by"]))
    if disposal["approved_by"]:
        detail(grid, "approved", _when_and_who(disposal["approved_at"], disposal["approved_by"]))
    if disposal["receipt"]:
        said = disposal["receipt"]
        detail(grid, "received", f"{shown_date(said['received_on'])} by {said['receiver']}, {said['reference']}")
        detail(grid, "", said["text"])
    detail(grid, "ended", shown_instant(disposal["ended_at"]))
    for name in ("certificate", "paper"):
        if disposal[name]:
            detail(grid, name, f"SHA-256 {disposal[name]['sha256']}")
    if disposal.get("left_over"):
        grid.add_row("left over", Text(_left_over(disposal["left_over"]), style="yellow"))
    council, tally = _heading("council / hội đồng"), _heading("records / tài liệu")
    parts: list[RenderableType] = [grid, council, _council(disposal), tally, _tally(disposal)]
    if disposal.get("dry_run"):
        return Group(*parts, Text(), NOTHING_DONE)
    return Group(*parts, _heading("next / tiếp theo"), *_next(disposal))


def _council(disposal: Answer) -> Table:
    cast = {one["member"]: one for one in disposal["votes"]}
    table = Table.grid(padding=(0, 2))
    for _ in range(3):
        table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for member in disposal["council"]:
        said = cast.get(member)
        if said is None:
            table.add_row(person(member), Text("has not voted / chưa biểu quyết", style="dim"), "", "")
            continue
        words, style = _VOTES[said["vote"]]
        vote = Text(_both(words), style=style)
        table.add_row(person(member), vote, shown_instant(said["voted_at"]), Text(printable(said["reason"])))
    return table


def _tally(disposal: Answer) -> Table:
    table = Table.grid(padding=(0, 2))
    table.add_column()
    table.add_column(justify="right")
    table.add_column(justify="right")
    amounts = disposal["records"]
    for state, (words, style) in _ITEMS.items():
        if amounts[state]["records"]:
            table.add_row(Text(_both(words), style=style), *_amount(amounts[state]))
    table.add_row(Text("in all / tổng cộng", style="bold"), *_amount(amounts["total"]))
    return table


def _next(disposal: Answer) -> Iterator[Text]:
    """Yield what is to be done and by whom, and the command that does it."""
    own, receipt = disposal["id"], disposal["receipt"]
    match disposal["state"]:
        case "open":
            voted = {one["member"] for one in disposal["votes"]}
            waits = ", ".join(person(one) for one in disposal["council"] if one not in voted)
            yield Text(f"To vote / cần biểu quyết: {waits}", style="bold")
            yield _command(f"vote {own} agree")
            yield _command(f"vote {own} refuse --reason '…'")
            yield Text(
                "Until all have voted, the proposer and members take records out / "
                "người đề nghị và thành viên có thể loại tài liệu ra:"
            )
            yield _command(f"except {own} RECORD --reason '…'")
        case "carried":
            yield Text(
                "To approve: a manager or records manager who neither proposed it nor is in its council.\n"
                "Cần phê duyệt: lãnh đạo hoặc người quản lý tài liệu không phải người đề nghị, không thuộc hội đồng.",
                style="bold",
            )
            yield _command(f"approve {own}")
        case "approved" if disposal["action"] == "transfer" and receipt is None:
            yield from _next_of_transfer(disposal)
        case "approved":
            left = disposal["records"]["listed"]["records"] + disposal["records"]["begun"]["records"]
            words = Words("Nothing is to be done.", "Không cần thao tác.")
            if disposal.get("locked_until"):
                until = _day(disposal["locked_until"])
                words = Words(
                    f"Locked by the store until {until}; carried out after that.",
                    f"Kho lưu trữ còn khoá đến {until}; sau đó sẽ thực hiện.",
                )
            yield Text(
                f"The workers carry it out, {left:,} to go; the certificate follows. {words.en}\n"
                f"Hệ thống đang thực hiện, còn {left:,} tài liệu; sau đó lập giấy chứng nhận. {words.vi}",
                style="bold",
            )
        case "rejected":
            yield Text(
                "Nothing goes. What is due may be proposed anew.\n"
                "Không tài liệu nào bị huỷ. Có thể lập đề nghị mới cho tài liệu đến hạn.",
                style="bold",
            )
        case _:
            yield Text("Nothing is to be done. What proves it / Không cần thao tác. Tài liệu chứng minh:", style="bold")
            yield _command(f"certificate {own}{' --pdf' if disposal['paper'] else ''}")
            yield _command(f"evidence {own}")


def _next_of_transfer(disposal: Answer) -> Iterator[Text]:
    missing = disposal["not_exported"]
    if missing:
        yield Text(
            f"To hand over: a records manager fetches the packages for the receiver, {missing:,} to go.\n"
            f"Cần giao nộp: người quản lý tài liệu xuất các gói cho bên nhận, còn {missing:,}.",
            style="bold",
        )
        yield _command(f"export {disposal['id']} DIR")
        return
    yield Text(
        "To be confirmed: every package was given out. A records manager enters the receiver's receipt.\n"
        "Cần biên nhận: mọi gói đã được xuất. Người quản lý tài liệu nhập biên nhận của bên nhận.",
        style="bold",
    )
    yield _command(f"receipt {disposal['id']} \\")
    yield Text("          --receiver '…' --reference '…' --received-on DD/MM/YYYY --text '…'", style="cyan")


def estimate_page(told: Answer) -> RenderableType:
    """Show what a proposal would list, by class."""
    found = told["estimate"]
    if not found["records"]:
        nothing = "Nothing that is due and not proposed already fits. / Không có tài liệu nào đến hạn và chưa đề nghị."
        return Group(Text(nothing, style="yellow"), *_besides(found), NOTHING_DONE)
    table = _table("class", "records", "size")
    for row in found["by_class"]:
        table.add_row(printable(row["class"]), *_amount(row))
    table.add_row(Text("in all / tổng cộng", style="bold"), *_amount(found))
    said = f"{_both(_ACTIONS[told['action']])}: {told['title']}"
    council = ", ".join(person(one) for one in told["council"])
    heading = Text("would be proposed / sẽ đề nghị: ").append(printable(said), style="bold")
    return Group(heading, Text(f"to / cho hội đồng: {council}"), Text(), table, Text(), *_besides(found), NOTHING_DONE)


def _besides(found: Answer) -> Iterator[Text]:
    if found["left_over"]:
        yield Text(_left_over(found["left_over"]))
    if found["proposed_elsewhere"]:
        yield Text(f"{found['proposed_elsewhere']:,} proposed already / đã nằm trong đề nghị khác")
    if found["still_locked"]:
        yield Text(f"{found['still_locked']:,} locked by the store for over 30 days / còn bị kho khoá quá 30 ngày")
    if found["proposable_from"]:
        first = shown_date(found["proposable_from"])
        yield Text(f"the first of them can be proposed from {first} / có thể đề nghị từ {first}")


def _left_over(number: int) -> str:
    return (
        f"about {number:,} more due, for the next proposal / "
        f"còn khoảng {number:,} tài liệu đến hạn, dành cho đề nghị sau"
    )


def disposals_table(disposals: Iterable[Answer]) -> RenderableType:
    """Show proposals, each with its state, its records and its id."""
    table = _table("proposed", "state", "proposal", "records", "size")
    for one in disposals:
        words, style = _STATES[one["state"]]
        said = Text(printable(one["title"]), style="bold")
        by = f"{_ACTIONS[one['action']].en} · {one['office']} · by {person(one['proposed_by'])}"
        table.add_row(
            shown_instant(one["proposed_at"])[:10],
            Text(words.en.partition(",")[0], style=style),
            Group(said, Text(printable(by)), Text(one["id"], style="dim")),
            *_amount(one["records"]["total"]),
        )
    return table


def disposal_records_table(rows: Iterable[Answer]) -> RenderableType:
    """Show a proposal's records, each with what became of it and why."""
    table = _table("record", "state", "due on", "class", "document", "size")
    for row in rows:
        words, style = _ITEMS[row["state"]]
        table.add_row(
            Group(Text(row["record_id"]), *(Text(why, style="dim") for why in _why(row))),
            Text(words.en, style=style),
            shown_date(row["due_on"]) or "–",
            printable(str(row["class"] or "–")),
            printable(str(row.get("document_code") or "–")),
            shown_size(row["size_bytes"]),
        )
    return table


def _why(row: Answer) -> Iterator[str]:
    """Yield why a record stands so, and what still keeps one that is listed."""
    kept = row["kept_because"]
    if kept:
        yield printable(f"{kept['en']} / {kept['vi']}")
    elif row["reason"]:
        yield printable(f"{row['reason']} ({person(row['by'])})")
    if row.get("held"):
        yield "held / đang bị giữ"
    if row.get("locked_until"):
        yield f"lock ends / hết khoá: {_day(row['locked_until'])}"


def _day(at: object) -> str:
    return shown_instant(at)[:10]


def exception_page(row: Answer) -> RenderableType:
    """Show a record that was taken out, or would be."""
    grid = details()
    words, style = _ITEMS[row["state"]]
    detail(grid, "record", row["record_id"])
    grid.add_row("state", Text(_both(words), style=style))
    detail(grid, "reason", row["reason"])
    detail(grid, "by", person(str(row["by"])))
    return Group(grid, Text(), NOTHING_DONE) if row.get("dry_run") else grid


def person(named: str) -> str:
    """Return a person as people name it: an account without its mark, a key as it is.

    >>> person("account:lan"), person("key:3f0c")
    ('lan', 'key:3f0c')
    """
    return printable(named.removeprefix("account:"))


def _when_and_who(at: object, who: str) -> str:
    return f"{shown_instant(at)} by {person(who)}"


def _both(words: Words) -> str:
    return f"{words.en} / {words.vi}"


def _heading(text: str) -> Text:
    return Text(f"\n{text}", style="bold dim")


def _command(said: str) -> Text:
    return Text(f"    archive-service disposal {printable(said)}", style="cyan")


def _amount(amount: Answer) -> tuple[str, str]:
    return f"{amount['records']:,}", shown_size(amount["size_bytes"])


def _table(*columns: str) -> Table:
    table = Table(header_style="bold", pad_edge=False, box=None, padding=(0, 2, 0, 0))
    for column in columns:
        # An id that is cut off cannot be copied.
        whole = column in {"proposed", "due on", "size", "state", "document"}
        narrowest = 36 if column == "record" else None
        number = column in {"records", "size"}
        table.add_column(
            column, no_wrap=whole, overflow="fold", justify="right" if number else "left", min_width=narrowest
        )
    return table
