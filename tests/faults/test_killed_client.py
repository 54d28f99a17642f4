"""`deposit-folder` killed at every step of a row: run again, it ends with one record for each row."""

from __future__ import annotations

from tests.faults.kills import TIMES, kill_folder_deposits
from tests.faults.place import Place


def test_folder_deposit_killed_at_every_step_of_every_row_leaves_one_record_a_row(embedded: Place) -> None:
    assert kill_folder_deposits(embedded, seed=5, times=TIMES) == []
