"""An auditor has kept a checkpoint: the package's log is the one he saw, another one, or it takes a proof to tell."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from archive_service.evidence.tree import Tree
from archive_service.model.events import EventType
from archive_verify.__main__ import main
from archive_verify.checkpoint import Checkpoint
from archive_verify.consistency import parse_consistency, require_extends
from archive_verify.encoding import encode_base64
from archive_verify.errors import Malformed, Refused, Undecided
from archive_verify.merkle import leaf_hash
from archive_verify.notes import Note
from archive_verify.verdicts import Verdict
from tests.archive_verify.test_command import put_down, trusting
from tests.archive_verify.test_merkle import consistency, root
from tests.packages import SmallArchive, details, package_bytes, plain_pdf, verdicts

LEAVES = [leaf_hash(bytes([number])) for number in range(9)]
OTHERS = [leaf_hash(b"other"), *LEAVES[1:]]


def checkpoint(size: int, leaves: list[bytes] = LEAVES) -> Checkpoint:
    return Checkpoint("example.com/log", size, root(leaves[:size]))


def answer(earlier: int, later: int, hashes: list[bytes]) -> bytes:
    """Return the proof as the archive answers with it."""
    return json.dumps({"from": earlier, "to": later, "proof": [encode_base64(one) for one in hashes]}).encode()


def proof(earlier: int, later: int, leaves: list[bytes] = LEAVES) -> bytes:
    return answer(earlier, later, consistency(earlier, leaves[:later]))


def test_every_log_extends_each_of_its_earlier_states_and_none_of_another_log() -> None:
    for later in range(1, 10):
        for earlier in range(1, later):
            proofs = [parse_consistency(proof(1, 9)), parse_consistency(proof(earlier, later))]
            require_extends(checkpoint(earlier), checkpoint(later), proofs)
            with pytest.raises(Refused):
                require_extends(checkpoint(earlier, OTHERS), checkpoint(later), proofs)


def test_what_needs_no_proof_is_told_without() -> None:
    require_extends(checkpoint(0), checkpoint(5), [])
    require_extends(checkpoint(5), checkpoint(5), [])
    with pytest.raises(Refused, match="two logs"):
        require_extends(checkpoint(5), checkpoint(5, OTHERS), [])


def test_without_the_fitting_proof_it_says_what_to_ask_for() -> None:
    with pytest.raises(Undecided, match=r"GET /api/v1/log/consistency\?from=3&to=9"):
        require_extends(checkpoint(3), checkpoint(9), [parse_consistency(proof(3, 8))])


@pytest.mark.parametrize(
    "data",
    [b"", b"[]", b"{}", b"\xff", b'{"from":1,"to":2}', b'{"from":1,"to":2,"proof":[1]}', b'{"from":1,"to":2,"proof":1}',
     b'{"from":"1","to":2,"proof":[]}', b'{"from":true,"to":2,"proof":[]}', b'{"from":1,"to":2,"proof":["?"]}',
     b"[" * 100_000],
)  # fmt: skip
def test_what_is_no_proof_is_malformed(data: bytes) -> None:
    with pytest.raises(Malformed):
        parse_consistency(data)


# An auditor with a package


@dataclass(frozen=True, slots=True)
class Auditor:
    """An auditor with a package, checkpoints that he kept, and the archive's proofs between them and the package's."""

    archive: SmallArchive
    package: bytes
    earlier: Note
    same: Note
    later: Note
    proof: bytes
    proof_to_later: bytes

    def verdict(self, *seen: Note, proofs: tuple[bytes, ...] = ()) -> Verdict:
        """Return the verdict of step 6; every other step passes."""
        trust = replace(self.archive.trust(), seen=seen, consistency=tuple(map(parse_consistency, proofs)))
        found = verdicts(self.package, trust)
        assert {name for name, one in found.items() if one is not Verdict.PASS} <= {"checkpoint"}
        return found["checkpoint"]


@pytest.fixture
def auditor(tmp_path: Path) -> Auditor:
    archive = SmallArchive(tmp_path)
    log, now = archive.log, archive.clock.now
    archive.happens(EventType.SEARCHED, {}, None)
    earlier = log.checkpoint(now())
    life = archive.life(plain_pdf())
    package, same, size = package_bytes(archive.parts(life)), log.checkpoint(now()), len(log.entries)
    from_earlier = answer(1, size, Tree(log, size).consistency_proof(1))
    archive.happens(EventType.SEARCHED, {}, None)
    to_later = answer(size, size + 1, Tree(log, size + 1).consistency_proof(size))
    return Auditor(archive, package, earlier, same, log.checkpoint(now()), from_earlier, to_later)


def forked(auditor: Auditor, size: int) -> Note:
    """Return a checkpoint that the same log's key signed over other entries."""
    made = Checkpoint(auditor.archive.signer.origin, size, bytes(32))
    return auditor.archive.signer.sign_checkpoint(made, auditor.archive.clock.now())


def test_the_log_that_was_seen_passes_with_its_proof_whichever_checkpoint_is_the_older(auditor: Auditor) -> None:
    proofs = (auditor.proof, auditor.proof_to_later)
    assert auditor.verdict(auditor.earlier, auditor.later, proofs=proofs) is Verdict.PASS


def test_the_very_checkpoint_needs_no_proof(auditor: Auditor) -> None:
    assert auditor.verdict(auditor.same) is Verdict.PASS


def test_without_a_proof_it_is_unknown_and_says_what_to_ask_for(auditor: Auditor) -> None:
    assert auditor.verdict(auditor.earlier) is Verdict.UNKNOWN
    trust = replace(auditor.archive.trust(), seen=(auditor.earlier,))
    asked = f"GET /api/v1/log/consistency?from=1&to={len(auditor.archive.log.entries) - 1}"
    assert any(asked in one for one in details(auditor.package, trust, "checkpoint"))


@pytest.mark.parametrize("kept", ["of an earlier size", "of the same size", "of a later size"])
def test_a_forked_log_fails(auditor: Auditor, kept: str) -> None:
    size = len(auditor.archive.log.entries) - 1
    sizes = {"of an earlier size": 1, "of the same size": size, "of a later size": size + 1}
    fork = forked(auditor, sizes[kept])
    assert auditor.verdict(fork, proofs=(auditor.proof, auditor.proof_to_later)) is Verdict.FAIL


def test_one_checkpoint_that_contradicts_is_enough(auditor: Auditor) -> None:
    assert auditor.verdict(auditor.same, forked(auditor, 1), proofs=(auditor.proof,)) is Verdict.FAIL


def test_a_checkpoint_that_the_log_did_not_sign_or_of_another_log_accuses_nobody(
    auditor: Auditor, tmp_path: Path
) -> None:
    fork = forked(auditor, 1)
    stranger = SmallArchive(tmp_path / "stranger")
    other_log = SmallArchive(tmp_path / "other", origin="other.example/log")
    for kept in (
        stranger.signer.sign_checkpoint(Checkpoint(stranger.signer.origin, 1, bytes(32)), stranger.clock.now()),
        other_log.log.checkpoint(other_log.clock.now()),
        replace(fork, text=fork.text.replace("\n1\n", "\n2\n")),
    ):
        assert auditor.verdict(kept, proofs=(auditor.proof,)) is Verdict.UNKNOWN


@pytest.mark.parametrize(
    ("seen", "with_proof", "status"),
    [("earlier", True, 0), ("same", False, 0), ("forked", True, 1), ("earlier", False, 2)],
)
def test_the_command_says_so_in_its_exit_status(
    auditor: Auditor, tmp_path: Path, seen: str, with_proof: bool, status: int
) -> None:
    files = put_down(tmp_path / "files", auditor.archive, auditor.package)
    note = forked(auditor, 1) if seen == "forked" else getattr(auditor, seen)
    (files / "kept.txt").write_bytes(note.data)
    (files / "proof.json").write_bytes(auditor.proof)
    options = ["--consistency", str(files / "proof.json")] if with_proof else []
    asked = [str(files / "package.zip"), *trusting(files), "--seen", str(files / "kept.txt"), *options]
    assert main(asked, auditor.archive.trust().now) == status
