"""Signed notes: the published example, each kind of signature, and what is refused."""

from __future__ import annotations

import datetime as dt

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA44PrivateKey
from hypothesis import given, settings
from hypothesis import strategies as st

from archive_verify.checkpoint import Checkpoint, parse_checkpoint
from archive_verify.errors import Malformed, Refused
from archive_verify.merkle import leaf_hash, node_hash
from archive_verify.notes import (
    Note,
    NoteSignature,
    SignatureType,
    VerifierKey,
    parse_note,
    parse_verifier_key,
    signed_message,
    signers,
    verified_signatures,
)
from archive_verify.proof import LogProof, parse_proof, require_logged

# The example of the signed-note specification.
EXAMPLE_KEY = "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k"
EXAMPLE_NOTE = """This is an example message.

— example.com/foo Uw2QOkn8srV1yJGh2VYRlL1Tnagv1YEq6TfXppzi2ONncAlTgK7Ztg1ERYNZXsYjOBH3mFXmRKuwHjG1Yu72IneyaQM=
""".encode()

ORIGIN = "archive.example/log"
WITNESS = "witness.example/w1"
ED25519 = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
MLDSA44 = MLDSA44PrivateKey.from_seed_bytes(bytes(range(32)))
LOG_KEY = VerifierKey(ORIGIN, SignatureType.ED25519, ED25519.public_key().public_bytes_raw())
LOG_KEY_PQ = VerifierKey(ORIGIN, SignatureType.COSIGNATURE_MLDSA44, MLDSA44.public_key().public_bytes_raw())
WITNESS_KEY = VerifierKey(WITNESS, SignatureType.COSIGNATURE_ED25519, ED25519.public_key().public_bytes_raw())
KEYS = (LOG_KEY, LOG_KEY_PQ, WITNESS_KEY)
AT = dt.datetime(2026, 11, 26, 8, tzinfo=dt.UTC)


def sign(text: str, key: VerifierKey) -> NoteSignature:
    seconds = int(AT.timestamp())
    message = signed_message(text, key.type, key.name, seconds)
    time = b"" if key.type is SignatureType.ED25519 else seconds.to_bytes(8)
    private = MLDSA44 if key.type is SignatureType.COSIGNATURE_MLDSA44 else ED25519
    return NoteSignature(key.name, key.id, time + private.sign(message))


ENTRY, OTHER = b"an entry", b"another"
CHECKPOINT = Checkpoint(ORIGIN, 2, node_hash(leaf_hash(ENTRY), leaf_hash(OTHER)))
SIGNED = Note(CHECKPOINT.text, tuple(sign(CHECKPOINT.text, key) for key in KEYS))
PROOF = LogProof(0, (leaf_hash(OTHER),), SIGNED.data)


def test_example_of_the_specification_verifies() -> None:
    key = parse_verifier_key(EXAMPLE_KEY)
    note = parse_note(EXAMPLE_NOTE)
    assert signers(note, [key]) == (key,)
    assert note.data == EXAMPLE_NOTE
    assert key.text == EXAMPLE_KEY


def test_each_kind_of_signature_verifies_and_cosignatures_state_their_time() -> None:
    signed = verified_signatures(parse_note(SIGNED.data), KEYS)
    assert [(signer.key, signer.at) for signer in signed] == [(LOG_KEY, None), (LOG_KEY_PQ, AT), (WITNESS_KEY, AT)]


@pytest.mark.parametrize("key", KEYS, ids=[key.type.name for key in KEYS])
def test_verifier_key_is_read_as_it_is_written(key: VerifierKey) -> None:
    assert parse_verifier_key(key.text + "\n") == key


def test_unknown_keys_are_passed_over() -> None:
    assert signers(SIGNED, [WITNESS_KEY]) == (WITNESS_KEY,)
    assert signers(SIGNED, []) == ()


def test_a_wrong_signature_of_a_known_key_refuses_the_note() -> None:
    other = Checkpoint(ORIGIN, 2, leaf_hash(b"other")).text
    for key in KEYS:
        with pytest.raises(Refused, match="does not fit"):
            signers(Note(CHECKPOINT.text, (sign(other, key),)), [key])


def test_a_cosignature_of_another_log_or_time_is_refused() -> None:
    elsewhere = Checkpoint("other.example/log", CHECKPOINT.size, CHECKPOINT.root).text
    for key in (LOG_KEY_PQ, WITNESS_KEY):
        with pytest.raises(Refused):
            signers(Note(elsewhere, (sign(CHECKPOINT.text, key),)), [key])
        signed = sign(CHECKPOINT.text, key)
        later = NoteSignature(signed.name, signed.key_id, (int(AT.timestamp()) + 1).to_bytes(8) + signed.signature[8:])
        with pytest.raises(Refused):
            signers(Note(CHECKPOINT.text, (later,)), [key])


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\n",
        b"text\n",
        b"text\n\n",
        EXAMPLE_NOTE[:-1],
        EXAMPLE_NOTE.replace(b"example message", b"example\tmessage"),
        EXAMPLE_NOTE + b"garbage\n",
        EXAMPLE_NOTE.replace("— ".encode(), b"- "),
        EXAMPLE_NOTE.replace(b"aQM=\n", b"aQN=\n"),
        b"\xff" + EXAMPLE_NOTE,
        b"\n\n" + EXAMPLE_NOTE.split(b"\n\n")[1],
    ],
)
def test_what_is_no_note_is_malformed(data: bytes) -> None:
    with pytest.raises(Malformed):
        parse_note(data)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "name",
        "name+00000000",
        EXAMPLE_KEY.replace("530d903a", "530d903b"),
        EXAMPLE_KEY.replace("example.com/foo", "example.com/fo"),
        EXAMPLE_KEY.replace("+Aeky", "+Beky"),
        EXAMPLE_KEY[:-4],
    ],
)
def test_what_is_no_verifier_key_is_malformed(text: str) -> None:
    with pytest.raises(Malformed):
        parse_verifier_key(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "origin\n1\n",
        CHECKPOINT.text + "extension\n",
        CHECKPOINT.text.replace("\n2\n", "\n02\n"),
        CHECKPOINT.text.replace("\n2\n", "\n-2\n"),
        CHECKPOINT.text.replace("\n2\n", "\n٢\n"),
        CHECKPOINT.text.replace(ORIGIN, ""),
        f"{ORIGIN}\n2\nAAAA\n",
    ],
)
def test_what_is_no_checkpoint_is_malformed(text: str) -> None:
    with pytest.raises(Malformed):
        parse_checkpoint(text)


def test_a_proof_is_read_as_it_is_written_and_holds() -> None:
    assert parse_proof(PROOF.data) == PROOF
    assert require_logged(ENTRY, PROOF, KEYS) == (CHECKPOINT, KEYS)


def test_a_proof_without_a_known_key_of_its_log_is_refused() -> None:
    with pytest.raises(Refused, match="No given key"):
        require_logged(ENTRY, PROOF, [WITNESS_KEY])


def test_a_proof_of_another_entry_is_refused() -> None:
    with pytest.raises(Refused, match="does not lead"):
        require_logged(OTHER, PROOF, KEYS)


@settings(max_examples=400)
@given(st.integers(0, len(PROOF.data) - 1), st.integers(1, 255))
def test_no_changed_byte_of_a_proof_stands(place: int, flip: int) -> None:
    """A signature line that was made another's is passed over, so one signer fewer stands behind the proof."""
    changed = bytearray(PROOF.data)
    changed[place] ^= flip
    try:
        _, signed = require_logged(ENTRY, parse_proof(bytes(changed)), KEYS)
    except Refused:
        return
    assert place >= PROOF.data.index("—".encode())
    assert len(signed) < len(KEYS)
