"""Step 10: the signatures in the documents, computed again, and whether their signers are trusted."""

from __future__ import annotations

import datetime as dt
from contextlib import suppress

from archive_verify.certificates import read_certificate, require_path
from archive_verify.contents import (
    ORIGINAL,
    PAPER,
    SEALED,
    SIGNATURE_REPORT,
    certificates,
    manifest,
    read_json,
    revocation,
)
from archive_verify.errors import Refused, Undecided
from archive_verify.evidence_record import require_record_trusted
from archive_verify.package import Package
from archive_verify.pdf_signatures import CheckedSignature, check_signature, find_signatures
from archive_verify.revocation import require_not_revoked
from archive_verify.time_steps import read_evidence
from archive_verify.timestamp import require_trusted
from archive_verify.trust import Trust
from archive_verify.verdicts import Findings

_SIGNING = {"digital_signature", "non_repudiation"}

# What the archive itself issued.
_OWN = {PAPER, SEALED}

# What the archive, which reads the PDF, may have seen at deposit. Whom it trusted then is the auditor's to judge anew.
_WRONG = {"altered", "invalid"}
_HARMLESS = {"untrusted", "valid"}


def signatures_hold(package: Package, trust: Trust, findings: Findings) -> None:
    """Step 10: the archive's report is the one committed to; every signature in the documents holds and is trusted."""
    with findings.part():
        _require_report(package)
    if SIGNATURE_REPORT in package:
        with findings.part():
            _compare_with_report(package, findings)
    for name in (ORIGINAL, SEALED):
        if name in package:
            with findings.part():
                _check_signatures(package, name, trust, findings)


def paper_is_sealed(package: Package, trust: Trust, findings: Findings) -> None:
    """Step 10 of a disposal's package: the archive's seal on the paper covers it to its end, holds and is trusted."""
    if PAPER not in package:
        raise Undecided("No paper is in the package: nobody has signed the certificate itself. The log holds it.")
    _check_signatures(package, PAPER, trust, findings)


def _require_report(package: Package) -> None:
    """Raise Refused unless the archive's report on the signatures is the one that the manifest commits to."""
    committed = manifest(package)["signature_report"]
    if committed is None:
        if SIGNATURE_REPORT in package:
            raise Refused("There is a report on signatures that no entry commits to.")
        return
    digests = package.digests(SIGNATURE_REPORT)
    if (digests.sha256, digests.sha512) != (committed["sha256"], committed["sha512"]):
        raise Refused("The report on signatures is not the one that the manifest commits to.")


def _compare_with_report(package: Package, findings: Findings) -> None:
    """Hold the archive's report, for which it read the PDF, against what the bytes alone show.

    Raises Refused when it saw changes or an invalid signature; Undecided when it could not tell, or saw others.
    """
    report = read_json(package.content(SIGNATURE_REPORT))
    reported = {tuple(signature["byte_range"]) for signature in report["signatures"]}
    found = {(0, one.gap_start, one.gap_end, one.end - one.gap_end) for one in find_signatures(package.view(ORIGINAL))}
    if reported != found:
        raise Undecided(f"The archive's report is about {len(reported)} signatures; {len(found)} were found here.")
    said = f"The archive's own verdict at deposit: {report['verdict']}."
    if report["verdict"] in _WRONG:
        raise Refused(said)
    if report["verdict"] not in _HARMLESS:
        raise Undecided(said)
    findings.notes.append(said)


def _check_signatures(package: Package, name: str, trust: Trust, findings: Findings) -> None:
    pdf = package.view(name)
    signatures = find_signatures(pdf)
    if not signatures:
        if name in _OWN:
            raise Refused(f"{name} carries no signature: it is not sealed.")
        findings.notes.append(f"{name} carries no signature.")
    for number, signature in enumerate(signatures, start=1):
        with findings.part():
            checked = check_signature(pdf, signature, certificates(package))
            with findings.part():
                existed = _proven_time(package, name, checked, trust)
                if checked.is_time_stamp:
                    _require_time_stamp_trusted(package, checked, existed, trust)
                    findings.notes.append(f"{name}: {number} is a time-stamp by {checked.signer_name}.")
                else:
                    _require_trusted(package, checked, existed, trust)
                    findings.notes.append(f"{name}: signature {number} by {checked.signer_name} holds.")
            _require_last(name, len(pdf) - signature.end, checked, is_last=number == len(signatures))


def _require_last(name: str, behind: int, checked: CheckedSignature, *, is_last: bool) -> None:
    """Raise Refused for a seal that does not reach the file's end, Undecided for bytes behind any other signature.

    A time-stamp vouches for a time: that something was signed behind it takes nothing from it. ``behind`` is in bytes.
    """
    if name in _OWN and is_last and (behind or checked.is_time_stamp):
        raise Refused(f"No seal covers {name} to its end.")
    if behind and (is_last or not checked.is_time_stamp):
        raise Undecided(
            f"{behind} bytes of {name} were added after what {checked.signer_name} signed. Whether they change what a "
            "reader sees cannot be told without reading the PDF: see the archive's report."
        )


def _require_trusted(package: Package, checked: CheckedSignature, existed: dt.datetime, trust: Trust) -> None:
    """Raise unless the signer led to a root of the auditor's when the signature is proven to have existed.

    Raises Refused with the reason, Undecided when no root is given, when whether a certificate was revoked is not
    known, or when the signer's had ended before any proof.
    """
    known = (*checked.certificates, *certificates(package))
    ended = read_certificate(checked.signer).not_valid_after
    path = require_path(checked.signer, trust.agency_roots, known, min(existed, ended))
    if path[0].key_usage_value is not None and not path[0].key_usage_value.native & _SIGNING:
        raise Refused(f"The certificate of {checked.signer_name} is not one for signatures.")
    _require_before_end(checked, existed, ended)
    require_not_revoked(path, existed, _statements(package, trust))


def _require_time_stamp_trusted(
    package: Package, checked: CheckedSignature, existed: dt.datetime, trust: Trust
) -> None:
    """Raise unless a document's time-stamp is by an authority that the auditor trusts; as ``_require_trusted``."""
    if checked.token is None:
        raise Refused("A time-stamp in the document holds none.")
    ended = checked.token.signer_valid_until
    known, statements = certificates(package), _statements(package, trust)
    require_trusted(checked.token, trust.tsa_roots, known, min(existed, ended), statements)
    _require_before_end(checked, existed, ended)


def _require_before_end(checked: CheckedSignature, existed: dt.datetime, ended: dt.datetime) -> None:
    if existed > ended:
        raise Undecided(
            f"The certificate of {checked.signer_name} ended on {ended:%Y-%m-%d}; "
            "that the signature is older is not proven."
        )


def _proven_time(package: Package, name: str, checked: CheckedSignature, trust: Trust) -> dt.datetime:
    """Return the earliest instant at which the signature is proven to have existed: now, if nothing proves more.

    The evidence records are about a record's original and about no rendition of it; about a disposal's paper, too.
    """
    existed, statements = trust.now, _statements(package, trust)
    for record in package.names("data/evidence/") if name != SEALED else ():
        with suppress(Refused, Undecided):
            result = read_evidence(package, record)
            require_record_trusted(result, trust.tsa_roots, certificates(package), trust.now, statements)
            existed = min(existed, result.stamped_at)
    # A document time-stamp is not proven by itself: it would outlive its own certificate.
    if checked.token is not None and not checked.is_time_stamp:
        with suppress(Refused, Undecided):
            require_trusted(checked.token, trust.tsa_roots, certificates(package), existed, statements)
            existed = min(existed, checked.token.at)
    return existed


def _statements(package: Package, trust: Trust) -> tuple[bytes, ...]:
    return (*trust.revocation, *revocation(package))
