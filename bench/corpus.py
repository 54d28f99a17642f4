"""Made-up results as an index gets them: short documents in the words of real kinds, as alike as real ones are.

Nearly every document says "bảo hiểm xã hội", names come from a few thousand, numbers are each document's own. Made
without drawing a PDF, because a million are needed. The same seed and number give the same document.
"""

from __future__ import annotations

import datetime as dt
import random
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from uuid import UUID

from archive_service.model.identifiers import OfficeCode, RecordId, ResultTypeCode, SubjectId
from archive_service.model.query import IndexDocument
from archive_service.model.record import AccessLevel, RecordState, Trust
from examples.kinds import Kind, load_kinds
from examples.people import EMPLOYERS, GIVEN_MEN, GIVEN_WOMEN, MIDDLE_MEN, MIDDLE_WOMEN, SURNAMES
from examples.results import OFFICES, IssuingOffice

_FIRST_DAY = dt.date(2016, 1, 4)
_DAYS = 3_600
_EPOCH = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)


@dataclass(frozen=True, slots=True)
class MadeUpResult:
    """One result: its index document, and the words that a person would look for it by."""

    document: IndexDocument
    name: str
    number: str


def results(count: int, *, first: int = 0, seed: int = 1) -> Iterator[MadeUpResult]:
    """Yield results number ``first`` to ``first + count``, each made from its own number alone."""
    for number in range(first, first + count):
        yield result(number, seed)


def documents(count: int, *, first: int = 0, seed: int = 1) -> Iterator[IndexDocument]:
    """Yield the index documents of ``results``."""
    return (made.document for made in results(count, first=first, seed=seed))


def result(number: int, seed: int = 1) -> MadeUpResult:
    """Return the result of that number."""
    draw = random.Random(seed << 40 | number)
    kind, office = draw.choice(_kinds()), draw.choice(OFFICES)
    name = _employer(draw) if kind.is_for_employer else _person(draw)
    issued_on = _FIRST_DAY + dt.timedelta(days=draw.randrange(_DAYS))
    insurance = f"{draw.randrange(10**9, 2 * 10**9):010d}"
    facts = _facts(draw, office, name, issued_on) | {"insurance": insurance, "tax_code": insurance}
    code = f"{draw.randrange(1, 9999)}/{kind.notation}"
    document = IndexDocument(
        record_id=record_id(number),
        office=OfficeCode(office.code),
        result_type=ResultTypeCode(kind.result_type),
        subject_id=SubjectId(record_id(number, subject=True)),
        subject_name=name,
        identifiers=(insurance, facts["citizen"]),
        trust=Trust.BORN_DIGITAL,
        state=RecordState.STORED,
        access_level=AccessLevel.CONDITIONAL,
        stored_at=_EPOCH + dt.timedelta(seconds=number),
        issued_on=issued_on,
        dossier_code=f"{office.agency}-{issued_on:%y%m%d}-{draw.randrange(9999):04d}",
        document_code=code,
        issuing_body=office.parent,
        signer=_person(draw),
        summary=kind.summary,
        result_type_name=kind.title,
        text=_page(kind, office, code, facts),
    )
    return MadeUpResult(document, name, insurance)


def record_id(number: int, *, subject: bool = False) -> RecordId:
    """Return a time-ordered id (RFC 9562 §5.7): a higher number comes later; the random end is made of the number."""
    milliseconds = int(_EPOCH.timestamp() * 1000) + number
    ending = random.Random(number * 2 + subject).getrandbits(62)
    return RecordId(str(UUID(int=(milliseconds << 80) | (7 << 76) | (2 << 62) | ending)))


@cache
def _kinds() -> tuple[Kind, ...]:
    return load_kinds()


def _person(draw: random.Random) -> str:
    middles, givens = draw.choice(((MIDDLE_MEN, GIVEN_MEN), (MIDDLE_WOMEN, GIVEN_WOMEN)))
    return f"{draw.choice(SURNAMES)} {draw.choice(middles)} {draw.choice(draw.choice(givens))}"


def _employer(draw: random.Random) -> str:
    return f"{draw.choice(EMPLOYERS)} {draw.randrange(1, 400)}"


def _facts(draw: random.Random, office: IssuingOffice, name: str, issued_on: dt.date) -> dict[str, str]:
    amount = draw.randrange(1_000_000, 90_000_000, 500)
    return {
        "name": name,
        "honorific": draw.choice(("ông", "bà")),
        "amount": f"{amount:,}".replace(",", "."),
        "words": draw.choice(("hai", "ba", "bốn", "năm")) + " triệu đồng chẵn",
        "effective": f"ngày 01 tháng {issued_on.month % 12 + 1:02d} năm {issued_on.year}",
        "years": str(draw.randrange(10, 40)),
        "months": str(draw.randrange(12)),
        "percent": str(draw.randrange(45, 76)),
        "birth": f"{draw.randrange(1, 29):02d}/{draw.randrange(1, 13):02d}/{draw.randrange(1950, 2000)}",
        "citizen": f"0{draw.randrange(10**10, 10**11)}",
        "office": office.name,
        "issuer": office.parent,
    }


def _page(kind: Kind, office: IssuingOffice, code: str, facts: dict[str, str]) -> str:
    head = f"BẢO HIỂM XÃ HỘI VIỆT NAM {office.parent.upper()} Số: {code} {kind.title} {kind.summary}"
    grounds = "; ".join(f"Căn cứ {ground}" for ground in kind.grounds)
    return "\n".join((head, grounds, *(article.format(**facts) for article in kind.articles)))
