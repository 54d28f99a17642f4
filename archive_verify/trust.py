"""What the auditor trusts. It comes from his own files, never from the package that he checks."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from pathlib import Path

from asn1crypto import parser, pem
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import load_pem_x509_certificates

from archive_verify.certificates import read_certificate
from archive_verify.checkpoint import parse_checkpoint
from archive_verify.consistency import Consistency, parse_consistency
from archive_verify.der import reading
from archive_verify.errors import Malformed
from archive_verify.notes import Note, VerifierKey, parse_note, parse_verifier_key


@dataclass(frozen=True, slots=True)
class Trust:
    """Keys of the log and of witnesses, roots for time-stamps and for signatures, and the instant of the check.

    Roots are DER, as are ``revocation``: lists and OCSP answers that the auditor fetched himself, for they prove
    themselves by their signatures and may come from anywhere. ``seen`` are checkpoints that he kept, ``consistency``
    the proofs from one to another.
    """

    now: dt.datetime
    log_keys: tuple[VerifierKey, ...] = ()
    witness_keys: tuple[VerifierKey, ...] = ()
    tsa_roots: tuple[bytes, ...] = ()
    agency_roots: tuple[bytes, ...] = ()
    revocation: tuple[bytes, ...] = ()
    seen: tuple[Note, ...] = ()
    consistency: tuple[Consistency, ...] = ()


def read_keys(path: Path) -> tuple[VerifierKey, ...]:
    """Return the verifier keys in a file, one a line; lines that begin with # are passed over.

    Raises Malformed, also when there is no key; OSError.
    """
    try:
        lines = path.read_text("utf-8").splitlines()
    except UnicodeDecodeError as wrong:
        raise Malformed(f"{path} holds no verifier keys.") from wrong
    keys = tuple(parse_verifier_key(line) for line in lines if line.strip() and not line.startswith("#"))
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


def read_statements(path: Path) -> tuple[bytes, ...]:
    """Return the revocation list or OCSP answer in a PEM or DER file, as DER. Raises Malformed, OSError."""
    data = path.read_bytes()
    with reading(f"revocation statement in {path}"):
        if pem.detect(data):
            return tuple(der for _, _, der in pem.unarmor(data, multiple=True))
        parser.parse(data, strict=True)
        return (data,)


def read_checkpoint(path: Path) -> tuple[Note]:
    """Return the checkpoint in a file, as the log gives it out; its signatures are not checked here.

    Raises Malformed, OSError.
    """
    note = parse_note(path.read_bytes())
    parse_checkpoint(note.text)
    return (note,)


def read_consistency(path: Path) -> tuple[Consistency]:
    """Return the consistency proof in a file. Raises Malformed, OSError."""
    return (parse_consistency(path.read_bytes()),)
