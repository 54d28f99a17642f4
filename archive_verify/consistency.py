"""Whether two checkpoints of a log are of one history: the later holds every entry of the earlier (RFC 6962 §2.1.2).

The proof is the answer of the archive to GET /api/v1/log/consistency. It proves itself, so it may come from anywhere.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass

from archive_verify.checkpoint import Checkpoint
from archive_verify.encoding import decode_base64
from archive_verify.errors import Malformed, Refused, Undecided
from archive_verify.merkle import require_consistency


@dataclass(frozen=True, slots=True)
class Consistency:
    """What is said to lead from the tree of ``earlier`` entries to that of ``later`` ones."""

    earlier: int
    later: int
    hashes: tuple[bytes, ...]


def parse_consistency(data: bytes) -> Consistency:
    """Return the proof that an answer of the archive holds; nothing of it has been verified yet. Raises Malformed."""
    try:
        told = json.loads(data)
        sizes, hashes = (told["from"], told["to"]), tuple(decode_base64(one) for one in told["proof"])
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as wrong:
        raise Malformed("It is no consistency proof as the archive answers with one.") from wrong
    if not all(type(size) is int for size in sizes):
        raise Malformed("A consistency proof is from one size of the log to another.")
    return Consistency(*sizes, hashes)


def require_extends(earlier: Checkpoint, later: Checkpoint, proofs: Iterable[Consistency]) -> None:
    """Raise Refused unless the log of ``later`` begins with all of ``earlier``, which is not the larger one.

    Raises Undecided when only a proof can tell, and none of these is from the one size to the other.
    """
    if earlier.size == 0:
        return  # every log extends one without entries, and there is no proof of that
    if earlier.size == later.size:
        if earlier.root != later.root:
            raise Refused(f"There are two logs {later.origin} of {later.size} entries, and they differ.")
        return
    fitting = [one for one in proofs if (one.earlier, one.later) == (earlier.size, later.size)]
    if not fitting:
        raise Undecided(
            f"Whether the log of {later.size} entries extends that of {earlier.size} takes a proof: give the archive's "
            f"answer to GET /api/v1/log/consistency?from={earlier.size}&to={later.size} with --consistency."
        )
    require_consistency(earlier.size, later.size, fitting[0].hashes, earlier.root, later.root)
