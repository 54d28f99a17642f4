"""A witness that signs whatever it is shown."""

from __future__ import annotations

from archive_verify.notes import Note, NoteSignature, SignatureType, VerifierKey, parse_note, signed_message
from tests.fakes.log_signer import known_keys

WITNESS = "witness.test/w1"
_KEYS = known_keys(9)
WITNESS_KEY = VerifierKey(WITNESS, SignatureType.COSIGNATURE_ED25519, _KEYS.ed25519.public_key().public_bytes_raw())
LASTING_KEY = VerifierKey(WITNESS, SignatureType.COSIGNATURE_MLDSA44, _KEYS.mldsa44.public_key().public_bytes_raw())

# 26 November 2026, 08:00 UTC.
SECONDS = 1_795_680_000


def cosigned(note: bytes, seconds: int = SECONDS, *, lasting: bool = False) -> bytes:
    """Return the checkpoint's text with the witness's signature alone, made at that time.

    ``lasting``: with that of its other key, too.
    """
    text = parse_note(note).text
    signatures = [_KEYS.ed25519.sign(signed_message(text, WITNESS_KEY.type, WITNESS, seconds))]
    if lasting:
        signatures.append(_KEYS.mldsa44.sign(signed_message(text, LASTING_KEY.type, WITNESS, seconds)))
    keys = (WITNESS_KEY, LASTING_KEY)
    lines = [NoteSignature(WITNESS, k.id, seconds.to_bytes(8) + s) for k, s in zip(keys, signatures, strict=False)]
    return Note(text, tuple(lines)).data
