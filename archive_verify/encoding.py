"""The two ways values are written in notes and proofs, read so strictly that one value has one form only."""

from __future__ import annotations

import base64
import binascii
import re

from archive_verify.errors import Malformed

_DECIMAL = re.compile(r"0|[1-9][0-9]{0,18}", re.ASCII)


def decode_base64(text: str) -> bytes:
    r"""Return the bytes of standard base64 with padding (RFC 4648 §4), in its canonical form. Raises Malformed.

    >>> decode_base64("AQI=")
    b'\x01\x02'
    """
    try:
        decoded = base64.b64decode(text.encode("ascii"), validate=True)
    except (binascii.Error, UnicodeEncodeError) as wrong:
        raise Malformed("A value is not base64.") from wrong
    # The last letter may carry bits that belong to no byte: changed, they would go unseen.
    if encode_base64(decoded) != text:
        raise Malformed("A value is not canonical base64.")
    return decoded


def encode_base64(value: bytes) -> str:
    """Return standard base64 with padding."""
    return base64.b64encode(value).decode("ascii")


def decode_decimal(text: str) -> int:
    """Return a number from 0, in ASCII digits without leading zeros, below 10¹⁹. Raises Malformed."""
    if not _DECIMAL.fullmatch(text):
        raise Malformed("A number is not a decimal without leading zeros.")
    return int(text)
