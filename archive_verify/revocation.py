"""Revocation lists and OCSP answers that came with a proof (RFC 5280 §6.3, RFC 6960 §3.2). Nothing is fetched.

What cannot be read, or is signed by nobody in the path, is no statement about the path and is passed over; a
revocation that is stated by the right authority refuses. A certificate that says where its issuer tells of revocations
is not known to be good without such a statement: that could not be told, and is never taken for fine.
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
from archive_verify.errors import Refused, Undecided

# Of a certificate revoked for one of these, what was signed before stays good (RFC 3161 §4 item 1).
_HARMLESS = {"unspecified", "affiliation_changed", "superseded", "cessation_of_operation"}


@dataclass(frozen=True, slots=True)
class Revocation:
    """What an authority stated: since when a certificate is revoked, and the reason where it gave one."""

    since: dt.datetime
    reason: str | None


@dataclass(frozen=True, slots=True)
class _Statement:
    """What an authority stated of a certificate, when, and until when it promised to say more (None: any time)."""

    made_at: dt.datetime
    until: dt.datetime | None
    revocation: Revocation | None

    def is_fresh(self, certificate: x509.Certificate, at: dt.datetime) -> bool:
        """Whether it tells of the certificate at that instant.

        A later one does, too, as long as it was made before the certificate ended: after that, authorities may leave
        it out (RFC 5280 §3.3).
        """
        ended: dt.datetime = certificate.not_valid_after
        return self.made_at <= ended and at <= (self.until or self.made_at)


def require_not_revoked(
    path: Sequence[x509.Certificate],
    at: dt.datetime,
    statements: Sequence[bytes],
    known_until: dt.datetime | None = None,
) -> None:
    """Raise unless no certificate of the path was revoked with effect on what was signed at ``at``.

    ``path`` goes from the signer to the root; ``statements`` are DER CRLs and OCSP answers. RFC 3161 §4: a revocation
    without a reason, or because a key was compromised, makes everything invalid; another one, only what came after.
    Raises Refused for a revocation; Undecided for a certificate that names a place of such statements when none was
    given that tells of it at ``known_until``, by default ``at``.
    """
    untold = []
    for certificate, issuer in pairwise(path):
        found = list(_found(statements, certificate, issuer))
        for revocation in filter(None, (one.revocation for one in found)):
            if revocation.reason not in _HARMLESS or revocation.since <= at:
                raise Refused(
                    f"The certificate of {certificate.subject.human_friendly} is revoked since "
                    f"{revocation.since.isoformat()} ({revocation.reason or 'no reason given'})."
                )
        if _names_a_place(certificate) and not any(one.is_fresh(certificate, known_until or at) for one in found):
            untold.append(str(certificate.subject.human_friendly))
    if untold:
        raise Undecided(
            f"No revocation list or OCSP answer of its issuer tells of the certificate of {'; '.join(untold)} at "
            f"{(known_until or at).isoformat()}: whether it was revoked cannot be told. Fetch one that its issuer made "
            "since then, and give it along (--revocation)."
        )


def _names_a_place(certificate: x509.Certificate) -> bool:
    """Whether its issuer publishes revocations; one that names no place publishes none, as far as anybody can know."""
    return certificate.crl_distribution_points_value is not None or bool(certificate.ocsp_urls)


def _found(
    statements: Sequence[bytes], certificate: x509.Certificate, issuer: x509.Certificate
) -> Iterator[_Statement]:
    """Yield what the statements say of the certificate, whichever of the two forms they have."""
    for der in statements:
        for read in (_in_list, _in_answer):
            try:
                with reading("revocation statement"):
                    found = read(der, certificate, issuer)
            except Refused:
                continue
            if found is not None:
                yield found


def _in_list(der: bytes, certificate: x509.Certificate, issuer: x509.Certificate) -> _Statement | None:
    listed = crl.CertificateList.load(der, strict=True)
    if listed.issuer != certificate.issuer:
        return None
    require_signature(
        issuer.public_key,
        listed["signature_algorithm"],
        None,
        listed["signature"].native,
        listed["tbs_cert_list"].dump(),
    )
    made_at, until = listed["tbs_cert_list"]["this_update"].native, listed["tbs_cert_list"]["next_update"].native
    for entry in listed["tbs_cert_list"]["revoked_certificates"] or ():
        if entry["user_certificate"].native == certificate.serial_number:
            reason = entry.crl_reason_value.native if entry.crl_reason_value is not None else None
            if reason == "remove_from_crl":
                return None
            return _Statement(made_at, until, Revocation(entry["revocation_date"].native, reason))
    return _Statement(made_at, until, None) if _would_list(listed, certificate) else None


def _would_list(listed: crl.CertificateList, certificate: x509.Certificate) -> bool:
    """Whether the list would name the certificate, were it revoked for whatever reason (RFC 5280 §5.2.4, §5.2.5)."""
    if listed.delta_crl_indicator_value is not None:
        return False
    scope = listed.issuing_distribution_point_value
    if scope is None:
        return True
    parts = ("indirect_crl", "only_contains_attribute_certs")
    others = "only_contains_user_certs" if certificate.ca else "only_contains_ca_certs"
    if scope["only_some_reasons"].native is not None or any(scope[one].native for one in (*parts, others)):
        return False
    place = scope["distribution_point"].native
    named = [point["distribution_point"].native for point in certificate.crl_distribution_points_value or ()]
    return place is None or any(set(place) & set(one) for one in named if one is not None)


def _in_answer(der: bytes, certificate: x509.Certificate, issuer: x509.Certificate) -> _Statement | None:
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
        if status.name != "unknown" and _is_about(single["cert_id"], certificate, issuer):
            made_at, until = single["this_update"].native, single["next_update"].native
            if status.name == "good":
                return _Statement(made_at, until, None)
            reason = status.chosen["revocation_reason"].native
            return _Statement(made_at, until, Revocation(status.chosen["revocation_time"].native, reason))
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
