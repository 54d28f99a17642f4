"""What several writers at once may do to a register: both databases keep it.

A test class inherits from RegisterConcurrencyContract and gives the fixture ``register``.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from archive_service.errors import Conflict, Message
from archive_service.model.events import Event, EventType
from archive_service.model.findings import Finding, FindingCode
from archive_service.model.identifiers import RecordId
from archive_service.model.jobs import Job, JobKind
from archive_service.model.policy import FindingPolicy
from archive_service.model.units import RegisterUnit
from archive_service.storage.register.register import SqlRegister
from tests.contracts.register import MINUTE, keep, reservation
from tests.results import NOW, first_version, insurance, person, record, record_id, subject_id

T = TypeVar("T")


def at_once(count: int, task: Callable[[int], T]) -> list[T]:
    """Return what each of ``count`` threads got that began together, in order of their numbers."""
    together = threading.Barrier(count)

    def run(number: int) -> T:
        together.wait(timeout=30)
        return task(number)

    with ThreadPoolExecutor(count) as pool:
        return list(pool.map(run, range(count)))


class RegisterConcurrencyContract:
    """Many at once."""

    def test_of_32_works_at_once_those_that_raise_leave_nothing_and_the_others_are_kept(
        self, register: SqlRegister
    ) -> None:
        def task(number: int) -> str:
            def work(unit: RegisterUnit) -> str:
                unit.progress.put(f"run-{number}", str(number))
                unit.log.append(Event(EventType.SEARCHED, f"caller-{number}", NOW))
                if number % 3 == 0:
                    raise Conflict(Message("No.", "Không."), number=number)
                if number % 3 == 1:
                    raise ZeroDivisionError(number)
                return f"kept {number}"

            try:
                return register.write(work)
            except Conflict as told:
                return f"conflict {told.details['number']}"
            except ZeroDivisionError as told:
                return f"fault {told}"

        words = {0: "conflict", 1: "fault", 2: "kept"}
        assert at_once(32, task) == [f"{words[n % 3]} {n}" for n in range(32)]
        kept = [n for n in range(32) if register.read(lambda unit, n=n: unit.progress.get(f"run-{n}"))]  # type: ignore[misc]
        assert kept == [n for n in range(32) if n % 3 == 2]
        events = register.read(lambda unit: unit.log.entries(0, 100))
        assert sorted(e.event.actor for e in events if e.event) == sorted(f"caller-{n}" for n in kept)
        assert [e.index for e in events] == list(range(len(kept)))

    def test_the_log_is_gap_free_and_in_commit_order_under_16_threads(self, register: SqlRegister) -> None:
        """A writer's next event comes after the one it had an answer for; a reader never sees a gap."""
        seen: list[list[int]] = []
        stop = threading.Event()

        def watch() -> None:
            while not stop.is_set():
                seen.append(register.read(lambda unit: [e.index for e in unit.log.entries(0, 5000)]))

        def task(number: int) -> None:
            for turn in range(100 // 4):
                events = [Event(EventType.SEARCHED, str(number), NOW, None, {"n": turn * 4 + n}) for n in range(4)]
                register.write(lambda unit, events=events: unit.log.append(*events))  # type: ignore[misc]

        watcher = threading.Thread(target=watch)
        watcher.start()
        try:
            at_once(16, task)
        finally:
            stop.set()
            watcher.join()
        logged = register.read(lambda unit: unit.log.entries(0, 5000))
        assert [one.index for one in logged] == list(range(1600))
        assert register.read(lambda unit: unit.log.size()) == 1600
        for number in range(16):
            own = [one.event.values["n"] for one in logged if one.event and one.event.actor == str(number)]
            assert own == list(range(100))
        assert all(indexes == list(range(len(indexes))) for indexes in seen)

    def test_no_two_workers_get_the_same_piece(self, register: SqlRegister) -> None:
        def ask(unit: RegisterUnit) -> None:
            for number in range(60):
                unit.jobs.add(JobKind.ENRICH, record_id(number), NOW)

        register.write(ask)

        def task(_: int) -> list[Job]:
            taken: list[Job] = []
            while more := register.write(lambda unit: unit.jobs.claim([JobKind.ENRICH], 3, NOW, NOW + MINUTE)):
                taken += more
            return taken

        taken = [job.record_id for jobs in at_once(8, task) for job in jobs]
        assert sorted(taken) == [record_id(number) for number in range(60)]

    def test_work_asked_for_by_many_at_once_is_one_piece(self, register: SqlRegister) -> None:
        at_once(8, lambda _: register.write(lambda unit: unit.jobs.add(JobKind.INDEX, record_id(1), NOW)))
        assert sum(register.read(lambda unit: unit.jobs.counts()).values()) == 1

    def test_claims_racing_with_one_key_get_one_id(self, register: SqlRegister) -> None:
        def task(number: int) -> RecordId:
            def work(unit: RegisterUnit) -> RecordId:
                earlier = unit.reservations.find("key:one-stop", "key-1")
                if earlier is not None:
                    return earlier.record_id
                unit.reservations.claim(reservation(number))
                return record_id(number)

            return register.write(work)

        assert len(set(at_once(12, task))) == 1

    def test_deposits_of_the_same_bytes_take_turns(self, register: SqlRegister) -> None:
        def task(number: int) -> bool:
            def work(unit: RegisterUnit) -> bool:
                one = record(number)
                unit.records.serialise_deposits_of("b" * 64, one.metadata.result_type)
                if unit.records.count():
                    return False
                unit.records.add(one, first_version(one))
                return True

            return register.write(work)

        assert sorted(at_once(8, task)) == [False] * 7 + [True]

    def test_a_new_subject_claimed_by_many_at_once_is_registered_once(self, register: SqlRegister) -> None:
        numbers = [insurance("0000000001"), insurance("0000000002")]

        def task(number: int) -> str:
            def work(unit: RegisterUnit) -> str:
                unit.subjects.serialise_claims_of(numbers if number % 2 else numbers[::-1])
                known = unit.subjects.by_identifier(numbers[0])
                return (known or unit.subjects.add(subject_id(number), person(*numbers))).id

            return register.write(work)

        assert len(set(at_once(8, task))) == 1

    def test_merges_take_turns_so_that_none_closes_a_circle(self, register: SqlRegister) -> None:
        for n in (0, 1):
            register.write(lambda u, n=n: u.subjects.add(subject_id(n), person(insurance(f"000000000{n}"))))  # type: ignore[misc]

        def task(number: int) -> None:
            def work(unit: RegisterUnit) -> None:
                unit.subjects.serialise_merges()
                kept, merged = subject_id(number), subject_id(1 - number)
                if unit.subjects.standing(kept).id != unit.subjects.standing(merged).id:
                    unit.subjects.add_merge(kept, merged, "một người", "key:a", NOW)

            register.write(work)

        at_once(2, task)
        assert len(register.read(lambda unit: unit.subjects.family(subject_id(0)))) == 2

    def test_a_finding_recorded_by_many_at_once_is_not_doubled(self, register: SqlRegister) -> None:
        keep(register, record(1))
        found = [Finding(FindingCode.NO_TEXT)]
        at_once(8, lambda _: register.write(lambda u: u.findings.add(record_id(1), found, FindingPolicy(), NOW)))
        assert len(register.read(lambda unit: unit.findings.of_record(record_id(1)))) == 1

    def test_a_record_locked_for_a_change_is_changed_by_one_at_a_time(self, register: SqlRegister) -> None:
        keep(register, record(1))

        def task(_: int) -> None:
            def work(unit: RegisterUnit) -> None:
                one = unit.records.for_update(record_id(1))
                assert one is not None
                counted = int(one.search_problem or "0")
                unit.records.set_search_state(one.id, one.search_state, str(counted + 1), NOW)

            register.write(work)

        at_once(8, task)
        after = register.read(lambda unit: unit.records.get(record_id(1)))
        assert after is not None
        assert after.search_problem == "8"

    def test_a_work_that_is_run_again_has_its_effects_once(self, register: SqlRegister) -> None:
        """Two works insert the same row; the one that came second is run again and sees the first."""
        runs: list[int] = []

        def task(number: int) -> None:
            def work(unit: RegisterUnit) -> None:
                runs.append(number)
                unit.log.append(Event(EventType.SEARCHED, str(number), NOW))
                if unit.reservations.find("key:one-stop", "key-1") is None:
                    unit.reservations.claim(reservation(number))

            register.write(work)

        at_once(8, task)
        assert len(runs) >= 8
        logged = register.read(lambda unit: unit.log.entries(0, 100))
        assert sorted(one.event.actor for one in logged if one.event) == [str(n) for n in range(8)]
