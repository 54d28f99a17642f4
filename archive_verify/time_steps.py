"""Steps 8 and 9: since when the documents and their entry existed, and whether those who say so are trusted."""

from __future__ import annotations

import datetime as dt
from functools import partial

from archive_verify.algorithms import digest
from archive_verify.contents import attested, certificates, revocation
from archive_verify.errors import Undecided
from archive_verify.evidence_record import (
    DataObject,
    EvidenceRecordResult,
    check_evidence_record,
    require_record_trusted,
)
from archive_verify.log_history import CLOCK_SKEW
from archive_verify.package import Package
from archive_verify.trust import Trust
from archive_verify.verdicts import Findings

# Time-stamps are made within hours. An authority may be out of reach for days; beyond this it needs an explanation.
STAMPED_LATE = dt.timedelta(days=31)


def time_is_stamped(package: Package, _: Trust, findings: Findings) -> None:
    """Step 8: evidence records prove since when documents and entry existed, and every token's signature holds."""
    tokens: set[bytes] = set()
    documents, entry = attested(package)
    what = f"{', '.join(documents)} and entry {entry.index}"
    for name in package.names("data/evidence/"):
        with findings.part():
            result = read_evidence(package, name)
            tokens |= {token.der for token in result.tokens}
            findings.notes.append(f"By {name}, {what} existed on {result.stamped_at:%Y-%m-%d at %H:%M:%S} UTC.")
            _require_close(name, result.stamped_at, entry.at)
    for name in package.names("data/tokens/"):
        if package.content(name) not in tokens:
            findings.refused.append(f"{name} belongs to no evidence record here.")
    if not package.names("data/evidence/"):
        findings.undecided.append("There is no time-stamp in the package (yet).")


def time_is_trusted(package: Package, trust: Trust, findings: Findings) -> None:
    """Step 9: the time-stamps' signers lead to the auditor's roots, and did when they signed and were renewed."""
    for name in package.names("data/evidence/"):
        with findings.part():
            statements = (*trust.revocation, *revocation(package))
            require_record_trusted(
                read_evidence(package, name), trust.tsa_roots, certificates(package), trust.now, statements
            )
    if not package.names("data/evidence/"):
        findings.undecided.append("There is no time-stamp in the package whose authority could be trusted.")


def _require_close(name: str, stamped_at: dt.datetime, stated: dt.datetime) -> None:
    """Raise Undecided for an entry that states a later time than its own time-stamp, or one far earlier.

    The first had a wrong clock, or its authority; the second may be backdated. That it existed when stamped holds.
    """
    if stamped_at < stated - CLOCK_SKEW:
        raise Undecided(
            f"{name} is older than the time that its entry states ({stated}), although it is about that entry: "
            "a clock was wrong. The document existed at the time of the time-stamp."
        )
    if stamped_at > stated + STAMPED_LATE:
        raise Undecided(
            f"{name} is {(stamped_at - stated).days} days younger than the time that its entry states: "
            "that the entry was not written later cannot be told."
        )


def read_evidence(package: Package, name: str) -> EvidenceRecordResult:
    """Return what an evidence record in the package proves of the documents and the entry that commits to them."""
    documents, entry = attested(package)
    objects: list[DataObject] = [partial(_digest, package.view(one)) for one in documents]
    return check_evidence_record(package.content(name), [*objects, entry.data], certificates(package))


def _digest(document: memoryview, algorithm: str) -> bytes:
    return digest(algorithm, document)
