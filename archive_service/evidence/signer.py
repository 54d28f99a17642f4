"""The log's keys: made, kept as PKCS#8 in one file, and what they sign.

Each generation of keys is an Ed25519 key, which every tool can check, and an ML-DSA-44 key beside it, for the time when
quantum computers break the first (C2SP signed-note, tlog-cosignature). The file holds one generation, or two while
keys are being changed: then both sign every checkpoint, so that who knows either key can check it. The last in the
file is the newest. Private keys never leave this module but for their file.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Sequence
from dataclasses import dataclass

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA44PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from archive_service.errors import Message, Misconfigured
from archive_verify.checkpoint import Checkpoint
from archive_verify.notes import Note, NoteSignature, SignatureType, VerifierKey, signed_message

_PEM = re.compile(rb"-----BEGIN PRIVATE KEY-----.+?-----END PRIVATE KEY-----\n?", re.DOTALL)


@dataclass(frozen=True, repr=False)
class LogKeys:
    """The two keys of one generation."""

    ed25519: Ed25519PrivateKey
    mldsa44: MLDSA44PrivateKey

    def pem(self) -> bytes:
        """Return both keys as PKCS#8, unencrypted: for their file only."""
        form = (Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        return self.ed25519.private_bytes(*form) + self.mldsa44.private_bytes(*form)

    def verifier_keys(self, origin: str) -> tuple[VerifierKey, VerifierKey]:
        """Return what others check the signatures of the two with."""
        return (
            VerifierKey(origin, SignatureType.ED25519, self.ed25519.public_key().public_bytes_raw()),
            VerifierKey(origin, SignatureType.COSIGNATURE_MLDSA44, self.mldsa44.public_key().public_bytes_raw()),
        )


def generate_log_keys() -> LogKeys:
    """Return a new generation of keys."""
    return LogKeys(Ed25519PrivateKey.generate(), MLDSA44PrivateKey.generate())


def load_log_keys(pem: bytes) -> tuple[LogKeys, ...]:
    """Return the generations of keys in a file, oldest first. Raises Misconfigured, which shows nothing of them."""
    try:
        keys = [load_pem_private_key(block, None) for block in _PEM.findall(pem)]
    except (ValueError, TypeError) as wrong:
        raise _wrong_key_file() from wrong
    generations = []
    for first, second in zip(keys[::2], keys[1::2], strict=False):
        if not isinstance(first, Ed25519PrivateKey) or not isinstance(second, MLDSA44PrivateKey):
            raise _wrong_key_file()
        generations.append(LogKeys(first, second))
    if not generations or len(keys) % 2:
        raise _wrong_key_file()
    return tuple(generations)


def dump_log_keys(generations: Sequence[LogKeys]) -> bytes:
    """Return the bytes of the key file."""
    return b"".join(keys.pem() for keys in generations)


class LogSigner:
    """Signs for the log of one origin, with all its generations of keys. Implements ``LogSigning``."""

    def __init__(self, origin: str, generations: Sequence[LogKeys]) -> None:
        self.origin = origin
        self.generations = tuple(generations)
        # Told once: making a public key of a private one and naming it takes as long as signing.
        self._pairs = tuple((keys, key) for keys in generations for key in keys.verifier_keys(origin))
        self.verifier_keys = tuple(key for _, key in self._pairs)

    def sign_checkpoint(self, checkpoint: Checkpoint, at: dt.datetime) -> Note:
        """Return the checkpoint with a signature of each key; the ML-DSA-44 ones state the time.

        The tree must be an extension of every tree signed before: the caller has made sure of that.
        """
        if checkpoint.origin != self.origin:
            raise ValueError("a checkpoint of another log")
        seconds = int(at.timestamp())
        return Note(
            checkpoint.text,
            tuple(self._sign(keys, key, checkpoint.text, seconds) for keys, key in self._pairs),
        )

    def sign_text(self, text: str) -> Note:
        """Return the text with a signature of each Ed25519 key: the same bytes while the keys are the same."""
        return Note(
            text,
            tuple(self._sign(keys, key, text, 0) for keys, key in self._pairs if key.type is SignatureType.ED25519),
        )

    @staticmethod
    def _sign(keys: LogKeys, key: VerifierKey, text: str, seconds: int) -> NoteSignature:
        message = signed_message(text, key.type, key.name, seconds)
        if key.type is SignatureType.ED25519:
            return NoteSignature(key.name, key.id, keys.ed25519.sign(message))
        return NoteSignature(key.name, key.id, seconds.to_bytes(8) + keys.mldsa44.sign(message))


def _wrong_key_file() -> Misconfigured:
    return Misconfigured(
        Message(
            "The log's key file is not one that this service made: PKCS#8, an Ed25519 and an ML-DSA-44 key for each "
            "generation. Put the right file in its place; do not make a new one.",
            "Tệp khoá của nhật ký không phải do dịch vụ này tạo (PKCS#8, mỗi đời gồm một khoá Ed25519 và một khoá "
            "ML-DSA-44). Hãy đặt lại đúng tệp; không tạo tệp mới.",
        ),
        code="log-key-file-wrong",
    )
