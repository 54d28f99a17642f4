"""Backdated entries are told by what stands before them."""

from __future__ import annotations

import datetime as dt

import pytest

from archive_verify.errors import Malformed
from archive_verify.log_history import CLOCK_SKEW, OutOfOrder, require_in_time_order

NOON = dt.datetime(2026, 11, 26, 12, tzinfo=dt.UTC)
SECOND = dt.timedelta(seconds=1)


def entry(at: dt.datetime) -> bytes:
    return f'{{"at":"{at:%Y-%m-%dT%H:%M:%S.%fZ}"}}'.encode()


def test_entries_in_order_and_within_the_skew_of_clocks_hold() -> None:
    times = [NOON, NOON + SECOND, NOON, NOON + SECOND - CLOCK_SKEW]
    assert require_in_time_order(map(entry, times)) == NOON + SECOND
    assert require_in_time_order([]) is None


def test_a_backdated_entry_is_out_of_order() -> None:
    with pytest.raises(OutOfOrder, match="although one before it"):
        require_in_time_order(map(entry, [NOON, NOON - CLOCK_SKEW - SECOND]))


def test_a_row_of_small_steps_back_is_out_of_order_too() -> None:
    times = [NOON - n * CLOCK_SKEW / 2 for n in range(4)]
    with pytest.raises(OutOfOrder):
        require_in_time_order(map(entry, times))


def test_it_goes_on_from_what_was_seen_before() -> None:
    with pytest.raises(OutOfOrder):
        require_in_time_order([entry(NOON)], since=NOON + CLOCK_SKEW + SECOND)


@pytest.mark.parametrize("wrong", [b"", b"[]", b"{}", b'{"at":1}', b'{"at":"x"}', b'{"at":"2026-11-26T12:00:00"}'])
def test_an_entry_without_a_time_is_malformed(wrong: bytes) -> None:
    with pytest.raises(Malformed):
        require_in_time_order([wrong])
