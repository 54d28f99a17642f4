"""Comparing a document's words with its metadata: a disagreement is for a person, never a refusal.

Pure. What is looked for is what a decision prints on its face: "Số: 1234/QĐ-BHXH", "ngày 01 tháng 3 năm 2021", and the
subject's numbers. Recognition makes mistakes, so only something found that says otherwise disagrees; something not
found says nothing.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterator

from archive_service.model.findings import Finding, FindingCode
from archive_service.model.fold import fold, normalise
from archive_service.model.identifiers import IdentifierScheme
from archive_service.model.record import DocumentText, RecordMetadata

# How the number of each scheme is introduced in print, in folded form; the number follows within a few characters.
_LABELS: dict[IdentifierScheme, str] = {
    IdentifierScheme.SOCIAL_INSURANCE: r"(?:ma so bhxh|so so bhxh|ma so bao hiem xa hoi|so bhxh)",
    IdentifierScheme.CITIZEN: r"(?:so cccd|cccd so|so dinh danh ca nhan|can cuoc cong dan so|so can cuoc)",
    IdentifierScheme.OLD_ID_CARD: r"(?:so cmnd|cmnd so|so chung minh nhan dan|chung minh nhan dan so)",
    IdentifierScheme.HEALTH_CARD: r"(?:so the bhyt|ma the bhyt|the bhyt so)",
    IdentifierScheme.TAX_CODE: r"(?:ma so thue)",
}
_NUMBERS: dict[IdentifierScheme, str] = {
    IdentifierScheme.SOCIAL_INSURANCE: r"\d{10}",
    IdentifierScheme.CITIZEN: r"\d{12}",
    IdentifierScheme.OLD_ID_CARD: r"\d{9}",
    IdentifierScheme.HEALTH_CARD: r"[a-z]{2}\d{13}",
    IdentifierScheme.TAX_CODE: r"\d{10}(?:-\d{3})?",
}
_DOCUMENT_CODE = re.compile(
    r"\bso\s*[:.]?\s*(\d{1,6}[a-z]?)\s*/\s*((?:\d{4}\s*/\s*)?[a-z][a-z0-9]*(?: ?- ?[a-z0-9]+)*)"
)
_ISSUED = re.compile(r"\bngay\s+(\d{1,2})\s+thang\s+(\d{1,2})\s+nam\s+(\d{4})\b")

# The number and date of a decision stand in its head (Decree 30/2020 Annex I); later ones belong to documents it
# cites: in what it is about, whom it is to, and its legal grounds.
_HEAD_CHARACTERS = 900
_BODY = re.compile(r"\b(?:can cu|kinh gui|ve viec|v/v)\b")


# What a comparison finds, and what a correction of the metadata may therefore put right.
COMPARED = frozenset(
    {
        FindingCode.IDENTIFIER_DISAGREES,
        FindingCode.DOCUMENT_NUMBER_DISAGREES,
        FindingCode.ISSUE_DATE_DISAGREES,
    }
)


def disagreements(text: DocumentText, metadata: RecordMetadata) -> tuple[Finding, ...]:
    """Return what the document says otherwise than the metadata; empty where it agrees or says nothing.

    A finding's detail names the field and scheme only: the numbers themselves are personal data.
    """
    folded = fold(normalise(text.text))
    body = _BODY.search(folded, 0, _HEAD_CHARACTERS)
    head = folded[: body.start() if body else _HEAD_CHARACTERS]
    return (
        *_identifiers(folded, metadata),
        *_document_code(head, metadata),
        *_issue_date(head, metadata),
    )


def _identifiers(folded: str, metadata: RecordMetadata) -> Iterator[Finding]:
    for identifier in metadata.subject.identifiers:
        label = _LABELS.get(identifier.scheme)
        if label is None:
            continue
        shown = re.findall(rf"{label}\W{{0,4}}({_NUMBERS[identifier.scheme]})\b", folded)
        if shown and identifier.number.lower() not in shown:
            yield Finding(FindingCode.IDENTIFIER_DISAGREES, {"scheme": str(identifier.scheme)})


def _document_code(head: str, metadata: RecordMetadata) -> Iterator[Finding]:
    shown = _DOCUMENT_CODE.search(head)
    if shown is None or metadata.document_number is None:
        return
    number, notation = shown[1], re.sub(r"\s", "", shown[2])
    wanted = fold(normalise(metadata.document_number)).strip()
    wanted_notation = re.sub(r"\s", "", fold(normalise(metadata.document_notation or "")))
    if number.lstrip("0") != wanted.lstrip("0") or (wanted_notation and notation != wanted_notation):
        yield Finding(FindingCode.DOCUMENT_NUMBER_DISAGREES)


def _issue_date(head: str, metadata: RecordMetadata) -> Iterator[Finding]:
    shown = _ISSUED.search(head)
    if shown is None or metadata.issued_on is None:
        return
    try:
        day = dt.date(int(shown[3]), int(shown[2]), int(shown[1]))
    except ValueError:
        return  # a misread day says nothing
    if day != metadata.issued_on:
        yield Finding(FindingCode.ISSUE_DATE_DISAGREES)
