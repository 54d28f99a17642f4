"""Digests are those that the standard publishes, however the bytes come."""

from __future__ import annotations

from pathlib import Path

import pytest

from archive_service.storage.digests import BLOCK_BYTES, Digester, blocks_of, blocks_of_file, digest_of

# FIPS 180-4's example messages, as published by NIST ("Examples with Intermediate Values").
VECTORS = [
    (
        b"abc",
        "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
        "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a"
        "2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f",
    ),
    (
        b"a" * 1_000_000,
        "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0",
        "e718483d0ce769644e2e42c7bc15b4638e1f98b13b2044285632a803afa973eb"
        "de0ff244877ea60a4cb0432ce577c31beb009c5c2c49aa2e4eadb217ad8cc09b",
    ),
]


@pytest.mark.parametrize(("message", "sha256", "sha512"), VECTORS)
def test_published_examples_are_met_from_memory_and_from_a_file(
    tmp_path: Path, message: bytes, sha256: str, sha512: str
) -> None:
    file = tmp_path / "message"
    file.write_bytes(message)
    for digest in (digest_of(message), digest_of(file)):
        assert (digest.size_bytes, digest.sha256, digest.sha512) == (len(message), sha256, sha512)


def test_the_way_bytes_are_cut_does_not_matter() -> None:
    digester = Digester()
    message = bytes(range(250)) * 4
    for start in range(0, len(message), 7):
        digester.update(message[start : start + 7])
    assert digester.digest() == digest_of(message)


def test_a_file_comes_in_blocks_and_up_to_a_length(tmp_path: Path) -> None:
    file = tmp_path / "large"
    file.write_bytes(bytes(2 * BLOCK_BYTES + 5))
    assert [len(block) for block in blocks_of(file)] == [BLOCK_BYTES, BLOCK_BYTES, 5]
    with file.open("rb") as opened:
        assert [len(block) for block in blocks_of_file(opened, BLOCK_BYTES + 1)] == [BLOCK_BYTES, 1]
    assert list(blocks_of(b"")) == []
