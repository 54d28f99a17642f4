"""Step 10: the signatures in the documents, computed again, and whether their signers are trusted."""

from __future__ import annotations

import datetime as dt
from contextlib import suppress

from archive_verify.certificates import read_certificate, require_path
from archive_verify.contents import ORIGINAL, SEALED, SIGNATURE_REPORT, certificates, manifest, read_json, revocation
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
    """Raise Undecided when the archive, which read the PDF, saw other signatures than its bytes alone show."""
    report = read_json(package.content(SIGNATURE_REPORT))
    reported = {tuple(signature["byte_range"]) for signature in report["signatures"]}
    found = {(0, one.gap_start, one.gap_end, one.end - one.gap_end) for one in find_signatures(package.view(ORIGINAL))}
    if reported != found:
        raise Undecided(f"The archive's report is about {len(reported)} signatures; {len(found)} were found here.")
    findings.notes.append(f"The archive's own verdict at deposit: {report['verdict']}.")


def _check_signatures(package: Package, name: str, trust: Trust, findings: Findings) -> None:
    pdf = package.view(name)
    signatures = find_signatures(pdf)
    if not signatures:
        findings.notes.append(f"{name} carries no signature.")
    for number, signature in enumerate(signatures, start=1):
        with findings.part():
            checked = check_signature(pdf, signature, certificates(package))
            if checked.is_time_stamp:
                findings.notes.append(f"{name}: {number} is a time-stamp by {checked.signer_name}.")
                continue
            _require_trusted(package, checked, trust)
            findings.notes.append(f"{name}: signature {number} by {checked.signer_name} holds.")
            if signature.end != len(pdf):
                raise Undecided(
                    f"{len(pdf) - signature.end} bytes of {name} were added after signature {number}. Whether they"
                    " change what a reader sees cannot be told without reading the PDF: see the archive's report."
                )


def _require_trusted(package: Package, checked: CheckedSignature, trust: Trust) -> None:
    """Raise unless the signer led to a root of the auditor's when the signature is proven to have existed.

    Raises Refused with the reason, Undecided when no root is given or the certificate had ended before any proof.
    """
    known = (*checked.certificates, *certificates(package))
    existed = _proven_time(package, checked, trust)
    ended = read_certificate(checked.signer).not_valid_after
    path = require_path(checked.signer, trust.agency_roots, known, min(existed, ended))
    if path[0].key_usage_value is not None and not path[0].key_usage_value.native & _SIGNING:
        raise Refused(f"The certificate of {checked.signer_name} is not one for signatures.")
    require_not_revoked(path, existed, revocation(package))
    if existed > ended:
        raise Undecided(
            f"The certificate of {checked.signer_name} ended on {ended:%Y-%m-%d}; "
            "that the signature is older is not proven."
        )


def _proven_time(package: Package, checked: CheckedSignature, trust: Trust) -> dt.datetime:
    """Return the earliest instant at which the signature is proven to have existed: now, if nothing proves more."""
    existed = trust.now
    for name in package.names("data/evidence/"):
        with suppress(Refused, Undecided):
            result = read_evidence(package, name)
            require_record_trusted(result, trust.tsa_roots, certificates(package), trust.now, revocation(package))
            existed = min(existed, result.stamped_at)
    if checked.token is not None:
        with suppress(Refused, Undecided):
            require_trusted(checked.token, trust.tsa_roots, certificates(package), existed, revocation(package))
            existed = min(existed, checked.token.at)
    return existed
