"""Killed at every call of a deposit: the same request afterwards is answered, and nothing is there twice."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from tests.archives import open_test_archive
from tests.faults.kills import TIMES, kill_deposits
from tests.faults.place import Place
from tests.faults.points import DEPOSIT_CALLS


def test_deposit_killed_at_any_call_is_taken_up_again_by_its_key(embedded: Place) -> None:
    assert kill_deposits(embedded, seed=1, times=TIMES) == []


def test_deposit_to_servers_killed_after_each_write_is_taken_up_again_by_its_key(on_servers: Place) -> None:
    assert kill_deposits(on_servers, seed=2, times=TIMES, parts=("register.write:after", "store.put_all:after")) == []


def test_points_are_all_the_calls_of_a_deposit(tmp_path: Path) -> None:
    with open_test_archive(tmp_path) as opened:
        opened.stored()
        called = Counter(opened.faults.calls)
    # The entrance asks for the key once and stages the file; the step itself makes the other calls.
    of_entrance = Counter({"register.read": 1, "staging.receive": 1})
    assert called + of_entrance == Counter(DEPOSIT_CALLS)
