"""Makes realistic Vietnamese results as PDFs with the metadata that goes with them, from a seed.

``python -m examples.results FOLDER`` writes them as files, with a manifest for ``deposit-folder``. Everything
is made up and each page says so. The numbers in a PDF are those of its metadata. The same seed gives the same
results; only a signature's own bytes differ from run to run.
"""

from __future__ import annotations

import csv
import datetime as dt
import json
import random
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

import click

from examples.kinds import Kind, load_kinds
from examples.page import (
    BODY,
    GROUND,
    LEFT,
    RIGHT,
    Closing,
    Letterhead,
    Sheet,
    Style,
    draw_closing,
    draw_letterhead,
)
from examples.people import Employer, Person, make_employer, make_person, make_signer
from examples.scan import scan
from examples.signing import ExampleSigner
from examples.stamp import draw_seal, draw_signature
from examples.wording import in_words, long_date, money, short_date

FOOTER = "Tài liệu ví dụ do archive-service tạo ra, không có giá trị pháp lý · Mã hồ sơ: {dossier}"
Period = tuple[str, str, str, str]
HISTORY_HEAD = ("Từ tháng", "Đến tháng", "Nơi làm việc", "Mức đóng (đồng)")
FIRST_DAY, LAST_DAY = dt.date(2018, 1, 2), dt.date(2025, 6, 27)


class Form(StrEnum):
    """How an example came to be electronic."""

    BORN_DIGITAL = "born-digital"
    SCANNED = "scanned"
    SIGNED = "signed"


ALL_FORMS = (Form.BORN_DIGITAL, Form.SCANNED, Form.SIGNED)


@dataclass(frozen=True, slots=True)
class ExampleResult:
    """A made-up result: its file's name (without suffix), the PDF, and its metadata as docs/api.md has it."""

    name: str
    pdf: bytes
    metadata: dict[str, Any]
    form: Form


@dataclass(frozen=True, slots=True)
class IssuingOffice:
    """An office of examples/reference/offices.csv and how its documents call it."""

    code: str
    name: str
    province: str
    agency: str

    @property
    def parent(self) -> str:
        """The province's office, in whose name results are issued."""
        return f"Bảo hiểm xã hội {self.province}"

    @property
    def place(self) -> str:
        """What the date is preceded by: only Hồ Chí Minh keeps the word city in it."""
        return self.province if "Hồ Chí Minh" in self.province else self.province.removeprefix("Thành phố ")


OFFICES = (
    IssuingOffice("BHXH-79-01", "Bảo hiểm xã hội Quận 1", "Thành phố Hồ Chí Minh", "000.00.00.H29"),
    IssuingOffice("BHXH-79-07", "Bảo hiểm xã hội Quận 7", "Thành phố Hồ Chí Minh", "000.00.00.H29"),
    IssuingOffice("BHXH-01-05", "Bảo hiểm xã hội quận Cầu Giấy", "Thành phố Hà Nội", "H26.01.05"),
    IssuingOffice("BHXH-48-01", "Bảo hiểm xã hội quận Hải Châu", "Thành phố Đà Nẵng", "000.00.00.H17"),
)


@dataclass(frozen=True, slots=True)
class Draft:
    """Everything that one document says, before it is drawn."""

    kind: Kind
    office: IssuingOffice
    subject: Person | Employer
    number: str
    issued_on: dt.date
    dossier_code: str
    signer: str
    facts: dict[str, str]
    history: tuple[Period, ...] = ()


def make_results(seed: int, count: int, forms: Sequence[Form] = ALL_FORMS) -> Iterator[ExampleResult]:
    """Yield ``count`` results, their forms in turn; the first of a longer run are those of a shorter one.

    Every third result is for the person of the one before, so that some persons have a history.
    """
    kinds = load_kinds()
    signer: ExampleSigner | None = None
    for index in range(count):
        form = forms[index % len(forms)]
        draft = make_draft(seed, index, kinds)
        draw = random.Random(f"{seed}:look:{index}")
        pdf = draw_document(draft, form, draw)
        if form is Form.SCANNED:
            pdf = scan(pdf, draw)
        elif form is Form.SIGNED:
            signer = signer or ExampleSigner(draft.office.parent, dt.datetime.now(dt.UTC))
            pdf = signer.sign(pdf, location=draft.office.place)
        yield ExampleResult(f"{index + 1:05d}-{draft.kind.slug}-{form}", pdf, make_metadata(draft, form, draw), form)


def make_draft(seed: int, index: int, kinds: tuple[Kind, ...]) -> Draft:
    """Return what result ``index`` of a seed says; each run through the kinds shows each of them once."""
    draw = random.Random(f"{seed}:result:{index}")
    turn, place = divmod(index, len(kinds))
    kind = random.Random(f"{seed}:kinds:{turn}").sample(kinds, len(kinds))[place]
    person_number = index - 1 if index % 3 == 2 else index
    subject = make_employer(seed, index) if kind.is_for_employer else make_person(seed, person_number)
    office = draw.choice(OFFICES)
    issued_on = FIRST_DAY + dt.timedelta(days=draw.randrange((LAST_DAY - FIRST_DAY).days))
    issued_on -= dt.timedelta(days=max(0, issued_on.weekday() - 4))
    received_on = issued_on - dt.timedelta(days=draw.randint(3, 20))
    amount = draw.randint(*kind.amount_range) * 1000 + draw.choice((0, 100, 250, 500, 600))
    history, months = _contributions(issued_on, draw)
    facts = {
        "name": subject.name,
        "amount": money(amount),
        "words": in_words(amount),
        "effective": long_date(_next_month(issued_on)),
        "years": str(months // 12),
        "months": str(months % 12),
        "percent": str(draw.randint(45, 75)),
        "office": office.name,
        "issuer": office.parent,
    }
    if isinstance(subject, Person):
        facts |= {
            "honorific": subject.honorific,
            "birth": short_date(subject.birth_date),
            "insurance": subject.social_insurance,
            "citizen": subject.citizen,
        }
    else:
        facts["tax_code"] = subject.tax_code
    return Draft(
        kind=kind,
        office=office,
        subject=subject,
        number=str(draw.randint(12, 9800)),
        issued_on=issued_on,
        dossier_code=f"{office.agency}-{received_on:%y%m%d}-{draw.randint(1, 9999):04d}",
        signer=make_signer(draw),
        facts=facts,
        history=history if kind.has_history else (),
    )


def make_metadata(draft: Draft, form: Form, draw: random.Random) -> dict[str, Any]:
    """Return the metadata that a depositor sends with the document (docs/api.md)."""
    subject: dict[str, Any]
    if isinstance(draft.subject, Person):
        subject = {
            "kind": "person",
            "name": draft.subject.name,
            "birth_date": draft.subject.birth_date.isoformat(),
            "identifiers": [
                {"scheme": "social-insurance", "number": draft.subject.social_insurance},
                {"scheme": "citizen", "number": draft.subject.citizen},
            ],
        }
    else:
        identifiers = [{"scheme": "tax-code", "number": draft.subject.tax_code}]
        subject = {"kind": "employer", "name": draft.subject.name, "identifiers": identifiers}
    metadata: dict[str, Any] = {
        "office": draft.office.code,
        "result_type": draft.kind.result_type,
        "procedure": draft.kind.procedure,
        "subject": subject,
        "dossier_code": draft.dossier_code,
        "document_number": draft.number,
        "document_notation": draft.kind.notation,
        "issued_on": draft.issued_on.isoformat(),
        "issuing_body": draft.office.parent,
        "signer": draft.signer,
        "summary": draft.kind.summary,
        "trust": "digitised" if form is Form.SCANNED else "born-digital",
        "channel": draw.choice(("direct", "post", "online")),
        "access_level": "conditional",
        "language": "vi",
    }
    if form is Form.SCANNED:
        metadata["paper_location"] = f"Kho {draw.randint(1, 4)}, giá {draw.randint(1, 30)}, hộp {draw.randint(1, 12)}"
    return metadata


def draw_document(draft: Draft, form: Form, draw: random.Random) -> bytes:
    """Return the document as a PDF with its text; one that will be scanned carries seal and signature."""
    code = f"{draft.number}/{draft.kind.notation}"
    sheet = Sheet(f"{draft.kind.title} {code}", FOOTER.format(dossier=draft.dossier_code))
    draw_letterhead(
        sheet,
        Letterhead(
            "BẢO HIỂM XÃ HỘI VIỆT NAM",
            draft.office.parent.upper(),
            f"Số: {code}",
            f"{draft.office.place}, {long_date(draft.issued_on)}",
        ),
    )
    middle = (LEFT + RIGHT) / 2
    sheet.centred([draft.kind.title], middle, Style(size=14, bold=True, leading=19))
    sheet.centred([draft.kind.summary], middle, Style(size=11.5, bold=True, leading=14))
    sheet.rule(middle, 90)
    sheet.y -= 18
    _draw_body(sheet, draft)
    seat = draw_closing(sheet, _closing(draft, form))
    if form is Form.SCANNED:
        draw_signature(sheet.canvas, seat, draw)
        draw_seal(sheet.canvas, (seat[0] - 52, seat[1]))
    return sheet.finish()


def _draw_body(sheet: Sheet, draft: Draft) -> None:
    articles = [article.format(**draft.facts) for article in draft.kind.articles]
    if draft.kind.is_decision:
        middle = (LEFT + RIGHT) / 2
        head = f"GIÁM ĐỐC {draft.office.parent.upper()}"
        sheet.centred([head], middle, Style(size=11.5, bold=True, leading=22))
        for ground in draft.kind.grounds:
            sheet.paragraph(f"Căn cứ {ground};", GROUND)
        sheet.paragraph("Theo đề nghị của Trưởng phòng Chế độ bảo hiểm xã hội.", GROUND)
        sheet.y -= 6
        sheet.centred(["QUYẾT ĐỊNH:"], middle, Style(size=12, bold=True, leading=22))
        for number, article in enumerate(articles, start=1):
            sheet.paragraph(article, BODY, lead=f"Điều {number}.")
        return
    for ground in draft.kind.grounds:
        sheet.paragraph(f"Căn cứ {ground};", GROUND)
    sheet.paragraph(articles[0])
    if draft.history:
        width = RIGHT - LEFT
        sheet.table([HISTORY_HEAD, *draft.history], [width * 0.13, width * 0.13, width * 0.5, width * 0.24])
    for article in articles[1:]:
        sheet.paragraph(article)


def _closing(draft: Draft, form: Form) -> Closing:
    note: tuple[str, ...] = ()
    if form is Form.SIGNED:
        note = (
            "Ký số bởi:",
            draft.office.parent,
            f"Ngày ký: {short_date(draft.issued_on)} 09:30:00 +07:00",
            "(chữ ký ví dụ)",
        )
    return Closing(
        recipients=(
            "Như Điều 3;" if draft.kind.is_decision else "Như trên;",
            f"{draft.office.name};",
            "Lưu: VT, CĐBHXH.",
        ),
        office_of_signer=("KT. GIÁM ĐỐC", "PHÓ GIÁM ĐỐC"),
        signer=draft.signer,
        signature_note=note,
    )


def _contributions(issued_on: dt.date, draw: random.Random) -> tuple[tuple[Period, ...], int]:
    """Return the rows of a contribution history that ends before ``issued_on``, and its length in months."""
    rows, total_months = [], 0
    start = dt.date(issued_on.year - draw.randint(8, 24), draw.randint(1, 12), 1)
    salary = draw.randint(3_000, 5_000) * 1000
    while start < issued_on - dt.timedelta(days=400):
        end = _next_month(start + dt.timedelta(days=draw.randint(200, 900)))
        employer = make_employer(0, draw.randrange(50)).name
        rows.append((f"{start:%m/%Y}", f"{end:%m/%Y}", employer, money(salary)))
        total_months += (end.year - start.year) * 12 + end.month - start.month + 1
        start = _next_month(end)
        salary += draw.randint(100, 450) * 1000
    return tuple(rows), total_months


def _next_month(day: dt.date) -> dt.date:
    """Return the first day of the month after.

    >>> _next_month(dt.date(2021, 12, 31))
    datetime.date(2022, 1, 1)
    """
    return dt.date(day.year + day.month // 12, day.month % 12 + 1, 1)


def manifest_row(result: ExampleResult) -> dict[str, str]:
    """Return a result's row in a manifest of ``archive-service deposit-folder`` (examples/manifest.csv)."""
    subject = result.metadata["subject"]
    row = {"file": f"{result.name}.pdf", "subject_kind": subject["kind"], "subject_name": subject["name"]}
    row["birth_date"] = subject.get("birth_date", "")
    row |= {one["scheme"].replace("-", "_"): one["number"] for one in subject["identifiers"]}
    return row | {name: value for name, value in result.metadata.items() if name != "subject"}


def write_results(folder: Path, results: Iterable[ExampleResult]) -> int:
    """Write each result as PDF and JSON into ``folder`` with one ``manifest.csv``; return how many."""
    folder.mkdir(parents=True, exist_ok=True)
    rows = []
    for result in results:
        (folder / f"{result.name}.pdf").write_bytes(result.pdf)
        text = json.dumps(result.metadata, ensure_ascii=False, indent=2)
        (folder / f"{result.name}.json").write_text(text + "\n", encoding="utf-8")
        rows.append(manifest_row(result))
    columns = list(dict.fromkeys(name for row in rows for name in row))
    # With a byte order mark, Excel reads the tone marks right.
    with (folder / "manifest.csv").open("w", encoding="utf-8-sig", newline="") as file:
        writer = csv.DictWriter(file, columns, restval="")
        writer.writeheader()
        writer.writerows(rows)
    return len(rows)


@click.command()
@click.argument("folder", type=click.Path(path_type=Path, file_okay=False))
@click.option("--count", default=6, show_default=True, help="How many results.")
@click.option("--seed", default=1, show_default=True, help="Another seed makes other results.")
@click.option(
    "--form", "forms", multiple=True, type=click.Choice([str(form) for form in ALL_FORMS]), help="Only these forms."
)
def main(folder: Path, count: int, seed: int, forms: tuple[str, ...]) -> None:
    """Write made-up results into FOLDER: NAME.pdf, NAME.json and one manifest.csv.

    Example: python -m examples.results build/results --count 20
    """
    chosen = tuple(Form(form) for form in forms) or ALL_FORMS
    click.echo(f"{write_results(folder, make_results(seed, count, chosen))} results in {folder}")


if __name__ == "__main__":
    main()
