"""The text of a checkpoint: which tree a log stands by (C2SP tlog-checkpoint)."""

from __future__ import annotations

from dataclasses import dataclass

from archive_verify.encoding import decode_base64, decode_decimal, encode_base64
from archive_verify.errors import Malformed
from archive_verify.merkle import HASH_BYTES


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A log's name, the number of its entries, and the 32-byte root hash of their tree."""

    origin: str
    size: int
    root: bytes

    @property
    def text(self) -> str:
        r"""The three lines that are signed.

        >>> Checkpoint("example.com/log", 1, bytes(32)).text.split("\n")[:2]
        ['example.com/log', '1']
        """
        return f"{self.origin}\n{self.size}\n{encode_base64(self.root)}\n"


def parse_checkpoint(text: str) -> Checkpoint:
    """Return the checkpoint that the text of a note states. Raises Malformed.

    Extension lines are refused: this archive writes none, and nobody could audit them.
    """
    lines = text.split("\n")
    if len(lines) != 4 or lines[3] or not lines[0]:
        raise Malformed("A checkpoint has three lines: origin, size and root hash.")
    root = decode_base64(lines[2])
    if len(root) != HASH_BYTES:
        raise Malformed(f"The root hash of a checkpoint has {HASH_BYTES} bytes.")
    return Checkpoint(lines[0], decode_decimal(lines[1]), root)
