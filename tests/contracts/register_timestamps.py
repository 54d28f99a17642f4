"""The contract of the register's time-stamps: both databases pass it."""

from __future__ import annotations

import dataclasses
import datetime as dt
import threading

import pytest
import sqlalchemy as sa

from archive_service.model.timestamps import TimestampBatch, TimestampToken
from archive_service.storage.register.register import SqlRegister
from tests.contracts.register import require_refused
from tests.results import NOW

MINUTE = dt.timedelta(minutes=1)
YEAR = dt.timedelta(days=365)
NAMES = ("one", "two", "three")


def batch(first: int, end: int, made_at: dt.datetime = NOW, renews: str | None = None) -> TimestampBatch:
    return TimestampBatch(first, end, 5, "sha256", bytes(32), b"groups", made_at, renews)


def add(register: SqlRegister, *batches: TimestampBatch, authorities: tuple[str, ...] = ("one", "two")) -> list[int]:
    return register.write(lambda unit: [unit.timestamps.add(one, authorities, NOW) for one in batches])


def claim(register: SqlRegister, now: dt.datetime = NOW, limit: int = 10) -> list[TimestampToken]:
    """Take up to that many, one after another."""
    taken: list[TimestampToken] = []
    while len(taken) < limit and (
        one := register.write(lambda unit: unit.timestamps.claim_owed(NAMES, now, now + MINUTE))
    ):
        taken.append(one)
    return taken


def give(register: SqlRegister, batch_id: int, authority: str, ends: dt.datetime) -> bool:
    return register.write(lambda unit: unit.timestamps.stamped(batch_id, authority, b"token", NOW, ends))


class RegisterTimestampsContract:
    def test_a_batch_is_found_by_number_and_by_the_entries_it_holds(self, register: SqlRegister) -> None:
        first, second = add(register, batch(0, 10), batch(10, 12, NOW + MINUTE))
        renewal = add(register, batch(0, 0, NOW + 2 * MINUTE, f'{{"hash_tree_of":{first},"lines":{{}}}}'))[0]
        unlike = add(register, batch(0, 0, NOW, f'{{"hash_tree_of":{first}1,"lines":{{}}}}'))[0]

        def look(entry: int) -> int | None:
            found = register.read(lambda unit: unit.timestamps.containing(entry))
            return found.id if found is not None else None

        assert [look(entry) for entry in (0, 9, 10, 11, 12)] == [first, first, second, second, None]
        kept = register.read(lambda unit: unit.timestamps.get(first))
        assert kept is not None
        assert (kept.groups, kept.root, kept.made_at, kept.checkpoint_size) == (b"groups", bytes(32), NOW, 5)
        light = register.read(lambda unit: unit.timestamps.get(first, groups=False))
        assert light is not None
        assert light.groups == b""
        assert register.read(lambda unit: unit.timestamps.get(unlike + 1)) is None
        newest = register.read(lambda unit: unit.timestamps.newest())
        assert newest is not None
        assert newest.id == second
        assert register.read(lambda unit: unit.timestamps.last_made_at()) == NOW + 2 * MINUTE
        ranges = register.read(lambda unit: unit.timestamps.ranges(0, 10) + unit.timestamps.ranges(first, 10))
        assert [one.id for one in ranges] == [first, second, second]
        numbers = register.read(lambda unit: unit.timestamps.numbers(0, 100))
        assert numbers == sorted({first, second, renewal, unlike})
        assert register.read(lambda unit: unit.timestamps.numbers(numbers[0], 1)) == numbers[1:2]
        renewals = register.read(lambda unit: unit.timestamps.hash_tree_renewals(first))
        assert [one.id for one in renewals] == [renewal]

    def test_an_empty_register_has_no_batches(self, register: SqlRegister) -> None:
        def look(found: object) -> None:
            assert not found

        register.read(lambda unit: look(unit.timestamps.newest()))
        register.read(lambda unit: look(unit.timestamps.last_made_at()))
        register.read(lambda unit: look(unit.timestamps.containing(0)))
        register.read(lambda unit: look(unit.timestamps.latest_expiry()))
        register.read(lambda unit: look(unit.timestamps.states()))
        assert claim(register) == []

    def test_an_owed_token_is_taken_once_until_its_lease_ends(self, register: SqlRegister) -> None:
        [made] = add(register, batch(0, 10))
        taken = claim(register)
        assert [(one.batch_id, one.authority, one.attempts) for one in taken] == [(made, "one", 1), (made, "two", 1)]
        assert claim(register) == []
        assert not register.read(lambda unit: unit.timestamps.any_owed(NAMES, NOW))
        assert register.read(lambda unit: unit.timestamps.any_owed(NAMES, NOW + MINUTE))
        assert [one.attempts for one in claim(register, NOW + MINUTE, limit=1)] == [2]

    def test_the_first_token_stays_and_failure_after_it_says_nothing(self, register: SqlRegister) -> None:
        [made] = add(register, batch(0, 10))
        assert give(register, made, "one", NOW + YEAR)
        assert not give(register, made, "one", NOW + 2 * YEAR)
        register.write(lambda unit: unit.timestamps.failed(made, "one", "late", NOW))
        register.write(lambda unit: unit.timestamps.failed(made, "two", "down", NOW + MINUTE))
        one, two = register.read(lambda unit: unit.timestamps.tokens(made))
        assert (one.token, one.stamped_at, one.expires_at, one.problem) == (b"token", NOW, NOW + YEAR, None)
        assert (two.token, two.problem, two.due_at) == (None, "down", NOW + MINUTE)
        assert [one.authority for one in claim(register, NOW + MINUTE)] == ["two"]

    def test_an_authority_that_failed_is_left_alone_until_then_and_asked_for_all_once_it_answers(
        self, register: SqlRegister
    ) -> None:
        first, second, third = add(register, batch(0, 1), batch(1, 2), batch(2, 3), authorities=("one",))
        assert [one.batch_id for one in claim(register, limit=1)] == [first]
        register.write(lambda unit: unit.timestamps.failed(first, "one", "down", NOW + 5 * MINUTE))
        assert claim(register, NOW + 4 * MINUTE) == []
        later = NOW + 5 * MINUTE
        assert [one.batch_id for one in claim(register, later, limit=1)] == [second], "asked for least often first"
        register.write(lambda unit: unit.timestamps.failed(second, "one", "down", NOW + 60 * MINUTE))
        assert claim(register, NOW + 59 * MINUTE) == []
        assert register.write(lambda unit: unit.timestamps.stamped(third, "one", b"token", later, later + YEAR))
        assert [one.batch_id for one in claim(register, later)] == [first, second]

    def test_tokens_near_their_end_are_told_until_they_are_renewed(self, register: SqlRegister) -> None:
        first, second = add(register, batch(0, 10), batch(10, 12))
        give(register, first, "one", NOW + YEAR)
        give(register, second, "one", NOW + 2 * YEAR)

        def expiring(before: dt.datetime) -> list[int]:
            return register.read(lambda unit: [one.batch_id for one in unit.timestamps.expiring(before)])

        assert expiring(NOW + YEAR) == []
        assert expiring(NOW + 3 * YEAR) == [first, second]
        assert register.read(lambda unit: unit.timestamps.latest_expiry()) == NOW + 2 * YEAR
        register.write(lambda unit: unit.timestamps.set_renewed(first, "one", second))
        register.write(lambda unit: unit.timestamps.set_renewed(first, "one", second + 7))
        assert expiring(NOW + 3 * YEAR) == [second]
        assert register.read(lambda unit: unit.timestamps.tokens(first))[0].renewed_by == second

    def test_only_the_authorities_named_are_asked_for_what_they_owe(self, register: SqlRegister) -> None:
        add(register, batch(0, 10))
        register.write(lambda unit: unit.timestamps.claim_owed(["two"], NOW, NOW + MINUTE))
        assert not register.read(lambda unit: unit.timestamps.any_owed(["two"], NOW))
        assert register.write(lambda unit: unit.timestamps.claim_owed(["two"], NOW, NOW + MINUTE)) is None
        assert register.read(lambda unit: unit.timestamps.any_owed(["one"], NOW))
        assert not register.read(lambda unit: unit.timestamps.any_owed([], NOW))

    @pytest.mark.parametrize(
        "statement",
        [
            "UPDATE timestamp_tokens SET token = NULL",
            "UPDATE timestamp_tokens SET stamped_at = '2020-01-01 00:00:00'",
            "UPDATE timestamp_tokens SET expires_at = '2020-01-01 00:00:00'",
            "UPDATE timestamp_tokens SET authority = 'another' WHERE authority = 'one'",
            "UPDATE timestamp_tokens SET renewed_by = 99",
            "DELETE FROM timestamp_tokens",
            "UPDATE timestamp_batches SET end_entry = 11",
            "DELETE FROM timestamp_batches",
        ],
    )
    def test_the_database_refuses_to_change_what_was_stamped(self, register: SqlRegister, statement: str) -> None:
        [first] = add(register, batch(0, 10))
        give(register, first, "one", NOW + YEAR)
        register.write(lambda unit: unit.timestamps.set_renewed(first, "one", first))
        before = register.read(lambda unit: unit.timestamps.tokens(first))
        require_refused(register, statement)
        assert register.read(lambda unit: unit.timestamps.tokens(first)) == before

    def test_a_token_that_was_never_given_may_be_let_go(self, register: SqlRegister) -> None:
        [first] = add(register, batch(0, 10))
        give(register, first, "one", NOW + YEAR)
        with register.engine.connect().execution_options(archive_writes=True) as connection, connection.begin():
            connection.execute(sa.text("DELETE FROM timestamp_tokens WHERE authority = 'two'"))
        assert [one.authority for one in register.read(lambda unit: unit.timestamps.tokens(first))] == ["one"]

    def test_each_authority_has_a_state(self, register: SqlRegister) -> None:
        first, second = add(register, batch(0, 10), batch(10, 12, NOW + MINUTE))
        give(register, first, "one", NOW + YEAR)
        give(register, second, "one", NOW + 2 * YEAR)
        give(register, first, "two", NOW + YEAR)
        register.write(lambda unit: unit.timestamps.failed(second, "two", "down", NOW))
        one, two = register.read(lambda unit: unit.timestamps.states())
        assert (one.authority, one.stamped, one.owed, one.oldest_owed_at) == ("one", 2, 0, None)
        assert (one.expires_at, one.last_stamped_at, one.problem) == (NOW + 2 * YEAR, NOW, None)
        assert (two.stamped, two.owed, two.oldest_owed_at, two.problem) == (1, 1, NOW + MINUTE, "down")

    @pytest.mark.timeout(60)
    def test_many_that_make_a_batch_at_once_take_turns(self, register: SqlRegister) -> None:
        gate = threading.Barrier(6)
        made: list[int | None] = []

        def work() -> None:
            gate.wait()

            def keep(unit: object) -> int | None:
                timestamps = unit.timestamps  # type: ignore[attr-defined]
                timestamps.take_turn()
                newest = timestamps.newest()
                return None if newest is not None else int(timestamps.add(batch(0, 10), ["one"], NOW))

            made.append(register.write(keep))

        threads = [threading.Thread(target=work) for _ in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len([one for one in made if one is not None]) == 1

    def test_a_batch_comes_back_under_its_number_with_the_tokens_it_lacks(self, register: SqlRegister) -> None:
        [there] = add(register, batch(0, 10))
        number = there + 6
        token = TimestampToken(number, "one", b"token", NOW, NOW + YEAR, None, None, 1, NOW)
        lost = dataclasses.replace(batch(10, 12), id=number)

        def restore(found: TimestampBatch, *tokens: TimestampToken) -> bool:
            return register.write(lambda unit: unit.timestamps.restore(found, tokens))

        assert restore(lost, token)
        assert not restore(lost, token), "nothing is lacking"
        assert register.read(lambda unit: unit.timestamps.get(number)) == lost
        assert register.read(lambda unit: unit.timestamps.tokens(number)) == [token]
        owed = dataclasses.replace(token, batch_id=there)
        assert restore(dataclasses.replace(batch(0, 10), id=there), owed)
        assert register.read(lambda unit: unit.timestamps.tokens(there))[0] == owed
        other = dataclasses.replace(batch(0, 10), id=there, root=bytes([1]) * 32)
        assert not restore(other, dataclasses.replace(owed, authority="three")), "the number is another batch's"
        assert add(register, batch(12, 13)) == [number + 1], "numbers go on"

    def test_tokens_are_listed_by_the_time_they_state(self, register: SqlRegister) -> None:
        [first, second] = add(register, batch(0, 10), batch(10, 12))
        give(register, first, "one", NOW + YEAR)
        give(register, second, "two", NOW + YEAR)

        def since(instant: dt.datetime) -> list[tuple[int, str]]:
            found = register.read(lambda unit: unit.timestamps.stamped_since(instant))
            return [(token.batch_id, token.authority) for token in found]

        assert since(NOW - MINUTE) == [(first, "one"), (second, "two")]
        assert since(NOW) == []
