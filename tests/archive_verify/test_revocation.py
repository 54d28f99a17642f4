"""Revocation statements beside a token: what they revoke, when, and whose word counts (RFC 3161 §4)."""

from __future__ import annotations

import datetime as dt
import hashlib
from dataclasses import dataclass
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509 import ocsp
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from archive_service.trust.local_authority import LocalAuthority
from archive_verify.certificates import read_certificate
from archive_verify.errors import Refused, Undecided
from archive_verify.revocation import require_not_revoked
from archive_verify.timestamp import Token, require_trusted
from tests.fakes.clock import START, MovableClock
from tests.fakes.randomness import CountedRandomness
from tests.packages import Agency, make_agency

DAY = dt.timedelta(days=1)
COMPROMISED = x509.ReasonFlags.key_compromise
SUPERSEDED = x509.ReasonFlags.superseded


@dataclass(frozen=True, slots=True)
class Stamped:
    token: Token
    signer: x509.Certificate
    root: x509.Certificate
    key: ec.EllipticCurvePrivateKey

    def require_trusted(self, *statements: bytes) -> None:
        root = self.root.public_bytes(serialization.Encoding.DER)
        require_trusted(self.token, [root], [], self.token.at, statements)


@pytest.fixture
def stamped(tmp_path: Path) -> Stamped:
    authority = LocalAuthority(tmp_path / "tsa", MovableClock(), CountedRandomness())
    token = authority.stamp(hashlib.sha256(b"x").digest(), "sha256")
    key = serialization.load_pem_private_key((tmp_path / "tsa" / "root.key").read_bytes(), None)
    assert isinstance(key, ec.EllipticCurvePrivateKey)
    root = x509.load_der_x509_certificate(authority.roots[0])
    return Stamped(token, x509.load_der_x509_certificate(token.signer), root, key)


def revocation_list(
    stamped: Stamped,
    since: dt.datetime,
    reason: x509.ReasonFlags | None,
    key: ec.EllipticCurvePrivateKey | None = None,
    serial: int | None = None,
) -> bytes:
    entry = x509.RevokedCertificateBuilder(serial or stamped.signer.serial_number, since)
    if reason is not None:
        entry = entry.add_extension(x509.CRLReason(reason), critical=False)
    made = x509.CertificateRevocationListBuilder(stamped.root.subject, START, START + 9 * DAY)
    made = made.add_revoked_certificate(entry.build())
    return made.sign(key or stamped.key, hashes.SHA256()).public_bytes(serialization.Encoding.DER)


def ocsp_answer(stamped: Stamped, status: ocsp.OCSPCertStatus, since: dt.datetime | None, by: str = "issuer") -> bytes:
    key, responder = stamped.key, stamped.root
    builder = ocsp.OCSPResponseBuilder().add_response(
        cert=stamped.signer,
        issuer=stamped.root,
        algorithm=hashes.SHA1(),  # names, not signatures
        cert_status=status,
        this_update=START,
        next_update=START + DAY,
        revocation_time=since,
        revocation_reason=None if since is None else SUPERSEDED,
    )
    if by != "issuer":
        key = ec.generate_private_key(ec.SECP256R1())
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "responder")])
        made = x509.CertificateBuilder(stamped.root.subject, name, key.public_key(), 99, START, START + 99 * DAY)
        made = made.add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.OCSP_SIGNING]), critical=False)
        responder = made.sign(stamped.key if by == "delegate" else key, hashes.SHA256())
        builder = builder.certificates([responder])
    answer = builder.responder_id(ocsp.OCSPResponderEncoding.NAME, responder).sign(key, hashes.SHA256())
    return answer.public_bytes(serialization.Encoding.DER)


@pytest.mark.parametrize(
    ("days", "reason"), [(-1, None), (-1, COMPROMISED), (-1, SUPERSEDED), (1, None), (1, COMPROMISED)]
)
def test_revoked_before_or_compromised_at_any_time_refuses(
    stamped: Stamped, days: int, reason: x509.ReasonFlags | None
) -> None:
    with pytest.raises(Refused, match="is revoked since"):
        stamped.require_trusted(revocation_list(stamped, START + days * DAY, reason))


def test_superseded_later_leaves_what_was_stamped_before_good(stamped: Stamped) -> None:
    stamped.require_trusted(revocation_list(stamped, START + DAY, SUPERSEDED))


def test_list_of_another_certificate_or_signed_by_a_stranger_says_nothing(stamped: Stamped) -> None:
    stranger = ec.generate_private_key(ec.SECP256R1())
    stamped.require_trusted(
        revocation_list(stamped, START - DAY, None, key=stranger),
        revocation_list(stamped, START - DAY, None, serial=12345),
        b"garbage",
        b"",
    )


@pytest.mark.parametrize("by", ["issuer", "delegate"])
def test_ocsp_answer_that_revokes_refuses(stamped: Stamped, by: str) -> None:
    with pytest.raises(Refused, match="is revoked since"):
        stamped.require_trusted(ocsp_answer(stamped, ocsp.OCSPCertStatus.REVOKED, START - DAY, by))


def test_ocsp_answer_that_is_good_or_of_a_stranger_says_nothing_against(stamped: Stamped) -> None:
    stamped.require_trusted(
        ocsp_answer(stamped, ocsp.OCSPCertStatus.GOOD, None),
        ocsp_answer(stamped, ocsp.OCSPCertStatus.REVOKED, START - DAY, "stranger"),
    )


# Certificates that say where their issuer tells of revocations

PLACE = "http://issuer.example/list.crl"
ISSUER = make_agency("Issuer", usage=["key_cert_sign", "crl_sign"])
NAMING = make_agency("Signer", days=101, issuer=ISSUER, list_at=PLACE)  # ends a hundred days after START


def stated(begins: int, ends: int, scope: x509.IssuingDistributionPoint | None = None, by: Agency = ISSUER) -> bytes:
    """Return a list that revokes nobody, from and to so many days after START."""
    made = x509.CertificateRevocationListBuilder(ISSUER.certificate.subject, START + begins * DAY, START + ends * DAY)
    if scope is not None:
        made = made.add_extension(scope, critical=True)
    return made.sign(by.key, hashes.SHA256()).public_bytes(serialization.Encoding.DER)


def scope(place: str = PLACE, *, users: bool = False, authorities: bool = False) -> x509.IssuingDistributionPoint:
    named = [x509.UniformResourceIdentifier(place)]
    return x509.IssuingDistributionPoint(named, None, users, authorities, None, False, False)


def require_known(at: dt.datetime, *statements: bytes) -> None:
    require_not_revoked([read_certificate(NAMING.der), read_certificate(ISSUER.der)], at, statements)


@pytest.mark.parametrize(
    "statement",
    [stated(0, 30), stated(20, 30), stated(30, 60), stated(0, 30, scope()), stated(0, 30, scope(users=True))],
    ids=["then", "that very day", "later", "of that place", "of all users of that place"],
)
def test_a_statement_of_then_or_later_tells(statement: bytes) -> None:
    require_known(START + 20 * DAY, b"garbage", statement)


@pytest.mark.parametrize(
    "statements",
    [
        [],
        [stated(0, 19)],
        [stated(101, 130)],
        [stated(0, 30, by=NAMING)],
        [stated(0, 30, scope("http://issuer.example/other.crl"))],
        [stated(0, 30, scope(authorities=True))],
    ],
    ids=["none", "older", "after the certificate's end", "of a stranger", "of another place", "of authorities only"],
)
def test_without_a_statement_that_tells_it_is_undecided(statements: list[bytes]) -> None:
    with pytest.raises(Undecided, match="Signer"):
        require_known(START + 20 * DAY, *statements)


def test_a_certificate_that_names_no_place_is_as_good_as_its_path() -> None:
    own = make_agency(issuer=ISSUER)
    require_not_revoked([read_certificate(own.der), read_certificate(ISSUER.der)], START, [])
