"""Reading DER that somebody else made: whatever a parser throws means that it could not be read."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from cryptography.exceptions import UnsupportedAlgorithm

from archive_verify.errors import Malformed

# What asn1crypto and cryptography were seen to raise for input that is not what it should be.
_THROWN = (
    ArithmeticError,
    AssertionError,
    AttributeError,
    LookupError,
    RecursionError,
    TypeError,
    UnsupportedAlgorithm,
    ValueError,
)


@contextmanager
def reading(what: str) -> Iterator[None]:
    """Turn everything that a parser throws inside the block into Malformed, named by ``what``.

    asn1crypto parses late, so the block holds every look into the structure, not only its loading.
    """
    try:
        yield
    except _THROWN as thrown:
        raise Malformed(f"The {what} could not be read ({type(thrown).__name__}).") from thrown


def der_sequence(*parts: bytes) -> bytes:
    r"""Return the DER of a SEQUENCE of parts that are DER already (X.690 §8.9, §10.1).

    >>> der_sequence(b"\x05\x00").hex()
    '30020500'
    """
    content = b"".join(parts)
    size = len(content)
    if size < 0x80:
        return bytes([0x30, size]) + content
    length = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes([0x30, 0x80 | len(length)]) + length + content
