"""The log's keys: kept in one file, changed with an overlap, and what they sign."""

from __future__ import annotations

import datetime as dt

import pytest

from archive_service.errors import Misconfigured
from archive_service.evidence.receipt import Receipt
from archive_service.evidence.signer import LogSigner, dump_log_keys, generate_log_keys, load_log_keys
from archive_service.model.identifiers import RecordId
from archive_service.model.record import ContentDigest
from archive_verify.checkpoint import Checkpoint
from archive_verify.notes import SignatureType, parse_note, signers, verified_signatures

ORIGIN = "archive.example/log"
AT = dt.datetime(2026, 11, 26, 8, 30, tzinfo=dt.UTC)
CHECKPOINT = Checkpoint(ORIGIN, 3, bytes(range(32)))
OLD, NEW = generate_log_keys(), generate_log_keys()


def test_a_checkpoint_carries_a_signature_of_each_kind() -> None:
    signer = LogSigner(ORIGIN, [OLD])
    signed = verified_signatures(parse_note(signer.sign_checkpoint(CHECKPOINT, AT).data), signer.verifier_keys)
    assert [(one.key.type, one.at) for one in signed] == [
        (SignatureType.ED25519, None),
        (SignatureType.COSIGNATURE_MLDSA44, AT),
    ]


def test_while_keys_change_who_knows_either_generation_can_check() -> None:
    note = parse_note(LogSigner(ORIGIN, [OLD, NEW]).sign_checkpoint(CHECKPOINT, AT).data)
    for keys in (OLD, NEW):
        assert signers(note, keys.verifier_keys(ORIGIN)) == keys.verifier_keys(ORIGIN)


def test_a_text_is_signed_by_the_ed25519_key_of_each_generation_and_always_the_same() -> None:
    signer = LogSigner(ORIGIN, [OLD, NEW])
    note = signer.sign_text("text\n")
    assert signers(note, signer.verifier_keys) == tuple(keys.verifier_keys(ORIGIN)[0] for keys in (OLD, NEW))
    assert note == signer.sign_text("text\n")


def test_a_checkpoint_of_another_log_is_never_signed() -> None:
    with pytest.raises(ValueError, match="another log"):
        LogSigner("other.example/log", [OLD]).sign_checkpoint(CHECKPOINT, AT)


def test_keys_are_read_as_they_were_kept() -> None:
    kept = load_log_keys(dump_log_keys([OLD, NEW]))
    assert [keys.verifier_keys(ORIGIN) for keys in kept] == [keys.verifier_keys(ORIGIN) for keys in (OLD, NEW)]


@pytest.mark.parametrize(
    "pem",
    [
        b"",
        b"nothing",
        OLD.pem().split(b"-----END PRIVATE KEY-----\n")[0] + b"-----END PRIVATE KEY-----\n",
        OLD.pem().replace(b"M", b"N", 1),
        b"".join(reversed(OLD.pem().partition(b"-----END PRIVATE KEY-----\n"))),
    ],
)
def test_another_file_is_refused_and_nothing_of_it_shown(pem: bytes) -> None:
    with pytest.raises(Misconfigured) as raised:
        load_log_keys(pem)
    assert raised.value.code == "log-key-file-wrong"


def test_keys_show_nothing_of_themselves() -> None:
    secret = OLD.ed25519.private_bytes_raw().hex()
    assert secret not in repr(OLD)
    assert "pem" not in repr(LogSigner(ORIGIN, [OLD]))


def test_receipt_is_two_lines_and_always_the_same() -> None:
    receipt = Receipt(
        RecordId("0193a4c1-7b1c-7000-8000-000000000001"),
        ContentDigest(3, "a" * 64, "b" * 128),
        "c" * 64,
        7,
        b"entry",
        AT,
        86_400,
    )
    assert receipt.text == (
        "archive-service/receipt/v1\n"
        f'{{"entry":"ZW50cnk=","idempotency_key_sha256":"{"c" * 64}","index":7,'
        '"issued_at":"2026-11-26T08:30:00.000000Z",'
        '"maximum_merge_delay_seconds":86400,"record":"0193a4c1-7b1c-7000-8000-000000000001",'
        f'"sha256":"{"a" * 64}","sha512":"{"b" * 128}"}}\n'
    )
