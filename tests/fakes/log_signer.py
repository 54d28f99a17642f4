"""A signer whose keys are the same in every run."""

from __future__ import annotations

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA44PrivateKey

from archive_service.evidence.signer import LogKeys, LogSigner

ORIGIN = "archive.test/log"


def known_keys(number: int = 1) -> LogKeys:
    """Return one generation of keys."""
    seed = bytes([number]) * 32
    return LogKeys(Ed25519PrivateKey.from_private_bytes(seed), MLDSA44PrivateKey.from_seed_bytes(seed))


def signer(*numbers: int, origin: str = ORIGIN) -> LogSigner:
    """Return a signer with these generations of keys, by default one."""
    return LogSigner(origin, [known_keys(number) for number in numbers or (1,)])
