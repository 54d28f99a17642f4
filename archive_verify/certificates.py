"""Certificate paths from a signer to a root that the auditor trusts (RFC 5280 §6.1), judged as of a given instant.

Nothing is fetched. What a path would need that is not known here (name constraints, policies that are demanded,
critical extensions of other kinds) refuses the path: it is never passed over.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Sequence

from asn1crypto import x509

from archive_verify.algorithms import require_signature
from archive_verify.der import reading
from archive_verify.errors import Refused, Undecided

# No real hierarchy is deeper; it bounds the search.
_DEEPEST_PATH = 8

# Critical extensions that are looked at here or by the caller; any other one refuses (RFC 5280 §4.2).
_UNDERSTOOD = {"basic_constraints", "key_usage", "extended_key_usage", "certificate_policies"}


def read_certificate(der: bytes) -> x509.Certificate:
    """Return a certificate. Raises Malformed."""
    with reading("certificate"):
        certificate = x509.Certificate.load(der, strict=True)
        _ = certificate.native
        return certificate


def require_path(
    leaf: bytes, roots: Sequence[bytes], intermediates: Sequence[bytes], at: dt.datetime
) -> tuple[x509.Certificate, ...]:
    """Return a path from the leaf to one of the roots, both included, in which everything was valid at that instant.

    All certificates are DER. Raises Undecided when no root is given, Malformed for a leaf or root that cannot be read,
    Refused with the reason that came nearest when there is no path. Intermediates that cannot be read are passed over:
    they may be of use to nobody.
    """
    if not roots:
        raise Undecided("No trusted root was given, so it could not be told whether the certificate is trusted.")
    trusted = [read_certificate(root) for root in roots]
    pool = [one for one in map(_readable, intermediates) if one is not None]
    with reading("certificate path"):
        start = read_certificate(leaf)
        reasons: list[str] = []
        for path in _paths((start,), trusted, pool):
            reason = _fault(path, at)
            if reason is None:
                return path
            reasons.append(reason)
    raise Refused(reasons[0] if reasons else "The certificate does not lead to any trusted root.")


def _readable(der: bytes) -> x509.Certificate | None:
    try:
        return read_certificate(der)
    except Refused:
        return None


def _paths(
    path: tuple[x509.Certificate, ...], roots: Sequence[x509.Certificate], pool: Sequence[x509.Certificate]
) -> Iterator[tuple[x509.Certificate, ...]]:
    """Yield every path to a root whose names fit; signatures and validity are judged afterwards."""
    last = path[-1]
    if any(last.dump() == root.dump() for root in roots):
        yield path
        return
    if len(path) >= _DEEPEST_PATH:
        return
    for issuer in (*roots, *pool):
        if issuer.subject == last.issuer and all(issuer.dump() != seen.dump() for seen in path):
            yield from _paths((*path, issuer), roots, pool)


def _fault(path: tuple[x509.Certificate, ...], at: dt.datetime) -> str | None:
    """Return why the path does not hold at that instant, None if it holds."""
    for depth, certificate in enumerate(path):
        name = _name(certificate)
        if not certificate.not_valid_before <= at <= certificate.not_valid_after:
            return f"The certificate of {name} was not valid at {at.isoformat()}."
        unknown = certificate.critical_extensions - _UNDERSTOOD
        if unknown:
            return f"The certificate of {name} demands {', '.join(sorted(unknown))}, which is not understood here."
        if depth > 0 and (reason := _issuer_fault(certificate, depth)):
            return reason
        if depth + 1 < len(path):
            try:
                require_issued(certificate, path[depth + 1])
            except Refused as refused:
                return f"The certificate of {name} was not signed by its issuer: {refused}"
    return None


def _issuer_fault(certificate: x509.Certificate, depth: int) -> str | None:
    """Return why the certificate may not stand at that depth of a path (RFC 5280 §6.1.4 k to n)."""
    constraints = certificate.basic_constraints_value
    if constraints is None or not constraints["ca"].native:
        return f"{_name(certificate)} signed a certificate without being a certification authority."
    longest = constraints["path_len_constraint"].native
    if longest is not None and depth - 1 > longest:
        return f"The path below {_name(certificate)} is longer than it permits."
    usage = certificate.key_usage_value
    if usage is not None and "key_cert_sign" not in usage.native:
        return f"{_name(certificate)} may not sign certificates."
    return None


def require_issued(certificate: x509.Certificate, issuer: x509.Certificate) -> None:
    """Raise Refused unless the issuer's key signed the certificate."""
    inner, outer = certificate["tbs_certificate"]["signature"], certificate["signature_algorithm"]
    if inner.dump() != outer.dump():
        raise Refused("The two statements of the signature's algorithm differ.")
    require_signature(
        issuer.public_key, outer, None, certificate["signature_value"].native, certificate["tbs_certificate"].dump()
    )


def _name(certificate: x509.Certificate) -> str:
    return str(certificate.subject.human_friendly)
