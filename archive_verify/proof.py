"""A proof that an entry is in the log, whole in one text that is checked offline (C2SP tlog-proof@v1)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from archive_verify.checkpoint import Checkpoint, parse_checkpoint
from archive_verify.encoding import decode_base64, decode_decimal, encode_base64
from archive_verify.errors import Malformed, Refused
from archive_verify.merkle import HASH_BYTES, leaf_hash, require_inclusion
from archive_verify.notes import VerifierKey, parse_note, signers

HEADER = "c2sp.org/tlog-proof@v1"
_MAX_HASHES = 63
_MAX_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class LogProof:
    """Where an entry stands, the hashes from its leaf's sibling up, and the checkpoint's note as it was given."""

    index: int
    hashes: tuple[bytes, ...]
    note: bytes

    @property
    def data(self) -> bytes:
        """The bytes of the proof."""
        lines = [HEADER, f"index {self.index}", *map(encode_base64, self.hashes), ""]
        return "\n".join(lines).encode("ascii") + b"\n" + self.note


def parse_proof(data: bytes) -> LogProof:
    """Return the proof; its ``extra`` line is refused, since nothing would vouch for it. Raises Malformed."""
    if len(data) > _MAX_BYTES:
        raise Malformed("The proof is too long.")
    head, blank, note = data.partition(b"\n\n")
    try:
        lines = head.decode("ascii").split("\n")
    except UnicodeDecodeError as wrong:
        raise Malformed("The proof is not ASCII before its checkpoint.") from wrong
    if not blank or lines[0] != HEADER or len(lines) < 2 or not lines[1].startswith("index "):
        raise Malformed(f"The proof does not begin with {HEADER} and an index.")
    hashes = tuple(decode_base64(line) for line in lines[2:])
    if len(hashes) > _MAX_HASHES or any(len(one) != HASH_BYTES for one in hashes):
        raise Malformed("The proof has too many hashes, or one of another length than SHA-256's.")
    return LogProof(decode_decimal(lines[1].removeprefix("index ")), hashes, note)


def require_logged(
    entry: bytes, proof: LogProof, keys: Sequence[VerifierKey]
) -> tuple[Checkpoint, tuple[VerifierKey, ...]]:
    """Return the checkpoint whose tree holds the entry, and which of the keys signed it.

    ``keys`` are the log's, and witnesses', as the one who checks trusts them. Raises Refused when the entry is not in
    the tree or no key of that log signed it.
    """
    note = parse_note(proof.note)
    checkpoint = parse_checkpoint(note.text)
    signed = signers(note, keys)
    if not any(key.name == checkpoint.origin for key in signed):
        raise Refused(f"No given key of the log {checkpoint.origin!r} signed the checkpoint.")
    require_inclusion(proof.index, checkpoint.size, leaf_hash(entry), proof.hashes, checkpoint.root)
    return checkpoint, signed
