"""Steps 8 and 9: since when the original and its entry existed, and whether those who say so are trusted."""

from __future__ import annotations

import datetime as dt

from archive_verify.algorithms import digest
from archive_verify.contents import ORIGINAL, certificates, entries, revocation
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
    """Step 8: evidence records prove since when original and entry existed, and every token's signature holds."""
    tokens: set[bytes] = set()
    deposit = entries(package)[0]
    for name in package.names("data/evidence/"):
        with findings.part():
            result = read_evidence(package, name)
            tokens |= {token.der for token in result.tokens}
            findings.notes.append(
                f"By {name}, original and entry existed on {result.stamped_at:%Y-%m-%d at %H:%M:%S} UTC."
            )
            _require_close(name, result.stamped_at, deposit.at)
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
            f"{name} is older than the time that the entry of the deposit states ({stated}), although it is about that "
            "entry: a clock was wrong. The document existed at the time of the time-stamp."
        )
    if stamped_at > stated + STAMPED_LATE:
        raise Undecided(
            f"{name} is {(stamped_at - stated).days} days younger than the time that the entry of the deposit states: "
            "that the entry was not written later cannot be told."
        )


def read_evidence(package: Package, name: str) -> EvidenceRecordResult:
    """Return what an evidence record in the package proves of the original and the entry of its deposit."""
    original = package.view(ORIGINAL)

    def original_digest(algorithm: str) -> bytes:
        return digest(algorithm, original)

    objects: list[DataObject] = [original_digest, entries(package)[0].data]
    return check_evidence_record(package.content(name), objects, certificates(package))
