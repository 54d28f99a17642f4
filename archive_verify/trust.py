"""What the auditor trusts. It comes from his own files, never from the package that he checks."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from pathlib import Path

from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import load_pem_x509_certificates

from archive_verify.certificates import read_certificate
from archive_verify.errors import Malformed
from archive_verify.notes import VerifierKey, parse_verifier_key


@dataclass(frozen=True, slots=True)
class Trust:
    """Keys of the log and of witnesses, DER roots for time-stamps and for signatures, and the instant of the check."""

    now: dt.datetime
    log_keys: tuple[VerifierKey, ...] = ()
    witness_keys: tuple[VerifierKey, ...] = ()
    tsa_roots: tuple[bytes, ...] = ()
    agency_roots: tuple[bytes, ...] = ()


def read_keys(path: Path) -> tuple[VerifierKey, ...]:
    """Return the verifier keys in a file, one a line. Raises Malformed, also when there is none; OSError."""
    try:
        lines = path.read_text("ascii").splitlines()
    except UnicodeDecodeError as wrong:
        raise Malformed(f"{path} holds no verifier keys.") from wrong
    keys = tuple(parse_verifier_key(line) for line in lines if line.strip())
    if not keys:
        raise Malformed(f"{path} holds no verifier key.")
    return keys


def read_roots(path: Path) -> tuple[bytes, ...]:
    """Return the certificates in a PEM or DER file, as DER. Raises Malformed, OSError."""
    data = path.read_bytes()
    if b"-----BEGIN" not in data:
        return (read_certificate(data).dump(),)
    try:
        return tuple(one.public_bytes(Encoding.DER) for one in load_pem_x509_certificates(data))
    except ValueError as wrong:
        raise Malformed(f"{path} holds no certificate.") from wrong
