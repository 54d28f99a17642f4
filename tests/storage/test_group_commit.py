"""Sharing a commit: each piece of work stays all-or-nothing, and none is answered before the commit is durable."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any, cast

import pytest

from archive_service.errors import Unavailable, unavailable
from archive_service.model.units import RegisterUnit
from archive_service.storage.register.group_commit import LARGEST_GROUP, GroupCommit, Work, _Piece

NOTHING = cast(RegisterUnit, None)


class Ledger:
    """Transactions that only count: what was run in each, and whether it was committed."""

    def __init__(self) -> None:
        self.groups: list[int] = []
        self.committed = threading.Event()
        self.may_commit = threading.Event()
        self.may_commit.set()
        self.failure: BaseException | None = None

    @contextmanager
    def transaction(self) -> Iterator[Callable[[Work], Any]]:
        count = 0

        def run(work: Work) -> Any:
            nonlocal count
            count += 1
            return work(NOTHING)

        yield run
        self.may_commit.wait(30)
        self.groups.append(count)
        if self.failure is not None:
            raise self.failure
        self.committed.set()


@pytest.fixture
def ledger() -> Ledger:
    return Ledger()


@pytest.fixture
def group(ledger: Ledger) -> Iterator[GroupCommit]:
    group = GroupCommit(ledger.transaction)
    yield group
    ledger.may_commit.set()
    group.close()


def test_nobody_is_answered_before_the_commit(group: GroupCommit, ledger: Ledger) -> None:
    ledger.may_commit.clear()
    with ThreadPoolExecutor(1) as pool:
        answer = pool.submit(group.run, lambda unit: "kept")
        with pytest.raises(TimeoutError):
            answer.result(timeout=0.05)
        ledger.may_commit.set()
        assert answer.result(timeout=30) == "kept"
    assert ledger.committed.is_set()


def test_works_that_wait_at_the_same_time_share_a_commit_of_limited_size(group: GroupCommit, ledger: Ledger) -> None:
    ledger.may_commit.clear()
    started = threading.Event()
    with ThreadPoolExecutor(LARGEST_GROUP + 10) as pool:
        first = pool.submit(group.run, lambda unit: started.set())
        assert started.wait(30)
        others = [pool.submit(group.run, lambda unit, n=n: n) for n in range(LARGEST_GROUP + 6)]
        while len(group._waiting) < len(others):
            threading.Event().wait(0.005)
        ledger.may_commit.set()
        first.result(timeout=30)
        assert [answer.result(timeout=30) for answer in others] == list(range(LARGEST_GROUP + 6))
    assert ledger.groups == [1, LARGEST_GROUP, 6]


def test_when_the_commit_fails_everyone_who_shared_it_is_told(group: GroupCommit, ledger: Ledger) -> None:
    ledger.failure = unavailable("register")
    with ThreadPoolExecutor(4) as pool:
        answers = [pool.submit(group.run, lambda unit: "not kept") for _ in range(4)]
        for answer in answers:
            with pytest.raises(Unavailable):
                answer.result(timeout=30)
    ledger.failure = None
    assert group.run(lambda unit: "kept") == "kept"


@pytest.mark.parametrize("error", [ZeroDivisionError("no"), KeyboardInterrupt(), SystemExit(1)])
def test_whatever_a_work_raises_goes_to_its_own_caller_and_the_writer_goes_on(
    group: GroupCommit, error: BaseException
) -> None:
    def raises(_: RegisterUnit) -> None:
        raise error

    with pytest.raises(type(error)):
        group.run(raises)
    assert group.run(lambda unit: "kept") == "kept"


@pytest.mark.parametrize("its_turn_has_come", [False, True])
def test_nobody_waits_for_one_who_was_interrupted(
    group: GroupCommit, ledger: Ledger, monkeypatch: pytest.MonkeyPatch, its_turn_has_come: bool
) -> None:
    """Ctrl-C at a terminal ends a wait at any moment, also when the turn to write has just come."""
    waiting, may_go_on = threading.Event(), threading.Event()
    wait = _Piece.wait

    def interrupted(piece: _Piece) -> None:
        waiting.set()
        assert may_go_on.wait(30)
        if its_turn_has_come:
            wait(piece)
        raise KeyboardInterrupt

    ledger.may_commit.clear()
    started = threading.Event()
    with ThreadPoolExecutor(3) as pool:
        first = pool.submit(group.run, lambda unit: started.set())
        assert started.wait(30)
        monkeypatch.setattr(_Piece, "wait", interrupted)
        second = pool.submit(group.run, lambda unit: "interrupted")
        assert waiting.wait(30)
        monkeypatch.setattr(_Piece, "wait", wait)
        if not its_turn_has_come:
            may_go_on.set()
            with pytest.raises(KeyboardInterrupt):
                second.result(timeout=30)
        third = pool.submit(group.run, lambda unit: "kept")
        while not group._waiting or group._waiting[-1].work(NOTHING) != "kept":
            threading.Event().wait(0.005)
        may_go_on.set()
        ledger.may_commit.set()
        first.result(timeout=30)
        with pytest.raises(KeyboardInterrupt):
            second.result(timeout=30)
        assert third.result(timeout=30) == "kept"
    group.close()


def test_closing_lets_what_waits_end_and_refuses_what_comes_later(ledger: Ledger) -> None:
    """Nobody waits for ever, however closing meets the works that are just coming."""
    for _ in range(30):
        group = GroupCommit(ledger.transaction)
        with ThreadPoolExecutor(8) as pool:
            answers = [pool.submit(group.run, lambda unit: "kept") for _ in range(16)]
            group.close()
            for answer in answers:
                try:
                    assert answer.result(timeout=10) == "kept"
                except Unavailable:
                    continue
        with pytest.raises(Unavailable):
            group.run(lambda unit: "late")
        group.close()
