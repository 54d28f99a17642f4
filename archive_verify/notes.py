"""Signed notes and the keys that verify them (C2SP signed-note), with cosignatures (C2SP tlog-cosignature).

A signature line of an unknown key is passed over, as the standard demands; one of a known key that does not verify
refuses the whole note.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA44PublicKey

from archive_verify.checkpoint import parse_checkpoint
from archive_verify.encoding import decode_base64, encode_base64
from archive_verify.errors import Malformed, Refused

# What a note may be at most: sixteen post-quantum signatures and their text fit many times.
MAX_NOTE_BYTES = 1 << 20
MAX_SIGNATURES = 64

_DASH = "\u2014 "
_KEY_ID_BYTES = 4
_TIME_BYTES = 8


class SignatureType(IntEnum):
    """How a key signs: the type byte of the standard."""

    ED25519 = 0x01
    COSIGNATURE_ED25519 = 0x04
    COSIGNATURE_MLDSA44 = 0x06


_PUBLIC_KEY_BYTES = {
    SignatureType.ED25519: 32,
    SignatureType.COSIGNATURE_ED25519: 32,
    SignatureType.COSIGNATURE_MLDSA44: 1312,
}
_SIGNATURE_BYTES = {
    SignatureType.ED25519: 64,
    SignatureType.COSIGNATURE_ED25519: _TIME_BYTES + 64,
    SignatureType.COSIGNATURE_MLDSA44: _TIME_BYTES + 2420,
}


@dataclass(frozen=True, slots=True)
class VerifierKey:
    """A key that signatures are checked with: its name, how it signs, and the public key's raw bytes."""

    name: str
    type: SignatureType
    public_key: bytes

    @property
    def id(self) -> bytes:
        """The four bytes that stand for the key, with its name, in a signature line."""
        named = self.name.encode() + b"\n" + bytes([self.type]) + self.public_key
        return hashlib.sha256(named).digest()[:_KEY_ID_BYTES]

    @property
    def text(self) -> str:
        """The key as one line (a vkey)."""
        return f"{self.name}+{self.id.hex()}+{encode_base64(bytes([self.type]) + self.public_key)}"


@dataclass(frozen=True, slots=True)
class NoteSignature:
    """One signature line: the signer's name and key id, and what stands behind it (in cosignatures a time first)."""

    name: str
    key_id: bytes
    signature: bytes

    @property
    def line(self) -> str:
        """The line, with its newline."""
        return f"{_DASH}{self.name} {encode_base64(self.key_id + self.signature)}\n"


@dataclass(frozen=True, slots=True)
class Note:
    """A text that ends in a newline, and its signatures."""

    text: str
    signatures: tuple[NoteSignature, ...]

    @property
    def data(self) -> bytes:
        """The bytes of the note."""
        return (self.text + "\n" + "".join(one.line for one in self.signatures)).encode()


@dataclass(frozen=True, slots=True)
class Signer:
    """A key whose signature holds, and the time it states, which only cosignatures do."""

    key: VerifierKey
    at: dt.datetime | None


def parse_note(data: bytes) -> Note:
    """Return the note; nothing of it has been verified yet. Raises Malformed."""
    if len(data) > MAX_NOTE_BYTES:
        raise Malformed("The note is too long.")
    try:
        whole = data.decode("utf-8")
    except UnicodeDecodeError as wrong:
        raise Malformed("The note is not UTF-8.") from wrong
    if any(letter < " " and letter != "\n" for letter in whole):
        raise Malformed("The note holds a control character.")
    text, blank, signed = whole.rpartition("\n\n")
    if not blank or not text or not signed.endswith("\n"):
        raise Malformed("The note has no text, no signatures, or does not end in a newline.")
    lines = signed.removesuffix("\n").split("\n")
    if len(lines) > MAX_SIGNATURES:
        raise Malformed(f"The note has more than {MAX_SIGNATURES} signatures.")
    return Note(text + "\n", tuple(parse_signature(line) for line in lines))


def parse_signature(line: str) -> NoteSignature:
    """Return the signature that a line (without its newline) holds. Raises Malformed."""
    name, space, value = line.removeprefix(_DASH).partition(" ")
    if not line.startswith(_DASH) or not space:
        raise Malformed("A signature line of the note has not the form of one.")
    signature = decode_base64(value)
    if not _is_key_name(name) or len(signature) <= _KEY_ID_BYTES:
        raise Malformed("A signature line of the note has no key name or no signature.")
    return NoteSignature(name, signature[:_KEY_ID_BYTES], signature[_KEY_ID_BYTES:])


def parse_verifier_key(text: str) -> VerifierKey:
    """Return the key that one line states (a vkey). Raises Malformed, also for a key id that is not the key's."""
    name, plus, rest = text.strip().partition("+")
    key_id, plus2, encoded = rest.partition("+")
    if not plus or not plus2 or not _is_key_name(name):
        raise Malformed("A verifier key has the form NAME+ID+KEY.")
    value = decode_base64(encoded)
    try:
        kind = SignatureType(value[0])
    except (IndexError, ValueError) as wrong:
        raise Malformed(f"The verifier key of {name!r} is of an unknown type.") from wrong
    key = VerifierKey(name, kind, value[1:])
    if len(key.public_key) != _PUBLIC_KEY_BYTES[kind] or key.id.hex() != key_id:
        raise Malformed(f"The verifier key of {name!r} is damaged.")
    return key


def signers(note: Note, keys: Sequence[VerifierKey]) -> tuple[VerifierKey, ...]:
    """Return which of the keys signed the note, each once, in the note's order.

    Raises Refused when a line of one of the keys does not verify. No key at all is an empty answer, not an error.
    """
    return tuple(signer.key for signer in verified_signatures(note, keys))


def verified_signatures(note: Note, keys: Sequence[VerifierKey]) -> tuple[Signer, ...]:
    """Return the signers of the note with the times they state; as ``signers`` otherwise."""
    known = {(key.name, key.id): key for key in keys}
    found: dict[VerifierKey, Signer] = {}
    for signature in note.signatures:
        key = known.get((signature.name, signature.key_id))
        if key is not None:
            found.setdefault(key, verify_signature(note.text, signature, key))
    return tuple(found.values())


def verify_signature(text: str, signature: NoteSignature, key: VerifierKey) -> Signer:
    """Return the signer when this key's signature on the text holds. Raises Refused."""
    if len(signature.signature) != _SIGNATURE_BYTES[key.type]:
        raise Refused(f"A signature of {key.name!r} has another length than its kind.")
    at, seconds, value = None, 0, signature.signature
    if key.type is not SignatureType.ED25519:
        seconds, value = int.from_bytes(value[:_TIME_BYTES]), value[_TIME_BYTES:]
        at = _instant(seconds)
    message = signed_message(text, key.type, key.name, seconds)
    try:
        if key.type is SignatureType.COSIGNATURE_MLDSA44:
            MLDSA44PublicKey.from_public_bytes(key.public_key).verify(value, message)
        else:
            Ed25519PublicKey.from_public_bytes(key.public_key).verify(value, message)
    except (InvalidSignature, ValueError) as wrong:
        raise Refused(f"The signature of {key.name!r} does not fit the note.") from wrong
    return Signer(key, at)


def signed_message(text: str, kind: SignatureType, name: str, seconds: int) -> bytes:
    """Return the bytes that a key of that kind and name signs for a note's text at a time (seconds of POSIX).

    Source: signed-note, Ed25519 signatures; tlog-cosignature, Ed25519 and ML-DSA-44 signed message. Cosignatures are
    of checkpoints only: any other text raises Malformed.
    """
    if kind is SignatureType.ED25519:
        return text.encode()
    checkpoint = parse_checkpoint(text)
    if kind is SignatureType.COSIGNATURE_ED25519:
        return f"cosignature/v1\ntime {seconds}\n{text}".encode()
    return b"".join(
        (
            b"subtree/v1\n\0",
            _short(name),
            struct.pack(">Q", seconds),
            _short(checkpoint.origin),
            struct.pack(">QQ", 0, checkpoint.size),
            checkpoint.root,
        )
    )


def _short(name: str) -> bytes:
    value = name.encode()
    if not 1 <= len(value) <= 255:
        raise Malformed("A name has between 1 and 255 bytes.")
    return bytes([len(value)]) + value


def _instant(seconds: int) -> dt.datetime:
    try:
        return dt.datetime.fromtimestamp(seconds, dt.UTC)
    except (ValueError, OverflowError, OSError) as wrong:
        raise Refused("A cosignature states a time that does not exist.") from wrong


def _is_key_name(name: str) -> bool:
    return bool(name) and "+" not in name and not any(letter.isspace() for letter in name)
