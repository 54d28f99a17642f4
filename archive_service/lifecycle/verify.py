"""Checking a deposit: facts in, findings out. A new check is one function and one line in ``CHECKS``.

Pure: what the sandboxed reader saw is given. What a finding leads to is not decided here (model/policy.py).
"""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from archive_service.model.findings import Finding, FindingCode
from archive_service.model.fold import fold, normalise, words
from archive_service.model.inspection import Examined, Inspection, NotInspected, PdfFacts
from archive_service.model.policy import Unsigned
from archive_service.model.record import RecordMetadata, Trust
from archive_service.model.signatures import CheckedSignature, SignatureKind, SignatureReport, SignatureVerdict
from archive_service.model.subject import Subject

# A page smaller than a stamp or larger than A0, in points: a wrong export more likely than a document.
SMALLEST_PAGE_POINTS = 72
LARGEST_PAGE_POINTS = 3370


@dataclass(frozen=True, slots=True)
class Evidence:
    """All that the checks may look at. ``known`` are the standing subjects the claim's identifiers name."""

    facts: PdfFacts
    metadata: RecordMetadata
    known: tuple[Subject, ...]
    minimum_dpi: int


Check = Callable[[Evidence], Iterator[Finding]]


def verify_document(
    inspection: Inspection, metadata: RecordMetadata, known: tuple[Subject, ...], minimum_dpi: int
) -> tuple[Finding, ...]:
    """Return everything the checks find, in the order of ``CHECKS``; nothing found means nothing to say."""
    if isinstance(inspection, NotInspected):
        return (Finding(inspection.finding, inspection.detail),)
    evidence = Evidence(inspection, metadata, known, minimum_dpi)
    return tuple(finding for check in CHECKS for finding in check(evidence))


def signatures_of(examined: Examined) -> SignatureReport | None:
    """Return what the signatures that the inspection saw are worth; None where it saw none.

    A signature that the inspection saw and the check does not tell of could not be read.
    """
    inspection, report = examined.inspection, examined.report
    if report is None or isinstance(inspection, NotInspected):
        return None
    untold = tuple(CheckedSignature(one.field_name) for one in inspection.signatures[len(report.signatures) :])
    return dataclasses.replace(report, signatures=report.signatures + untold)


def verify_signatures(
    report: SignatureReport | None, inspection: Inspection, unsigned: Unsigned, *, can_seal: bool
) -> tuple[Finding, ...]:
    """Return a finding for each kind of verdict but valid, and one for a signature that should be there and is not.

    What the archive is to seal needs none, but where it seals nothing, or must not: a file with a time-stamp alone is
    signed by nobody, and a seal would change what was stamped.
    """
    if isinstance(inspection, NotInspected):
        return ()
    signatures = report.signatures if report is not None else ()
    verdicts = Counter(signature.verdict for signature in signatures)
    found = [
        Finding(code, {"signatures": verdicts[verdict]})
        for verdict, code in _SIGNATURE_CODES.items()
        if verdicts[verdict]
    ]
    # A time-stamp says when, and nobody answers for anything by it.
    signed = any(signature.kind is SignatureKind.SIGNATURE for signature in signatures)
    enough = unsigned is Unsigned.ACCEPT or (unsigned is Unsigned.SEAL and can_seal and not signatures)
    if not signed and not enough:
        found.append(Finding(FindingCode.SIGNATURE_MISSING))
    return tuple(found)


_SIGNATURE_CODES = {
    SignatureVerdict.ALTERED: FindingCode.SIGNATURE_ALTERED,
    SignatureVerdict.INVALID: FindingCode.SIGNATURE_INVALID,
    SignatureVerdict.UNREADABLE: FindingCode.SIGNATURE_UNREADABLE,
    SignatureVerdict.UNDECIDED: FindingCode.SIGNATURE_UNDECIDED,
    SignatureVerdict.UNTRUSTED: FindingCode.SIGNATURE_UNTRUSTED,
}


def check_active_content(evidence: Evidence) -> Iterator[Finding]:
    """It must not act: scripts, launches, forms that change, content from elsewhere."""
    for code in evidence.facts.active_content:
        yield Finding(code)


def check_structure(evidence: Evidence) -> Iterator[Finding]:
    """It should be a PDF from its first byte to its last, readable without repairs."""
    facts = evidence.facts
    if facts.unreadable_parts:
        yield Finding(FindingCode.UNREADABLE, {"parts": facts.unreadable_parts})
    if facts.repairs:
        yield Finding(FindingCode.REPAIRED, {"repairs": facts.repairs})
    if facts.junk_before_header_bytes:
        yield Finding(FindingCode.JUNK_BEFORE_HEADER, {"bytes": facts.junk_before_header_bytes})
    if facts.bytes_after_end:
        yield Finding(FindingCode.BYTES_AFTER_END, {"bytes": facts.bytes_after_end})


def check_page_sizes(evidence: Evidence) -> Iterator[Finding]:
    """A page should have the size of a document."""
    odd = sum(
        1
        for page in evidence.facts.pages
        if min(page.width_points, page.height_points) < SMALLEST_PAGE_POINTS
        or max(page.width_points, page.height_points) > LARGEST_PAGE_POINTS
    )
    if odd:
        yield Finding(FindingCode.ODD_PAGE_SIZE, {"pages": odd})


def check_resolution(evidence: Evidence) -> Iterator[Finding]:
    """A digitised page should have 200 dpi or more (Circular 05/2025/TT-BNV)."""
    if evidence.metadata.trust is Trust.BORN_DIGITAL:
        return
    coarse = [
        page.lowest_image_dpi
        for page in evidence.facts.pages
        if page.lowest_image_dpi is not None and page.lowest_image_dpi < evidence.minimum_dpi
    ]
    if coarse:
        yield Finding(FindingCode.LOW_RESOLUTION, {"pages": len(coarse), "lowest_dpi": min(coarse)})


def check_subject(evidence: Evidence) -> Iterator[Finding]:
    """The numbers given should be one subject's, and the name the one the archive knows: number before name."""
    if len(evidence.known) > 1:
        yield Finding(FindingCode.SUBJECT_CONFLICT, {"subjects": len(evidence.known)})
    elif evidence.known and not same_name(evidence.known[0].name, evidence.metadata.subject.name):
        yield Finding(FindingCode.SUBJECT_NAME_DIFFERS)


def same_name(one: str, other: str) -> bool:
    """Whether two spellings of a name agree: case and blanks do not count; tone marks do, where both have any.

    >>> same_name("NGUYỄN  VĂN ĐỨC", "Nguyễn Văn Đức"), same_name("Nguyen Van Duc", "Nguyễn Văn Đức")
    (True, True)
    >>> same_name("Nguyễn Văn Dực", "Nguyễn Văn Đức")
    False
    """
    a, b = words(normalise(one)), words(normalise(other))
    if a == b:
        return True
    unmarked = any(fold(" ".join(name)) == " ".join(name) for name in (a, b))
    return unmarked and [fold(word) for word in a] == [fold(word) for word in b]


CHECKS: tuple[Check, ...] = (
    check_active_content,
    check_structure,
    check_page_sizes,
    check_resolution,
    check_subject,
)
