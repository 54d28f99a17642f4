"""Each filter unpacks what the reference implementations pack, and stops at its budget."""

from __future__ import annotations

import base64
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from archive_service.pdf.inflate import BadStream, InflatesTooFar, UnknownFilter, _base_85, unpacked_bytes


def length(data: bytes, *filters: str, budget: int = 1 << 30) -> int:
    return unpacked_bytes(memoryview(data), list(filters), budget)


@given(st.binary(max_size=2000))
def test_every_chain_of_filters_tells_the_true_length(data: bytes) -> None:
    packed = zlib.compress(data)
    assert length(packed, "FlateDecode") == len(data)
    assert length(zlib.compress(packed), "FlateDecode", "FlateDecode") == len(data)
    assert length(base64.a85encode(packed) + b"~>", "ASCII85Decode", "FlateDecode") == len(data)
    assert length(packed.hex().encode() + b">", "ASCIIHexDecode", "FlateDecode") == len(data)
    assert length(data) == len(data)


@given(st.lists(st.one_of(st.binary(min_size=1, max_size=9), st.just(bytes(4))), max_size=60).map(b"".join))
def test_base_85_is_read_as_it_was_written_whatever_stands_between(data: bytes) -> None:
    written = base64.a85encode(data, wrapcol=17) + b"\n~>"
    for portion in (1, 3, 65_536):
        cut = (written[at : at + portion] for at in range(0, len(written), portion))
        assert b"".join(_base_85(cut)) == data


@pytest.mark.parametrize("wrong", [b"ab z~>", b"abcdez\x7f~>", b"v~>", b"abcde\xff"])
def test_base_85_of_other_letters_or_a_z_within_a_group_is_bad(wrong: bytes) -> None:
    with pytest.raises(BadStream):
        list(_base_85([wrong]))


@given(st.binary(max_size=300))
def test_run_length_tells_the_true_length(data: bytes) -> None:
    literal = b"".join(bytes([0, byte]) for byte in data)
    assert length(literal + b"\x80", "RunLengthDecode") == len(data)
    assert length(b"\x81a\x80", "RunLengthDecode") == 128


def test_lzw_reads_the_example_of_the_standard() -> None:
    # ISO 32000-2 §7.4.4.2, example 1: ten bytes.
    assert length(bytes.fromhex("800B6050220C0C8501"), "LZWDecode") == 10


def test_codes_of_images_end_a_chain() -> None:
    assert length(zlib.compress(b"jpeg" * 100), "FlateDecode", "DCTDecode") == 400
    assert length(b"jpeg", "DCTDecode") == 4


def test_a_budget_is_never_exceeded_by_any_link_of_a_chain() -> None:
    bomb = zlib.compress(zlib.compress(bytes(10_000_000)))
    with pytest.raises(InflatesTooFar):
        length(bomb, "FlateDecode", "FlateDecode", budget=1_000_000)
    with pytest.raises(InflatesTooFar):
        length(zlib.compress(bytes(2_000_000)), "FlateDecode", "DCTDecode", budget=1_000_000)


def test_data_that_are_not_what_their_filter_says_are_bad_not_long() -> None:
    for name in ("FlateDecode", "ASCIIHexDecode", "ASCII85Decode"):
        with pytest.raises(BadStream):
            length(b"xyz\xff\xfe", name)


def test_an_unknown_filter_or_a_chain_without_end_is_told() -> None:
    with pytest.raises(UnknownFilter):
        length(b"", "NoSuchDecode")
    with pytest.raises(UnknownFilter):
        length(b"", *["FlateDecode"] * 9)
