"""The batch tree and the evidence records made over it, held against the auditor's checker."""

from __future__ import annotations

import datetime as dt
import hashlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from archive_service.evidence.evidence_record import Stamp, make_evidence_record, renewed_leaf, stamp_der
from archive_service.evidence.hash_tree import (
    Group,
    GroupKind,
    HashTree,
    decode_groups,
    encode_groups,
    make_group,
)
from archive_service.trust.local_authority import LocalAuthority
from archive_verify.errors import Refused, Undecided
from archive_verify.evidence_record import check_evidence_record, require_record_trusted, root_of_lists
from tests.fakes.clock import MovableClock
from tests.fakes.randomness import CountedRandomness

NOW = dt.datetime(2026, 11, 26, 6, 0, tzinfo=dt.UTC)


def original(number: int) -> bytes:
    return b"original %d" % number


def entry(number: int) -> bytes:
    return b"entry %d" % number


def record_groups(count: int, algorithm: str = "sha256") -> list[Group]:
    def hashed(data: bytes) -> bytes:
        return hashlib.new(algorithm, data).digest()

    return [make_group(GroupKind.RECORD, str(n), [hashed(original(n)), hashed(entry(n))]) for n in range(count)]


@pytest.fixture(scope="module")
def clock() -> MovableClock:
    return MovableClock(NOW)


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory, clock: MovableClock) -> LocalAuthority:
    return LocalAuthority(tmp_path_factory.mktemp("authority") / "tsa", clock, CountedRandomness())


@pytest.mark.parametrize("count", range(1, 51))
def test_every_group_of_a_tree_has_a_path_to_its_root(count: int) -> None:
    groups = [*record_groups(count), make_group(GroupKind.CHECKPOINT, "9", [hashlib.sha256(b"note").digest()])]
    tree = HashTree("sha256", groups)
    for position, group in enumerate(groups):
        lists = tree.reduced(position)
        assert set(group.hashes) <= set(lists[0])
        assert root_of_lists("sha256", lists) == tree.root


def test_path_of_a_group_of_two_begins_with_that_group_alone() -> None:
    tree = HashTree("sha256", groups := record_groups(7))
    assert all(tree.reduced(n)[0] == list(group.hashes) for n, group in enumerate(groups))


def test_single_hash_that_is_the_whole_tree_has_no_path() -> None:
    alone = hashlib.sha256(b"x").digest()
    tree = HashTree("sha256", [make_group(GroupKind.TOKEN, "t", [alone])])
    assert (tree.root, tree.reduced(0)) == (alone, [])


hashes = st.lists(st.binary(min_size=32, max_size=32), min_size=1, max_size=4)
labels = st.text(min_size=1, max_size=40).filter(lambda text: len(text.encode(errors="ignore")) == len(text))


@given(st.lists(st.builds(make_group, st.sampled_from(GroupKind), labels, hashes), max_size=20))
def test_kept_groups_come_back(groups: list[Group]) -> None:
    assert decode_groups(encode_groups(groups), "sha256") == groups


@given(st.binary(max_size=60).filter(lambda kept: not kept.startswith(b"groups/1\n")))
def test_other_bytes_are_no_kept_groups(kept: bytes) -> None:
    with pytest.raises(ValueError, match="unknown form"):
        decode_groups(kept, "sha256")
    with pytest.raises(ValueError, match="end early"):
        decode_groups(encode_groups(record_groups(2))[:-1], "sha256")


def made(authority: LocalAuthority, count: int, position: int) -> bytes:
    tree = HashTree("sha256", record_groups(count))
    token = authority.stamp(tree.root, "sha256")
    return make_evidence_record([[stamp_der(Stamp("sha256", tree.reduced(position), token.der))]])


@pytest.fixture(scope="module")
def record(authority: LocalAuthority) -> bytes:
    return made(authority, 5, 2)


def test_made_record_is_accepted_and_trusted_by_its_root_alone(authority: LocalAuthority, record: bytes) -> None:
    result = check_evidence_record(record, [original(2), entry(2)])
    assert result.stamped_at == NOW
    require_record_trusted(result, authority.roots, [], NOW)
    with pytest.raises(Undecided):
        require_record_trusted(result, [], [], NOW)


@settings(max_examples=200, deadline=None)
@given(data=st.data())
def test_any_changed_byte_of_record_tree_or_token_refuses(record: bytes, data: st.DataObject) -> None:
    at = data.draw(st.integers(0, len(record) - 1))
    mask = data.draw(st.integers(1, 255))
    changed = bytearray(record)
    changed[at] ^= mask
    with pytest.raises((Refused, Undecided)):
        check_evidence_record(bytes(changed), [original(2), entry(2)])


@given(at=st.integers(0, len(original(2)) - 1), mask=st.integers(1, 255), first=st.booleans())
@settings(deadline=None)
def test_any_changed_byte_of_an_object_refuses(record: bytes, at: int, mask: int, first: bool) -> None:
    objects = [bytearray(original(2)), bytearray(entry(2))]
    objects[0 if first else 1][at % len(objects[0 if first else 1])] ^= mask
    with pytest.raises(Refused):
        check_evidence_record(record, [bytes(one) for one in objects])


@pytest.mark.parametrize("other", [0, 1, 3, 4])
def test_record_of_another_group_of_the_same_batch_refuses(record: bytes, other: int) -> None:
    with pytest.raises(Refused):
        check_evidence_record(record, [original(other), entry(other)])


def test_both_kinds_of_renewal_are_accepted(authority: LocalAuthority, clock: MovableClock) -> None:
    groups = record_groups(6)
    tree = HashTree("sha256", groups)
    token = authority.stamp(tree.root, "sha256")
    first = stamp_der(Stamp("sha256", tree.reduced(4), token.der))
    clock.forward(dt.timedelta(hours=1))
    leaf = make_group(GroupKind.TOKEN, "1:local", [hashlib.sha256(token.der).digest()])
    later = HashTree("sha256", [*groups, leaf])
    renewal = stamp_der(Stamp("sha256", later.reduced(6), authority.stamp(later.root, "sha256").der))
    clock.forward(dt.timedelta(hours=1))
    chains = [[first, renewal]]
    digests = [hashlib.sha512(one).digest() for one in (original(4), entry(4))]
    renewed = make_group(GroupKind.RECORD, "4", [renewed_leaf("sha512", one, chains) for one in digests])
    wide = HashTree("sha512", [*record_groups(3, "sha512"), renewed])
    chains.append([stamp_der(Stamp("sha512", wide.reduced(3), authority.stamp(wide.root, "sha512").der))])
    der = make_evidence_record(chains)
    result = check_evidence_record(der, [original(4), entry(4)])
    assert [len(chain) for chain in result.chains] == [2, 1]
    assert result.algorithms == ("sha256", "sha512")
    require_record_trusted(result, authority.roots, [], clock.now())
    with pytest.raises(Refused):
        check_evidence_record(make_evidence_record([[renewal, first], chains[1]]), [original(4), entry(4)])
    with pytest.raises(Refused):
        check_evidence_record(make_evidence_record([[first], chains[1]]), [original(4), entry(4)])
