"""What somebody who owns the register can try against the log: each is refused by at least two independent checks."""

from __future__ import annotations

import base64
import datetime as dt
import json

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from archive_service.errors import IntegrityFailure
from archive_service.evidence.entry import seal_event
from archive_service.evidence.tree import Tree
from archive_service.lifecycle.log import follow as follow_log
from archive_service.lifecycle.log.catch_up import catch_up
from archive_service.lifecycle.log.continuity import LogParts, require_continuity
from archive_service.lifecycle.log.published import published_entries, read_published
from archive_service.lifecycle.log.seal import seal_log
from archive_service.model.events import Event, EventType
from archive_service.storage.register.event_times import EventTimes
from archive_verify.checkpoint import parse_checkpoint
from archive_verify.errors import Refused, Undecided
from archive_verify.log_history import CLOCK_SKEW, require_in_time_order
from archive_verify.merkle import leaf_hash, require_consistency, root_of
from archive_verify.notes import parse_note
from archive_verify.proof import parse_proof, require_logged
from archive_verify.witness import Witness, cosign
from tests.archives import TestArchive
from tests.fakes.log_signer import ORIGIN, signer

KEYS = signer().verifier_keys


def entries(ours: TestArchive) -> list[bytes]:
    return ours.register.read(lambda unit: unit.log.entry_bytes(0, 100_000))


def ask(ours: TestArchive, method: str, path: str, _body: bytes | None) -> bytes:
    """Answer a witness as the archive does."""
    if method == "POST":
        return b"{}"
    if path == "/log/checkpoint":
        return follow_log.checkpoint(ours.archive).encode()
    sizes = [int(one.split("=")[1]) for one in path.split("?")[1].split("&")]
    proof = follow_log.consistency(ours.archive, ours.auditor, sizes[0], sizes[1])
    return json.dumps({"proof": [base64.b64encode(one).decode() for one in proof]}).encode()


def watching(ours: TestArchive) -> Witness:
    """Return a witness that has seen the newest checkpoint."""
    witness = Witness("witness.test/w1", Ed25519PrivateKey.generate(), KEYS, ours.folder / "seen")
    see(ours, witness)
    return witness


def see(ours: TestArchive, witness: Witness) -> None:
    cosign(witness, lambda *asked: ask(ours, *asked), ours.clock.now().timestamp())


def test_a_rewritten_entry_is_told_by_the_proof_the_receipt_the_store_and_the_tree(ours: TestArchive) -> None:
    done = ours.deposit()
    assert done.receipt is not None
    seal_log(ours.archive)
    proof = parse_proof(follow_log.proof(ours.archive, ours.auditor, done.record.id))
    taken = base64.b64decode(json.loads(done.receipt.split("\n")[1])["entry"])
    other = seal_event(Event(EventType.DEPOSITED, "key:b", ours.clock.now(), done.record.id), bytes(32)).entry
    ours.change_as_owner('UPDATE log_entries SET entry = :entry WHERE "index" = :index', entry=other, index=proof.index)
    require_logged(taken, proof, KEYS)
    with pytest.raises(Refused):
        require_logged(other, proof, KEYS)
    assert entries(ours)[proof.index] == other
    assert next(published_entries(ours.store, ORIGIN, proof.index)) == taken
    size = parse_checkpoint(parse_note(proof.note).text).size
    recomputed = root_of(map(leaf_hash, entries(ours)[:size]))
    assert recomputed != ours.register.read(lambda unit: Tree(unit.tree, size).root())


def test_a_forked_log_is_told_by_sealing_the_store_and_the_witness(ours: TestArchive) -> None:
    ours.deposit()
    seal_log(ours.archive)
    witness = watching(ours)
    before = read_published(ours.store, ORIGIN, len(entries(ours)))[1]
    forged = seal_event(Event(EventType.SEARCHED, "key:b", ours.clock.now()), bytes(32)).entry
    ours.change_as_owner(
        'UPDATE log_entries SET entry = :entry WHERE "index" = 0',
        "DELETE FROM log_tiles",
        "DELETE FROM log_checkpoints",
        entry=forged,
    )
    ours.stored(2)
    with pytest.raises(IntegrityFailure):
        seal_log(ours.archive)
    # Even an operator who signs the fork past all that is told by whoever saw the log before.
    fork = entries(ours)
    tree = ours.register.read(lambda unit: Tree(unit.tree, len(fork)))
    proof = ours.register.read(lambda unit: Tree(unit.tree, len(fork)).consistency_proof(before.size))
    assert tree is not None
    with pytest.raises(Refused):
        require_consistency(before.size, len(fork), proof, before.root, root_of(map(leaf_hash, fork)))
    assert parse_checkpoint(witness.state.read_text()) == before


def test_an_entry_put_in_later_with_an_earlier_time_is_told_by_its_neighbours_and_by_the_tree(
    ours: TestArchive, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(EventTimes, "require", lambda *_: None)  # an intruder writes past the guard
    ours.deposit()
    ours.clock.forward(dt.timedelta(days=30))
    ours.stored(2)
    seal_log(ours.archive)
    long_ago = ours.clock.now() - dt.timedelta(days=29)
    ours.register.write(lambda unit: unit.log.append(Event(EventType.REJECTED, "key:a", long_ago)))
    with pytest.raises(Refused, match="although one before it"):
        require_in_time_order(entries(ours))
    # Between the entries of that day it would have moved every later one, which the tree does not allow.
    backdated = [*entries(ours)[:2], entries(ours)[-1], *entries(ours)[2:-1]]
    require_in_time_order(backdated, skew=CLOCK_SKEW)
    published = read_published(ours.store, ORIGIN, len(backdated) - 1)[1]
    assert root_of(map(leaf_hash, backdated[: published.size])) != published.root


def test_a_checkpoint_rolled_back_is_told_by_the_guard_sealing_and_the_witness(ours: TestArchive) -> None:
    ours.deposit()
    seal_log(ours.archive)
    kept = len(entries(ours))
    ours.stored(2)
    seal_log(ours.archive)
    witness = watching(ours)
    ours.change_as_owner(
        'DELETE FROM log_entries WHERE "index" >= :kept',
        'DELETE FROM log_payloads WHERE "index" >= :kept',
        "UPDATE log_head SET size = :kept",
        "DELETE FROM log_tiles",
        "DELETE FROM log_checkpoints WHERE size > :kept",
        kept=kept,
    )
    with pytest.raises(IntegrityFailure) as refused:
        require_continuity(LogParts(ours.register, ours.store, signer(), ours.clock))
    assert refused.value.code == "register-rolled-back"
    with pytest.raises(IntegrityFailure):
        seal_log(ours.archive)
    with pytest.raises(Refused, match="rolled back"):
        see(ours, witness)
    assert catch_up(ours.archive).before == kept


def test_the_proof_of_another_record_is_told_by_the_tree_and_by_the_entry(ours: TestArchive) -> None:
    one, other = ours.deposit(), ours.stored(2)
    assert one.receipt is not None
    seal_log(ours.archive)
    proof = parse_proof(follow_log.proof(ours.archive, ours.auditor, other.id))
    entry = base64.b64decode(json.loads(one.receipt.split("\n")[1])["entry"])
    with pytest.raises(Refused):
        require_logged(entry, proof, KEYS)
    others = entries(ours)[proof.index]
    require_logged(others, proof, KEYS)
    assert json.loads(others)["record"] != one.record.id


def test_a_checkpoint_of_another_key_is_told_by_the_proof_and_by_the_witness(ours: TestArchive) -> None:
    done = ours.deposit()
    seal_log(ours.archive)
    proof = follow_log.proof(ours.archive, ours.auditor, done.record.id)
    entry = entries(ours)[parse_proof(proof).index]
    with pytest.raises(Refused, match="No given key"):
        require_logged(entry, parse_proof(proof), signer(5).verifier_keys)
    stranger = Witness("w", Ed25519PrivateKey.generate(), signer(5).verifier_keys, ours.folder / "w")
    with pytest.raises((Refused, Undecided)):
        see(ours, stranger)
