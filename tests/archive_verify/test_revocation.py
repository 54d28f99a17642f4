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
from archive_verify.errors import Refused
from archive_verify.timestamp import Token, require_trusted
from tests.fakes.clock import START, MovableClock
from tests.fakes.randomness import CountedRandomness

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
