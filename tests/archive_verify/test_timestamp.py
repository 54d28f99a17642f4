"""Time-stamp replies of other makers (trailofbits/rfc3161-client test data), and revocation statements made here."""

from __future__ import annotations

import datetime as dt
import hashlib
from pathlib import Path

import pytest
from asn1crypto import tsp
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from archive_verify.errors import Malformed, Refused, Undecided
from archive_verify.timestamp import Token, read_token, require_stamped, require_trusted

TRUSTED = [
    "sigstage/response-sha256.tsr",
    "sigstage/response-sha384.tsr",
    "sigstage/response-sha512.tsr",
    "sigstage/response-no-embedded-cert.tsr",
    "sigstore.mock/response-expired.tsr",  # its certificate has ended since, but was valid at the token's time
    "test_tsa/response.tsr",
    "test_tsa/response-injected-certs.tsr",  # certificates that lead nowhere stand before the signer's
]


def chain_of(path: Path) -> list[bytes]:
    kept = (path.parent / "ts_chain.pem").read_bytes()
    if not kept.startswith(b"-----"):
        return [kept]
    return [one.public_bytes(Encoding.DER) for one in x509.load_pem_x509_certificates(kept)]


def roots_of(chain: list[bytes]) -> list[bytes]:
    loaded = [(x509.load_der_x509_certificate(der), der) for der in chain]
    return [der for certificate, der in loaded if certificate.subject == certificate.issuer]


def token_of(path: Path) -> Token:
    reply = tsp.TimeStampResp.load(path.read_bytes(), strict=True)
    return read_token(reply["time_stamp_token"].dump(), chain_of(path))


@pytest.fixture
def folder(shared_data: Path) -> Path:
    return shared_data / "rfc3161"


@pytest.mark.parametrize("name", TRUSTED)
def test_token_leads_to_its_root_at_its_own_time(folder: Path, name: str) -> None:
    chain = chain_of(folder / name)
    token = token_of(folder / name)
    require_trusted(token, roots_of(chain), chain, token.at)


def test_token_whose_issuer_publishes_revocations_is_undecided_without_any(folder: Path) -> None:
    path = folder / "identrust" / "issue-104.tsr"
    chain, token = chain_of(path), token_of(path)
    with pytest.raises(Undecided, match="whether it was revoked cannot be told"):
        require_trusted(token, roots_of(chain), chain, token.at)


def test_token_with_another_signature_is_refused(folder: Path) -> None:
    with pytest.raises(Refused, match="not that of the key"):
        token_of(folder / "sigstage" / "response-invalid-signature.tsr")


def test_token_of_another_authority_with_the_same_name_is_not_trusted(folder: Path) -> None:
    path = folder / "test_tsa" / "other_response.tsr"
    chain, token = chain_of(path), token_of(path)
    with pytest.raises(Refused, match="not signed by its issuer"):
        require_trusted(token, roots_of(chain), chain, token.at)


def test_token_whose_signer_is_nowhere_is_undecided(folder: Path) -> None:
    reply = tsp.TimeStampResp.load((folder / "sigstage" / "response-no-embedded-cert.tsr").read_bytes())
    with pytest.raises(Undecided):
        read_token(reply["time_stamp_token"].dump())


def test_trust_without_roots_is_undecided(folder: Path) -> None:
    token = token_of(folder / "sigstage" / "response-sha256.tsr")
    with pytest.raises(Undecided):
        require_trusted(token, [], [], token.at)


@pytest.mark.parametrize("years", [-20, 50])
def test_token_is_not_trusted_when_its_certificate_was_not_valid(folder: Path, years: int) -> None:
    path = folder / "sigstage" / "response-sha256.tsr"
    chain, token = chain_of(path), token_of(path)
    with pytest.raises(Refused, match="was not valid at"):
        require_trusted(token, roots_of(chain), chain, token.at + dt.timedelta(days=365 * years))


def test_token_stamps_its_digest_and_no_other(folder: Path) -> None:
    token = token_of(folder / "sigstage" / "response-sha256.tsr")
    require_stamped(token, hashlib.sha256(b"hello").digest(), "sha256")
    with pytest.raises(Refused, match="something else"):
        require_stamped(token, hashlib.sha256(b"hallo").digest())
    with pytest.raises(Refused, match="not over sha512"):
        require_stamped(token, hashlib.sha256(b"hello").digest(), "sha512")


@pytest.mark.parametrize("der", [b"", b"\x30\x00", b"\x05\x00", b"\x30\x80\x00\x00", bytes(500)])
def test_garbage_is_malformed(der: bytes) -> None:
    with pytest.raises(Malformed):
        read_token(der)
