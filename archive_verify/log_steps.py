"""Steps 5 and 6: the log holds every entry, and its key and the witnesses vouch for the log."""

from __future__ import annotations

from collections.abc import Sequence

from archive_verify.checkpoint import Checkpoint, parse_checkpoint
from archive_verify.consistency import require_extends
from archive_verify.contents import CHECKPOINT, LOG_KEYS, RECEIPT, entries, is_disposal
from archive_verify.errors import Refused, Undecided
from archive_verify.log_history import CLOCK_SKEW
from archive_verify.merkle import leaf_hash, require_inclusion
from archive_verify.notes import Note, VerifierKey, parse_note, parse_verifier_key, verified_signatures
from archive_verify.package import Package
from archive_verify.proof import parse_proof
from archive_verify.trust import Trust
from archive_verify.verdicts import Findings


def entries_are_in_the_log(package: Package, _: Trust, findings: Findings) -> None:
    """Step 5: the tree whose root the checkpoint states holds every entry, at its place."""
    text = parse_note(package.content(CHECKPOINT)).text
    checkpoint = parse_checkpoint(text)
    for entry in entries(package):
        with findings.part():
            proof = parse_proof(package.content(f"data/entries/{entry.index}.proof"))
            if proof.index != entry.index or parse_note(proof.note).text != text:
                raise Refused(f"The proof of entry {entry.index} is one for another entry or checkpoint.")
            require_inclusion(entry.index, checkpoint.size, leaf_hash(entry.data), proof.hashes, checkpoint.root)


def checkpoint_is_signed(package: Package, trust: Trust, findings: Findings) -> None:
    """Step 6: the log's key signed checkpoint and receipt, and every witness that the auditor names the checkpoint.

    The checkpoint must also be of one history with every other that the auditor has kept. There is a receipt in a
    record's package only: nobody deposits a disposal.
    """
    checkpoint = parse_note(package.content(CHECKPOINT))
    tree, life = parse_checkpoint(checkpoint.text), entries(package)
    enclosed = [parse_verifier_key(line) for line in package.content(LOG_KEYS).decode("ascii").splitlines()]
    for what, name in (("checkpoint", CHECKPOINT), ("receipt", RECEIPT)):
        if name == RECEIPT and is_disposal(package):
            continue
        with findings.part():
            note = parse_note(package.content(name))
            _require_log_signature(what, note, tree.origin, enclosed)
            if not trust.log_keys:
                raise Undecided("No log key was given (--log-key), so it could not be told who signed.")
            _require_log_signature(what, note, tree.origin, trust.log_keys)
    if tree.size <= life[-1].index:
        findings.refused.append("Who signed the checkpoint vouched for a log before the last entry here.")
    with findings.part():
        if not trust.witness_keys:
            raise Undecided(
                "No witness key was given (--witness-key), so it could not be told whether all are shown the same log."
            )
        cosigned = {one.key: one.at for one in verified_signatures(checkpoint, trust.witness_keys)}
        for key in trust.witness_keys:
            with findings.part():
                if (seen := cosigned.get(key)) is None:
                    raise Refused(f"The witness {key.name} has not cosigned the checkpoint.")
                findings.notes.append(f"The witness {key.name} saw this log at {seen}.")
                if seen < life[-1].at - CLOCK_SKEW:
                    raise Undecided(
                        f"The witness {key.name} saw the log at {seen}, before the time that its last entry here "
                        f"states ({life[-1].at}): one of their clocks was wrong."
                    )
    for kept in trust.seen:
        with findings.part():
            size = _require_one_history(kept, tree, trust)
            findings.notes.append(f"The log is the one whose checkpoint of {size} entries you kept.")


def _require_log_signature(what: str, note: Note, origin: str, keys: Sequence[VerifierKey]) -> None:
    """Raise Refused unless one of the log's own keys signed the note."""
    own = [key for key in keys if key.name == origin]
    if not own:
        raise Refused(f"None of the log keys is one of the log {origin}.")
    if not verified_signatures(note, own):
        raise Refused(f"None of the log keys signed the {what}. After a change of keys, the others are needed, too.")


def _require_one_history(kept: Note, tree: Checkpoint, trust: Trust) -> int:
    """Return the size of the checkpoint that the auditor kept, when of it and the package's one extends the other.

    Raises Refused when they contradict each other; Undecided without a proof, and for a checkpoint that the log is not
    known to have signed: whatever it says, nobody can be held to it.
    """
    seen = parse_checkpoint(kept.text)
    if seen.origin != tree.origin:
        raise Undecided(f"The checkpoint that you kept is of the log {seen.origin}, the package's of {tree.origin}.")
    try:
        _require_log_signature("checkpoint that you kept", kept, tree.origin, trust.log_keys)
    except Refused as unsigned:
        raise Undecided(str(unsigned)) from unsigned
    earlier, later = sorted((seen, tree), key=lambda one: one.size)
    require_extends(earlier, later, trust.consistency)
    return seen.size
