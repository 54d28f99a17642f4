"""Which signatures a PDF carries: fields, kinds, and what bytes they claim to cover.

It must never say whether one is valid: that is judged elsewhere.
Rules: ISO 32000-2 §12.8.1 (signature dictionaries), §12.7.4.2 (fully qualified field names).
"""

from __future__ import annotations

import os
from dataclasses import dataclass

import pikepdf

_MAX_NAME = 200
_MAX_PARENTS = 32


@dataclass(frozen=True, slots=True)
class Signed:
    """A signature field that carries a signature; ``covers`` tells whether every byte of the file."""

    field: str
    sub_filter: str
    covers: bool


def signature_of(field: pikepdf.Object, document: int) -> Signed | None:
    """Return the signature that the dictionary, taken as a form field, carries; None when it carries none."""
    value = signature_value(field)
    if value is None:
        return None
    sub_filter = value.get("/SubFilter")
    kind = str(sub_filter).lstrip("/") if isinstance(sub_filter, pikepdf.Name) else ""
    return Signed(full_name(field)[:_MAX_NAME], kind[:_MAX_NAME], _covers_all(value, document))


def signature_value(field: pikepdf.Object) -> pikepdf.Dictionary | None:
    """Return the signature dictionary that is the field's value; None when the value is no signature.

    One from which the byte range or the contents were taken is still one: some readers show it as valid.
    """
    value = field.get("/V")
    if not isinstance(value, pikepdf.Dictionary):
        return None
    named = value.get("/Type") in (pikepdf.Name.Sig, pikepdf.Name.DocTimeStamp)
    if field.get("/FT") == pikepdf.Name.Sig or named or "/ByteRange" in value:
        return value
    return None


def full_name(field: pikepdf.Object) -> str:
    """Return the fully qualified name of a form field."""
    parts: list[str] = []
    at: pikepdf.Object | None = field
    for _ in range(_MAX_PARENTS):
        if not isinstance(at, pikepdf.Dictionary):
            break
        name = at.get("/T")
        if isinstance(name, pikepdf.String):
            parts.append(str(name))
        at = at.get("/Parent")
    return ".".join(reversed(parts))


def _covers_all(signature: pikepdf.Object, document: int) -> bool:
    """Whether the range is everything except the signature's own hexadecimal digits."""
    try:
        first, length, second, rest = (int(number) for number in signature["/ByteRange"].as_list())
    except (AttributeError, KeyError, TypeError, ValueError):
        return False
    size = os.fstat(document).st_size
    if first != 0 or length <= 0 or second <= length or second + rest != size:
        return False
    return os.pread(document, 1, length) == b"<" and os.pread(document, 1, second - 1) == b">"
