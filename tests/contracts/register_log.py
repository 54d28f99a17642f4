"""What a register keeps of the log's tree, and that many writers leave a log without a gap: both databases keep it.

A test class inherits from RegisterLogContract and gives the fixture ``register``.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
from collections.abc import Callable

import pytest

from archive_service.errors import Unavailable
from archive_service.evidence.entry import seal_event
from archive_service.evidence.tree import Tree, append
from archive_service.model.events import Event, EventType, LoggedEvent, SealedEntry
from archive_service.model.units import RegisterUnit
from archive_service.model.units.log import LogKey, SignedCheckpoint
from archive_service.storage.register.register import SqlRegister
from archive_verify.merkle import leaf_hash, root_of
from tests.contracts.register import MINUTE, read_event, require_refused
from tests.contracts.register_concurrency import at_once
from tests.fakes.randomness import CountedRandomness
from tests.results import NOW, record_id

WRITERS = 32


def integrate(register: SqlRegister) -> int:
    """Bring the tree up to the log, as sealing does; return its size."""

    def work(unit: RegisterUnit) -> int:
        unit.tree.take_turn()
        start = unit.tree.integrated()
        leaves = [leaf_hash(entry) for entry in unit.log.entry_bytes(start, 1_000_000)]
        unit.tree.put(append(unit.tree, start, leaves))
        return unit.tree.integrated()

    return register.write(work)


def checkpoint(size: int, at: dt.datetime = NOW) -> SignedCheckpoint:
    return SignedCheckpoint(size, bytes([size]) * 32, f"note {size} — ✓\n", at)


class RegisterLogContract:
    """Tiles, checkpoints, cosignatures, keys; and entries by many."""

    # Entries of each of the writers at once.
    entries_each = 1_000

    def test_tiles_are_kept_as_they_were_put_and_grow(self, register: SqlRegister) -> None:
        assert register.read(lambda unit: (unit.tree.integrated(), unit.tree.hashes(0, 0))) == (0, b"")
        first, second = {(0, 0): b"a" * 32}, {(0, 0): b"a" * 8192, (0, 1): b"b" * 96, (1, 0): b"c" * 32}
        register.write(lambda unit: unit.tree.put(first))
        assert register.read(lambda unit: unit.tree.integrated()) == 1
        register.write(lambda unit: unit.tree.put(second))
        kept = register.read(lambda unit: {place: unit.tree.hashes(*place) for place in second})
        assert kept == second
        assert register.read(lambda unit: unit.tree.integrated()) == 259

    def test_the_newest_checkpoint_is_the_largest_of_those_asked_for(self, register: SqlRegister) -> None:
        assert register.read(lambda unit: unit.tree.newest()) is None
        for size in (3, 5, 9):
            register.write(lambda unit, size=size: unit.tree.add_checkpoint(checkpoint(size)))  # type: ignore[misc]
        register.write(lambda unit: unit.tree.mark_published(5, NOW + MINUTE))
        register.write(lambda unit: unit.tree.add_cosignature(3, "witness", "— witness line\n", NOW))
        published = dataclasses.replace(checkpoint(5), published_at=NOW + MINUTE)
        assert register.read(lambda unit: unit.tree.newest()) == checkpoint(9)
        assert register.read(lambda unit: unit.tree.newest(published=True)) == published
        assert register.read(lambda unit: unit.tree.newest(cosigned=True)) == checkpoint(3)
        assert register.read(lambda unit: unit.tree.newest(published=True, cosigned=True)) is None
        assert register.read(lambda unit: unit.tree.unpublished(10)) == [checkpoint(3), checkpoint(9)]
        assert register.read(lambda unit: unit.tree.checkpoint(5)) == published
        assert register.read(lambda unit: unit.tree.checkpoint(4)) is None

    def test_when_a_checkpoint_was_published_is_said_once(self, register: SqlRegister) -> None:
        register.write(lambda unit: unit.tree.add_checkpoint(checkpoint(3)))
        for at in (NOW, NOW + MINUTE):
            register.write(lambda unit, at=at: unit.tree.mark_published(3, at))  # type: ignore[misc]
        assert register.read(lambda unit: unit.tree.checkpoint(3)) == dataclasses.replace(
            checkpoint(3), published_at=NOW
        )

    @pytest.mark.parametrize("published", [False, True])
    @pytest.mark.parametrize(
        "statement",
        [
            "UPDATE log_checkpoints SET note = 'another'",
            "UPDATE log_checkpoints SET root = note_bytes",
            "UPDATE log_checkpoints SET size = 4",
            "UPDATE log_checkpoints SET made_at = '2020-01-01 00:00:00'",
            "DELETE FROM log_checkpoints",
        ],
    )
    def test_the_database_refuses_to_change_a_signed_checkpoint(
        self, register: SqlRegister, statement: str, published: bool
    ) -> None:
        register.write(lambda unit: unit.tree.add_checkpoint(checkpoint(3)))
        if published:
            register.write(lambda unit: unit.tree.mark_published(3, NOW))
        another = "x'00'" if register.is_sqlite else "'\\x00'::bytea"
        require_refused(register, statement.replace("note_bytes", another))
        assert register.read(lambda unit: unit.tree.checkpoint(3)) is not None

    def test_who_appends_learns_what_stands_in_the_log(self, register: SqlRegister) -> None:
        def work(unit: RegisterUnit) -> tuple[list[LoggedEvent], list[LoggedEvent]]:
            return unit.log.append(read_event(1), read_event(2)), unit.log.append(read_event(3))

        register.write(lambda unit: unit.log.append(read_event()))
        two, one = register.write(work)
        assert (len(two), len(one)) == (2, 1)
        assert [*two, *one] == register.read(lambda unit: unit.log.entries(1, 10))

    def test_who_watches_is_told_the_sizes_before_anything_is_kept_and_can_refuse(self, register: SqlRegister) -> None:
        class Refused(Exception):
            pass

        told: list[tuple[int, int]] = []

        def refuse(before: int, after: int) -> None:
            raise Refused

        def add(unit: RegisterUnit, watch: Callable[[int, int], None]) -> None:
            unit.log.watch(watch)
            unit.log.append(read_event(0), read_event(1))

        register.write(lambda unit: add(unit, lambda *sizes: told.append(sizes)))
        with pytest.raises(Refused):
            register.write(lambda unit: add(unit, refuse))
        register.write(lambda unit: unit.log.watch(refuse))  # nothing is added
        register.write(lambda unit: add(unit, lambda *sizes: told.append(sizes)))
        assert told == [(0, 2), (2, 4)]
        assert register.read(lambda unit: (unit.log.size(), len(unit.log.entries(0, 10)))) == (4, 4)

    @pytest.mark.parametrize("by_another_process", [False, True])
    def test_an_event_of_long_before_the_last_entry_is_refused_and_nothing_is_written(
        self, register: SqlRegister, by_another_process: bool
    ) -> None:
        """A clock was once ahead: what follows would look backdated for good."""
        url = register.engine.url.render_as_string(hide_password=False)
        other = SqlRegister(url, CountedRandomness()) if by_another_process else register
        ahead = Event(EventType.SEARCHED, "key:a", NOW + 20 * MINUTE)
        register.write(lambda unit: unit.log.append(ahead))

        def enter(at: dt.datetime) -> None:
            def work(unit: RegisterUnit) -> None:
                unit.progress.put("clock", "written")
                unit.log.append(Event(EventType.SEARCHED, "key:b", at))

            other.write(work)

        for early in (NOW, NOW + 14 * MINUTE):
            with pytest.raises(Unavailable, match="clock is off"):
                enter(early)
        assert register.read(lambda unit: (unit.log.size(), unit.progress.get("clock"))) == (1, None)
        for late in (NOW + 15 * MINUTE, NOW + 21 * MINUTE):
            enter(late)
        with pytest.raises(Unavailable):
            enter(NOW + 15 * MINUTE)
        assert register.read(lambda unit: unit.log.size()) == 3
        if by_another_process:
            other.close()

    def test_a_witness_has_one_line_on_a_checkpoint_its_last(self, register: SqlRegister) -> None:
        for name, line in (("w2", "— w2 one\n"), ("w1", "— w1\n"), ("w2", "— w2 two\n")):
            register.write(lambda unit, n=name, s=line: unit.tree.add_cosignature(7, n, s, NOW))  # type: ignore[misc]
        assert register.read(lambda unit: unit.tree.cosignatures(7)) == ["— w1\n", "— w2 two\n"]
        assert register.read(lambda unit: unit.tree.cosignatures(8)) == []

    def test_keys_are_listed_by_age_and_retired_ones_stay(self, register: SqlRegister) -> None:
        new, old = LogKey("b", NOW + MINUTE), LogKey("z", NOW)
        for key in (new, old, dataclasses.replace(old, retired_at=NOW + MINUTE)):
            register.write(lambda unit, key=key: unit.tree.put_key(key))  # type: ignore[misc]
        assert register.read(lambda unit: unit.tree.all_keys()) == [LogKey("z", NOW, NOW + MINUTE), new]

    def test_events_about_no_record_are_found_by_their_type_in_a_range(self, register: SqlRegister) -> None:
        voted, certified = EventType.DISPOSAL_VOTED, EventType.DISPOSAL_CERTIFIED
        for type_ in (voted, EventType.SEARCHED, certified, voted):
            # What people write looks like the end of an entry, and is in none.
            event = Event(type_, "key:a", NOW, None, {"reason": ',"type":"disposal-certified","v":1}'})
            register.write(lambda unit, event=event: unit.log.append(event))  # type: ignore[misc]
        register.write(lambda unit: unit.log.append(Event(voted, "key:a", NOW, record_id(1))))

        def found(*types: EventType, start: int = 0, end: int = 10) -> list[int]:
            told = register.read(lambda unit: unit.log.of_no_record(types, start, end))
            assert all(one.event is not None and one.event.type in types for one in told)
            return [one.index for one in told]

        assert found(voted) == [0, 3]
        assert found(voted, certified) == [0, 2, 3]
        assert found(voted, certified, start=1, end=3) == [2]
        assert found(EventType.DISPOSED) == found() == []

    def test_entries_are_given_as_bytes_and_those_caught_up_have_no_payload(self, register: SqlRegister) -> None:
        register.write(lambda unit: unit.log.append(read_event()))
        other = seal_event(Event(EventType.SEARCHED, "key:a", NOW), bytes(32)).entry
        about = seal_event(read_event(2), bytes(32)).entry
        register.write(lambda unit: unit.log.catch_up([other, about]))
        register.write(lambda unit: unit.log.append(read_event(3)))
        entries = register.read(lambda unit: unit.log.entry_bytes(0, 10))
        assert entries[1:3] == [other, about]
        assert register.read(lambda unit: unit.log.entry_bytes(1, 2)) == [other, about]
        logged = register.read(lambda unit: unit.log.entries(0, 10))
        assert [one.event is None for one in logged] == [False, True, True, False]
        assert [one.index for one in logged] == [0, 1, 2, 3]
        [found] = register.read(lambda unit: unit.log.of_record(record_id(2), -1, 10))
        assert (found.index, found.entry) == (2, about)

    def test_what_an_entry_commits_to_is_given_back_to_that_very_entry_once(self, register: SqlRegister) -> None:
        sealed = seal_event(read_event(), bytes(32))
        register.write(lambda unit: unit.log.append(read_event()))
        register.write(lambda unit: unit.log.catch_up([sealed.entry]))
        assert register.read(lambda unit: unit.log.without_payload([0, 1, 2])) == {1}
        kept = SealedEntry(1, sealed.entry, sealed.payload, sealed.salt)
        for wrong in (dataclasses.replace(kept, index=2), dataclasses.replace(kept, entry=b"{}")):
            assert not register.write(lambda unit, wrong=wrong: unit.log.restore_payload(wrong))  # type: ignore[misc]
        assert register.write(lambda unit: unit.log.restore_payload(kept))
        assert not register.write(lambda unit: unit.log.restore_payload(kept))
        assert register.read(lambda unit: unit.log.sealed(1, 1)) == [kept]
        assert register.read(lambda unit: unit.log.without_payload([0, 1, 2])) == set()

    @pytest.mark.timeout(1800)
    def test_32_writers_leave_no_gap_and_the_tree_is_that_of_a_rebuild(self, register: SqlRegister) -> None:
        def task(number: int) -> None:
            for turn in range(self.entries_each):
                event = Event(EventType.SEARCHED, f"writer-{number}", NOW, None, {"turn": turn})
                register.write(lambda unit, event=event: unit.log.append(event))  # type: ignore[misc]
                if number == 0 and turn % 10 == 0:
                    integrate(register)  # the log is sealed while others write

        at_once(WRITERS, task)
        size = integrate(register)
        assert size == WRITERS * self.entries_each == register.read(lambda unit: unit.log.size())
        entries = register.read(lambda unit: unit.log.entry_bytes(0, size + 1))
        assert len(set(entries)) == size
        rebuilt = root_of(leaf_hash(entry) for entry in entries)
        assert register.read(lambda unit: Tree(unit.tree, size).root()) == rebuilt
        logged = register.read(lambda unit: unit.log.entries(0, size + 1))
        assert [one.index for one in logged] == list(range(size))
        for number in range(WRITERS):
            own = [one.event for one in logged if one.event is not None and one.event.actor == f"writer-{number}"]
            assert [event.values["turn"] for event in own] == list(range(self.entries_each))
