"""Addresses of tiles and bundles of entries."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from archive_service.evidence.tiles import TileAddress, entry_bundle, parse_entry_bundle, parse_tile_address
from archive_verify.errors import Malformed


@pytest.mark.parametrize(
    ("address", "path"),
    [
        (TileAddress(0, 0), "0/000"),
        (TileAddress(63, 999), "63/999"),
        (TileAddress(1, 1000), "1/x001/000"),
        (TileAddress(0, 1234067), "0/x001/x234/067"),
        (TileAddress(2, 0, 1), "2/000.p/1"),
        (TileAddress(None, 273, 112), "entries/273.p/112"),
        (TileAddress(None, 3), "entries/003"),
    ],
)
def test_address_is_written_and_read_as_specified(address: TileAddress, path: str) -> None:
    assert address.path == path
    assert parse_tile_address(path) == address


@given(st.one_of(st.none(), st.integers(0, 63)), st.integers(0, 2**55), st.integers(1, 256))
def test_every_address_is_read_as_it_is_written(level: int | None, number: int, width: int) -> None:
    assert parse_tile_address(TileAddress(level, number, width).path) == TileAddress(level, number, width)


@pytest.mark.parametrize(
    "text",
    ["", "0", "0/0", "00/000", "64/000", "0/x000/001", "0/000.p/0", "0/000.p/256", "0/000.p/017", "0/001/002", "x/000",
     "entries", "entries/x001", "0/000.p/", "-1/000", "0/٠٠٠", "0/000/", "0/../000"],
)  # fmt: skip
def test_what_is_no_address_is_malformed(text: str) -> None:
    with pytest.raises(Malformed):
        parse_tile_address(text)


@given(st.lists(st.binary(max_size=400), max_size=20), st.data())
def test_bundle_is_read_as_it_is_written_and_never_when_cut(entries: list[bytes], data: st.DataObject) -> None:
    bundle = entry_bundle(entries)
    assert parse_entry_bundle(bundle) == entries
    if bundle:
        cut = data.draw(st.integers(0, len(bundle) - 1))
        try:
            assert len(parse_entry_bundle(bundle[:cut])) < len(entries)
        except Malformed:
            return
