"""Shows answers of the archive (docs/api.md) to people, as tables. It asks for nothing itself."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from typing import Any
from zoneinfo import ZoneInfo

from rich.console import Group, RenderableType
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from archive_service.cli.client import Answer
from archive_service.cli.output import both_languages, printable

# Offices read their own clock, whatever this machine's is.
LOCAL_ZONE = ZoneInfo("Asia/Ho_Chi_Minh")
STATE_STYLES = {"stored": "green", "quarantined": "yellow", "rejected": "red", "disposed": "red"}
METADATA_ROWS = (
    ("issued by", "issuing_body"),
    ("signer", "signer"),
    ("office", "office"),
    ("result type", "result_type"),
    ("procedure", "procedure"),
    ("dossier", "dossier_code"),
    ("trust", "trust"),
    ("channel", "channel"),
    ("access", "access_level"),
    ("paper", "paper_location"),
)
BYTES_PER_KILOBYTE = 1000


def shown_date(text: object) -> str:
    """Return an ISO date as DD/MM/YYYY; what is no date stays as it is.

    >>> shown_date("2021-03-01")
    '01/03/2021'
    """
    try:
        return f"{dt.date.fromisoformat(str(text)):%d/%m/%Y}"
    except ValueError:
        return printable(str(text or ""))


def shown_instant(text: object) -> str:
    """Return an instant as people in Vietnam read it.

    >>> shown_instant("2021-03-01T05:04:03Z")
    '01/03/2021 12:04:03 +07:00'
    """
    try:
        instant = dt.datetime.fromisoformat(str(text))
    except ValueError:
        return printable(str(text or ""))
    return f"{instant.astimezone(LOCAL_ZONE):%d/%m/%Y %H:%M:%S} +07:00"


def shown_size(size_bytes: object) -> str:
    """Return a size with its unit.

    >>> shown_size(183204)
    '183.2 kB'
    """
    if not isinstance(size_bytes, int):
        return ""
    size, unit = float(size_bytes), "B"
    for larger in ("kB", "MB", "GB"):
        if size < BYTES_PER_KILOBYTE:
            break
        size, unit = size / BYTES_PER_KILOBYTE, larger
    return f"{size:.1f} {unit}" if unit != "B" else f"{size_bytes} B"


def deposit_receipt(record: Answer, *, is_replay: bool) -> RenderableType:
    """Show what came of a deposit."""
    grid = details()
    detail(grid, "record", record.get("id"))
    grid.add_row("state", _state(record.get("state")))
    if is_replay:
        detail(grid, "", "deposited before with the same key; nothing was stored twice")
    detail(grid, "size", shown_size(_content(record).get("size_bytes")))
    detail(grid, "SHA-256", _content(record).get("sha256"))
    detail(grid, "stored at", shown_instant(record.get("stored_at")))
    return Group(grid, *_findings(record.get("findings")))


def record_page(record: Answer) -> RenderableType:
    """Show everything that is known of one record."""
    metadata = record.get("metadata") or {}
    subject = metadata.get("subject") or {}
    grid = details()
    detail(grid, "record", record.get("id"))
    grid.add_row("state", _state(record.get("state")))
    detail(grid, "search", f"{record.get('search_state') or ''} {record.get('search_problem') or ''}")
    detail(grid, "subject", subject.get("name"))
    detail(grid, "born", shown_date(subject.get("birth_date")))
    for identifier in subject.get("identifiers") or []:
        detail(grid, str(identifier.get("scheme", "")), identifier.get("number"))
    detail(grid, "summary", metadata.get("summary"))
    detail(grid, "document", document_code(metadata))
    detail(grid, "issued on", shown_date(metadata.get("issued_on")))
    for label, name in METADATA_ROWS:
        detail(grid, label, metadata.get(name))
    detail(grid, "metadata", f"version {record.get('metadata_version', '?')}")
    detail(grid, "pages", record.get("page_count"))
    detail(grid, "size", shown_size(_content(record).get("size_bytes")))
    detail(grid, "SHA-256", _content(record).get("sha256"))
    for label in ("received_at", "stored_at", "locked_until"):
        detail(grid, label.replace("_", " "), shown_instant(record.get(label)))
    for relation in metadata.get("relations") or []:
        detail(grid, str(relation.get("kind", "")), relation.get("record_id"))
    for relation in record.get("related") or []:
        detail(grid, f"{relation.get('kind', '')} this", relation.get("record_id") or relation.get("id"))
    return Group(grid, *_findings(record.get("findings")))


def subject_page(answer: Answer) -> RenderableType:
    """Show a subject and every record of it, in the order given: by time."""
    subject = answer.get("subject") or {}
    grid = details()
    detail(grid, "subject", subject.get("name"))
    detail(grid, "born", shown_date(subject.get("birth_date")))
    for identifier in subject.get("identifiers") or []:
        detail(grid, str(identifier.get("scheme", "")), identifier.get("number"))
    for merge in subject.get("merges") or []:
        detail(grid, "merged", " ".join(str(value) for value in merge.values() if isinstance(value, str)))
    table = _table("issued on", "document", "summary", "dossier", "state", "record")
    for record in answer.get("records") or []:
        metadata = record.get("metadata") or record
        table.add_row(
            shown_date(metadata.get("issued_on")),
            document_code(metadata),
            printable(str(metadata.get("summary") or "")),
            printable(str(metadata.get("dossier_code") or "")),
            _state(record.get("state")),
            str(record.get("id", "")),
        )
    return Group(grid, Text(), table)


def hits_table(hits: Iterable[Answer], *, in_colour: bool) -> RenderableType:
    """Show one page of hits, each with the words around what was found, which brackets mark where colour cannot."""
    table = _table("issued on", "document", "subject, and what was found")
    for hit in hits:
        said = f"{hit.get('subject_name') or ''} · {hit.get('summary') or ''}"
        own = Text(printable(f"{hit.get('state', '')} · {hit.get('id', '')}"), style="dim")
        snippet = highlighted(hit.get("snippet"), in_colour=in_colour)
        lines = [Text(printable(said), style="bold"), snippet, own]
        table.add_row(
            shown_date(hit.get("issued_on")),
            printable(str(hit.get("document_code") or "")),
            Group(*(line for line in lines if line.plain)),
        )
    return table


def facets_table(facets: Mapping[str, Mapping[str, int]]) -> RenderableType:
    """Show how many hits there are of each kind, the most first."""
    table = _table("facet", "value", "hits")
    for name, counts in facets.items():
        for value, count in sorted(counts.items(), key=lambda row: -row[1]):
            table.add_row(printable(name), printable(str(value)), str(count))
    return table


def verdict_page(answer: Answer) -> RenderableType:
    """Show whether, and in which records, the archive holds exactly the bytes asked about."""
    gone = [_disposed(one) for one in answer.get("disposed") or []]
    if answer.get("verdict") != "held":
        panel = Panel(Text("NOT HELD: no record of your offices holds exactly these bytes.\n"
                           "KHÔNG CÓ: không tài liệu lưu trữ nào của cơ quan bạn có đúng dữ liệu này."),
                      border_style="red", expand=False)  # fmt: skip
        return Group(panel, *gone)
    table = _table("record", "state", "stored at")
    for record in answer.get("records") or []:
        table.add_row(str(record.get("id", "")), _state(record.get("state")), shown_instant(record.get("stored_at")))
    held = Text("HELD: exactly these bytes are in the archive.\nCÓ LƯU TRỮ: đúng dữ liệu này.")
    return Group(Panel(held, border_style="green", expand=False), table, *gone)


def _disposed(told: Answer) -> Text:
    """Say of a record that held the bytes that it is gone, since when, and who decided it."""
    en, vi = {
        "destroy": ("destroyed", "đã được tiêu huỷ"),
        "transfer": ("handed over to another archive", "đã được giao nộp cho lưu trữ khác"),
    }.get(str(told.get("action")), ("disposed of", "đã được huỷ"))
    day, disposal = shown_date(told.get("disposed_on")), told.get("disposal_id")
    by = f"\nwho decided it / ai đã quyết định: archive-service disposal show {disposal}" if disposal else ""
    said = f"Record {told.get('record_id')} held them and was {en} on {day}. / Tài liệu này {vi} ngày {day}."
    return Text(said + by, style="yellow")


def highlighted(snippet: Mapping[str, Any] | None, *, in_colour: bool) -> Text:
    """Return a snippet with its marks shown; marks are [start, end) in code points, in order.

    >>> highlighted({"text": "mức lương hưu là", "marks": [[4, 9], [10, 13]]}, in_colour=False).plain
    'mức [lương hưu] là'
    """
    text = printable(str((snippet or {}).get("text") or ""))
    shown, told = Text(), 0
    for start, end in _joined((snippet or {}).get("marks") or [], text):
        shown.append(text[told:start])
        if in_colour:
            shown.append(text[start:end], style="bold black on yellow")
        else:
            shown.append(f"[{text[start:end]}]")
        told = end
    shown.append(text[told:])
    return shown


def _joined(marks: Iterable[Sequence[int]], text: str) -> list[tuple[int, int]]:
    """Return the marks, with those that only a blank parts made one."""
    joined: list[tuple[int, int]] = []
    for start, end in marks:
        if joined and start >= joined[-1][1] and text[joined[-1][1] : start].strip() == "":
            joined[-1] = (joined[-1][0], end)
        else:
            joined.append((start, end))
    return joined


def document_code(metadata: Mapping[str, Any]) -> str:
    """Return number and notation as printed after "Số:".

    >>> document_code({"document_number": "1234", "document_notation": "QĐ-BHXH"})
    '1234/QĐ-BHXH'
    """
    if metadata.get("document_code"):
        return printable(str(metadata["document_code"]))
    parts = [metadata.get("document_number"), metadata.get("document_notation")]
    return printable("/".join(str(part) for part in parts if part))


def _content(record: Answer) -> Mapping[str, Any]:
    content = record.get("content")
    return content if isinstance(content, Mapping) else {}


def details() -> Table:
    """Return an empty grid of labels and values."""
    grid = Table.grid(padding=(0, 2))
    grid.add_column(style="dim", justify="right", no_wrap=True)
    grid.add_column(overflow="fold")
    return grid


def _table(*columns: str) -> Table:
    table = Table(header_style="bold", pad_edge=False, box=None, padding=(0, 2, 0, 0))
    for column in columns:
        # An id that is cut off cannot be copied.
        table.add_column(column, no_wrap=column in {"record", "issued on"}, overflow="fold")
    return table


def detail(grid: Table, label: str, value: object) -> None:
    """Add a row, unless there is nothing to show."""
    text = printable(str(value)).strip() if value is not None else ""
    if text:
        grid.add_row(printable(label), Text(text))


def _state(state: object) -> Text:
    return Text(printable(str(state or "")), style=STATE_STYLES.get(str(state), ""))


def _findings(findings: object) -> list[RenderableType]:
    lines: list[RenderableType] = []
    for finding in findings if isinstance(findings, list) else []:
        en, vi = both_languages(finding.get("message"))
        outcome = finding.get("outcome", "")
        lines.append(Text(printable(f"finding {finding.get('code', '')} ({outcome}): {en}"), style="yellow"))
        if vi:
            lines.append(Text(printable(f"  {vi}"), style="yellow"))
    return lines
