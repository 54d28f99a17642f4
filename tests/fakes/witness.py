"""A witness that signs whatever it is shown."""

from __future__ import annotations

from archive_verify.notes import Note, NoteSignature, SignatureType, VerifierKey, parse_note, signed_message
from tests.fakes.log_signer import known_keys

WITNESS = "witness.test/w1"
_KEY = known_keys(9).ed25519
WITNESS_KEY = VerifierKey(WITNESS, SignatureType.COSIGNATURE_ED25519, _KEY.public_key().public_bytes_raw())

# 26 November 2026, 08:00 UTC.
SECONDS = 1_795_680_000


def cosigned(note: bytes, seconds: int = SECONDS) -> bytes:
    """Return the checkpoint's text with the witness's signature alone, made at that time."""
    text = parse_note(note).text
    signature = _KEY.sign(signed_message(text, WITNESS_KEY.type, WITNESS, seconds))
    return Note(text, (NoteSignature(WITNESS, WITNESS_KEY.id, seconds.to_bytes(8) + signature),)).data
