"""Revocation lists and OCSP answers that came with a proof (RFC 5280 §6.3, RFC 6960 §3.2). Nothing is fetched.

What cannot be read, or is signed by nobody in the path, is no statement about the path and is passed over; a
revocation that is stated by the right authority refuses.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from asn1crypto import crl, ocsp, x509

from archive_verify.algorithms import require_signature
from archive_verify.certificates import require_issued
from archive_verify.der import reading
from archive_verify.errors import Refused

# Of a certificate revoked for one of these, what was signed before stays good (RFC 3161 §4 item 1).
_HARMLESS = {"unspecified", "affiliation_changed", "superseded", "cessation_of_operation"}


@dataclass(frozen=True, slots=True)
class Revocation:
    """What an authority stated: since when a certificate is revoked, and the reason where it gave one."""

    since: dt.datetime
    reason: str | None


def require_not_revoked(path: Sequence[x509.Certificate], at: dt.datetime, statements: Sequence[bytes]) -> None:
    """Raise Refused when a statement revokes a certificate of the path with effect on what was signed at ``at``.

    ``path`` goes from the signer to the root; ``statements`` are DER CRLs and OCSP answers. RFC 3161 §4: a revocation
    without a reason, or because a key was compromised, makes everything invalid; another one, only what came after.
    """
    for certificate, issuer in pairwise(path):
        for statement in statements:
            for found in _revocations(statement, certificate, issuer):
                if found.reason not in _HARMLESS or found.since <= at:
                    raise Refused(
                        f"The certificate of {certificate.subject.human_friendly} is revoked since "
                        f"{found.since.isoformat()} ({found.reason or 'no reason given'})."
                    )


def _revocations(statement: bytes, certificate: x509.Certificate, issuer: x509.Certificate) -> Iterator[Revocation]:
    """Yield what the statement says against the certificate, whichever of the two forms it has."""
    for read in (_in_list, _in_answer):
        try:
            with reading("revocation statement"):
                found = read(statement, certificate, issuer)
        except Refused:
            continue
        if found is not None:
            yield found


def _in_list(der: bytes, certificate: x509.Certificate, issuer: x509.Certificate) -> Revocation | None:
    revoked = crl.CertificateList.load(der, strict=True)
    if revoked.issuer != certificate.issuer:
        return None
    require_signature(
        issuer.public_key,
        revoked["signature_algorithm"],
        None,
        revoked["signature"].native,
        revoked["tbs_cert_list"].dump(),
    )
    for entry in revoked["tbs_cert_list"]["revoked_certificates"] or ():
        if entry["user_certificate"].native == certificate.serial_number:
            reason = entry.crl_reason_value.native if entry.crl_reason_value is not None else None
            return None if reason == "remove_from_crl" else Revocation(entry["revocation_date"].native, reason)
    return None


def _in_answer(der: bytes, certificate: x509.Certificate, issuer: x509.Certificate) -> Revocation | None:
    basic = ocsp.OCSPResponse.load(der, strict=True).basic_ocsp_response
    require_signature(
        _responder(basic, issuer).public_key,
        basic["signature_algorithm"],
        None,
        basic["signature"].native,
        basic["tbs_response_data"].dump(),
    )
    for single in basic["tbs_response_data"]["responses"]:
        status = single["cert_status"]
        if status.name == "revoked" and _is_about(single["cert_id"], certificate, issuer):
            reason = status.chosen["revocation_reason"].native
            return Revocation(status.chosen["revocation_time"].native, reason)
    return None


def _responder(basic: ocsp.BasicOCSPResponse, issuer: x509.Certificate) -> x509.Certificate:
    """Return whose key may answer: the issuer's, or that of one it delegated to (RFC 6960 §4.2.2.2)."""
    for candidate in basic["certs"] or ():
        usage = candidate.extended_key_usage_value
        if candidate.issuer == issuer.subject and usage is not None and "ocsp_signing" in usage.native:
            require_issued(candidate, issuer)
            return candidate
    return issuer


def _is_about(cert_id: ocsp.CertId, certificate: x509.Certificate, issuer: x509.Certificate) -> bool:
    algorithm = cert_id["hash_algorithm"]["algorithm"].native
    # Names, not signatures: SHA-1 is what RFC 5019 asks for here.
    return bool(
        cert_id["serial_number"].native == certificate.serial_number
        and cert_id["issuer_name_hash"].native == getattr(issuer.subject, algorithm)
        and cert_id["issuer_key_hash"].native == getattr(issuer.public_key, algorithm)
    )
